"""The group objects as people look at them: what each says, and why one is not there. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from knxgw.catalogue.text import Text
from knxgw.monitoring.csv_table import Cell, Word, csv_lines
from knxgw.monitoring.telegrams import Meaning


class Absence(StrEnum):
    """Why an object says nothing."""

    NOT_CONFIGURED = "not configured"  # its charging point
    NOT_THERE = "not there"  # `ObjectLine.reason` says why
    NO_ADDRESS = "no address"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLine:
    """One group object."""

    number: int
    point: int | None  # None: of the whole device
    name: str
    dpt: str  # "": one byte without a type
    absence: Absence | None = None  # None: it is there, and all below holds
    reason: Text | None = None
    flags: str = ""
    addresses: tuple[str, ...] = ()  # the first one sends
    meaning: Meaning | None = None  # of its value; None: not known
    raw: str = ""
    changed_at: datetime | None = None  # aware, UTC
    sender: str = ""  # who wrote or answered last on one of its addresses
    received: int = 0
    sent: int = 0
    wrong: int = 0  # telegrams of the wrong type or length
    can_read: bool = False  # from the bus
    can_send: bool = False  # its own value
    can_write: bool = False  # as a service: it is an input

    def value(self, language: str) -> str:
        """Return what it says, as people of a language write it."""
        return "" if self.meaning is None else self.meaning.value(language)

    def fits(self, text: str) -> bool:
        """Tell whether a text, in lower case, stands in number, name, addresses or type."""
        parts = (str(self.number), self.name, self.dpt, *self.addresses)
        return text in "\n".join(parts).lower()


def chosen_objects(
    lines: Iterable[ObjectLine], text: str = "", *, only_missing: bool = False
) -> tuple[ObjectLine, ...]:
    """Return the objects that a filter lets through."""
    wanted = text.strip().lower()
    return tuple(
        line
        for line in lines
        if line.fits(wanted) and (line.absence is not None or not only_missing)
    )


HEADINGS = (
    "Number", "Charging point", "Name", "DPT", "Flags", "Addresses", "Value", "Raw", "Changed",
    "Sender", "Received", "Sent", "Wrong", "Missing because",
)  # fmt: skip


def objects_csv(
    lines: Iterable[ObjectLine],
    language: str,
    zone: tzinfo,
    word: Word = str,
    absence_words: Callable[[Absence], str] = str,
) -> Iterator[str]:
    """Yield the lines of a CSV file.

    `word` puts headings into its language, `absence_words` says why an object is missing.
    """
    rows = (_row(line, language, absence_words) for line in lines)
    return csv_lines([word(one) for one in HEADINGS], rows, language, zone)


def _row(
    line: ObjectLine, language: str, absence_words: Callable[[Absence], str]
) -> Sequence[Cell]:
    missing = "" if line.absence is None else absence_words(line.absence)
    if line.reason is not None:
        missing = line.reason.in_language(language)
    return (
        line.number,
        line.point,
        line.name,
        line.dpt,
        line.flags,
        " ".join(line.addresses),
        line.value(language),
        line.raw,
        line.changed_at,
        line.sender,
        line.received,
        line.sent,
        line.wrong,
        missing,
    )
