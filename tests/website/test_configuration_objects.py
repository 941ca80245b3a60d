"""Group addresses of the configuration: typed in a table, exported for ETS, taken from ETS once chosen."""

import csv
import io
import re
from collections.abc import Iterator
from html import unescape

import pytest

from knxgw.config.edit_yaml import values_of
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, website
from tests.website.test_configuration_forms import EXAMPLES
from tests.website.test_pages import POINT

HOME = next(path for path in EXAMPLES if path.stem == "one-charger-at-home")


@pytest.fixture
def own() -> Own:
    return Own(HOME.read_text(encoding="utf-8"))


@pytest.fixture
def visited(own: Own) -> Iterator[Website]:
    with website(lambda _language: site(POINT), device=own.control()) as found:
        yield found


def linked(page: str) -> dict[int, str]:
    """Return the addresses in the table by the number of the group object."""
    found = re.findall(r'name="group_objects\.(\d+)" value="([^"]*)"', page)
    return {int(number): addresses for number, addresses in found}


def draft(visited: Website) -> str:
    """Return the text of the draft."""
    page = visited.get("/config/draft")
    area = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert area is not None
    return unescape(area.group(1))


def test_addresses_that_are_typed_change_their_line_of_the_draft_only(
    own: Own, visited: Website
) -> None:
    page = visited.get("/config/objects")
    typed = {f"group_objects.{number}": text for number, text in linked(page).items()}
    assert typed["group_objects.60"] == "1/1/60"
    typed |= {"group_objects.60": "1/2/60, 1/2/61", "group_objects.61": ""}
    assert visited.post("/config/objects", **typed).headers["Location"] == "/config/draft"
    changed = visited.get("/config/draft")
    assert [line.split("#")[0].strip() for line in re.findall(r"<ins>\+ (.*?)</ins>", changed)] == [
        "60: [1/2/60, 1/2/61]"
    ]
    assert len(re.findall(r"<del>", changed)) == 2
    assert values_of(draft(visited))["group_objects"].keys() == (
        values_of(own.text)["group_objects"].keys() - {"61"}
    )


def test_group_objects_that_there_are_not_stand_with_their_reason(visited: Website) -> None:
    page = unescape(visited.get("/config/objects"))
    missing = page.split("Group objects that there are not")[1]
    assert "exists only" in missing or "does not supply" in missing


@pytest.mark.parametrize("kind", ["ets-csv", "ets-xml"])
def test_what_is_exported_has_every_group_object_of_the_draft(visited: Website, kind: str) -> None:
    numbers = set(linked(visited.get("/config/objects")))
    answer = visited.browser.get(f"/config/objects/export?format={kind}&main=4")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    text = answer.get_data().decode("utf-8-sig")
    said = {
        int(number)
        for numbers in re.findall(r"Group objects? ([\d, ]+)", text)
        for number in numbers.split(", ")
    }
    assert said == numbers
    if kind == "ets-csv":
        rows = list(csv.reader(io.StringIO(text), delimiter=";"))
        assert rows[0][:4] == ["Main", "Middle", "Sub", "Address"]


def test_a_range_without_room_is_said_with_its_remedy(visited: Website) -> None:
    for wish, words in (
        ("main=99", "0 to 31"),
        ("main=4&middle=8", "0 to 7"),
        ("main=x", "0 to 31"),
    ):
        answer = visited.browser.get(f"/config/objects/export?format=ets-csv&{wish}")
        assert answer.status_code == 409
        assert words in answer.get_data(as_text=True)


def test_every_group_object_gets_an_address_that_the_export_names_too(visited: Website) -> None:
    before = linked(visited.get("/config/objects"))
    assert "" in before.values()
    assert visited.post("/config/objects/plan").status_code == 303
    after = linked(visited.get("/config/objects"))
    assert "" not in after.values()
    assert {number: text for number, text in after.items() if before[number]} == {
        number: text for number, text in before.items() if text
    }
    exported = visited.browser.get("/config/objects/export?format=ets-csv").get_data(as_text=True)
    assert all(f'"{text.split(", ")[0]}"' in exported for text in after.values())


