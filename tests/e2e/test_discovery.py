"""The device is found in the network by programs of others, where it should be and nowhere else."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.netns import Lab, Namespace, wait_for_line
from tests.support.peers import require_peers
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.real, pytest.mark.long]
SITE = """
device: {{name: {name}}}
knx: {{link: none}}
website: {{listen: "{listen}"{more}}}
load_management: {{mode: "off"}}
charging_points: []
"""
GATEWAY, CLIENT = "10.77.0.2", "10.77.0.3"
OTHER_GATEWAY, OTHER_CLIENT = "10.78.0.2", "10.78.0.3"
NAME = 'Hof <Süd> & "Tor"'
BASIC = "urn:schemas-upnp-org:device:Basic:1"
SERVICES = "id="  # a text of the second service: until it was announced, names are only probed
EVERYWHERE = "0.0.0.0:8080"


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Give a network with a gateway and a client, which have a second network to themselves."""
    require_peers()
    with Lab() as found:
        found.client.ip(
            *("link", "add", "eth1", "type", "veth", "peer", "name", "eth1"),
            *("netns", found.gateway.name),
        )
        for host, address in ((found.client, OTHER_CLIENT), (found.gateway, OTHER_GATEWAY)):
            host.ip("addr", "add", f"{address}/24", "dev", "eth1")
            host.ip("link", "set", "eth1", "up")
        yield found


class Device:
    """A gateway in a namespace, and all that leaves it for discovery."""

    def __init__(self, host: Namespace, directory: Path, site: str) -> None:
        self.host = host
        self.file = directory / "site.yaml"
        self.file.write_text(site, encoding="utf-8")
        self._log, self._heard = directory / "gateway.log", directory / "heard.jsonl"
        host.popen(sys.executable, "-m", "tests.support.multicast_tap", stdout=self._heard)
        wait_for_line(self._heard, '"ready"')
        arguments = ["run", "--config", str(self.file), "--state", str(directory / "state")]
        self.process = host.popen(sys.executable, "-m", "knxgw", *arguments, stdout=self._log)
        wait_for_line(self._log, "ready after", timeout_s=20.0)

    def said(self) -> list[dict[str, Any]]:
        """Return the packets that were sent, in order."""
        lines = self._heard.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(one) for one in lines[1:] if one.endswith("\n")]

    def has_said(self, text: str, adapter: str) -> bool:
        return any(text in one["text"] for one in self.said() if one["adapter"] == adapter)

    def wait_to_say(self, *texts: str, adapter: str = "eth0") -> None:
        for text in texts:
            wait_until(
                lambda text=text: self.has_said(text, adapter),  # type: ignore[misc]
                15.0,
                lambda text=text: f"{text!r} in {self.said()}\n{self._log.read_text()}",  # type: ignore[misc]
            )

    def change(self, old: str, new: str) -> None:
        """Change the configuration while it runs."""
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")
        self.process.send_signal(signal.SIGHUP)

    def end(self) -> None:
        self.host.stop(self.process)

    def check(self) -> None:
        """Fail if the log has an error that is not that there is no charger."""
        text = self._log.read_text(encoding="utf-8")
        assert "Traceback" not in text, text
        errors = [one for one in text.splitlines() if " ERROR " in one]
        assert [one for one in errors if "Conf NoCharger" not in one] == []


@contextmanager
def device(
    host: Namespace, directory: Path, listen: str = EVERYWHERE, name: str = NAME, more: str = ""
) -> Iterator[Device]:
    directory.mkdir(exist_ok=True)
    site = SITE.format(name=json.dumps(name, ensure_ascii=False), listen=listen, more=more)
    found = Device(host, directory, site)
    try:
        yield found
    finally:
        found.end()
        found.check()


def look(host: Namespace, by: str, address: str) -> dict[str, Any]:
    result = host.run(sys.executable, "-m", "tests.support.neighbour", by, address, timeout_s=30.0)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.proves("W61")
def test_programs_of_others_find_the_device_and_its_website(lab: Lab, tmp_path: Path) -> None:
    with device(lab.gateway, tmp_path) as one:
        one.wait_to_say("ssdp:alive", SERVICES)
        found = look(lab.client, "upnp", CLIENT)
        udn = found["udn"]
        location = f"http://{GATEWAY}:8080/description.xml"
        assert found["answers"] == sorted(
            [kind, udn if kind == udn else f"{udn}::{kind}", location]
            for kind in ("upnp:rootdevice", udn, BASIC)
        )
        assert (found["name"], found["type"]) == (NAME, BASIC)
        assert found["icons"] == [[120, 120, [120, 120]], [48, 48, [48, 48]]]
        assert "<title>Log in" in found["page"]

        services = look(lab.client, "mdns", CLIENT)
        texts = {"id": udn.removeprefix("uuid:"), "path": "/"}
        host = "hof-sued-tor.local."
        assert services == {
            f"{NAME}._http._tcp.local.": [host, [GATEWAY], 8080, {"path": "/"}],
            f"{NAME}._knxgw._tcp.local.": [host, [GATEWAY], 8080, texts],
        }
        before = len(one.said())
        started = time.perf_counter()
        one.end()
        assert time.perf_counter() - started < 3.0
        last = [said for said in one.said()[before:] if said["adapter"] == "eth0"]
        assert sum("ssdp:byebye" in said["text"] for said in last) == 6, "three types, twice"
        assert any(said["port"] == 5353 for said in last), "a goodbye of mDNS"
    assert look(lab.client, "mdns", CLIENT) == {}


