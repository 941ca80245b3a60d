"""docs/load-management.md: what is measured, all series in one view, details, the worst day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from bench.days.comparison import comparison_lines
from bench.days.day import HOUR_S
from bench.days.day_plots import LEAST_SHOWN, day_plot, hour_plot, utilisation_plot
from bench.days.day_run import DayResult
from bench.days.series import Series
from bench.days.tables import acceptance_lines, by_series, missed_lines, overview_lines
from bench.days.worst_day import WorstDay, worst_lines

TUNED = range(1, 21)  # seeds on which the rules were tuned

INTRODUCTION = """\
# Load management, measured

Nothing here is from a real site: the gateway's own rules run against a simulated building, smart
meter, five chargers and their vehicles (the bench of [bench.md](bench.md)), and every figure can be had
again from its seed.
"""
MEASURED = """\
## What is measured

Each *day* is drawn at random from a seed. A building behind a 50 A fuse, of which 4 A are kept in
reserve, so that the line shall carry no more than **46 A** per phase. It switches appliances (1 to 10 A
on one phase, on average each 5 minutes), three-phase loads (6 to 14 A, each hour) and an
instantaneous heater of 26 A on all phases (each 2 hours), and is never quite still. At five charging
points of 16 A vehicles come and go, stay for 2 to 10 hours and take all they get; some use one phase,
some no more than 10 A; some obey at once, some after seconds. Five such vehicles beside a heater do
not fit: then the gateway lets them take turns.

Each day is run in several *series*. In the main ones the meter looks each 2 s and tells it 1 s later, or
looks each 10 s and tells it 2 s later, and each of these once more with faults: 1 % of the meter's
telegrams are lost, 0.5 % of the writes to chargers fail, each hour one charging point cannot be reached
for five minutes, and the clock jumps by an hour now and then. Chargers are read each second. Each further
series is the first one with one thing changed. Building and vehicles of a seed are the same in all.

