"""What owner and administrators do to the accounts of others."""

from dataclasses import replace

from knxgw.website.access import passwords
from knxgw.website.access.account import MOST_ACCOUNTS, Account, is_good_name, key_of
from knxgw.website.access.answers import Action, Change, Outcome
from knxgw.website.access.ledger import Ledger
from knxgw.website.access.passwords import Hasher
from knxgw.website.access.refusals import RefusedError, answered
from knxgw.website.access.roles import Role, may, right_over
from knxgw.website.access.sessions import is_proved, must_change


class Management:
    """Makes, changes and removes accounts; each asks by the token of its session."""

    def __init__(self, ledger: Ledger, hasher: Hasher) -> None:
        self._ledger = ledger
        self._hasher = hasher

    @answered
    def create(
        self,
        token: str,
        name: str,
        role: Role,
        *,
        address: str,
        points: frozenset[int] | None = None,
    ) -> Change:
        """Make an account; its password is made here, and has to be changed at its first log-in."""
        name = name.strip()
        self._manager(token, role)
        if not is_good_name(name):
            return Change(outcome=Outcome.NAME_BAD)
        password = passwords.made()
        account = Account(
            name=name,
            role=role,
            points=_points(role, points),
            password_hash=self._hasher.hash(passwords.as_made(password)),
        )
        ledger = self._ledger
        with ledger.changes():
            actor = self._manager(token, role)
            if account.key in ledger.accounts:
                return Change(outcome=Outcome.NAME_TAKEN)
            if len(ledger.accounts) >= MOST_ACCOUNTS:
                return Change(outcome=Outcome.TOO_MANY)
            row = ledger.row(actor.name, Action.ACCOUNT_CREATED, address, after=_said(account))
            ledger.adopt(ledger.with_account(account), ledger.sessions, row)
        return Change(outcome=Outcome.DONE, password=password)

    @answered
    def change(
        self,
        token: str,
        name: str,
        role: Role,
        *,
        address: str,
        points: frozenset[int] | None = None,
    ) -> Change:
        """Give an account another role, or other charging points."""
        ledger = self._ledger
        with ledger.changes():
            account, actor = self._other(token, name)
            self._manager(token, role)
            changed = replace(account, role=role, points=_points(role, points))
            before, after = _said(account), _said(changed)
            row = ledger.row(actor.name, Action.ACCOUNT_CHANGED, address, before, after)
            ledger.adopt(ledger.with_account(changed), ledger.sessions, row)
        return Change(outcome=Outcome.DONE)

    @answered
    def renew_password(self, token: str, name: str, *, address: str) -> Change:
        """Make a new password for somebody who has lost it; all sessions of the account end."""
        self._other(token, name)
        password = passwords.made()
        password_hash = self._hasher.hash(passwords.as_made(password))
        ledger = self._ledger
        with ledger.changes():
            account, actor = self._other(token, name)
            changed = replace(account, password_hash=password_hash, must_change=True)
            row = ledger.row(actor.name, Action.PASSWORD_RENEWED, address, after=account.name)
            ledger.adopt(ledger.with_account(changed), ledger.without_sessions_of(account), row)
        return Change(outcome=Outcome.DONE, password=password)

    @answered
    def remove(self, token: str, name: str, *, address: str) -> Change:
        """Remove an account; its sessions end."""
        ledger = self._ledger
        with ledger.changes():
            account, actor = self._other(token, name)
            rest = {key: one for key, one in ledger.accounts.items() if key != account.key}
            row = ledger.row(actor.name, Action.ACCOUNT_REMOVED, address, before=_said(account))
            ledger.adopt(rest, ledger.without_sessions_of(account), row)
        return Change(outcome=Outcome.DONE)

    @answered
    def hand_over(self, token: str, name: str, *, address: str) -> Change:
        """Make an administrator the owner; the one before becomes an administrator."""
        ledger = self._ledger
        with ledger.changes():
            account, actor = self._other(token, name)
            is_ready = account.role is Role.ADMINISTRATOR and not account.must_change
            if actor.role is not Role.OWNER or not is_ready:
                return Change(outcome=Outcome.NOT_ALLOWED)
            before = replace(actor, role=Role.ADMINISTRATOR)
            after = replace(account, role=Role.OWNER)
            row = ledger.row(actor.name, Action.HANDED_OVER, address, before.name, after.name)
            ledger.adopt(ledger.with_account(before, after), ledger.sessions, row)
        return Change(outcome=Outcome.DONE)

    def _other(self, token: str, name: str) -> tuple[Account, Account]:
        """Return the account of a name and who may do something to it. Raises: RefusedError."""
        actor = self._manager(token, Role.USER)
        account = self._ledger.accounts.get(key_of(name))
        if account is None:
            raise RefusedError(Outcome.UNKNOWN_ACCOUNT)
        self._manager(token, account.role)
        if account.key == actor.key:
            raise RefusedError(Outcome.NOT_ALLOWED)
        return account, actor

    def _manager(self, token: str, role: Role) -> Account:
        """Return who may do something to accounts of a role: the owner's to none. Raises: RefusedError."""
        found = self._ledger.find(token)
        if found is None:
            raise RefusedError(Outcome.NO_SESSION)
        session, actor = found
        if must_change(session, is_ordered=actor.must_change):
            raise RefusedError(Outcome.MUST_CHANGE)
        if role is Role.OWNER or not may(actor.role, right_over(role)):
            raise RefusedError(Outcome.NOT_ALLOWED)
        if not is_proved(session, self._ledger.now_s()):
            raise RefusedError(Outcome.PASSWORD_AGAIN)
        return actor


def _points(role: Role, points: frozenset[int] | None) -> frozenset[int] | None:
    """Return the charging points that an account is limited to: a user's only, and one at least."""
    return points or None if role is Role.USER else None


def _said(account: Account) -> str:
    """Return what an account is, for the audit."""
    points = "" if account.points is None else f" {','.join(map(str, sorted(account.points)))}"
    return f"{account.name}: {account.role.value}{points}"
