"""Projects from ETS on the website: protected ones, several devices, secured addresses, a reading that is stopped."""

import io
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from knxgw.config.edit_yaml import values_of
from knxgw.ets.child_process import PYTHON_VARIABLE
from knxgw.website.access.roles import Role
from knxgw.website.ets_reading import KEPT_S, MOST_READINGS, Question, Reading, Readings
from knxgw.website.uploads import Uploads
from tests.ets.projects import (
    OTHER_APPLICATION,
    Address,
    Device,
    Object,
    Project,
    documents,
    knxproj,
    zip_crypto,
)
from tests.peers.environments import ETS
from tests.peers.peer import require
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Clock, Website, website
from tests.website.test_configuration_forms import EXAMPLES
from tests.website.test_configuration_objects import draft
from tests.website.test_pages import POINT
from tests.website.test_upload_interface import Sender, large_list

HERE = "/config/objects/import"
HOME = next(path for path in EXAMPLES if path.stem == "one-charger-at-home")
HEAD = HOME.read_text(encoding="utf-8").partition("group_objects:")[0].replace("14.056", "9.024")
PASSWORD, WRONG = "of the project", "of another one"
ADDRESSES = (
    Address(address="1/0/1", name="Interruption", dpt="DPST-1-2"),
    Address(address="1/0/2", name="Central"),
    Address(address="1/0/3", name="Power", dpt="DPST-14-56", is_secured=True),
    Address(address="1/0/4", name="Elsewhere"),
)
OURS = Device(
    address=5,
    objects=[
        Object(number=55, links=["1/0/1", "1/0/2"], flags="C-WTU-"),
        Object(number=66, links=["1/0/3"], dpt="DPST-14-56", size="4 Bytes"),
        Object(number=57, links=["1/0/2"]),
    ],
)
DIMMER = Device(
    address=6,
    name="Dimmer",
    application=OTHER_APPLICATION,
    objects=[Object(number=1, links=["1/0/2"], dpt="DPST-9-1", size="2 Bytes")],
)
STAND_IN = Device(
    address=7,
    name="Stand-in",
    application=OTHER_APPLICATION,
    objects=[Object(number=55, links=["1/0/1"], dpt="DPST-1-2")],
)


