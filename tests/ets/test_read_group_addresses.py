"""Lists of group addresses are read in every shape in which ETS writes them."""

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.errors import one_line
from knxgw.ets.address_list import LONGEST_NAME, dpt_of
from knxgw.ets.project import EtsFileError, EtsProject
from knxgw.ets.read_group_addresses import read_group_addresses


@dataclass(frozen=True)
class Line:
    """A group address as a test has it."""

    raw: int
    name: str
    dpt: str | None = None
    is_secured: bool = False

    @property
    def parts(self) -> tuple[int, int, int]:
        return self.raw >> 11, self.raw >> 8 & 7, self.raw & 255

    @property
    def written(self) -> str:
        return "/".join(map(str, self.parts))

    @property
    def type(self) -> str:
        main, _, sub = (self.dpt or "").partition(".")
        return f"DPST-{main}-{int(sub)}" if sub else f"DPT-{main}" if main else ""


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=30)
WINDOWS = st.text(st.characters(codec="cp1252", exclude_characters="\0\r\n"), max_size=30)
DPTS = st.sampled_from([None, "1", "1.001", "14.056", "5.010", "232.600"])


def lines(names: st.SearchStrategy[str]) -> st.SearchStrategy[list[Line]]:
    """Return lists of addresses, at least one and each once."""
    one = st.builds(Line, st.integers(1, 65_535), names, DPTS, st.booleans())
    return st.lists(one, min_size=1, max_size=12, unique_by=lambda line: line.raw)


def cells(line: Line) -> dict[str, str]:
    """Return the cells of an address in the shape 3/1."""
    return {
        "Main": "",
        "Middle": "",
        "Sub": line.name,
        "Address": line.written,
        "Central": "",
        "Unfiltered": "",
        "Description": "1/2/3; DPST-9-1",
        "DatapointType": line.type,
        "Security": "On" if line.is_secured else "Auto",
    }


def written(
    rows: Sequence[Sequence[str]], separator: str, quoting: int, encoding: str = "utf-8"
) -> bytes:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode(encoding)


def is_as(found: EtsProject, expected: list[Line]) -> None:
    """Make sure that everything was read as it was written."""
    assert found.is_list
    assert found.skipped == ()
    assert [
        (one.address, one.name, one.dpt, one.is_secured) for one in found.addresses.values()
    ] == [
        (one.written, one_line(one.name)[:LONGEST_NAME].strip(), one.dpt, one.is_secured)
        for one in sorted(expected, key=lambda line: line.raw)
    ]


@given(
    lines(NAMES),
    st.sampled_from(";,\t"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["utf-8", "utf-8-sig"]),
    st.permutations(list(cells(Line(1, "")))),
)
def test_a_csv_is_read_with_any_separator_quotes_and_order_of_columns(
    expected: list[Line], separator: str, quoting: int, encoding: str, order: list[str]
) -> None:
    rows = [order, *[[cells(one)[name] for name in order] for one in expected]]
    is_as(read_group_addresses(written(rows, separator, quoting, encoding)), expected)


@given(lines(WINDOWS))
def test_a_csv_of_ets_5_is_in_the_code_page_of_windows(expected: list[Line]) -> None:
    marked = [*expected, Line(expected[0].raw % 65_535 + 1, "Gebäude")]
    once = list({one.raw: one for one in reversed(marked)}.values())
    rows = [list(cells(Line(1, ""))), *[list(cells(one).values()) for one in once]]
    found = read_group_addresses(written(rows, ";", csv.QUOTE_ALL, "cp1252"))
    try:
        written(rows, ";", csv.QUOTE_ALL, "cp1252").decode("utf-8")
    except UnicodeDecodeError:
        is_as(found, once)


@given(lines(NAMES), st.sampled_from(["3/3", "1/3", "1/1", "two levels", "free"]))
def test_every_shape_of_a_csv_is_read(expected: list[Line], shape: str) -> None:
    rows: list[list[str]] = []
    for one in expected:
        main, middle, sub = map(str, one.parts)
        tail = ["", "", "text", one.type, "On" if one.is_secured else "Auto"]
        two = f"{one.raw >> 11}/{one.raw & 2047}"
        rows.append(
            {
                "3/3": ["", "", one.name, main, middle, sub, *tail],
                "1/3": [one.name, main, middle, sub, *tail],
                "1/1": [one.name, one.written, *tail],
                "two levels": ["", one.name, two, *tail],
                "free": [one.name, str(one.raw), *tail],
            }[shape]
        )
    levels = ["Main", "Middle", "Sub"]
    head = {
        "3/3": [*levels, *levels],
        "1/3": ["Group name", *levels],
        "1/1": ["Group name", "Address"],
        "two levels": ["Main", "Sub", "Address"],
        "free": ["Group name", "Address"],
    }[shape]
    rows.insert(0, [*head, "Central", "Unfiltered", "Description", "DatapointType", "Security"])
    is_as(read_group_addresses(written(rows, ";", csv.QUOTE_ALL)), expected)


