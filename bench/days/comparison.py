"""How the gateway stands against what people run, on the same days: what must hold, and what is better.

A port may only be called beaten in what it is beaten in, and what is worse is said as plainly.
Source: load-management 24 (yardsticks).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.days.acceptance import SLOW_S
from bench.days.day_figures import DayFigures
from bench.days.day_run import GATEWAY, OPENWB, PORTS, DayResult
from bench.days.series import Series

SLACK = 1e-9
STRESS_OF_BEST, STRESS_OF_BEST_SLOW = 0.5, 0.9
WRITES_OF_OPENWB = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure of the comparison."""

    title: str  # of the column
    words: str  # in a sentence
    text: str  # format
    of: Callable[[DayFigures], float]
    most_is_best: bool = False
    worst: bool = False  # of the days, else the mean

    def value(self, days: Sequence[DayFigures]) -> float:
        """Return what the days come to."""
        values = [float(self.of(day)) for day in days]
        if not self.worst:
            return fmean(values)
        return min(values) if self.most_is_best else max(values)

    def shown(self, days: Sequence[DayFigures]) -> str:
        """Return the same as text."""
        return self.text.format(self.value(days))


UTILISATION = Measure(
    title="utilisation", words="utilisation", text="{:.3f}", of=lambda day: day.utilisation,
    most_is_best=True,
)  # fmt: skip
STRESS = Measure(
    title="breaker stress (B), mean", words="breaker stress in the mean", text="{:.3f}",
    of=lambda day: day.stress_b,
)  # fmt: skip
ABOVE_FUSE = Measure(
    title="above the fuse [A·s/day]", words="ampere-seconds above the fuse a day", text="{:.0f}",
    of=lambda day: day.overcurrent_fuse_as,
)  # fmt: skip
WRITES = Measure(
    title="writes [1/h]", words="writes an hour", text="{:.1f}", of=lambda day: day.writes_per_h
)
MEASURES = (
    UTILISATION,
    Measure(title="energy [kWh/day]", words="energy a day (kWh)", text="{:.0f}",
            of=lambda day: day.energy_kwh, most_is_best=True),
    STRESS,
    Measure(title="the same, worst day", words="breaker stress of the worst day", text="{:.3f}",
            of=lambda day: day.stress_b, worst=True),
    ABOVE_FUSE,
    Measure(title="longest above the limit [s]", words="seconds above the limit at a time",
            text="{:.0f}", of=lambda day: day.excursion_limit_s, worst=True),
    Measure(title="longest above the fuse [s]", words="seconds above the fuse at a time",
            text="{:.0f}", of=lambda day: day.excursion_fuse_s, worst=True),
    WRITES,
    Measure(title="stops [1/h]", words="stops an hour", text="{:.2f}",
            of=lambda day: day.switch_offs_per_h),
    Measure(title="longest wait [min]", words="minutes of the longest wait", text="{:.0f}",
            of=lambda day: day.longest_wait_s / 60, worst=True),
    Measure(title="worst served", words="share of the worst served", text="{:.3f}",
            of=lambda day: day.worst_served, most_is_best=True, worst=True),
    Measure(title="fairness", words="fairness", text="{:.4f}", of=lambda day: day.fairness,
            most_is_best=True),
)  # fmt: skip


# --- what must hold ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the gateway must reach of the best of some others."""

    measure: Measure
    factor: float
    of: tuple[str, ...] = PORTS

    @property
    def words(self) -> str:
        """Return it in words."""
        at = "at least" if self.measure.most_is_best else "at most"
        at += "" if self.factor == 1.0 else f" {self.factor:g} times"
        others = f"the best of {_list(self.of)}" if len(self.of) > 1 else self.of[0]
        return f"{self.measure.title}: {at} {others}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the days come to by a demand."""

    demand: Demand
    days: int
    own: float
    best: float
    best_name: str

    @property
    def ratio(self) -> float | None:
        """Return the gateway's figure by the best other one, None: that is 0."""
        return self.own / self.best if self.best else None

    @property
    def kept(self) -> bool:
        """Tell whether the demand is met."""
        allowed = self.demand.factor * self.best
        if self.demand.measure.most_is_best:
            return self.own >= allowed - SLACK
        return self.own <= allowed + SLACK


