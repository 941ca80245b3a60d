"""Who may use the website: the one place that its pages ask, safe from any thread.

Changes are stored before they hold. Log-ins and log-offs hold whether the disk takes them or not:
whoever looks for the fault of a full disk can do so, and is told. Ordinary refusals are values
(`Outcome`), not exceptions. Passwords and tokens leave only where they are asked for by name.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from knxgw.store.accounts import AccountStore, AuditRow, NotStoredError
from knxgw.website.access import passwords, sessions
from knxgw.website.access.account import Account, key_of
from knxgw.website.access.answers import (
    AccountView,
    Action,
    Change,
    LogIn,
    Notice,
    Outcome,
    SessionView,
)
from knxgw.website.access.ledger import LONGEST_ADDRESS, Ledger
from knxgw.website.access.lost_password import BY_BUTTON, BY_HOST, InitialPassword
from knxgw.website.access.managing import Management
from knxgw.website.access.password_check import LONGEST_INPUT, PasswordCheck
from knxgw.website.access.passwords import Hasher
from knxgw.website.access.refusals import BusyError, RefusedError, answered
from knxgw.website.access.roles import Right, Role
from knxgw.website.access.sessions import Session, digest_of, must_change

ID_DIGITS = 16


class Accounts:
    """Accounts, sessions and audit of one device."""

    def __init__(  # noqa: PLR0913 - the disk, the clocks, the device
        self,
        store: AccountStore,
        directory: Path,
        *,
        now: Callable[[], datetime | None],
        now_s: Callable[[], float],
        serial: str | None = None,
        hasher: Hasher | None = None,
    ) -> None:
        """Begin with what is stored; `directory` has the initial password.

        `now` gives None while the clock is not valid, `now_s` monotonic seconds.
        """
        hasher = hasher or Hasher()
        self._store = store
        self._ledger = ledger = Ledger(store, now, now_s)
        self._initial = InitialPassword(directory, ledger)
        self._check = PasswordCheck(ledger, self._initial, hasher)
        self._hasher = hasher
        self._serial = serial
        self.manage = Management(ledger, hasher)

    # --- what pages may ask

    @property
    def asks_name(self) -> bool:
        """Tell whether a log-in needs a name: not while the owner is alone."""
        return len(self._ledger.accounts) > 1

    @property
    def made_initial(self) -> str | None:
        """Return the initial password if it was made just now, for the console to show once."""
        return self._initial.made

    @property
    def initial(self) -> str | None:
        """Return the initial password, for whoever keeps it out of texts; None: there is none."""
        return self._initial.value()

    def notice(self) -> Notice:
        """Return what every page should say of the owner's password and of the store."""
        return Notice(
            initial_holds=not self._ledger.owner.password_hash,
            restored_for_s=self._initial.left_s,
            not_stored=self._store.trouble,
        )

    def session_of(self, token: str | None, *, by_hand: bool = False) -> SessionView | None:
        """Return the session of a token, None: it has ended, or there never was one.

        `by_hand`: a person asked for something, so that the session lives on.
        """
        self._initial.look_for_request()
        found = self._ledger.find(token)
        if found is None or token is None:
            return None
        session, account = found
        if by_hand:
            self._ledger.note_use(session)
            session = replace(session, used_at=self._ledger.now_s())
        return self._view(session, account, csrf=sessions.csrf_of(token))

    def sessions_for(self, token: str) -> tuple[SessionView, ...]:
        """Return the sessions of the account that asks, its own first, then by their last use."""
        found = self._ledger.find(token)
        if found is None:
            return ()
        own, account = found
        others = [
            one
            for one in self._ledger.sessions.values()
            if one.account == own.account and one.digest != own.digest
        ]
        others.sort(key=lambda one: one.used_at, reverse=True)
        return tuple(self._view(one, account) for one in (own, *others))

    def accounts_for(self, token: str) -> tuple[AccountView, ...]:
        """Return the accounts to one who may see them; nothing to others."""
        session = self.session_of(token)
        if session is None or not session.may(Right.USERS):
            return ()
        counts = Counter(one.account for one in self._ledger.sessions.values())
        return tuple(
            AccountView(
                name=account.name,
                role=account.role,
                points=account.points,
                must_change=account.must_change,
                logged_in_at=account.logged_in_at,
                sessions=counts[key],
            )
            for key, account in self._ledger.accounts.items()
        )

    def audit_rows(
        self, *, limit: int = 100, before_id: int | None = None
    ) -> tuple[AuditRow, ...] | None:
        """Return what was done, the newest first; None: the disk does not answer."""
        try:
            return tuple(self._store.audit(limit=limit, before_id=before_id))
        except NotStoredError:
            return None

    def note(
        self, session: SessionView, action: str, *, address: str, before: str = "", after: str = ""
    ) -> None:
        """Note in the audit what somebody did elsewhere; nobody waits for the disk."""
        self._ledger.note(self._ledger.row(session.account, action, address, before, after))

    def note_of_host(self, action: str) -> None:
        """Note in the audit what the host had the device do; nobody waits for the disk."""
        self._ledger.note(self._ledger.row("", action, BY_HOST))

    def note_of_button(self, action: str, *, after: str = "") -> None:
        """Note in the audit what the real programming button brought about, as above."""
        self._ledger.note(self._ledger.row("", action, BY_BUTTON, after=after))

    def restore_by_button(self) -> None:
        """Let the owner in with the initial password for ten minutes, to change it.

        For the real programming button only, never for a page or a telegram. May wait for the disk.
        Raises: BusyError.
        """
        self._initial.by_button()

    # --- log-in

    def log_in(  # noqa: PLR0913 - what a log-in form and its request say
        self,
        password: str,
        *,
        name: str = "",
        address: str,
        browser: str = "",
        stay: bool = False,
        replaces: str | None = None,
    ) -> LogIn:
        """Log in; the session gets a new token, and that of `replaces` ends.

        `name` may be empty while the owner is the only account.
        """
        self._initial.look_for_request()
        key = key_of(name[:LONGEST_INPUT]) or ("" if self.asks_name else self._ledger.owner.key)
        account = self._ledger.accounts.get(key)
        try:
            by_initial = self._check.check(key, account, password, address)
            if account is None:
                raise RefusedError(Outcome.WRONG)  # noqa: TRY301 - it never is right
            renewed = self._check.renewed_hash(account, password)
            with self._ledger.changes():
                self._refuse_if_changed(account, by_initial=by_initial)
                now_s = self._ledger.now_s()
                session = Session(
                    digest="",
                    account=key,
                    stays=stay,
                    by_initial=by_initial,
                    address=address[:LONGEST_ADDRESS],
                    browser=browser[: sessions.LONGEST_BROWSER],
                    began_at=self._ledger.now(),
                    logged_in_since=now_s,
                    used_at=now_s,
                    proved_at=now_s,
                )
                return self._opened(session, renewed, replaces)
        except RefusedError as refused:
            change = refused.change
            return LogIn(outcome=change.outcome, retry_after_s=change.retry_after_s)

    def log_off(self, token: str, *, address: str) -> bool:
        """End a session at once; tells whether it stays ended after a restart."""
        found = self._ledger.find(token)
        if found is None:
            return True
        session, account = found
        ledger = self._ledger
        ledger.end(session)
        with suppress(BusyError), ledger.changes():
            row = ledger.row(account.name, Action.LOGGED_OFF, address)
            return ledger.adopt_anyway(ledger.accounts, ledger.sessions, row)
        return False

    def _refuse_if_changed(self, account: Account, *, by_initial: bool) -> None:
        """Refuse a log-in whose password was changed while it was compared. Raises: RefusedError."""
        current = self._ledger.accounts.get(account.key)
        if current is None or current.password_hash != account.password_hash:
            raise BusyError
        if self._initial.lets_in(current) != by_initial:
            raise BusyError

    def _opened(self, session: Session, password_hash: str, replaces: str | None) -> LogIn:
        """Open a session; whatever the disk says, it is one."""
        ledger = self._ledger
        token = sessions.new_token()
        session = replace(session, digest=digest_of(token))
        account = ledger.accounts[session.account]
        failed = ledger.take_failures(account)
        account = replace(account, password_hash=password_hash, failed=0, logged_in_at=ledger.now())
        rest = dict(ledger.sessions)
        if replaces is not None:
            rest.pop(digest_of(replaces), None)
        row = ledger.row(account.name, Action.LOGGED_IN, session.address)
        is_stored = ledger.adopt_anyway(
            ledger.with_account(account), {**rest, session.digest: session}, row
        )
        return LogIn(
            outcome=Outcome.DONE,
            token=token,
            session=self._view(session, account, csrf=sessions.csrf_of(token)),
            failed_before=failed,
            not_stored=None if is_stored else self._store.trouble,
        )

    # --- one's own account

    @answered
    def prove(self, token: str, password: str, *, address: str) -> Change:
        """Give the password once more, for what asks for it."""
        _, account = self._actor(token)
        self._check.check(account.key, account, password, address)
        with self._ledger.changes():
            session, _ = self._actor(token)
            now_s = self._ledger.now_s()
            self._ledger.take_session(replace(session, proved_at=now_s, used_at=now_s))
        return Change(outcome=Outcome.DONE)

    @answered
    def change_password(self, token: str, old: str, new: str, *, address: str) -> Change:
        """Change one's own password; every other session of the account ends.

        The old one may be empty right after a log-in that makes a change necessary.
        """
        session, account = self._actor(token)
        is_forced = must_change(session, is_ordered=account.must_change)
        if old or not (is_forced and sessions.is_proved(session, self._ledger.now_s())):
            self._check.check(account.key, account, old, address)
        weakness = passwords.weakness(
            new, initial=self._initial.value(), serial=self._serial, names=(account.name,)
        )
        if weakness is not None:
            return Change(outcome=Outcome.BAD_PASSWORD, weakness=weakness)
        password_hash = self._hasher.hash(new)
        ledger = self._ledger
        with ledger.changes():
            session, account = self._actor(token)
            now_s = ledger.now_s()
            kept = replace(session, by_initial=False, proved_at=now_s, used_at=now_s)
            changed = replace(account, password_hash=password_hash, must_change=False)
            row = ledger.row(account.name, Action.PASSWORD_CHANGED, address)
            others = ledger.without_sessions_of(account)
            ledger.adopt(ledger.with_account(changed), {**others, kept.digest: kept}, row)
            if account.role is Role.OWNER:
                self._initial.note_new_password()
        return Change(outcome=Outcome.DONE)

    @answered
    def end_sessions(self, token: str, *, address: str, only: str | None = None) -> Change:
        """End the other sessions of one's own account, or only the one with an id."""
        ledger = self._ledger
        with ledger.changes():
            session, account = self._actor(token)
            ended = [
                one.digest
                for one in ledger.sessions.values()
                if one.account == account.key
                and one.digest != session.digest
                and (only is None or one.digest[:ID_DIGITS] == only)
            ]
            if ended:
                row = ledger.row(
                    account.name, Action.SESSIONS_ENDED, address, after=str(len(ended))
                )
                rest = {key: one for key, one in ledger.sessions.items() if key not in ended}
                ledger.adopt(ledger.accounts, rest, row)
        return Change(outcome=Outcome.DONE)

    def _actor(self, token: str) -> tuple[Session, Account]:
        """Return whose token it is. Raises: RefusedError."""
        found = self._ledger.find(token)
        if found is None:
            raise RefusedError(Outcome.NO_SESSION)
        return found

    def _view(self, session: Session, account: Account, *, csrf: str = "") -> SessionView:
        now_s = self._ledger.now_s()
        return SessionView(
            id=session.digest[:ID_DIGITS],
            account=account.name,
            role=account.role,
            points=account.points,
            must_change=must_change(session, is_ordered=account.must_change),
            stays=session.stays,
            address=session.address,
            browser=session.browser,
            began_at=session.began_at,
            ends_in_s=max(0.0, sessions.ends_at(session, account.role) - now_s),
            is_proved=sessions.is_proved(session, now_s),
            csrf=csrf,
        )
