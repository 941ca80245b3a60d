"""`knxgw probe`: where to ask, with which settings of a line, and what is printed."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.model import DeviceKind, DeviceModel, SerialDefaults, Transport
from knxgw.config.model import ConnectionKind, SerialLine
from knxgw.errors import LinkError
from knxgw.links.modbus_endpoint import Endpoint, SerialEndpoint, TcpEndpoint
from knxgw.links.probe import carry_out
from knxgw.modbus.probing import Candidate, Probing

TCP_TIMEOUT_S, SERIAL_TIMEOUT_S = 1.5, 0.4
SHOWN = 5  # candidates, and reasons of each
SERIAL_UNITS = tuple(range(1, 11))
HIGHEST_UNIT = 255
_KINDS = {
    "tcp": ConnectionKind.TCP,
    "rtu_over_tcp": ConnectionKind.RTU_OVER_TCP,
    "serial": ConnectionKind.SERIAL,
}
_LINE_KEYS = ("protocol", "baud", "data_bits", "parity", "stop_bits", "unit")
EXAMPLES = "such as tcp://192.168.1.31 or serial:/dev/ttyUSB0"


class AddressError(ValueError):
    """An address or a list of units that cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to ask; what is None is found out."""

    kind: ConnectionKind
    host: str = ""  # or the device file
    port: int = 502
    unit: int | None = None
    protocol: str | None = None
    baud: int | None = None
    data_bits: int | None = None
    parity: str | None = None
    stop_bits: int | None = None


def parse_target(text: str) -> Target:
    """Return what an address means. Raises: AddressError."""
    scheme, colon, rest = text.partition(":")
    kind = _KINDS.get(scheme)
    if kind is None or not colon:
        raise AddressError(f"{text!r} is no address of a device; {EXAMPLES}")
    if kind is ConnectionKind.SERIAL:
        path, _, query = rest.partition("?")
        return _serial_target(path, dict(parse_qsl(query)))
    try:
        parts = urlsplit(f"//{rest.removeprefix('//')}")
        host, port = parts.hostname, parts.port
    except ValueError as err:
        raise AddressError(f"{text!r}: {err}; {EXAMPLES}") from err
    if not host or parts.query:
        raise AddressError(f"{text!r} names no host; {EXAMPLES}")
    if port == 0:
        raise AddressError(f"{text!r}: 0 is not a port; {EXAMPLES}")
    unit = parts.path.strip("/")
    return Target(kind=kind, host=host, port=port or 502, unit=_unit(unit) if unit else None)


def _serial_target(path: str, given: dict[str, str]) -> Target:
    unknown = sorted(given.keys() - set(_LINE_KEYS))
    if not path or unknown:
        what = f"unknown {', '.join(unknown)}" if unknown else "no device file"
        raise AddressError(f"{what}; such as serial:/dev/ttyUSB0?baud=9600&parity=N")
    words = {"protocol": ("rtu", "ascii"), "parity": ("N", "E", "O")}
    for key, allowed in words.items():
        if key in given and given[key] not in allowed:
            raise AddressError(f"{key}: expected one of {', '.join(allowed)}, got {given[key]!r}")
    numeric = {key: given[key] for key in ("baud", "data_bits", "stop_bits") if key in given}
    if not all(re.fullmatch(r"[1-9][0-9]{0,6}", number) for number in numeric.values()):
        raise AddressError("baud, data_bits and stop_bits are numbers from 1 on")
    numbers = {key: int(number) for key, number in numeric.items()}
    return Target(
        kind=ConnectionKind.SERIAL,
        host=path,
        unit=_unit(given["unit"]) if "unit" in given else None,
        protocol=given.get("protocol"),
        parity=given.get("parity"),
        baud=numbers.get("baud"),
        data_bits=numbers.get("data_bits"),
        stop_bits=numbers.get("stop_bits"),
    )


def _unit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > HIGHEST_UNIT:
        raise AddressError(f"{text!r} is no unit id; allowed: 0 to {HIGHEST_UNIT}")
    return int(text)


def parse_units(text: str) -> tuple[int, ...]:
    """Return the units of a list such as `1-10,255`. Raises: AddressError."""
    units: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        low = _unit(first)
        units += range(low, _unit(last) + 1) if dash else [low]
    if not units:
        raise AddressError(f"{text!r} names no unit")
    return tuple(dict.fromkeys(units))


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One endpoint, and who may answer there."""

    endpoint: Endpoint
    line: SerialLine | None
    models: tuple[DeviceModel, ...]
    units: tuple[int, ...]


