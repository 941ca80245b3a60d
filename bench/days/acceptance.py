"""What the days at random are accepted by: a figure, its limit, and whether it is kept.

Source: load-management 22, 24.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.days.day_figures import DayFigures
from bench.days.series import Series

STRESS, STRESS_SLOW = 0.20, 0.40  # with a fast meter, with a slow one
SLOW_S = 5.0  # spacing of the samples of a slow one
STRESS_OF_REFERENCE = 1.3
TRIP = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One line of the table."""

    name: str
    unit: str
    limit: float
    of: Callable[[DayFigures], float | None]
    at_least: bool = False
    of_mean: bool = False  # the mean of the days counts, not each of them
    digits: int = 2

    def is_met(self, value: float) -> bool:
        """Tell whether a value is accepted."""
        slack = 1e-9
        return value >= self.limit - slack if self.at_least else value <= self.limit + slack


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the days of a series come to by one criterion."""

    criterion: Criterion
    mean: float | None  # None: not measured
    worst: float | None
    missed: tuple[int, ...]  # seeds
    kept: bool


def criteria(series: Series) -> tuple[Criterion, ...]:
    """Return what is looked at in a series."""
    marks = series.marks
    shared = (
        Criterion(name="utilisation, mean of the days", unit="", limit=marks.utilisation_mean,
                  digits=3, of=lambda day: day.utilisation, at_least=True, of_mean=True),
        Criterion(name="utilisation, each day", unit="", limit=marks.utilisation_each, digits=3,
                  of=lambda day: day.utilisation, at_least=True),
        Criterion(name="excess the gateway caused", unit="A·s", limit=0.0,
                  of=lambda day: day.caused_as),
        Criterion(name="overload longer than allowed", unit="s", limit=0.0,
                  of=lambda day: day.overrun_s),
        Criterion(name="breaker stress beyond its limit (B)", unit="", limit=0.0,
                  of=lambda day: stress_overrun(series, day)),
        Criterion(name="breaker stress, B type: a trip is 1", unit="", limit=TRIP - 1e-6,
                  of=lambda day: day.stress_b),
        Criterion(name="breaker stress, gG fuse: a trip is 1", unit="", limit=TRIP - 1e-6,
                  of=lambda day: day.stress_gg),
        Criterion(name="current taken from a vehicle, per point", unit="1/h", limit=1.0,
                  of=lambda day: day.switch_offs_per_h, of_mean=True),
        Criterion(name="the same, most in an hour", unit="", limit=4, digits=0,
                  of=lambda day: day.switch_offs_peak),
        Criterion(name="setpoint writes, per point", unit="1/h", limit=20.0, digits=1,
                  of=lambda day: day.writes_per_h, of_mean=True),
        Criterion(name="the same, most in a minute", unit="", limit=12, digits=0,
                  of=lambda day: day.writes_peak),
        Criterion(name="KNX telegrams sent", unit="1/min", limit=60.0, digits=1,
                  of=lambda day: day.telegrams_per_min, of_mean=True),
        Criterion(name="stays without energy", unit="", limit=0, digits=0,
                  of=lambda day: day.unserved),
        Criterion(name="lost sessions", unit="", limit=0, digits=0,
                  of=lambda day: day.lost_sessions),
        Criterion(name="invariants violated", unit="", limit=0, digits=0,
                  of=lambda day: len(day.violations)),
    )  # fmt: skip
    return (*shared, *_of_mode(series))


def _of_mode(series: Series) -> Iterator[Criterion]:
    """Give what is looked at only with the queue, or only without it."""
    if series.queue:
        yield Criterion(name="fairness (Jain, energy by what was fair)", unit="", limit=0.98,
                        digits=4, of=lambda day: day.fairness, at_least=True)  # fmt: skip
        yield Criterion(name="worst-served charging point, of the mean", unit="", limit=0.97,
                        digits=3, of=lambda day: day.worst_served, at_least=True)  # fmt: skip
        yield Criterion(name="wait for current longer than allowed", unit="s", limit=0.0, digits=0,
                        of=lambda day: day.wait_overrun_s)  # fmt: skip
    if series.marks.locked_out_s is not None:
        yield Criterion(name="locked out for an overcurrent", unit="s", digits=0,
                        limit=series.marks.locked_out_s, of=lambda day: day.locked_out_s)  # fmt: skip


def stress_limit(series: Series, day: DayFigures) -> float:
    """Return the breaker stress that a day may have."""
    return max(_stress(series), STRESS_OF_REFERENCE * (day.stress_reference or 0.0))


def stress_overrun(series: Series, day: DayFigures) -> float:
    """Return by how much the breaker stress is above what is allowed."""
    return max(0.0, day.stress_b - stress_limit(series, day))


def needs_reference(series: Series, day: DayFigures) -> bool:
    """Tell whether the stress can only be judged against the fastest reaction."""
    return day.stress_b > _stress(series)


def _stress(series: Series) -> float:
    return STRESS if series.meter.sample_s < SLOW_S else STRESS_SLOW


def judge(series: Series, days: Sequence[tuple[int, DayFigures]]) -> list[Verdict]:
    """Return a verdict for each criterion; `days` are seeds and their figures."""
    return [_verdict(criterion, days) for criterion in criteria(series)]


def _verdict(criterion: Criterion, days: Sequence[tuple[int, DayFigures]]) -> Verdict:
    values = [(seed, value) for seed, day in days if (value := criterion.of(day)) is not None]
    if not values:
        return Verdict(criterion=criterion, mean=None, worst=None, missed=(), kept=True)
    only = [value for _, value in values]
    mean = fmean(only)
    missed = tuple(seed for seed, value in values if not criterion.is_met(value))
    kept = criterion.is_met(mean) if criterion.of_mean else not missed
    return Verdict(
        criterion=criterion,
        mean=mean,
        worst=min(only) if criterion.at_least else max(only),
        missed=() if kept else missed,
        kept=kept,
    )
