"""The page of the KNX device: what it says in every stage, and that every code has words."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from knxgw.catalogue.interface_objects import LoadState
from knxgw.catalogue.load import catalogue
from knxgw.device.condition import Condition
from knxgw.device.last_download import Ending, LastDownload, Tool, Way
from knxgw.device.loading import INVALID_OPCODE, MEMORY_ERROR, TOO_LONG
from knxgw.device.memory import ARENAS
from knxgw.device.tables import TableError
from knxgw.errors import RejectedError
from knxgw.knxip.statistics import Statistics
from knxgw.links.knx_routing_link import RoutingLink
from knxgw.monitoring.log_ring import LogRecorder
from knxgw.station.show import unconfigured_view
from knxgw.website import knx_device_words, knx_server_words
from knxgw.website.access.roles import Role
from knxgw.website.device_facts import DeviceFacts
from knxgw.website.knx_facts import (
    KnxDeviceFacts,
    LoadableFacts,
    ProgramFacts,
    SecurityFacts,
    ServerFacts,
    ServerState,
    TunnelFacts,
)
from tests.support.website import NOON, Website, website
from tests.website.test_pages import SITE, text_of

PATH = "/diagnostics/knx-device"
DOWNLOAD = LastDownload(
    begun_at=NOON - timedelta(minutes=3),
    last_at=NOON - timedelta(minutes=2),
    duration_s=62.4,
    tool=Tool(way=Way.TUNNEL, address="1.1.241", client="192.168.1.40:50123"),
    is_full=True,
    objects=(1, 4),
    octets=2500,
    ending=Ending.COMPLETED,
)
FACTS = KnxDeviceFacts(
    at=NOON,
    individual_address="1.1.20",
    is_address_programmed=True,
    serial_number="00FA:12345678",
    mask_version=0x57B0,
    program=ProgramFacts(manufacturer=0xFA, number=0x0A01, version=0x12),
    condition=Condition.ETS,
    has_own=True,
    loadables=(
        LoadableFacts(
            name="address_table", index=1, state=LoadState.LOADED, entries=12, octets=26, crc=0x0ABC
        ),
        LoadableFacts(name="application", index=4, state=LoadState.LOADED, octets=2476, crc=0xBEEF),
    ),
    download=DOWNLOAD,
    server=ServerFacts(
        state=ServerState.LISTENS,
        address="192.168.1.20",
        port=3671,
        tunnels=(
            TunnelFacts(address="1.1.241", client="192.168.1.40:50123"),
            TunnelFacts(address="1.1.242"),
        ),
        managers=("192.168.1.41:4000",),
        counters={"connections": 7, "frames_to_tunnels": 1234},
    ),
    link={"busy_sent": 3, "busy_received": 4},
)


class Shown:
    """A website over facts that a test changes."""

    def __init__(self) -> None:
        self.facts = FACTS
        self.logs = LogRecorder()

    def page(self, found: Website, language: str = "en", **changes: object) -> str:
        """Return the text of the page after the facts have changed."""
        self.facts = replace(FACTS, **changes)  # type: ignore[arg-type]  # each test knows its own
        return text_of(found.get(PATH, language))


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def found(shown: Shown) -> Iterator[Website]:
    with website(lambda _language: SITE, knx_device=lambda: shown.facts, logs=shown.logs) as one:
        yield one


def test_a_loaded_device_shows_address_program_tables_download_and_server(
    shown: Shown, found: Website
) -> None:
    page = shown.page(found)
    for part in (
        "The device does what ETS has loaded.",
        "1.1.20, given by a tool",
        "00FA:12345678",
        "KNX IP, System B (57B0)",
        "manufacturer 00FA, number 0A01, version 1.2",
        "Programming mode: off",
        "Group address table loaded 12 26 0ABC",
        "through the tunnel 1.1.241 of this device, from 192.168.1.40:50123",
        "all of it",
        "2,500",
        "192.168.1.20, port 3671",
        "1.1.242 free",
        "192.168.1.41:4000",
        "Telegrams to tunnels 1,234",
        "ROUTING_BUSY received: others asked for a pause 4",
    ):
        assert part in page, part


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (SecurityFacts(), "not possible: the factory key cannot be read or stored"),
        (
            SecurityFacts(can_be_commissioned=True),
            "off; the command knxgw device-certificate shows",
        ),
        (
            SecurityFacts(can_be_commissioned=True, is_commissioned=True),
            "off; a project has given the device its key",
        ),
        (
            SecurityFacts(can_be_commissioned=True, is_commissioned=True, is_on=True),
            "on: only tools of its project may change the device",
        ),
        (SecurityFacts(secured_addresses=12), "Group addresses with a key 12"),
        (SecurityFacts(session_users=3), "Users of KNX IP Secure 3"),
        (
            SecurityFacts(failures={"control": 0, "number": 2, "crypto": 1, "access": 4}),
            "repeated or recorded 2, wrong key 1, not allowed 4",
        ),
    ],
)
def test_how_far_a_project_has_taken_the_device_is_said(
    shown: Shown, found: Website, facts: SecurityFacts, said: str
) -> None:
    assert said in shown.page(found, security=facts)
    assert said not in shown.page(found, "de", security=facts)


@pytest.mark.parametrize("condition", Condition)
def test_every_stage_says_what_it_is_and_what_helps(
    shown: Shown, found: Website, condition: Condition
) -> None:
    said, remedy, tone = knx_device_words.CONDITIONS[condition]
    page = shown.page(found, condition=condition)
    assert said in page
    assert remedy in page
    assert remedy or tone == "good", "whatever is not good has a remedy"
    german = shown.page(found, "de", condition=condition)
    assert said not in german
    if tone == "bad":
        assert "nothing is controlled" in page


def test_who_has_a_configuration_of_its_own_is_told_of_the_way_back(
    shown: Shown, found: Website
) -> None:
    assert "unload the device in ETS" in shown.page(found, condition=Condition.CUT_OFF)
    alone = shown.page(found, condition=Condition.CUT_OFF, has_own=False)
    assert "unload the device in ETS" not in alone
    assert "Download again in ETS." in alone


def test_an_object_that_failed_says_why(shown: Shown, found: Website) -> None:
    failed = LoadableFacts(
        name="address_table", index=1, state=LoadState.ERROR, error=TableError.NOT_SORTED
    )
    page = shown.page(
        found,
        condition=Condition.FAILED,
        loadables=(failed,),
        download=replace(DOWNLOAD, ending=Ending.FAILED, failed=(1, TableError.NOT_SORTED)),
    )
    words = "Its group addresses are not in ascending order."
    assert page.count(words) == 2, "in the table, and at the download"
    assert f"failed. Group address table: {words}" in page


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("way", Way)
def test_every_download_has_a_result_and_a_way(
    shown: Shown, found: Website, ending: Ending, way: Way
) -> None:
    download = replace(DOWNLOAD, ending=ending, tool=Tool(way=way), is_full=False)
    page = shown.page(found, download=download)
    assert knx_device_words.ENDINGS[ending] in page
    assert "in parts" in page
    assert "{" not in page


@pytest.mark.parametrize("state", ServerState)
def test_a_server_says_why_it_does_not_listen(
    shown: Shown, found: Website, state: ServerState
) -> None:
    said, remedy, _ = knx_server_words.STATES[state]
    page = shown.page(found, server=ServerFacts(state=state))
    assert said in page
    assert remedy in page


def test_a_new_device_has_a_page(shown: Shown, found: Website) -> None:
    shown.facts = KnxDeviceFacts()
    page = text_of(found.get(PATH))
    assert "No tool has loaded this device yet." in page
    assert "none: ETS has not named one" in page
    address = shown.page(found, individual_address="15.15.255", is_address_programmed=True)
    assert "15.15.255: it has none yet" in address, "also after a reset"


def test_the_programming_mode_is_switched_from_here(shown: Shown, found: Website) -> None:
    switched: list[bool] = []
    device = replace(found.bridge.device, set_programming=switched.append)
    object.__setattr__(found.bridge, "device", device)
    assert "Programming mode: on" in shown.page(found, is_programming=True)
    answer = found.post("/settings/programming", on="0", next=PATH)
    assert answer.headers["Location"].startswith(PATH)
    assert switched == [False]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (DeviceFacts(is_being_loaded=True), "ETS is loading the device, or was cut off"),
        (DeviceFacts(cannot_run=True), "but it cannot run with that"),
    ],
)
def test_status_says_that_ets_is_why_nothing_is_controlled(facts: DeviceFacts, said: str) -> None:
    texts = catalogue().product.texts
    with website(lambda code: unconfigured_view(texts, code or "en"), facts=lambda: facts) as found:
        page = text_of(found.get("/"))
        assert said in page
        assert "Diagnostics, KNX device, says more." in page
        assert "Set up the device" not in page, "that would be another way"
        assert "until a configuration is loaded" not in page


def test_who_may_not_use_diagnostics_does_not_see_it(found: Website) -> None:
    guest = found.guest(Role.VIEWER)
    for path in (PATH, f"{PATH}.json"):
        assert guest.browser.get(path).status_code == 403


def test_the_json_has_codes_and_no_secret(shown: Shown, found: Website) -> None:
    shown.logs.scrubber.learn("sesame42")
    shown.facts = replace(FACTS, serial_number="sesame42")
    for language in ("en", "de"):
        text = found.get(f"{PATH}.json", language)
        assert "sesame42" not in text
        reported = json.loads(text)
        assert reported["condition"] == "ets"
        assert reported["loadables"][0] == {
            "name": "address_table", "index": 1, "state": "loaded", "entries": 12, "octets": 26, "crc": 0x0ABC, "error": 0,
        }  # fmt: skip
        assert reported["download"]["ending"] == "completed"
        assert reported["server"]["tunnels"][1] == {"address": "1.1.242", "client": ""}
        assert reported["at"] == NOON.isoformat()


def test_a_device_that_does_not_react_is_said_to_be_busy() -> None:
    def too_busy() -> KnxDeviceFacts:
        raise RejectedError("the device does not react")

    with website(lambda _language: SITE, knx_device=too_busy) as found:
        assert found.browser.get(PATH).status_code == 503


def test_every_code_has_words() -> None:
    rules = catalogue().interface_objects
    loaded = {one.key for one in rules.objects if one.index in ARENAS}
    assert set(knx_device_words.OBJECTS) == loaded
    assert set(knx_device_words.CONDITIONS) == set(Condition)
    assert set(knx_device_words.STATES) == set(LoadState)
    assert set(knx_device_words.ENDINGS) == set(Ending)
    assert set(knx_device_words.WAYS) == set(Way)
    assert set(knx_server_words.STATES) == set(ServerState)
    assert set(knx_server_words.COUNTERS) == set(Statistics.__slots__)
    errors = {one.error for one in rules.transitions.values()} | set(TableError)
    errors |= {INVALID_OPCODE, MEMORY_ERROR, TOO_LONG}
    assert set(knx_device_words.ERRORS) == errors - {0}


def test_every_counter_of_the_link_has_words() -> None:
    async def never(*_given: object) -> None:
        raise AssertionError("nothing is connected")

    link = RoutingLink(never)  # type: ignore[arg-type]  # it is never opened
    assert set(knx_server_words.LINK_COUNTERS) == set(link.counted())
