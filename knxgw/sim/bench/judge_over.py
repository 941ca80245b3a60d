"""What is wrong in a time that is looked at as a whole. Pure."""

from collections.abc import Sequence
from typing import assert_never

from knxgw.charging.limits import NOMINAL_V
from knxgw.sim.bench.expectation import (
    Amounts,
    EnergyEqual,
    ExcursionsAtMost,
    FairnessAtLeast,
    FaultSeen,
    LoadAtMost,
    OffersAre,
    OffersConstant,
    OffersRise,
    UtilisationAtLeast,
    WritesAtMost,
)
from knxgw.sim.bench.judge_at import EARLY_S, wrong_within
from knxgw.sim.bench.metrics import EXCURSION_FROM_MA, energies_as, jain, utilisation
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import Scenario

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


def wrong_over(  # noqa: PLR0911 - a table
    scenario: Scenario, recording: Recording, subject: Whole, from_s: float, to_s: float
) -> str | None:
    """Return what is wrong in a time, None: nothing."""
    match subject:
        case OffersConstant(points=numbers):
            return _changed(recording, numbers, from_s, to_s)
        case OffersRise():
            return _rises_wrongly(recording, subject, from_s, to_s)
        case FaultSeen(code=code, point=point):
            seen = any(
                (fault.code, fault.point, fault.present) == (code, point, True)
                and from_s <= fault.changed_at <= to_s
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


def _rises_wrongly(
    recording: Recording, subject: OffersRise, from_s: float, to_s: float
) -> str | None:
    """Return where the offers rise too fast within a time, or that they do not get there."""
    reached_s = subject.steps[-1][0] + subject.late_s
    end_s = to_s if subject.stays else min(reached_s, to_s)
    ends_s = [*(at_s for at_s, _ in subject.steps[1:]), end_s]
    for (step_s, wanted), until_s in zip(subject.steps, ends_s, strict=True):
        problem = _above(recording, subject, wanted, (max(step_s, from_s), min(until_s, end_s)))
        if problem is not None:
            return problem
    if reached_s > to_s:  # as it may come later, nothing is said about the end
        return None
    last = OffersAre(offers_ma=subject.steps[-1][1], tolerance_ma=subject.tolerance_ma)
    return wrong_within(recording, last, reached_s, end_s if subject.stays else reached_s)


def _above(
    recording: Recording, subject: OffersRise, wanted: Amounts, times: tuple[float, float]
) -> str | None:
    """Return who has more than a step wants, and one step more, in a time."""
    from_s, to_s = times
    for number, (log, wish_ma) in enumerate(zip(recording.points, wanted, strict=True), 1):
        if wish_ma is None or from_s > to_s:
            continue
        highest_ma = wish_ma + subject.step_ma + subject.tolerance_ma
        for at_s, offer_ma in [
            (from_s, log.offers.at(from_s)),
            *log.offers.changes(from_s, to_s - EARLY_S),
        ]:
            if offer_ma > highest_ma:
                return f"CP{number} has {offer_ma / 1000:g} A at {at_s:.1f} s already"
    return None


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
