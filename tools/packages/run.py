"""Runs the commands of a build."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOM = 2 << 30  # bytes


class PackagingError(Exception):
    """A package cannot be made; says why, and what to do."""


def run(*argv: str) -> str:
    """Run a command of the build in the repository and return what it prints. Raises: PackagingError."""
    try:
        done = subprocess.run(  # noqa: S603 - commands of the build, no word of them from outside
            argv, capture_output=True, text=True, check=False, cwd=ROOT
        )
    except OSError as err:
        raise PackagingError(f"{argv[0]} cannot be started: {err.strerror}") from err
    if done.returncode:
        raise PackagingError(f"{' '.join(argv)}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def memory() -> Path | None:
    """Return a folder in memory, if there is one with room: a Debian is made there four times as fast."""
    folder = Path("/dev/shm")  # noqa: S108 - what is made in it has a name of its own
    has_room = folder.is_dir() and shutil.disk_usage(folder).free > ROOM
    return folder if has_room else None
