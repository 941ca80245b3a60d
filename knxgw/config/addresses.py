"""KNX addresses as people write them, brought to one form; pure."""

import re

from knxgw.catalogue.messages import message
from knxgw.config.model import GroupAddress
from knxgw.config.not_allowed import NotAllowedError

_NUMBER = re.compile(r"[0-9]{1,5}")
HIGHEST_MAIN = 31  # 16 bits: 5 main, 3 middle, 8 sub
HIGHEST_MIDDLE = 7
HIGHEST_SUB = 255
HIGHEST_TWO_LEVEL_SUB = 2047
HIGHEST_FREE = 65535
_GROUP = message("write_group_address")
_INDIVIDUAL = message("write_individual_address")


def parse_group_address(text: str) -> GroupAddress:
    """Return a group address as `main/middle/sub`, from three levels, two levels or one number.

    Raises: NotAllowedError.
    """
    parts = _parts(text, "/")
    bounds = {
        3: (HIGHEST_MAIN, HIGHEST_MIDDLE, HIGHEST_SUB),
        2: (HIGHEST_MAIN, HIGHEST_TWO_LEVEL_SUB),
        1: (HIGHEST_FREE,),
    }.get(len(parts))
    if bounds is None:
        raise NotAllowedError("not_a_group_address", remedy=_GROUP, text=repr(text))
    for part, bound in zip(parts, bounds, strict=True):
        if part > bound:
            raise NotAllowedError(
                "group_address_too_large", remedy=_GROUP, part=part, text=repr(text), bound=bound
            )
    raw = _raw(parts)
    if raw == 0:
        raise NotAllowedError("broadcast_address", remedy=_GROUP, text=repr(text))
    return group_address(raw)


def group_address(raw: int) -> GroupAddress:
    """Return the 16 bits of a group address as `main/middle/sub`."""
    return GroupAddress(f"{raw >> 11}/{raw >> 8 & 7}/{raw & 255}")


def raw_group_address(address: GroupAddress) -> int:
    """Return the 16 bits of a group address."""
    return _raw(_parts(address, "/"))


def individual_address(raw: int) -> str:
    """Return the 16 bits of an individual address as `area.line.device`."""
    return f"{raw >> 12}.{raw >> 8 & 15}.{raw & 255}"


def parse_individual_address(text: str) -> str:
    """Return an individual address as `area.line.device`. Raises: NotAllowedError."""
    parts = _parts(text, ".")
    if len(parts) != 3:
        raise NotAllowedError("not_an_individual_address", remedy=_INDIVIDUAL, text=repr(text))
    for part, bound in zip(parts, (15, 15, 255), strict=True):
        if part > bound:
            raise NotAllowedError(
                "individual_address_too_large",
                remedy=_INDIVIDUAL,
                part=part,
                text=repr(text),
                bound=bound,
            )
    if not any(parts):
        raise NotAllowedError("no_address_of_a_device", remedy=_INDIVIDUAL, text=repr(text))
    return ".".join(str(part) for part in parts)


def _parts(text: str, separator: str) -> tuple[int, ...]:
    """Return the numbers of an address; empty: something in it is no number."""
    words = text.strip().split(separator)
    if not all(_NUMBER.fullmatch(word) for word in words):
        return ()
    return tuple(int(word) for word in words)


def _raw(parts: tuple[int, ...]) -> int:
    """Return a group address as the 16 bits that the bus has, from one to three levels."""
    match parts:
        case (main, middle, sub):
            return main << 11 | middle << 8 | sub
        case (main, sub):
            return main << 11 | sub
        case _:
            return parts[0]
