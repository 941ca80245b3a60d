"""`python -m tests.scenarios [SCENARIO...]`: every scenario in every order, at every offset.

What is varied, and what is expected then, is said in `variations.py`.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import click

from bench.days.day_run import collect_seldom
from tests.scenarios.variations import (
    FILES,
    OFFSETS,
    ORDERS,
    Variation,
    broken,
    scenario_of,
    variations,
)

Job = tuple[str, Variation]
SHOWN_S = 30.0  # between progress lines where no terminal shows them


def run(job: Job) -> tuple[Job, list[str]]:
    """Run one variation, in a process of its own."""
    name, variation = job
    return job, broken(scenario_of(name), variation)


def main() -> int:
    """Do what the command line says; 0: everything goes as expected."""
    parser = argparse.ArgumentParser(prog="scenarios", description=__doc__)
    known = {path.stem for path in FILES}
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="else all")
    parser.add_argument("--offsets", type=int, default=OFFSETS)
    parser.add_argument("--orders", type=int, default=ORDERS, help="of four points and more")
    parser.add_argument("--seed", type=int, default=0, help="of these orders")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if unknown := set(options.scenarios) - known:
        parser.error(f"there is no scenario {min(unknown)}")
    jobs: list[Job] = [
        (name, variation)
        for name in options.scenarios or sorted(known)
        for variation in variations(
            scenario_of(name), orders=options.orders, offsets=options.offsets, seed=options.seed
        )
    ]
    random.Random(options.seed).shuffle(jobs)  # noqa: S311 - long and short ones mixed
    with ProcessPoolExecutor(options.jobs, initializer=collect_seldom) as pool:
        results = dict(_watched(pool.map(run, jobs, chunksize=4), len(jobs)))
    return _report(results)


def _watched(
    results: Iterator[tuple[Job, list[str]]], total: int
) -> Iterator[tuple[Job, list[str]]]:
    """Give the results on, and show how far they are."""
    is_seen = sys.stderr.isatty()
    started_s = shown_s = time.perf_counter()
    bad = 0
    for done, (job, failures) in enumerate(results, 1):
        bad += bool(failures)
        now_s = time.perf_counter()
        if now_s - shown_s > (0.2 if is_seen else SHOWN_S) or done == total:
            left_s = (now_s - started_s) / done * (total - done)
            line = f"{done} of {total} variations, {bad} failed, {left_s:.0f} s left"
            click.echo(f"\r{line}\033[K" if is_seen else line, err=True, nl=not is_seen)
            shown_s = now_s
        yield job, failures
    if is_seen:
        click.echo(err=True)


def _report(results: dict[Job, list[str]]) -> int:
    """Print what failed; return the exit status."""
    bad = {job: failures for job, failures in sorted(results.items(), key=_place) if failures}
    if bad:
        click.echo(f"{'scenario':<9} {'order':<10} {'shift s':>7}  first failure")
    for (name, variation), failures in bad.items():
        order = "".join(map(str, variation.order))
        click.echo(f"{name:<9} {order:<10} {variation.shift_s:>7g}  {failures[0]}")
    click.echo(f"{len(results)} variations, {len(bad)} failed")
    return 1 if bad else 0


def _place(item: tuple[Job, list[str]]) -> tuple[str, tuple[int, ...], float]:
    (name, variation), _ = item
    return name, variation.order, variation.shift_s


if __name__ == "__main__":
    sys.exit(main())
