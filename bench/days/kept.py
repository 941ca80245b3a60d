"""Finished days in a folder, so that a long run can be ended and gone on with.

A day is found again only by the program that ran it: its file is named after what the sources say.
What only writes figures down may change without running the days once more.
"""

import pickle
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import knxgw
from bench.days.day_run import DayResult, Job

WRITERS = frozenset(
    {
        "__main__.py",
        "command.py",
        "comparison.py",
        "day_plots.py",
        "day_story.py",
        "kept.py",
        "report.py",
        "svg.py",
        "tables.py",
        "worst_day.py",
    }
)
DIGITS = 8  # of the sources' sum, in the name of a file


def load_kept(folder: Path, jobs: Sequence[Job]) -> list[DayResult]:
    """Return the finished days among these jobs."""
    found: list[DayResult] = []
    for job in jobs:
        path = folder / _name(job)
        if path.is_file():
            result = pickle.loads(path.read_bytes())  # noqa: S301 - our own file
            if isinstance(result, DayResult) and result.job == job:
                found.append(result)
    return found


def save_kept(folder: Path, result: DayResult) -> None:
    """Keep a finished day."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{_name(result.job)}.part"
    unfinished.write_bytes(pickle.dumps(result))
    unfinished.replace(folder / _name(result.job))


def sum_of(program: Path, study: Path) -> str:
    """Return what tells two states of the sources apart, but for what only writes figures down."""
    total = sha256()
    for sources, left_out in ((program, frozenset[str]()), (study, WRITERS)):
        for path in sorted(sources.rglob("*.py")):
            if path.name not in left_out:
                total.update(path.relative_to(sources).as_posix().encode())
                total.update(path.read_bytes())
    return total.hexdigest()[:DIGITS]


@cache
def _own_sum() -> str:
    return sum_of(Path(knxgw.__file__).parent, Path(__file__).parent)


def _name(job: Job) -> str:
    return f"{job.series.name}-{job.seed}-{job.hours:g}h-{_own_sum()}.day"