def demands(series: Series) -> tuple[Demand, ...]:
    """Return what must hold against the ports in a series."""
    is_fast = series.meter.sample_s < SLOW_S
    return (
        Demand(measure=UTILISATION, factor=1.0),
        Demand(measure=STRESS, factor=STRESS_OF_BEST if is_fast else STRESS_OF_BEST_SLOW),
        Demand(measure=ABOVE_FUSE, factor=1.0),
        Demand(measure=WRITES, factor=WRITES_OF_OPENWB, of=(OPENWB,)),
    )


def compared(results: Sequence[DayResult]) -> list[DayResult]:
    """Return the days that everybody ran."""
    return [one for one in results if set(PORTS) <= one.figures.keys()]


def by_name(results: Sequence[DayResult]) -> Mapping[str, list[DayFigures]]:
    """Return the figures of everybody on the days that all of them ran."""
    days = compared(results)
    names = days[0].figures if days else ()
    return {name: [one.figures[name] for one in days] for name in names}


def standings(series: Series, results: Sequence[DayResult]) -> list[Standing]:
    """Return how the gateway stands against the ports; nothing where no day was compared."""
    everybody = by_name(results)
    return [_standing(demand, everybody) for demand in demands(series)] if everybody else []


def _standing(demand: Demand, everybody: Mapping[str, list[DayFigures]]) -> Standing:
    measure = demand.measure
    values = {name: measure.value(everybody[name]) for name in demand.of}
    name = (max if measure.most_is_best else min)(values, key=values.__getitem__)
    return Standing(
        demand=demand,
        days=len(everybody[GATEWAY]),
        own=measure.value(everybody[GATEWAY]),
        best=values[name],
        best_name=name,
    )


# --- what is better, and what is worse -----------------------------------------------------------


def comparison_lines(series: Series, results: Sequence[DayResult]) -> Iterator[str]:
    """Give the part of the page that compares; nothing where no day was compared."""
    everybody = by_name(results)
    if not everybody:
        return
    days = len(everybody[GATEWAY])
    yield f"The figures of all controllers on the same days ({days}):"
    yield ""
    yield "| controller | " + " | ".join(one.title for one in MEASURES) + " |"
    yield "|---" * (len(MEASURES) + 1) + "|"
    for name, figures in everybody.items():
        yield f"| {name} | " + " | ".join(one.shown(figures) for one in MEASURES) + " |"
    yield ""
    for name in PORTS:
        yield f"- {_sentence(name, everybody[name], everybody[GATEWAY])}"
    yield ""
    yield "| against real products | gateway | they | ratio | met |"
    yield "|---|---|---|---|---|"
    for one in standings(series, results):
        yield f"| {one.demand.words} | {' | '.join(_cells(one))} | {_met(one)} |"


def _sentence(name: str, others: Sequence[DayFigures], own: Sequence[DayFigures]) -> str:
    """Return in what somebody is beaten, and in what not."""
    better, worse, equal = [], [], []
    for one in MEASURES:
        mine, theirs = one.shown(own), one.shown(others)
        if mine == theirs:
            equal.append(f"{one.words} ({mine})")
        elif (one.value(own) > one.value(others)) == one.most_is_best:
            better.append(f"{one.words} ({mine}, not {theirs})")
        else:
            worse.append(f"{one.words} ({mine}, {name} {theirs})")
    parts = [
        f"**{name}** is beaten in {_list(better)}."
        if better
        else f"**{name}** is beaten in nothing.",
        f"The gateway is worse in {_list(worse)}." if worse else "The gateway is worse in nothing.",
    ]
    if equal:
        parts.append(f"No difference in {_list(equal)}.")
    return " ".join(parts)


def _list(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]


def standing_lines(series: Series, results: Sequence[DayResult]) -> Iterator[str]:
    """Give the verdicts as text for a terminal."""
    for one in standings(series, results):
        own, other, ratio = _cells(one)
        mark = " " if one.kept else "!"
        yield f" {mark} {one.demand.words}: {own}, {other}, ratio {ratio} ({one.days} days)"


def _cells(one: Standing) -> tuple[str, str, str]:
    text = one.demand.measure.text
    ratio = "-" if one.ratio is None else f"{one.ratio:.3f}"
    return text.format(one.own), f"{one.best_name} {text.format(one.best)}", ratio


def _met(one: Standing) -> str:
    return "yes" if one.kept else "**no**"
