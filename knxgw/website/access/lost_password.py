"""The initial password: how it is made, whom it lets in, and the two ways back to it.

`knxgw password --reset` leaves a request in the state directory, beside a running gateway or without
one; it is looked for whenever somebody asks for a page. The real programming button lets the initial
password in for ten minutes.
"""

import logging
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from knxgw.store import initial_password
from knxgw.store.accounts import AuditRow
from knxgw.store.initial_password import ResetRequest
from knxgw.website.access import passwords
from knxgw.website.access.account import Account
from knxgw.website.access.answers import Action
from knxgw.website.access.ledger import Ledger
from knxgw.website.access.refusals import BusyError
from knxgw.website.access.roles import Role

log = logging.getLogger(__name__)
LOOK_S = 1.0  # how often it is looked for a request
BUTTON_S = 600.0  # how long the button lets the initial password in
BUTTON_WAIT_S = 60.0  # for others who change something
BY_BUTTON, BY_COMMAND = "programming button", "knxgw password --reset"
BY_HOST = "host"  # a signal to the process, or a command of the service manager


class InitialPassword:
    """The initial password of a device."""

    def __init__(self, directory: Path, ledger: Ledger) -> None:
        """Make it where there is none; `made` is then what the console may show once."""
        self._directory = directory
        self._ledger = ledger
        self._request = ResetRequest(directory)
        self._taken: tuple[int, int] | None = None  # the request that holds in memory already
        self._looked_at: float | None = None
        self._button_until: float | None = None  # it lets the owner in
        self._making = threading.Lock()
        self._known: str | None = None
        self.made: str | None = None
        self.value()

    def value(self) -> str | None:
        """Return it, made where there is none; None: the disk refuses, it is tried again."""
        with self._making:
            if self._known is None:
                self._known = self._read_or_made()
            return self._known

    def _read_or_made(self) -> str | None:
        try:
            found = initial_password.read(self._directory)
            if found is None or not passwords.is_made(found):
                found = passwords.made()
                initial_password.write(self._directory, found)
                self.made = found
        except OSError as err:
            log.warning("the initial password of the website cannot be read or made: %s", err)
            return None
        return found

    @property
    def left_s(self) -> float | None:
        """Return how long the button still lets it in, None: it does not."""
        left_s = None if self._button_until is None else self._button_until - self._ledger.now_s()
        return left_s if left_s is not None and left_s > 0 else None

    def lets_in(self, account: Account) -> bool:
        """Tell whether it is the password of an account now."""
        is_owner = account.role is Role.OWNER
        return is_owner and (not account.password_hash or self.left_s is not None)

    def note_new_password(self) -> None:
        """Note that the owner has a password again."""
        self._button_until = None

    def by_button(self) -> None:
        """Let the owner in with it for ten minutes, to change it.

        For the real programming button only, never for a page or a telegram. The owner's sessions
        end; if nobody comes, the previous password holds again. May wait for the disk.
        Raises: BusyError.
        """
        ledger = self._ledger
        with ledger.changes(BUTTON_WAIT_S):
            self._button_until = ledger.now_s() + BUTTON_S
            row = ledger.row(ledger.owner.name, Action.INITIAL_PASSWORD, BY_BUTTON)
            ledger.adopt_anyway(ledger.accounts, ledger.without_sessions_of(ledger.owner), row)
        log.warning(
            "the programming button was held: for %.0f min the owner of the website logs in with "
            "the initial password",
            BUTTON_S / 60,
        )

    def look_for_request(self) -> None:
        """Take a request of `knxgw password --reset`, if there is one."""
        now_s = self._ledger.now_s()
        if self._looked_at is not None and 0 <= now_s - self._looked_at < LOOK_S:
            return
        self._looked_at = now_s
        if self._request.stamp() is None:
            return
        with suppress(BusyError), self._ledger.changes():
            self._take_request()

    def _take_request(self) -> None:
        stamp = self._request.stamp()
        if stamp is None:
            return  # another thread has just taken it
        ledger = self._ledger
        accounts, kept = ledger.accounts, ledger.sessions
        rows: tuple[AuditRow, ...] = ()
        if stamp != self._taken:
            self._taken = stamp
            owner = replace(ledger.owner, password_hash="", must_change=True)
            accounts, kept = ledger.with_account(owner), ledger.without_sessions_of(owner)
            rows = (ledger.row(owner.name, Action.INITIAL_PASSWORD, BY_COMMAND),)
            log.warning("the owner of the website logs in with the initial password again")
        if ledger.adopt_anyway(accounts, kept, *rows):
            self._request.remove()
