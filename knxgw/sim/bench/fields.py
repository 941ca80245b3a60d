"""Small readers for scenario files: amperes become mA, a dash means "any"."""

import math
from dataclasses import dataclass

from knxgw.catalogue.yaml_tree import Node
from knxgw.sim.bench.expectation import Amounts

ANY = "-"
NEVER = ("never", "inf", ".inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a reader must know of the site."""

    points: int
    resolutions_ma: tuple[int, ...]
    maximums_ma: tuple[int, ...]
    fuse_ma: int
    limit_ma: int
    duration_s: float
    dpt: str  # of the smart meter


def current_ma(node: Node, low_a: float | None = 0.0) -> int:
    """Return a current [mA] written in A; 0 (with a finding) when it is none."""
    value = node.number(low_a)
    return 0 if value is None else round(value * 1000)


def optional_ma(node: Node, name: str, default: int, low_a: float | None = 0.0) -> int:
    """Return the current [mA] of a key written in A."""
    child = node.get(name)
    return default if child is None else current_ma(child, low_a)


def seconds(node: Node, name: str, default: float, low: float | None = 0.0) -> float:
    """Return the seconds of a key."""
    child = node.get(name)
    value = child.number(low) if child is not None else None
    return default if value is None else value


def optional_seconds(node: Node, name: str, default: float | None) -> float | None:
    """Return the seconds of a key; `never` and an empty value are None."""
    child = node.mapping().get(name)
    if child is None:
        return default
    if child.is_null or child.text() in NEVER:
        return None
    return child.number()


def whole(node: Node, name: str, default: int, low: int, high: int) -> int:
    """Return the whole number of a key."""
    child = node.get(name)
    value = child.integer(low, high) if child is not None else None
    return default if value is None else value


def flag(node: Node, name: str, default: bool) -> bool:  # noqa: FBT001 - a default
    """Return the truth value of a key."""
    child = node.get(name)
    value = child.boolean() if child is not None else None
    return default if value is None else value


def point_of(node: Node, place: Place, *, general: bool = False) -> int:
    """Return the charging point of an entry; 0 stands for the whole device where that may be."""
    if general and node.get("point") is None:
        return 0
    child = node.require("point")
    return (child.integer(0 if general else 1, place.points) if child else None) or 0


def until_of(node: Node, at_s: float) -> float | None:
    """Return when something ends, None: not by itself."""
    until = node.get("until")
    until_s = until.number() if until is not None else None
    if until is not None and until_s is not None and until_s <= at_s:
        until.report("it would end before it begins", f"give more than {at_s:g}")
    return until_s


def phase_of(node: Node) -> int | None:
    """Return the phase (0 to 2) of an entry, None: all."""
    child = node.get("phase")
    value = child.integer(1, 3) if child is not None else None
    return None if value is None else value - 1


def amounts(node: Node, count: int) -> Amounts:
    """Return currents [mA] written in A: one for all, or a list; a dash means any."""
    if not node.is_list:
        return (_amount(node),) * count
    items = node.items()
    if len(items) != count:
        node.report(
            f"expected {count} values, got {len(items)}", "write `-` for one that may be any"
        )
        return (None,) * count
    return tuple(_amount(item) for item in items)


def _amount(node: Node) -> int | None:
    return None if node.text() == ANY else current_ma(node, None)


def number_or_nan(node: Node) -> float:
    """Return a number; `nan` and `inf` are what they say."""
    text = node.text()
    if text.lower() in ("nan", ".nan", "inf", "-inf", ".inf"):
        return float(text.lower().replace(".", "", 1)) if text.startswith(".") else float(text)
    value = node.number()
    return math.nan if value is None else value
