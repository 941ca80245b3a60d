"""Readers of ETS's group address lists, written from the description of the format alone.

They share nothing with the writer, and refuse whatever the description does not allow.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree as ET

HEADER = "Main;Middle;Sub;Address;Central;Unfiltered;Description;DatapointType;Security"
XMLNS = "{http://knx.org/xml/ga-export/01}"


class Address(NamedTuple):
    """A group address of a file, with the groups around it."""

    main_name: str
    middle_name: str
    address: str
    name: str
    description: str
    dpt: str  # "1.003"; "": none


def read_csv(data: bytes) -> list[Address]:
    """Return the addresses of a CSV file in the style 3/1."""
    assert data[:3] == b"\xef\xbb\xbf", "no byte order mark"
    header, *lines = _csv_lines(data[3:].decode("utf-8"))
    assert ";".join(header) == HEADER
    found: list[Address] = []
    main = middle = ("", "")
    for cells in lines:
        *names, address, central, unfiltered, description, dpt, security = cells
        assert (central, unfiltered, security) == ("", "", "Auto")
        (column,) = (place for place, name in enumerate(names) if name)
        name, parts = names[column], address.split("/")
        if column < 2:
            assert parts[column + 1 :] == ["-"] * (2 - column)
            assert description == dpt == ""
        if column == 0:
            main, middle = (parts[0], name), ("", "")
        elif column == 1:
            assert parts[0] == main[0], "a middle group stands below its main group"
            middle = (parts[1], name)
        else:
            assert (parts[0], parts[1]) == (main[0], middle[0])
            found.append(Address(main[1], middle[1], address, name, description, _dpt(dpt)))
    return found


def _csv_lines(text: str) -> Iterator[list[str]]:
    """Yield the cells of every line: all quoted, quotes doubled, `;` between, CRLF at the end."""
    cells: list[str] = []
    place = 0
    while place < len(text):
        quoted = re.compile(r'"((?:[^"]|"")*)"(;|\r\n)').match(text, place)
        assert quoted, f"no quoted cell at {text[place : place + 20]!r}"
        cells.append(quoted[1].replace('""', '"'))
        place = quoted.end()
        if quoted[2] == "\r\n":
            yield cells
            cells = []
    assert not cells, "the last line has no end"


def read_xml(data: bytes) -> list[Address]:
    """Return the addresses of an XML file in three levels."""
    assert data.startswith(b'<?xml version="1.0" encoding="utf-8" standalone="yes"?>')
    root = ET.fromstring(data)  # noqa: S314 - it is our own
    assert root.tag == f"{XMLNS}GroupAddress-Export"
    return [one for main in root for one in _of_main_group(main)]


def _of_main_group(main: ET.Element) -> Iterator[Address]:
    first, last = _bounds(main)
    number = last // 2048
    assert (first, last) == (max(number * 2048, 1), number * 2048 + 2047)
    for middle in main:
        low, high = _bounds(middle)
        assert first <= low < high <= last
        assert (low, high) == (max(high - 255, 1), high)
        for one in middle:
            assert one.tag == f"{XMLNS}GroupAddress"
            assert one.attrib.keys() - {"DPTs"} == {"Name", "Address", "Description", "Security"}
            assert one.attrib["Security"] == "Auto"
            parts = [int(part) for part in one.attrib["Address"].split("/")]
            assert low <= parts[0] * 2048 + parts[1] * 256 + parts[2] <= high
            dpt = one.attrib.get("DPTs", "")
            assert dpt or "DPTs" not in one.attrib
            yield Address(
                main.attrib["Name"],
                middle.attrib["Name"],
                one.attrib["Address"],
                one.attrib["Name"],
                one.attrib["Description"],
                _dpt(dpt),
            )


def _bounds(group: ET.Element) -> tuple[int, int]:
    assert group.tag == f"{XMLNS}GroupRange"
    assert group.attrib.keys() == {"Name", "RangeStart", "RangeEnd"}
    return int(group.attrib["RangeStart"]), int(group.attrib["RangeEnd"])


def _dpt(text: str) -> str:
    """Return "1.003" for "DPST-1-3"."""
    if not text:
        return ""
    named = re.fullmatch(r"DPST-(\d+)-(\d+)", text)
    assert named, text
    return f"{named[1]}.{int(named[2]):03}"
