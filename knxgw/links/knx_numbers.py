"""Secure numbers that outlive the program: whose telegrams were taken up to where, and our own.

KNX Secure takes no telegram twice: Data Secure numbers the telegrams of each sender, secure routing
stamps them with a timer that all members share. Who forgets the numbers takes recorded telegrams
again, so they are stored; what for, and how often, is in docs/decisions/secure-numbers.md.

A name in the store holds a hash of the key the number belongs to: with another key nothing that was
recorded can be replayed, and the numbers count from the start.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from xknx.telegram.address import IndividualAddress

from knxgw.allowance import Allowance
from knxgw.errors import LinkError
from knxgw.knx.secure_apdu import HIGHEST_NUMBER

OWN = "own"  # name of the number that our next telegram gets after a restart
OWN_TO_TOOLS = "own to tools"  # the same of what is sent with the tool key
OWN_BLOCK = 1_000  # telegrams; that many may be sent before the next write
TIMER_BLOCK_MS = 600_000
AT_ONCE = 5.0  # numbers of one sender that are stored at once ...
AT_ONCE_EVERY_S = 60.0  # ... and how long until it may be one more
NUMBERS_START = datetime(2018, 1, 5, tzinfo=UTC)  # as ETS counts: ms since then


class NumberStore(Protocol):
    """Where numbers are kept; a lower number than the stored one changes nothing."""

    def note_number(self, name: str, number: int, *, at_once: bool) -> None:
        """Store a number at once, or with whatever is written next."""

    async def store_number(self, name: str, number: int) -> bool:
        """Store a number; return True when it is safe on the disk."""


class OwnNumbers:
    """Our own numbers with one kind of keys: none is used twice, power cuts included."""

    def __init__(
        self,
        name: str,
        stored: Mapping[str, int],
        store: NumberStore,
        wall_ms: Callable[[], int | None],
        first: int | None = None,
    ) -> None:
        """Begin with what was stored; `first`: to begin with where neither that nor the clock says more."""
        self._name = name
        self._stored = stored
        self._store = store
        self._wall_ms = wall_ms
        self._first = first
        self._next: int | None = None
        self._used_before = 0
        self._end = 0  # up to here they are reserved

    def exceed(self, number: int) -> None:
        """Use only numbers above this one."""
        self._used_before = max(self._used_before, number)
        if self._next is not None:
            self._next = max(self._next, number + 1)

    def begin_at(self, number: int | None) -> None:
        """Use numbers from this one on, also where neither store nor clock know where to begin; None: nobody says."""
        self._first = number
        if self._next is not None and number is not None:
            self._next = max(self._next, number)

    async def reserve(self) -> None:
        """Make sure that the next number cannot be used again after a power cut.

        Raises: LinkError while neither the clock nor the store knows where to begin.
        """
        if self._next is None:
            begin = max(self._wall_ms() or 0, self._stored.get(self._name, 0), self._first or 0)
            if not begin:  # what a keyring says may be years old: no place to begin
                raise LinkError("Data Secure has no numbers yet: the clock is not set")
            self._next = self._end = max(begin, self._used_before + 1)
        if self._next > HIGHEST_NUMBER - OWN_BLOCK:
            raise LinkError("the numbers of Data Secure are used up: all keys must be new")
        if self._next >= self._end:
            end = self._next + OWN_BLOCK
            # where nothing can be stored, the clock runs ahead of what was sent; without it nothing does
            if not await self._store.store_number(self._name, end) and self._wall_ms() is None:
                raise LinkError(
                    "Data Secure has no numbers: they cannot be stored, and the clock is not set"
                )
            self._end = end

    @property
    def upcoming(self) -> int:
        """Return the number of our next telegram, without using it; 0: not known yet."""
        return self._next or 0

    def next(self) -> int:
        """Return the number of our next telegram; `reserve` comes first."""
        if self._next is None:
            raise LinkError("Data Secure has no numbers yet")
        number = self._next
        self._next += 1
        return number


class SecureNumbers:
    """The numbers of this device, over all sessions of its link."""

    def __init__(
        self,
        stored: Mapping[str, int],
        store: NumberStore,
        wall_clock: Callable[[], datetime | None],
        now_s: Callable[[], float],
    ) -> None:
        """Begin with what was stored.

        `wall_clock` gives None while the clock is not set, `now_s` the monotonic time [s].
        """
        self._now_s = now_s
        self._stored = dict(stored)
        self._store = store
        self._wall_clock = wall_clock
        self._waiting: dict[str, int] = {}
        self._of_tools: dict[str, int] = {}  # taken, and not stored yet
        self._allowances: dict[str, Allowance] = {}
        # of group telegrams: what a keyring says may be years old, and others know what was used since
        self.group = OwnNumbers(OWN, self._stored, store, self._wall_ms)
        # with the tool key: this device has made or been given it, and knows what it has used
        self.tool = OwnNumbers(OWN_TO_TOOLS, self._stored, store, self._wall_ms, first=1)
        self._timers: dict[str, TimerNumbers] = {}

    # --- of the telegrams of others

    def last_valid(self, key: bytes, sender: IndividualAddress) -> int:
        """Return the highest number of a sender that was taken with this key, 0: none."""
        return self._stored.get(_name(key, str(sender)), 0)

    def taken(self, key: bytes, sender: IndividualAddress, number: int) -> None:
        """Note that a telegram was taken.

        Its number is stored at once, for a sender that sends all the time at the latest when
        `settle` is called next.
        """
        name = _name(key, str(sender))
        self._stored[name] = number
        if name not in self._allowances:
            self._allowances[name] = Allowance(most=AT_ONCE, every_s=AT_ONCE_EVERY_S)
        at_once = self._allowances[name].take(self._now_s())
        self._store.note_number(name, number, at_once=at_once)
        if at_once:
            self._waiting.clear()  # they are written together
        else:
            self._waiting[name] = number

    def taken_by_tool(self, key: bytes, sender: IndividualAddress, number: int) -> None:
        """Note that a telegram of a tool was taken; `secure_tools` stores it before what it has changed is."""
        name = _name(key, str(sender))
        self._stored[name] = number
        self._of_tools[name] = number

    async def secure_tools(self) -> bool:
        """Store up to where telegrams of tools were taken, for good; tell whether that is done."""
        for name, number in tuple(self._of_tools.items()):
            if not await self._store.store_number(name, number):
                return False
            if self._of_tools.get(name) == number:  # else another one was taken meanwhile
                del self._of_tools[name]
        return True

    def highest_of(
        self, keys: Iterable[bytes], senders: Iterable[IndividualAddress]
    ) -> dict[IndividualAddress, int]:
        """Return the highest number of each sender that was taken with any of the keys, 0: none."""
        prefixes = {_prefix(key) for key in keys}
        found = dict.fromkeys(map(str, senders), 0)
        for name, number in self._stored.items():
            prefix, _, who = name.partition(" ")
            if who in found and prefix in prefixes:
                found[who] = max(found[who], number)
        return {IndividualAddress(who): number for who, number in found.items()}

    def settle(self) -> None:
        """Store what still waits; to be called every ten seconds or so."""
        for name, number in (self._waiting | self._of_tools).items():
            self._store.note_number(name, number, at_once=True)
        self._waiting.clear()  # those of tools are stored for good only by `secure_tools`

    # --- of secure routing

    def timer(self, backbone_key: bytes) -> "TimerNumbers":
        """Return what is known of the timer of a backbone."""
        name = _name(backbone_key, "timer")
        known = self._timers.get(name)
        if known is None:
            known = TimerNumbers(name, self._stored, self._store, self._wall_ms)
            self._timers[name] = known
        return known

    def _wall_ms(self) -> int | None:
        now = self._wall_clock()
        if now is None or now <= NUMBERS_START:
            return None
        return (now - NUMBERS_START) // timedelta(milliseconds=1)


class TimerNumbers:
    """The timer [ms] that the members of secure routing share, over all our sessions.

    It is stored ahead of what was sent and heard, and starts again behind all of that by the latency
    tolerance: a recorded telegram is too old, however young the machine's own clock is.
    """

    def __init__(
        self,
        name: str,
        stored: Mapping[str, int],
        store: NumberStore,
        wall_ms: Callable[[], int | None],
    ) -> None:
        self._name = name
        self._wall_name = f"{name} wall"
        self._store = store
        self._wall_ms = wall_ms
        self._end_ms = stored.get(name)  # stored: higher than what anybody has heard
        self._end_wall_ms = stored.get(self._wall_name)
        self._ahead_ms: int | None = None  # of the monotonic clock, in this run

    async def begin(self, monotonic_ms: int, latency_ms: int) -> int:
        """Return what the timer starts with; it cannot be less after a power cut from now on."""
        if self._ahead_ms is not None:
            return monotonic_ms + self._ahead_ms
        value_ms = monotonic_ms
        if self._end_ms is not None:
            now_ms = self._end_ms - TIMER_BLOCK_MS + self._away_ms()
            value_ms = max(value_ms, max(self._end_ms, now_ms) + latency_ms)
        value_ms = min(value_ms, HIGHEST_NUMBER // 2)  # damaged: it takes thousands of years
        self._ahead_ms = value_ms - monotonic_ms
        self._reserve(value_ms)
        await self._store.store_number(self._name, value_ms + TIMER_BLOCK_MS)
        return value_ms

    def at(self, value_ms: int, monotonic_ms: int) -> None:
        """Note where the timer is."""
        self._ahead_ms = value_ms - monotonic_ms
        if self._end_ms is None or value_ms > self._end_ms - TIMER_BLOCK_MS // 2:
            self._reserve(value_ms)

    def _away_ms(self) -> int:
        """Return how long ago the stored value was written, as far as the wall clock knows."""
        wall_ms = self._wall_ms()
        if wall_ms is None or self._end_wall_ms is None:
            return 0
        return max(0, wall_ms - self._end_wall_ms)

    def _reserve(self, value_ms: int) -> None:
        self._end_ms = value_ms + TIMER_BLOCK_MS
        self._store.note_number(self._name, self._end_ms, at_once=True)
        wall_ms = self._wall_ms()
        if wall_ms is not None:
            self._store.note_number(self._wall_name, wall_ms, at_once=True)


def _name(key: bytes, what: str) -> str:
    """Return the name of a number that belongs to a key; the key cannot be told from it."""
    return f"{_prefix(key)} {what}"


def _prefix(key: bytes) -> str:
    return hashlib.sha256(b"knxgw number " + key).hexdigest()[:16]
