"""docs/load-management.md: what is measured, the figures of the days, and the comparison."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from knxgw.sim.bench.acceptance import Criterion, Verdict, judge
from knxgw.sim.bench.comparison import comparison_lines, standing_lines
from knxgw.sim.bench.day import HOUR_S
from knxgw.sim.bench.day_plots import day_plot, hour_plot, utilisation_plot
from knxgw.sim.bench.day_run import GATEWAY, DayResult
from knxgw.sim.bench.series import EVERY_SERIES, Series

INTRODUCTION = """\
# Load management, measured

Written by `make days ARGS="--report docs/load-management.md"`. Nothing here is from a real site: the
gateway's own rules run against a simulated building, smart meter, five chargers and their vehicles
(the bench of [bench.md](bench.md)), and every figure can be had again from its seed.

## What is measured

Each *day* is drawn at random from a seed. A building behind a 50 A fuse, of which 4 A are kept in
reserve, so that the line shall carry no more than **46 A** per phase. It switches appliances (1 to 10 A
on one phase, on average each 5 minutes), three-phase loads (6 to 14 A, each hour) and an
instantaneous heater of 26 A on all phases (each 2 hours), and is never quite still. At five charging
points of 16 A vehicles come and go, stay for 2 to 10 hours and take all they get; some use one phase,
some no more than 10 A; some obey at once, some after seconds. Five such vehicles beside a heater do
not fit: then the gateway lets them take turns.

Each day is run four ways: with a meter that looks each 2 s and tells it 1 s later, with one that looks
each 10 s and tells it 2 s later, and each of them once more with faults: 1 % of the meter's telegrams
are lost, 0.5 % of the writes to chargers fail, each hour one charging point cannot be reached for five
minutes, and the clock jumps by an hour now and then. Chargers are read each second.

