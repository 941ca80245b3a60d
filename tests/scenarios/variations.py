"""The same site with its charging points numbered otherwise, and its meter looking at other moments.

*Order.* A charging point keeps its charger, its car, its polls and what happens to it; only its
number is another one. Every expectation goes with it. Exception: among charging points that are
alike in everything but their polls a tie is decided by least energy, as far as polls have told it,
then by lowest number (8.1, 9.2). What is expected of these may be true of them in any order, one
order for the whole scenario.

*Shift.* The smart meter samples `shift_s` later, less than its period `T`. Its lost, slow and
frozen telegrams, reads without an answer and values out of turn go along; the building, cars,
commands, polls, In operation and the gateway's clock stay. Of a meter with jitter two telegrams in
turn may be so much closer or farther apart, which counts as earlier and as later. What
depends on a sample then comes at most `shift_s` later, for the sample it came from is that much
later and tells no less, and another second later at most where a wait then ends between two cycles
of the gateway (9.1). Or it comes up to `T - shift_s` earlier, for the sample before may now tell
it. So a deadline moves by `late_s`, the moment before which something must not be by `early_s`,
what holds at a moment holds at some moment of these times, and a time during which something holds
shrinks by both. The longest time of an excursion, amounts, counts and tolerances stay as they are.
The invariants are watched throughout.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, permutations, product
from pathlib import Path
from typing import Any, TypeVar

from knxgw.charging.events import GridMeterReading
from knxgw.sim.bench.expectation import (
    Expectation,
    FaultIs,
    FaultSeen,
    ObjectIs,
    OffersAre,
    OffersConstant,
    OffersRise,
    OffersWithin,
    ReasonsAre,
    ReservedAre,
    StatesAre,
    Subject,
)
from knxgw.sim.bench.judge import failures, probes
from knxgw.sim.bench.read_scenario import load_scenario
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import Happening, MeterModel, Reconfigured, Scenario, Span, Told

FILES = sorted(Path(__file__).parent.glob("*.yaml"))
ALL_ORDERS_TO = 3  # charging points; of more, a sample is looked at
ORDERS, OFFSETS = 24, 20
CYCLE_S = 1.0  # the gateway decides at least so often

T = TypeVar("T")
SpanKind = TypeVar("SpanKind", bound=Span)
Order = tuple[int, ...]  # for each new number the number in the file
Numbers = Mapping[int, int]  # from a number in the file to the new one


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One way to run a scenario."""

    order: Order
    shift_s: float = 0.0


@cache
def scenario_of(name: str) -> Scenario:
    """Return a scenario of the catalogue."""
    return load_scenario(Path(__file__).parent / f"{name}.yaml")


def variations(scenario: Scenario, *, orders: int, offsets: int, seed: int) -> Iterator[Variation]:
    """Give every order at every offset; orders and offsets that make no difference only once."""
    is_metered = scenario.connection.load_management == "dynamic"
    shifts_s = [
        round(scenario.meter.sample_s * index / offsets, 6)
        for index in range(offsets if is_metered else 1)
    ]
    for order in orders_of(scenario, orders=orders, seed=seed):
        yield from (Variation(order=order, shift_s=shift_s) for shift_s in shifts_s)


def orders_of(scenario: Scenario, *, orders: int = ORDERS, seed: int = 0) -> list[Order]:
    """Return every order of up to three charging points, `orders` of more; that of the file first."""
    numbers = tuple(range(1, len(scenario.points) + 1))
    if len(numbers) <= ALL_ORDERS_TO:
        return list(permutations(numbers))
    chosen = random.Random(seed)  # noqa: S311 - to be the same each time
    found = {numbers: None}
    for _ in range(10_000):
        if len(found) >= orders:
            break
        found[tuple(chosen.sample(numbers, len(numbers)))] = None
    return list(found)


def broken(scenario: Scenario, variation: Variation) -> list[str]:
    """Return in words what does not go as expected."""
    turned = varied(scenario, variation)
    recording = Run(turned, probes(turned)).run()
    verdicts = (
        failures(replace(turned, expectations=expectations), recording)
        for expectations in _expectations(scenario, variation)
    )
    first = next(verdicts)
    return first if first and all(verdicts) else []


def varied(scenario: Scenario, variation: Variation) -> Scenario:
    """Return the scenario with another order and another time of sampling."""
    order, shift_s = variation.order, variation.shift_s
    numbers = _numbers(order)
    meter, priority = scenario.meter, scenario.connection.priority
    meter = replace(
        meter,
        first_s=meter.first_s + shift_s,
        lost=_shifted(meter.lost, shift_s),
        slow=_shifted(meter.slow, shift_s),
        unanswered=_shifted(meter.unanswered, shift_s),
        frozen=_shifted(meter.frozen, shift_s),
    )
    points = [
        replace(point, poll_offset_s=number / 10) if point.poll_offset_s is None else point
        for number, point in enumerate(scenario.points, 1)
    ]
    return replace(
        scenario,
        points=tuple(points[number - 1] for number in order),
        connection=replace(
            scenario.connection, priority=None if priority is None else numbers[priority]
        ),
        meter=meter,
        happenings=tuple(
            _later(_at_point(happening, numbers), shift_s) for happening in scenario.happenings
        ),
        expectations=next(_expectations(scenario, variation)),
    )


def _shifted(spans: tuple[SpanKind, ...], shift_s: float) -> tuple[SpanKind, ...]:
    """Return the times that belong to samples so much later."""
    return tuple(
        replace(one, begins_at=one.begins_at + shift_s, ends_at=one.ends_at + shift_s)
        for one in spans
    )


