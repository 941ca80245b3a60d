"""The tables of docs/load-management.md, and the same figures as text for a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.days.acceptance import Criterion, Verdict, judge
from bench.days.comparison import standing_lines, standings
from bench.days.day_figures import DayFigures
from bench.days.day_run import GATEWAY, DayResult
from bench.days.series import EVERY_SERIES, Series

MOST_SEEDS = 8  # that are named in a table


def by_series(results: Sequence[DayResult]) -> dict[Series, list[DayResult]]:
    """Return the results of each series there is, in the order of the page."""
    return {
        series: days
        for series in EVERY_SERIES
        if (days := [one for one in results if one.job.series == series])
    }


def verdicts(series: Series, days: Sequence[DayResult]) -> list[Verdict]:
    """Return what the days of a series come to."""
    return judge(series, [(one.job.seed, one.figures[GATEWAY]) for one in days])


# --- all series in one view ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A figure of the table of all series: its mean, its worst day, or both."""

    title: str
    of: str  # field of DayFigures
    digits: int
    scale: float = 1.0
    mean: bool = True
    worst: bool = True
    at_least: bool = False  # less is worse

    def text(self, days: Sequence[DayFigures]) -> str:
        """Return what stands in a cell."""
        values = [float(getattr(day, self.of)) * self.scale for day in days]
        shown = [fmean(values)] if self.mean else []
        if self.worst:
            shown.append(min(values) if self.at_least else max(values))
        return " / ".join(f"{value:.{self.digits}f}" for value in shown)


COLUMNS = (
    Column(title="utilisation, mean / worst", of="utilisation", digits=3, at_least=True),
    Column(title="caused, worst [A·s]", of="caused_as", digits=2, mean=False),
    Column(title="stress (B), mean / worst", of="stress_b", digits=2),
    Column(title="above the fuse [A·s/day]", of="overcurrent_fuse_as", digits=0, worst=False),
    Column(title="writes [1/h]", of="writes_per_h", digits=1, worst=False),
    Column(title="longest wait [min]", of="longest_wait_s", digits=0, scale=1 / 60, mean=False),
    Column(title="worst-served", of="worst_served", digits=3, mean=False, at_least=True),
    Column(title="locked out, worst [min/day]", of="locked_out_s", digits=1, scale=1 / 60,
           mean=False),
)  # fmt: skip


def overview_lines(results: Sequence[DayResult]) -> Iterator[str]:
    """Give the table of all series."""
    yield "| series | days | " + " | ".join(one.title for one in COLUMNS) + " | all marks met |"
    yield "|---" * (len(COLUMNS) + 3) + "|"
    for series, days in by_series(results).items():
        own = [one.figures[GATEWAY] for one in days]
        cells = " | ".join(one.text(own) for one in COLUMNS)
        missed = len(list(missed_lines(series, days)))
        yield f"| {series.title} | {len(days)} | {cells} | {f'**no** ({missed})' if missed else 'yes'} |"


def missed_lines(series: Series, days: Sequence[DayResult]) -> Iterator[str]:
    """Give in words what a series misses."""
    for verdict in verdicts(series, days):
        if verdict.kept:
            continue
        one = verdict.criterion
        seen = verdict.mean if one.of_mean else verdict.worst
        yield f"{one.name}: {value_text(one, seen)}, accepted {limit_text(one)}{_seeds(verdict)}"
    for standing in standings(series, days):
        if not standing.kept:
            shown = standing.demand.measure.text
            yield (
                f"{standing.demand.words}: {shown.format(standing.own)}, "
                f"{standing.best_name} {shown.format(standing.best)}"
            )


def _seeds(verdict: Verdict) -> str:
    seeds = ", ".join(map(str, verdict.missed[:MOST_SEEDS]))
    more = " ..." if len(verdict.missed) > MOST_SEEDS else ""
    return f" (seeds {seeds}{more})" if verdict.missed else ""


# --- a series ------------------------------------------------------------------------------------


def acceptance_lines(series: Series, days: Sequence[DayResult]) -> Iterator[str]:
    """Give the table of a series: each figure, what is accepted, what it came to."""
    yield "| figure | accepted | mean | worst | met |"
    yield "|---|---|---|---|---|"
    for verdict in verdicts(series, days):
        one = verdict.criterion
        yield (
            f"| {one.name} | {limit_text(one)} | {value_text(one, verdict.mean)} "
            f"| {value_text(one, verdict.worst)} | {_met(verdict)} |"
        )
    parts = [one.figures[GATEWAY].part_as for one in days]
    yield f"| excess with a part of its raises | - | {fmean(parts):.2f} A·s | {max(parts):.2f} A·s | - |"


def limit_text(one: Criterion) -> str:
    """Return what is accepted."""
    sign = "≥" if one.at_least else "≤"
    limit = f"{one.limit:.6g}" if one.limit != int(one.limit) else f"{int(one.limit)}"
    if round(one.limit, 3) != one.limit:  # just below a whole number
        sign, limit = "<", f"{round(one.limit)}"
    return f"{sign} {limit} {one.unit}".rstrip()


def value_text(one: Criterion, value: float | None) -> str:
    """Return a value of a figure; `None`: not measured."""
    return "-" if value is None else f"{value:.{one.digits}f} {one.unit}".rstrip()


def _met(verdict: Verdict) -> str:
    if verdict.mean is None:
        return "-"
    return "yes" if verdict.kept else f"**no**{_seeds(verdict)}"


# --- for a terminal ------------------------------------------------------------------------------


def summary_lines(results: Sequence[DayResult]) -> Iterator[str]:
    """Give the figures of each series, and all series in one view, as text."""
    for series, days in by_series(results).items():
        yield f"{series.title}, {len(days)} days"
        for verdict in verdicts(series, days):
            one = verdict.criterion
            mark = " " if verdict.kept else "!"
            yield (
                f" {mark} {one.name:<46} {limit_text(one):>12}"
                f"  mean {value_text(one, verdict.mean):>12}"
                f"  worst {value_text(one, verdict.worst):>12}"
            )
        yield from standing_lines(series, days)
    yield ""
    yield from _aligned(overview_lines(results))


def _aligned(lines: Iterator[str]) -> Iterator[str]:
    """Give the rows of a table with columns below each other."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = [row for row in rows if set(row) != {"---"}]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        yield f"{row[0]:<{widths[0]}}  " + "  ".join(cells)
