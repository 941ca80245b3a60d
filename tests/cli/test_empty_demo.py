"""The empty demo: somebody configures the device on its website, from nothing to a controlled charge."""

import re
import signal
from pathlib import Path

import pytest

from knxgw.commands.demo_empty import _confined
from tests.online.looking import read
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
        applied = editor.send("/config/apply", **editor.form("/config/draft"), note="first")
        assert "The new configuration is in force." in applied
        wait_until(lambda: "Carport" in editor.page(), 10.0, "the charging point")
        wait_until(lambda: "Charging" in editor.page("/points/1"), 40.0, "a vehicle that charges")
        running.end(signal.SIGINT, 5.0)
