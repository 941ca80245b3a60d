"""The worst of all days: which it is, and its worst hour in plain words and as a picture.

The rule: the day with the most violated invariants; among equal ones that with the most excess the
gateway caused; among equal ones that whose utilisation is least by what its series must reach. Of
that day the hour in which the first of these happened, or in which most energy was left lying.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.days.day import HOUR_S, day
from bench.days.day_picture import Picture, picture
from bench.days.day_run import GATEWAY, DayResult, Job
from bench.days.day_story import clock, tell, without_current
from knxgw.sim.bench.counterfactual import controller_caused
from knxgw.sim.bench.metrics import EXCURSION_FROM_MA, energy_as
from knxgw.sim.bench.oracle import oracle_as
from knxgw.sim.bench.plant import MWH_PER_AS
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import Scenario

MWH_PER_KWH = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstDay:
    """A day and its worst hour."""

    job: Job
    utilisation: float
    from_s: float  # of the hour
    to_s: float
    why: str  # this hour
    given_kwh: float  # in it
    possible_kwh: float
    without: str  # who had no current in it
    lines: tuple[str, ...]
    picture: Picture


def worst_of(results: Sequence[DayResult]) -> DayResult:
    """Return the worst day."""
    return max(results, key=_badness)


def _badness(result: DayResult) -> tuple[int, float, float]:
    own, marks = result.figures[GATEWAY], result.job.series.marks
    return len(own.violations), own.caused_as, marks.utilisation_each - own.utilisation


def tell_worst(result: DayResult) -> WorstDay:
    """Run a day once more and tell its worst hour."""
    job = result.job
    scenario = day(job.seed, job.series, job.hours)
    recording = Run(scenario).run()
    at_s, why = _moment(scenario, recording)
    from_s = at_s // HOUR_S * HOUR_S
    to_s = min(from_s + HOUR_S, recording.ended_at)
    given_as = sum(energy_as(log, from_s, to_s) for log in recording.points)
    return WorstDay(
        job=job,
        utilisation=result.figures[GATEWAY].utilisation,
        from_s=from_s,
        to_s=to_s,
        why=why,
        given_kwh=given_as * MWH_PER_AS / MWH_PER_KWH,
        possible_kwh=oracle_as(scenario, recording, from_s, to_s) * MWH_PER_AS / MWH_PER_KWH,
        without=without_current(recording, from_s, to_s),
        lines=tuple(tell(scenario, recording, from_s, to_s)),
        picture=picture(scenario, recording, (from_s, to_s)),
    )


def _moment(scenario: Scenario, recording: Recording) -> tuple[float, str]:
    """Return when the worst happened, and what that was."""
    if recording.violations:
        first = recording.violations[0]
        return first.found_at, f"the invariant {first.invariant} was violated ({first.words})"
    limit_ma = scenario.connection.limit_ma + EXCURSION_FROM_MA
    caused = controller_caused(scenario, recording, limit_ma)
    most = max(caused, key=lambda one: one.caused_as, default=None)
    if most is not None and most.caused_as > 0:
        return most.excess.begins_at, f"the gateway caused {most.caused_as:.2f} A·s too much"
    hours = [n * HOUR_S for n in range(max(1, int(recording.ended_at / HOUR_S)))]
    return max(hours, key=lambda at_s: _lying_as(scenario, recording, at_s)), (
        "most energy was left lying"
    )


def _lying_as(scenario: Scenario, recording: Recording, from_s: float) -> float:
    to_s = min(from_s + HOUR_S, recording.ended_at)
    given_as = sum(energy_as(log, from_s, to_s) for log in recording.points)
    return oracle_as(scenario, recording, from_s, to_s) - given_as


def worst_lines(worst: WorstDay, plot: str) -> list[str]:
    """Return the story as a part of the page; `plot`: the address of its picture."""
    job = worst.job
    span = f"{clock(worst.from_s)} to {clock(worst.to_s)}"
    return [
        "## The worst day",
        "",
        "The worst of all days above is the one with the most violated invariants; among equals, the most excess that the",
        "gateway caused; among equals, the lowest utilisation relative to the mark of its series. That is",
        f"**seed {job.seed}, {job.series.title}** (utilisation {worst.utilisation:.3f}), and its hour from",
        f"{span}, in which {worst.why}: the vehicles got {worst.given_kwh:.1f} of {worst.possible_kwh:.1f} kWh.",
        *([worst.without] if worst.without else []),
        "From the recording; *CP3 12 → 6 A* is what the gateway offered, and line and building are L1/L2/L3.",
        "",
        f"![Currents of the worst hour]({plot})",
        "",
        *worst.lines,
    ]
