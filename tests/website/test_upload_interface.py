"""A file that is larger than a form may be comes in parts, through the website."""

import io
import json
import random
from collections.abc import Iterator
from hashlib import sha256
from html import unescape
from http.client import HTTPConnection
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from knxgw.ets.child_process import PYTHON_VARIABLE
from knxgw.website.access.roles import Role
from knxgw.website.security import LARGEST_BODY
from knxgw.website.uploads import LOOK_S, Limits
from tests.ets.projects import ID as PROJECT_ID
from tests.ets.projects import Address, Device, Object, Project, documents
from tests.ets.projects import archive as zipped
from tests.peers.environments import ETS
from tests.peers.peer import require
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, served, website
from tests.website.test_configuration_forms import EXAMPLES
from tests.website.test_pages import POINT
from tests.website.test_uploads import open_files

UPLOADS = "/api/v1/uploads"
PART = Limits().part
HOME = next(path for path in EXAMPLES if path.stem == "one-charger-at-home")
LIST_HEAD = (
    '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n'
    '<GroupAddress-Export xmlns="http://knx.org/xml/ga-export/01">'
    '<GroupRange Name="House" RangeStart="1" RangeEnd="65535">\n'
)
LINE = '<GroupAddress Name="{name}" Address="{address}" Description="{more}" DPTs="{dpt}" />\n'


def large_list(count: int = 9000) -> bytes:
    """Return a list of group addresses of a large house; one of them is of the charging point."""
    lines = [
        LINE.format(
            name=f"Blind {number}",
            address=f"{number >> 11}/{number >> 8 & 7}/{number & 255}",
            more=f"in the room of the {number}th window, to the south " * 2,
            dpt="DPST-1-8",
        )
        for number in range(1, count)
    ]
    mine = LINE.format(
        name="Charging point 1: Interruption", address="31/0/5", more="", dpt="DPST-1-1"
    )
    return (LIST_HEAD + "".join(lines) + mine + "</GroupRange></GroupAddress-Export>").encode()


def large_project() -> bytes:
    """Return a project with the pictures of a manufacturer, which nobody reads."""
    public, private = documents(
        Project(
            devices=[Device(address=20, objects=[Object(number=55, links=["1/0/55"])])],
            addresses=[Address(address="1/0/55", name="Interruption", dpt="DPST-1-1")],
        )
    )
    picture = random.Random(7).randbytes(3 << 19)  # noqa: S311 - it only has to be incompressible
    members = {f"{PROJECT_ID}/{name}": text for name, text in private.items()}
    return zipped(public | members | {"M-00FA/Baggages/picture.bin": picture})


class Sender:
    """A browser that sends files in parts."""

    def __init__(self, browser: Website) -> None:
        self.website = browser

    @property
    def headers(self) -> dict[str, str]:
        return {"X-CSRF-Token": self.website.csrf}

    def begin(self, size: int) -> TestResponse:
        return self.website.browser.post(UPLOADS, json={"size": size}, headers=self.headers)

    def part(self, upload_id: str, offset: int, part: bytes) -> TestResponse:
        return self.website.browser.put(
            f"{UPLOADS}/{upload_id}?offset={offset}",
            data=part,
            headers=self.headers,
            content_type="application/octet-stream",
        )

    def look(self, upload_id: str) -> TestResponse:
        return self.website.browser.get(f"{UPLOADS}/{upload_id}")

    def finish(self, upload_id: str, digest: str) -> TestResponse:
        return self.website.browser.post(
            f"{UPLOADS}/{upload_id}/finish", json={"sha256": digest}, headers=self.headers
        )

    def send(self, content: bytes) -> str:
        """Send a whole file; return its id."""
        began = self.begin(len(content))
        assert began.status_code == 201, began.get_data(as_text=True)
        upload_id, size = began.get_json()["id"], began.get_json()["part"]
        for offset in range(0, len(content), size):
            answer = self.part(upload_id, offset, content[offset : offset + size])
            assert answer.status_code == 200, answer.get_data(as_text=True)
        assert self.finish(upload_id, sha256(content).hexdigest()).status_code == 204
        return str(upload_id)


