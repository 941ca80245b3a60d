"""Reads what a scenario expects: the entries of `expect`."""

from collections.abc import Callable, Mapping

from knxgw.catalogue.yaml_tree import Node
from knxgw.charging.faults import FaultCode
from knxgw.charging.words import Reason
from knxgw.sim.bench.expectation import (
    EnergyEqual,
    ExcursionsAtMost,
    Expectation,
    FairnessAtLeast,
    FaultIs,
    FaultSeen,
    GatewayHas,
    GatewayMeasures,
    LoadAtMost,
    LoadIs,
    ObjectIs,
    OffersAre,
    OffersConstant,
    OffersRise,
    OffersWithin,
    ReasonsAre,
    ReservedAre,
    StatesAre,
    Subject,
    UtilisationAtLeast,
    When,
    WritesAtMost,
)
from knxgw.sim.bench.fields import ANY, Place, amounts, current_ma, optional_ma, point_of, seconds

Reader = Callable[[Node, Node, Place], Subject | None]
TOLERANCE_MA = 200
LATE_S = 10.0
_OPTIONS = ("tolerance_a", "point", "step_a", "late_s", "present", "value")
_TIMES = ("at", "by", "between", "from", "to")


def read_expectations(root: Node, place: Place) -> tuple[Expectation, ...]:
    """Return everything that is expected."""
    node = root.get("expect")
    found = [_read(item, place) for item in node.items()] if node else []
    return tuple(one for one in found if one is not None)


def _read(node: Node, place: Place) -> Expectation | None:
    children = node.only_keys((*_TIMES, *_OPTIONS, *_READERS))
    words = [word for word in _READERS if word in children]
    if len(words) != 1:
        told = ", ".join(_READERS)
        node.report(f"expected one thing to look at, got {len(words)}", f"known are: {told}")
        return None
    subject = _READERS[words[0]](children[words[0]], node, place)
    when = _when(node, place)
    if subject is None or when is None:
        return None
    kind, from_s, to_s = when
    return Expectation(
        line=node.line,
        when=kind,
        from_s=from_s,
        to_s=to_s,
        subject=subject,
        words=f"{_time_words(kind, from_s, to_s)}: {words[0]} {_shown(children[words[0]])}".strip(),
    )


def _shown(node: Node) -> str:
    if node.is_list:
        return "[" + ", ".join(_shown(item) for item in node.items()) + "]"
    if node.is_mapping:
        return "{" + ", ".join(f"{k}: {_shown(v)}" for k, v in node.mapping().items()) + "}"
    return node.text()


def _time_words(kind: When, from_s: float, to_s: float) -> str:
    if kind is When.AT:
        return f"at {from_s:g} s"
    if kind is When.BY:
        return f"by {to_s:g} s"
    word = "between" if kind is When.BETWEEN else "from"
    return f"{word} {from_s:g} {'and' if kind is When.BETWEEN else 'to'} {to_s:g} s"


def _when(node: Node, place: Place) -> tuple[When, float, float] | None:
    """Return how the time is meant, and the times; without one it is the whole scenario."""
    given = [word for word in ("at", "by", "between", "from") if node.get(word) is not None]
    if len(given) > 1:
        node.report(f"expected one time, got {' and '.join(given)}", "keep one of them")
        return None
    if not given:
        return When.DURING, 0.0, seconds(node, "to", place.duration_s)
    child = node.mapping()[given[0]]
    if given[0] == "between":
        return _span(child, place)
    moment_s = child.number(None, place.duration_s) or 0.0
    if given[0] == "from":
        return When.DURING, moment_s, seconds(node, "to", place.duration_s)
    return (When.AT if given[0] == "at" else When.BY), moment_s, moment_s


def _span(node: Node, place: Place) -> tuple[When, float, float] | None:
    times = [item.number(None, place.duration_s) or 0.0 for item in node.items()]
    if len(times) != 2:
        node.report(f"expected 2 times, got {len(times)}", "write `[earliest, latest]`")
        return None
    return When.BETWEEN, times[0], times[1]


def _tolerance(node: Node, place: Place) -> int:
    """Return the tolerance [mA]: none where every charger counts whole amperes."""
    coarse = all(ma >= 1000 for ma in place.resolutions_ma)
    return optional_ma(node, "tolerance_a", 0 if coarse else TOLERANCE_MA)


def _offers(value: Node, node: Node, place: Place) -> Subject:
    return OffersAre(offers_ma=amounts(value, place.points), tolerance_ma=_tolerance(node, place))


def _within(value: Node, node: Node, place: Place) -> Subject | None:
    items = value.items()
    if len(items) != 2:
        value.report(f"expected 2 values, got {len(items)}", "write `[lowest, highest]`")
        return None
    low_ma, high_ma = amounts(items[0], place.points), amounts(items[1], place.points)
    return OffersWithin(low_ma=low_ma, high_ma=high_ma, tolerance_ma=_tolerance(node, place))


def _at_most(value: Node, node: Node, place: Place) -> Subject:
    return OffersWithin(
        low_ma=(None,) * place.points,
        high_ma=amounts(value, place.points),
        tolerance_ma=_tolerance(node, place),
    )


def _constant(value: Node, _node: Node, place: Place) -> Subject:
    every = tuple(range(1, place.points + 1))
    if not value.is_list:
        value.choice(("constant",))
        return OffersConstant(points=every)
    given = [item.integer(1, place.points) for item in value.items()]
    return OffersConstant(points=tuple(number for number in given if number))


