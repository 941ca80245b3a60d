"""Forms of the configuration: a field for every parameter, what is typed becomes a draft of the text."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.config.convert import convert
from knxgw.config.edit_yaml import edited, values_of
from knxgw.config.load import parse_configuration
from knxgw.config.not_allowed import NotAllowedError
from knxgw.config.yaml_places import parameter_key
from knxgw.website.access.roles import Role
from knxgw.website.config_form import (
    POINTS,
    Control,
    Field,
    changes_of,
    groups_of,
    sections,
)
from knxgw.website.language import FOLDER
from knxgw.website.pages.common import LANGUAGE_COOKIE
from tests.support.one_of_each import kind_of_parameter, one_of_each
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, website
from tests.website.test_pages import POINT

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
LANGUAGES = ("en", "de")


def fields(data: dict[str, Any], language: str = "en") -> dict[str, Field]:
    """Return every field of every form by the key of its parameter, of the first charging point."""
    return {
        parameter_key(field.path): field
        for section in sections(catalogue())
        for group in groups_of(
            section, 0 if section == POINTS else None, data, catalogue(), language
        )
        for field in group.fields
    }


PARAMETERS = {parameter.key: parameter for parameter in catalogue().parameters}
ONE_OF_EACH = one_of_each(PARAMETERS, lambda key: kind_of_parameter(PARAMETERS[key]))


@pytest.mark.proves("W43")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_parameter_has_one_field_with_its_words_help_and_bounds(language: str) -> None:
    found = fields({}, language)
    assert set(found) == set(PARAMETERS)
    for key, field in found.items():
        parameter = PARAMETERS[key]
        assert field.words == parameter.text.in_language(language)
        assert field.help == parameter.help.in_language(language) != ""
        assert (field.low, field.high) == tuple(
            "" if bound is None else f"{bound:.12g}" for bound in (parameter.low, parameter.high)
        )
        assert bool(field.default) is (parameter.default is not None)


@pytest.mark.proves("W43")
def test_up_to_four_choices_are_radio_buttons_more_are_a_list_models_are_by_manufacturer() -> None:
    found = fields({})
    assert found["load_management.mode"].control is Control.RADIO
    assert found["knx.link"].control is Control.SELECT
    chargers = found["charging_points[].model"]
    assert chargers.control is Control.MODEL
    assert {option.value for group in chargers.choices for option in group.options} == set(
        catalogue().chargers
    )
    assert "KEBA" in [group.heading for group in chargers.choices]


def bounds(parameter: ParameterDefinition) -> list[str]:
    """Return texts that are just allowed for a parameter."""
    match parameter.type:
        case ParameterType.INTEGER | ParameterType.NUMBER:
            ends = [
                f"{bound:.12g}" for bound in (parameter.low, parameter.high) if bound is not None
            ]
            return ends + [choice.value for choice in parameter.choices]
        case ParameterType.CHOICE:
            return [choice.value for choice in parameter.choices]
        case ParameterType.BOOLEAN:
            return ["true", "false"]
        case ParameterType.TEXT:
            return ["x" * int(bound) for bound in (parameter.low, parameter.high) if bound]
        case _:
            return [parameter.default] if parameter.default else []


@pytest.mark.proves("W43")
@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_what_is_typed_at_the_bounds_of_a_parameter_is_what_the_file_says(key: str) -> None:
    field = fields({})[key]
    section = str(field.path[0])
    entry = 0 if section == POINTS else None
    for typed in bounds(PARAMETERS[key]):
        groups = groups_of(section, entry, {}, catalogue(), "en")
        changes = changes_of(groups, {field.name: typed}, catalogue())
        text = edited("", changes)
        shown = fields(values_of(text))[key].value
        assert shown == typed, text
        loaded = parse_configuration(text, catalogue(), is_offline=True)
        wrong = [
            str(one)
            for one in loaded.findings
            if one.place.key == field.name and "range" in str(one)
        ]
        assert wrong == [], text
        again = groups_of(section, entry, values_of(text), catalogue(), "en")
        assert changes_of(again, {field.name: shown}, catalogue()) == {}, "nothing is typed again"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_form_that_is_sent_as_it_is_changes_nothing(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    data = values_of(text)
    for section in sections(catalogue()):
        entries = range(len(data.get(POINTS, ()))) if section == POINTS else (None,)
        for entry in entries:
            groups = groups_of(section, entry, data, catalogue(), "en")
            typed = {field.name: field.value for group in groups for field in group.fields}
            changes = changes_of(groups, typed, catalogue())
            assert changes == {}
            assert edited(text, changes) == text


@given(st.text(max_size=40))
@settings(max_examples=60)
def test_whatever_is_typed_is_a_draft_that_can_be_shown_again(typed: str) -> None:
    groups = groups_of("device", None, {}, catalogue(), "en")
    changes = changes_of(groups, {"device.name": typed}, catalogue())
    text = edited("", changes)
    shown = groups_of("device", None, values_of(text), catalogue(), "en")[0].fields[0].value
    assert shown.split() == typed.split()


FUSE, ENERGY = "load_management.fuse_a", "charging_points[].sending.energy.min_change_wh"
PORT = "charging_points[].connection.port"


def drafted(key: str, typed: str, language: str = "de") -> str:
    """Return what a draft says after something was typed into the empty field of a parameter."""
    field = fields({}, language)[key]
    section = str(field.path[0])
    groups = groups_of(section, 0 if section == POINTS else None, {}, catalogue(), language)
    text = edited("", changes_of(groups, {field.name: typed}, catalogue()))
    return fields(values_of(text))[key].value


@pytest.mark.proves("W43")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("typed", ["63,5", "63.5", "63,50", " +63,5 ", "63,500"])
def test_a_decimal_comma_is_the_same_as_a_point_in_any_language(typed: str, language: str) -> None:
    assert drafted(FUSE, typed, language) == "63.5"


@pytest.mark.proves("W43")
@pytest.mark.parametrize(
    ("key", "typed", "kept"),
    [
        (ENERGY, "1.250", "1,250"),  # in a file a point would not leave it open
        (ENERGY, "1,250", "1,250"),
        (ENERGY, "1.250,5", "1.250,5"),
        (ENERGY, "1,250.5", "1,250.5"),
        (ENERGY, "1 250", "1 250"),
        (ENERGY, "0,125", "0.125"),
        (ENERGY, "1,2500", "1.25"),
        (FUSE, "1.000", "1,000"),
        (PORT, "1.502", "1,502"),
        (PORT, "1,5", "1.5"),
        (PORT, "16e", "16e"),
    ],
)
def test_what_may_be_thousands_is_never_taken_as_a_decimal(key: str, typed: str, kept: str) -> None:
    assert drafted(key, typed) == kept
    try:
        convert(PARAMETERS[key], kept, catalogue())
    except NotAllowedError:
        return
    assert float(kept) in {0.125, 1.25}


@pytest.mark.proves("W43")
def test_a_german_field_shows_a_comma_and_an_unchanged_one_changes_nothing() -> None:
    data = {"load_management": {"fuse_a": "63.500", "reserve_a": "1e1"}}
    found = fields(data, "de")
    assert found[FUSE].shown == "63,500"
    assert found["load_management.reserve_a"].shown == "1e1"
    assert fields(data)[FUSE].shown == "63.500"
    groups = groups_of("load_management", None, data, catalogue(), "de")
    typed = {field.name: field.shown for group in groups for field in group.fields}
    assert changes_of(groups, typed, catalogue()) == {}
    assert found["charging_points[].sending.current.min_change_a"].default == "0,5 A"
    assert found["charging_points[].complete.threshold_a"].extent == ("0,1", "10")


@pytest.mark.proves("W43")
def test_a_number_is_typed_as_text_with_its_bounds_for_the_script() -> None:
    folder = FOLDER.parent / "templates"
    wrong = [
        one.name for one in folder.glob("*.html") if re.search(r"type=.?number", one.read_text())
    ]
    assert wrong == [], "a browser drops the comma where its own language has a point"
    found = fields({})
    assert found[FUSE].keys == "decimal"
    assert found[PORT].keys == "numeric"
    assert found["load_management.smart_meter.ratio"].keys == "decimal"
    assert found["load_management.smart_meter.manual.current.scale"].keys == "text", (
        "a phone has no minus"
    )
    assert found["charging_points[].sending.power.cycle_s"].keys == "text", "a word may stand there"


# --- pages


@pytest.mark.proves("W43")
def test_a_comma_that_is_typed_on_the_german_page_is_the_decimal_sign(
    own: Own, visited: Website
) -> None:
    visited.browser.set_cookie(LANGUAGE_COOKIE, "de")
    path = "/config/form/load_management"
    typed = typed_in(visited.get(path)) | {FUSE: "63,5"}
    visited.post(path, **typed)
    assert re.findall(r"<ins>\+ +(fuse_a: \S+) ", visited.get("/config/draft")) == ["fuse_a: 63.5"]
    tag = re.findall(r'<input id="load_management.fuse_a"[^>]*>', visited.get(path))[0]
    for part in ('value="63,5"', 'inputmode="decimal"', 'data-min="6"', 'data-max="1000"'):
        assert part in tag
    page = visited.post(path, **typed | {FUSE: "1.000"}).get_data(as_text=True)
    beside = unescape(page.split('id="said:load_management.fuse_a"')[1].split("</div>")[0])
    assert "können auch Tausender sein; 1000 schreiben" in beside


@pytest.fixture
def own() -> Own:
    return Own(EXAMPLES[2].read_text(encoding="utf-8"))


@pytest.fixture
def visited(own: Own) -> Iterator[Website]:
    with website(lambda _language: site(POINT), device=own.control()) as found:
        yield found


def typed_in(page: str) -> dict[str, str]:
    """Return what stands in the fields of a page, as a browser would send it."""
    found = {
        name: unescape(value)
        for name, value in re.findall(
            r'<input id="[^"]*" name="([^"]*)"[^>]* value="([^"]*)"', page
        )
    }
    found |= dict(re.findall(r'type="radio" name="([^"]*)" value="([^"]*)" checked', page))
    for name, options in re.findall(
        r'<select id="[^"]*" name="([^"]*)".*?>(.*?)</select>', page, re.DOTALL
    ):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen.group(1) if chosen else ""
    return found


@pytest.mark.proves("W43", "W45")
def test_a_field_that_is_changed_changes_one_line_of_the_draft_and_nothing_else(
    own: Own, visited: Website
) -> None:
    before = own.text
    page = visited.get("/config/form/charging_points/1")
    typed = typed_in(page)
    assert typed["charging_points[0].maximum_a"] == "16"
    typed["charging_points[0].maximum_a"] = "13"
    answer = visited.post("/config/form/charging_points/1", **typed)
    assert answer.headers["Location"] == "/config/draft"
    assert own.text == before, "nothing is applied"
    draft = visited.get("/config/draft")
    assert re.findall(r"<ins>\+ +(.*?)</ins>", draft) == ["maximum_a: 13"]
    assert re.findall(r"<del>- +(.*?)</del>", draft) == ["maximum_a: 16"]


@pytest.mark.proves("W44")
def test_what_is_wrong_stands_beside_its_field_and_is_kept_in_the_draft(
    own: Own, visited: Website
) -> None:
    typed = typed_in(visited.get("/config/form/charging_points/1"))
    typed["charging_points[0].maximum_a"] = "99"
    page = visited.post("/config/form/charging_points/1", **typed).get_data(as_text=True)
    beside = page.split('id="charging_points[0].maximum_a"')[1].split("</div>")[0]
    assert "out of range" in unescape(beside)
    assert 'value="99"' in visited.get("/config/form/charging_points/1")
    assert "out of range" in visited.get("/config/draft")


def test_a_charging_point_is_added_and_removed(own: Own, visited: Website) -> None:
    own.text = own.text[: own.text.index("  - number: 5")]
    page = visited.get("/config")
    assert "/config/form/charging_points/5" in page
    typed = typed_in(visited.get("/config/form/charging_points/5"))
    typed |= {
        "charging_points[4].number": "5",
        "charging_points[4].model": "keba_p30",
        "charging_points[4].connection.type": "tcp",
        "charging_points[4].connection.host": "192.168.20.99",
    }
    assert visited.post("/config/form/charging_points/5", **typed).status_code == 303
    assert "192.168.20.99" in visited.get("/config/draft")
    removed = visited.post("/config/form/charging_points/5", wanted="remove")
    assert removed.status_code == 303
    assert "192.168.20.99" not in visited.get("/config/draft")


THREE_POINTS = """\
knx: {link: none}
charging_points:
  - {number: 1, model: keba_p30, connection: {host: 192.0.2.1}}
  - {number: 3, model: keba_p30, connection: {host: 192.0.2.3}}
  - {number: %d, model: keba_p30, connection: {host: 192.0.2.2}}