@pytest.mark.proves("W61")
def test_each_network_is_told_the_address_in_it(lab: Lab, tmp_path: Path) -> None:
    with device(lab.gateway, tmp_path) as one:
        one.wait_to_say("ssdp:alive", SERVICES)
        one.wait_to_say("ssdp:alive", SERVICES, adapter="eth1")
        for client, gateway in ((CLIENT, GATEWAY), (OTHER_CLIENT, OTHER_GATEWAY)):
            answers = look(lab.client, "upnp", client)["answers"]
            assert {location for _, _, location in answers} == {
                f"http://{gateway}:8080/description.xml"
            }
            services = look(lab.client, "mdns", client)
            assert {tuple(addresses) for _, addresses, _, _ in services.values()} == {(gateway,)}
            assert len(services) == 2


@pytest.mark.proves("W61")
def test_bound_to_one_address_only_its_network_is_told(lab: Lab, tmp_path: Path) -> None:
    with device(lab.gateway, tmp_path, f"{OTHER_GATEWAY}:8080") as one:
        one.wait_to_say("ssdp:alive", SERVICES, adapter="eth1")
        assert look(lab.client, "upnp", CLIENT) == {"answers": []}
        assert look(lab.client, "mdns", CLIENT) == {}
        assert len(look(lab.client, "upnp", OTHER_CLIENT)["answers"]) == 3
        one.end()
        # where it answers itself is no network
        assert {said["adapter"] for said in one.said()} - {"lo"} == {"eth1"}


@pytest.mark.proves("W61")
@pytest.mark.parametrize(
    ("listen", "more"), [("127.0.0.1:8080", ""), (EVERYWHERE, ", discovery: false")]
)
def test_a_website_of_this_machine_and_one_that_is_switched_off_are_silent(
    lab: Lab, tmp_path: Path, listen: str, more: str
) -> None:
    with device(lab.gateway, tmp_path, listen, more=more) as one:
        assert look(lab.client, "upnp", CLIENT) == {"answers": []}
        assert look(lab.client, "mdns", CLIENT) == {}
        one.end()
        assert one.said() == []


@pytest.mark.proves("W61")
def test_changes_of_the_device_and_of_its_address_are_followed(lab: Lab, tmp_path: Path) -> None:
    with device(lab.gateway, tmp_path) as one:
        one.wait_to_say("ssdp:alive", "hof-sued-tor")
        one.change(json.dumps(NAME, ensure_ascii=False), "Yard")
        one.wait_to_say("ssdp:byebye", "Yard")
        lab.gateway.ip("addr", "del", f"{GATEWAY}/24", "dev", "eth0")
        lab.gateway.ip("addr", "add", "10.77.0.22/24", "dev", "eth0")
        one.wait_to_say("http://10.77.0.22:8080/description.xml")
        assert look(lab.client, "upnp", CLIENT)["name"] == "Yard"
        services = look(lab.client, "mdns", CLIENT)
        assert [one[1] for one in services.values()] == [["10.77.0.22"], ["10.77.0.22"]]
        one.change('"0.0.0.0:8080"', '"0.0.0.0:8080", discovery: false')
        wait_until(
            lambda: one.said()[-1]["port"] == 5353 or "byebye" in one.said()[-1]["text"],
            5.0,
            lambda: "goodbyes",
        )
        assert look(lab.client, "mdns", CLIENT) == {}


@pytest.mark.proves("W61")
def test_an_adapter_that_is_pulled_and_plugged_in_again_is_used_again(
    lab: Lab, tmp_path: Path
) -> None:
    with device(lab.gateway, tmp_path) as one:
        one.wait_to_say("ssdp:alive", SERVICES)
        lab.pull(lab.gateway)
        lab.plug(lab.gateway)  # sooner than anybody looks: the same name and address
        before = len(one.said())
        wait_until(
            lambda: any("ssdp:alive" in said["text"] for said in one.said()[before:]),
            15.0,
            lambda: "another hello",
        )
        assert len(look(lab.client, "upnp", CLIENT)["answers"]) == 3
        assert len(look(lab.client, "mdns", CLIENT)) == 2


@pytest.mark.proves("W61")
def test_two_devices_of_one_name_are_told_apart(lab: Lab, tmp_path: Path) -> None:
    with device(lab.gateway, tmp_path / "first", name="Garage") as first:
        first.wait_to_say(SERVICES)
        with device(lab.server, tmp_path / "second", "10.77.0.1:8080", name="Garage") as second:
            second.wait_to_say("Garage-2", SERVICES, adapter="br0")
            services = look(lab.client, "mdns", CLIENT)
            by_address = {addresses[0]: host for host, addresses, _, _ in services.values()}
            assert len(services) == 4
            assert by_address[GATEWAY] == "garage.local."
            assert by_address["10.77.0.1"].startswith("garage-")
            answers = look(lab.client, "upnp", CLIENT)["answers"]
            assert len({usn for _, usn, _ in answers}) == 6


def test_without_discovery_zeroconf_is_not_loaded() -> None:
    code = "import sys, knxgw.living; print('zeroconf' in sys.modules, 'aiohttp' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "False"]