def _expectations(scenario: Scenario, variation: Variation) -> Iterator[tuple[Expectation, ...]]:
    """Give what is expected then, for each order of charging points that are alike."""
    meter = scenario.meter
    for numbers in _ties(scenario, _numbers(variation.order)):
        turned = (
            replace(one, subject=_turned(one.subject, numbers)) for one in scenario.expectations
        )
        yield tuple(_moved(one, variation.shift_s, meter) for one in turned)


# --- order ---------------------------------------------------------------------------------------


def _numbers(order: Order) -> Numbers:
    return {old: new for new, old in enumerate(order, 1)}


def _ties(scenario: Scenario, numbers: Numbers) -> Iterator[Numbers]:
    """Give the new numbers, with those of charging points that are alike in every order."""
    alike = _alike(scenario)
    choices = [permutations([numbers[old] for old in olds]) for olds in alike]
    for choice in product(*choices):
        pairs = (zip(olds, news, strict=True) for olds, news in zip(alike, choice, strict=True))
        yield dict(chain.from_iterable(pairs))


def _turn(values: Sequence[T], numbers: Numbers) -> tuple[T, ...]:
    """Return one value for each charging point in the new order."""
    placed = {new: values[old - 1] for old, new in numbers.items()}
    return tuple(placed[number] for number in sorted(placed))


def _alike(scenario: Scenario) -> list[list[int]]:
    """Return the numbers of charging points that differ in nothing but their polls."""
    classes: dict[str, list[int]] = {}
    for number, point in enumerate(scenario.points, 1):
        own = [
            _at_point(one, {number: 0}) for one in scenario.happenings if _point_of(one) == number
        ]
        configured = [
            (one.happens_at, one.points.get(number), one.connection.get("priority") == number)
            for one in scenario.happenings
            if isinstance(one, Reconfigured)
        ]
        prioritised = scenario.connection.priority == number
        key = repr((replace(point, poll_offset_s=None), prioritised, own, configured))
        classes.setdefault(key, []).append(number)
    return list(classes.values())


def _point_of(happening: Happening) -> int | None:
    inner: Any = happening.event if isinstance(happening, Told) else happening
    return getattr(inner, "point", None)


def _at_point(happening: Happening, numbers: Numbers) -> Happening:
    """Return the same happening at the charging point's new number."""
    if isinstance(happening, Reconfigured):
        return _renumbered(happening, numbers)
    number = _point_of(happening)
    if number is None:
        return happening
    if isinstance(happening, Told):
        reported: Any = happening.event
        return replace(happening, event=replace(reported, point=numbers[number]))
    moved: Any = happening
    return replace(moved, point=numbers[number])  # type: ignore[no-any-return]


def _renumbered(change: Reconfigured, numbers: Numbers) -> Reconfigured:
    connection = dict(change.connection)
    priority = connection.get("priority")
    if priority is not None:
        connection["priority"] = numbers[priority]
    points = {numbers[number]: changed for number, changed in change.points.items()}
    return replace(change, connection=connection, points=points)


def _turned(subject: Subject, numbers: Numbers) -> Subject:  # noqa: PLR0911 - a table
    """Return the subject with what it says of each charging point at its new number."""
    match subject:
        case OffersAre(offers_ma=offers_ma):
            return replace(subject, offers_ma=_turn(offers_ma, numbers))
        case OffersWithin(low_ma=low_ma, high_ma=high_ma):
            return replace(subject, low_ma=_turn(low_ma, numbers), high_ma=_turn(high_ma, numbers))
        case OffersConstant(points=points):
            return replace(subject, points=tuple(sorted(numbers[point] for point in points)))
        case OffersRise(steps=steps):
            turned = tuple((at_s, _turn(offers_ma, numbers)) for at_s, offers_ma in steps)
            return replace(subject, steps=turned)
        case StatesAre(states=states):
            return replace(subject, states=_turn(states, numbers))
        case ReasonsAre(reasons=reasons):
            return replace(subject, reasons=_turn(reasons, numbers))
        case ReservedAre(reserved=reserved):
            return replace(subject, reserved=_turn(reserved, numbers))
        case FaultIs(point=point) | FaultSeen(point=point) | ObjectIs(point=point):
            return replace(subject, point=numbers.get(point, point))
        case _:
            return subject


# --- shift ---------------------------------------------------------------------------------------


def _later(happening: Happening, shift_s: float) -> Happening:
    """Return a value the meter sends out of turn as much later as its samples are."""
    if isinstance(happening, Told) and isinstance(happening.event, GridMeterReading):
        return replace(happening, happens_at=happening.happens_at + shift_s)
    return happening


def _moved(one: Expectation, shift_s: float, meter: MeterModel) -> Expectation:
    """Return the expectation with the times it has when the samples are later."""
    if not shift_s:
        return one
    apart_s = 2 * meter.jitter_s  # two telegrams in turn may come so much closer or farther apart
    early_s, late_s = meter.sample_s - shift_s + apart_s, shift_s + CYCLE_S + apart_s
    subject = one.subject
    if isinstance(subject, OffersRise):
        steps = tuple((at_s - early_s, offers_ma) for at_s, offers_ma in subject.steps)
        subject = replace(subject, steps=steps, late_s=subject.late_s + early_s + late_s)
    return replace(one, early_s=early_s, late_s=late_s, subject=subject)
