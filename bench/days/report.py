"""docs/load-management.md: what is measured, all series in one view, details, the worst day."""

import platform
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

None of these figures comes from a real site. The gateway's own rules run against a simulated building,
smart meter, five chargers and their vehicles (the bench of [bench.md](bench.md)), and every figure can be
reproduced from its seed.
"""
MEASURED = """\
## What is measured

Each *day* is drawn at random from a seed. A building is behind a 50 A fuse, with 4 A kept in reserve, so
the line may carry up to **46 A** per phase. The building switches appliances (1 to 10 A on one phase, every
5 minutes on average), three-phase loads (6 to 14 A, every hour) and an instantaneous heater of 26 A on all
phases (every 2 hours); its base load never stands quite still. At five charging points of 16 A vehicles
come and go, stay for 2 to 10 hours and take all they can get. Some use one phase, some draw at most 10 A;
some follow the offer at once, some after seconds. Five such vehicles and a heater do not fit together: then
the gateway lets the vehicles take turns.

Each day is run in several *series*. In the main ones the meter samples every 2 s and reports 1 s later, or
samples every 10 s and reports 2 s later. Each of these is run a second time with faults: 1 % of the meter's
telegrams are lost, 0.5 % of the writes to chargers fail, every hour one charging point is unreachable for
five minutes, and the clock occasionally jumps by an hour. Chargers are read every second. Each further
series is the first one with one thing changed. The building and the vehicles of a seed are the same in all
series.

| figure | in plain words |
|---|---|
| utilisation | the energy the vehicles got, as a share of what an all-knowing allocation would have delivered: one that sees every change of the building at once, and whose vehicles follow at once ([what it can and cannot do](bench.md#what-is-taken-for-possible)) |
| excess the gateway caused | A·s above the limit (and 0.5 A) added by raises and starts since the last telegram that was within the limit, including those still in flight at that moment, as far as they were too high by the meter's reported values. 0: the gateway never raised too far. Only what cannot be known is excused: a building that draws more than the meter reported within the peak-hold window, and what vehicles and chargers do by themselves. A raise on a value that is too old is never excused ([in full](bench.md#what-the-controller-caused)) |
| excess with a part of its raises | the same with nothing excused: it includes raises that were right by all reported values, and a building that drew more before the meter reported it. Only a gateway that never raises could avoid it, so this figure has no limit |
| overload longer than allowed | an overload that the building causes must end soon after the meter could report it: by how many seconds the worst one was late (time in which unreachable chargers alone exceed the limit does not count) |
| breaker stress | how much of a breaker's thermal margin was used; 1 is a trip. Limits: 0.20 with a fast meter, 0.40 with the 10 s meter, or 1.3 times what remains when all charging points are switched off at the first telegram above the limit |
| fairness | whether the charging points received equal shares of what each could have had with turns taken at every moment (Jain's index, 1: exactly) |
| worst-served charging point | the smallest of these shares, relative to their mean |
| longest wait | how long a vehicle that wanted current had 0 A |
| wait for current longer than allowed | a vehicle that wants current and has 0 A may wait for the turns of the others. With n vehicles that want current, and k minima that fit in addition to the building, that is n/k rounded up, minus one, turns of 15 min, plus one minute; where all fit all the time, one minute. The figure says by how many seconds the worst wait was longer |
| locked out | without the queue: how long in the day some vehicle wanted current and had 0 A because of an overcurrent |
| current taken | how often load management stopped a vehicle |
| stays without energy | vehicles that stayed for half an hour or longer and received no energy |
| KNX telegrams | what the gateway sends by itself with every group object linked (no answers to reads), in the first day of each series |
| lost sessions | stays without a session, or with a session that has less than 95 % of the energy |
| invariants | rules that must hold at every moment: see [bench.md](bench.md) |

Figures that cannot fail in the bench are not shown: how soon the gateway responds to a meter value and reports an offer (a
decision takes no time here), and how many telegrams leave per second (the gateway's outbox limits them).
"""
COMPARED = """\
Other controllers also run the days without faults, on the same plant and with the same limit of 46 A.
Three are ports of real products. Each has a page that says what was ported, what was left out, and whom
that favours: [openWB](yardsticks/openwb.md), [WARP](yardsticks/warp.md) and [evcc](yardsticks/evcc.md). Two are
simple ways to share a line, as a lower bound. **Static share** uses no meter: the highest current that the
building may draw (40 A) is never allocated. That leaves 6 A, less than five vehicles need to charge at all,
so one vehicle charges with 6 A until it leaves. An installer who assumes 16 A for the building can give
each charging point 6 A permanently, and overloads the line whenever the assumption is wrong. **First come,
first served**: every 30 s a loop gives all the current it can in the order of arrival. For all of them,
utilisation is the energy as a share of one all-knowing allocation: the one that serves the vehicles that
the gateway served. *Stops* count how often load management stopped a vehicle, *writes* count changes of a
setpoint, both per charging point; *worst served* is the smallest share of a charging point, relative to the mean of all.
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
        yield f"which were not run before commit `{page.tuned_until}`, which ended the tuning."
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
    yield "## How to reproduce it"
    yield ""
    yield (
        '`make days ARGS="--report docs/load-management.md --keep FOLDER"` runs all of it and writes this '
        f"page ({len(results)} days of {hours:g} h; one core runs a day at about {speed:.0f} times real "
        f"time with {platform.python_implementation()}; the controllers it is compared with take longer). "
        "PyPy 3.11 needs about half of CPython's time, and finds the same figures. The folder keeps finished days, so that you can "
        "resume a run; `--table FILE --rules COMMIT` keeps their figures in one file instead. "
        f'One day alone: `make days ARGS="--series {first.series.name} --first {first.seed} --seeds 1"`; '
        "`--list` names the series."
    )
