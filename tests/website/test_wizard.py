"""The wizard without scripts: each step asks, writes the draft only, can be left out, and is resumed."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import message
from knxgw.charging.quantities import Quantity, Value
from knxgw.config.edit_yaml import values_of
from knxgw.config.model import Connection, ConnectionKind, SerialLine
from knxgw.errors import FileLine, Finding, Severity
from knxgw.links.knx_discovery import KnxIpDevice
from knxgw.monitoring.device_search import FoundDevice, SearchProgress
from knxgw.monitoring.device_watch import Watched, WatchProgress
from knxgw.monitoring.online_check import Seen, State
from knxgw.monitoring.test_charge import Problem, Progress, Result, Row, Step
from knxgw.station.view import LoadManagementView, PhaseView
from knxgw.website.access.roles import Role
from knxgw.website.commissioning import (
    CheckProgress,
    Commissioning,
    KnxProgress,
    SearchPlaces,
)
from knxgw.website.configuring import sum_of
from knxgw.website.drafts import Draft
from knxgw.website.wizard import STEPS, Mark
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import NOON, Website, website
from tests.website.test_configuration_objects import HOME
from tests.website.test_pages import POINT, text_of

NETWORK, LINE = "192.0.2.0/24", "/dev/serial/by-id/adapter"
KEBA, METER = catalogue().chargers["keba_p30"], catalogue().meters["eastron_sdm630"]
SIMILAR = catalogue().meters["eastron_sdm54"]


def tcp(host: str, unit: int) -> Connection:
    return Connection(kind=ConnectionKind.TCP, host=host, port=502, unit=unit, connector=1)


CHARGER = FoundDevice(
    connection=tcp("192.0.2.31", 255),
    model=KEBA,
    values={Quantity.SERIAL: "K1234", Quantity.CURRENT_L1: 0, Quantity.CONNECTED: 1},
)
SMART_METER = FoundDevice(connection=tcp("192.0.2.40", 1), model=METER)


@dataclass
class Ask:
    """What the device would do, and what it was asked."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    search: SearchProgress = field(default_factory=SearchProgress)
    check: CheckProgress = field(default_factory=CheckProgress)
    knx: KnxProgress = field(default_factory=KnxProgress)
    charge: Progress = field(default_factory=Progress)
    watch: WatchProgress = field(default_factory=WatchProgress)
    answered: frozenset[tuple[str, int, int]] = frozenset()

    def _note(self, what: str) -> Callable[..., None]:
        return lambda *given: self.asked.append((what, *given))

    def pages(self) -> Commissioning:
        return Commissioning(
            places=lambda: SearchPlaces(networks=(NETWORK,), lines=(LINE,)),
            search_network=self._note("network"),
            search_address=self._note("address"),
            search_line=self._note("line"),
            search=lambda: self.search,
            cancel_search=self._note("cancel"),
            answered=lambda: self.answered,
            start_check=self._note("check"),
            check=lambda: self.check,
            cancel_check=self._note("cancel check"),
            start_watch=self._note("watch"),
            watch=lambda: self.watch,
            search_knx=self._note("knx"),
            knx=lambda: self.knx,
            start_charge=self._note("charge"),
            charge=lambda: self.charge,
            end_charge=self._note("end"),
            charges=lambda: {self.charge.point: self.charge} if self.charge.number else {},
            identify=self._note("identify"),
        )


@pytest.fixture
def ask() -> Ask:
    return Ask()


@pytest.fixture
def own() -> Own:
    return Own("")


@pytest.fixture
def visited(own: Own, ask: Ask) -> Iterator[Website]:
    view = site(POINT)
    with website(lambda _language: view, device=own.control(), commissioning=ask.pages()) as found:
        yield found


def draft(visited: Website) -> dict[str, Any]:
    """Return what the draft says."""
    return values_of(draft_text(visited))


def draft_text(visited: Website) -> str:
    """Return the text of the draft."""
    area = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", visited.get("/config"), re.DOTALL)
    assert area is not None
    return unescape(area[1])


def went_to(visited: Website, path: str, **form: str) -> str:
    """Send a form that must be taken; return where the browser is sent."""
    answer = visited.post(path, **form)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer.headers["Location"]


