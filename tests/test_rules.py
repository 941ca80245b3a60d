"""The rules stand in docs/rules/, and whatever refers to one finds it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from knxgw.dlm.settings import Settings
from knxgw.sim.bench.read_scenario import load_scenario
from tests.conformance.rules import RULES as ROWS
from tests.conformance.rules import anchor_of, read_rules
from tests.support.pages import ANCHOR, DOCS, ROOT, RULES, links, prose, rule_places
from tests.support.sources import mistakes, rules, statements, texts

PLACES = rule_places()
SCENARIOS = sorted((ROOT / "tests" / "scenarios").glob("*.yaml"))
KEYS = frozenset(ANCHOR.findall((DOCS / "sources.md").read_text(encoding="utf-8")))
NAMED_NUMBERS = {  # symbols of the parameter table -> fields of the settings
    "`I_res`": ("reserve_ma",),
    "`U`, `cosφ`": ("voltage_v", "power_factor"),
    "`T_mon`": ("interval_s",),
    "`T_to`": ("timeout_s",),
    "`τ_m`": ("meter_delay_s",),
    "`ΔI_up`, `T_up`": ("raise_ma", "raise_spacing_s"),
    "`δ_dn`": ("lower_from_ma",),
    "`δ_up`": ("raise_from_ma",),
    "`T_hp`": ("high_power_s",),
    "`T_ev`": ("obey_s",),
    "`T_och`, `T_ocs`": ("overcurrent_fuse_s", "overcurrent_limit_s"),
    "`k_sev`": ("severe_factor",),
    "`T_rst`": ("restart_s",),
    "`h`, `T_obs`": ("headroom_ma", "observe_s"),
    "`T_idle`": ("idle_s",),
    "`T_wait`": ("wait_s",),
    "`T_rot`": ("rotation_s",),
}
REFERS = re.compile(r"Sources?:|(?:product|operation) [0-9]|load-management ")
SECTIONS = read_rules(ROWS.read_text(encoding="utf-8"))
PROMISES = {anchor_of(row.id): row.promise for section in SECTIONS for row in section.rows}
OPEN = {anchor_of(row.id) for section in SECTIONS for row in section.rows if row.waits_for}
NUMBERED = re.compile(r'<a id="([^"]+)"></a>\*\*([\w.]+)\*\*')


# --- what refers to a rule -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def texts_of() -> Mapping[Path, tuple[str, ...]]:
    """Return the docstrings and comments of every module that may refer to a rule."""
    folders = ("knxgw", "bench", "tools", "tests")
    codes = {
        path.relative_to(ROOT): path.read_text(encoding="utf-8")
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
    }
    return {path: tuple(texts(code)) for path, code in codes.items() if REFERS.search(code)}


def test_every_source_is_a_rule_or_a_listed_document(
    texts_of: Mapping[Path, Sequence[str]],
) -> None:
    wrong = [
        f"{path}: {part}"
        for path, found in texts_of.items()
        for text in found
        for statement in statements(text)
        for part in mistakes(statement, PLACES, KEYS)
    ]
    assert wrong == [], "docs/sources.md explains the form"


def test_every_rule_that_is_mentioned_exists(texts_of: Mapping[Path, Sequence[str]]) -> None:
    mentioned = [
        (path, anchor)
        for path, found in texts_of.items()
        for text in found
        for anchor in rules(text)
    ]
    assert len(mentioned) > 100, "what finds nothing would find no mistake"
    assert [f"{path}: {anchor}" for path, anchor in mentioned if anchor not in PLACES] == []


@pytest.mark.parametrize(
    "statement",
    [
        "load-management 99",
        "load-management 9.2, 9.9",
        "load-management 6 to 99",
        "load-management",
        "load management specification, section 9",
        "product 7; load-management 9.2z",
        "operation 1000",
        "[unknown-paper] chapter 3",
        "[reference-manual] 10.3; tables 7",
        "the manual",
    ],
)
def test_a_source_that_leads_nowhere_is_refused(statement: str) -> None:
    assert mistakes(statement, PLACES, KEYS)


@pytest.mark.parametrize(
    "statement",
    [
        "load-management 9.2",
        "load-management 9.3 (breaking the spacing), 16",
        "load-management 6 to 14",
        "load-management 23, S17",
        "product 7; load-management 13.3, 13.5e; [reference-manual] 10.3, table 23",
        "operation 51",
    ],
)
def test_a_source_in_the_right_form_is_accepted(statement: str) -> None:
    assert mistakes(statement, PLACES, KEYS) == []


def test_sources_are_found_in_docstrings_and_in_comments() -> None:
    code = '"""About.\n\nSource: product\n7; [xknx] 4.0.0, x.py. More."""\nA = 1  # why. Source: product 3\n'
    found = [statement for text in texts(code) for statement in statements(text)]
    assert found == ["product 7; [xknx] 4.0.0, x.py", "product 3"]


def test_every_row_of_the_conformance_table_is_about_a_rule() -> None:
    assert [anchor for anchor in PROMISES if anchor not in PLACES] == []


def test_every_numbered_rule_has_its_row_unless_it_is_an_option_that_is_not_built() -> None:
    numbered = {
        anchor for page in RULES.rglob("*.md") for anchor, _ in NUMBERED.findall(prose(page))
    }
    assert {one for one in numbered - set(PROMISES) if not one.startswith("lm-19-")} == set()


def test_a_rule_that_is_not_built_is_open_in_the_conformance_table() -> None:
    blocks = [
        block
        for page in RULES.rglob("*.md")
        for block in re.split(r"\n(?=- |\||\n)", prose(page))
        if "**not built**" in block.lower()
    ]
    anchors = {anchor for block in blocks for anchor, _ in NUMBERED.findall(block)}
    assert len(anchors) > 4
    assert {one for one in anchors - OPEN if not one.startswith("lm-19-")} == set()


def test_what_is_open_in_the_conformance_table_is_called_so_in_the_chapter_of_its_rule() -> None:
    said = re.compile(r"not built|is\s+open|performance\.md", re.IGNORECASE)
    chapters = [
        chapter
        for page in RULES.rglob("*.md")
        for chapter in re.split(r'\n(?=<a id="[^"]+"></a>\n\n#)', prose(page))
        if said.search(chapter)
    ]
    assert OPEN - {anchor for chapter in chapters for anchor in ANCHOR.findall(chapter)} == set()


# --- the pages themselves ------------------------------------------------------------------------


def test_an_anchor_stands_once_and_is_that_of_its_number() -> None:
    text = "".join(prose(page) for page in RULES.rglob("*.md"))
    assert [anchor for anchor, count in Counter(ANCHOR.findall(text)).items() if count > 1] == []
    for anchor, number in re.findall(r'<a id="([^"]+)"></a>\s*(?:\*\*|#+ )([\d.]+\w?)', text):
        assert anchor.partition("-")[2] == number.rstrip(".").replace(".", "-"), anchor


def test_codes_and_severities_are_those_of_the_rows() -> None:
    page = (RULES / "faults-and-panel.md").read_text(encoding="utf-8")
    table = re.findall(
        r'^\| <a id="([^"]+)">.*? \| (.*?) \| (`.*?`) \| (\d+) \|', page, re.MULTILINE
    )
    assert len(table) > 20
    for anchor, scope, code, severity in table:
        assert PROMISES[anchor].removesuffix(" (ours)") == f"{scope} {code}, {severity}"


def test_the_defaults_of_load_management_are_those_of_the_program() -> None:
    page = (RULES / "load-management" / "README.md").read_text(encoding="utf-8")
    settings = asdict(Settings(fuse_ma=35_000)) | {"timeout_s": Settings(fuse_ma=35_000).timeout_s}
    for symbols, fields in NAMED_NUMBERS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| {symbols} |"))
        numbers = re.findall(r"[0-9.]+", row.split(" | ")[2])
        assert len(numbers) == len(fields), row
        for number, field in zip(numbers, fields, strict=True):
            factor = 1000 if field.endswith("_ma") else 1
            assert float(number) * factor == settings[field], f"{symbols}: {field}"


def test_the_catalogue_of_situations_has_every_scenario() -> None:
    page = RULES / "load-management" / "scenarios.md"
    linked = Counter((page.parent / one).resolve() for one in links(page) if one.endswith(".yaml"))
    files = {path.resolve(): 1 for path in SCENARIOS}
    assert dict(linked) == files
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and ".yaml" not in line and re.search(r"S\d\d", line):
            assert "**not built**" in line


def test_the_rules_that_a_scenario_is_about_exist() -> None:
    numbers = re.compile(r"\(([0-9I][0-9I., a-z]*)\)\.?\s*$")
    named = {
        path.name: [f"lm-{one.replace('.', '-')}" for one in found[1].split(", ")]
        for path in SCENARIOS
        if (found := numbers.search(load_scenario(path).about))
    }
    assert len(named) > 20
    assert {name: found for name, found in named.items() if not set(found) <= set(PLACES)} == {}


@pytest.mark.parametrize("page", sorted(RULES.rglob("*.md")), ids=lambda page: page.stem)
def test_a_page_of_rules_can_be_read_in_a_sitting(page: Path) -> None:
    words = re.sub(r"<[^>]*>|\([^)]*\)", "", page.read_text(encoding="utf-8")).split()
    assert len(words) < 5000
