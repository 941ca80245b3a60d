"""What the accounts answer: values that pages may see. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from knxgw.catalogue.messages import Message
from knxgw.website.access.roles import ASK_PASSWORD_AGAIN, Right, Role, may
from knxgw.website.access.sessions import WARNING_S


class Outcome(StrEnum):
    """What became of a question to the accounts."""

    DONE = "done"
    WRONG = "wrong"  # name or password
    TOO_SOON = "too_soon"  # `retry_after_s` says how long to wait
    BUSY = "busy"  # many want something at this moment
    NOT_STORED = "not_stored"  # the disk does not take it: nothing was changed
    NO_SESSION = "no_session"
    MUST_CHANGE = "must_change"  # the password has to be changed before anything else
    PASSWORD_AGAIN = "password_again"  # noqa: S105 - the password is asked for once more
    NOT_ALLOWED = "not_allowed"
    BAD_PASSWORD = "bad_password"  # noqa: S105 - `weakness` says why the new password is not taken
    NAME_BAD = "name_bad"
    NAME_TAKEN = "name_taken"
    UNKNOWN_ACCOUNT = "unknown_account"
    TOO_MANY = "too_many"


class Weakness(StrEnum):
    """Why a password is not taken."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    INITIAL = "initial"
    SERIAL = "serial"
    NAME = "name"
    COMMON = "common"


class Action(StrEnum):
    """What the audit says of accounts; other parts of the website have words of their own."""

    LOGGED_IN = "logged_in"
    LOGGED_OFF = "logged_off"
    LOG_INS_FAILED = "log_ins_failed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an action
    PASSWORD_RENEWED = "password_renewed"  # noqa: S105 - as above
    INITIAL_PASSWORD = "initial_password_restored"  # noqa: S105 - as above
    SESSIONS_ENDED = "sessions_ended"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_CHANGED = "account_changed"
    ACCOUNT_REMOVED = "account_removed"
    HANDED_OVER = "handed_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session as a page may see it."""

    id: str  # to end it by; no secret
    account: str
    role: Role
    points: frozenset[int] | None
    must_change: bool
    stays: bool
    address: str
    browser: str
    began_at: datetime | None
    ends_in_s: float
    is_proved: bool  # the password was given a short while ago
    csrf: str = field(default="", repr=False)  # of the session that asks only

    @property
    def is_ending(self) -> bool:
        """Tell whether it is time to warn."""
        return self.ends_in_s <= WARNING_S

    def may(self, right: Right) -> bool:
        """Tell whether this session has a right now."""
        return may(self.role, right) and (not self.must_change or right is Right.OWN_PASSWORD)

    def may_charge(self, point: int) -> bool:
        """Tell whether it may start, stop, unlock and interrupt a charging point."""
        return self.may(Right.CHARGE) and (self.points is None or point in self.points)

    def asks_password(self, right: Right) -> bool:
        """Tell whether the password has to be given once more for a right."""
        return right in ASK_PASSWORD_AGAIN and not self.is_proved


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """An account as a page may see it."""

    name: str
    role: Role
    points: frozenset[int] | None
    must_change: bool
    logged_in_at: datetime | None
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """What became of a log-in."""

    outcome: Outcome
    retry_after_s: float = 0.0
    token: str = field(default="", repr=False)  # for the cookie
    session: SessionView | None = None
    failed_before: int = 0  # log-ins of this account that failed since the last good one
    not_stored: Message | None = None  # why a restart ends the session: the disk is full


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of a change."""

    outcome: Outcome
    retry_after_s: float = 0.0
    weakness: Weakness | None = None
    not_stored: Message | None = None  # why the disk does not take it
    password: str = field(default="", repr=False)  # that was made for somebody: shown once


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What every page should say of the owner's password and of the store."""

    initial_holds: bool  # the initial password was never changed, or holds again
    restored_for_s: float | None  # the programming button let it in, for so long still
    not_stored: Message | None  # why the disk takes nothing
