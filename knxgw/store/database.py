"""The SQLite file of a gateway: schema with versions, plain reads and writes.

Every change is one transaction in WAL mode with full synchronisation: after a power cut the file
holds the old or the new state, never a mixture. A worn-out card, or a disk that acknowledges too early, can still tear a page.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knxgw.catalogue.messages import message
from knxgw.charging.scope import Scope
from knxgw.store.recovery import LOG_FILES, forget_damaged, put_aside, readable, tables_of
from knxgw.store.trouble import StateError, cause, is_damage, is_full, unusable

FILE_NAME = "knxgw.sqlite"
MOST_FAULTS = 10_000
PRIVATE = 0o600  # password hashes are in the file
HIGHEST_SECURE_NUMBER = (1 << 48) - 1

# One entry per schema version; a released entry never changes.
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
    # a scope was 0 for the whole device, or the number of a charging point
    """
    CREATE TABLE records (scope TEXT PRIMARY KEY, record TEXT NOT NULL);
    INSERT INTO records
        SELECT CASE scope WHEN 0 THEN 'device' ELSE 'cp' || scope END, record FROM state;
    DROP TABLE state;
    ALTER TABLE faults RENAME TO faults_by_number;
    CREATE TABLE faults (
        id INTEGER PRIMARY KEY, at TEXT, scope TEXT NOT NULL, code TEXT NOT NULL,
        present INTEGER NOT NULL);
    INSERT INTO faults
        SELECT id, at, CASE point WHEN 0 THEN 'device' ELSE 'cp' || point END, code, present
        FROM faults_by_number;
    DROP TABLE faults_by_number;
    """,
    # the website: who may log in, who is logged in, who did what
    """
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY, role TEXT NOT NULL, points TEXT, password_hash TEXT NOT NULL,
        must_change INTEGER NOT NULL, failed INTEGER NOT NULL, logged_in_at TEXT);
    CREATE TABLE website_sessions (
        digest TEXT PRIMARY KEY, account TEXT NOT NULL, stays INTEGER NOT NULL,
        by_initial INTEGER NOT NULL, address TEXT NOT NULL, browser TEXT NOT NULL,
        began_at TEXT, stored_at TEXT, age_s REAL NOT NULL, idle_s REAL NOT NULL);
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY, at TEXT, account TEXT NOT NULL, address TEXT NOT NULL,
        action TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL);
    """,
    # the history: more of each session, and when the device ran
    """
    ALTER TABLE sessions ADD COLUMN highest_power_w INTEGER;
    ALTER TABLE sessions ADD COLUMN card TEXT NOT NULL DEFAULT '';
    ALTER TABLE sessions ADD COLUMN ending TEXT;
    ALTER TABLE sessions ADD COLUMN held_by INTEGER;
    CREATE INDEX sessions_by_start ON sessions (coalesce(started_at, ended_at));
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, started_at TEXT, version TEXT NOT NULL, boot TEXT NOT NULL,
        ended_at TEXT, ending TEXT);
    """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A closed session; times as ISO 8601 in UTC, None when the clock was not valid."""

    point: int
    started_at: str | None
    ended_at: str | None
    duration_s: int
    energy_mwh: int
    highest_power_w: int | None = None
    card: str = ""  # its last characters
    ending: str | None = None  # a `SessionEnding`, None: not known
    held_by: int | None = None  # a `Reason`, of one that was held back


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """A fault that came or went."""

    at: str | None
    scope: Scope
    code: str
    present: bool


@dataclass(slots=True, kw_only=True)
class Unsaved:
    """What one writer could not store: the next writer in the same process stores it."""

    records: dict[Scope, Mapping[str, Any]] = field(default_factory=dict)
    sessions: list[SessionRow] = field(default_factory=list)
    faults: list[FaultRow] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)


class NewerStateError(StateError):
    """The state was written by a newer version of the program."""


