"""Reads a list of group addresses that ETS exported as CSV, in any of its shapes; pure.

ETS writes 3/1 (three columns of names, one address), 1/1 (one and one), 3/3 and 1/3 (three columns of
numbers), separated by semicolon, comma or tab, with a head or without one, as UTF-8 or in the code page of
Windows. Spreadsheets write UTF-16 as well, and the separator into the first line. Source: [ets-group-addresses] columns of the CSV.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knxgw.catalogue.messages import message
from knxgw.ets.address_list import AddressList, row_of
from knxgw.ets.project import EtsFileError

SEPARATORS = ";,\t"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LEVELS = {  # words of heads, in ETS's languages that we read
    "main": 0,
    "haupt": 0,
    "hauptgruppe": 0,
    "middle": 1,
    "mitte": 1,
    "mittelgruppe": 1,
    "sub": 2,
    "unter": 2,
    "untergruppe": 2,
}
_NAME = {"group name", "gruppenname"}
_ADDRESS = {"address", "adresse", "gruppenadresse"}
_TYPE = {"datapointtype", "datenpunkttyp"}
_DESCRIPTION = {"description", "beschreibung"}
_SECURITY = {"security", "sicherheit"}
_SAID = re.compile(rf'"?sep=([{SEPARATORS}])"?\r?\n', re.IGNORECASE)
_WRITTEN = re.compile(r"([0-9]{1,5})(?:/([0-9]{1,4}|-))?(?:/([0-9]{1,3}|-))?")
_WRITTEN_TYPE = re.compile(r"DPS?T-[0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where a row has what."""

    names: tuple[int, ...]  # main, middle and sub, or only the name
    numbers: tuple[int, ...]  # one with the address, or three with its parts
    dpt: int | None = None
    security: int | None = None
    description: int | None = None


def read_csv(data: bytes) -> AddressList:
    """Return the addresses of a list. Raises: EtsFileError."""
    found = AddressList()
    columns: Columns | None = None
    heads = 0  # rows that no columns come from: a head in a language that we do not read
    for line, cells in _rows(_decoded(data)):
        if columns is None:
            columns = _of_head(cells)
            if columns is not None:
                continue
            columns = _without_head(cells)
        if columns is not None:
            _take(line, cells, columns, found)
        elif heads:
            raise EtsFileError(message("ets_no_list"))
        heads += columns is None
    return found


def _decoded(data: bytes) -> str:
    """Return the text: UTF-8, UTF-16 with its mark, or else the code page that ETS 5 uses."""
    if data.startswith(UTF_16):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line and cells of every row that has any. Raises: EtsFileError."""
    line = 1
    if (said := _SAID.match(text)) is not None:  # as a spreadsheet writes it
        separator, text, line = said[1], text[said.end() :], 2
    else:
        separator = max(SEPARATORS, key=text.partition("\n")[0].count)
    before = line - 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = before + reader.line_num + 1
    except csv.Error as err:
        raise EtsFileError(message("ets_no_list")) from err


def _of_head(cells: Sequence[str]) -> Columns | None:
    """Return the columns that a head names, in any order; None: it is none."""
    words = [cell.strip().casefold() for cell in cells]
    address = [i for i, word in enumerate(words) if word in _ADDRESS]
    name = [i for i, word in enumerate(words) if word in _NAME]
    levels: list[dict[int, int]] = [{}, {}]  # first the names, then the numbers
    for i, word in enumerate(words):
        if word in _LEVELS:
            level = _LEVELS[word]
            levels[level in levels[0]].setdefault(level, i)
    named, numbered = levels
    if name and named and not address:  # 1/3: the only levels are numbers
        named, numbered = {}, named
    names = tuple(name) or tuple(named[level] for level in sorted(named))
    numbers = tuple(address[:1]) or tuple(numbered[level] for level in sorted(numbered))
    if not (names and numbers):
        return None
    return Columns(
        names=names,
        numbers=numbers,
        dpt=_index(words, _TYPE),
        security=_index(words, _SECURITY),
        description=_index(words, _DESCRIPTION),
    )


def _index(words: Sequence[str], wanted: set[str]) -> int | None:
    return next((i for i, word in enumerate(words) if word in wanted), None)


def _without_head(cells: Sequence[str]) -> Columns | None:
    """Return the columns of a list without a head, by its first row; None: it is no list.

    The names come first, then the address; the type is found row by row, by how it is written.
    """
    for i, cell in enumerate(cells):
        if i and (found := _WRITTEN.fullmatch(cell.strip())) and found[2]:
            return Columns(names=tuple(range(i)), numbers=(i,))
    return None


def _take(line: int, cells: list[str], columns: Columns, found: AddressList) -> None:
    """Take one row: an address, or the name of a group of them."""
    numbers = [_cell(cells, i).strip() for i in columns.numbers]
    written = numbers[0] if len(numbers) == 1 else "/".join(one or "-" for one in numbers)
    parts = _parts(written)
    name = next((cell for i in columns.names if (cell := _cell(cells, i)).strip()), "")
    if parts is None:
        found.skip(line)
    elif parts[0] == parts[1]:
        types = _cell(cells, columns.dpt) if columns.dpt is not None else _typed(cells, columns)
        row = row_of(
            parts[0],
            name,
            types=types,
            security=_cell(cells, columns.security),
            description=_cell(cells, columns.description),
        )
        found.add(row)
    else:
        found.add_range(*parts, name)


def _cell(cells: Sequence[str], index: int | None) -> str:
    return cells[index] if index is not None and index < len(cells) else ""


def _typed(cells: Sequence[str], columns: Columns) -> str:
    """Return the cell with datapoint types of a row without a head."""
    after = cells[max(columns.numbers) + 1 :]
    return next((cell for cell in after if _WRITTEN_TYPE.match(cell.strip())), "")


def _parts(written: str) -> tuple[int, int] | None:
    """Return first and last address (16 bits) of "1/-/-", "1/0/-", "1/0/1", "1/-", "0/1" or "2049".

    One address: both are the same. None: it is no address.
    """
    match written.split("/"):
        case [main, "-", "-"] | [main, "-"] if _is_within(main, 31):
            return _range(int(main) << 11, 0x7FF)
        case [main, middle, "-"] if _is_within(main, 31) and _is_within(middle, 7):
            return _range(int(main) << 11 | int(middle) << 8, 0xFF)
        case [main, middle, sub] if (
            _is_within(main, 31) and _is_within(middle, 7) and _is_within(sub, 255)
        ):
            return _single(int(main) << 11 | int(middle) << 8 | int(sub))
        case [main, sub] if _is_within(main, 31) and _is_within(sub, 2047):
            return _single(int(main) << 11 | int(sub))
        case [raw] if _is_within(raw, 65_535):
            return _single(int(raw))
        case _:
            return None


def _is_within(text: str, bound: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= bound


def _range(first: int, size: int) -> tuple[int, int]:
    return max(first, 1), first | size


def _single(raw: int) -> tuple[int, int] | None:
    return (raw, raw) if raw else None
