"""What the website keeps: accounts, sessions, and who did what.

The website's threads hold all of it in memory and hand it over here, whole: what is stored is what
is in memory, whatever became of the write before. The store's one thread writes it, together with
the audit rows that wait.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor
from dataclasses import dataclass, field, replace
from typing import Any

from knxgw.catalogue.messages import Message, message
from knxgw.store.database import Database
from knxgw.store.trouble import StateError, cause, in_english, is_damage

log = logging.getLogger(__name__)
WAIT_S = 3.0  # a page waits so long for the disk
MOST_AUDIT_ROWS = 10_000
MOST_WAITING = 200  # audit rows that the disk does not take


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account; `points` are the charging points it is limited to, None: all of them."""

    name: str
    role: str
    points: str | None  # numbers with commas between them
    password_hash: str = field(repr=False)  # empty: the initial password
    must_change: bool
    failed: int  # log-ins since the last good one
    logged_in_at: str | None  # ISO 8601, UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class WebsiteSessionRow:
    """Someone who is logged in; its token is known as a digest only."""

    digest: str = field(repr=False)
    account: str
    stays: bool  # "stay signed in"
    by_initial: bool  # logged in with the initial password
    address: str
    browser: str
    began_at: str | None  # ISO 8601, UTC; None: the clock was not valid
    stored_at: str | None  # when this was written
    age_s: float  # at that moment
    idle_s: float  # since the last request by hand, at that moment


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did what from where; before and after are empty where nothing was changed."""

    at: str | None
    account: str
    address: str
    action: str
    before: str = ""
    after: str = ""
    id: int = 0  # given when it is noted


@dataclass(frozen=True, slots=True, kw_only=True)
class WebsiteRows:
    """All accounts and sessions."""

    accounts: tuple[AccountRow, ...] = ()
    sessions: tuple[WebsiteSessionRow, ...] = ()


class NotStoredError(StateError):
    """The disk does not take it, or not in time; `words` say what helps."""


class AccountStore:
    """Stores for the website's threads; safe from any thread but the store's own."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        on_damage: Callable[[Exception, int], None],
        *,
        wait_s: float = WAIT_S,
    ) -> None:
        """Write in the thread of `executor`; the loop's thread may still use `database` now.

        `on_damage` is called with the error and the generation of the file that has to be replaced.
        """
        self._database = database
        self._executor = executor
        self._on_damage = on_damage
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._newest = _load(database)
        self._waiting: list[AuditRow] = []
        self._next_id = 1 + _highest_id(database)
        self._is_queued = False
        self._trouble: Message | None = None

    @property
    def newest(self) -> WebsiteRows:
        """Return what was stored last, or is to be."""
        return self._newest

    @property
    def trouble(self) -> Message | None:
        """Return why the last write could not be done, None: it could."""
        return self._trouble

    def save(self, rows: WebsiteRows, *notes: AuditRow) -> None:
        """Store accounts and sessions with what is noted of them, and wait for it.

        Raises: NotStoredError; then what was stored before is stored again as soon as possible,
        and nothing is noted.
        """
        before, self._newest = self._newest, rows
        noted = {self.note(row) for row in notes}
        try:
            self._do(self._write)
        except NotStoredError:
            with self._lock:
                self._waiting = [row for row in self._waiting if row.id not in noted]
            self.save_soon(before)
            raise

    def save_soon(self, rows: WebsiteRows | None = None) -> None:
        """Store accounts and sessions and what waits without waiting; None: what there was."""
        if rows is not None:
            self._newest = rows
        with self._lock:
            if self._is_queued:
                return
            self._is_queued = True
        try:
            self._executor.submit(self._write_queued)
        except RuntimeError:  # the end: the executor takes nothing more
            self._is_queued = False

    def note(self, row: AuditRow) -> int:
        """Keep an audit row for the next write, return its number; too many lose the oldest."""
        with self._lock:
            number, self._next_id = self._next_id, self._next_id + 1
            self._waiting.append(replace(row, id=number))
            del self._waiting[:-MOST_WAITING]
        return number

    def audit(self, *, limit: int = 100, before_id: int | None = None) -> list[AuditRow]:
        """Return what was done, the newest first; those that wait come first.

        Raises: NotStoredError, the disk does not answer.
        """
        found: list[AuditRow] = []
        self._do(lambda: found.extend(_audit(self._database, limit, before_id)))
        with self._lock:
            waiting = [row for row in self._waiting if before_id is None or row.id < before_id]
        return [*reversed(waiting), *found][:limit]

    def _do(self, what: Callable[[], None]) -> None:
        """Have the store's thread do something. Raises: NotStoredError."""
        try:
            doing = self._executor.submit(what)
        except RuntimeError as err:
            raise NotStoredError(message("gateway_ends")) from err
        try:
            doing.result(self._wait_s)
        except (TimeoutError, CancelledError) as err:
            doing.cancel()  # what nobody waits for must not happen late
            raise NotStoredError(message("disk_does_not_answer", seconds=self._wait_s)) from err
        except (OSError, sqlite3.Error) as err:
            raise NotStoredError(cause(err, self._database.directory)) from err

    # --- in the store's thread

    def _write_queued(self) -> None:
        self._is_queued = False
        try:
            self._write()
        except (OSError, sqlite3.Error):
            return  # said, and tried again with the next change

    def _write(self) -> None:
        with self._lock:
            rows, audit = self._newest, tuple(self._waiting)
        generation = self._database.generation
        try:
            self._database.change(lambda connection: _replace(connection, rows, audit))
        except (OSError, sqlite3.Error) as err:
            what = cause(err, self._database.directory)
            if self._trouble is None:
                text = in_english(what)
                log.error("the website's accounts cannot be stored: %s", text)  # noqa: TRY400 - it says it all
            self._trouble = what
            if isinstance(err, sqlite3.Error) and is_damage(err):
                self._on_damage(err, generation)
            raise
        if self._trouble is not None:
            log.warning("the website's accounts are stored again")
        self._trouble = None
        with self._lock:
            last = audit[-1].id if audit else 0
            self._waiting = [row for row in self._waiting if row.id > last]


