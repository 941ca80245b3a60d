"""A KNX link whose network adapter goes away, in network namespaces: it comes back by itself."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.keyring import Backbone, KeyringData, write_keyring
from tests.support.knxd import Knxd
from tests.support.netns import Lab, wait_for_line
from tests.support.peers import require_peers
from tests.support.talking import TalkingProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.peers]
LINK = (sys.executable, "-m", "tests.support.link_alone")
SERVER = (sys.executable, "-m", "tests.support.knxip_server")
ROUTING_TOOL = (sys.executable, "-m", "tests.support.routing_tool")
PASSWORD = "adapter-away"  # noqa: S105 - made up here
BACK_S = 10.0


class House:
    """The link in one namespace, a KNX peer in another, a bridge between them."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self.log = directory / "link.log"
        self._peer: TalkingProcess | None = None

    @property
    def address(self) -> str:
        """Return the address of the link's adapter."""
        return self.lab.address(self.lab.gateway)

    def start(self, *options: str) -> None:
        """Start the link."""
        self.lab.gateway.popen(*LINK, *options, stdout=self.log, env={"PYTHONUNBUFFERED": "1"})

    def peer(self) -> TalkingProcess:
        """Return a group reader by routing."""
        if self._peer is None:
            address = self.lab.address(self.lab.client)
            self._peer = TalkingProcess(self.lab.client, [*ROUTING_TOOL, "--local-ip", address])
            self._peer.line_with("ready")
        return self._peer

    def answers(self) -> bool:
        """Tell whether a read by routing is answered."""
        peer = self.peer()
        peer.tell("read 1/1/50")
        return peer.line_with("answer: ") == "answer: 05"

    def count(self, text: str) -> int:
        """Return how many lines of the log have a text."""
        return self.log.read_text().count(text) if self.log.exists() else 0

    def until(self, text: str, times: int = 1) -> None:
        """Wait until that many lines of the log have a text."""
        if times == 1:
            wait_for_line(self.log, text, BACK_S)
        wait_until(
            lambda: self.count(text) >= times,
            BACK_S,
            lambda: f"{times} x {text!r}:\n{self.log.read_text()[-2000:]}",
        )

    def close(self) -> None:
        """End the peer; the namespaces end the link."""
        if self._peer is not None:
            self._peer.kill()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Return the link's surroundings; nothing is started."""
    require_peers()
    with Lab() as lab:
        one = House(lab, tmp_path)
        yield one
        one.close()


def lost_once_and_back(house: House, times: int = 1) -> None:
    """Check that the log tells one loss and one return, and that the I object was read again."""
    house.until("KNX link back after", times)
    house.until("sent 1/0/10", times + 1)
    assert house.count("KNX link lost (") == times
    assert house.count("KNX link back after") == times


@pytest.mark.proves("H.30")
@pytest.mark.parametrize("local_ip", [pytest.param("given", marks=pytest.mark.long), "found"])
def test_routing_joins_again_after_the_adapter_was_pulled(house: House, local_ip: str) -> None:
    house.start(
        "--link", "routing", *(("--local-ip", house.address) if local_ip == "given" else ())
    )
    house.until("sent 1/0/10")
    assert house.answers()
    house.lab.pull(house.lab.gateway)
    house.until("KNX link lost (")
    house.lab.plug(house.lab.gateway)
    lost_once_and_back(house)
    assert house.answers()


def test_routing_notices_an_adapter_that_was_away_between_two_looks(house: House) -> None:
    house.start("--link", "routing", "--local-ip", house.address)
    house.until("sent 1/0/10")
    house.lab.pull(house.lab.gateway)
    house.lab.plug(house.lab.gateway)
    lost_once_and_back(house)
    assert house.answers()


