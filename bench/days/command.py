"""`python -m bench.days`: days at random, judged and compared; see docs/load-management.md.

Exit status: 0 every figure is accepted, 1 one is missed.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import click

from bench.days.acceptance import judge
from bench.days.comparison import standings
from bench.days.day import HOUR_S, HOURS
from bench.days.day_run import GATEWAY, DayResult, Job, collect_seldom, run_day
from bench.days.day_table import OtherRulesError, read_table, write_table
from bench.days.kept import load_kept, save_kept
from bench.days.report import Page, write_report
from bench.days.series import BY_NAME, EVERY_SERIES, MAIN_SERIES, Series
from bench.days.tables import summary_lines
from bench.days.worst_day import tell_worst, worst_of

COMPARED = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 0: every figure is accepted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.table is None) != (options.rules is None):
        parser.error("--table and --rules belong together")
    if options.list:
        for series in EVERY_SERIES:
            click.echo(f"{series.name:<18} {series.days:>2} days  {series.title}: {series.about}")
        return 0
    jobs = _jobs(options)
    try:
        table = [] if options.table is None else read_table(options.table, options.rules)
    except OtherRulesError as err:
        click.echo(str(err), err=True)
        return 2
    kept = [] if options.keep is None else load_kept(options.keep, jobs)
    finished = {one.job: one for one in (*table, *kept)}
    missing = [job for job in jobs if job not in finished]
    missing.sort(key=lambda job: job.draws)  # no table has them: they would be run over and over
    for_now = missing[: options.most]
    for result in _watched(for_now, options.jobs, options.keep):
        finished[result.job] = result
        if options.table is not None:
            write_table(options.table, options.rules, finished.values())
    results = [finished[job] for job in jobs if job in finished]
    for line in summary_lines(results):
        click.echo(line)
    if options.report is not None:
        page = Page(
            results=results,
            worst=tell_worst(worst_of(results)),
            tuned_until=options.tuned_until,
        )
        write_report(page, options.report)
    return 1 if say_missed(results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="days", description=__doc__)
    parser.add_argument(
        "--series",
        action="append",
        choices=BY_NAME,
        metavar="NAME",
        help="only this series; may be given several times",
    )
    parser.add_argument("--list", action="store_true", help="say which series there are, and end")
    parser.add_argument("--seeds", type=int, help="how many days of each series; else as listed")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--hours", type=float, default=HOURS, help="length of a day")
    parser.add_argument(
        "--meter", type=int, choices=(2, 10), help="only the main series of that meter"
    )
    parser.add_argument(
        "--faults",
        action=argparse.BooleanOptionalAction,
        help="only the main series with, or without faults",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--compared", type=int, default=COMPARED, help="how many days of each series others run too"
    )
    parser.add_argument(
        "--keep", type=Path, help="folder of finished days: they are kept, and not run again"
    )
    parser.add_argument(
        "--table", type=Path, help="table of finished days, which goes on; needs --rules"
    )
    parser.add_argument(
        "--rules",
        metavar="COMMIT",
        help="the commit that runs, for the table: another one is refused",
    )
    parser.add_argument("--most", type=int, help="end after so many days, to go on later")
    parser.add_argument("--report", type=Path, help="write the page and its plots")
    parser.add_argument(
        "--tuned-until", metavar="COMMIT", help="the commit that ended the tuning, for the page"
    )
    return parser


def _jobs(options: argparse.Namespace) -> list[Job]:
    return [
        Job(
            seed=seed,
            series=series,
            hours=options.hours,
            counts_telegrams=seed == options.first,
            compares=_compares(series) and seed < options.first + options.compared,
            draws=seed == options.first,
        )
        for series in _chosen(options)
        for seed in range(options.first, options.first + (options.seeds or series.days))
    ]


def _chosen(options: argparse.Namespace) -> list[Series]:
    """Return the series to run, in the order of the page."""
    found = [one for one in EVERY_SERIES if options.series is None or one.name in options.series]
    if options.meter is None and options.faults is None:
        return found
    return [
        one
        for one in found
        if one in MAIN_SERIES
        and options.meter in (None, round(one.meter.sample_s))
        and options.faults in (None, one.faults)
    ]


def _compares(series: Series) -> bool:
    return series.is_main and not series.faults


def _watched(jobs: Sequence[Job], processes: int, keep: Path | None) -> Iterator[DayResult]:
    """Run the days, and say of each how it went."""
    started_s = time.perf_counter()
    with ProcessPoolExecutor(processes, initializer=collect_seldom) as pool:
        longest_first = sorted(jobs, key=lambda job: not job.compares)
        running = [pool.submit(run_day, job) for job in longest_first]
        for done, future in enumerate(as_completed(running), 1):
            result = future.result()
            own, job = result.figures[GATEWAY], result.job
            left_s = (time.perf_counter() - started_s) / done * (len(jobs) - done)
            speed = job.hours * HOUR_S / result.run_s
            click.echo(
                f"{done:>3} of {len(jobs)}: seed {job.seed}, {job.series.title}: "
                f"utilisation {own.utilisation:.3f}, stress {own.stress_b:.2f}, "
                f"{speed:.0f} x real time, {left_s:.0f} s left",
                err=True,
            )
            if keep is not None:
                save_kept(keep, result)
            yield result


def say_missed(results: Sequence[DayResult]) -> bool:
    """Name each missed figure and how to see it alone; tell whether there is one."""
    found = False
    for series in EVERY_SERIES:
        days = [(one.job.seed, one.figures[GATEWAY]) for one in results if one.job.series == series]
        for verdict in judge(series, days):
            if verdict.kept:
                continue
            found = True
            seed = verdict.missed[0] if verdict.missed else days[0][0]
            click.echo(
                f"missed: {verdict.criterion.name}, {series.title}, "
                f"seeds {', '.join(map(str, verdict.missed)) or 'together'}; alone: {replay(seed, series, results)}"
            )
            for number, figures in days:
                if number in verdict.missed and verdict.criterion.name.startswith("invariants"):
                    click.echo(f"  seed {number}: {figures.violations[0]}")
        own_days = [one for one in results if one.job.series == series]
        for standing in standings(series, own_days):
            if not standing.kept:
                found = True
                click.echo(f"missed: {standing.demand.words}, {series.title}")
    return found


def replay(seed: int, series: Series, results: Sequence[DayResult]) -> str:
    """Return the command that runs a day alone."""
    hours = results[0].job.hours
    length = "" if hours == HOURS else f" --hours {hours:g}"
    return (
        f"python -m bench.days --series {series.name} --seeds 1 --first {seed} --compared 0{length}"
    )
