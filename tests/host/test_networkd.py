"""The real systemd-networkd takes what is written for it, in namespaces that belong to the test."""

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from knxgw.host.answer import (
    Failure,
    NetworkAnswer,
    NetworkSideAnswer,
    PartAnswer,
    read_network_answer,
    read_time_answer,
)
from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.network_plan import Field, read_settings
from knxgw.host.networkd_file import Source
from knxgw.host.root_folder import Side
from knxgw.host.wanted import (
    NetworkServersWish,
    NetworkWanted,
    NetworkWish,
    ServersWish,
    TimeWanted,
    new_id,
    wanted_bytes,
)
from tests.support.networkd_machine import (
    NETWORKD,
    TOOLS,
    Network,
    NetworkdMachine,
    networkd_machine,
)
from tests.support.peers import require_peers
from tests.support.visitor import Visitor
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.real, pytest.mark.long]
SITE = """
device: {name: Garage}
knx: {link: none}
website: {listen: "0.0.0.0:8080"}
load_management: {mode: "off"}
charging_points: [{number: 1, model: goe_charger, connection: {host: 127.0.0.1}}]
"""
PERMANENT = {
    Field.MODE: "permanent",
    Field.ADDRESS: "192.0.2.20",
    Field.MASK: "24",
    Field.GATEWAY: "192.0.2.1",
    Field.DNS: "192.0.2.77",
}
AUTOMATIC = {Field.MODE: "automatic"}


@pytest.fixture
def machine_and_network(tmp_path: Path) -> Iterator[tuple[NetworkdMachine, Network]]:
    require_peers(*TOOLS)
    if not NETWORKD.exists():
        pytest.skip("systemd-networkd is not installed")
    with networkd_machine(tmp_path) as found:
        yield found


class Gateway:
    """Asks as the gateway does; the root side is started as its path unit would."""

    def __init__(self, machine: NetworkdMachine) -> None:
        self._machine = machine

    def change(self, fields: dict[Field, str], *, must_be_confirmed: bool = True) -> str:
        """Ask for settings; return the id of the change once the root side has answered."""
        wish = NetworkWish(
            id=new_id(),
            settings=read_settings({one.value: text for one, text in fields.items()}),
            source=Source.WEBSITE,
            must_be_confirmed=must_be_confirmed,
        )
        self.ask(NetworkWanted(network=wish))
        self._machine.apply()
        wait_until(lambda: self._of(wish.id) is not None, 20.0, "an answer")
        return wish.id

    def ask(self, wanted: NetworkWanted | TimeWanted) -> None:
        """Leave a wish."""
        side = Side.NETWORK if isinstance(wanted, NetworkWanted) else Side.TIME
        folder = self._machine.state / "host"
        new, owner = folder / "wanted.new", folder.parent.stat()
        new.write_bytes(wanted_bytes(wanted))
        os.chown(new, owner.st_uid, owner.st_gid)  # the root side takes nothing of anybody else
        new.rename(folder / side.wanted)

    def wait_for(self, change: str, phase: Phase, timeout_s: float = 20.0) -> None:
        """Wait until a change is as far as this."""

        def is_there() -> bool:
            found = self._of(change)
            return found is not None and found.phase is phase

        wait_until(is_there, timeout_s, lambda: f"{phase}, not {self.answer()}")

    def answer(self) -> NetworkSideAnswer | None:
        """Return what the root side says of the network."""
        path = self._machine.state / "host" / Side.NETWORK.answer
        return read_network_answer(path.read_bytes()) if path.exists() else None

    def set_time_servers(self, servers: tuple[str, ...]) -> None:
        """Let these be asked, and those of the network only without any."""
        self.ask(TimeWanted(servers=ServersWish(id=new_id(), servers=servers)))
        self._machine.apply(Side.TIME).wait(20)
        said = read_time_answer((self._machine.state / "host" / Side.TIME.answer).read_bytes())
        assert said is not None
        assert said.servers is not None
        assert (said.servers.failure, said.time_servers) == (None, servers)
        also = NetworkServersWish(id=new_id(), are_used=not servers)
        self.ask(NetworkWanted(time_servers=also))
        self._machine.apply().wait(20)
        answer = self.answer()
        assert answer is not None
        assert answer.time_servers == PartAnswer(id=also.id)

    def _of(self, change: str) -> NetworkAnswer | None:
        found = self.answer()
        if found is None or found.network is None or found.network.id != change:
            return None
        return found.network


def leased_address(machine: NetworkdMachine, network: Network) -> str:
    """Return the address that the machine has got from the network."""
    network.give_addresses()
    machine.wait_for("192.0.2.1")
    (address,) = machine.addresses()
    return address


