"""Passwords: how they are made, judged, hashed and compared."""

import hmac
import secrets
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from knxgw.host.memory import return_large_blocks
from knxgw.website.access.answers import Weakness
from knxgw.website.access.refusals import BusyError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # base32 without letters that look like digits
MADE_LENGTH, MADE_GROUP = 12, 4  # 60 bit
SHORTEST, LONGEST = 10, 200
TIME_COST, MEMORY_KIB, LANES = 2, 19_456, 1
_NO_SALT, _NO_DIGEST = "A" * 22, "A" * 43  # 16 and 32 bytes of base64
MOST_WAITING = 8  # who else wants to log in at this very moment


def made() -> str:
    """Return a new random password that can be read aloud, such as 7K3M-9QWX-2RTB."""
    letters = "".join(secrets.choice(CROCKFORD) for _ in range(MADE_LENGTH))
    return "-".join(letters[i : i + MADE_GROUP] for i in range(0, MADE_LENGTH, MADE_GROUP))


def as_made(text: str) -> str:
    """Return a made password as it is compared: typed in any way that reads the same."""
    plain = normal(text).upper().replace("-", "").replace(" ", "")
    return plain.replace("O", "0").replace("I", "1").replace("L", "1")


def is_made(text: str) -> bool:
    """Tell whether a text could be a password made here."""
    plain = as_made(text)
    return len(plain) == MADE_LENGTH and all(letter in CROCKFORD for letter in plain)


def is_same_made(one: str, other: str) -> bool:
    """Compare two made passwords; takes as long whatever is the same."""
    return hmac.compare_digest(_bytes(as_made(one)), _bytes(as_made(other)))


def normal(text: str) -> str:
    """Return a password in the one form in which every keyboard gives it."""
    return unicodedata.normalize("NFKC", text)


def weakness(
    password: str, *, initial: str | None, serial: str | None, names: Iterable[str] = ()
) -> Weakness | None:
    """Return why a new password is not taken, None: it is. There are no rules of composition."""
    text = normal(password)
    if len(text) < SHORTEST:
        return Weakness.TOO_SHORT
    if len(text) > LONGEST:
        return Weakness.TOO_LONG
    if initial is not None and is_same_made(text, initial):
        return Weakness.INITIAL
    folded = text.casefold()
    if serial and folded == serial.casefold():
        return Weakness.SERIAL
    if folded in {name.casefold() for name in names}:
        return Weakness.NAME
    return Weakness.COMMON if folded in _common() else None


def _common() -> frozenset[str]:
    """Return the common passwords that are long enough to be given.

    They are read each time and not kept: the whole list takes some 13 MiB.
    """
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - seldom needed, and large

    return frozenset(one for one in FREQUENCY_LISTS["passwords"] if len(one) >= SHORTEST)


class Hasher:
    """Hashes passwords with argon2id, one at a time; few wait, everybody else is sent away.

    A hash takes 19 MiB while it is made, and tens of milliseconds of one core.
    """

    def __init__(
        self,
        *,
        most_waiting: int = MOST_WAITING,
        time_cost: int = TIME_COST,
        memory_kib: int = MEMORY_KIB,
    ) -> None:
        """Tests use lower costs."""
        self._time_cost, self._memory_kib = time_cost, memory_kib
        self._one = threading.Lock()
        self._places = threading.BoundedSemaphore(1 + most_waiting)

    @cached_property
    def _argon2(self) -> "PasswordHasher":
        from argon2 import PasswordHasher  # noqa: PLC0415 - not needed for charging

        return_large_blocks()
        return PasswordHasher(
            time_cost=self._time_cost, memory_cost=self._memory_kib, parallelism=LANES
        )

    @property
    def nobody(self) -> str:
        """Return a hash of no password: comparing with it takes as long as with any other."""
        settings = f"m={self._memory_kib},t={self._time_cost},p={LANES}"
        return f"$argon2id$v=19${settings}${_NO_SALT}${_NO_DIGEST}"

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise BusyError
        try:
            with self._one:
                yield
        finally:
            self._places.release()

    def hash(self, password: str) -> str:
        """Return the hash of a password. Raises: BusyError."""
        with self._turn():
            return self._argon2.hash(_bytes(normal(password)))

    def is_right(self, password_hash: str, password: str) -> bool:
        """Tell whether a password has a hash; a hash that is none fits nothing. Raises: BusyError."""
        from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - as above

        with self._turn():
            try:
                return self._argon2.verify(password_hash, _bytes(normal(password)))
            except (VerificationError, InvalidHashError):
                return False

    def is_old(self, password_hash: str) -> bool:
        """Tell whether a hash was made with other settings than those of today."""
        return self._argon2.check_needs_rehash(password_hash)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