@pytest.fixture(autouse=True)
def library_is_there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let projects be read with the Python that has xknxproject; skip their tests where there is none."""
    if request.node.get_closest_marker("real"):
        require(ETS)
    monkeypatch.setenv(PYTHON_VARIABLE, str(ETS.python))


@pytest.fixture
def own() -> Own:
    return Own(HEAD + "group_objects: {55: [4/1/55], 94: [4/1/94]}\n")


@pytest.fixture
def visited(own: Own) -> Iterator[Website]:
    with website(lambda _language: site(POINT), device=own.control()) as found:
        yield found


def project(*devices: Device) -> Project:
    return Project(devices=devices, addresses=ADDRESSES)


def nameless(*devices: Device) -> Project:
    """Return a project whose group addresses say nothing."""
    addresses = tuple(replace(one, name=f"GA {i}") for i, one in enumerate(ADDRESSES))
    return Project(devices=devices, addresses=addresses)


def shown(visited: Website, answer: TestResponse) -> str:
    """Return the page of a file that was sent, once it has been read."""
    reading = visited.readings.of(owner(visited))
    if reading is not None:
        assert reading.ended.wait(60)
    if answer.status_code == 303:
        assert answer.headers["Location"].startswith(HERE)
        answer = visited.browser.get(HERE)
    return unescape(answer.get_data(as_text=True))


def owner(visited: Website) -> str:
    """Return the name of the account."""
    cookie = visited.browser.get_cookie(visited.bridge.reach.cookie)
    assert cookie is not None
    found = visited.accounts.session_of(cookie.value)
    assert found is not None
    return found.account


def sent(visited: Website, data: bytes, name: str = "house.knxproj", **form: str) -> str:
    """Send a file in a form; return the page that shows it."""
    given = {"csrf": visited.csrf, "file": (io.BytesIO(data), name), **form}
    return shown(visited, visited.browser.post(HERE, data=given))


def taken(page: str) -> dict[str, bool]:
    """Return what can be taken, and whether it is chosen already."""
    found = re.findall(r'name="(?:take|type|name)" value="([^"]*)"[^>]*?( checked)?>', page)
    return {value: bool(checked) for value, checked in found}


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found.group(1)


@pytest.mark.proves("W49")
@pytest.mark.real
def test_after_a_wrong_password_the_file_need_not_be_sent_again(own: Own, visited: Website) -> None:
    _, private = documents(project(OURS))
    data = knxproj(project(OURS), zip_crypto(private, PASSWORD.encode()))
    page = sent(visited, data)
    assert "house.knxproj: is protected by a password; type the password" in page
    assert "--" not in re.sub(r"<!--.*?-->|<[^>]*>", "", page), "no option of a command"
    upload_id = hidden(page, "upload")
    again = {"upload": upload_id, "file_name": "house.knxproj"}
    page = shown(visited, visited.post(HERE, password=WRONG, **again))
    assert "cannot be opened with this password" in page
    assert hidden(page, "upload") == upload_id
    assert WRONG not in page, "a password is not shown again"
    page = shown(visited, visited.post(HERE, password=PASSWORD, **again))
    assert "Found in house.knxproj" in page
    assert taken(page)["55=1/0/1, 1/0/2"]
    assert not visited.uploads._uploads, "nothing is left of it"
    answer = visited.post(HERE, **again)
    assert "has forgotten the upload" in unescape(answer.get_data(as_text=True))


@pytest.mark.proves("W49")
@pytest.mark.real
def test_a_large_protected_project_is_sent_in_parts_once(visited: Website) -> None:
    _, private = documents(project(OURS))
    data = knxproj(project(OURS), zip_crypto(private, PASSWORD.encode()))
    upload_id = Sender(visited).send(data)
    again = {"upload": upload_id, "file_name": "house.knxproj"}
    assert "protected" in shown(visited, visited.post(HERE, **again))
    assert "Found in" in shown(visited, visited.post(HERE, password=PASSWORD, **again))


@pytest.mark.proves("W49")
@pytest.mark.parametrize(("length", "offered"), [(30, True), (31, False)])
def test_a_middle_group_whose_name_no_charging_point_can_have_is_not_offered_as_one(
    visited: Website, length: int, *, offered: bool
) -> None:
    name = "Wallbox 1 in the garage".ljust(length, "x")
    rows = [
        '"Main";"Middle";"Sub";"Address";"DatapointType"',
        '"Charging";"";"";"1/-/-";""',
        f'"";"{name}";"";"1/1/-";""',
        '"";"";"Interruption";"1/1/1";"DPST-1-2"',
        '"";"";"Interruption – state";"1/1/2";"DPST-1-11"',
    ]
    page = sent(visited, "\r\n".join(rows).encode(), "addresses.csv")
    assert '"55=1/1/1"' in page
    assert (f"1.name={name}" in page) is offered


@pytest.mark.proves("W49")
@pytest.mark.real
@pytest.mark.parametrize("name", ["Charging point 1", "Ladepunkt 1"])
def test_a_charging_point_that_nobody_has_named_has_no_name_yet_in_any_language(
    visited: Website, own: Own, name: str
) -> None:
    own.text = own.text.replace("name: Wallbox", f"name: {name}")
    page = sent(visited, knxproj(project(OURS)))
    assert (
        "Name of charging point 1: “Garage” as its middle group in ETS (it has no name yet)" in page
    )


@pytest.mark.proves("W49")
@pytest.mark.real
def test_what_a_device_links_stands_once_with_number_difference_and_what_there_was(
    visited: Website,
) -> None:
    page = sent(visited, knxproj(project(OURS, DIMMER)))
    assert "Links of device 1.0.5 (EV gateway, KNX Association): this gateway." in page
    assert page.count("Charging point 1: Interruption<") == 1
    assert "Power</td>" in page, "what the address is called in ETS"
    assert "taken: 1/0/1" not in page
    assert "until now: 4/1/55" in page
    assert "in the draft these stay as they are: 94: 4/1/94" in page
    assert taken(page) == {
        "55=1/0/1, 1/0/2": True,
        "66=1/0/3": True,
        "1.dpt.power=14.056": True,
        "1.name=Garage": False,
    }
    assert (
        "Name of charging point 1: “Garage” as its middle group in ETS (instead of “Wallbox”)"
        in page
    )
    assert "Datapoint type of powers: 14.056 as in ETS, instead of 9.024" in page


@pytest.mark.proves("W49")
@pytest.mark.real
def test_datapoint_types_are_taken_where_they_are_chosen(visited: Website) -> None:
    page = sent(visited, knxproj(project(OURS)))
    form = {"csrf": visited.csrf, "take": [one for one in taken(page) if one[:2] in ("55", "66")]}
    answer = visited.browser.post("/config/objects/take", data=form)
    assert answer.headers["Location"] == "/config/draft"
    (point,) = values_of(draft(visited))["charging_points"]
    assert (point["name"], point["dpt"]["power"]) == ("Wallbox", "9.024")
    assert visited.browser.get(HERE).status_code == 303, "what was read is forgotten"
    form["type"] = ["1.dpt.power=14.056", "1.model=keba_p30", "9.dpt.power=14.056", "x", "1.name="]
    form["name"] = ["1.name=Garage"]
    visited.browser.post("/config/objects/take", data=form)
    values = values_of(draft(visited))
    (point,) = values["charging_points"]
    assert (point["name"], point["model"]) == ("Garage", "keba_p30")
    assert point["dpt"]["power"] == "14.056"
    assert len(values["charging_points"]) == 1
    assert values["group_objects"]["66"] == ["1/0/3"]


@pytest.mark.proves("W49")
@pytest.mark.real
def test_secured_group_addresses_ask_for_the_keyring(visited: Website) -> None:
    page = sent(visited, knxproj(project(OURS)))
    assert "secured in ETS: 1/0/3" in page
    assert "without the keyring of the project" in page
    assert 'href="/config/keyring"' in page
    plain = Device(address=5, objects=[Object(number=55, links=["1/0/1"])])
    assert "/config/keyring" not in sent(visited, knxproj(project(plain)))


@pytest.mark.proves("W49")
@pytest.mark.real
def test_a_keyring_that_cannot_be_read_is_said(own: Own, visited: Website) -> None:
    own.text = own.text.replace(
        "knx:", "knx:\n  keyring: /nowhere.knxkeys\n  keyring_password_file: /nowhere"
    )
    page = sent(visited, knxproj(project(OURS)))
    assert "secured in ETS: 1/0/3" in page
    assert re.search(r'data-tone="bad">[^<]*nowhere', page)


@pytest.mark.proves("W49")
@pytest.mark.real
def test_the_device_is_chosen_from_a_list_and_the_file_is_not_read_again(
    visited: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = sent(visited, knxproj(nameless(DIMMER, STAND_IN)))
    assert "has neither this gateway" in page
    assert "“To ETS”" in page
    assert re.findall(r'name="device" value="([^"]*)"', page) == ["1.0.6", "1.0.7"]
    assert "1.0.7 Stand-in, Siemens, 1 linked group object" in page
    monkeypatch.setenv(PYTHON_VARIABLE, "/nowhere")
    answer = visited.post(f"{HERE}/device", device="1.0.6")
    assert answer.status_code == 409
    page = unescape(answer.get_data(as_text=True))
    assert "no linked group object of device 1.0.6 fits" in page
    assert "its datapoint type in ETS is 9.001" in page
    assert not taken(page)
    answer = visited.post(f"{HERE}/device", device="1.0.7")
    page = unescape(answer.get_data(as_text=True))
    assert answer.status_code == 200
    assert "Links of device 1.0.7 (Stand-in, Siemens): chosen by you." in page
    assert taken(page) == {"55=1/0/1": True}
    assert "Read as another device" in page


@pytest.mark.proves("W49")
@pytest.mark.real
def test_of_several_gateways_one_is_chosen(visited: Website) -> None:
    second = Device(address=9, objects=[Object(number=55, links=["1/0/4"])])
    page = sent(visited, knxproj(project(OURS, second)))
    assert "has several devices that may be this gateway: 1.0.5, 1.0.9; choose one of them" in page
    answer = visited.post(f"{HERE}/device", device="1.0.9")
    assert taken(unescape(answer.get_data(as_text=True))) == {"55=1/0/4": True}
    answer = visited.post(f"{HERE}/device", device="1.0.99")
    assert "has no device 1.0.99; choose one of the following" in answer.get_data(as_text=True)


@pytest.mark.proves("W49")
def test_addresses_that_fit_as_well_are_named_up_to_a_number(visited: Website) -> None:
    lines = "".join(
        f'"Wallbox 1 Leistung";"1/0/{i}";"";"";"";"DPST-9-24";""\r\n' for i in range(1, 9)
    )
    head = (
        '"Group name";"Address";"Central";"Unfiltered";"Description";"DatapointType";"Security"\r\n'
    )
    page = sent(visited, (head + lines).encode(), "house.csv")
    assert taken(page) == {"66=1/0/1": False}
    assert "also fits: 1/0/2 Wallbox 1 Leistung, 1/0/3" in page
    assert "1/0/6 Wallbox 1 Leistung" in page
    assert "1/0/7 Wallbox 1 Leistung" not in page.split("also fits")[1].split("</td>")[0]


@pytest.mark.proves("W49")
@pytest.mark.parametrize("end", ["On", "Auto"])
def test_proposals_that_are_secured_ask_for_the_keyring_too(visited: Website, end: str) -> None:
    head = (
        '"Group name";"Address";"Central";"Unfiltered";"Description";"DatapointType";"Security"\r\n'
    )
    line = f'"Wallbox 1 Leistung";"1/0/1";"";"";"";"DPST-9-24";"{end}"\r\n'
    page = sent(visited, (head + line).encode(), "house.csv")
    assert ("secured in ETS: 1/0/1" in page) == (end == "On")


# --- while it is read -------------------------------------------------------------------------------


def slow_python(folder: Path) -> Path:
    """Return a program that takes its time where a Python was expected."""
    file = folder / "slow"
    file.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    file.chmod(0o755)
    return file


@pytest.mark.proves("W49")
@pytest.mark.real
def test_while_a_project_is_read_the_page_says_so_and_cancel_ends_it(
    visited: Website, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, str(slow_python(tmp_path)))
    monkeypatch.setattr("knxgw.website.pages.configuration_import.PATIENCE_S", 0.0)
    upload_id = Sender(visited).send(knxproj(project(OURS)))
    form = {"upload": upload_id, "file_name": "house.knxproj", "then": "wizard"}
    assert visited.post(HERE, **form).headers["Location"] == HERE
    reading = visited.readings.of(owner(visited))
    assert reading is not None
    assert visited.post(HERE, **form).status_code == 303, "sent twice, it is read once"
    assert visited.readings.of(owner(visited)) is reading
    visited.clock.now_s += 7
    page = visited.get(HERE)
    assert "The file is being read: 7 s of at most 300 s." in page
    assert hidden(page, "then") == "wizard"
    assert re.search('data-progress="/config/objects/import/progress"[^>]* data-running', page)
    reported = visited.browser.get(f"{HERE}/progress").get_json()
    assert (reported["is_running"], reported["done"], reported["total"]) == (True, 7, 300)
    another = visited.guest(Role.ADMINISTRATOR)
    theirs = Sender(another).send(knxproj(project(OURS)))
    refused = another.post(HERE, upload=theirs, file_name="other.knxproj")
    assert refused.status_code == 409
    page = refused.get_data(as_text=True)
    assert "Another import is running." in page
    assert hidden(page, "upload") == theirs, "it need not be sent again"
    assert "Password of the project, if it has one" in page
    assert "required" not in page.split('id="project-password"')[1].split(">")[0]
    another.uploads.give_up("guest", theirs)
    answer = visited.post(f"{HERE}/cancel", then="wizard")
    assert answer.headers["Location"] == "/wizard/knx"
    assert reading.ended.wait(10), "its process is ended"
    assert visited.readings.of(owner(visited)) is None
    assert not visited.uploads._uploads
    assert not visited.browser.get(f"{HERE}/progress").get_json()["is_running"]


@pytest.fixture
def reading(visited: Website, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """Return a reading of the owner that goes on for a minute unless it is stopped."""
    monkeypatch.setenv(PYTHON_VARIABLE, str(slow_python(tmp_path)))
    monkeypatch.setattr("knxgw.website.pages.configuration_import.PATIENCE_S", 0.0)
    visited.post(HERE, upload=Sender(visited).send(knxproj(project(OURS))), file_name="a")
    found = visited.readings.of(owner(visited))
    assert found is not None
    return found


@pytest.mark.proves("W49")
@pytest.mark.real
def test_a_reading_that_is_given_up_counts_until_it_has_ended(
    visited: Website, reading: Reading
) -> None:
    visited.post(f"{HERE}/cancel")
    assert reading.ended.wait(10)
    reading.ended = threading.Event()  # as if it took its time to end
    another = visited.guest(Role.ADMINISTRATOR)
    theirs = Sender(another).send(large_list(3))
    assert another.post(HERE, upload=theirs, file_name="b").status_code == 409
    reading.ended.set()
    another.post(HERE, upload=theirs, file_name="b")
    found = another.readings.of("guest")
    assert found is not None
    assert found.ended.wait(10)


@pytest.mark.proves("W49")
@pytest.mark.real
def test_a_log_off_ends_a_reading(visited: Website, reading: Reading) -> None:
    visited.post("/logout")
    assert reading.ended.wait(10)
    assert not visited.uploads._uploads


def test_whoever_came_from_the_wizard_goes_back_to_it(visited: Website) -> None:
    page = visited.get("/config/objects?from=wizard")
    assert page.count('name="then" value="wizard"') == 3
    assert 'class="button" href="/wizard/knx"' in page
    head = (
        '"Group name";"Address";"Central";"Unfiltered";"Description";"DatapointType";"Security"\r\n'
    )
    line = '"Wallbox 1 Leistung";"1/0/1";"";"";"";"DPST-9-24";""\r\n'
    page = sent(visited, (head + line).encode(), "house.csv", then="wizard")
    assert hidden(page, "then") == "wizard"
    answer = visited.post("/config/objects/take", take="66=1/0/1", then="wizard")
    assert answer.headers["Location"] == "/wizard/knx"
    assert (
        visited.post("/config/objects/take", then="//evil").headers["Location"] == "/config/draft"
    )


# --- how long it is kept ----------------------------------------------------------------------------


class Kept:
    """Readings without a website, over a clock that a test moves."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.called: list[float] = []
        self.uploads = Uploads(self.clock, later=lambda _after, _call: None)
        self.readings = Readings(
            self.uploads, self.clock, later=lambda after, _call: self.called.append(after)
        )
        self.is_wanted = True

    def read(self, account: str, content: bytes) -> None:
        """Have a file of an account read to its end."""
        with io.BytesIO(content) as file:
            upload_id = self.uploads.store(account, file, lambda: self.is_wanted)
        question = Question(
            account=account,
            upload_id=upload_id,
            name="a",
            language="en",
            is_wanted=lambda: self.is_wanted,
        )
        assert self.readings.start(question, None).ended.wait(30)


