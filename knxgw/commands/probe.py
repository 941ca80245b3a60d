"""`knxgw probe`: asks at an address, and prints who answers."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from knxgw.catalogue.device_model import DeviceKind
from knxgw.catalogue.load import catalogue
from knxgw.config.model import ConnectionKind, SerialLine
from knxgw.errors import LinkError
from knxgw.links.probe import carry_out
from knxgw.modbus.probe_target import AddressError, Target, parse_target, parse_units
from knxgw.modbus.probing import Candidate, Probing
from knxgw.online.attempts import SERIAL_TIMEOUT_S, TCP_TIMEOUT_S, Try, tries

SHOWN = 5  # candidates, and reasons of each


def probe_address(address: str, units: str | None, seconds: float, *, as_json: bool) -> bool:
    """Probe an address and print what was found; tell whether something was recognised.

    Raises: LinkError when nothing can be reached, click.UsageError for a faulty address.
    """
    try:
        target = parse_target(address)
        wanted = parse_units(units) if units is not None else None
    except AddressError as err:
        raise click.UsageError(str(err)) from err
    try:
        found = run_probe(target, wanted, limit_s=seconds, show=not as_json)
    except KeyboardInterrupt:
        click.echo("stopped; nothing was written to any device", err=True)
        return False
    if as_json:
        click.echo(json.dumps(rows(target, found), ensure_ascii=False, indent=1))
    else:
        show(target, found)
    return any(one.is_likely for one in found.candidates)


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
    ends_at = asyncio.get_running_loop().time() + limit_s
    found = Found(candidates=(), line=None, has_heard=False, in_time=True)
    for attempt in tries(target, catalogue().models, units):
        probing = Probing(
            attempt.models, attempt.units, timeout_s=timeout_s, must_probe_all=units is not None
        )
        left_s = ends_at - asyncio.get_running_loop().time()
        in_time, trouble = True, ""
        with _progress(_what(attempt), show=show) as progress:
            try:
                in_time = await carry_out(attempt.endpoint, probing, progress.show, left_s)
            except LinkError as err:
                if not probing.has_answered:
                    raise
                trouble = str(err)
        if probing.has_answered or not in_time:
            return Found(
                candidates=probing.candidates,
                line=attempt.line,
                has_heard=probing.has_answered,
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
            f"{place}. {model.id}: {model.title}, unit {one.unit}, {one.score:g} points{mark}"
        )
        click.echo(f"   {'; '.join(one.reasons[:SHOWN])}")
    if len(likely) > 1 and likely[0].score == likely[1].score:
        click.echo(
            "\nModels with as many points cannot be told apart over Modbus: "
            "look at the label of the device."
        )
    if likely:
        click.echo("\nFor the configuration file (then run `knxgw check` on it):\n")
        click.echo(configuration_of(target, likely[0], found.line).rstrip())
        return
    if found.candidates:
        click.echo("no model fits well enough: see `knxgw models` and the device's own web page")
    elif found.has_heard:
        click.echo("a device answers, but like no model that the gateway knows")
    else:
        click.echo(
            "no device answers: switch Modbus on in the device, try other unit ids (--units 1-50), "
            "or end the program that holds its only connection"
        )
    if not found.in_time:
        click.echo("the time was over before everything was tried: allow more with --seconds")
