"""Two windows of the same account: each writes what it has changed, and neither undoes what the other one did."""

import re
from collections.abc import Iterator

import pytest

from knxgw.config.edit_yaml import Path, edited, values_of
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, website
from tests.website.test_configuration_forms import EXAMPLES
from tests.website.test_pages import POINT
from tests.website.test_typing import OpenPage

TABLE, POINTS = "/config/objects", "/config/form/charging_points"
MAINS = "/config/form/load_management"
FUSE, RESERVE = "load_management.fuse_a", "load_management.reserve_a"
FIRST, SECOND = "group_objects.55", "group_objects.60"


@pytest.fixture
def own() -> Own:
    text = EXAMPLES[2].read_text(encoding="utf-8")
    changes: dict[Path, object] = {
        ("load_management", "fuse_a"): 250,
        ("load_management", "reserve_a"): 5,
        ("group_objects", "55"): ["1/1/55"],
        ("group_objects", "60"): ["1/1/60"],
    }
    return Own(edited(text, changes))


@pytest.fixture
def visited(own: Own) -> Iterator[Website]:
    with website(lambda _language: site(POINT), device=own.control()) as found:
        yield found


def send(window: OpenPage, **typed: str) -> tuple[int, str]:
    """Send the form of a window; return the state and the page."""
    window.typed |= typed
    answer = window.visitor.post(window.path, **{**window.hidden, **window.typed})
    return answer.status_code, answer.get_data(as_text=True)


def says(visited: Website, name: str) -> object:
    """Return what the draft says."""
    found = values_of(visited.app.extensions["knxgw"].drafts.of("owner").text)
    section, key = name.split(".")
    return found[section].get(key)


@pytest.mark.proves("W46")
def test_a_form_that_was_open_before_undoes_nothing_that_another_window_took(
    visited: Website,
) -> None:
    first, second = OpenPage(visited, MAINS), OpenPage(visited, MAINS)
    assert send(first, **{FUSE: "100"})[0] == 303
    assert send(second, **{RESERVE: "7"})[0] == 303
    assert (says(visited, FUSE), says(visited, RESERVE)) == ("100", "7")


@pytest.mark.proves("W43", "W46")
def test_a_number_with_a_comma_is_the_same_in_both_windows(visited: Website) -> None:
    assert send(OpenPage(visited, MAINS), **{FUSE: "63,5", RESERVE: "2.5"})[0] == 303
    visited.browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    first, second = (OpenPage(visited, MAINS, visited.get(MAINS, "de")) for _ in range(2))
    assert first.typed[FUSE] == "63,5"
    assert send(first, **{FUSE: "100"})[0] == 303
    assert send(second, **{RESERVE: "3,5"})[0] == 303
    assert (says(visited, FUSE), says(visited, RESERVE)) == ("100", "3.5")


@pytest.mark.proves("W46")
def test_a_table_that_was_open_before_undoes_nothing_that_another_window_took(
    visited: Website,
) -> None:
    first, second = OpenPage(visited, TABLE), OpenPage(visited, TABLE)
    assert send(first, **{FIRST: "1/2/55"})[0] == 303
    assert send(second, **{SECOND: "1/2/60"})[0] == 303
    assert (says(visited, FIRST), says(visited, SECOND)) == (["1/2/55"], ["1/2/60"])


@pytest.mark.proves("W46")
@pytest.mark.parametrize(
    ("path", "field", "other", "values"),
    [
        (MAINS, FUSE, RESERVE, ("100", "80", "7")),
        (TABLE, FIRST, SECOND, ("1/2/1", "1/2/2", "1/2/3")),
    ],
    ids=["form", "table"],
)
def test_what_both_have_changed_is_asked_with_both_values_and_nothing_is_lost(
    visited: Website, path: str, field: str, other: str, values: tuple[str, str, str]
) -> None:
    theirs, mine, more = values
    first, second = OpenPage(visited, path), OpenPage(visited, path)
    send(first, **{field: theirs})
    state, page = send(second, **{field: mine, other: more})
    assert state == 409
    assert f"here: {mine}" in page
    assert f"in the other window: {theirs}" in page
    assert re.search(rf'id="{re.escape(field)}"[^>]* value="{mine}"', page), "what was typed stays"
    assert str(says(visited, field)).strip("[]'") == theirs
    assert str(says(visited, other)).strip("[]'") == more, "that nobody else has changed"
    asked = OpenPage(visited, path, page)
    assert not asked.check()["kept"], "only whoever sends it again has chosen"
    assert str(says(visited, field)).strip("[]'") == theirs
    assert send(asked)[0] == 303
    assert str(says(visited, field)).strip("[]'") == mine


@pytest.mark.proves("W46")
def test_the_same_value_in_both_windows_is_no_question(visited: Website) -> None:
    first, second = OpenPage(visited, MAINS), OpenPage(visited, MAINS)
    assert send(first, **{FUSE: "100"})[0] == 303
    assert send(second, **{FUSE: "100"})[0] == 303