def _rise(value: Node, node: Node, place: Place) -> Subject:
    steps = []
    for item in value.items():
        pair = item.items()
        if len(pair) != 2:
            item.report("expected a time and offers", "write `[1, [6, 6]]`")
            continue
        steps.append((pair[0].number() or 0.0, amounts(pair[1], place.points)))
    return OffersRise(
        steps=tuple(steps),
        step_ma=optional_ma(node, "step_a", 2000),
        late_s=seconds(node, "late_s", LATE_S),
        tolerance_ma=_tolerance(node, place),
    )


def _states(value: Node, _node: Node, place: Place) -> Subject:
    return StatesAre(states=_numbers(value, place))


def _numbers(value: Node, place: Place) -> tuple[int | None, ...]:
    items = value.items() if value.is_list else [value] * place.points
    if len(items) != place.points:
        value.report(f"expected {place.points} values, got {len(items)}", "write `-` for any")
    return tuple(None if item.text() == ANY else item.integer(0, 11) for item in items)


def _reasons(value: Node, _node: Node, place: Place) -> Subject:
    names = tuple(reason.name.lower() for reason in Reason)
    items = value.items() if value.is_list else [value] * place.points
    if len(items) != place.points:
        value.report(f"expected {place.points} values, got {len(items)}", "write `-` for any")
    words = [None if item.text() == ANY else item.choice(names) for item in items]
    return ReasonsAre(reasons=tuple(None if w is None else int(Reason[w.upper()]) for w in words))


def _fault(value: Node, node: Node, place: Place) -> Subject | None:
    word = value.choice(tuple(FaultCode))
    if word is None:
        return None
    present = node.get("present")
    return FaultIs(
        code=FaultCode(word),
        point=point_of(node, place, general=True),
        present=True if present is None else bool(present.boolean()),
    )


def _fault_seen(value: Node, node: Node, place: Place) -> Subject | None:
    word = value.choice(tuple(FaultCode))
    if word is None:
        return None
    return FaultSeen(code=FaultCode(word), point=point_of(node, place, general=True))


def _object(value: Node, node: Node, place: Place) -> Subject | None:
    wanted = node.require("value")
    if wanted is None:
        return None
    text = wanted.text()
    number: bool | int | str = text
    if text in ("true", "false"):
        number = text == "true"
    elif text.lstrip("-").isdigit():
        number = int(text)
    return ObjectIs(point=point_of(node, place, general=True), key=value.text(), value=number)


def _reserved(value: Node, _node: Node, place: Place) -> Subject:
    items = value.items() if value.is_list else [value] * place.points
    if len(items) != place.points:
        value.report(f"expected {place.points} values, got {len(items)}", "write `-` for any")
    return ReservedAre(
        reserved=tuple(None if item.text() == ANY else item.boolean() for item in items)
    )


def _load(value: Node, node: Node, _place: Place) -> Subject:
    tolerance_ma = optional_ma(node, "tolerance_a", TOLERANCE_MA)
    return LoadIs(load_ma=amounts(value, 3), tolerance_ma=tolerance_ma)


def _load_at_most(value: Node, _node: Node, _place: Place) -> Subject:
    return LoadAtMost(load_ma=current_ma(value))


def _measures(value: Node, node: Node, _place: Place) -> Subject:
    tolerance_ma = optional_ma(node, "tolerance_a", 50)
    return GatewayMeasures(load_ma=amounts(value, 3), tolerance_ma=tolerance_ma)


def _has(value: Node, node: Node, _place: Place) -> Subject:
    tolerance_ma = optional_ma(node, "tolerance_a", 50)
    return GatewayHas(available_ma=amounts(value, 3), tolerance_ma=tolerance_ma)


def _excursions(value: Node, _node: Node, place: Place) -> Subject | None:
    value.only_keys(("above", "count", "longest_s"))
    above = value.require("above")
    if above is None:
        return None
    words = {"fuse": place.fuse_ma, "limit": place.limit_ma}
    above_ma = words[above.text()] if above.text() in words else current_ma(above)
    count, longest = value.get("count"), value.get("longest_s")
    return ExcursionsAtMost(
        above_ma=above_ma,
        count=count.integer(0) if count else None,
        longest_s=longest.number(0) if longest else None,
    )


def _writes(value: Node, _node: Node, _place: Place) -> Subject:
    return WritesAtMost(count=value.integer(0) or 0)


def _energy(value: Node, _node: Node, _place: Place) -> Subject:
    return EnergyEqual(within=value.number(0.0) or 0.0)


def _fairness(value: Node, _node: Node, _place: Place) -> Subject:
    return FairnessAtLeast(index=value.number(0.0, 1.0) or 0.0)


def _utilisation(value: Node, _node: Node, _place: Place) -> Subject:
    return UtilisationAtLeast(share=value.number(0.0) or 0.0)


_READERS: Mapping[str, Reader] = {
    "offers_a": _offers,
    "offers_within_a": _within,
    "offers_at_most_a": _at_most,
    "offers": _constant,
    "rise_a": _rise,
    "states": _states,
    "reasons": _reasons,
    "fault": _fault,
    "fault_seen": _fault_seen,
    "object": _object,
    "reserved": _reserved,
    "load_a": _load,
    "load_at_most_a": _load_at_most,
    "measured_a": _measures,
    "available_a": _has,
    "excursions": _excursions,
    "writes_at_most": _writes,
    "energy_equal_within": _energy,
    "fairness_at_least": _fairness,
    "utilisation_at_least": _utilisation,
}