def tries(
    target: Target, models: Sequence[DeviceModel], units: tuple[int, ...] | None
) -> tuple[Try, ...]:
    """Return what is tried, the most frequent settings and units first."""
    wanted = units or (None if target.unit is None else (target.unit,))
    if target.kind is not ConnectionKind.SERIAL:
        endpoint = TcpEndpoint(host=target.host, port=target.port, kind=target.kind)
        usual = Counter(model.unit_id for model in models)
        chosen = wanted or tuple(unit for unit, _ in usual.most_common())
        return (Try(endpoint=endpoint, line=None, models=tuple(models), units=chosen),)
    return tuple(_serial_tries(target, models, wanted))


def _serial_tries(
    target: Target, models: Sequence[DeviceModel], wanted: tuple[int, ...] | None
) -> Iterator[Try]:
    settings: Counter[tuple[str, SerialDefaults]] = Counter()
    for model in models:
        for transport in (Transport.RTU, Transport.ASCII):
            if transport in model.transports and model.serial is not None:
                settings[transport.value, _with_given(target, model.serial)] += 1
    asked = [s for s in settings if target.protocol in {None, s[0]}]
    for protocol, serial in sorted(asked, key=lambda one: -settings[one]):
        line = SerialLine(
            port=target.host,
            protocol=protocol,
            baud=serial.baud,
            data_bits=serial.data_bits,
            parity=serial.parity,
            stop_bits=serial.stop_bits,
        )
        speaking = tuple(m for m in models if protocol in {t.value for t in m.transports})
        own = sorted({m.unit_id for m in speaking if 0 < m.unit_id <= 247})
        units = wanted or tuple(dict.fromkeys((*SERIAL_UNITS, *own)))
        yield Try(endpoint=SerialEndpoint(line=line), line=line, models=speaking, units=units)