@pytest.fixture
def visited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Website]:
    """Give a website; at its end its folder of temporary files is as empty as at the beginning."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    own = Own(HOME.read_text(encoding="utf-8"))
    with website(lambda _language: site(POINT), device=own.control()) as found:
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        yield found
        assert list(folder.iterdir()) == [], "nothing is left, and nothing ever had a name"
        monkeypatch.undo()


@pytest.fixture
def sender(visited: Website) -> Sender:
    return Sender(visited)


def imported(visited: Website, upload_id: str, name: str) -> TestResponse:
    return visited.post("/config/objects/import", upload=upload_id, file_name=name)


@pytest.mark.proves("W49", "W65")
def test_a_large_list_from_ets_is_shown_as_a_small_one_is(visited: Website, sender: Sender) -> None:
    content = large_list()
    assert len(content) > 1 << 20
    upload_id = sender.send(content)
    answer = imported(visited, upload_id, "house.\u202exml")
    page = unescape(answer.get_data(as_text=True))
    assert answer.status_code == 200, page
    assert "Found in house.xml" in page
    assert "55=31/0/5" in page
    again = imported(visited, upload_id, "house.xml")
    assert again.status_code == 409
    assert "has forgotten the upload" in again.get_data(as_text=True)


@pytest.mark.proves("W49", "W65")
@pytest.mark.real
def test_a_large_project_from_ets_is_shown_as_well(
    visited: Website, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(ETS)
    monkeypatch.setenv(PYTHON_VARIABLE, str(ETS.python))
    content = large_project()
    assert len(content) > 1 << 20
    answer = imported(visited, sender.send(content), "house.knxproj")
    page = unescape(answer.get_data(as_text=True))
    assert answer.status_code == 200, page
    assert "55=1/0/55" in page


@pytest.mark.proves("W65")
def test_a_part_at_a_wrong_offset_is_told_the_right_one(sender: Sender) -> None:
    upload_id = sender.begin(30).get_json()["id"]
    assert sender.part(upload_id, 0, b"x" * 10).get_json()["received"] == 10
    for offset in (0, 20):
        answer = sender.part(upload_id, offset, b"x" * 10)
        assert answer.status_code == 409
        assert answer.mimetype == "application/problem+json"
        assert (answer.get_json()["why"], answer.get_json()["received"]) == ("wrong_offset", 10)
    reported = sender.look(upload_id).get_json()
    assert reported == {"id": upload_id, "received": 10, "size": 30, "part": PART}
    assert sender.finish(upload_id, "0" * 64).get_json()["why"] == "not_complete"


@pytest.mark.proves("W10", "W65")
def test_a_part_above_the_bound_is_refused(sender: Sender) -> None:
    upload_id = sender.begin(1 << 20).get_json()["id"]
    for size in (PART + 1, LARGEST_BODY, LARGEST_BODY + 1):
        assert sender.part(upload_id, 0, bytes(size)).status_code == 413
    assert sender.look(upload_id).get_json()["received"] == 0
    assert sender.part(upload_id, 0, bytes(PART)).status_code == 200


@pytest.mark.proves("W65")
def test_a_wrong_sum_is_refused_and_nothing_is_there_any_more(
    visited: Website, sender: Sender
) -> None:
    upload_id = sender.begin(10).get_json()["id"]
    sender.part(upload_id, 0, b"x" * 10)
    answer = sender.finish(upload_id, "0" * 64)
    assert (answer.status_code, answer.get_json()["why"]) == (422, "wrong_sum")
    assert "as it is on your computer" in answer.get_json()["detail"]
    assert sender.look(upload_id).status_code == 404
    assert imported(visited, upload_id, "a.xml").status_code == 409


@pytest.mark.proves("W06", "W65")
def test_without_the_token_no_upload_begins_and_none_goes_on(
    visited: Website, sender: Sender
) -> None:
    browser = visited.browser
    upload_id = sender.begin(10).get_json()["id"]
    path = f"{UPLOADS}/{upload_id}"
    for answer in (
        browser.post(UPLOADS, json={"size": 10}),
        browser.put(f"{path}?offset=0", data=b"x" * 10, content_type="application/octet-stream"),
        browser.post(f"{path}/finish", json={"sha256": "0" * 64}),
        browser.delete(path),
    ):
        assert answer.status_code == 403
    assert sender.look(upload_id).get_json()["received"] == 0


@pytest.mark.proves("W12", "W65")
def test_another_account_neither_sees_nor_continues_nor_takes_an_upload(
    visited: Website, sender: Sender
) -> None:
    guest = Sender(visited.guest(Role.ADMINISTRATOR))
    upload_id = sender.send(b"<a/>")
    assert guest.look(upload_id).status_code == 404
    assert guest.part(upload_id, 4, b"x").status_code == 404
    assert guest.finish(upload_id, "0" * 64).status_code == 404
    deleted = guest.website.browser.delete(f"{UPLOADS}/{upload_id}", headers=guest.headers)
    assert deleted.status_code == 204
    page = imported(guest.website, upload_id, "a.xml").get_data(as_text=True)
    assert "has forgotten the upload" in page
    assert sender.look(upload_id).get_json()["received"] == 4


@pytest.mark.proves("W12", "W65")
@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_only_those_who_may_configure_upload(visited: Website, role: Role) -> None:
    assert Sender(visited.guest(role)).begin(10).status_code == 403


@pytest.mark.proves("W65")
def test_a_log_off_ends_an_upload_at_once(visited: Website, sender: Sender) -> None:
    upload_id = sender.begin(10).get_json()["id"]
    assert list(visited.uploads._uploads) == [upload_id]
    visited.post("/logout")
    assert not visited.uploads._uploads


@pytest.mark.proves("W65")
def test_a_session_that_was_ended_elsewhere_takes_its_upload_along(
    visited: Website, sender: Sender
) -> None:
    other = visited.another()
    visited.clock.now_s += 100
    other.log_in("a sentence of our own")
    sender.begin(10)
    token = other.browser.get_cookie(visited.bridge.reach.cookie)
    assert token is not None
    visited.accounts.end_sessions(token.value, address="192.168.1.9")
    visited.clock.now_s += LOOK_S
    visited.uploads.look()
    assert not visited.uploads._uploads


@pytest.mark.parametrize("size", [None, "10", 1.5, 0, -1, (64 << 20) + 1])
def test_a_size_that_is_none_or_too_large_is_refused(sender: Sender, size: object) -> None:
    answer = sender.begin(size)  # type: ignore[arg-type]  # whatever a program sends
    is_large = isinstance(size, int) and size > 0
    assert answer.status_code == (413 if is_large else 400)
    if is_large:
        assert "at most 64 MiB" in answer.get_json()["detail"]


def test_refusals_are_said_in_the_language_of_the_page(visited: Website, sender: Sender) -> None:
    headers = {**sender.headers, "Accept-Language": "de"}
    answer = visited.browser.post(UPLOADS, json={"size": 65 << 20}, headers=headers)
    assert "Datei" in answer.get_json()["detail"]


@pytest.mark.proves("W65")
def test_without_scripts_a_small_file_comes_in_the_form_and_the_page_says_how_small(
    visited: Website,
) -> None:
    page = visited.get("/config/objects")
    assert "Without the scripts of this page a file has at most 124 KiB" in page
    assert "knxgw import-ets" in page
    content = large_list(700)
    assert 100 * 1024 < len(content) < 124 * 1024
    answer = visited.browser.post(
        "/config/objects/import",
        data={"csrf": visited.csrf, "file": (io.BytesIO(content), "a.xml")},
    )
    assert answer.status_code == 200
    assert "55=31/0/5" in answer.get_data(as_text=True)


@pytest.mark.proves("W65")
@pytest.mark.real
def test_with_the_real_server_a_part_passes_and_at_its_end_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with served(tmp_path, lambda _language: site(POINT)) as (visited, port):
        cookie = visited.browser.get_cookie(visited.bridge.reach.cookie)
        assert cookie is not None
        headers = {"Cookie": f"knxgw_{port}={cookie.value}", "X-CSRF-Token": visited.csrf}
        browser = HTTPConnection("127.0.0.1", port, timeout=5)
        as_json = {**headers, "Content-Type": "application/json"}
        browser.request("POST", UPLOADS, json.dumps({"size": 2 * PART}), as_json)
        upload_id = json.load(browser.getresponse())["id"]
        browser.request("PUT", f"{UPLOADS}/{upload_id}?offset=0", bytes(PART), headers)
        assert json.load(browser.getresponse())["received"] == PART
        assert any(one.startswith(str(folder)) for one in open_files())
        browser.close()
    assert not any(one.startswith(str(folder)) for one in open_files())
    assert list(folder.iterdir()) == []