@pytest.mark.proves("W47")
def test_the_steps_lead_from_nothing_to_a_configuration_in_force(
    own: Own, ask: Ask, visited: Website
) -> None:
    typed = {"device.name": "Garage", "device.language": "de", "device.time_zone": "Europe/Berlin"}
    assert went_to(visited, "/wizard/device", **typed) == "/wizard/find"
    ask.search = SearchProgress(number=3, found=(CHARGER, SMART_METER))
    taken = {"search": "3", "role:0": "point", "role:1": "smart_meter"}
    assert went_to(visited, "/wizard/find/take", **taken) == "/wizard/points"
    typed = {"charging_points[0].name": "Carport", "charging_points[0].maximum_a": "16"}
    assert went_to(visited, "/wizard/points", **typed) == "/wizard/mains"
    typed = {"load_management.mode": "dynamic", "load_management.fuse_a": "35"}
    assert went_to(visited, "/wizard/mains", **typed) == "/wizard/knx"
    typed = {"knx.link": "routing", "addresses": "plan", "main": "5"}
    assert went_to(visited, "/wizard/knx", **typed) == "/wizard/check"
    assert went_to(visited, "/wizard/check/done") == "/wizard/apply"
    assert own.text == "", "nothing is in force before the last step"
    page = visited.get("/wizard/apply")
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    area = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert area is not None
    text = unescape(area[1])
    given = {"based_on": hidden["based_on"], "note": "first"}
    assert went_to(visited, "/wizard/apply", text=text, **given) == "/wizard/apply"
    says = values_of(own.text)
    assert says["device"]["name"] == "Garage"
    (point,) = says["charging_points"]
    assert (point["number"], point["name"], point["model"]) == ("1", "Carport", "keba_p30")
    assert point["connection"] == {
        "type": "tcp",
        "host": "192.0.2.31",
        "port": "502",
        "unit": "255",
    }
    assert says["load_management"]["smart_meter"]["model"] == "eastron_sdm630"
    assert all(addresses[0].startswith("5/") for addresses in says["group_objects"].values())
    assert "in force" in visited.get("/wizard/apply")
    assert visited.get("/wizard").count('data-mark="done"') == len(STEPS)


@pytest.mark.proves("W47")
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("wished", "words"),
    [
        ({"main": "32"}, {"en": "0 to 31", "de": "0 bis 31"}),
        ({"main": "4", "middle": "8"}, {"en": "0 to 7", "de": "0 bis 7"}),
        ({"main": "31", "middle": "7"}, {"en": "lower middle group", "de": "Mittelgruppe"}),
    ],
    ids=["main group", "middle group", "no room"],
)
def test_a_range_that_cannot_be_stays_in_the_step_with_what_was_typed(
    visited: Website, own: Own, language: str, wished: dict[str, str], words: dict[str, str]
) -> None:
    own.text = HOME.read_text(encoding="utf-8").split("group_objects:")[0]
    typed = {"knx.local_ip": "192.0.2.7", "addresses": "plan", **wished}
    answer = visited.browser.post(
        "/wizard/knx",
        data={"csrf": visited.csrf, **typed},
        headers={"Accept-Language": language},
    )
    page = unescape(answer.get_data(as_text=True))
    assert answer.status_code == 409
    alert = re.search(r'role="alert" id="no-addresses">(.*?)</p>', page)
    assert alert is not None
    assert words[language] in alert[1]
    assert "--main" not in page
    for name, text in {"knx.local_ip": "192.0.2.7", **wished}.items():
        assert re.search(rf'name="{re.escape(name)}"[^>]* value="{text}"', page), name
    assert 'value="plan" checked' in page
    assert draft(visited)["knx"]["local_ip"] == "192.0.2.7"
    assert "group_objects" not in draft(visited)
    assert (
        went_to(visited, "/wizard/knx", **typed | {"main": "4", "middle": "0"}) == "/wizard/check"
    )
    assert draft(visited)["group_objects"]


@pytest.mark.proves("W47")
def test_addresses_are_given_only_once_the_rest_of_the_step_is_right(
    visited: Website, own: Own
) -> None:
    own.text = HOME.read_text(encoding="utf-8").split("group_objects:")[0]
    typed = {"knx.gateway": "192.0.2.300", "addresses": "plan"}
    answer = visited.post("/wizard/knx", **typed)
    assert answer.status_code == 200
    assert 'value="plan" checked' in answer.text
    assert "group_objects" not in draft(visited)
    typed |= {"knx.gateway": "192.0.2.2", "main": "4", "middle": "2"}
    assert went_to(visited, "/wizard/knx", **typed) == "/wizard/check"
    links = draft(visited)["group_objects"]
    assert {one.partition("/")[0] for (one,) in links.values()} == {"4"}


@pytest.mark.proves("W47")
def test_each_step_can_be_left_out_and_says_what_that_means(visited: Website) -> None:
    for step in STEPS[:-1]:
        page = visited.get(f"/wizard/{step}")
        assert "Leave this step out" in page
        went_to(visited, f"/wizard/{step}/skip")
    page = visited.get("/wizard")
    assert page.count('data-mark="skipped"') == len(STEPS) - 1
    assert 'href="/wizard/apply">Go on' in page


@pytest.mark.proves("W47")
def test_it_is_resumed_where_it_was_left_and_begun_again_with_the_same_draft(
    visited: Website,
) -> None:
    assert 'href="/wizard/device">Begin' in visited.get("/wizard")
    went_to(visited, "/wizard/device", **{"device.name": "Garage"})
    assert 'href="/wizard/find">Go on' in visited.get("/wizard")
    assert 'value="Garage"' in visited.get("/wizard/device")
    went_to(visited, "/wizard/again")
    assert 'href="/wizard/device">Begin' in visited.get("/wizard")
    assert draft(visited)["device"]["name"] == "Garage"


