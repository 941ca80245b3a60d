"""Whatever stands in a file: findings or a configuration, never an exception."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.errors import Severity
from tests.config.sites import DYNAMIC
from tests.config.test_values_and_defaults import EXAMPLE

FULL = EXAMPLE + DYNAMIC.splitlines()[1] + "\n"
WORDS = sorted({part for line in FULL.splitlines() for part in line.replace(",", " ").split()})
ODD = ["", "-1", "1e999", "0x10", "~", "[]", "{}", "*a", "&a", "!!x", "'", '"', "ä", "nan", "\t"]


def read_anything(text: str) -> None:
    """Read the text; the answer keeps its promise."""
    loaded = parse_configuration(text, catalogue())
    wrong = [one for one in loaded.findings if one.severity is Severity.ERROR]
    assert loaded.configuration is not None or wrong
    for finding in loaded.findings:
        assert str(finding).isprintable()
        assert finding.line >= 1


@given(st.text())
def test_any_text_gives_findings(text: str) -> None:
    read_anything(text)


@settings(max_examples=200)
@given(st.integers(0, len(FULL)), st.integers(0, 12), st.sampled_from([*WORDS, *ODD]))
def test_any_change_of_a_good_file_gives_findings_or_a_configuration(
    start: int, length: int, replacement: str
) -> None:
    read_anything(FULL[:start] + replacement + FULL[start + length :])


@given(st.permutations(FULL.splitlines(keepends=True)), st.integers(0, 40))
def test_lines_in_any_order_give_findings_or_a_configuration(lines: list[str], count: int) -> None:
    read_anything("".join(lines[:count]))


@pytest.mark.parametrize(
    "text",
    [
        "{" * 3000,
        "- " * 3000 + "x",
        "? " * 3000,
        "&a [*a]",
        "? &a [*a]\n: b\n",
        "device: {? {a: b} : c}",
        "knx: &a {link: *a}",
        "charging_points: &a [*a]",
        "device: {name: !!python/object:os.system x}",
        f"serial: {{baud: {'9' * 5000}}}",
        f"knx: {{keyring: {'x' * 5000}}}",
        "device: {time_zone: ../../etc/passwd}",
        'device: {time_zone: "\\0"}',
        "device: {time_zone: Europe}",
        "\ud800",
        "\x00",
        "--- a\n--- b\n",
    ],
)
def test_what_was_made_to_break_a_reader_gives_findings(text: str) -> None:
    read_anything(text)
