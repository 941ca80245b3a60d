"""The last Modbus requests of all buses, with what came back; pure.

What is noted is the request as it is; what its registers mean is looked up when somebody looks.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from typing import NamedTuple

from knxgw.monitoring.csv_table import Cell, Word, csv_lines
from knxgw.monitoring.figures import number_text
from knxgw.monitoring.ring import Numbered, Ring

KEPT = 5000
MOST_BUSES = 64  # of which is counted; more than a site can have


class Exchange(NamedTuple):
    """One request on a bus and what became of it."""

    at: datetime  # aware, UTC: when it was answered, or given up
    bus: str
    device: str  # as the site names it: "cp1/charger"
    request: object  # a read or a write, as the room of Modbus has it
    registers: Sequence[int]  # that came back; of a write none
    took_s: float
    error: str = ""  # "": it was answered


@dataclass(slots=True)
class BusCount:
    """How a bus does."""

    requests: int = 0
    failed: int = 0
    took_s: float = 0.0  # all requests together
    longest_s: float = 0.0
    last_error: str = ""
    last_error_at: datetime | None = None

    @property
    def mean_s(self) -> float | None:
        """Return the mean time of a request, None before the first."""
        return self.took_s / self.requests if self.requests else None


class RequestRing:
    """Takes requests in the event loop; reading is safe from any thread."""

    def __init__(self) -> None:
        self.ring = Ring[Exchange](KEPT)
        self._counts: dict[str, BusCount] = {}

    def note(self, exchange: Exchange) -> None:
        """Keep a request; never waits."""
        self.ring.append(exchange)
        count = self._counts.get(exchange.bus)
        if count is None:
            if len(self._counts) >= MOST_BUSES:  # of buses that were, long ago
                del self._counts[next(iter(self._counts))]
            count = self._counts[exchange.bus] = BusCount()
        count.requests += 1
        count.took_s += exchange.took_s
        if exchange.took_s > count.longest_s:  # noqa: PLR1730 - `max` takes longer, for each request
            count.longest_s = exchange.took_s
        if exchange.error:
            count.failed += 1
            count.last_error, count.last_error_at = exchange.error, exchange.at

    def took_s(self, device: str) -> float | None:
        """Return how long the last request of a device took that was answered [s], None: none was."""
        for _, exchange in reversed(self.ring.rows()):
            if exchange.device == device and not exchange.error:
                return exchange.took_s
        return None

    @property
    def counts(self) -> Mapping[str, BusCount]:
        """Return the counts of each bus."""
        return dict(self._counts)


# --- what people see -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PointValue:
    """One value that a request has read or written."""

    name: str  # of the point in the model file; "" where the file knows none
    address: int
    raw: str  # hexadecimal
    number: float | None = None
    unit: str = ""
    text: str = ""  # of a value that is no number, or the meaning of a code

    def value(self, language: str) -> str:
        """Return the value with its unit, as people of a language write it."""
        number = "" if self.number is None else number_text(self.number, language)
        return " ".join(part for part in (number, self.unit if number else "", self.text) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestWords:
    """What a request asks for, and what its answer means."""

    is_write: bool
    function: int
    unit_id: int
    table: str  # holding, input, coil, discrete
    address: int
    count: int
    values: tuple[PointValue, ...] = ()


Explain = Callable[[Exchange], RequestWords]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """A request in words."""

    number: int
    exchange: Exchange
    words: RequestWords
    device: str  # as people call it

    @property
    def took_ms(self) -> int:
        """Return how long it took."""
        return round(self.exchange.took_s * 1000)

    def fits(self, text: str) -> bool:
        """Tell whether a text, in lower case, stands in bus, device, names, address or error."""
        words = self.words
        parts = (
            self.exchange.bus,
            self.exchange.device,
            self.device,
            self.exchange.error,
            str(words.address),
            "write" if words.is_write else "read",
            *(value.name for value in words.values),
        )
        return text in "\n".join(parts).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter:
    """Which requests are shown; what is empty lets all through."""

    bus: str = ""
    device: str = ""
    text: str = ""
    only_errors: bool = False
    only_writes: bool = False

    def may_fit(self, exchange: Exchange) -> bool:
        """Tell whether a request can be shown, before its registers are looked up."""
        return (
            self.bus in ("", exchange.bus)
            and self.device in ("", exchange.device)
            and (bool(exchange.error) or not self.only_errors)
        )

    def fits(self, line: RequestLine) -> bool:
        """Tell whether a request is shown."""
        return (
            self.may_fit(line.exchange)
            and (line.words.is_write or not self.only_writes)
            and line.fits(self.text.strip().lower())
        )


ALL = RequestFilter()


def request_lines(
    rows: Iterable[Numbered[Exchange]],
    explain: Explain,
    wanted: RequestFilter = ALL,
    names: Mapping[str, str] = MappingProxyType({}),
) -> tuple[RequestLine, ...]:
    """Return requests in words, in the same order; only those that a filter lets through.

    `names` are what people call the devices.
    """
    lines = (
        RequestLine(
            number=number,
            exchange=row,
            words=explain(row),
            device=names.get(row.device, row.device),
        )
        for number, row in rows
        if wanted.may_fit(row)
    )
    return tuple(line for line in lines if wanted.fits(line))


def cycle_times_s(rows: Iterable[Numbered[Exchange]], explain: Explain) -> Mapping[str, float]:
    """Return for each device how often its most frequent read is repeated: the median of the spacings."""
    times: dict[tuple[str, int, str, int], list[datetime]] = defaultdict(list)
    for _, exchange in rows:
        words = explain(exchange)
        if not words.is_write:
            times[exchange.device, words.unit_id, words.table, words.address].append(exchange.at)
    found: dict[str, tuple[int, float]] = {}
    for (device, *_), moments in times.items():
        if len(moments) < 2 or len(moments) <= found.get(device, (0, 0.0))[0]:
            continue
        spacings = [(b - a).total_seconds() for a, b in pairwise(moments)]
        found[device] = len(moments), median(spacings)
    return {device: spacing_s for device, (_, spacing_s) in found.items()}


HEADINGS = (
    "Time", "Bus", "Device", "Direction", "Function", "Unit", "Table", "Register", "Name", "Raw",
    "Value", "ms", "Error",
)  # fmt: skip


def requests_csv(
    lines: Iterable[RequestLine], language: str, zone: tzinfo, word: Word = str
) -> Iterator[str]:
    """Yield the lines of a CSV file: one for each value, or for each request without any.

    `word` puts headings and codes into its language.
    """
    rows = (row for line in lines for row in _rows(line, language, word))
    return csv_lines([word(one) for one in HEADINGS], rows, language, zone)


def _rows(line: RequestLine, language: str, word: Word) -> Iterator[Sequence[Cell]]:
    exchange, words = line.exchange, line.words
    milliseconds = Decimal(round(exchange.took_s * 10_000)).scaleb(-1)
    for value in words.values or (PointValue(name="", address=words.address, raw=""),):
        yield (
            exchange.at,
            exchange.bus,
            line.device,
            word("write" if words.is_write else "read"),
            words.function,
            words.unit_id,
            words.table,
            value.address,
            value.name,
            value.raw,
            value.value(language),
            milliseconds,
            exchange.error,
        )