group_objects:
  1: [1/0/1]
  55: [1/1/55]
  155: [1/3/55]  # of the third
  531: [1/3/111]
  105: [1/2/55]
"""


def left_after_a_removal(visited: Website, entry: int) -> dict[str, Any]:
    """Return the links of the draft once a charging point is removed."""
    assert visited.post(f"/config/form/charging_points/{entry}", wanted="remove").status_code == 303
    page = visited.get("/config/draft")
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert text is not None
    return dict(values_of(unescape(text[1])).get("group_objects") or {})


def test_a_charging_point_is_removed_with_the_links_of_its_group_objects(
    own: Own, visited: Website
) -> None:
    own.text = THREE_POINTS % 2
    assert list(left_after_a_removal(visited, 2)) == ["1", "55", "105"]


def test_links_stay_where_another_charging_point_has_the_same_number(
    own: Own, visited: Website
) -> None:
    own.text = THREE_POINTS % 3
    assert list(left_after_a_removal(visited, 2)) == ["1", "55", "155", "531", "105"]
    assert visited.post("/config/form/charging_points/3", wanted="remove").status_code == 303


def test_a_draft_is_of_one_account_and_can_be_given_up(own: Own, visited: Website) -> None:
    typed = typed_in(visited.get("/config/form/device")) | {"device.name": "Draft"}
    visited.post("/config/form/device", **typed)
    assert "Draft" in visited.get("/config/form/device")
    other = visited.guest(Role.ADMINISTRATOR)
    assert 'value="Draft"' not in other.get("/config/form/device")
    visited.post("/config/draft/discard")
    assert 'value="Draft"' not in visited.get("/config/form/device")
    assert own.proposed == []


@pytest.mark.parametrize(
    "path",
    [
        "/config/form/nothing",
        "/config/form/charging_points",
        "/config/form/charging_points/0",
        "/config/form/charging_points/6",
        "/config/form/device/1",
    ],
)
def test_there_is_no_other_form(visited: Website, path: str) -> None:
    assert visited.browser.get(path).status_code == 404


def test_a_text_that_is_no_yaml_has_no_forms_but_can_still_be_edited(
    own: Own, visited: Website
) -> None:
    own.text = "device: [\n"
    page = visited.get("/config")
    assert "device: [" in page
    assert "/config/form/" not in page
    assert visited.browser.get("/config/form/device").status_code == 409
