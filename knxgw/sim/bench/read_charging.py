"""Reads what chargers and vehicles do in a scenario, for a moment or for a while."""

from collections.abc import Callable, Mapping

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.yaml_tree import Node
from knxgw.sim.bench.fields import Place, current_ma, optional_ma, point_of, seconds, until_of
from knxgw.sim.bench.scenario import (
    CarBehaves,
    CarChanged,
    CarMoved,
    ChargerReboots,
    ChargerReports,
    ChargerTroubled,
    Habit,
    Happening,
    Trouble,
)

Reader = Callable[[Node, Node, Place, float], Happening | None]
REBOOTS, OWN = "reboots", "own"


def _car(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    plugged = value.choice(("plug", "unplug")) == "plug"
    return CarMoved(happens_at=at_s, point=point_of(node, place) or 1, plugged=plugged)


def _car_maximum(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    point, until_s = point_of(node, place) or 1, until_of(node, at_s)
    return CarChanged(
        happens_at=at_s, point=point, maximum_ma=current_ma(value), holds_until=until_s
    )


def _car_phases(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    point, until_s = point_of(node, place) or 1, until_of(node, at_s)
    return CarChanged(happens_at=at_s, point=point, phases=value.integer(1, 3), holds_until=until_s)


def _car_deaf(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    return _habit(Habit.DEAF, int(bool(value.boolean())), node, place, at_s)


def _car_overdraw(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    return _habit(Habit.OVERDRAW, current_ma(value), node, place, at_s)


def _car_delay(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    return _habit(Habit.DELAY, round((value.number(0.0) or 0.0) * 1000), node, place, at_s)


def _habit(habit: Habit, value: int, node: Node, place: Place, at_s: float) -> Happening:
    return CarBehaves(
        happens_at=at_s,
        point=point_of(node, place) or 1,
        habit=habit,
        value=value,
        holds_until=until_of(node, at_s),
    )


def read_charger(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    """Return how a charger misbehaves, or that it does no more."""
    word = value.choice((*Trouble, REBOOTS)) or Trouble.GOOD
    point, until = point_of(node, place) or 1, node.get("until")
    if word == REBOOTS:
        if until is not None:
            until.report("`reboots` has no end", "say how long it takes: `off_s: …`")
        to_ma = optional_ma(node, "to_a", place.maximums_ma[point - 1])
        off_s = seconds(node, "off_s", 0.0)
        return ChargerReboots(happens_at=at_s, point=point, to_ma=to_ma, off_s=off_s)
    for name in ("to_a", "off_s"):
        if (child := node.get(name)) is not None:
            child.report(f"`{word}` has none", f"it belongs to `{REBOOTS}`")
    if word == Trouble.GOOD and until is not None:
        until.report("`good` has no end", "write when the trouble ends")
    return ChargerTroubled(
        happens_at=at_s, point=point, trouble=Trouble(word), holds_until=until_of(node, at_s)
    )


def read_reports(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    """Return what a charger says of itself."""
    number = None if value.text() == OWN else value.integer(0, max(ChargingState))
    return ChargerReports(
        happens_at=at_s,
        point=point_of(node, place) or 1,
        state=None if number is None else ChargingState(number),
        holds_until=until_of(node, at_s),
    )


VEHICLE_WORDS: Mapping[str, Reader] = {
    "car": _car,
    "car_maximum_a": _car_maximum,
    "car_phases": _car_phases,
    "car_deaf": _car_deaf,
    "car_overdraw_a": _car_overdraw,
    "car_delay_s": _car_delay,
}
