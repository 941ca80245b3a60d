"""The table of group addresses while something is wrong in it: it stays usable, and says what is wrong where."""

import re
from collections.abc import Iterator
from html import unescape

import pytest

from knxgw.config.edit_yaml import edited, values_of
from knxgw.website.address_fields import split_addresses
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, website
from tests.website.test_configuration_objects import HOME, linked
from tests.website.test_pages import POINT
from tests.website.test_typing import OpenPage

TABLE = "/config/objects"
OBJECT = "group_objects.60"
WRONG = ["32/1/1", "abc", "0/0/0", "1/1/1/1", "1/8/1", "70000"]


@pytest.fixture
def own() -> Own:
    return Own(HOME.read_text(encoding="utf-8"))


@pytest.fixture
def visited(own: Own) -> Iterator[Website]:
    with website(lambda _language: site(POINT), device=own.control()) as found:
        yield found


def draft(visited: Website) -> str:
    """Return the text of the draft."""
    found = visited.app.extensions["knxgw"].drafts.of("owner")
    assert found is not None
    return str(found.text)


def beside(page: str, name: str) -> str:
    """Return what stands beside a field."""
    found = re.search(rf'id="said:{re.escape(name)}">(.*?)</span></div>', page)
    assert found is not None, name
    return unescape(re.sub("<[^>]*>", " ", found[1])).strip()


# --- one mistake does not lock the table


@pytest.mark.proves("W44")
@pytest.mark.parametrize("typed", WRONG)
def test_a_wrong_address_stays_in_the_table_with_its_finding(visited: Website, typed: str) -> None:
    answer = visited.post(TABLE, **{OBJECT: typed})
    assert answer.status_code == 200, answer.headers.get("Location")
    for page in (answer.get_data(as_text=True), visited.get(TABLE)):
        assert linked(page)[60] == typed
        assert linked(page)[61] == "1/1/61"
        assert "group address" in beside(page, OBJECT)
        assert re.search(rf'id="{re.escape(OBJECT)}"[^>]* aria-invalid="true"', page)
        assert f'<a href="#{OBJECT}">' in page, "the list leads there"
    mended = visited.post(TABLE, **{OBJECT: "1/1/62"})
    assert mended.headers["Location"] == "/config/draft"
    assert values_of(draft(visited))["group_objects"]["60"] == ["1/1/62"]


@pytest.mark.proves("W44")
def test_a_wrong_address_leads_whoever_came_from_the_wizard_back_to_the_table(
    visited: Website,
) -> None:
    answer = visited.post(TABLE, then="wizard", **{OBJECT: "32/1/1"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert 'name="then" value="wizard"' in page
    mended = visited.post(TABLE, then="wizard", **{OBJECT: "1/1/60"})
    assert mended.headers["Location"] == "/wizard/knx"


@pytest.mark.proves("W44")
def test_errors_elsewhere_leave_the_table_and_are_counted(own: Own, visited: Website) -> None:
    before = linked(visited.get(TABLE))
    own.text = edited(own.text, {("charging_points", 0, "maximum_a"): 99})
    page = visited.get(TABLE)
    assert linked(page) == before
    assert "1 error in other parts of the configuration" in page
    assert visited.post(TABLE, **{OBJECT: "1/2/60"}).headers["Location"] == "/config/draft"
    assert values_of(draft(visited))["group_objects"]["60"] == ["1/2/60"]


def test_a_draft_with_errors_gives_no_file_for_ets(visited: Website) -> None:
    visited.post(TABLE, **{OBJECT: "32/1/1"})
    answer = visited.browser.get(f"{TABLE}/export?format=ets-csv")
    assert answer.status_code == 409
    assert "The draft has errors" in answer.get_data(as_text=True)
    assert "/config/objects/export" not in visited.get(TABLE)


def test_planning_leaves_a_wrong_address_to_whoever_typed_it(visited: Website) -> None:
    visited.post(TABLE, **{OBJECT: "32/1/1"})
    assert visited.post(f"{TABLE}/plan").status_code == 303
    after = linked(visited.get(TABLE))
    assert after.pop(60) == "32/1/1"
    assert "" not in after.values()


@pytest.mark.proves("W47")
def test_the_wizard_counts_the_objects_of_a_draft_with_a_wrong_address(visited: Website) -> None:
    def counted() -> tuple[int, int]:
        found = re.search(r"(\d+) of (\d+) group objects", visited.get("/wizard/knx"))
        assert found is not None
        return int(found[1]), int(found[2])

    with_address, every = counted()
    assert every == len(linked(visited.get(TABLE)))
    visited.post(TABLE, **{OBJECT: "32/1/1"})
    assert counted() == (with_address - 1, every)


# --- while somebody types


@pytest.mark.proves("W62")
@pytest.mark.parametrize("typed", WRONG)
def test_what_is_wrong_is_said_at_its_field_while_it_is_typed(visited: Website, typed: str) -> None:
    page = OpenPage(visited, TABLE)
    found = page.check({OBJECT: typed})
    assert found["fields"][OBJECT][0]["tone"] == "bad"
    assert [one["name"] for one in found["lines"]] == [OBJECT]
    assert found["kept"]
    right = page.check({OBJECT: "1/2/60"})
    assert (right["lines"], right["errors"]) == ([], 0)
    assert values_of(draft(visited))["group_objects"]["60"] == ["1/2/60"]


@pytest.mark.proves("W62")
def test_an_address_that_is_given_twice_or_taken_is_said_while_it_is_typed(
    visited: Website,
) -> None:
    page = OpenPage(visited, TABLE)

    def said(typed: str) -> str:
        return " / ".join(one["text"] for one in page.check({OBJECT: typed})["fields"][OBJECT])

    assert "1/2/60 is given twice" in said("1/2/60, 1/2/60")
    assert "1/1/61 also at 61" in said("1/1/61")
    assert "5/1 is 5/0/1" in said("5/1"), "of two levels it is an address, but which?"
    assert "changed in the draft" in said("1/2/60")
    assert OBJECT not in page.check({OBJECT: "1/1/60"})["fields"]


@pytest.mark.parametrize(
    ("typed", "addresses"),
    [
        ("1/1/1, 1/1/2", ["1/1/1", "1/1/2"]),
        ("1/1/1;1/1/2\r\n1/1/3\n", ["1/1/1", "1/1/2", "1/1/3"]),
        ("1/1/1 1/1/2", ["1/1/1", "1/1/2"]),
        ("  1/1/1  ", ["1/1/1"]),
        ("5 1 53", ["5 1 53"]),
        ("1/1/1 53", ["1/1/1 53"]),
        ("1 / 1 / 53", ["1 / 1 / 53"]),
        ("5 1 53, 1/1/1", ["5 1 53", "1/1/1"]),
        (" , ;", []),
        ("", []),
    ],
)
def test_spaces_separate_addresses_only_where_each_piece_is_one(
    typed: str, addresses: list[str]
) -> None:
    assert split_addresses(typed) == addresses


def test_an_address_with_spaces_is_one_mistake_and_not_three_addresses(visited: Website) -> None:
    answer = visited.post(TABLE, **{OBJECT: "5 1 53"})
    page = answer.get_data(as_text=True)
    assert linked(page)[60] == "5 1 53"
    assert "'5 1 53' is not a group address" in beside(page, OBJECT)
    assert values_of(draft(visited))["group_objects"]["60"] == ["5 1 53"]
