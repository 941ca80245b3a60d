"""The conformance table is complete: every promise has a test, every mark a promise."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from knxgw.catalogue.product import Catalogue
from knxgw.errors import ConfigError
from tests.conformance.collect import collect
from tests.conformance.render import conformance_page
from tests.conformance.rules import RULES, Section, anchor_of, read_rules, row_of, unproven
from tests.support.pages import DOCS, rule_places

EXAMPLE = """\
- title: One
  rows: {1.1: Water is wet., 1.2: Fire is hot., 1.10: Air is thin.}
  open: {1.2: no wood}
"""


@pytest.fixture(scope="module")
def sections() -> Sequence[Section]:
    return read_rules(RULES.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def proofs() -> Mapping[str, Sequence[str]]:
    return collect()


def test_every_row_that_is_not_open_has_a_test(
    sections: Sequence[Section], proofs: Mapping[str, Sequence[str]], catalogue: Catalogue
) -> None:
    missing = unproven(sections, catalogue.objects, proofs)
    assert missing == [], "write the test, or mark the one that proves it with `proves`"


def test_every_mark_names_a_row(
    sections: Sequence[Section], proofs: Mapping[str, Sequence[str]], catalogue: Catalogue
) -> None:
    known = {row.id for section in sections for row in section.rows}
    known |= {row_of(one) for one in catalogue.objects}
    assert {row: tests for row, tests in proofs.items() if row not in known} == {}


def test_the_page_is_the_generated_one(
    sections: Sequence[Section], proofs: Mapping[str, Sequence[str]], catalogue: Catalogue
) -> None:
    written = (DOCS / "conformance.md").read_text(encoding="utf-8")
    page = conformance_page(catalogue.objects, sections, proofs, rule_places())
    assert written == page, "run `make generate`"


def test_every_table_of_the_manual_has_its_rows(
    sections: Sequence[Section], catalogue: Catalogue
) -> None:
    tables = {one.table for one in catalogue.objects if one.table is not None}
    assert tables == set(range(13, 62)) - {23}
    values = next(section for section in sections if "table 23" in section.title)
    words = [row.promise.partition(" ")[0] for row in values.rows[:12]]
    assert words == [str(value) for value in range(12)]


# --- the table itself


def test_a_row_without_a_test_is_found_unless_it_is_open() -> None:
    rows = read_rules(EXAMPLE)
    assert unproven(rows, (), {"1.1": ("a",)}) == ["1.10: Air is thin."]
    assert unproven(rows, (), {"1.1": ("a",), "1.10": ("b",)}) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("1.10:", "1.1:"), "key repeated"),
        (("  open", "- title: Two\n  rows: {1.1: Again.}\n  open"), "row 1.1 is defined twice"),
        (("{1.2: no", "{1.3: no"), "open names 1.3, which is no row"),
        (("open:", "opne:"), "unknown key"),
    ],
)
def test_a_mistake_in_the_rules_is_named(change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read_rules(EXAMPLE.replace(*change))


def test_marks_are_found_at_plain_and_coroutine_tests(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "@pytest.mark.proves('1.1', 'GO 50')\n@given(x)\ndef test_a(x): ...\n"
        "@pytest.mark.proves('1.1')\nasync def test_b(): ...\n"
        "@pytest.mark.proves('1.2')\ndef helper(): ...\n"
    )
    found = collect(tmp_path, tmp_path)
    assert found == {
        "1.1": ("test_it.py::test_a", "test_it.py::test_b"),
        "GO 50": ("test_it.py::test_a",),
    }


def test_marks_of_single_parameters_are_found_in_the_decorator_and_in_a_list(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_it.py").write_text(
        "ALL = [pytest.param('S01', marks=pytest.mark.proves('1.1')), pytest.param('S02'),\n"
        "pytest.param('S03', marks=[LONG, pytest.mark.proves('1.1')])]\n"
        "@pytest.mark.parametrize('name', ALL)\ndef test_a(name): ...\n"
        "@pytest.mark.proves('1.1')\n@pytest.mark.parametrize('a', [1, "
        "pytest.param(2, id='two', marks=pytest.mark.proves('1.2'))])\ndef test_b(a): ...\n"
    )
    assert collect(tmp_path, tmp_path) == {
        "1.1": ("test_it.py::test_a[S01]", "test_it.py::test_a[S03]", "test_it.py::test_b"),
        "1.2": ("test_it.py::test_b[two]",),
    }


def test_a_parameter_without_a_name_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "@pytest.mark.parametrize('a', [pytest.param(2, marks=pytest.mark.proves('1.1'))])\n"
        "def test_a(a): ...\n"
    )
    with pytest.raises(TypeError, match=r"test_it\.py:1: name the parameter by a plain `id`"):
        collect(tmp_path, tmp_path)


def test_a_mark_that_is_no_plain_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("@pytest.mark.proves(ROW)\ndef test_a(): ...\n")
    with pytest.raises(TypeError, match=r"test_it\.py:1: write the row as a plain text"):
        collect(tmp_path, tmp_path)


def test_the_page_shows_proofs_and_what_is_open() -> None:
    proofs = {"1.1": ("t::a", "t::b"), "1.2": ("t::c",)}
    places = dict.fromkeys(("product-1-1", "product-1-2", "product-1-10"), "rules/a.md")
    page = conformance_page((), read_rules(EXAMPLE), proofs, places)
    first, second = "[1.1](rules/a.md#product-1-1)", "[1.2](rules/a.md#product-1-2)"
    assert f"| {first} | Water is wet. | `t::a`<br>`t::b` |" in page
    assert f"| {second} | Fire is hot. | *open*: no wood; `t::c` |" in page


@pytest.mark.parametrize(
    ("row", "anchor"),
    [
        ("3.30", "product-3-30"),
        ("7.29a", "product-7-29a"),
        ("D9.4e", "lm-9-4e"),
        ("D8a", "lm-8a"),
        ("H.51", "operation-51"),
    ],
)
def test_the_rule_of_a_row_follows_from_its_number(row: str, anchor: str) -> None:
    assert anchor_of(row) == anchor


def test_what_is_open_says_why_and_names_no_part(sections: Sequence[Section]) -> None:
    reasons = [row.waits_for for section in sections for row in section.rows if row.waits_for]
    assert len(reasons) > 15
    assert [
        one
        for one in reasons
        if re.search(r"\bparts?\b|\bsections?\b", one) or len(one.split()) < 4
    ] == []
