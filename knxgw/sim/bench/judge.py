"""Compares a run with what was expected of it. Pure."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from knxgw.charging.words import NOMINAL_V, Reason
from knxgw.sim.bench.expectation import (
    Amounts,
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
from knxgw.sim.bench.metrics import EXCURSION_FROM_MA, energies_as, jain, utilisation
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import Scenario

EARLY_S = 1e-6
Whole = (
    OffersConstant
    | OffersRise
    | FaultSeen
    | LoadAtMost
    | ExcursionsAtMost
    | WritesAtMost
    | EnergyEqual
    | FairnessAtLeast
    | UtilisationAtLeast
)  # looked at over a time, not at a moment
WHOLE = (
    OffersConstant,
    OffersRise,
    FaultSeen,
    LoadAtMost,
    ExcursionsAtMost,
    WritesAtMost,
    EnergyEqual,
    FairnessAtLeast,
    UtilisationAtLeast,
)


def probes(scenario: Scenario) -> tuple[float, ...]:
    """Return the moments at which the inside of the gateway is looked at."""
    inside = (GatewayMeasures, GatewayHas)
    wanted = [one for one in scenario.expectations if isinstance(one.subject, inside)]
    return tuple(min(one.to_s + one.late_s, scenario.duration_s) for one in wanted)


def failures(scenario: Scenario, recording: Recording) -> list[str]:
    """Return in words what was not as expected, and the invariants that did not hold."""
    found = []
    for expectation in scenario.expectations:
        problem = _judge(scenario, recording, expectation)
        if problem is not None:
            found.append(f"line {expectation.line}: {expectation.words}: {problem}")
    found += [
        f"invariant {one.invariant} at {one.at_s:.1f} s: {one.words}"
        for one in recording.violations
    ]
    return found


def _judge(scenario: Scenario, recording: Recording, expectation: Expectation) -> str | None:
    """Return what is wrong, None: nothing."""
    subject = expectation.subject
    from_s, to_s = _times(recording, expectation)
    if isinstance(subject, WHOLE):
        start_s = from_s if expectation.when in (When.DURING, When.BETWEEN) else recording.start_s
        return _over(scenario, recording, subject, start_s, to_s)
    if expectation.when is When.DURING:
        for at_s in _moments(recording, subject, from_s, to_s):
            problem = _at(recording, subject, at_s)
            if problem is not None:
                return f"{problem} at {at_s:.1f} s"
        return None
    if expectation.when is When.BETWEEN and _at(recording, subject, from_s - EARLY_S) is None:
        return f"was so before {from_s:g} s"
    return _reached(recording, expectation, from_s, to_s)


def _times(recording: Recording, expectation: Expectation) -> tuple[float, float]:
    """Return from when to when to look, with what may happen earlier or later than stated."""
    early_s, late_s = expectation.early_s, expectation.late_s
    from_s, to_s = expectation.from_s, expectation.to_s
    if expectation.when is not When.DURING:
        return from_s - early_s, min(to_s + late_s, recording.end_s)
    is_open = to_s >= recording.end_s
    return (from_s + late_s if from_s else from_s), (to_s if is_open else to_s - early_s)


def _reached(
    recording: Recording, expectation: Expectation, from_s: float, to_s: float
) -> str | None:
    """Return what is wrong at the end of a time; where it may move, some moment will do."""
    subject = expectation.subject
    moments: Iterable[float] = (to_s,)
    if to_s > expectation.to_s or from_s < expectation.from_s:
        moments = [to_s, *_moments(recording, subject, from_s, to_s)]
    problems = [_at(recording, subject, at_s) for at_s in moments]
    if all(problems):
        return problems[0]
    if expectation.when is not When.BY or not isinstance(subject, OffersAre):
        return None
    limits = [[log.limits.at(at_s) for log in recording.points] for at_s in moments]
    wanted, tolerance_ma = subject.offers_ma, subject.tolerance_ma
    problems = [_differ(one, wanted, tolerance_ma, "the chargers announce") for one in limits]
    return problems[0] if all(problems) else None


def _moments(recording: Recording, subject: Subject, from_s: float, to_s: float) -> Iterable[float]:
    if isinstance(subject, LoadIs):
        inside = {at_s for curve in recording.load for at_s in curve.times if from_s < at_s < to_s}
        return [from_s, *sorted(inside), to_s]
    return recording.moments(from_s, to_s)


# --- at a moment -------------------------------------------------------------------------------


def _at(recording: Recording, subject: Subject, at_s: float) -> str | None:  # noqa: C901, PLR0911 - a table
    """Return what is wrong at a moment, None: nothing."""
    match subject:
        case OffersAre(offers_ma=wanted, tolerance_ma=tolerance):
            return _differ(recording.offers_at(at_s), wanted, tolerance, "offers are")
        case OffersWithin():
            return _outside(recording, subject, at_s)
        case StatesAre(states=states):
            return _unequal(recording, "state", states, at_s)
        case ReasonsAre(reasons=reasons):
            return _wrong_reasons(recording, reasons, at_s)
        case FaultIs(code=code, point=point, present=present):
            if recording.is_present(code, point, at_s) == present:
                return None
            return "the fault is not present" if present else "the fault is present"
        case ObjectIs(point=point, key=key, value=value):
            said = recording.object_at(point, key, at_s)
            return None if said == value else f"it says {said}, not {value}"
        case ReservedAre(reserved=wanted_reserved):
            kept = [log.reserved.at(at_s) for log in recording.points]
            wrong = any(
                wish is not None and wish != has
                for wish, has in zip(wanted_reserved, kept, strict=True)
            )
            return f"reserved is {kept}" if wrong else None
        case LoadIs(load_ma=wanted, tolerance_ma=tolerance):
            load = [curve.at(at_s) for curve in recording.load]
            return _differ(load, wanted, tolerance, "the line carries")
        case GatewayMeasures(load_ma=wanted, tolerance_ma=tolerance):
            return _differ(_measured(recording, at_s), wanted, tolerance, "it measures")
        case GatewayHas(available_ma=wanted, tolerance_ma=tolerance):
            return _differ(_available(recording, at_s), wanted, tolerance, "it has")
        case _:
            raise AssertionError(f"{subject} is not looked at at a moment")


def _differ(
    has: Sequence[float | None], wanted: Amounts, tolerance_ma: int, words: str
) -> str | None:
    pairs = list(zip(has, wanted, strict=False))
    good = all(
        wish is None or (value is not None and abs(value - wish) <= tolerance_ma + EARLY_S)
        for value, wish in pairs
    )
    if good:
        return None
    shown = "/".join("-" if value is None else f"{value / 1000:.4g}" for value, _ in pairs)
    return f"{words} {shown} A"


def _outside(recording: Recording, subject: OffersWithin, at_s: float) -> str | None:
    offers = recording.offers_at(at_s)
    slack = subject.tolerance_ma
    for offer_ma, low_ma, high_ma in zip(offers, subject.low_ma, subject.high_ma, strict=True):
        too_low = low_ma is not None and offer_ma < low_ma - slack
        if too_low or (high_ma is not None and offer_ma > high_ma + slack):
            return f"offers are {'/'.join(f'{ma / 1000:.4g}' for ma in offers)} A"
    return None


def _unequal(
    recording: Recording, key: str, wanted: Sequence[int | None], at_s: float
) -> str | None:
    said = [recording.object_at(n, key, at_s) for n in range(1, len(recording.points) + 1)]
    wrong = any(wish is not None and wish != has for wish, has in zip(wanted, said, strict=True))
    return f"{key} is {'/'.join(map(str, said))}" if wrong else None


def _wrong_reasons(recording: Recording, wanted: Sequence[int | None], at_s: float) -> str | None:
    said = [recording.object_at(n, "reason", at_s) for n in range(1, len(recording.points) + 1)]
    if all(wish is None or wish == has for wish, has in zip(wanted, said, strict=True)):
        return None
    names = [Reason(has).name.lower() if isinstance(has, int) else "-" for has in said]
    return f"reasons are {'/'.join(names)}"


def _measured(recording: Recording, at_s: float) -> list[float | None]:
    station = recording.probes.get(at_s)
    if station is None or station.sharing is None:
        return [None, None, None]
    values = station.sharing.meter.values
    return [None if value is None else value.current_ma for value in values]


def _available(recording: Recording, at_s: float) -> list[float | None]:
    station = recording.probes.get(at_s)
    known = station.sharing.available_ma if station and station.sharing else None
    return [None, None, None] if known is None else list(known)


# --- over a time -------------------------------------------------------------------------------


def _over(  # noqa: PLR0911 - a table
    scenario: Scenario, recording: Recording, subject: Whole, from_s: float, to_s: float
) -> str | None:
    """Return what is wrong in a time, None: nothing."""
    match subject:
        case OffersConstant(points=numbers):
            return _changed(recording, numbers, from_s, to_s)
        case OffersRise():
            return _rises_wrongly(recording, subject)
        case FaultSeen(code=code, point=point):
            seen = any(
                (fault.code, fault.point, fault.present) == (code, point, True)
                and from_s <= fault.at_s <= to_s
                for fault in recording.faults
            )
            return None if seen else "the fault was not raised"
        case LoadAtMost(load_ma=most_ma):
            return _overloaded(recording, most_ma, from_s, to_s)
        case ExcursionsAtMost():
            return _excursions(recording, subject, from_s, to_s)
        case WritesAtMost(count=most):
            writes = [len(log.offers.changes(from_s, to_s)) for log in recording.points]
            return None if max(writes) <= most else f"there are {'/'.join(map(str, writes))}"
        case EnergyEqual(within=within):
            energies = energies_as(recording, to_s)
            mean = sum(energies) / len(energies)
            shown = "/".join(f"{one * NOMINAL_V / 3.6e6:.3f}" for one in energies)
            good = all(abs(one - mean) <= within * mean for one in energies)
            return None if good else f"energies are {shown} kWh"
        case FairnessAtLeast(index=least):
            index = jain(energies_as(recording, to_s))
            return None if index >= least else f"it is {index:.4f}"
        case UtilisationAtLeast(share=least):
            share = utilisation(scenario, recording, from_s, to_s)
            good = share is not None and share >= least
            return None if good else f"it is {share if share is None else round(share, 4)}"
        case _:
            assert_never(subject)


def _changed(
    recording: Recording, numbers: Sequence[int], from_s: float, to_s: float
) -> str | None:
    for number in numbers:
        changes = recording.points[number - 1].offers.changes(from_s, to_s)
        if changes:
            at_s, offer_ma = changes[0]
            return f"CP{number} gets {offer_ma / 1000:g} A at {at_s:.1f} s"
    return None


def _rises_wrongly(recording: Recording, subject: OffersRise) -> str | None:
    """Return where the offers rise too fast, or that they do not get there."""
    steps, slack = subject.steps, subject.tolerance_ma
    for index, log in enumerate(recording.points):
        ends_s = [at_s for at_s, _ in steps[1:]] + [steps[-1][0] + subject.late_s]
        for (from_s, wanted), until_s in zip(steps, ends_s, strict=True):
            wish_ma = wanted[index]
            if wish_ma is None:
                continue
            highest_ma = wish_ma + subject.step_ma + slack
            for at_s, offer_ma in [
                (from_s, log.offers.at(from_s)),
                *log.offers.changes(from_s, until_s - EARLY_S),
            ]:
                if offer_ma > highest_ma:
                    return f"CP{index + 1} has {offer_ma / 1000:g} A at {at_s:.1f} s already"
    end_s = steps[-1][0] + subject.late_s
    problem = _differ(recording.offers_at(end_s), steps[-1][1], slack, "offers are")
    return f"{problem} at {end_s:g} s" if problem else None


def _overloaded(recording: Recording, most_ma: int, from_s: float, to_s: float) -> str | None:
    for phase, curve in enumerate(recording.load):
        over = curve.above(most_ma + EARLY_S, from_s, to_s)
        if over:
            highest_ma = curve.highest(*over[0])
            return (
                f"L{phase + 1} carries up to {highest_ma / 1000:.2f} A "
                f"from {over[0][0]:.2f} to {over[0][1]:.2f} s"
            )
    return None


def _excursions(
    recording: Recording, subject: ExcursionsAtMost, from_s: float, to_s: float
) -> str | None:
    """Return that there are too many or too long excursions; those of several phases count once."""
    limit_ma = subject.above_ma + EXCURSION_FROM_MA
    found = sorted(
        interval for curve in recording.load for interval in curve.above(limit_ma, from_s, to_s)
    )
    merged: list[tuple[float, float]] = []
    for start_s, end_s in found:
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end_s, merged[-1][1]))
        else:
            merged.append((start_s, end_s))
    if subject.count is not None and len(merged) > subject.count:
        return f"there are {len(merged)}, the first at {merged[0][0]:.1f} s"
    for start_s, end_s in merged:
        if subject.longest_s is not None and end_s - start_s > subject.longest_s + EARLY_S:
            return f"one lasts {end_s - start_s:.2f} s from {start_s:.1f} s on"
    return None
