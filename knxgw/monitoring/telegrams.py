"""The last group telegrams, and the last one with a value on each group address.

What is noted of a telegram is what stands in it: nothing is decoded before somebody looks.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from knxgw.catalogue.flags import Priority
from knxgw.catalogue.text import Text
from knxgw.config.addresses import group_address, individual_address
from knxgw.monitoring.figures import number_text
from knxgw.monitoring.ring import Numbered, Ring

KEPT = 5000
MOST_ADDRESSES = 4096  # of which the last value is kept; the longest silent one gives way
Payload = int | tuple[int, ...] | None  # a value of up to 6 bits; bytes; none: a read
HIDDEN = "****"  # stands for a value that nobody may read


class Service(StrEnum):
    """What a group telegram does. The values are also the words of a filter."""

    READ = "read"
    RESPONSE = "response"
    WRITE = "write"
    SEALED = "sealed"  # by Data Secure, and not opened


class Telegram(NamedTuple):
    """A group telegram as it was on the bus."""

    at: datetime  # aware, UTC
    is_sent: bool  # by this device
    source: int  # raw individual address
    address: int  # raw group address
    service: Service
    payload: Payload
    priority: Priority
    is_secure: bool  # Data Secure
    is_taken: bool = True  # of a sent one: somebody on the line has confirmed it
    is_refused: bool = False  # by Data Secure: no group object has seen it


@dataclass(slots=True)
class AddressNews:
    """What was heard on one group address."""

    received: int = 0
    sent: int = 0
    value: Telegram | None = None  # the last one that carried a value


class TelegramRing:
    """Takes telegrams in the event loop; reading is safe from any thread."""

    def __init__(self) -> None:
        self.ring = Ring[Telegram](KEPT)
        self._news: OrderedDict[int, AddressNews] = OrderedDict()

    def note(self, telegram: Telegram) -> None:
        """Keep a telegram; never waits."""
        self.ring.append(telegram)
        if telegram.is_refused:
            return  # anybody can send it: it says nothing of the address
        address = telegram.address
        news = self._news.get(address)
        if news is None:
            news = self._news[address] = AddressNews()
            if len(self._news) > MOST_ADDRESSES:
                self._news.popitem(last=False)
        else:
            self._news.move_to_end(address)
        if telegram.is_sent:
            news.sent += 1
        else:
            news.received += 1
        if telegram.payload is not None:
            news.value = telegram

    def news(self, address: int) -> AddressNews:
        """Return what was heard on a raw group address."""
        return self._news.get(address) or AddressNews()

    def last_values(self) -> tuple[Numbered[Telegram], ...]:
        """Return the last telegram with a value of each address, by address; all have number 0."""
        values = [news.value for news in list(self._news.values())]
        known = [one for one in values if one is not None]
        return tuple(Numbered(0, one) for one in sorted(known, key=lambda one: one.address))


# --- what people see -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a payload means on its group address; of an address that nobody knows all is empty."""

    name: str = ""  # of the group object that is linked there
    dpt: str = ""
    number: float | None = None
    unit: str = ""
    text: str = ""  # of a value that is no number
    words: Text | None = None  # what a number means that is a code
    is_hidden: bool = False  # a value that nobody may read as a whole: `text` is what may be shown

    def value(self, language: str) -> str:
        """Return the value with its unit, as people of a language write it."""
        if self.number is None:
            return self.text
        shown = f"{number_text(self.number, language)} {self.unit}".rstrip()
        return shown if self.words is None else f"{shown} ({self.words.in_language(language)})"


Interpret = Callable[[int, Payload], Meaning]  # raw group address and payload


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramLine:
    """A telegram in words; `number` 0: it stands in no order."""

    number: int
    telegram: Telegram
    source: str  # 1.1.30
    address: str  # 1/0/10
    meaning: Meaning
    value: str
    raw: str  # hexadecimal; "" of a read
    delta_ms: int | None = None  # since the line before
    is_context: bool = False  # it is there because it stands near one that was asked for


def raw_text(payload: Payload) -> str:
    """Return a payload in hexadecimal digits, as group monitors write it."""
    if payload is None:
        return ""
    if isinstance(payload, int):
        return f"{payload:02X}"
    return " ".join(f"{byte:02X}" for byte in payload)


def line_of(numbered: Numbered[Telegram], interpret: Interpret, language: str) -> TelegramLine:
    """Return a telegram in words."""
    number, telegram = numbered
    meaning = interpret(telegram.address, telegram.payload)
    return TelegramLine(
        number=number,
        telegram=telegram,
        source=individual_address(telegram.source),
        address=group_address(telegram.address),
        meaning=meaning,
        value=meaning.value(language),
        raw=HIDDEN
        if meaning.is_hidden and telegram.payload is not None
        else raw_text(telegram.payload),
    )


def lines_of(
    rows: Iterable[Numbered[Telegram]], interpret: Interpret, language: str
) -> tuple[TelegramLine, ...]:
    """Return telegrams in words, in the same order."""
    return tuple(line_of(one, interpret, language) for one in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How busy the bus is."""

    per_s: float  # in the last ten seconds
    peak_per_s: int  # most in one second, of the telegrams that are kept


def rate(telegrams: Sequence[Telegram], now: datetime, over_s: float = 10.0) -> Rate:
    """Return how many telegrams there were; they stand in the order of their times."""
    recent = sum(1 for one in telegrams if 0 <= (now - one.at).total_seconds() < over_s)
    peak, first = 0, 0
    for place, one in enumerate(telegrams):
        while first < place and (one.at - telegrams[first].at).total_seconds() >= 1.0:
            first += 1
        peak = max(peak, place - first + 1)
    return Rate(per_s=recent / over_s, peak_per_s=peak)
