"""Why the state cannot be read or written, and what the installer can do about it."""

import errno
import os
import sqlite3
from pathlib import Path

OUR_FILES = "knxgw.*"  # in a state directory
_FULL = "the disk is full; free some space on it"
_READ_ONLY = (
    "it cannot be written; make it writable for this user, or give another directory with --state"
)
_DISK = "the disk reports errors; replace it, or give another directory with --state"
_BUSY = "another program uses it; close that program"
_TEXTS = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _READ_ONLY,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
}
_ERRNO_TEXTS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "the quota of this user is used up; free some space",
    errno.EIO: _DISK,
    errno.ENOTDIR: "a file stands in its way; give another directory with --state",
    errno.EEXIST: "a file stands in its way; give another directory with --state",
    errno.ENOLCK: "its file system has no locks; give a directory on a local disk with --state",
}
# Errors that only a new file cures: the content is not what this program wrote.
_DAMAGED = frozenset(
    {
        sqlite3.SQLITE_ERROR,  # a table is missing or is another
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_SCHEMA,
        sqlite3.SQLITE_MISMATCH,
    }
)


_DAMAGE = "its content is damaged; if it happens again, replace the disk"


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file's content is damaged, so that only a new file helps."""
    return primary_code(error) in _DAMAGED


def remedy(error: sqlite3.Error | OSError, directory: Path) -> str:
    """Return a text that says what is wrong with the state in a directory and what to do."""
    if is_full(directory):  # SQLite reports several different errors then
        return _FULL
    if (obstacle := _in_the_way(directory)) is not None:
        return f"{obstacle.name} in it is no file; move it away, or give another directory with --state"
    if isinstance(error, OSError):
        return _ERRNO_TEXTS.get(error.errno or 0, f"{error.strerror or error}; {_READ_ONLY}")
    if is_damage(error):
        return f"{_DAMAGE} ({error})"
    return _TEXTS.get(primary_code(error), str(error))


def _in_the_way(directory: Path) -> Path | None:
    """Return a directory or dangling link that has the name of a state file, if there is one."""
    try:
        return next((path for path in directory.glob(OUR_FILES) if not path.is_file()), None)
    except OSError:
        return None


def is_full(directory: Path) -> bool:
    """Tell whether a directory has no room left."""
    try:
        return os.statvfs(directory).f_bavail == 0
    except OSError:
        return False


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its details; 0 for an error of the library itself."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def unusable(directory: Path, error: sqlite3.Error | OSError) -> str:
    """Return the message of a start that fails for its state directory."""
    return f"the state in {directory} cannot be used: {remedy(error, directory)}"
