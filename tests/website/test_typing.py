"""What is typed is checked while it is typed, as `knxgw check` would; the draft loses nothing by it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.config.convert import convert
from knxgw.config.edit_yaml import edited
from knxgw.config.load import load_configuration, parse_configuration
from knxgw.config.not_allowed import NotAllowedError
from knxgw.errors import Severity
from knxgw.website.access.roles import Role
from knxgw.website.bridge import DeviceControl
from knxgw.website.config_form import POINTS
from knxgw.website.configuring import Checked
from knxgw.website.one_at_a_time import OneAtATime
from knxgw.website.pages import configuration_typing
from tests.support.one_of_each import kind_of_parameter, one_of_each
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, website
from tests.website.test_configuration_forms import (
    EXAMPLES,
    LANGUAGES,
    PARAMETERS,
    bounds,
    fields,
    typed_in,
)
from tests.website.test_pages import POINT

EACH_PARAMETER = one_of_each(PARAMETERS, lambda key: kind_of_parameter(PARAMETERS[key]))
FORM = "/config/form/charging_points/1"
MAXIMUM = "charging_points[0].maximum_a"
NAME = "charging_points[0].name"


@pytest.fixture
def own() -> Own:
    return Own(EXAMPLES[2].read_text(encoding="utf-8"))


@pytest.fixture
def visited(own: Own) -> Iterator[Website]:
    with website(lambda _language: site(POINT), device=own.control()) as found:
        yield found


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Own, Website]]:
    """Give a website for tests that begin with a fresh draft."""
    own = Own(EXAMPLES[2].read_text(encoding="utf-8"))
    with website(lambda _language: site(POINT), device=own.control()) as found:
        yield own, found


class OpenPage:
    """A page of the configuration in a browser, and what its script sends."""

    def __init__(self, visitor: Website, path: str, html: str = "") -> None:
        """Open a page, or take it as it was answered."""
        self.visitor, self.path = visitor, path
        self.turn = 0
        html = html or visitor.get(path)
        self.hidden = {
            name: unescape(value)
            for name, value in re.findall(r'name="(page|seen|was)" value="([^"]*)"', html)
        }
        self.typed = typed_in(html)

    def check(
        self, typed: Mapping[str, str] | None = None, language: str = "en", turn: int | None = None
    ) -> dict[str, Any]:
        """Send what is typed; return the findings."""
        self.typed |= typed or {}
        self.turn += 1
        path = "/config/text/check" if self.path == "/config" else f"{self.path}/check"
        answer = self.visitor.browser.post(
            path,
            data={
                "csrf": self.visitor.csrf,
                **self.hidden,
                **self.typed,
                "turn": str(turn or self.turn),
            },
            headers={"Accept-Language": language},
        )
        assert answer.status_code == 200, answer.get_data(as_text=True)
        found: dict[str, Any] = answer.get_json()
        self.hidden |= {name: found[name] for name in ("seen", "was")}
        return found

    def shown(self) -> Mapping[str, str]:
        """Return what the page shows when it is opened again."""
        return typed_in(self.visitor.get(self.path))


def beyond(parameter: ParameterDefinition) -> list[str]:
    """Return texts that are not allowed for a parameter, or nearly so."""
    match parameter.type:
        case ParameterType.INTEGER | ParameterType.NUMBER:
            ends = [f"{bound + step:g}" for bound, step in
                    ((parameter.low, -1), (parameter.high, 1)) if bound is not None]  # fmt: skip
            return [*ends, "1.5", "1,5", "0x10", "12 A", "word"]
        case ParameterType.TEXT:
            return ["x" * (int(parameter.high) + 1)] if parameter.high else []
        case _:
            return ["no such: thing", "-", "1.2.3.4.5"]


@pytest.mark.proves("W44", "W62")
@pytest.mark.parametrize("key", EACH_PARAMETER)
def test_a_check_while_typing_finds_what_the_command_finds_in_a_file(
    shared: tuple[Own, Website], tmp_path: Path, key: str
) -> None:
    own, visited = shared
    visited.post("/config/draft/discard")
    field = fields({})[key]
    is_point = field.path[0] == POINTS
    page = OpenPage(visited, FORM if is_point else f"/config/form/{field.path[0]}")
    own_keys = "charging_points[0]" if is_point else str(field.path[0])
    file = tmp_path / "site.yaml"
    for typed in (*bounds(PARAMETERS[key]), *beyond(PARAMETERS[key]), ""):
        language = LANGUAGES[len(typed) % 2]
        found = page.check({field.name: typed}, language)
        draft = visited.app.extensions["knxgw"].drafts.of("owner")
        file.write_text(own.text if draft is None else draft.text, encoding="utf-8")
        loaded = load_configuration(file, catalogue(), is_offline=True)
        wanted = sorted(
            "; ".join(filter(None, one.said(language, in_form=True)))
            for one in loaded.findings
            if one.place.key.startswith(own_keys) and one.severity is not Severity.NOTE
        )
        assert sorted(one["text"] for one in found["lines"] if not one["path"]) == wanted
        beside = [one["text"] for texts in found["fields"].values() for one in texts if one["tone"]]
        assert set(beside) <= set(wanted)
        errors = sum(one.severity is Severity.ERROR for one in loaded.findings)
        assert (found["errors"], found["can_run"]) == (errors, loaded.configuration is not None)


@pytest.mark.proves("W43")
def test_a_browser_minds_nothing_that_the_device_takes() -> None:
    of = fields({})
    for key, parameter in PARAMETERS.items():
        field = of[key]
        near = *bounds(parameter), *beyond(parameter)
        for text in (*near, " 7 ", "a-b.local", "1.1.250", ":8080"):
            try:
                convert(parameter, text, catalogue())
            except NotAllowedError:
                continue
            assert not field.pattern or re.fullmatch(field.pattern, text), (key, text)
            assert not field.longest or len(text) <= int(field.longest), (key, text)


@pytest.mark.proves("W62")
def test_what_is_typed_is_the_draft_of_the_account_and_nothing_is_applied(
    own: Own, visited: Website
) -> None:
    before = own.text
    page = OpenPage(visited, FORM)
    found = page.check({MAXIMUM: "13"})
    assert (found["kept"], found["errors"], found["can_run"]) == (True, 0, True)
    assert page.shown()[MAXIMUM] == "13"
    assert re.findall(r"<ins>\+ +(.*?)</ins>", visited.get("/config/draft")) == ["maximum_a: 13"]
    assert own.text == before
    assert own.proposed == []
    assert OpenPage(visited.guest(Role.ADMINISTRATOR), FORM).typed[MAXIMUM] == "16"


@pytest.mark.proves("W62")
def test_a_field_that_is_cleared_for_a_moment_loses_no_comment(own: Own, visited: Website) -> None:
    own.text = own.text.replace("maximum_a: 16", "maximum_a: 16  # as the fuse", 1)
    page = OpenPage(visited, FORM)
    for typed in ("1", "", "2", "20"):
        page.check({MAXIMUM: typed})
    draft = visited.app.extensions["knxgw"].drafts.of("owner")
    assert draft.text == own.text.replace("maximum_a: 16  #", "maximum_a: 20  #", 1)
    sent = visited.post(FORM, **page.hidden, **page.typed)
    assert sent.headers["Location"] == "/config/draft"
    assert visited.app.extensions["knxgw"].drafts.of("owner").text == draft.text


@pytest.mark.proves("W62")
def test_what_another_window_did_to_the_same_form_is_not_undone(own: Own, visited: Website) -> None:
    first, second = OpenPage(visited, FORM), OpenPage(visited, FORM)
    assert first.check({MAXIMUM: "13"})["kept"]
    found = second.check({"charging_points[0].minimum_a": "8"})
    assert not found["kept"]
    assert "another window" in found["notice"]
    assert first.shown()[MAXIMUM] == "13"
    assert first.check({MAXIMUM: "12"})["kept"], "nobody else has kept anything"


@pytest.mark.proves("W62")
def test_windows_with_different_forms_do_not_disturb_each_other(own: Own, visited: Website) -> None:
    point, device = OpenPage(visited, FORM), OpenPage(visited, "/config/form/device")
    for number in (13, 12):
        assert point.check({MAXIMUM: str(number)})["kept"]
        assert device.check({"device.name": f"House {number}"})["kept"]
    assert point.shown()[MAXIMUM] == "12"
    assert device.shown()["device.name"] == "House 12"


@pytest.mark.proves("W62")
def test_a_check_that_comes_late_does_not_replace_a_newer_one(own: Own, visited: Website) -> None:
    page = OpenPage(visited, FORM)
    page.check({MAXIMUM: "13"}, turn=7)
    late = page.check({MAXIMUM: "1"}, turn=6)
    assert (late["kept"], late["notice"]) == (False, "")
    assert page.shown()[MAXIMUM] == "13"


@pytest.mark.proves("W62")
def test_a_draft_that_was_given_up_elsewhere_does_not_come_back_by_itself(
    own: Own, visited: Website
) -> None:
    page = OpenPage(visited, FORM)
    page.check({MAXIMUM: "13"})
    visited.post("/config/draft/discard")
    assert not page.check({MAXIMUM: "14"})["kept"]
    assert page.shown()[MAXIMUM] == "16"


@pytest.mark.proves("W62")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_is_checked_with_the_lines_and_kept(
    own: Own, visited: Website, language: str
) -> None:
    page = OpenPage(visited, "/config")
    text = own.text.replace("maximum_a: 16", "maximum_a: 99", 1)
    found = page.check({"text": text}, language)
    wanted = parse_configuration(text, catalogue(), is_offline=True).findings
    assert [one["line"] for one in found["lines"]] == [one.line for one in wanted]
    for one, finding in zip(found["lines"], wanted, strict=True):
        assert all(said in one["text"] for said in finding.said(language))
    assert found["kept"]
    assert "maximum_a: 99" in visited.get("/config")
    broken = page.check({"text": "device: [\n"}, language)
    assert not broken["can_run"]
    assert broken["lines"][0]["line"] > 0


@pytest.mark.proves("W62")
def test_errors_in_other_parts_are_counted_and_lead_to_the_check(
    own: Own, visited: Website
) -> None:
    own.text = edited(own.text, {("load_management", "fuse_a"): 5000, (POINTS, 1, "maximum_a"): 99})
    found = OpenPage(visited, FORM).check()
    (elsewhere,) = [one for one in found["lines"] if one["path"]]
    assert elsewhere["path"] == "/config/draft"
    assert elsewhere["words"].startswith(str(found["errors"]))
    assert not found["can_run"]


def test_a_text_that_forms_cannot_edit_is_said(own: Own, visited: Website) -> None:
    own.text = "device: [\n"
    answer = visited.post("/config/form/device/check", turn="1")
    assert answer.status_code == 409
    assert answer.get_json()["notice"]


@pytest.mark.parametrize("path", ["/config/form/device/check", f"{FORM}/check", "/config/objects/check", "/config/text/check"])  # fmt: skip
def test_only_those_who_may_configure_have_something_checked(visited: Website, path: str) -> None:
    assert visited.guest(Role.USER).post(path, text="").status_code == 403
    assert visited.browser.post(path, data={"csrf": "another"}).status_code == 403


def test_what_stands_in_the_file_and_is_no_choice_is_not_dropped_by_a_form(
    own: Own, visited: Website
) -> None:
    changes = {(POINTS, 0, "model"): "keba_p31", (POINTS, 0, "connection", "unit"): "0x0F"}
    own.text = edited(own.text, changes)
    page = OpenPage(visited, FORM)
    assert page.typed["charging_points[0].model"] == "keba_p31"
    assert page.typed["charging_points[0].connection.unit"] == "0x0F"


# --- one at a time


@pytest.mark.proves("W62")
def test_what_was_typed_last_is_kept_while_an_earlier_check_still_runs(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configuration_typing, "PATIENCE_S", 0.0)
    began, ends = Event(), Event()

    def check(text: str) -> Checked:
        if "First" in text:
            began.set()
            assert ends.wait(10.0)
        return own.check(text)

    configuring = replace(own.control().configuring, check=check)
    with website(
        lambda _language: site(POINT), device=DeviceControl(configuring=configuring)
    ) as seen:
        page = OpenPage(seen, FORM)
        first = Thread(target=lambda: page.check({NAME: "First"}))
        first.start()
        assert began.wait(5.0)
        page.typed[NAME] = "Second"
        form = {"csrf": seen.csrf, **page.hidden, **page.typed, "turn": "2"}
        assert seen.browser.post(f"{FORM}/check", data=form).status_code == 429
        assert page.shown()[NAME] == "Second"
        ends.set()
        first.join()


def test_one_account_waits_for_its_check_before_and_another_one_does_not() -> None:
    turns, began, ends = OneAtATime(), Event(), Event()

    def check() -> None:
        with turns.turn("owner", 5.0):
            began.set()
            ends.wait(5.0)

    thread = Thread(target=check)
    thread.start()
    assert began.wait(5.0)
    with turns.turn("owner", 0.01) as has_turn:
        assert not has_turn
    with turns.turn("guest", 0.01) as has_turn:
        assert has_turn
    ends.set()
    with turns.turn("owner", 5.0) as has_turn:
        assert has_turn
    thread.join()


@pytest.mark.proves("W62")
def test_a_second_check_of_an_account_is_asked_to_come_again(own: Own, visited: Website) -> None:
    checks = visited.app.extensions["knxgw"].checks
    with checks.turn("owner", 0.0):
        answer = visited.post(f"{FORM}/check", turn="1")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"
