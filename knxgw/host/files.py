"""Files of the machine that others may read: replaced so that a power cut leaves the old or the new one.

The twin of `store.private_files`, for files that belong to root and not to the state directory.
"""

import os
from contextlib import suppress
from pathlib import Path

READABLE = 0o644  # services of the system run as users of their own
LARGEST = 1 << 16  # bytes


def write_readable(path: Path, text: str) -> None:
    """Replace a file. Raises: OSError, and the old one is still there."""
    new = path.with_name(f"{path.name}.new")
    with suppress(FileNotFoundError):
        new.unlink()
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, READABLE)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(text.encode())
            os.fchmod(descriptor, READABLE)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    sync_folder(path.parent)


def read_text(path: Path) -> str:
    """Return what a file says, "" where there is none. Raises: OSError."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def remove(path: Path) -> None:
    """Remove a file, if it is there, for good. Raises: OSError."""
    with suppress(FileNotFoundError):
        path.unlink()
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let what was renamed or removed in a folder survive a power cut. Raises: OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
