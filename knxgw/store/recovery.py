"""What becomes of a damaged state file: it is put aside, what can be read of it goes into a new one.

The damaged file stays for whoever wants to look at it; of several the newest few.
"""

import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

MOST_KEPT = 3
_LOG_FILES = ("-wal", "-shm")


def put_aside(path: Path, open_file: Callable[[Path], sqlite3.Connection]) -> Path:
    """Put a damaged file aside and leave a new one in its place; return where the old one is.

    The new one holds every row that can be read of the old. A power cut in between leaves the old
    file where it was. Raises: OSError, sqlite3.Error.
    """
    new = path.with_name(f"{path.name}.new")
    _remove(new)
    fresh = open_file(new)
    try:
        _salvage(path, fresh)
    finally:
        fresh.close()
    aside = _free_name(path)
    for suffix in _LOG_FILES:  # they belong to the old file: a new one must not find them
        if (log := path.with_name(path.name + suffix)).exists():
            log.replace(aside.with_name(aside.name + suffix))
    _link(path, aside)
    new.replace(path)
    _forget_oldest(path)
    return aside


def tables_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the tables of a file, each with its columns as a list for SQL."""
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return {
        str(name): ", ".join(
            str(column) for _, column, *_ in connection.execute(f"PRAGMA table_info({name})")
        )
        for (name,) in names
    }


def readable(text: bytes) -> str:
    """Return a stored text even where it is none."""
    return text.decode(errors="replace")


def _salvage(damaged: Path, fresh: sqlite3.Connection) -> None:
    """Copy every row that can be read, from both ends of each table."""
    old = sqlite3.connect(damaged, isolation_level=None)
    old.text_factory = readable
    try:
        fresh.execute("BEGIN")
        for table, columns in tables_of(fresh).items():
            for order in ("ASC", "DESC"):
                _copy(old, fresh, table, columns, order)
        fresh.execute("COMMIT")
    finally:
        old.close()


def _copy(
    old: sqlite3.Connection, fresh: sqlite3.Connection, table: str, columns: str, order: str
) -> None:
    places = ", ".join("?" * len(columns.split(", ")))
    insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - our names
    try:
        rows = old.execute(f"SELECT {columns} FROM {table} ORDER BY rowid {order}")  # noqa: S608 - as above
        for row in rows:
            fresh.execute(insert, row)
    except sqlite3.Error:
        return  # up to here; the rows behind it are tried from the other end


def _free_name(path: Path) -> Path:
    """Return a name for the damaged file that says when it was written last."""
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    name = f"{path.name}.damaged-{written:%Y%m%dT%H%M%SZ}"
    aside, number = path.with_name(name), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{name}-{number}")
    return aside


def _link(path: Path, aside: Path) -> None:
    """Give the file its other name; the first one is overwritten next."""
    try:
        os.link(path, aside)
    except OSError:  # a file system without links
        path.replace(aside)


def _forget_oldest(path: Path) -> None:
    logs = tuple(f"*{suffix}" for suffix in _LOG_FILES)
    kept = [one for one in path.parent.glob(f"{path.name}.damaged-*") if not _matches(one, logs)]
    by_age = sorted(kept, key=lambda one: (one.stat().st_mtime_ns, one.name))
    for old in by_age[:-MOST_KEPT]:
        _remove(old)


def _matches(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(path.match(pattern) for pattern in patterns)


def _remove(path: Path) -> None:
    for suffix in ("", *_LOG_FILES):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
