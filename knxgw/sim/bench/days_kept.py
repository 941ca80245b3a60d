"""Finished days in a folder, so that a long run can be ended and gone on with.

Only for the program that wrote them: a folder belongs to one state of the rules.
"""

import pickle
from collections.abc import Sequence
from pathlib import Path

from knxgw.sim.bench.day_run import DayResult, Job


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


def _name(job: Job) -> str:
    return f"{job.series.name}-{job.seed}-{job.hours:g}h.day"