@pytest.mark.proves("W40", "9.1", "9.2")
def test_without_a_server_the_address_is_one_of_169_254_until_a_server_appears(
    machine_and_network: tuple[NetworkdMachine, Network],
) -> None:
    machine, network = machine_and_network
    machine.apply().wait(20)
    gateway = Gateway(machine)
    machine.wait_for("169.254.")
    gateway.change(AUTOMATIC, must_be_confirmed=False)
    wait_until(
        lambda: machine.link()["NETWORK_FILE"].endswith("10-knxgw.network"), 10.0, "our file"
    )
    machine.wait_for("169.254.")
    (address,) = machine.addresses()
    assert 1 <= int(address.split(".")[2]) <= 254
    network.give_addresses()
    machine.wait_for("192.0.2.1")
    assert machine.link()["DNS"] == "192.0.2.53"


@pytest.mark.proves("W40", "9.1", "9.3", "9.5")
def test_addresses_and_name_servers_change_and_what_is_not_confirmed_returns(
    machine_and_network: tuple[NetworkdMachine, Network],
) -> None:
    machine, network = machine_and_network
    leased = leased_address(machine, network)
    gateway = Gateway(machine)
    # other name servers only
    dns_only = gateway.change({**AUTOMATIC, Field.DNS: "192.0.2.77"}, must_be_confirmed=False)
    gateway.wait_for(dns_only, Phase.KEPT)
    wait_until(lambda: machine.link().get("DNS") == "192.0.2.77", 10.0, lambda: str(machine.link()))
    machine.wait_for(leased)
    # a permanent address, kept at its new place
    kept = gateway.change(PERMANENT)
    machine.wait_for("192.0.2.20/24")
    wait_until(lambda: network.reaches("192.0.2.20"), 20.0, "the machine")
    assert "default via 192.0.2.1" in machine.run("ip", "route")
    gateway.ask(NetworkWanted(keep=kept))
    gateway.wait_for(kept, Phase.KEPT)
    answer = gateway.answer()
    assert answer is not None
    assert (answer.manager, answer.adapter) == (Manager.NETWORKD, "eth0")
    # one that somebody does not want after all
    given_back = gateway.change({**PERMANENT, Field.ADDRESS: "192.0.2.30"})
    machine.wait_for("192.0.2.30/24")
    gateway.ask(NetworkWanted(give_back=given_back))
    gateway.wait_for(given_back, Phase.RETURNED)
    machine.wait_for("192.0.2.20/24")
    # one that another machine has: it is not taken, and nobody is disturbed
    taken = gateway.change({**PERMANENT, Field.ADDRESS: "192.0.2.1", Field.GATEWAY: ""})
    answer = gateway.answer()
    assert answer is not None
    assert answer.network == NetworkAnswer(
        id=taken, phase=Phase.FAILED, failure=Failure.ADDRESS_TAKEN
    )
    assert machine.addresses() == ["192.0.2.20/24"]
    # the root side is killed while it waits: its next start takes the change back
    killed = gateway.change({**PERMANENT, Field.ADDRESS: "192.0.2.40"})
    machine.wait_for("192.0.2.40/24")
    machine.run("pkill", "-KILL", "-f", "knxgw host apply")
    machine.apply().wait(20)
    gateway.wait_for(killed, Phase.RETURNED)
    machine.wait_for("192.0.2.20/24")


@pytest.mark.proves("W41")
def test_own_time_servers_take_the_place_of_those_of_the_network(
    machine_and_network: tuple[NetworkdMachine, Network],
) -> None:
    machine, network = machine_and_network
    network.give_addresses()
    machine.wait_for("192.0.2.1")
    gateway = Gateway(machine)
    gateway.change(AUTOMATIC, must_be_confirmed=False)
    wait_until(
        lambda: machine.link().get("NTP") == "192.0.2.123", 20.0, lambda: str(machine.link())
    )
    machine.wait_for("192.0.2.1")
    (leased,) = machine.addresses()
    for servers, by_network in (("ptbtime1.ptb.de",), ""), ((), "192.0.2.123"):
        gateway.set_time_servers(servers)
        wait_until(
            lambda: machine.link().get("NTP") == by_network,  # noqa: B023 - in this very round
            20.0,
            lambda: str(machine.link()),
        )
        machine.wait_for(leased)
    assert machine.restarts() == 2


