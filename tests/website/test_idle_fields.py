"""Fields that have no effect are folded with the reason; a field goes back to its default with one tap."""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest

from knxgw.catalogue.parameters import ParameterType
from knxgw.config.edit_yaml import edited, values_of
from knxgw.config.yaml_places import Path, dotted
from knxgw.website.config_form import POINTS
from tests.support.one_of_each import kind_of_parameter, one_of_each
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, website
from tests.website.test_configuration_forms import PARAMETERS, bounds, typed_in
from tests.website.test_pages import POINT
from tests.website.test_typing import OpenPage

LOAD = "/config/form/load_management"
CHARGER = "/config/form/charging_points/1"
OFF = """\
knx: {link: none}
load_management:
  mode: off
  reserve_a: 5  # for the heat pump
charging_points:
  - number: 1
    model: keba_p30
    connection: {host: 127.0.0.1}
"""


@pytest.fixture
def own() -> Own:
    return Own(OFF)


@pytest.fixture
def visited(own: Own) -> Iterator[Website]:
    with website(lambda _language: site(POINT), device=own.control()) as found:
        yield found


def folded(page: str) -> Mapping[str, str]:
    """Return the fields that a page folds, by their ids, with the reason and its link."""
    found = {}
    for fold in page.split('<div class="folded">')[1:]:
        fold = fold.split("</details>")[0]  # noqa: PLW2901 - the part of this one
        why = unescape(re.sub(r"<[^>]+>", "", fold.split("</p>")[0])).strip()
        for name in re.findall(r'class="found" id="said:([^"]+)"', fold):
            found[name] = why.partition(">")[2] if why.startswith("<") else why
    return found


def draft_of(visited: Website) -> dict[str, Any]:
    """Return what the draft of the owner says."""
    return values_of(visited.app.extensions["knxgw"].drafts.of("owner").text)


@pytest.mark.proves("W43")
@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("en", "Without effect: load management is off. Load management"),
        ("de", "Ohne Wirkung: das Lastmanagement ist aus. Lastmanagement"),
    ],
)
def test_what_has_no_effect_is_folded_with_its_reason_and_a_link(
    visited: Website, language: str, reason: str
) -> None:
    page = visited.get(LOAD, language)
    found = folded(page)
    assert set(found) == {
        f"load_management.{name}"
        for name in ("fuse_a", "priority", "static_limit_a", "queue", "high_power_wait_s")
    }
    assert set(found.values()) == {reason}
    assert 'href="#load_management.mode"' in page
    assert 'id="load_management.mode"' in page


@pytest.mark.proves("W43")
def test_a_value_that_is_given_is_shown_though_it_has_no_effect(visited: Website) -> None:
    page = visited.get(LOAD)
    reserve = page.split('id="load_management.reserve_a"')[1].split("</div>")[0]
    assert "Without effect: load management is off." in reserve


@pytest.mark.proves("W43")
def test_a_group_without_an_effect_is_folded_unless_it_says_something(
    own: Own, visited: Website
) -> None:
    def meter(page: str) -> tuple[bool, int]:
        group = page.partition('aria-label="Connection of the smart meter"')[2]
        group = group.partition("</section>")[0]
        return "<details open" in group, group.count("Without effect: load management is off.")

    assert meter(visited.get(LOAD)) == (False, 2), "before the fields and below the heading"
    host = ("load_management", "smart_meter", "connection", "host")
    own.text = edited(own.text, {host: "192.168.1.9"})
    assert meter(visited.get(LOAD)) == (True, 2), "the field in it need not say it again"
    own.text = edited(own.text, {("load_management", "mode"): "dynamic"})
    assert meter(visited.get(LOAD)) == (True, 0)


def test_every_link_leads_to_a_field_that_is_there(visited: Website) -> None:
    paths = [f"/config/form/{key}" for key in ("knx", "firmware", "serial", "panel")]
    for path in (*paths, LOAD, CHARGER):
        for link in re.findall(r'class="why"[^>]*>[^<]*<a href="([^"]+)"', visited.get(path)):
            form, _, anchor = unescape(link).partition("#")
            assert f'id="{unquote(anchor)}"' in visited.get(form or path), link


