"""Accounts and sessions in memory, and their way to the disk; safe from any thread.

A reader takes what there is and never waits. Changes come one after the other: each makes new
accounts and sessions of those there are, stores them, and only then puts them in their place.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from knxgw.store.accounts import AccountStore, AuditRow, NotStoredError, WebsiteRows
from knxgw.website.access import account as book
from knxgw.website.access import sessions
from knxgw.website.access.account import Account, owner_of
from knxgw.website.access.refusals import BusyError
from knxgw.website.access.sessions import Session, digest_of

LOCK_WAIT_S = 5.0  # for others who change something
KEEP_S = 300.0  # how often the last use of sessions and failed log-ins are stored
LONGEST_ADDRESS = 64


class Ledger:
    """All accounts and sessions of one device."""

    def __init__(
        self,
        store: AccountStore,
        now: Callable[[], datetime | None],
        now_s: Callable[[], float],
    ) -> None:
        """Begin with what is stored; `now` gives None while the clock is not valid."""
        self.now, self.now_s = now, now_s
        self._store = store
        self._changing = threading.Lock()
        self._counting = threading.Lock()
        self._used: dict[str, float] = {}  # when sessions were used since
        self._ended: set[str] = set()  # sessions that were ended while others changed something
        self._failed: Counter[str] = Counter()  # log-ins that failed since
        self._kept_at = now_s()
        self.accounts: Mapping[str, Account] = book.restored(store.newest.accounts)
        restored = (sessions.restored(row, now(), now_s()) for row in store.newest.sessions)
        self._sessions = self._live({one.digest: one for one in restored if one is not None})

    @property
    def owner(self) -> Account:
        """Return the owner's account; there always is one."""
        owner = owner_of(self.accounts)
        if owner is None:
            raise AssertionError("no owner")
        return owner

    @property
    def sessions(self) -> Mapping[str, Session]:
        """Return the sessions that have not ended, by their digest."""
        return self._live(self._sessions)

    def find(self, token: str | None) -> tuple[Session, Account] | None:
        """Return the session of a token with its account, None: it has ended, or never was."""
        session = None if not token else self._sessions.get(digest_of(token))
        account = None if session is None else self.accounts.get(session.account)
        if session is None or account is None or session.digest in self._ended:
            return None
        session = self._as_used(session)
        if self.now_s() >= sessions.ends_at(session, account.role):
            return None
        return session, account

    def note_use(self, session: Session) -> None:
        """Note a request by hand."""
        self._used[session.digest] = self.now_s()
        self._keep_now_and_then()

    def end(self, session: Session) -> None:
        """End a session at once; the next change forgets it."""
        self._ended.add(session.digest)

    def note_failure(self, account: Account) -> None:
        """Count a log-in that failed."""
        with self._counting:
            self._failed[account.key] += 1
        self._keep_now_and_then()

    def take_failures(self, account: Account) -> int:
        """Return how many log-ins failed since the last good one, and count from none again."""
        with self._counting:
            return account.failed + self._failed.pop(account.key, 0)

    # --- changes

    @contextmanager
    def changes(self, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
        """Change something, one after the other. Raises: BusyError."""
        if not self._changing.acquire(timeout=wait_s):
            raise BusyError
        try:
            yield
        finally:
            self._changing.release()

    def without_sessions_of(self, account: Account) -> dict[str, Session]:
        """Return the sessions of everybody else."""
        return {key: one for key, one in self._sessions.items() if one.account != account.key}

    def with_account(self, *changed: Account) -> dict[str, Account]:
        """Return the accounts with those that have changed."""
        return {**self.accounts, **{account.key: account for account in changed}}

    def adopt(
        self, accounts: Mapping[str, Account], of: Mapping[str, Session], *notes: AuditRow
    ) -> None:
        """Store a change, and take it. Raises: NotStoredError; then nothing has changed."""
        kept = self._live(of)
        self._store.save(self._rows(accounts, kept), *notes)
        self._take(accounts, kept)

    def adopt_anyway(
        self, accounts: Mapping[str, Account], of: Mapping[str, Session], *notes: AuditRow
    ) -> bool:
        """Take a change, whether the disk does or not; tells whether it does."""
        kept = self._live(of)
        self._take(accounts, kept)
        rows = self._rows(accounts, kept)
        try:
            self._store.save(rows, *notes)
        except NotStoredError:
            for note in notes:
                self._store.note(note)
            self._store.save_soon(rows)
            return False
        return True

    def take_session(self, session: Session) -> None:
        """Put a session in the place of its former self, in memory only."""
        self._sessions = {**self._sessions, session.digest: session}

    def row(
        self, account: str, action: str, address: str, before: str = "", after: str = ""
    ) -> AuditRow:
        """Return an audit row of this moment."""
        now = self.now()
        return AuditRow(
            at=now.isoformat() if now else None,
            account=account,
            address=address[:LONGEST_ADDRESS],
            action=str(action),
            before=before,
            after=after,
        )

    def note(self, row: AuditRow) -> None:
        """Store an audit row soon; nobody waits for the disk."""
        self._store.note(row)
        self._store.save_soon()

    # --- inside

    def _as_used(self, session: Session) -> Session:
        used_at = max(session.used_at, self._used.get(session.digest, session.used_at))
        return replace(session, used_at=used_at)

    def _live(self, of: Mapping[str, Session]) -> dict[str, Session]:
        current = {key: self._as_used(one) for key, one in of.items() if key not in self._ended}
        roles = {key: account.role for key, account in self.accounts.items()}
        return sessions.live(current, roles, self.now_s())

    def _rows(self, accounts: Mapping[str, Account], of: Mapping[str, Session]) -> WebsiteRows:
        now, now_s = self.now(), self.now_s()
        return WebsiteRows(
            accounts=tuple(book.stored(account) for account in accounts.values()),
            sessions=tuple(sessions.stored(one, now, now_s) for one in of.values()),
        )

    def _take(self, accounts: Mapping[str, Account], of: dict[str, Session]) -> None:
        self.accounts, self._sessions = accounts, of
        for digest in [one for one in list(self._used) if one not in of]:
            self._used.pop(digest, None)
        for digest in [one for one in list(self._ended) if one not in of]:
            self._ended.discard(digest)

    def _keep_now_and_then(self) -> None:
        """Store when sessions were used and how many log-ins failed, but not each time."""
        if self.now_s() - self._kept_at < KEEP_S or not self._changing.acquire(blocking=False):
            return
        try:
            self._kept_at = self.now_s()
            with self._counting:
                failed, self._failed = self._failed, Counter()
            self.accounts = {
                key: replace(account, failed=account.failed + failed[key])
                for key, account in self.accounts.items()
            }
            self._store.save_soon(self._rows(self.accounts, self._live(self._sessions)))
        finally:
            self._changing.release()
