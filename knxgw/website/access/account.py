"""One account, its name, and all of them as they are stored. Pure."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from knxgw.store.accounts import AccountRow
from knxgw.website.access.roles import Right, Role, may
from knxgw.website.access.sessions import moment

OWNER_NAME = "owner"
LONGEST_NAME = 32
MOST_ACCOUNTS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who may log in, and as what."""

    name: str
    role: Role
    points: frozenset[int] | None = None  # a user's charging points; None: all of them
    password_hash: str = field(default="", repr=False)  # empty: the initial password
    must_change: bool = True
    failed: int = 0  # log-ins that failed since the last good one
    logged_in_at: datetime | None = None

    @property
    def key(self) -> str:
        """Return by what the account is found."""
        return key_of(self.name)

    def may_charge(self, point: int) -> bool:
        """Tell whether it may start, stop, unlock and interrupt a charging point."""
        return may(self.role, Right.CHARGE) and (self.points is None or point in self.points)


def key_of(name: str) -> str:
    """Return a name as it is compared: capitals and forms of a letter do not count."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def is_good_name(name: str) -> bool:
    """Tell whether an account may be called so: something that can be read, and typed again."""
    return 0 < len(name) <= LONGEST_NAME and name == name.strip() and name.isprintable()


def stored(account: Account) -> AccountRow:
    """Return an account as it is stored."""
    points = account.points
    return AccountRow(
        name=account.name,
        role=account.role.value,
        points=None if points is None else ",".join(str(point) for point in sorted(points)),
        password_hash=account.password_hash,
        must_change=account.must_change,
        failed=account.failed,
        logged_in_at=account.logged_in_at.isoformat() if account.logged_in_at else None,
    )


def restored(rows: Iterable[AccountRow]) -> dict[str, Account]:
    """Return the stored accounts by key, with exactly one owner.

    A row that cannot be understood is left out. Where the owner is missing, because there never was
    one or because its row was lost, there is one with the initial password.
    """
    accounts: dict[str, Account] = {}
    for row in rows:
        account = _restored(row)
        if account is not None:
            accounts.setdefault(account.key, account)
    if owner_of(accounts) is None:
        fresh = Account(name=_free_name(accounts), role=Role.OWNER)
        accounts = {fresh.key: fresh, **accounts}
    return accounts


def owner_of(accounts: Mapping[str, Account]) -> Account | None:
    """Return the owner's account."""
    return next((one for one in accounts.values() if one.role is Role.OWNER), None)


def _restored(row: AccountRow) -> Account | None:
    try:
        role = Role(row.role)
        points = None if row.points is None else frozenset(map(int, row.points.split(",")))
    except ValueError:
        return None
    if not is_good_name(row.name) or (not row.password_hash and role is not Role.OWNER):
        return None
    return Account(
        name=row.name,
        role=role,
        points=points,
        password_hash=row.password_hash,
        must_change=row.must_change,
        failed=max(0, row.failed),
        logged_in_at=moment(row.logged_in_at),
    )


def _free_name(accounts: Mapping[str, Account]) -> str:
    """Return a name for an owner that none of the others has."""
    if OWNER_NAME not in accounts:
        return OWNER_NAME
    return next(name for n in range(2, 99) if (name := f"{OWNER_NAME} {n}") not in accounts)