def test_routing_comes_back_after_the_adapter_was_down(house: House) -> None:
    house.start("--link", "routing", "--local-ip", house.address)
    house.until("sent 1/0/10")
    house.lab.link_down(house.lab.gateway)
    house.until("KNX link lost (")
    house.lab.link_up(house.lab.gateway)
    lost_once_and_back(house)
    assert house.answers()


def test_an_unplugged_cable_is_a_lost_link(house: House) -> None:
    house.start("--link", "routing", "--local-ip", house.address)
    house.until("sent 1/0/10")
    house.lab.server.ip("link", "set", "v2", "down")
    house.until("KNX link lost (the network adapter eth0 is not connected)")
    house.lab.server.ip("link", "set", "v2", "up")
    lost_once_and_back(house)
    assert house.answers()


def test_routing_follows_a_new_address_from_dhcp(house: House) -> None:
    house.start("--link", "routing")
    house.until("sent 1/0/10")
    gateway = house.lab.gateway
    gateway.ip("addr", "add", "10.77.0.99/24", "dev", "eth0")
    gateway.ip("addr", "del", f"{house.address}/24", "dev", "eth0")
    house.until(f"KNX link lost (no network adapter has the address {house.address} any more)")
    gateway.ip("addr", "replace", "10.77.0.99/24", "dev", "eth0")
    gateway.ip("route", "replace", "224.0.0.0/4", "dev", "eth0", "src", "10.77.0.99")
    lost_once_and_back(house)
    assert house.answers()


def test_an_adapter_that_comes_after_the_start_is_used(house: House) -> None:
    house.lab.pull(house.lab.gateway)
    house.start("--link", "routing", "--local-ip", house.address)
    house.until("no link yet (")
    house.lab.plug(house.lab.gateway)
    house.until("KNX link is up")
    assert house.answers()
    assert house.count("KNX link lost") == 0


def test_secure_routing_comes_back_with_its_timer(house: House, tmp_path: Path) -> None:
    backbone = Backbone(key=bytes(16), multicast_address="224.0.23.12", latency_ms=80)
    keyring = write_keyring(tmp_path / "k.knxkeys", KeyringData(backbone=backbone), PASSWORD)
    password = tmp_path / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    secrets = ("--keyring", str(keyring), "--password-file", str(password))
    house.start("--link", "routing", "--local-ip", house.address, *secrets)
    house.until("sent 1/0/10")
    house.lab.pull(house.lab.gateway)
    house.until("KNX link lost (")
    house.lab.plug(house.lab.gateway)
    lost_once_and_back(house)


def test_a_tunnel_over_udp_comes_back_after_the_adapter_was_pulled(
    house: House, tmp_path: Path
) -> None:
    require_peers("knxd")
    with Knxd(house.lab.server, tmp_path) as knxd:
        house.start("--link", "tunnelling", "--gateway", knxd.gateway)
        house.until("sent 1/0/10")
        house.lab.pull(house.lab.gateway)
        house.until("KNX link lost (")
        house.lab.plug(house.lab.gateway)
        lost_once_and_back(house)


@pytest.mark.parametrize("loss", ["pulled", pytest.param("unplugged", marks=pytest.mark.long)])
def test_a_tunnel_over_tcp_need_not_wait_for_its_server_to_say_nothing(
    house: House, loss: str
) -> None:
    lab = house.lab
    server = TalkingProcess(lab.server, [*SERVER, lab.server.address])
    try:
        port = server.line_with("port ").removeprefix("port ")
        gateway = f"{lab.server.address}:{port}"
        house.start("--link", "tunnelling_tcp", "--gateway", gateway)
        house.until("sent 1/0/10")
        if loss == "pulled":
            lab.pull(lab.gateway)
            house.until("KNX link lost (")
            lab.plug(lab.gateway)
        else:
            lab.server.ip("link", "set", "v2", "down")
            house.until("KNX link lost (the network adapter eth0 is not connected)")
            lab.server.ip("link", "set", "v2", "up")
        lost_once_and_back(house)
    finally:
        server.kill()