def _load(database: Database) -> WebsiteRows:
    accounts = database.rows(
        "SELECT name, role, points, password_hash, must_change, failed, logged_in_at FROM accounts"
        " ORDER BY rowid"
    )
    sessions = database.rows(
        "SELECT digest, account, stays, by_initial, address, browser, began_at, stored_at, age_s,"
        " idle_s FROM website_sessions ORDER BY rowid"
    )
    return WebsiteRows(
        accounts=tuple(
            AccountRow(
                name=str(name),
                role=str(role),
                points=_text(points),
                password_hash=str(password_hash),
                must_change=bool(must_change),
                failed=int(_number(failed)),
                logged_in_at=_text(logged_in_at),
            )
            for name, role, points, password_hash, must_change, failed, logged_in_at in accounts
        ),
        sessions=tuple(
            WebsiteSessionRow(
                digest=str(digest),
                account=str(account),
                stays=bool(stays),
                by_initial=bool(by_initial),
                address=str(address),
                browser=str(browser),
                began_at=_text(began_at),
                stored_at=_text(stored_at),
                age_s=_number(age_s),
                idle_s=_number(idle_s),
            )
            for digest, account, stays, by_initial, address, browser, began_at, stored_at, age_s, idle_s in sessions
        ),
    )


def _highest_id(database: Database) -> int:
    ((highest,),) = database.rows("SELECT max(id) FROM audit")
    return int(highest or 0)


def _audit(database: Database, limit: int, before_id: int | None) -> list[AuditRow]:
    rows = database.rows(
        "SELECT id, at, account, address, action, before, after FROM audit"
        " WHERE :before IS NULL OR id < :before ORDER BY id DESC LIMIT :limit",
        {"before": before_id, "limit": limit},
    )
    return [
        AuditRow(
            id=int(number),
            at=_text(at),
            account=str(account),
            address=str(address),
            action=str(action),
            before=str(before),
            after=str(after),
        )
        for number, at, account, address, action, before, after in rows
    ]


def _replace(connection: sqlite3.Connection, rows: WebsiteRows, audit: Sequence[AuditRow]) -> None:
    connection.execute("DELETE FROM accounts")
    connection.executemany(
        "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (a.name, a.role, a.points, a.password_hash, a.must_change, a.failed, a.logged_in_at)
            for a in rows.accounts
        ],
    )
    connection.execute("DELETE FROM website_sessions")
    connection.executemany(
        "INSERT INTO website_sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (s.digest, s.account, s.stays, s.by_initial, s.address, s.browser,
             s.began_at, s.stored_at, s.age_s, s.idle_s)
            for s in rows.sessions
        ],
    )  # fmt: skip
    connection.executemany(  # one that was stored after all has its number already
        "INSERT OR IGNORE INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(r.id, r.at, r.account, r.address, r.action, r.before, r.after) for r in audit],
    )
    connection.execute(
        "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", (MOST_AUDIT_ROWS,)
    )


def _text(value: Any) -> str | None:  # noqa: ANN401 - whatever a damaged file has
    return None if value is None else str(value)


def _number(value: Any) -> float:  # noqa: ANN401 - as above
    return float(value) if isinstance(value, int | float) else 0.0
