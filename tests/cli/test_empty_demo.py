"""The empty demo: somebody configures the device on its website, from nothing to a controlled charge."""

import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from knxgw.changes import Changes
from knxgw.commands.demo_empty import _confined, _refused
from knxgw.config.effects import EffectKind
from knxgw.errors import Severity
from knxgw.judgement import Prepared
from knxgw.living import open_store
from knxgw.master_file import MasterFile
from knxgw.website.commissioning import UNCONFINED, Surroundings
from knxgw.website.listener import Address, Listener
from tests.online.looking import HEAD, point, read
from tests.support.editor import Editor
from tests.support.processes import health, process
from tests.support.waiting import wait_until


@pytest.mark.parametrize("link", ["routing", "tunnelling_tcp"])
def test_website_and_routing_stay_on_this_computer_whatever_is_configured(link: str) -> None:
    demo = read(
        "device: {name: Demo}\n"
        "knx: {link: routing, local_ip: 127.0.0.1, multicast_group: 239.255.24.1, individual_address: 1.1.20}\n"
        'website: {listen: "127.0.0.1:8081"}\n'
    ).configuration
    given = read(
        f"device: {{name: Garage}}\nknx: {{link: {link}, gateway: 127.0.0.1, individual_address: 1.1.21}}\n"
    ).configuration
    assert demo is not None
    assert given is not None
    here = _confined(given, demo=demo)
    assert (here.website.host, here.website.port) == ("127.0.0.1", 8081)
    if link == "routing":
        assert (here.knx.local_ip, here.knx.multicast_group) == ("127.0.0.1", "239.255.24.1")
    else:
        assert here.knx == given.knx
    assert here.device.name == "Garage"


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("localhost", True),
        ("Localhost.", True),
        ("192.168.1.31", False),
        ("wallbox.local", False),
        ("127.0.0.1.example", False),
        (None, False),  # a serial line
    ],
)
def test_only_this_computer_is_reached_from_the_demo(host: str | None, *, is_here: bool) -> None:
    assert (_refused(host) is None) is is_here


SURROUNDINGS = Surroundings(
    confined=lambda one: replace(one, website=replace(one.website, host="127.0.0.1", port=8099)),
    refuses=_refused,
)
TUNNEL = (
    "device: {name: Garage}\nknx: {link: tunnelling_tcp, gateway: %s, individual_address: 1.1.21}\n"
)
LINE = (
    "device: {name: Garage}\nknx: {link: none}\nserial: {port: /dev/ttyUSB0, baud: 19200, parity: E}\n"
    "charging_points:\n"
    "  - {number: 1, model: heidelberg_energy_control, connection: {type: serial, unit: 1}}\n"
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (
            HEAD + point(1, "goe_charger", "192.0.2.31", 502, 1),
            "charging_points[0].connection.host",
        ),
        (LINE, "serial.port"),
        (TUNNEL % "192.0.2.9", "knx.gateway"),
    ],
)
def test_what_leads_out_of_the_demo_is_an_error_at_its_key(text: str, key: str) -> None:
    meant = SURROUNDINGS.meant(read(text))
    assert meant.configuration is None
    (finding,) = [one for one in meant.findings if one.place.key == key]
    assert finding.severity is Severity.ERROR
    assert "only its simulated devices" in finding.problem
    assert "no demo" in finding.remedy
    assert UNCONFINED.meant(read(text)).configuration is not None


def test_simulated_devices_and_a_simulated_interface_stay_as_they_are() -> None:
    for text in (HEAD + point(1, "goe_charger", "127.0.0.1", 502, 1), TUNNEL % "127.0.0.1"):
        meant = SURROUNDINGS.meant(read(text))
        assert meant.findings == read(text).findings
        assert meant.configuration is not None
        assert meant.configuration.website.port == 8099


@pytest.mark.real
async def test_the_check_of_a_page_judges_what_the_demo_would_take(tmp_path: Path) -> None:
    text = HEAD + point(1, "goe_charger", "127.0.0.1", 502, 1)
    state = tmp_path / "state"
    listener = Listener(Address("127.0.0.1", 8099))
    with open_store(state) as store:
        master = MasterFile(state / "none.yaml", state, may_be_missing=True)
        changes = Changes(master, store, lambda: None, SURROUNDINGS)
        changes.keep(Prepared(configuration=None, link=None, listener=listener))
        checked = changes.for_pages().check(text)
        assert checked.can_run
        assert EffectKind.WEBSITE_MOVES not in {one.kind for one in checked.effects}
        refused = changes.for_pages().check(text.replace("127.0.0.1", "192.0.2.31"))
        assert not refused.can_run
        assert any("only its simulated" in one.problem for one in refused.findings)
        changes.end()


@pytest.mark.real
@pytest.mark.long
@pytest.mark.proves("W43")
def test_the_empty_demo_is_configured_in_its_forms_until_a_vehicle_charges(tmp_path: Path) -> None:
    """From a device without charging points to a controlled charge, without a text file."""
    with process(tmp_path / "demo.log", "demo", "--empty") as running:
        running.wait_to_say("goe_charger at")
        web = re.search(r"http://127\.0\.0\.1:(\d+)/, first password (\S+)", running.said)
        keba = re.search(r"keba_p30 at 127\.0\.0\.1, port (\d+), unit (\d+)", running.said)
        assert web is not None
        assert keba is not None
        editor = Editor(int(web[1]))
        wait_until(lambda: health(int(web[1])) == 200, 20.0, "the device")
        editor.begin_with(web[2])
        refused = editor.apply(HEAD + point(1, "keba_p30", "192.0.2.31", 502, 255))
        assert "The new configuration is in force." not in refused
        assert "the demo reaches only its simulated devices" in refused
        form = editor.form("/config/form/charging_points/1")
        page = editor.send(
            "/config/form/charging_points/1",
            csrf=form["csrf"],
            **{
                "charging_points[0].number": "1",
                "charging_points[0].name": "Carport",
                "charging_points[0].model": "keba_p30",
                "charging_points[0].connection.type": "tcp",
                "charging_points[0].connection.host": "127.0.0.1",
                "charging_points[0].connection.port": keba[1],
                "charging_points[0].connection.unit": keba[2],
            },
        )
        assert "Charging point 1 is added." in page
        assert "This website answers at another address" not in editor.page("/wizard/apply")
        applied = editor.send("/config/apply", **editor.form("/config/draft"), note="first")
        assert "The new configuration is in force." in applied
        wait_until(lambda: "Carport" in editor.page(), 10.0, "the charging point")
        wait_until(lambda: "Charging" in editor.page("/points/1"), 40.0, "a vehicle that charges")
        running.end(signal.SIGINT, 5.0)
