"""Why the state cannot be read or written, and what the installer can do about it."""

import errno
import os
import sqlite3
from pathlib import Path

from knxgw.catalogue.messages import Message, message
from knxgw.catalogue.text import Text
from knxgw.errors import GatewayError, with_remedy

OUR_FILES = "knxgw.*"  # in a state directory
_FULL = message("disk_full")
_DISK = message("disk_fails")
_IN_THE_WAY = message("state_file_in_its_way")
_NOT_WRITABLE = message("state_not_writable")
_BUSY = message("state_busy")
_BY_SQLITE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _NOT_WRITABLE,
    sqlite3.SQLITE_PERM: _NOT_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _NOT_WRITABLE,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
}
_BY_ERRNO = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: message("disk_quota_used_up"),
    errno.EIO: _DISK,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOLCK: message("file_system_without_locks"),
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


class StateError(GatewayError):
    """The state directory cannot be used; `words` say why in every language of the product."""

    def __init__(self, words: Message) -> None:
        self.words = words
        super().__init__(in_english(words))


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file's content is damaged, so that only a new file helps."""
    return primary_code(error) in _DAMAGED


def cause(error: sqlite3.Error | OSError, directory: Path) -> Message:
    """Return what is wrong with the state in a directory, with its remedy."""
    if is_full(directory):  # SQLite reports several different errors then
        return _FULL
    if (obstacle := _in_the_way(directory)) is not None:
        return message("state_name_is_no_file", name=obstacle.name)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return _BY_ERRNO.get(error.errno or 0, message("state_refused", reason=reason))
    if is_damage(error):
        return message("state_damaged", detail=str(error))
    return _BY_SQLITE.get(primary_code(error), message("sqlite_fails", detail=str(error)))


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


def unusable(directory: Path, error: sqlite3.Error | OSError) -> Message:
    """Return the message of a start that fails for its state directory."""
    why = cause(error, directory)
    remedy = Text(en=why.remedy("en"), de=why.remedy("de"))
    return message("state_unusable", remedy=remedy, directory=str(directory), cause=why)


def in_english(words: Message) -> str:
    """Return a message with its remedy in one line, as the log shows it."""
    return with_remedy(str(words), words.remedy())
