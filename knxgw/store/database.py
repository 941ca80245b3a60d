"""The SQLite file of a gateway: schema with versions, plain reads and writes.

Every change is one transaction in WAL mode with full synchronisation: a power cut leaves the old
or the new state, never a broken one.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knxgw.errors import GatewayError

FILE_NAME = "knxgw.sqlite"
MOST_FAULTS = 10_000

# One entry per schema version; an entry that was shipped is never changed again.
MIGRATIONS = (
    """
    CREATE TABLE state (scope INTEGER PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY, point INTEGER NOT NULL, started_at TEXT, ended_at TEXT,
        duration_s INTEGER NOT NULL, energy_mwh INTEGER NOT NULL);
    CREATE TABLE faults (
        id INTEGER PRIMARY KEY, at TEXT, point INTEGER NOT NULL, code TEXT NOT NULL,
        present INTEGER NOT NULL);
    CREATE INDEX sessions_by_point ON sessions (point, id);
    """,
    "CREATE TABLE secure_numbers (name TEXT PRIMARY KEY, number INTEGER NOT NULL);",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A closed session; times as ISO 8601 in UTC, None when the clock was not valid."""

    point: int
    started_at: str | None
    ended_at: str | None
    duration_s: int
    energy_mwh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """A fault that came or went."""

    at: str | None
    point: int  # 0: general
    code: str
    present: bool


class Database:
    """One open file; used by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        """Open or create the file. Raises: GatewayError when it cannot be used."""
        path = directory / FILE_NAME
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._migrate()
        except (OSError, sqlite3.Error) as err:
            raise GatewayError(
                f"the state in {directory} cannot be used: {err}; "
                "give another directory with --state, or make this one writable"
            ) from err

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _migrate(self) -> None:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            raise GatewayError(
                f"the state was written by a newer version (schema {version}); "
                "install that version again, or give another directory with --state"
            )
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            self._connection.executescript(
                f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;"
            )

    def load_records(self) -> dict[int, dict[str, Any]]:
        """Return the stored records by scope: 0 the station, 1… the charging points."""
        rows = self._connection.execute("SELECT scope, record FROM state").fetchall()
        return {int(scope): json.loads(record) for scope, record in rows}

    def save(
        self,
        records: Mapping[int, Mapping[str, Any]],
        sessions: Sequence[SessionRow] = (),
        faults: Sequence[FaultRow] = (),
        numbers: Mapping[str, int] | None = None,
    ) -> None:
        """Store records, closed sessions, faults and secure numbers: all of them or none.

        A secure number only grows: a lower one than the stored one changes nothing.
        """
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT OR REPLACE INTO state VALUES (?, ?)",
                [(scope, json.dumps(record)) for scope, record in records.items()],
            )
            self._connection.executemany(
                "INSERT INTO sessions (point, started_at, ended_at, duration_s, energy_mwh)"
                " VALUES (?, ?, ?, ?, ?)",
                [(s.point, s.started_at, s.ended_at, s.duration_s, s.energy_mwh) for s in sessions],
            )
            self._connection.executemany(
                "INSERT INTO faults (at, point, code, present) VALUES (?, ?, ?, ?)",
                [(fault.at, fault.point, fault.code, int(fault.present)) for fault in faults],
            )
            self._connection.executemany(
                "INSERT INTO secure_numbers VALUES (?, ?) ON CONFLICT (name)"
                " DO UPDATE SET number = excluded.number WHERE excluded.number > number",
                list((numbers or {}).items()),
            )
            self._trim()

    def load_numbers(self) -> dict[str, int]:
        """Return the secure numbers by name, as `knxgw.links.knx_numbers` names them."""
        rows = self._connection.execute("SELECT name, number FROM secure_numbers").fetchall()
        return {str(name): int(number) for name, number in rows}

    def _trim(self) -> None:
        """Forget the oldest faults beyond `MOST_FAULTS`; sessions are kept for good."""
        self._connection.execute(
            "DELETE FROM faults WHERE id <= (SELECT max(id) FROM faults) - ?", (MOST_FAULTS,)
        )

    def sessions(self, point: int | None = None, *, limit: int = 100) -> list[SessionRow]:
        """Return closed sessions, the newest first."""
        rows = self._connection.execute(
            "SELECT point, started_at, ended_at, duration_s, energy_mwh FROM sessions"
            " WHERE ?1 IS NULL OR point = ?1 ORDER BY id DESC LIMIT ?2",
            (point, limit),
        ).fetchall()
        return [
            SessionRow(point=p, started_at=s, ended_at=e, duration_s=d, energy_mwh=w)
            for p, s, e, d, w in rows
        ]

    def open_faults(self) -> list[tuple[int, str]]:
        """Return point and code of faults that came and, as far as the history says, never went."""
        rows = self._connection.execute(
            "SELECT point, code FROM faults WHERE present = 1"
            " AND id IN (SELECT max(id) FROM faults GROUP BY point, code) ORDER BY id"
        ).fetchall()
        return [(int(point), str(code)) for point, code in rows]

    def faults(self, *, limit: int = 100) -> list[FaultRow]:
        """Return the history of faults, the newest first."""
        rows = self._connection.execute(
            "SELECT at, point, code, present FROM faults ORDER BY id DESC LIMIT ?", (limit,)
        ).fetchall()
        return [FaultRow(at=a, point=p, code=c, present=bool(b)) for a, p, c, b in rows]