@pytest.mark.proves("W44", "W47")
def test_what_is_wrong_stays_with_its_reason_and_the_step_stays_open(visited: Website) -> None:
    answer = visited.post("/wizard/device", **{"device.time_zone": "Europe/Nowhere"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert 'value="Europe/Nowhere"' in page
    assert 'data-tone="bad"' in page
    assert 'href="/wizard/device">Begin' in visited.get("/wizard")


@pytest.mark.proves("W48")
def test_only_own_networks_and_lines_are_searched_after_a_tap(ask: Ask, visited: Website) -> None:
    visited.get("/wizard/find")
    assert ask.asked == []
    went_to(visited, "/wizard/find/network", network=NETWORK)
    went_to(visited, "/wizard/find/network", network="10.0.0.0/8")
    went_to(visited, "/wizard/find/line", line=LINE)
    went_to(visited, "/wizard/find/line", line="/etc/shadow")
    went_to(visited, "/wizard/find/address", host="charger.local:1502", units="1-3")
    assert ask.asked == [
        ("network", NETWORK),
        ("line", LINE),
        ("address", "charger.local", 1502, (1, 2, 3)),
    ]
    refused = visited.post("/wizard/find/address", host="http://x/../", units="")
    assert refused.status_code == 400
    assert len(ask.asked) == 3


@pytest.mark.proves("W48")
@pytest.mark.parametrize(
    ("host", "units", "wrong"),
    [
        ("192.0.2.300", "", "host"),
        ("192.0.2.10,502", "", "host"),
        ("http://192.0.2.10/", "", "host"),
        ("192.0.2.10", "1 to 5", "units"),
        ("192.0.2.10", "1-300", "units"),
        ("192.0.2.10", "10-1", "units"),
    ],
)
def test_an_address_that_cannot_be_is_not_asked_and_the_field_at_fault_says_what_to_write(
    ask: Ask, visited: Website, host: str, units: str, wrong: str
) -> None:
    refused = visited.post("/wizard/find/address", host=host, units=units)
    assert refused.status_code == 400
    assert ask.asked == []
    page = refused.text
    at_fault = re.findall(r'<input id="(\w+)"[^>]*aria-invalid="true"', page)
    assert at_fault == [wrong]
    said = re.search(rf'id="{wrong}-error"[^>]*>([^<]+)<', page)
    assert said is not None
    assert "such as" in said[1]
    assert f'value="{host}"' in page


@pytest.mark.proves("W48")
def test_a_search_shows_how_far_it_is_and_can_be_cancelled(ask: Ask, visited: Website) -> None:
    ask.search = SearchProgress(
        number=1, done=12, total=254, asking=("192.0.2.31:502",), is_running=True
    )
    page = visited.get("/wizard/find")
    assert "12 of 254 tried; asking 192.0.2.31:502" in page
    assert '<progress class="grow" max="254" value="12"' in page
    reported = visited.browser.get("/wizard/find/progress").json
    assert reported is not None
    assert (reported["is_running"], reported["done"], reported["total"]) == (True, 12, 254)
    went_to(visited, "/wizard/find/cancel")
    assert ask.asked == [("cancel",)]


@pytest.mark.proves("W48")
def test_found_devices_say_what_tells_them_apart(ask: Ask, visited: Website) -> None:
    used = FoundDevice(
        connection=tcp("192.0.2.50", 0), used_as=(message("online_charging_point", number=4),)
    )
    unknown = FoundDevice(connection=tcp("192.0.2.51", 1))
    ask.search = SearchProgress(number=1, found=(CHARGER, used, unknown))
    page = visited.get("/wizard/find")
    assert "KEBA" in page
    assert "serial number K1234" in page
    assert "a vehicle is plugged in" in page
    assert "charging point 4" in page
    assert "like no model that is known" in page
    assert page.count("<select") == 1, "only what was recognised and is free can be taken"


@pytest.mark.proves("W47", "W48")
def test_models_that_answer_alike_are_told_apart_by_whoever_sees_the_label(
    ask: Ask, visited: Website
) -> None:
    meter = replace(SMART_METER, model=SIMILAR, others=(METER,))
    ask.search = SearchProgress(number=1, found=(CHARGER, meter))
    page = visited.get("/wizard/find")
    assert "Eastron SDM54 series or a similar model" in page
    assert "cannot be told apart over Modbus: look at the label" in page
    models = re.findall(r'<option value="(eastron_\w+)">([^<]+)', page)
    assert models == [
        ("eastron_sdm54", "Eastron SDM54 series"),
        ("eastron_sdm630", "Eastron SDM630-Modbus"),
    ]
    assert page.count('name="model:') == 1, "a charger that is recognised needs no choice"
    form = {"role:0": "point", "role:1": "smart_meter", "model:1": "eastron_sdm630"}
    went_to(visited, "/wizard/find/take", search="1", **form)
    assert draft(visited)["load_management"]["smart_meter"]["model"] == "eastron_sdm630"
    went_to(visited, "/wizard/find/take", search="1", **{**form, "model:1": "algodue"})
    assert draft(visited)["load_management"]["smart_meter"]["model"] == "eastron_sdm54"


@pytest.mark.proves("W47")
@pytest.mark.parametrize("has_answered", [False, True])
def test_a_meter_of_a_line_that_has_answered_modbus_tcp_raises_no_doubt(
    ask: Ask,
    visited: Website,
    has_answered: bool,  # noqa: FBT001 - a case of the table
) -> None:
    ask.search = SearchProgress(number=1, found=(CHARGER, SMART_METER))
    went_to(
        visited, "/wizard/find/take", search="1", **{"role:0": "point", "role:1": "smart_meter"}
    )
    ask.answered = frozenset({("192.0.2.40", 502, 1)} if has_answered else ())
    typed = {"load_management.mode": "dynamic", "load_management.fuse_a": "35"}
    went_to(visited, "/wizard/mains", **typed)
    doubt = "it needs a Modbus gateway that translates"
    for path in ("/wizard/mains", "/wizard/check"):
        assert (doubt in visited.get(path)) is not has_answered


def test_a_draft_that_is_not_complete_yet_raises_no_doubt_about_what_has_answered(
    ask: Ask, visited: Website
) -> None:
    ask.search = SearchProgress(number=1, found=(CHARGER, SMART_METER))
    went_to(
        visited, "/wizard/find/take", search="1", **{"role:0": "point", "role:1": "smart_meter"}
    )
    doubt = "it needs a Modbus gateway that translates"
    form = "/config/form/load_management"
    assert visited.post("/wizard/mains", **{"load_management.mode": "dynamic"}).status_code == 200
    for path in ("/wizard/mains", "/wizard/check", form, "/config/draft"):
        assert doubt in visited.get(path)
    ask.answered = frozenset({("192.0.2.40", 502, 1)})
    for path in ("/wizard/mains", "/wizard/check", form, "/config/draft"):
        assert doubt not in visited.get(path)


def test_a_doubt_is_said_everywhere_by_the_label_of_its_field_and_without_words_of_the_file(
    own: Own, ask: Ask, visited: Website
) -> None:
    ask.search = SearchProgress(number=1, found=(CHARGER, SMART_METER))
    went_to(
        visited, "/wizard/find/take", search="1", **{"role:0": "point", "role:1": "smart_meter"}
    )
    typed = {"load_management.mode": "dynamic", "load_management.fuse_a": "35"}
    went_to(visited, "/wizard/mains", **typed)
    shown = [visited.get(path) for path in ("/wizard/mains", "/wizard/check", "/config/draft")]
    own.text = draft_text(visited)
    shown.append(visited.get("/wizard/protocol"))
    for page in map(text_of, shown):
        assert "Connection of the smart meter" in page
        assert "behind a transparent serial server choose RTU over TCP" in page
        assert "load_management.smart_meter" not in page
        assert "rtu_over_tcp" not in page


def test_a_finding_leads_to_the_step_that_asks_for_its_field(own: Own, visited: Website) -> None:
    own.text = (
        "device: {language: xx}\nknx: {link: tunnelling}\n"
        "load_management: {mode: dynamic, fuse_a: 2}\n"
        "charging_points: [{number: 1, maximum_a: 900, model: none_such}]\n"
    )
    page = visited.get("/wizard/check")
    for path, label in (
        ("/wizard/device", "Language of texts"),
        ("/wizard/knx", "Address of the KNX IP interface"),
        ("/wizard/mains", "Overcurrent protection device"),
        ("/wizard/points", "Charging point 1: Maximum charging current"),
        ("/config/form/charging_points/1", "Charging point 1: Model of the charger"),
    ):
        assert f'<a href="{path}">{label}</a>' in page
    assert "knxgw models" not in page


def test_the_last_step_says_what_must_be_corrected_first(visited: Website) -> None:
    wrong = HOME.read_text(encoding="utf-8").replace("model:", "model: x_")
    visited.post("/config/check", text=wrong)
    page = visited.get("/wizard/apply")
    assert "correct the errors first" in page
    assert ">Charging point 1: Model of the charger</a>" in page


def test_a_search_that_was_repeated_meanwhile_takes_nothing(ask: Ask, visited: Website) -> None:
    ask.search = SearchProgress(number=2, found=(CHARGER,))
    assert went_to(visited, "/wizard/find/take", search="1", **{"role:0": "point"}) == (
        "/wizard/find"
    )
    assert draft(visited) == {}


def test_a_sixth_charger_is_left_out_and_numbers_are_the_lowest_free_ones(
    ask: Ask, visited: Website
) -> None:
    many = tuple(
        replace(CHARGER, connection=tcp(f"192.0.2.{place}", 255)) for place in range(30, 36)
    )
    ask.search = SearchProgress(number=1, found=many)
    roles = {f"role:{place}": "point" for place in range(6)}
    went_to(visited, "/wizard/find/take", search="1", **roles)
    points = draft(visited)["charging_points"]
    assert [one["number"] for one in points] == ["1", "2", "3", "4", "5"]
    assert points[4]["connection"]["host"] == "192.0.2.34"


def test_devices_of_a_serial_line_bring_its_settings(ask: Ask, visited: Website) -> None:
    line = SerialLine(port=LINE, protocol="rtu", baud=19200, data_bits=8, parity="E", stop_bits=1)
    on_line = Connection(kind=ConnectionKind.SERIAL, host=None, port=0, unit=7, connector=1)
    ask.search = SearchProgress(
        number=1,
        found=(CHARGER, replace(SMART_METER, connection=on_line, line=line)),
    )
    went_to(visited, "/wizard/find/take", search="1", **{"role:0": "point", "role:1": "meter:1"})
    says = draft(visited)
    assert says["serial"]["port"] == LINE
    assert says["serial"]["baud"] == "19200"
    meter = says["charging_points"][0]["meter"]
    assert meter == {"model": "eastron_sdm630", "connection": {"type": "serial", "unit": "7"}}


@pytest.mark.proves("W48")
def test_the_smart_meter_is_read_with_what_was_typed(ask: Ask, visited: Website) -> None:
    ask.search = SearchProgress(number=1, found=(CHARGER, SMART_METER))
    went_to(
        visited, "/wizard/find/take", search="1", **{"role:0": "point", "role:1": "smart_meter"}
    )
    typed = {"load_management.mode": "dynamic", "load_management.fuse_a": "35"}
    assert went_to(visited, "/wizard/mains/read", **typed) == "/wizard/mains#meter"
    asked, watched = ask.asked
    assert watched[2] == {"grid/meter"}
    assert asked[1].load_management.fuse_ma == 35_000
    assert asked[4] == {"grid/meter", "knx", "knx/smart_meter"}
    measured = message("online_meter_values", values="L1 3.2 A")
    seen = Seen(
        id="grid/meter", name=message("online_smart_meter"), state=State.GOOD, words=measured
    )
    ask.check = CheckProgress(number=1, seen=(seen,), text_sum="x")
    assert "L1 3.2 A" in visited.get("/wizard/mains")


TWO_POINTS = """\
device: {name: Garage}
knx: {link: none}
charging_points:
  - {number: 1, name: Left, model: keba_p30, connection: {type: tcp, host: 192.0.2.31, port: 502, unit: 255}}
  - {number: 2, name: Right, model: keba_p30, connection: {type: tcp, host: 192.0.2.32, port: 502, unit: 255}}
"""


@pytest.mark.proves("W47")
def test_whoever_plugs_a_vehicle_in_sees_which_charging_point_that_is_before_anything_applies(
    own: Own, ask: Ask, visited: Website
) -> None:
    own.text = TWO_POINTS
    assert "Watch the chargers" in visited.get("/wizard/points")
    typed = {"charging_points[0].name": "Wall"}
    assert went_to(visited, "/wizard/points/watch", **typed) == "/wizard/points#which"
    ((what, configuration, ids),) = ask.asked
    assert (what, ids) == ("watch", {"cp1/charger", "cp2/charger"})
    assert [one.name for one in configuration.points] == ["Wall", "Right"], "what was typed is kept"
    there = [one.connection for one in configuration.points]
    left = Watched(id="cp1/charger", connection=there[0], is_heard=True, is_plugged=False)
    right = Watched(
        id="cp2/charger", connection=there[1], is_heard=True, is_plugged=True, changed_at=7.0
    )
    ask.watch = WatchProgress(number=1, watched=(left, right), is_running=True)
    reported = visited.browser.get("/wizard/points/watch").json
    assert reported is not None
    assert reported["said"] == "This one: Charging point 2. A vehicle was plugged in."
    assert [row["state"] for row in reported["rows"]] == ["no vehicle", "here"]
    assert [row["tone"] for row in reported["rows"]] == ["", "accent"]
    assert "192.0.2.32:502, unit 255" in reported["rows"][1]["words"]
    # once the numbers are exchanged, what was seen under a number is of another charger
    swapped = {"charging_points[0].number": "2", "charging_points[1].number": "1"}
    went_to(visited, "/wizard/points", **swapped)
    reported = visited.browser.get("/wizard/points/watch").json
    assert reported is not None
    assert reported["rows"] == []
    assert "This one" not in reported["said"]


@pytest.mark.proves("W47")
def test_a_charger_whose_connection_the_device_has_with_other_settings_is_said_with_the_remedy(
    own: Own, ask: Ask, visited: Website
) -> None:
    own.text = TWO_POINTS
    went_to(visited, "/wizard/points/watch")
    ((_, configuration, _),) = ask.asked
    left, right = (one.connection for one in configuration.points)
    ask.watch = WatchProgress(
        number=1,
        watched=(
            Watched(id="cp1/charger", connection=left, is_in_use=True),
            Watched(id="cp2/charger", connection=right, is_in_use=True, is_used_otherwise=True),
        ),
        is_running=True,
    )
    reported = visited.browser.get("/wizard/points/watch").json
    assert reported is not None
    plain, otherwise = reported["rows"]
    assert [row["state"] for row in (plain, otherwise)] == ["in use", "in use"]
    assert "with other settings: apply the configuration" in otherwise["words"]
    assert "192.0.2.32:502, unit 255" in otherwise["words"]
    assert "other settings" not in plain["words"]


@pytest.mark.proves("W47", "W48")
def test_the_smart_meter_is_watched_and_its_direction_judged_as_it_changes(
    ask: Ask, visited: Website
) -> None:
    ask.search = SearchProgress(number=1, found=(CHARGER, SMART_METER))
    went_to(
        visited, "/wizard/find/take", search="1", **{"role:0": "point", "role:1": "smart_meter"}
    )
    typed = {"load_management.mode": "dynamic", "load_management.fuse_a": "35"}
    went_to(visited, "/wizard/mains/read", **typed)
    assert ask.asked[-1][0] == "watch"
    assert ask.asked[-1][2] == {"grid/meter"}
    seen = Seen(id="grid/meter", name=message("online_smart_meter"), state=State.GOOD)
    ask.check = CheckProgress(number=1, seen=(seen,), text_sum="x")
    for current_ma, says, tone in ((3200, "L1 3.2 A", "good"), (-4000, "L1 -4 A", "warning")):
        values = {Quantity.CURRENT_L1: current_ma}
        watched = Watched(id="grid/meter", is_heard=True, values=values)
        ask.watch = WatchProgress(number=1, watched=(watched,), is_running=True)
        reported = visited.browser.get("/wizard/mains/progress").json
        assert reported is not None
        (row,) = reported["rows"]
        assert reported["is_running"]
        assert says in row["words"]
        assert row["tone"] == tone


@pytest.mark.proves("W47", "W48")
def test_what_earlier_searches_have_found_can_still_be_taken(ask: Ask, visited: Website) -> None:
    silent = message("online_no_answer", address="192.0.2.99:502")
    ask.search = SearchProgress(number=2, earlier=(CHARGER, SMART_METER), trouble=silent)
    page = unescape(visited.get("/wizard/find"))
    assert "192.0.2.99:502" in page
    assert "(2 devices from earlier searches)" in page
    taken = {"search": "2", "role:0": "point", "role:1": "smart_meter"}
    assert went_to(visited, "/wizard/find/take", **taken) == "/wizard/points"
    assert draft(visited)["charging_points"][0]["connection"]["host"] == "192.0.2.31"


@pytest.mark.parametrize("where", ["network", "line", "address"])
def test_a_search_during_another_is_said_to_be_refused_and_keeps_what_was_typed(
    ask: Ask, visited: Website, where: str
) -> None:
    ask.search = SearchProgress(number=2, is_running=True, total=254)
    typed = {"network": NETWORK, "line": LINE, "host": "192.0.2.77", "units": "1-3"}
    answer = visited.post(f"/wizard/find/{where}", **typed)
    assert answer.status_code == 409
    page = answer.get_data(as_text=True)
    assert "A search is running." in page
    assert 'value="192.0.2.77"' in page
    assert 'value="1-3"' in page
    assert ask.asked == []


@pytest.mark.proves("W47")
def test_each_card_of_a_charging_point_says_which_charger_it_is(
    own: Own, ask: Ask, visited: Website
) -> None:
    text = """
charging_points:
  - {number: 1, model: keba_p30, connection: {type: tcp, host: 192.0.2.31}}
  - {number: 2, model: alfen_eve, connection: {host: 192.0.2.32, port: 503, unit: "0x02", connector: 2}}
  - {number: 3, model: heidelberg_energy_control, connection: {type: serial, unit: 7}}
  - {number: 4, model: heidelberg_energy_control, connection: {type: tcp, unit: 1}}
  - {number: 5, maximum_a: 16}
serial: {port: /dev/ttyUSB0}
"""
    own.text = text
    ask.search = SearchProgress(number=1, found=(CHARGER,))
    where = Connection(kind=ConnectionKind.TCP, host="192.0.2.32", port=503, unit=2, connector=2)
    serial: dict[Quantity, Value] = {Quantity.SERIAL: "A<77>"}
    watched = Watched(id="cp2/charger", connection=where, values=serial)
    ask.watch = WatchProgress(number=1, watched=(watched,))
    page = visited.get("/wizard/points")
    said = [unescape(one) for one in re.findall(r'<p class="charger">(.*?)</p>', page)]
    assert said == [
        "KEBA KeContact P30 · 192.0.2.31:502 · unit 255 · serial number K1234",
        "Alfen Eve Single / Eve Double (NG9xx) · 192.0.2.32:503 · unit 2 · connector 2"
        " · serial number A<77>",
        "Heidelberg / Amperfied Wallbox Energy Control · /dev/ttyUSB0 · unit 7",
        "Heidelberg / Amperfied Wallbox Energy Control · no address yet · unit 1",
        "No charger is chosen for it yet.",
    ]
    assert "A<77>" not in page


@pytest.mark.proves("W47", "W48")
def test_live_values_do_not_hide_a_register_that_does_not_answer(
    ask: Ask, visited: Website
) -> None:
    silent = message("online_current_silent", phase="1", register=60000)
    place = FileLine("", 0, "load_management.smart_meter.manual.current.l1")
    finding = Finding(place=place, words=silent, severity=Severity.WARNING)
    seen = Seen(
        id="grid/meter",
        name=message("online_smart_meter"),
        state=State.WARNING,
        findings=(finding,),
    )
    ask.check = CheckProgress(number=1, seen=(seen,), text_sum="x")
    said = "L1: register 60000 of the current does not answer"
    values: dict[Quantity, Value] = {Quantity.CURRENT_L2: 59_200}
    for more, is_said in (({}, True), ({Quantity.CURRENT_L1: 1000}, False)):
        watched = Watched(id="grid/meter", is_heard=True, values=values | more)
        ask.watch = WatchProgress(number=1, watched=(watched,), is_running=True)
        reported = visited.browser.get("/wizard/mains/progress").json
        assert reported is not None
        (row,) = reported["rows"]
        assert "L2 59.2 A" in row["words"]
        assert (said in row["words"]) is is_said
        assert row["tone"] == ("warning" if is_said else "good")


def test_a_smart_meter_on_knx_is_said_to_be_checked_after_the_step_of_knx(visited: Website) -> None:
    typed = {"load_management.mode": "dynamic", "load_management.fuse_a": "35"}
    typed |= {"load_management.smart_meter.source": "knx"}
    visited.post("/wizard/mains", **typed)
    page = visited.get("/wizard/mains")
    assert "This smart meter is on KNX, which is set up in step 5." in page


@pytest.mark.proves("W47")
def test_before_the_first_charge_the_running_smart_meter_is_shown_with_its_direction(
    own: Own, ask: Ask
) -> None:
    own.text = "device: {name: Garage}\nknx: {link: none}\n"
    phases = tuple(
        PhaseView(name=f"L{n}", measured_ma=ma, base_ma=0, available_ma=0, allocated_ma=0)
        for n, ma in ((1, 5000), (2, -2000), (3, 4000))
    )
    shown = LoadManagementView(
        state_words="normal", limit_ma=35_000, meter_age_s=1.0, phases=phases
    )
    view = replace(site(POINT), load_management=shown)
    given = {"device": own.control(), "commissioning": ask.pages()}
    with website(lambda _language: view, **given) as visited:
        page = visited.get("/wizard/apply")
        reported = visited.browser.get("/wizard/charge/meter").json
    assert "What the smart meter measures" in page
    assert reported is not None
    assert "L1 5 A, L2 -2 A, L3 4 A" in reported["rows"][0]["words"]
    assert reported["rows"][0]["tone"] == "warning"


def test_an_interface_that_was_found_is_taken_with_one_tap(ask: Ask, visited: Website) -> None:
    router = KnxIpDevice(
        name="Router",
        host="192.0.2.9",
        port=3671,
        individual_address="1.1.0",
        multicast_group="224.0.23.12",
        has_routing=True,
        has_udp_tunnels=True,
        has_tcp_tunnels=False,
        needs_secure_tunnels=False,
    )
    went_to(visited, "/wizard/knx/search")
    assert ask.asked == [("knx", None)]
    ask.knx = KnxProgress(number=1, devices=(router,))
    page = visited.get("/wizard/knx")
    assert "Use a tunnel of Router" in page
    assert "Use routing" in page
    went_to(visited, "/wizard/knx/take", link="tunnelling", gateway="192.0.2.9:3671")
    went_to(visited, "/wizard/knx/take", link="tunnelling", gateway="203.0.113.1:3671")
    assert draft(visited)["knx"] == {"link": "tunnelling", "gateway": "192.0.2.9:3671"}


def test_the_first_charge_begins_ends_and_stands_in_the_protocol(
    own: Own, ask: Ask, visited: Website
) -> None:
    own.text = "device: {name: Garage}\nknx: {link: none}\n"
    assert "Test Charging point" in visited.get("/wizard/apply")
    went_to(visited, "/wizard/charge/1")
    rows = (
        Row(step=Step.VEHICLE, result=Result.GOOD),
        Row(step=Step.CHARGE, offer_ma=16_000, phases_ma=(15_900, None, None), took_s=4.0),
    )
    steps = (Step.VEHICLE, Step.CHARGE)
    ask.charge = Progress(number=1, point=1, rows=rows, steps=steps, is_running=True)
    assert "15.9" in visited.get("/wizard/apply")
    went_to(visited, "/wizard/charge/end")
    assert ask.asked == [("charge", 1, sum_of(own.text)), ("end",)]
    ended = (rows[0], replace(rows[1], result=Result.GOOD))
    ask.charge = Progress(
        number=1, point=1, rows=ended, steps=steps, text_sum=sum_of(own.text), began_at=NOON
    )
    page = visited.get("/wizard/protocol")
    assert "The first charge: passed" in page
    assert "Signature" in page


@pytest.mark.proves("W45", "W47")
def test_the_first_charge_waits_until_the_change_is_confirmed_that_may_be_taken_back(
    ask: Ask,
) -> None:
    until: list[datetime | None] = [datetime(2026, 3, 1, 12, 2, tzinfo=UTC)]
    own = Own("device: {name: Garage}\nknx: {link: none}\n")
    device = own.control(confirm_until=lambda: until[0], confirm=lambda: until.__setitem__(0, None))
    with website(
        lambda _language: site(POINT), device=device, commissioning=ask.pages()
    ) as visited:
        page = visited.get("/wizard/apply")
        assert "Keep the change first" in page
        assert "Test Charging point" not in page
        assert went_to(visited, "/wizard/charge/1") == "/wizard/apply#keep-change"
        assert ask.asked == []
        hidden = re.search(r'name="next" value="([^"]*)"', page)
        assert hidden is not None
        then = went_to(visited, "/config/confirm", next=hidden[1])
        assert then == "/wizard/apply?said=confirmed"
        assert "Test Charging point" in visited.get(then)
        went_to(visited, "/wizard/charge/1")
        assert ask.asked == [("charge", 1, sum_of(own.text))]
        assert went_to(visited, "/config/confirm") == "/config?said=confirmed"


@pytest.mark.proves("W45", "W47")
def test_the_wizard_goes_on_where_it_stood_before_a_change_that_was_taken_back(
    visited: Website,
) -> None:
    text = "device: {name: Garage}\nknx: {link: none}\n"
    begun = visited.app.extensions["knxgw"]
    for step in STEPS:
        begun.wizards.mark("owner", step, Mark.DONE)
    given_back = Draft(text=text, based_on=sum_of(""), was_taken_back=True)
    visited.bridge.setup.unapplied.give_back("owner", given_back)
    assert 'href="/wizard/apply">Go on' in visited.get("/wizard")
    for path in ("/wizard", "/wizard/apply", "/config"):
        page = visited.get(path)
        assert "Your change was taken back" in page
        assert "Nobody has confirmed it in time" in page
    assert draft(visited) == values_of(text)
    went_to(visited, "/wizard/device", **{"device.name": "Yard"})
    assert "Your change was taken back" not in visited.get("/wizard")
    assert draft(visited)["device"]["name"] == "Yard"


@pytest.mark.proves("W47")
def test_a_first_charge_that_is_offered_nothing_says_why_and_how_long_that_may_take(
    own: Own, ask: Ask, visited: Website
) -> None:
    own.text = "device: {name: Garage}\nknx: {link: none}\n"
    held = Row(
        step=Step.CHARGE,
        offer_ma=0,
        reason="overcurrent lock-out",
        ends_in_s=42.4,
        held_s=30.0,
        took_s=31.0,
    )
    steps = (Step.VEHICLE, Step.CHARGE)
    ask.charge = Progress(number=1, point=1, rows=(held,), steps=steps, is_running=True)
    page = visited.get("/wizard/apply")
    assert "load management offers nothing yet: overcurrent lock-out" in page
    assert "that ends in 42 s · the test waits for 20 minutes at most" in page
    ended = replace(held, result=Result.BAD, problem=Problem.NOT_OFFERED)
    ask.charge = Progress(number=1, point=1, rows=(ended,), steps=steps)
    page = visited.get("/wizard/apply")
    assert "It is offered no current: overcurrent lock-out." in page
    assert "Is the vehicle full" not in page


@pytest.mark.proves("W12")
@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_who_may_not_configure_has_no_wizard(ask: Ask, visited: Website, role: Role) -> None:
    guest = visited.guest(role)
    for path in ("", "/find", "/find/progress", "/apply", "/protocol"):
        assert guest.browser.get(f"/wizard{path}").status_code == 403
    for path in ("find/network", "charge/1", "points/1/identify", "apply"):
        assert guest.post(f"/wizard/{path}", network=NETWORK).status_code == 403
    assert ask.asked == []


def test_a_mark_of_each_kind_has_its_words(visited: Website) -> None:
    assert {one.value for one in Mark} == {"done", "skipped"}
    went_to(visited, "/wizard/device/skip")
    assert "weggelassen" in visited.get("/wizard", "de")
