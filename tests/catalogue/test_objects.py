"""The group object map equals the manual's, in every number, DPT, flag and model mark."""

import re
from pathlib import Path

import pytest
from xknx.dpt import DPTBase

from knxgw.catalogue.load_objects import read_objects
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.yaml_tree import parse_tree
from knxgw.commands.listing import object_rows
from knxgw.errors import Problems

# Numbers, datapoint types, flags and model marks as chapter 10 of the reference device's manual
# prints them (firmware 1.3, 09.11.2022), typed in again here as an independent second source.
CURRENT, POWER, ENERGY = ["7.012", "9.021", "14.019"], ["9.024", "14.056"], ["13.010", "13.013"]
METER = [*CURRENT, *POWER]
STATE = "CR-T--"
GENERAL = {
    1: (["1.001"], "C-WTUI", False),
    2: (["1.011"], STATE, False),
    8: (["1.002"], STATE, False),
    9: (["16.001"], STATE, False),
    10: (METER, "C-WTUI", False),
    11: (METER, "C-WTUI", False),
    12: (METER, "C-WTUI", False),
    13: (["1.002"], "C-W---", False),
    20: (["1.017"], "C-W---", False),
}
POINT: dict[int, tuple[list[str], str, bool]] = {
    50: ([], STATE, False),
    51: (["1.002"], STATE, False),
    52: (["1.011"], STATE, False),
    53: (["1.002"], STATE, False),
    54: (["1.010"], "C-W---", True),
    55: (["1.002"], "C-WTU-", False),
    56: (["1.011"], STATE, False),
    59: (["1.017"], "C-W---", True),
    60: (["14.019"], "C-W---", False),
    61: (["14.019"], STATE, False),
    **dict.fromkeys(range(62, 66), (CURRENT, STATE, True)),
    **dict.fromkeys(range(66, 70), (POWER, STATE, True)),
    **dict.fromkeys(range(70, 76), (ENERGY, STATE, True)),
    76: (["10.001"], STATE, True),
    77: (["10.001"], STATE, True),
    78: (["13.100"], STATE, True),
    79: (["16.001"], STATE, True),
    80: (["16.001"], STATE, True),
    81: (["16.001"], STATE, True),
    82: (["9.001"], STATE, True),
    83: (["1.002"], STATE, True),
    84: (["16.001"], STATE, True),
    94: (["1.002"], STATE, False),
    95: (["16.001"], STATE, False),
    **{number: (["16.001"], STATE, True) for number in range(96, 100)},
}
OWN: dict[int, tuple[list[str], str, bool]] = {  # not in the manual
    **dict.fromkeys(range(500, 504), (["14.019"], STATE, False)),
    504: ([], STATE, False),
    505: (["7.005"], STATE, False),
    506: (["19.001"], "C-WTUI", False),
    507: (["1.017"], STATE, False),
}
OWN_POINT: dict[int, tuple[list[str], str, bool]] = {
    510: (["14.019"], STATE, False),
    511: ([], STATE, False),
    512: (["16.001"], STATE, False),
}
MANUAL = Path(__file__).parents[3] / "shared/manuals/002_8f1e0605e12445d3.txt"


@pytest.mark.proves("2.1", "2.2", "2.3", "2.4")
def test_the_map_has_the_manuals_objects_and_our_own_from_500_on(catalogue: Catalogue) -> None:
    expected = {**GENERAL, **OWN}
    for point in range(5):
        expected |= {number + 50 * point: entry for number, entry in POINT.items()}
        expected |= {number + 10 * point: entry for number, entry in OWN_POINT.items()}
    rows = object_rows(catalogue, None)
    found = {row["number"]: (row["dpts"], row["flags"], row["model_dependent"]) for row in rows}
    assert found == expected


def test_every_row_names_its_charging_point_and_its_function(catalogue: Catalogue) -> None:
    rows = {row["number"]: row for row in object_rows(catalogue, None)}
    assert rows[1]["charging_point"] == 0
    assert rows[155]["charging_point"] == 3
    assert rows[155]["function"] == "Interruption"
    assert rows[262]["function"].startswith("Actual charging current (sum)")
    assert all(row["addresses"] == [] for row in rows.values())


@pytest.mark.proves("2.2", "H.1")
@pytest.mark.skipif(not MANUAL.exists(), reason="the manual is not part of the repository")
def test_the_manuals_own_text_agrees(catalogue: Catalogue) -> None:
    text = MANUAL.read_text(encoding="utf-8")
    start = text.index("10.1 General\n\nGroup object")
    end = text.index("\n11 Troubleshooting\n")
    tables = re.split(r"\nGroup object (?=\d)", text[start:end])
    seen = {}
    for table in tables[1:]:
        number = int(re.match(r"\d+", table).group())  # type: ignore[union-attr]
        flags = re.search(r"Flags \(CRWTUI\)\s+([CRWTUI-]{5,6})", table)
        assert flags, number
        kind = re.search(r"Data point type\s?/\s?data type\s+((?:.|\n)*?)\nDirection", table)
        assert kind, number
        seen[number] = (
            re.findall(r"\b\d+\.\d{3}\b", kind.group(1)),
            flags.group(1).ljust(6, "-"),  # tables 20 and 21 print five characters
            "This group object depends on the model." in table,
        )
    ours = {d.number: (list(d.dpts), d.flags, d.is_model_dependent) for d in catalogue.objects}
    assert seen == {number: entry for number, entry in ours.items() if number < 500}


def test_every_datapoint_type_is_known_to_the_codec(catalogue: Catalogue) -> None:
    for definition in catalogue.objects:
        for dpt in definition.dpts:
            assert dpt.startswith("1.") or DPTBase.parse_transcoder(dpt), dpt


def test_every_object_has_both_languages(catalogue: Catalogue) -> None:
    for definition in catalogue.objects:
        assert definition.function.en
        assert definition.function.de


def test_a_wrong_object_file_is_reported_line_by_line(catalogue: Catalogue) -> None:
    text = (
        "general:\n"
        "  - {number: 1, key: a, en: A, de: A, flags: CRWT, kind: state}\n"
        "  - {number: 2, key: b, en: B, de: B, flags: CR-T--, kind: stat}\n"
        "  - {number: 3, key: d, en: D, de: D, flags: CR-T--, kind: state, priority: hihg}\n"
        "  - {number: 1, key: c, en: C, de: C, dpts: [7012], flags: CR-T--, kind: state, tabel: 3}\n"
        "  - {number: 4, key: d, en: D, de: D, flags: CR-T--, kind: state, needs: curent}\n"
    )
    problems = Problems()
    root = parse_tree(text, problems, name="objects.yaml")
    assert root is not None
    read_objects(root, catalogue.product.texts)
    shown = [str(finding) for finding in problems.findings]
    assert any(
        s.startswith("objects.yaml:2: error: general[0].flags: expected flags") for s in shown
    )
    assert any("general[2].priority: expected one of system, urgent" in s for s in shown)
    assert any("general[1].kind" in s and "did you mean 'state'?" in s for s in shown)
    assert any("general[3].tabel: unknown key; did you mean 'table'?" in s for s in shown)
    assert any("expected a datapoint type, got '7012'" in s for s in shown)
    assert any("group object 1 is defined twice" in s for s in shown)
    assert any("general[4].needs" in s and "did you mean 'current'?" in s for s in shown)