@pytest.mark.proves("W40")
def test_a_browser_changes_the_address_and_keeps_it_at_the_new_place(
    machine_and_network: tuple[NetworkdMachine, Network],
) -> None:
    machine, network = machine_and_network
    leased = leased_address(machine, network)
    machine.path_units()
    machine.gateway(SITE)
    initial = machine.state / "knxgw.initial-password"
    wait_until(initial.exists, 30.0, "the gateway")

    def browse() -> None:
        before = Visitor(8080, host=leased.partition("/")[0])
        wait_until(lambda: _answers(before), 30.0, "the website")
        before.begin_with(initial.read_text("ascii").strip())
        page = before.page("/settings/network")
        assert leased in page
        fields = {field.value: text for field, text in PERMANENT.items()}
        review = before.send("/settings/network", csrf=_csrf(page), **fields)
        (link,) = re.findall(r"http://192\.0\.2\.20:8080(/[\w/-]+)", review)
        token = link.rpartition("/")[2]
        before.send("/settings/network/apply", csrf=_csrf(review), token=token, **fields)
        after = Visitor(8080, host="192.0.2.20")
        wait_until(lambda: _answers(after), 30.0, "the new place")
        assert "Keep the change?" in after.page(link)
        assert "The change is kept." in after.send(link)
        after.log_in()
        page = after.page("/settings/network")
        assert "192.0.2.20/24" in page
        assert "The last change is kept." in page

    network.host.call(browse)
    answer = Gateway(machine).answer()
    assert answer is not None
    assert answer.network is not None
    assert answer.network.phase is Phase.KEPT
    assert machine.addresses() == ["192.0.2.20/24"]


def _answers(visitor: Visitor) -> bool:
    try:
        return "ready" in visitor.page("/health")
    except OSError:
        return False


def _csrf(page: str) -> str:
    return page.split('name="csrf" value="')[1].split('"', maxsplit=1)[0]


@pytest.mark.proves("W40", "9.5")
def test_nobody_is_cut_off_for_more_than_130_s(
    machine_and_network: tuple[NetworkdMachine, Network],
) -> None:
    machine, network = machine_and_network
    network.give_addresses()
    machine.wait_for("192.0.2.1")
    gateway = Gateway(machine)
    kept = gateway.change(PERMANENT)
    gateway.ask(NetworkWanted(keep=kept))
    gateway.wait_for(kept, Phase.KEPT)
    machine.wait_for("192.0.2.20/24")
    wait_until(lambda: network.reaches("192.0.2.20"), 20.0, "the machine")
    elsewhere = {**PERMANENT, Field.ADDRESS: "198.51.100.20", Field.GATEWAY: ""}
    lost = gateway.change(elsewhere)
    wait_until(lambda: not network.reaches("192.0.2.20"), 20.0, "the change")
    began_s = time.perf_counter()
    wait_until(lambda: network.reaches("192.0.2.20"), 140.0, "the way back")
    cut_off_s = time.perf_counter() - began_s
    assert 100.0 < cut_off_s <= 130.0
    gateway.wait_for(lost, Phase.RETURNED)


KNX_SITE = SITE.replace("link: none", "link: routing, individual_address: 1.1.20")
TOOL = (sys.executable, "-m", "tests.support.ip_tool")


@pytest.mark.proves("9.6")
def test_a_knx_tool_sets_the_address_and_the_device_keeps_it_once_it_is_reached(
    machine_and_network: tuple[NetworkdMachine, Network],
) -> None:
    machine, network = machine_and_network
    leased = leased_address(machine, network).partition("/")[0]
    machine.path_units()
    machine.gateway(KNX_SITE)

    def tool(at: str, *what: str) -> str:
        done = network.host.run(*TOOL, f"udp:{at}:3671", "1.1.20", *what, timeout_s=30.0)
        return done.stdout.strip() if done.returncode == 0 else f"failed: {done.stderr[-300:]}"

    wait_until(lambda: tool(leased, "read") == f"0c {leased}", 60.0, lambda: tool(leased, "read"))
    said = tool(leased, "write", "192.0.2.20", "255.255.255.0", "192.0.2.1")
    assert said == "", said
    machine.wait_for("192.0.2.20/24")
    gateway = Gateway(machine)

    def is_kept() -> bool:
        answer = gateway.answer()
        return answer is not None and answer.network is not None and _kept_by_ets(answer)

    wait_until(is_kept, 60.0, lambda: str(gateway.answer()))  # its gateway answers
    wait_until(
        lambda: tool("192.0.2.20", "read") == "01 192.0.2.20",
        60.0,
        lambda: tool("192.0.2.20", "read"),
    )


def _kept_by_ets(answer: NetworkSideAnswer) -> bool:
    is_kept = answer.network is not None and answer.network.phase is Phase.KEPT
    return is_kept and answer.written is not None and answer.written.source is Source.ETS
