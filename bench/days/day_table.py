"""Finished days in a table that can be published: a long run goes on with it on another day, or elsewhere.

One line of JSON a day, after a line that says by which rules (a commit) all of them were run. Pictures are not
in it: a day that is to be drawn is run again.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.days.day_figures import DayFigures
from bench.days.day_run import DayResult, Job
from bench.days.series import BY_NAME


class OtherRulesError(Exception):
    """The days of a table were run by other rules; it is given up, or these are run from their commit."""


def read_table(path: Path, rules: str) -> list[DayResult]:
    """Return the days that a table has; none if there is no such file. Raises: OtherRulesError."""
    if not path.exists():
        return []
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    if json.loads(head) != {"rules": rules}:
        raise OtherRulesError(f"{path}: its days were run by other rules than {rules}: {head}")
    return [_result(json.loads(line)) for line in lines]


def write_table(path: Path, rules: str, results: Iterable[DayResult]) -> None:
    """Write a table of days, by series and seed."""
    names = list(BY_NAME)
    days = {replace(one.job, draws=False): one for one in results}.values()
    ordered = sorted(days, key=lambda one: (names.index(one.job.series.name), one.job.seed))
    lines = [{"rules": rules}, *map(_row, ordered)]
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text("".join(f"{json.dumps(one)}\n" for one in lines), encoding="utf-8")
    unfinished.replace(path)  # a run that is killed leaves the table of before


def _row(result: DayResult) -> dict[str, Any]:
    job = result.job
    return {
        "series": job.series.name,
        "seed": job.seed,
        "hours": job.hours,
        "counts_telegrams": job.counts_telegrams,
        "compares": job.compares,
        "run_s": round(result.run_s, 1),
        "figures": {who: asdict(figures) for who, figures in result.figures.items()},
    }


def _result(row: dict[str, Any]) -> DayResult:
    job = Job(
        seed=row["seed"],
        series=BY_NAME[row["series"]],
        hours=row["hours"],
        counts_telegrams=row["counts_telegrams"],
        compares=row["compares"],
    )
    figures = {
        who: replace(found, violations=tuple(found.violations))
        for who, found in ((who, DayFigures(**one)) for who, one in row["figures"].items())
    }
    return DayResult(job=job, figures=figures, run_s=row["run_s"])
