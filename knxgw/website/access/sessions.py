"""Sessions of the website: tokens, how long they last, and how they survive a restart. Pure.

A token is 32 random bytes that only the browser has; what is kept here is its digest. Within the
process monotonic time counts, so that a clock that jumps neither ends a session nor keeps it.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from knxgw.store.accounts import WebsiteSessionRow
from knxgw.website.access.roles import STAYING, Role

TOKEN_BYTES = 32
IDLE_S = 30 * 60.0  # without a request by hand
LONGEST_S = 12 * 3600.0
STAY_S = 90 * 86_400.0  # "stay signed in"
WARNING_S = 120.0
PROVED_S = 600.0  # so long after the password was given it is not asked again
MOST_OF_AN_ACCOUNT = 20
LONGEST_BROWSER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Someone who is logged in; monotonic times [s] that are negative are of before the start."""

    digest: str = field(repr=False)
    account: str
    stays: bool
    by_initial: bool  # logged in with the initial password: it has to be changed
    address: str
    browser: str
    began_at: datetime | None  # by the wall clock; None: it was not valid
    logged_in_since: float  # from the same moment on
    used_at: float  # the last request by hand
    proved_at: float | None  # when the password was given; None: before the start


def new_token() -> str:
    """Return the token of a new session."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(token: str) -> str:
    """Return by what a token is known."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def csrf_of(token: str) -> str:
    """Return what the forms of a session carry, made from its token; the other way is impossible."""
    return hashlib.sha256(b"form " + token.encode("utf-8", "surrogatepass")).hexdigest()


def ends_at(session: Session, role: Role) -> float:
    """Return when a session ends if nobody does anything [monotonic s]."""
    if session.stays and role in STAYING:
        return session.logged_in_since + STAY_S
    return min(session.used_at + IDLE_S, session.logged_in_since + LONGEST_S)


def is_proved(session: Session, now_s: float) -> bool:
    """Tell whether the password was given a short while ago."""
    return session.proved_at is not None and now_s - session.proved_at <= PROVED_S


def must_change(session: Session, *, is_ordered: bool) -> bool:
    """Tell whether the password has to be changed before anything else."""
    return session.by_initial or is_ordered


def live(
    sessions: Mapping[str, Session], roles: Mapping[str, Role], now_s: float
) -> dict[str, Session]:
    """Return the sessions that have not ended, for each account the newest ones."""
    kept: dict[str, Session] = {}
    counts: dict[str, int] = {}
    for session in sorted(sessions.values(), key=lambda one: one.used_at, reverse=True):
        role = roles.get(session.account)
        count = counts.get(session.account, 0)
        if role is None or now_s >= ends_at(session, role) or count >= MOST_OF_AN_ACCOUNT:
            continue
        counts[session.account] = count + 1
        kept[session.digest] = session
    return kept


def stored(session: Session, now: datetime | None, now_s: float) -> WebsiteSessionRow:
    """Return a session as it is stored."""
    return WebsiteSessionRow(
        digest=session.digest,
        account=session.account,
        stays=session.stays,
        by_initial=session.by_initial,
        address=session.address,
        browser=session.browser,
        began_at=session.began_at.isoformat() if session.began_at else None,
        stored_at=now.isoformat() if now else None,
        age_s=now_s - session.logged_in_since,
        idle_s=now_s - session.used_at,
    )


def restored(row: WebsiteSessionRow, now: datetime | None, now_s: float) -> Session | None:
    """Return a stored session after a restart, None if it does not survive it.

    Without a valid clock nobody knows how long the device was off. Then only a session that stays
    signed in goes on: it is not meant to end by being idle.
    """
    stored_at = moment(row.stored_at)
    if now is None or stored_at is None:
        if not row.stays:
            return None
        off_s = 0.0
    else:
        off_s = max(0.0, (now - stored_at).total_seconds())
    return Session(
        digest=row.digest,
        account=row.account,
        stays=row.stays,
        by_initial=row.by_initial,
        address=row.address,
        browser=row.browser,
        began_at=moment(row.began_at),
        logged_in_since=now_s - max(0.0, row.age_s) - off_s,
        used_at=now_s - max(0.0, row.idle_s) - off_s,
        proved_at=None,
    )


def moment(text: str | None) -> datetime | None:
    """Return a stored time, None where it is none."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
