"""Tables as CSV, as the spreadsheet of a language opens them; pure.

German spreadsheets want `;` between the cells and a decimal comma. A cell that a spreadsheet would take
for a formula gets an apostrophe in front, and control characters are left out: what stands in a cell may come from
the bus, from a charger or from a card.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal

from knxgw.monitoring.figures import GERMAN, decimal_text

Cell = str | int | Decimal | datetime | bool | None
Word = Callable[[str], str]  # puts a word of a table into the language of its reader
_FORMULA = ("=", "+", "-", "@", "\t")
_UNWANTED = {
    "Cc",
    "Cf",
}  # control characters; invisible ones, among them those that turn the direction
BYTE_ORDER_MARK = "\ufeff"  # without it a spreadsheet takes UTF-8 for something else


def csv_lines(
    headings: Sequence[str], rows: Iterable[Sequence[Cell]], language: str, zone: tzinfo
) -> Iterator[str]:
    """Yield the lines of a table, the first with a byte order mark; times are those of `zone`, with its offset."""
    separator = ";" if language == GERMAN else ","
    yield BYTE_ORDER_MARK + _line([plain_text(one) for one in headings], separator)
    for row in rows:
        yield _line([_cell(one, language, zone) for one in row], separator)


def plain_text(text: str) -> str:
    """Return a text without control characters and without what turns its direction."""
    return "".join(one for one in text if unicodedata.category(one) not in _UNWANTED)


def _cell(cell: Cell, language: str, zone: tzinfo) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "1" if cell else "0"
        case int():
            return str(cell)
        case Decimal():
            return decimal_text(f"{cell:f}", language)
        case datetime():
            return cell.astimezone(zone).isoformat(
                sep=" ", timespec="milliseconds" if cell.microsecond else "seconds"
            )
        case str():
            text = plain_text(cell)
            return f"'{text}" if text.startswith(_FORMULA) or cell.startswith(_FORMULA) else text


def _line(cells: Sequence[str], separator: str) -> str:
    return separator.join(_quoted(cell, separator) for cell in cells) + "\r\n"


def _quoted(cell: str, separator: str) -> str:
    if separator in cell or '"' in cell or "\n" in cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell
