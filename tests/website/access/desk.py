"""A device's accounts on a disk of their own, with clocks that a test moves."""

from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from knxgw.store.accounts import AccountStore
from knxgw.store.database import Database
from knxgw.website.access.accounts import Accounts
from knxgw.website.access.answers import LogIn, Outcome, SessionView
from knxgw.website.access.passwords import Hasher
from knxgw.website.access.roles import Role
from tests.support.virtual_time import START, InlineExecutor

HERE, ELSEWHERE = "192.168.1.20", "10.0.0.7"
OWN = "a sound garage door"


@dataclass
class Desk:
    """Use `restart` for what comes after a power cut."""

    state: Path
    now_s: float = 1000.0
    off_s: float = 0.0  # between the wall clock and the monotonic one
    is_clock_valid: bool = True
    executor: Executor = field(default_factory=InlineExecutor)
    serial: str | None = None

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.database = Database(self.state)
        self.damage: list[Exception] = []
        self.store = AccountStore(
            self.database, self.executor, lambda why, _: self.damage.append(why), wait_s=0.2
        )
        self.accounts = Accounts(
            self.store,
            self.state,
            now=self.now,
            now_s=lambda: self.now_s,
            serial=self.serial,
            hasher=Hasher(time_cost=1, memory_kib=64),
        )

    def restart(self, off_s: float = 60.0) -> None:
        self.database.close()
        self.off_s += off_s + self.now_s
        self.now_s = 0.0
        self.start()

    def now(self) -> datetime | None:
        if not self.is_clock_valid:
            return None
        return START + timedelta(seconds=self.off_s + self.now_s)

    @property
    def initial(self) -> str:
        return (self.state / "knxgw.initial-password").read_text(encoding="ascii").strip()

    def log_in(self, password: str, name: str = "", *, stay: bool = False) -> LogIn:
        self.now_s += 100.0  # no pause and no full minute is left
        return self.accounts.log_in(password, name=name, address=HERE, browser="Firefox", stay=stay)

    def owner(self) -> str:
        """Return the token of an owner who has a password."""
        token = self.log_in(self.initial).token
        changed = self.accounts.change_password(token, "", OWN, address=HERE)
        assert changed.outcome is Outcome.DONE, changed
        return token

    def member(
        self, owner: str, name: str, role: Role, *, points: frozenset[int] | None = None
    ) -> str:
        """Return the token of somebody else who has a password, which is `OWN`, too."""
        made = self.accounts.manage.create(owner, name, role, address=HERE, points=points)
        assert made.outcome is Outcome.DONE, made
        token = self.log_in(made.password, name).token
        changed = self.accounts.change_password(token, "", OWN, address=HERE)
        assert changed.outcome is Outcome.DONE, changed
        return token

    def prove(self, token: str) -> None:
        self.now_s += 100.0
        assert self.accounts.prove(token, OWN, address=HERE).outcome is Outcome.DONE

    def session(self, token: str) -> SessionView:
        found = self.accounts.session_of(token)
        assert found is not None
        return found

    def is_in(self, token: str) -> bool:
        return self.accounts.session_of(token) is not None

    def audit(self) -> list[tuple[str, str]]:
        rows = self.accounts.audit_rows()
        assert rows is not None
        return [(row.account, row.action) for row in rows]
