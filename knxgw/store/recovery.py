"""Recovery of a damaged state file: it is put aside, and its readable rows go into a new file.

The newest `MOST_KEPT` damaged files are kept for examination.
"""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

MOST_KEPT = 3
LOG_FILES = ("-wal", "-shm")


class OpenFile(Protocol):
    """Opens or creates a file of a schema."""

    def __call__(self, path: Path, *, schema: int) -> sqlite3.Connection:
        """Return the open file. Raises: sqlite3.Error."""


def put_aside(path: Path, open_file: OpenFile, schemas: Sequence[Mapping[str, str]]) -> Path:
    """Put a damaged file aside and a new one in its place; return the path of the damaged file.

    The new file holds every row that can still be read, in the schema of the damaged file; opening
    it migrates it. `schemas` are the columns of each table, by schema version. A power cut in between
    leaves the old file in place. Raises: OSError, sqlite3.Error.
    """
    new = path.with_name(f"{path.name}.new")
    _remove(new)
    fresh = open_file(new, schema=_schema_of(path, schemas))
    try:
        _salvage(path, fresh)
    finally:
        fresh.close()
    aside = _free_name(path)
    for suffix in LOG_FILES:  # they belong to the old file: a new one must not find them
        if (log := path.with_name(path.name + suffix)).exists():
            log.replace(aside.with_name(aside.name + suffix))
    _link(path, aside)
    new.replace(path)
    _remove_oldest(path)
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
    """Decode a stored text; bytes that are no UTF-8 become replacement characters."""
    return text.decode(errors="replace")


def _schema_of(damaged: Path, schemas: Sequence[Mapping[str, str]]) -> int:
    """Return the schema that a damaged file is most like; the newest where nothing tells."""
    newest = len(schemas) - 1
    old = sqlite3.connect(damaged, isolation_level=None)
    try:
        tables = tables_of(old)
    except sqlite3.Error:
        return newest
    finally:
        old.close()
    return max(
        range(newest, 0, -1),
        key=lambda schema: sum(tables.get(name) == text for name, text in schemas[schema].items()),
    )


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
        return  # the rows beyond the damage are read from the other end


def _free_name(path: Path) -> Path:
    """Return an unused name for the damaged file, with the time of its last write."""
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    name = f"{path.name}.damaged-{written:%Y%m%dT%H%M%SZ}"
    aside, number = path.with_name(name), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{name}-{number}")
    return aside


def _link(path: Path, aside: Path) -> None:
    """Give the file its second name; the caller overwrites the first one next."""
    try:
        os.link(path, aside)
    except OSError:  # a file system without links
        path.replace(aside)


def forget_damaged(path: Path) -> None:
    """Remove what was put aside of a file. Raises: OSError."""
    for old in (*_damaged(path), path.with_name(f"{path.name}.new")):
        _remove(old)


def _remove_oldest(path: Path) -> None:
    for old in _damaged(path)[:-MOST_KEPT]:
        _remove(old)


def _damaged(path: Path) -> list[Path]:
    """Return the files that were put aside, the oldest first."""
    logs = tuple(f"*{suffix}" for suffix in LOG_FILES)
    found = path.parent.glob(f"{path.name}.damaged-*")
    kept = [file for file in found if not _matches(file, logs)]
    return sorted(kept, key=lambda file: (file.stat().st_mtime_ns, file.name))


def _matches(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(path.match(pattern) for pattern in patterns)


def _remove(path: Path) -> None:
    for suffix in ("", *LOG_FILES):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
