"""Reads what a scenario expects: the entries of `expect`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.yaml_tree import Node
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
    WritesAtMost,
)
from knxgw.sim.bench.fields import ANY, Place, amounts, current_ma, optional_ma, point_of, seconds
from knxgw.sim.bench.read_times import MOMENT, PROBE, SPAN, TIMES, TOTAL, WINDOW, read_times
from knxgw.sim.bench.recording import OF_POINTS, WATCHED

Reader = Callable[[Node, Node, Place], Subject | None]
TOLERANCE_MA = 200
LATE_S = 10.0
_OPTIONS = ("tolerance_a", "point", "step_a", "late_s", "present", "value")
_TIMES = TIMES


@dataclass(frozen=True, slots=True)
class Word:
    """How something to look at is read, and what goes with it; everything else is a mistake."""

    read: Reader
    times: tuple[str, ...] = MOMENT
    options: tuple[str, ...] = ()


def read_expectations(root: Node, place: Place) -> tuple[Expectation, ...]:
    """Return everything that is expected."""
    node = root.get("expect")
    found = [_read(item, place) for item in node.items()] if node else []
    return tuple(one for one in found if one is not None)


def _read(node: Node, place: Place) -> Expectation | None:
    children = node.only_keys((*_TIMES, *_OPTIONS, *_READERS))
    words = [word for word in _READERS if word in children]
    if len(words) != 1:
        known = ", ".join(_READERS)
        node.report(f"expected one condition, got {len(words)}", f"known are: {known}")
        return None
    (name,) = words
    word = _READERS[name]
    for option in _OPTIONS:
        if option in children and option not in word.options:
            remedy = f"known are: {', '.join(word.options)}" if word.options else "leave it out"
            children[option].report(f"`{name}` has no `{option}`", remedy)
    subject = word.read(children[name], node, place)
    times = read_times(node, place, name, word.times)
    if subject is None or times is None:
        return None
    return Expectation(
        line=node.line,
        when=times.when,
        begins_at=times.begins_at,
        ends_at=times.ends_at,
        stays_until=times.stays_until,
        subject=subject,
        words=f"{times.words}: {name} {_shown(children[name])}".strip(),
    )


def _shown(node: Node) -> str:
    if node.is_list:
        return "[" + ", ".join(_shown(item) for item in node.items()) + "]"
    if node.is_mapping:
        return "{" + ", ".join(f"{k}: {_shown(v)}" for k, v in node.mapping().items()) + "}"
    return node.text()


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


def _rise(value: Node, node: Node, place: Place) -> Subject | None:
    steps = []
    for item in value.items():
        pair = item.items()
        if len(pair) != 2:
            item.report("expected a time and offers", "write `[1, [6, 6]]`")
            continue
        steps.append((pair[0].number() or 0.0, amounts(pair[1], place.points)))
    if not steps:
        value.report("expected at least one step", "write `[[1, [6, 6]], [6, [8, 8]]]`")
        return None
    if steps != sorted(steps, key=lambda step: step[0]):
        value.report("the steps are not in the order of their times", "sort them")
    late_s = seconds(node, "late_s", LATE_S)
    last_s, to, begin = steps[-1][0], node.get("to"), node.get("from")
    if to is not None and (to.number() or 0.0) < last_s + late_s:
        remedy = f"give {last_s + late_s:g} or more, or leave it out"
        to.report(f"the last step may be reached at {last_s + late_s:g} s only", remedy)
    if begin is not None and (begin.number() or 0.0) > last_s:
        begin.report("the rise is over by then", f"give {last_s:g} or less, or leave it out")
    return OffersRise(
        steps=tuple(steps),
        step_ma=optional_ma(node, "step_a", 2000),
        late_s=late_s,
        tolerance_ma=_tolerance(node, place),
        stays=to is not None,
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
    known = _fault_of(value, node, place)
    if known is None:
        return None
    code, point = known
    present = node.get("present")
    is_present = True if present is None else bool(present.boolean())
    return FaultIs(code=code, point=point, present=is_present)


def _fault_seen(value: Node, node: Node, place: Place) -> Subject | None:
    known = _fault_of(value, node, place)
    return None if known is None else FaultSeen(code=known[0], point=known[1])


def _fault_of(value: Node, node: Node, place: Place) -> tuple[FaultCode, int] | None:
    """Return a fault and whose it is; one that nobody can have would never be there."""
    word = value.choice(tuple(FaultCode))
    if word is None:
        return None
    code, point = FaultCode(word), point_of(node, place, general=True)
    faults = catalogue().product.faults
    if code not in (faults.charging_point if point else faults.general):
        whose = "the whole device" if point else "a charging point"
        node.report(
            f"{word} is a fault of {whose}", "leave `point` out" if point else "add `point: …`"
        )
        return None
    return code, point


def _object(value: Node, node: Node, place: Place) -> Subject | None:
    wanted, key = node.require("value"), value.choice(sorted(WATCHED))
    point = point_of(node, place, general=True)
    if wanted is None or key is None:
        return None
    if (key in OF_POINTS) != bool(point):
        remedy = "leave `point` out" if point else "add `point: …`"
        whose = "the whole device" if point else "a charging point"
        node.report(f"{key} is an object of {whose}", remedy)
        return None
    text = wanted.text()
    number: bool | int | str = text
    if text in ("true", "false"):
        number = text == "true"
    elif text.lstrip("-").isdigit():
        number = int(text)
    return ObjectIs(point=point, key=key, value=number)


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
    return LoadAtMost(load_ma=current_ma(value, None))


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


_EXACT = ("tolerance_a",)
_READERS: Mapping[str, Word] = {
    "offers_a": Word(_offers, options=_EXACT),
    "offers_within_a": Word(_within, options=_EXACT),
    "offers_at_most_a": Word(_at_most, options=_EXACT),
    "offers": Word(_constant, SPAN),
    "rise_a": Word(_rise, WINDOW, ("tolerance_a", "step_a", "late_s")),
    "states": Word(_states),
    "reasons": Word(_reasons),
    "fault": Word(_fault, options=("point", "present")),
    "fault_seen": Word(_fault_seen, SPAN, ("point",)),
    "object": Word(_object, options=("point", "value")),
    "reserved": Word(_reserved),
    "load_a": Word(_load, options=_EXACT),
    "load_at_most_a": Word(_load_at_most, SPAN),
    "measured_a": Word(_measures, PROBE, _EXACT),
    "available_a": Word(_has, PROBE, _EXACT),
    "excursions": Word(_excursions, SPAN),
    "writes_at_most": Word(_writes, SPAN),
    "energy_equal_within": Word(_energy, TOTAL),
    "fairness_at_least": Word(_fairness, TOTAL),
    "utilisation_at_least": Word(_utilisation, SPAN),
}