class Database:
    """One open file; used by one thread at a time.

    A damaged file is put aside and replaced by a new one. `put_aside` is then the path of the damaged
    file; the code that reports it sets it back to None.
    """

    def __init__(self, directory: Path, *, patience_s: float = 5.0) -> None:
        """Open or create the file. Raises: StateError when it cannot be used.

        Waits at most `patience_s` for another program that has locked the file.
        """
        self._path = directory / FILE_NAME
        self._patience_s = patience_s
        self.put_aside: Path | None = None
        self.generation = 0  # grows with each file that is opened
        self.unsaved = Unsaved()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._open_again()
        except (OSError, sqlite3.Error) as err:
            raise StateError(unusable(directory, err)) from err

    @property
    def directory(self) -> Path:
        """Return where the file is."""
        return self._path.parent

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def replace_damaged(self) -> None:
        """Put the damaged file aside and open a new one with every row that can still be read.

        Raises: OSError and sqlite3.Error when there can be no new one; `save` tries again.
        """
        self._connection.close()
        self._is_open = False
        self.put_aside = put_aside(self._path, open_file, SCHEMAS)
        self._open_again()

    def _open_again(self) -> None:
        self._connection = self._opened()
        self._is_open = True
        self.generation += 1

    def _opened(self) -> sqlite3.Connection:
        try:
            return open_file(self._path, self._patience_s)
        except sqlite3.Error as err:
            if is_full(self.directory) and self._path.exists():
                return open_file(self._path, self._patience_s, alone=True)
            if not is_damage(err):
                raise
        self.put_aside = put_aside(self._path, open_file, SCHEMAS)
        return open_file(self._path)

    def rows(
        self, query: str, values: tuple[Any, ...] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Run a query; if the file turns out to be damaged, replace it first.

        Raises: sqlite3.Error; OSError, a damaged file cannot be replaced.
        """
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as err:
            if not is_damage(err):
                raise
        self.replace_damaged()
        return self._connection.execute(query, values).fetchall()

    def load_records(self) -> dict[Scope, dict[str, Any]]:
        """Return the records by scope.

        A row that holds no record is returned as an empty record.
        """
        rows = self.rows("SELECT scope, record FROM records")
        unsaved = {scope: dict(record) for scope, record in self.unsaved.records.items()}
        return {Scope(str(scope)): _record(text) for scope, text in rows} | unsaved

    def save(
        self,
        records: Mapping[Scope, Mapping[str, Any]],
        sessions: Sequence[SessionRow] = (),
        faults: Sequence[FaultRow] = (),
        numbers: Mapping[str, int] | None = None,
    ) -> None:
        """Store records, closed sessions, faults and secure numbers: all of them or none.

        A secure number only grows: a lower one than the stored one changes nothing.
        Raises: sqlite3.Error when they could not be stored; then pass them again.
        """

        def save(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR REPLACE INTO records VALUES (?, ?)",
                [(scope, json.dumps(record)) for scope, record in records.items()],
            )
            connection.executemany(
                f"INSERT INTO sessions ({_OF_A_SESSION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - names of ours
                [session_values(one) for one in sessions],
            )
            connection.executemany(
                "INSERT INTO faults (at, scope, code, present) VALUES (?, ?, ?, ?)",
                [(fault.at, fault.scope, fault.code, int(fault.present)) for fault in faults],
            )
            connection.executemany(
                "INSERT INTO secure_numbers VALUES (:name, :number) ON CONFLICT (name)"
                " DO UPDATE SET number = :number"
                " WHERE NOT (typeof(number) = 'integer' AND number BETWEEN :number AND :highest)",
                [
                    {"name": name, "number": number, "highest": HIGHEST_SECURE_NUMBER}
                    for name, number in (numbers or {}).items()
                ],
            )
            _trim(connection)

        self.change(save)

    def change(self, do: Callable[[sqlite3.Connection], None]) -> None:
        """Let `do` change tables: all that it does is one transaction.

        Raises: sqlite3.Error when it could not be stored.
        """
        if not self._is_open:  # the last attempt to replace it failed
            self._open_again()
        with self._connection:
            self._connection.execute("BEGIN")
            do(self._connection)

    def erase(self) -> None:
        """Delete everything but the secure numbers, for a reset to the factory settings.

        With the numbers gone, a recorded telegram of KNX Secure could be accepted once more. Damaged
        files that were put aside go, too: accounts and sessions of before are in them.
        Raises: StateError; then nothing is deleted, or damaged files are left.
        """
        try:
            self._erase()
        except (OSError, sqlite3.Error) as err:
            raise StateError(cause(err, self.directory)) from err

    def _erase(self) -> None:
        with self._connection:
            self._connection.execute("BEGIN")
            for table in SCHEMAS[-1]:
                if table != "secure_numbers":
                    self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        self._connection.execute("VACUUM")  # what was deleted is not left in the file
        forget_damaged(self._path)

    def load_numbers(self) -> dict[str, int]:
        """Return the secure numbers by name, as `knxgw.links.knx_numbers` names them.

        A value that cannot be a secure number (they have 48 bits) is left out as damaged.
        """
        rows = self.rows(
            "SELECT name, number FROM secure_numbers"
            " WHERE typeof(number) = 'integer' AND number BETWEEN 1 AND ?",
            (HIGHEST_SECURE_NUMBER,),
        )
        numbers = {str(name): int(number) for name, number in rows}
        for name, number in self.unsaved.numbers.items():
            numbers[name] = max(number, numbers.get(name, 0))
        return numbers

    def sessions(self, point: int | None = None, *, limit: int = 100) -> list[SessionRow]:
        """Return closed sessions, the newest first."""
        rows = self.rows(
            f"SELECT {_OF_A_SESSION} FROM sessions"  # noqa: S608 - names of ours
            " WHERE :point IS NULL OR point = :point ORDER BY id DESC LIMIT :limit",
            {"point": point, "limit": limit},
        )
        return [session_row(row) for row in rows]

    def open_faults(self) -> list[tuple[Scope, str]]:
        """Return scope and code of every fault that the history shows as still present."""
        rows = self.rows(
            "SELECT scope, code FROM faults WHERE present = 1"
            " AND id IN (SELECT max(id) FROM faults GROUP BY scope, code) ORDER BY id"
        )
        return [(Scope(str(scope)), str(code)) for scope, code in rows]

    def faults(self, *, limit: int = 100) -> list[FaultRow]:
        """Return the history of faults, the newest first."""
        rows = self.rows(
            "SELECT at, scope, code, present FROM faults ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [FaultRow(at=a, scope=s, code=c, present=bool(b)) for a, s, c, b in rows]


SESSION_COLUMNS = (
    "point",
    "started_at",
    "ended_at",
    "duration_s",
    "energy_mwh",
    "highest_power_w",
    "card",
    "ending",
    "held_by",
)
_OF_A_SESSION = ", ".join(SESSION_COLUMNS)


def session_row(values: Sequence[Any]) -> SessionRow:
    """Return a session of its columns."""
    return SessionRow(**dict(zip(SESSION_COLUMNS, values, strict=True)))


def session_values(row: SessionRow) -> tuple[Any, ...]:
    """Return the columns of a session."""
    return tuple(getattr(row, column) for column in SESSION_COLUMNS)


def _trim(connection: sqlite3.Connection) -> None:
    """Delete the oldest faults beyond `MOST_FAULTS`; sessions are kept for good."""
    connection.execute(
        "DELETE FROM faults WHERE id <= (SELECT max(id) FROM faults) - ?", (MOST_FAULTS,)
    )


def _record(text: object) -> dict[str, Any]:
    try:
        record = json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def open_file(
    path: Path, patience_s: float = 5.0, *, alone: bool = False, schema: int = len(MIGRATIONS)
) -> sqlite3.Connection:
    """Open or create a file, check that it is intact and complete, and migrate it to `schema`.

    `alone` locks the file for this process, which makes it readable on a full disk.

    Raises: sqlite3.Error; NewerStateError.
    """
    _keep_private(path)
    connection = sqlite3.connect(
        path, timeout=patience_s, check_same_thread=False, isolation_level=None
    )
    connection.text_factory = readable  # a text torn by a bad page is still readable
    try:
        if alone:  # without the shared-memory file, which needs disk space
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _refuse_newer(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _check_integrity(connection)
        migrate(connection, schema)
        for table, columns in SCHEMAS[schema].items():
            connection.execute(f"SELECT {columns} FROM {table} LIMIT 0")  # noqa: S608 - names of ours
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_private(path: Path) -> None:
    """Let only this user read a file.

    Its logs get the rights of the file when they are made; those of version 0.1 could be read by all.
    An open file of SQLite must not be opened here: closing it would let go its locks.
    """
    with suppress(OSError):  # a disk that refuses is reported by whoever opens the file
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
        for file in (path, *(path.with_name(f"{path.name}{suffix}") for suffix in LOG_FILES)):
            if file.exists():
                file.chmod(file.stat().st_mode & PRIVATE)


def _refuse_newer(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise NewerStateError(message("state_of_newer_version", schema=version))


def _check_integrity(connection: sqlite3.Connection) -> None:
    """Check the whole file. Raises: sqlite3.DatabaseError when it is damaged."""
    (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        error = sqlite3.DatabaseError(answer)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def migrate(connection: sqlite3.Connection, schema: int = len(MIGRATIONS)) -> None:
    """Bring a file to the newest schema, or to an older one, step by step."""
    version = max(0, _version(connection))
    for number, script in enumerate(MIGRATIONS[version:schema], start=version + 1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _schemas() -> tuple[dict[str, str], ...]:
    """Return the columns of each table, by schema version."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schemas = []
    for version in range(len(MIGRATIONS) + 1):
        migrate(connection, version)
        schemas.append(tables_of(connection))
    connection.close()
    return tuple(schemas)


SCHEMAS = _schemas()