| figure | in plain words |
|---|---|
| utilisation | the energy the vehicles got, as a share of what an all-knowing allocation would have given: one that sees every change of the building at once, and whose vehicles follow at once ([what it can and cannot do](bench.md#what-is-taken-for-possible)) |
| excess the gateway caused | A·s above the limit (and 0.5 A) that its raises and starts since the last telegram within the limit added, those still in flight then included, as far as they were too much by what the meter had told. 0: it never raised too far. Excused is only what nobody could know: that the building took more than the meter had told within the window of the peak-hold, and what vehicles and chargers do by themselves; nothing is excused to a raise on a value that is too old ([in full](bench.md#what-the-controller-caused)) |
| excess with a part of its raises | the same with nothing excused: raises that were right by all that was told, and a building that took more before the meter told it. No rule can avoid it but never raising, so nothing is accepted or missed here |
| overload longer than allowed | an overload the building causes must be over soon after the meter could tell it: by how many seconds the worst one was late (time in which chargers that cannot be reached are too much by themselves does not count) |
| breaker stress | how much of a breaker's patience was used up; 1 is a trip. Limits: 0.20 with a fast meter, 0.40 with the 10 s meter, or 1.3 times what is left when all charging points are switched off at the first telegram above the limit |
| fairness | whether the charging points got equal shares of what each of them could have had, had they taken turns at every moment (Jain's index, 1: exactly) |
| worst-served charging point | the least of these shares, as part of their mean |
| longest wait | how long a vehicle that wanted current had 0 A |
| wait for current longer than allowed | a vehicle that wants current and has 0 A may wait for the turns of the others: with n that want and k whose minima fit beside the building, n/k rounded up, less one, turns of 15 min, and a minute; where all fit all the time, a minute. By how many seconds the worst wait was longer |
| locked out | without the queue: how long in the day some vehicle wanted current and had 0 A because of an overcurrent |
| current taken | how often load management took a vehicle's current altogether |
| stays without energy | vehicles that were there for half an hour or longer and got nothing |
| KNX telegrams | what the gateway sends by itself with every group object linked (no answers to reads), in the first day of each series |
| lost sessions | stays of which no session tells, or one with less than 95 % of the energy |
| invariants | what must hold at every moment: see [bench.md](bench.md) |

What could not fail in the bench is not shown: how soon a meter value is answered and an offer is said (a decision takes no time
here), and how many telegrams leave in a second (the gateway's outbox holds them back).
"""
COMPARED = """\
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
PLOTS, WORST_PLOT = "plots", "worst-hour.svg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the page is made from."""

    results: Sequence[DayResult]
    worst: WorstDay | None = None
    tuned_until: str | None = None  # the commit that ended the tuning


def write_report(page: Page, path: Path) -> None:
    """Write the page, and its plots beside it."""
    folder = path.parent / PLOTS
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in plots(page).items():
        (folder / name).write_text(text, encoding="utf-8")
    path.write_text("\n".join(page_lines(page)) + "\n", encoding="utf-8")


def plots(page: Page) -> dict[str, str]:
    """Return the plots by their file names."""
    found = {}
    for series, days in by_series(page.results).items():
        if not series.is_main:
            continue
        ordered = sorted(days, key=lambda one: one.job.seed)
        name = f"utilisation-{series.name}.svg"
        found[name] = utilisation_plot(ordered, f"Utilisation of each day, {series.title}")
        for one in ordered:
            if one.picture is not None and not series.faults:
                found[f"day-{series.name}.svg"] = day_plot(one.picture)
                found[f"hour-{series.name}.svg"] = hour_plot(one.picture)
    if page.worst is not None:
        job = page.worst.job
        title = f"The worst hour, seed {job.seed}, {job.series.title}"
        found[WORST_PLOT] = hour_plot(page.worst.picture, title)
    return found


def page_lines(page: Page) -> Iterator[str]:
    """Give the lines of the page."""
    results = page.results
    yield INTRODUCTION
    yield from _which_days(page)
    yield MEASURED
    yield "## All series"
    yield ""
    yield from overview_lines(results)
    yield ""
    yield from _further(results)
    yield ""
    yield "## What is below its mark"
    yield ""
    yield from _missed(results)
    yield ""
    yield "## The main series"
    yield ""
    yield COMPARED
    for series, days in by_series(results).items():
        if series.is_main:
            yield from _details(series, days)
    if page.worst is not None:
        yield ""
        yield from worst_lines(page.worst, f"{PLOTS}/{WORST_PLOT}")
    yield ""
    yield from _again(results)


def _which_days(page: Page) -> Iterator[str]:
    """Say which days these are, and on which the rules were tuned."""
    seeds = sorted({one.job.seed for one in page.results})
    tuned = [seed for seed in seeds if seed in TUNED]
    words = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    yield f"The rules were tuned on seeds {TUNED[0]} to {TUNED[-1]} and no others. The days below are {words}"
    if tuned:
        yield "**which the rules were tuned on**: they say nothing of days that nobody has seen."
    elif page.tuned_until is None:
        yield "which the rules were not tuned on."
    else:
        yield f"which nobody had run before commit `{page.tuned_until}`, with which the tuning ended."
    yield ""


def _further(results: Sequence[DayResult]) -> Iterator[str]:
    """Say what is different in each further series."""
    for series in by_series(results):
        if not series.is_main:
            yield f"- *{series.title}*: {series.about}"


def _missed(results: Sequence[DayResult]) -> Iterator[str]:
    found = False
    for series, days in by_series(results).items():
        for line in missed_lines(series, days):
            found = True
            yield f"- **{series.title}**: {line}"
    if not found:
        yield "Nothing: every figure of every series is accepted."


def _details(series: Series, days: Sequence[DayResult]) -> Iterator[str]:
    yield ""
    yield f"### {series.title[0].upper()}{series.title[1:]}"
    yield ""
    if len(days) > 1:
        yield f"{len(days)} days. *Worst* is the worst of them."
        yield ""
    yield from acceptance_lines(series, days)
    yield ""
    yield from comparison_lines(series, days)
    yield ""
    yield f"![Utilisation of each day, where it is {LEAST_SHOWN} or more]({PLOTS}/utilisation-{series.name}.svg)"
    if not series.faults and any(one.picture is not None for one in days):
        yield ""
        yield f"![Currents of a day]({PLOTS}/day-{series.name}.svg)"
        yield ""
        yield f"![Currents of its busiest hour]({PLOTS}/hour-{series.name}.svg)"


def _again(results: Sequence[DayResult]) -> Iterator[str]:
    """Say how to have it again."""
    first, hours = results[0].job, results[0].job.hours
    speed = fmean(one.job.hours * HOUR_S / one.run_s for one in results)
    yield "## To have it again"
    yield ""
    yield (
        '`make days ARGS="--report docs/load-management.md --keep FOLDER"` runs all of it and writes this '
        f"page ({len(results)} days of {hours:g} h; one core runs a day at about {speed:.0f} times real "
        "time, and what it is compared with takes longer). Finished days are kept in the folder, so that a "
        "run can be gone on with. "
        f'One day alone: `make days ARGS="--series {first.series.name} --first {first.seed} --seeds 1"`; '
        "`--list` names the series."
    )