def _with_given(target: Target, serial: SerialDefaults) -> SerialDefaults:
    return replace(
        serial,
        baud=target.baud or serial.baud,
        data_bits=target.data_bits or serial.data_bits,
        parity=target.parity or serial.parity,
        stop_bits=target.stop_bits or serial.stop_bits,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came out."""

    candidates: tuple[Candidate, ...]
    line: SerialLine | None
    has_heard: bool
    in_time: bool
    trouble: str = ""


def run_probe(
    target: Target, units: tuple[int, ...] | None, *, limit_s: float, show: bool
) -> Found:
    """Probe until something is recognised. Raises: LinkError when nothing can be reached."""
    return asyncio.run(_probe(target, units, limit_s=limit_s, show=show))


async def _probe(
    target: Target, units: tuple[int, ...] | None, *, limit_s: float, show: bool
) -> Found:
    serial = target.kind is ConnectionKind.SERIAL
    timeout_s = SERIAL_TIMEOUT_S if serial else TCP_TIMEOUT_S
    ends_s = asyncio.get_running_loop().time() + limit_s
    found = Found(candidates=(), line=None, has_heard=False, in_time=True)
    for attempt in tries(target, catalogue().models, units):
        probing = Probing(
            attempt.models, attempt.units, timeout_s=timeout_s, every_unit=units is not None
        )
        left_s = ends_s - asyncio.get_running_loop().time()
        in_time, trouble = True, ""
        with _progress(_what(attempt), show=show) as progress:
            try:
                in_time = await carry_out(attempt.endpoint, probing, progress.show, left_s)
            except LinkError as err:
                if not probing.has_heard:
                    raise
                trouble = str(err)
        if probing.has_heard or not in_time:
            return Found(
                candidates=probing.candidates,
                line=attempt.line,
                has_heard=probing.has_heard,
                in_time=in_time,
                trouble=trouble,
            )
    return found


def _what(attempt: Try) -> str:
    line = attempt.line
    if line is None:
        return attempt.endpoint.name
    return f"{line.port} {line.protocol} {line.baud} {line.data_bits}{line.parity}{line.stop_bits}"


class _progress:  # noqa: N801 - a context manager that is used as a word
    """A line that shows how far the probe is and what it waits for; nothing when `show` is off."""

    def __init__(self, what: str, *, show: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[unit]}"))
        console = Console(stderr=True)
        self._what = what
        self._shown = show and console.is_terminal
        self._has_said_pace = not show
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task(what, unit="")

    def __enter__(self) -> "_progress":
        if self._shown:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._bar.stop()

    def show(self, probing: Probing) -> None:
        """Show how far it is."""
        done, total = probing.progress
        said = ", ".join(
            filter(None, [f"unit {probing.unit}, {probing.asked} asked", probing.pace])
        )
        self._bar.update(self._task, completed=done, total=total, unit=said)
        if not self._shown and probing.pace and not self._has_said_pace:
            self._has_said_pace = True
            click.echo(f"{self._what}: {said}: this may take a minute", err=True)


# --- what is printed


def rows(target: Target, found: Found) -> list[dict[str, Any]]:
    """Return the candidates as plain data."""
    return [
        {
            "model": one.model.id,
            "kind": one.model.kind.value,
            "manufacturer": one.model.manufacturer,
            "unit": one.unit,
            "score": one.score,
            "likely": one.is_likely,
            "reasons": list(one.reasons),
            "configuration": configuration_of(target, one, found.line),
        }
        for one in found.candidates[: 2 * SHOWN]
    ]


def configuration_of(target: Target, candidate: Candidate, line: SerialLine | None) -> str:
    """Return the lines of a site's file for what was found."""
    model = candidate.model
    where = f"type: {target.kind.value}"
    if line is None:
        where += f", host: {target.host}, port: {target.port}"
    connection = f"{{{where}, unit: {candidate.unit}}}"
    text = ""
    if line is not None:
        text = (
            f"serial: {{port: {line.port}, protocol: {line.protocol}, baud: {line.baud}, "
            f"data_bits: {line.data_bits}, parity: {line.parity}, stop_bits: {line.stop_bits}}}\n"
        )
    text += "charging_points:\n  - number: 1\n"
    if model.kind is DeviceKind.CHARGER:
        return f"{text}    model: {model.id}\n    connection: {connection}\n"
    meter = f"    meter:\n      model: {model.id}\n      connection: {connection}\n"
    return f"{text}    # model and connection of its charger\n{meter}"


def show(target: Target, found: Found) -> None:
    """Print the candidates with reasons, and the lines to paste for the best."""
    likely = [one for one in found.candidates if one.is_likely]
    for place, one in enumerate((likely or found.candidates)[:SHOWN], 1):
        model = one.model
        mark = "" if one.is_likely else "  (unlikely)"
        click.echo(
            f"{place}. {model.id}: {model.manufacturer} {model.model}, unit {one.unit}, "
            f"{one.score:g} points{mark}"
        )
        click.echo(f"   {'; '.join(one.reasons[:SHOWN])}")
    if likely:
        click.echo("\nFor the site's file (then run `knxgw check` on it):\n")
        click.echo(configuration_of(target, likely[0], found.line).rstrip())
        return
    if found.candidates:
        click.echo("nothing that fits well enough: see `knxgw models` and the device's own pages")
    elif found.has_heard:
        click.echo("somebody answers, but like no model that is known here")
    else:
        click.echo(
            "nobody answers: is Modbus switched on in the device, is the unit id another "
            "(--units 1-50), does another program hold its only connection?"
        )
    if not found.in_time:
        click.echo("the time was over before all was tried: give more with --seconds")