@pytest.mark.proves("W43", "W62")
def test_what_is_typed_gives_others_an_effect_at_once(visited: Website) -> None:
    page = OpenPage(visited, LOAD)
    idle = page.check()["idle"]
    assert idle["load_management.fuse_a"]["path"] == "#load_management.mode"
    assert idle["load_management.smart_meter.connection"]["text"] == (
        "Without effect: load management is off."
    )
    idle = page.check({"load_management.mode": "dynamic"})["idle"]
    assert "load_management.fuse_a" not in idle
    assert idle["load_management.static_limit_a"]["text"] == (
        "Without effect: load management is not static."
    )


def test_the_settings_of_a_line_that_nobody_uses_say_so_once(own: Own, visited: Website) -> None:
    page = visited.get("/config/form/serial")
    assert len(folded(page)) == 6
    assert "/config/form/charging_points/1#charging_points%5B0%5D.connection.type" in page
    own.text = edited(own.text, {("serial", "port"): "/dev/ttyUSB0"})
    page = visited.get("/config/form/serial")
    assert folded(page) == {}
    assert page.count("Without effect") == 1


# --- back to the default


@pytest.mark.proves("W43")
def test_a_field_goes_back_to_its_default_without_a_script(own: Own, visited: Website) -> None:
    page = visited.get(LOAD)
    buttons = re.findall(r'name="reset" value="([^"]+)"[^>]*?( hidden)?>', page)
    assert [name for name, hidden in buttons if not hidden] == ["load_management.reserve_a"]
    typed = typed_in(page) | {"load_management.high_power_wait_s": "40"}
    answer = visited.post(LOAD, **typed, reset="load_management.reserve_a")
    assert answer.headers["Location"] == f"{LOAD}#load_management.reserve_a"
    assert draft_of(visited)["load_management"] == {"mode": "off", "high_power_wait_s": "40"}
    assert own.text == OFF, "nothing is applied"
    drafted = visited.app.extensions["knxgw"].drafts.of("owner").text
    assert drafted == OFF.replace("reserve_a: 5  # for the heat pump", "high_power_wait_s: 40")


def test_a_default_that_is_written_is_none_that_could_be_reset(own: Own, visited: Website) -> None:
    own.text = edited(own.text, {("load_management", "reserve_a"): "3.0"})
    assert 'value="load_management.reserve_a" aria-label' in visited.get(LOAD)
    assert OpenPage(visited, LOAD).check()["differing"] == []
    found = OpenPage(visited, LOAD).check({"load_management.reserve_a": "three"})
    assert found["differing"] == ["load_management.reserve_a"]


def test_what_is_no_field_of_the_form_is_not_reset(visited: Website) -> None:
    typed = typed_in(visited.get(LOAD))
    assert visited.post(LOAD, **typed, reset="charging_points").status_code == 303
    assert draft_of(visited) == values_of(OFF)


WITH_DEFAULT = [key for key, one in PARAMETERS.items() if one.default is not None]


@pytest.mark.proves("W43")
@pytest.mark.parametrize(
    "key", one_of_each(WITH_DEFAULT, lambda key: kind_of_parameter(PARAMETERS[key]))
)
def test_every_parameter_that_differs_from_its_default_can_be_reset(
    own: Own, visited: Website, key: str
) -> None:
    parameter = PARAMETERS[key]
    others = {ParameterType.ENDPOINT: ["192.168.1.2:81"], ParameterType.HOST: ["224.0.23.13"]}
    others[ParameterType.TIME_ZONE] = ["Europe/Berlin"]
    value = next(
        one
        for one in others.get(parameter.type, bounds(parameter))
        if one not in (parameter.default, "")
    )
    head, is_of_list, rest = key.partition("[].")
    path: Path = (head, 0, *rest.split(".")) if is_of_list else tuple(key.split("."))
    own.text = edited(OFF, {path: value})
    form = CHARGER if head == POINTS else f"/config/form/{path[0]}"
    page = visited.get(form)
    assert f'name="reset" value="{dotted(path)}"' in page
    assert dotted(path) in OpenPage(visited, form).check()["differing"]
    visited.post(form, **typed_in(page), reset=dotted(path))
    assert dotted(path) not in OpenPage(visited, form).check()["differing"]
    found: Any = draft_of(visited)
    for step in path:
        found = found[step] if isinstance(step, int) else (found or {}).get(step)
    assert found is None
