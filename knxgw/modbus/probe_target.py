"""Where devices are asked who they are: an address as a person writes it; pure."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from knxgw.config.convert import host_name
from knxgw.config.model import ConnectionKind
from knxgw.config.not_allowed import NotAllowedError

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
        raise AddressError(f"{text!r} is not the address of a device; {EXAMPLES}")
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
    try:
        host_name(host)  # what a configuration would refuse is not asked for either
    except NotAllowedError as err:
        raise AddressError(f"{err.problem}; {err.remedy}") from err
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
        raise AddressError("baud, data_bits and stop_bits must be whole numbers of 1 or more")
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
        raise AddressError(f"{text!r} is not a unit id; allowed: 0 to {HIGHEST_UNIT}")
    return int(text)


def parse_units(text: str) -> tuple[int, ...]:
    """Return the units of a list such as `1-10,255`. Raises: AddressError."""
    units: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low = _unit(first.strip())
        high = _unit(last.strip()) if dash else low
        if high < low:
            raise AddressError(f"{part.strip()!r} names no unit; write the lower number first")
        units += range(low, high + 1)
    return tuple(dict.fromkeys(units))
