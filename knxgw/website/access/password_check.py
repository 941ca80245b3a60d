"""Whether a password is right: compared without haste, and not too often."""

import logging
import threading

from knxgw.website.access import passwords
from knxgw.website.access.account import Account
from knxgw.website.access.answers import Action, Outcome
from knxgw.website.access.ledger import Ledger
from knxgw.website.access.lost_password import InitialPassword
from knxgw.website.access.passwords import Hasher
from knxgw.website.access.refusals import BusyError, RefusedError
from knxgw.website.access.throttle import FREE, Throttle

log = logging.getLogger(__name__)
LONGEST_INPUT = 1000  # characters of a password that are looked at
SAY_EVERY = 100  # failures
NOBODY_NAME = "?"  # in the audit: what was typed as a name may be a password


class PasswordCheck:
    """Compares passwords, in the name of everybody who is asked for one."""

    def __init__(self, ledger: Ledger, initial: InitialPassword, hasher: Hasher) -> None:
        self._ledger = ledger
        self._initial = initial
        self._hasher = hasher
        self._throttle = Throttle()
        self._memory = threading.Lock()  # of the throttle; never held while anything waits

    def check(self, key: str, account: Account | None, password: str, address: str) -> bool:
        """Compare the password of the account that has a key; tell whether it is the initial one.

        Raises: RefusedError, it is wrong, too early, or too many ask.
        """
        with self._memory:
            wait_s = self._throttle.take(key, address, self._ledger.now_s())
        if wait_s > 0:
            raise RefusedError(Outcome.TOO_SOON, wait_s)
        is_initial = account is not None and self._initial.lets_in(account)
        try:
            is_right = self._is_right(account, password, is_initial=is_initial)
        except BusyError:
            with self._memory:
                self._throttle.give_back(key, address)
            raise
        if not is_right:
            self._failed(key, account, address)
            raise RefusedError(Outcome.WRONG)
        with self._memory:
            self._throttle.succeeded(key, address)
        return is_initial

    def renewed_hash(self, account: Account, password: str) -> str:
        """Return the hash to keep: made again where the settings have changed. Raises: BusyError."""
        old = account.password_hash
        if not old or account.must_change or not self._hasher.is_old(old):
            return old
        return self._hasher.hash(password)

    def _is_right(self, account: Account | None, password: str, *, is_initial: bool) -> bool:
        """Compare; takes as long for an account that there is not. Raises: BusyError."""
        text = password[:LONGEST_INPUT]
        if account is None or is_initial:
            self._hasher.is_right(self._hasher.nobody, text)
            initial = self._initial.value() if is_initial else None
            return initial is not None and passwords.is_same_made(text, initial)
        if account.must_change and passwords.is_made(text):
            text = passwords.as_made(text)  # typed in any way that reads the same
        return self._hasher.is_right(account.password_hash, text)

    def _failed(self, key: str, account: Account | None, address: str) -> None:
        if account is not None:
            self._ledger.note_failure(account)
        with self._memory:
            count = self._throttle.failures(key, address)
        if count != FREE and (count < FREE or count % SAY_EVERY):
            return
        name = NOBODY_NAME if account is None else account.name
        log.warning("website: %d log-ins of %s failed from %s", count, name, address)
        row = self._ledger.row(name, Action.LOG_INS_FAILED, address, after=str(count))
        self._ledger.note(row)