def test_addresses_for_the_draft_are_taken_where_they_are_wanted(visited: Website) -> None:
    page = visited.get("/config/objects")
    form = page.split('<form method="get" action="/config/objects/export"')[1].split("</form>")[0]
    assert 'name="main"' in form
    assert 'formmethod="post" formaction="/config/objects/plan" name="csrf"' in form
    before = linked(page)
    assert visited.post("/config/objects/plan", main="7").status_code == 303
    after = linked(visited.get("/config/objects"))
    given = [text.split(", ")[0] for number, text in after.items() if not before[number]]
    assert given
    assert all(text.startswith("7/") for text in given)


@pytest.mark.proves("W49")
@pytest.mark.parametrize("kind", ["csv", "xml"])
def test_a_list_that_ets_exports_is_proposed_and_only_what_is_chosen_is_taken(
    own: Own, visited: Website, kind: str
) -> None:
    exported = visited.browser.get(f"/config/objects/export?format=ets-{kind}").get_data()
    own.text = own.text[: own.text.index("group_objects:")]
    file = (io.BytesIO(exported), f"addresses.{kind}")
    answer = visited.browser.post(
        "/config/objects/import", data={"csrf": visited.csrf, "file": file}
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200, page
    offered = re.findall(r'name="take" value="(\d+=[^"]*)"[^>]*>', page)
    sure = re.findall(r'name="take" value="(\d+=[^"]*)"[^>]* checked>', page)
    assert len(offered) >= len(sure) > 10, "our own names come back"
    assert 'aria-label="55 Charging point 1: Interruption: 1/1/55"' in page
    chosen = sure[:3]
    assert len(chosen) == 3
    assert "group_objects" not in visited.get("/config"), "nothing is taken unseen"
    taken = visited.browser.post(
        "/config/objects/take", data={"csrf": visited.csrf, "take": chosen}
    )
    assert taken.status_code == 303
    links = values_of(draft(visited))["group_objects"]
    assert {f"{number}={', '.join(addresses)}" for number, addresses in links.items()} == set(
        chosen
    )


@pytest.mark.proves("W49")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ""),
        (b"PK\x03\x04 no archive", "project"),
        (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", ""),
        (b"\x00\x01\x02", ""),
    ],
    ids=["empty", "no archive", "entities", "no text"],
)
def test_a_file_that_is_none_of_ets_is_refused_with_words(
    visited: Website, content: bytes, words: str
) -> None:
    answer = visited.browser.post(
        "/config/objects/import",
        data={"csrf": visited.csrf, "file": (io.BytesIO(content), "a.knxproj")},
    )
    assert answer.status_code == 409
    page = unescape(answer.get_data(as_text=True))
    assert 'role="alert"' in page
    assert words in page


def test_a_text_without_keys_has_no_table_and_says_why(own: Own, visited: Website) -> None:
    own.text = "device: [\n"
    page = visited.get("/config/objects")
    assert "The draft has errors" in page
    assert 'href="/config/draft"' in page


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_a_device_that_is_not_configured_is_not_said_to_have_errors(
    own: Own, visited: Website, text: str
) -> None:
    own.text = text
    page = visited.get("/config/objects")
    assert "There are no charging points yet" in page
    assert "has errors" not in page
    assert 'href="/wizard"' in page
    assert 'href="/config/form/charging_points/1"' in page


def test_an_address_of_several_objects_says_whose_it_is_too(own: Own, visited: Website) -> None:
    own.text = own.text[: own.text.index("group_objects:")] + (
        "group_objects: {55: [4/1/55, 4/0/55], 56: [4/0/55], 60: [4/1/60]}\n"
    )
    page = visited.get("/config/objects")
    rows = dict(re.findall(r'id="said:group_objects\.(\d+)">(.*?)</td>', page))
    assert "4/0/55 also at 56" in rows["55"]
    assert "4/0/55 also at 55" in rows["56"]
    assert "<span" not in rows["60"]
    visited.post("/config/objects", **{"group_objects.60": "4/1/61"})
    page = visited.get("/config/objects")
    rows = dict(re.findall(r'id="said:group_objects\.(\d+)">(.*?)</td>', page))
    assert "changed in the draft" in rows["60"]
    assert "changed" not in rows["55"]
