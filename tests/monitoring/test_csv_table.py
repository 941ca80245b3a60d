"""CSV that spreadsheets open as it is meant, whatever stands in the cells."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.monitoring.csv_table import BYTE_ORDER_MARK, Cell, csv_lines, plain_text
from knxgw.monitoring.figures import fixed_text, number_text


def read(text: str, language: str) -> list[list[str]]:
    assert text.startswith(BYTE_ORDER_MARK)
    delimiter = ";" if language == "de" else ","
    return list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=delimiter))


@settings(max_examples=50)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=4), st.sampled_from(["en", "de"]))
def test_texts_come_back_without_control_characters_and_never_as_formulas(
    cells: list[str], language: str
) -> None:
    text = "".join(csv_lines(["a"] * len(cells), [cells], language, UTC))
    (back,) = read(text, language)[1:] or [[""]]
    for cell, original in zip(back, cells, strict=False):
        assert cell.removeprefix("'") == plain_text(original).removeprefix("'")
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_numbers_and_times_are_written_as_people_of_the_language_do() -> None:
    at = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    row: list[Cell] = [Decimal("12.50"), 7, at, None, True, "x;y"]
    berlin = ZoneInfo("Europe/Berlin")
    (back,) = read("".join(csv_lines(["n"] * 6, [row], "de", berlin)), "de")[1:]
    assert back == ["12,50", "7", "2026-10-25 02:30:00+02:00", "", "1", "x;y"]
    (back,) = read("".join(csv_lines(["n"] * 6, [row], "en", berlin)), "en")[1:]
    assert back[0] == "12.50"


@pytest.mark.parametrize(
    ("number", "text"),
    [(32.5, "32,5"), (30.0, "30"), (-0.0001, "0"), (1234567.0, "1234567"), (0.12345, "0,123"),
     (float("nan"), "nan"), (1e-9, "0"), (100.0, "100"), (6.7e8, "670000000")],
)  # fmt: skip
def test_a_number_has_no_superfluous_digits(number: float, text: str) -> None:
    assert number_text(number, "de") == text


def test_a_number_may_have_fixed_digits() -> None:
    assert fixed_text(1.5, "de", 2) == "1,50"
    assert fixed_text(Decimal(2), "en", 1) == "2.0"