@given(lines(NAMES))
def test_an_xml_is_read(expected: list[Line]) -> None:
    root = Element("GroupAddress-Export", xmlns="http://knx.org/xml/ga-export/01")
    outer = SubElement(root, "GroupRange", Name="All", RangeStart="1", RangeEnd="65535")
    printable = [one for one in expected if all(letter.isprintable() for letter in one.name)] or [
        Line(1, "x")
    ]
    for one in printable:
        SubElement(
            outer,
            "GroupAddress",
            Name=one.name,
            Address=one.written,
            Description="1/2/3",
            DPTs=f"DPST-99-9,{one.type}" if one.type else "",
            Security="On" if one.is_secured else "Auto",
        )
    found = read_group_addresses(tostring(root, "utf-8", xml_declaration=True))
    is_as(found, printable)
    assert {one.ranges for one in found.addresses.values()} == {("All",)}


def test_the_example_of_the_reference_is_read_with_its_groups() -> None:
    found = read_group_addresses(
        '﻿"Main";"Middle";"Sub";"Address";"Central";"Unfiltered";"Description";"DatapointType";'
        '"Security"\r\n'
        '"EV charging";"";"";"1/-/-";"";"";"";"";"Auto"\r\n'
        '"";"Charge point 1";"";"1/0/-";"";"";"";"";"Auto"\r\n'
        '"";"";"CP1 release";"1/0/1";"";"";"switch on = allow";"DPST-1-3";"Auto"\r\n'
        '"";"";"far";"1/1/1";"";"";"";"DPST-1-1,DPST-1-6";"Auto"\r\n'
        '"";"";"wrong";"1/9/1";"";"";"";"";"Auto"\r\n'.encode()
    )
    near, far = found.addresses.values()
    assert (near.address, near.name, near.dpt) == ("1/0/1", "CP1 release", "1.003")
    assert near.ranges == ("EV charging", "Charge point 1")
    assert (far.ranges, far.dpt) == (("EV charging",), "1.006")
    assert found.skipped == (6,)


def test_a_list_without_a_head_is_read() -> None:
    found = read_group_addresses(b'"EV";"";"";"1/-/-"\n"";"";"CP1";"1/0/1";"";"";"x";"DPST-9-24"\n')
    (one,) = found.addresses.values()
    assert (one.name, one.dpt, one.ranges) == ("CP1", "9.024", ("EV",))


FRENCH = (
    '"Groupe principal";"Groupe central";"Sous-groupe";"Adresse de groupe";"Central";"Type"\r\n'
)
ROWS = '"EV";"";"";"1/-/-"\r\n"";"";"CP1é";"1/0/1";"";"DPST-9-24"\r\n"";"";"x";"1/9/1"\r\n'


@pytest.mark.parametrize(
    ("text", "encoding", "skipped"),
    [
        (FRENCH + ROWS, "utf-8-sig", 4),
        (FRENCH + ROWS, "cp1252", 4),
        ("sep=;\r\n" + ROWS, "utf-8", 4),
        ("sep=;\r\n" + FRENCH + ROWS, "utf-8-sig", 5),
        (ROWS, "utf-16", 3),
        ("SEP=;\n" + FRENCH + ROWS, "utf-16", 5),
        (codecs.BOM_UTF16_BE.decode("utf-16-be") + FRENCH + ROWS, "utf-16-be", 4),
    ],
)
def test_a_head_in_another_language_and_what_a_spreadsheet_adds_do_no_harm(
    text: str, encoding: str, skipped: int
) -> None:
    found = read_group_addresses(text.encode(encoding))
    (one,) = found.addresses.values()
    assert (one.address, one.name, one.dpt, one.ranges) == ("1/0/1", "CP1é", "9.024", ("EV",))
    assert found.skipped == (skipped,)


def test_a_list_in_which_the_second_row_says_nothing_either_is_refused() -> None:
    with pytest.raises(EtsFileError):
        read_group_addresses((FRENCH + '"a";"b"\r\n' + ROWS).encode())


def test_two_level_addresses_of_an_xml_and_free_ones_are_read() -> None:
    found = read_group_addresses(
        b'<GroupAddress-Export><GroupAddress Name="a" Address="0/1"/><GroupAddress Name="b" '
        b'Address="2049"/><GroupAddress Name="c" Address="x"/></GroupAddress-Export>'
    )
    assert list(found.addresses) == ["0/0/1", "1/0/1"]
    assert found.skipped == (1,)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ("DPST-1-1", "1.001"),
        ("DPT-14", "14"),
        ("", None),
        ("DPST-1-1 DPST-9-24", "9.024"),
        ("x", None),
    ],
)
def test_the_own_type_of_an_address_stands_last(types: str, expected: str | None) -> None:
    assert dpt_of(types) == expected


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_a_list_or_refused(data: bytes) -> None:
    for start in (
        *(b"", b"Main;Middle;Sub;Address\r\n", b"<GroupAddress-Export>"),
        *(b"sep=;\n", codecs.BOM_UTF16_LE),
    ):
        try:
            assert read_group_addresses(start + data).addresses
        except EtsFileError:
            continue  # and nothing else is raised