LIST = b'"Wallbox 1";"1/0/1";"";"";"";"DPST-9-24";""\r\n'


def test_what_was_read_is_forgotten_in_time_and_with_its_session() -> None:
    kept = Kept()
    kept.read("anna", LIST)
    assert len(kept.called) == 1
    kept.clock.now_s += KEPT_S - 1
    kept.readings.look()
    assert kept.readings.of("anna") is not None
    kept.clock.now_s += KEPT_S - 1
    kept.readings.look()
    assert kept.readings.of("anna") is not None, "somebody has looked at it"
    kept.clock.now_s += KEPT_S
    kept.readings.look()
    assert kept.readings.of("anna") is None
    kept.read("anna", LIST)
    kept.is_wanted = False
    kept.readings.look()
    assert kept.readings.of("anna") is None


def test_few_are_kept_and_the_oldest_gives_way() -> None:
    kept = Kept()
    names = [f"account {number}" for number in range(MOST_READINGS + 1)]
    for name in names:
        kept.clock.now_s += 1
        kept.read(name, LIST)
    assert [kept.readings.of(name) is not None for name in names] == [
        False,
        *[True] * MOST_READINGS,
    ]
    kept.readings.close()
    assert all(kept.readings.of(name) is None for name in names)
    assert not kept.uploads._uploads