| figure | in plain words |
|---|---|
| utilisation | the energy the vehicles got, as a share of what an all-knowing allocation would have given: one that sees every change of the building at once, and whose vehicles follow at once ([what it can and cannot do](bench.md#what-is-taken-for-possible)) |
| excess the gateway caused | A·s above the limit (and 0.5 A) that its raises and starts since the last telegram within the limit added, those still in flight then included, as far as they were too much by what the meter had told. 0: it never raised too far. Excused is only what nobody could know: that the building took more than the meter had told within the window of the peak-hold, and what vehicles and chargers do by themselves; nothing is excused to a raise on a value that is too old ([in full](bench.md#what-the-controller-caused)) |
| excess with a part of its raises | the same with nothing excused: raises that were right by all that was told, and a building that took more before the meter told it. No rule can avoid it but never raising, so nothing is accepted or missed here |
| overload longer than allowed | an overload the building causes must be over soon after the meter could tell it: by how many seconds the worst one was late (time in which chargers that cannot be reached are too much by themselves does not count) |
| breaker stress | how much of a breaker's patience was used up; 1 is a trip. Limits: 0.20 with the 2 s meter, 0.40 with the 10 s meter, or 1.3 times what is left when all charging points are switched off at the first telegram above the limit |
| fairness | whether the charging points got equal shares of what each of them could have had, had they taken turns at every moment (Jain's index, 1: exactly) |
| worst-served charging point | the least of these shares, as part of their mean |
| wait for current longer than allowed | a vehicle that wants current and has 0 A may wait for the turns of the others: with n that want and k whose minima fit, n/k rounded up, less one, turns of 15 min, and a minute. Where not all fit for a shorter time, until there was room for all for 75 s (a minute, as the peak-hold sees it), and a minute. By how many seconds the worst wait was longer |
| locked out | without the queue: how long in the day some vehicle wanted current and had 0 A because of an overcurrent |
| current taken | how often load management took a vehicle's current altogether |
| stays without energy | vehicles that were there for half an hour or longer and got nothing |
| KNX telegrams | what the gateway sends by itself with every group object linked (no answers to reads), in the first day of each series |
| lost sessions | stays of which no session tells, or one with less than 95 % of the energy |
| invariants | what must hold at every moment: see [bench.md](bench.md) |

What could not fail in the bench is not shown: how soon a meter value is answered and an offer is said (a decision takes no time
here), and how many telegrams leave in a second (the gateway's outbox holds them back).

The days without faults are also run by others, on the same plant, told the same 46 A. Three are ports
of what people run, each with a page that says what was ported, what was left out and in whose favour:
[openWB](yardsticks/openwb.md), [WARP](yardsticks/warp.md) and [evcc](yardsticks/evcc.md). Two are simple ways
to share a line, the lower bound. **Static share**: nobody looks at a meter; what the building may take at
worst (40 A) is never given away. That leaves 6 A, less than five vehicles need to charge at all, so one of
them charges with 6 A until it leaves. Who takes the building for 16 A instead can give each charging point
6 A for good, and overloads the line whenever that was wrong. **First come, first served**: a loop looks
each 30 s and gives all it can to who came first. For all of them utilisation is what they gave as a share
of one all-knowing allocation, that which serves whom the gateway served. *Stops* are times a vehicle was
taken its current, *writes* changes of a setpoint, both of one charging point; *worst served* is the least
share of a charging point by the mean of all.
"""
PLOTS = "plots"


def write_report(results: Sequence[DayResult], page: Path) -> None:
    """Write the page, and its plots beside it."""
    folder = page.parent / PLOTS
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in plots(results).items():
        (folder / name).write_text(text, encoding="utf-8")
    page.write_text("\n".join(page_lines(results)) + "\n", encoding="utf-8")


def plots(results: Sequence[DayResult]) -> dict[str, str]:
    """Return the plots by their file names."""
    found = {}
    for series, days in by_series(results).items():
        ordered = sorted(days, key=lambda one: one.job.seed)
        name = f"utilisation-{_slug(series)}.svg"
        found[name] = utilisation_plot(ordered, f"Utilisation of each day, {series.title}")
        for one in ordered:
            if one.picture is not None and not series.faults:
                found[f"day-{_slug(series)}.svg"] = day_plot(one.picture)
                found[f"hour-{_slug(series)}.svg"] = hour_plot(one.picture)
    return found


def _slug(series: Series) -> str:
    return series.name


def by_series(results: Sequence[DayResult]) -> dict[Series, list[DayResult]]:
    """Return the results of each series there is, in the order of the page."""
    return {
        series: days
        for series in EVERY_SERIES
        if (days := [one for one in results if one.job.series == series])
    }


def page_lines(results: Sequence[DayResult]) -> Iterator[str]:
    """Give the lines of the page."""
    yield INTRODUCTION
    seeds = sorted({one.job.seed for one in results})
    hours = results[0].job.hours
    speed = fmean(one.job.hours * HOUR_S / one.run_s for one in results)
    yield "## The figures"
    yield ""
    yield (
        f"{len(seeds)} days of {hours:g} h (seeds {seeds[0]} to {seeds[-1]}); one core runs them at "
        f"about {speed:.0f} times real time. *Worst* is the worst day."
    )
    for series, days in by_series(results).items():
        yield ""
        yield f"### {series.title[0].upper()}{series.title[1:]}"
        yield ""
        yield f"{len(days)} days."
        yield ""
        yield from _acceptance(series, days)
        yield ""
        yield from comparison_lines(series, days)
        yield ""
        yield from _images(series, days)


def _acceptance(series: Series, days: Sequence[DayResult]) -> Iterator[str]:
    own = [(one.job.seed, one.figures[GATEWAY]) for one in days]
    yield "| figure | accepted | mean | worst | met |"
    yield "|---|---|---|---|---|"
    for verdict in judge(series, own):
        one = verdict.criterion
        yield (
            f"| {one.name} | {_limit(one)} | {_value(one, verdict.mean)} "
            f"| {_value(one, verdict.worst)} | {_met(verdict)} |"
        )
    parts = [figures.part_as for _, figures in own]
    yield f"| excess with a part of its raises | - | {fmean(parts):.2f} A·s | {max(parts):.2f} A·s | - |"


def _limit(one: Criterion) -> str:
    sign = "≥" if one.at_least else "≤"
    limit = f"{one.limit:.6g}" if one.limit != int(one.limit) else f"{int(one.limit)}"
    if round(one.limit, 3) != one.limit:  # just below a whole number
        sign, limit = "<", f"{round(one.limit)}"
    return f"{sign} {limit} {one.unit}".rstrip()


def _value(one: Criterion, value: float | None) -> str:
    return "-" if value is None else f"{value:.{one.digits}f} {one.unit}".rstrip()


def _met(verdict: Verdict) -> str:
    if verdict.mean is None:
        return "-"
    if verdict.kept:
        return "yes"
    seeds = ", ".join(map(str, verdict.missed[:8])) + (" ..." if len(verdict.missed) > 8 else "")
    return f"**no** (seeds {seeds})" if verdict.missed else "**no**"


def _images(series: Series, days: Sequence[DayResult]) -> Iterator[str]:
    yield f"![Utilisation of each day]({PLOTS}/utilisation-{_slug(series)}.svg)"
    if not series.faults and any(one.picture is not None for one in days):
        yield ""
        yield f"![Currents of a day]({PLOTS}/day-{_slug(series)}.svg)"
        yield ""
        yield f"![Currents of its busiest hour]({PLOTS}/hour-{_slug(series)}.svg)"


def summary_lines(results: Sequence[DayResult]) -> Iterator[str]:
    """Give the figures as text for a terminal."""
    for series, days in by_series(results).items():
        own = [(one.job.seed, one.figures[GATEWAY]) for one in days]
        yield f"{series.title}, {len(own)} days"
        for verdict in judge(series, own):
            one = verdict.criterion
            mark = " " if verdict.kept else "!"
            yield (
                f" {mark} {one.name:<46} {_limit(one):>12}  mean {_value(one, verdict.mean):>12}"
                f"  worst {_value(one, verdict.worst):>12}"
            )
        yield from standing_lines(series, days)
