"""`faults.yaml`: every fault with severity, cause and remedy in both languages, and its reader."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import BUS_TEXT_LENGTH, FaultCode
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.load_faults import read_faults
from tests.support.shipped_file import ODD_LINES, ShippedFile

FAULTS = catalogue().product.faults
FILE = ShippedFile("faults.yaml", read_faults)


@pytest.mark.parametrize("code", FaultCode)
def test_every_fault_says_what_it_is_why_and_what_helps_in_both_languages(code: FaultCode) -> None:
    fault = FAULTS.definitions[code]
    assert fault.code is code
    assert code in FAULTS.general or code in FAULTS.charging_point
    for text in (fault.cause, fault.remedy):
        assert text.en != text.de
        assert text.en.endswith(".")
        assert text.de.endswith(".")
    for title in (fault.title.en, fault.title.de):
        assert title[0].isupper()
        assert len(title) <= 60, "it stands on one line of a phone"
        assert not title.endswith(".")


def test_every_code_fits_on_the_bus() -> None:
    assert all(len(code.encode("latin-1")) <= BUS_TEXT_LENGTH for code in FaultCode)


def test_bands_hold_every_severity_that_a_fault_has() -> None:
    scopes: tuple[Mapping[FaultCode, int], ...] = (FAULTS.general, FAULTS.charging_point)
    for severity in {severity for scope in scopes for severity in scope.values()}:
        assert FAULTS.band(severity) is not None
    assert FAULTS.band(0) is None, "no fault is present"
    assert FAULTS.flashes(0) == 0


def test_the_shipped_file_is_without_findings() -> None:
    assert FILE.findings(FILE.text) == []


def test_an_unknown_code_is_refused_at_its_line() -> None:
    unknown, missing = FILE.findings_with("code: NotReachable", "code: NotReachabel")
    assert "fault 'NotReachable' is missing; add `- code: NotReachable`" in missing
    line = FILE.text[: FILE.text.index("code: NotReachable")].count("\n") + 1
    assert unknown.startswith(f"faults.yaml:{line}: error: faults[")
    assert "did you mean 'NotReachable'?" in unknown


def test_a_code_that_is_there_twice_is_refused() -> None:
    found = FILE.findings_with("code: EMeter Comm", "code: EMeter Error")
    assert any("fault 'EMeter Error' is defined twice; remove one" in one for one in found)
    assert any("fault 'EMeter Comm' is missing" in one for one in found)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("severity: {general: 130}", "severity: {general: 131}", "131 is out of range"),
        ("severity: {general: 130}", "severity: {device: 130}", "severity.device: unknown key"),
        ("severity: {general: 130}", "severity: {}", "does not say who can have the fault"),
        ("severity: {general: 130}", "severe: 130", "severe: unknown key; did you mean 'severity'"),
        ("title_de: Schwerer interner Fehler", "", "key 'title_de' is missing"),
        ("title_de: Schwerer interner Fehler", "title_de: ' '", "title_de: is empty"),
        (
            "title_de: Schwerer interner Fehler",
            "title_de: 'Fehler {n}'",
            "has other names in braces than the English text",
        ),
        ("at_least: 60", "at_least: 120", "120 is not below the one before"),
        ("at_least: 1\n", "at_least: 2\n", "faults of lower severity are in no band"),
        ("flashes: 5", "flashes: many", "expected a whole number"),
        ("severities:", "severity:", "key 'severities' is missing"),
    ],
)
def test_a_mistake_is_located_and_says_what_to_write(old: str, new: str, said: str) -> None:
    FILE.assert_located(old, new, said)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, FILE.last_line), st.sampled_from(ODD_LINES))
def test_a_file_without_findings_is_complete_whatever_one_line_became(line: int, odd: str) -> None:
    found = FILE.read_with_line(line, odd)
    if found is None:
        return
    assert set(found.definitions) == set(FaultCode) == {*found.general, *found.charging_point}
    assert found.bands[-1].at_least == 1