@pytest.mark.proves("W46", "W62")
def test_who_types_and_sends_undoes_nothing_either(visited: Website) -> None:
    first, second = OpenPage(visited, MAINS), OpenPage(visited, MAINS)
    first.check({FUSE: "100"})
    second.check({RESERVE: "7"})
    assert send(second)[0] == 303
    assert (says(visited, FUSE), says(visited, RESERVE)) == ("100", "7")
    first.check({FUSE: "90"})
    assert send(first)[0] == 303
    assert (says(visited, FUSE), says(visited, RESERVE)) == ("90", "7")


@pytest.mark.proves("W46")
def test_a_form_of_a_charging_point_never_writes_into_another_one(visited: Website) -> None:
    second = OpenPage(visited, f"{POINTS}/2")
    visited.post(f"{POINTS}/1", wanted="remove")
    before = visited.app.extensions["knxgw"].drafts.of("owner").text
    name = "charging_points[1].name"
    state, page = send(second, **{name: "Mine"})
    assert (state, "in the other window" in page) == (409, True)
    assert visited.app.extensions["knxgw"].drafts.of("owner").text == before
    removed = visited.post(f"{POINTS}/2", **second.hidden, **second.typed, wanted="remove")
    assert removed.status_code == 409
    assert visited.app.extensions["knxgw"].drafts.of("owner").text == before


@pytest.mark.proves("W46")
@pytest.mark.parametrize(
    ("step", "field", "other", "values"),
    [
        ("mains", FUSE, RESERVE, ("100", "80", "7")),
        ("device", "device.name", "device.time_zone", ("Barn", "Shed", "UTC")),
        ("knx", "knx.gateway", "knx.local_ip", ("192.0.2.1:3671", "192.0.2.2:3671", "192.0.2.3")),
    ],
)
def test_a_step_of_the_wizard_undoes_nothing_that_another_window_took(
    visited: Website, step: str, field: str, other: str, values: tuple[str, str, str]
) -> None:
    theirs, mine, more = values
    path = f"/wizard/{step}"
    first, second, third = (OpenPage(visited, path) for _ in range(3))
    assert send(first, **{field: theirs})[0] == 303
    assert send(second, **{other: more})[0] == 303
    assert (says(visited, field), says(visited, other)) == (theirs, more)
    state, page = send(third, **{field: mine})
    assert (state, f"here: {mine}" in page) == (409, True)
    assert says(visited, field) == theirs
    assert send(OpenPage(visited, path, page))[0] == 303
    assert (says(visited, field), says(visited, other)) == (mine, more)


# --- the text


def sent_text(window: OpenPage, text: str, path: str = "/config/check") -> tuple[int, str]:
    """Send the text of a window; return the state and the page."""
    answer = window.visitor.post(path, **{**window.hidden, "text": text})
    return answer.status_code, answer.get_data(as_text=True)


@pytest.mark.proves("W46")
def test_a_text_that_was_open_before_does_not_replace_what_another_window_took(
    own: Own, visited: Website
) -> None:
    text, form = OpenPage(visited, "/config"), OpenPage(visited, MAINS)
    send(form, **{FUSE: "100"})
    mine = own.text.replace("reserve_a: 5", "reserve_a: 7")
    state, page = sent_text(text, mine)
    assert state == 409
    assert "another window" in page.lower()
    assert "fuse_a: 100" in page.split("<del>")[1], "what the text would undo is shown"
    assert says(visited, FUSE) == "100"
    assert ">Apply<" not in page, "it is asked first"
    state, _ = sent_text(OpenPage(visited, "/config", page), mine)
    assert state == 200
    assert (says(visited, FUSE), says(visited, RESERVE)) == ("250", "7")


@pytest.mark.proves("W46")
def test_a_draft_of_another_window_outlives_what_is_applied(own: Own, visited: Website) -> None:
    _, page = sent_text(
        OpenPage(visited, "/config"), own.text.replace("fuse_a: 250", "fuse_a: 240")
    )
    shown = OpenPage(visited, "/config/check", page)
    send(OpenPage(visited, MAINS), **{RESERVE: "7"})
    state, _ = sent_text(shown, own.text.replace("fuse_a: 250", "fuse_a: 240"), "/config/apply")
    assert state == 303
    assert "fuse_a: 240" in own.text
    assert says(visited, RESERVE) == "7"


def test_whoever_typed_the_text_alone_is_not_asked(own: Own, visited: Website) -> None:
    window = OpenPage(visited, "/config")
    mine = own.text.replace("fuse_a: 250", "fuse_a: 240")
    window.check({"text": own.text.replace("fuse_a: 250", "fuse_a: 2")})
    assert sent_text(window, mine)[0] == 200
    assert sent_text(window, mine, "/config/apply")[0] == 303
    assert visited.app.extensions["knxgw"].drafts.of("owner") is None
