"""The gateway and its machine: what pages see, and what goes on beside."""

import asyncio
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.device.ip_settings import IpSettings
from knxgw.errors import RejectedError
from knxgw.host.answer import (
    Failure,
    NetworkAnswer,
    NetworkSideAnswer,
    PartAnswer,
    TimeSideAnswer,
    network_answer_bytes,
    time_answer_bytes,
)
from knxgw.host.clock import boot_id
from knxgw.host.manager import Manager
from knxgw.host.network import OwnAddress
from knxgw.host.network_change import ChangeByTool, Phase
from knxgw.host.network_plan import AUTOMATIC, IPv4Settings, read_settings
from knxgw.host.networkd_file import Source, Written
from knxgw.host.root_folder import FOLDER, Side
from knxgw.machine import Machine, bound_to, time_servers
from tests.host.test_adapters_and_managers import CONFIGURED, add, write

SITE = """
device: {ntp_servers: [ptbtime1.ptb.de, 192.0.2.123]}
knx: {link: none}
website: {listen: "LISTEN"}
charging_points: [{number: 1, model: keba_p30, connection: {host: 10.0.0.1}}]
"""


def configuration(listen: str = "127.0.0.1:8080") -> Configuration:
    found = parse_configuration(SITE.replace("LISTEN", listen), catalogue()).configuration
    assert found is not None
    return found


class Rig:
    """A machine, and what its root side has answered."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.noted: list[str] = []
        self.root = state / "root"
        self.machine = Machine(state, configuration, self.noted.append, root=self.root)
        self.asked: list[tuple[str, ...]] = []
        self.machine._asking.set_time_servers = self._set  # type: ignore[method-assign]
        self.refuses = False

    def answers(self, **given: Any) -> NetworkSideAnswer:
        answer = NetworkSideAnswer(boot=boot_id(), manager=Manager.NETWORKD, **given)
        self._write(Side.NETWORK, network_answer_bytes(answer))
        return answer

    def answers_of_time(self, **given: Any) -> TimeSideAnswer:
        answer = TimeSideAnswer(boot=boot_id(), **given)
        self._write(Side.TIME, time_answer_bytes(answer))
        return answer

    def _write(self, side: Side, content: bytes) -> None:
        folder = self.state / FOLDER
        folder.mkdir(exist_ok=True)
        (folder / side.answer).write_bytes(content)

    def _set(self, servers: tuple[str, ...]) -> PartAnswer:
        self.asked.append(servers)
        return PartAnswer(id="a" * 32)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_without_a_root_side_the_host_manages_everything(rig: Rig) -> None:
    pages = rig.machine.for_pages()
    network = pages.network()
    assert not network.is_writable
    assert network.source is Source.HOST
    assert not pages.time().has_service


@pytest.mark.proves("W40")
def test_pages_see_who_wrote_the_settings_and_what_became_of_the_change(rig: Rig) -> None:
    change = NetworkAnswer(id="c" * 32, phase=Phase.RETURNED)
    written = Written(adapter="none0", settings=AUTOMATIC, source=Source.ETS, id="b" * 32)
    rig.answers(network=change, written=written)
    add(rig.root, "eth0", 2, "device")
    state = CONFIGURED.format("/etc/systemd/network/10-knxgw.network")
    write(rig.root, "run/systemd/netif/links/2", state)
    network = rig.machine.for_pages().network()
    assert network.is_writable
    assert (network.source, network.settings, network.change) == (Source.ETS, AUTOMATIC, change)


@pytest.mark.proves("W40")
def test_a_return_by_itself_stands_in_the_audit_once(rig: Rig) -> None:
    waiting = NetworkAnswer(id="c" * 32, phase=Phase.WAITING)
    for network in (
        waiting,
        replace(waiting, phase=Phase.RETURNED),
        replace(waiting, phase=Phase.RETURNED),
    ):
        rig.machine._note_return(rig.answers(network=network))
    assert rig.noted == ["network_returned"]
    rig.machine._note_return(rig.answers(network=waiting))
    rig.machine._note_return(rig.answers(network=replace(waiting, phase=Phase.KEPT)))
    assert rig.noted == ["network_returned"]


@pytest.mark.proves("W67")
def test_a_restart_is_offered_where_the_root_side_can_and_it_is_no_container(rig: Rig) -> None:
    state = rig.machine.for_pages().reboot_state
    assert not state().is_offered, "nobody answers"
    rig.answers()
    assert not state().is_offered, "only the half of the network answers"
    rig.answers_of_time()
    assert state().is_offered
    write(rig.root, "run/systemd/container", "lxc")
    assert not state().is_offered, "whoever runs the container restarts the machine"


@pytest.mark.parametrize("failure", [None, Failure.CHANGE_WAITS])
def test_the_run_ends_for_a_restart_only_if_the_machine_restarts(
    rig: Rig, failure: Failure | None
) -> None:
    rig.machine._asking.reboot = lambda: PartAnswer(id="a" * 32, failure=failure)  # type: ignore[method-assign]
    pages = rig.machine.for_pages(lambda: rig.noted.append("rebooted"))
    assert pages.reboot().failure is failure
    assert rig.noted == (["rebooted"] if failure is None else [])


@pytest.mark.parametrize(
    ("failure", "said"),
    [(None, None), (Failure.NOT_TAKEN, Failure.NOT_TAKEN), (Failure.CHANGE_WAITS, None)],
)
def test_a_restart_that_failed_later_is_told_and_one_that_was_refused_is_not_told_twice(
    rig: Rig, failure: Failure | None, said: Failure | None
) -> None:
    rig.answers_of_time(reboot=PartAnswer(id="a" * 32, failure=failure))
    assert rig.machine.for_pages().reboot_state().failure is said


def test_other_addresses_are_noticed_and_the_first_ones_are_no_others(rig: Rig) -> None:
    first, second = (
        OwnAddress("eth0", one, "02:00:00:00:00:01") for one in ("192.0.2.5", "192.0.2.20")
    )
    moved = [
        rig.machine._note_addresses(one) for one in ((first,), (first,), (second,), (), (second,))
    ]
    assert moved == [False, False, True, True, True]


@pytest.mark.real  # threads
@pytest.mark.proves("W41")
async def test_the_time_servers_of_the_configuration_are_asked_for_where_they_are_others(
    rig: Rig,
) -> None:
    wanted = ("ptbtime1.ptb.de", "192.0.2.123")
    assert time_servers(configuration()) == wanted
    assert time_servers(None) == ()
    take = rig.machine._take_time_servers
    await take(rig.answers_of_time(), None)
    assert rig.asked == [], "without a time service that is the host's"
    assert not rig.machine.for_pages().time().has_service
    (rig.root / "run/systemd/timesync").mkdir(parents=True)
    assert rig.machine.for_pages().time().has_service
    await take(rig.answers_of_time(), None)
    assert not rig.machine.for_pages().time().are_taken
    taken = rig.answers_of_time(time_servers=wanted)
    await take(taken, None)
    assert rig.machine.for_pages().time().are_taken
    assert rig.asked == [wanted]


@pytest.mark.real  # threads
@pytest.mark.proves("W41")
async def test_time_servers_that_the_network_names_must_not_be_asked_before_own_ones(
    rig: Rig,
) -> None:
    (rig.root / "run/systemd/timesync").mkdir(parents=True)
    taken = rig.answers_of_time(time_servers=time_servers(configuration()))
    await rig.machine._take_time_servers(taken, rig.answers(uses_time_servers=True))
    assert not rig.machine.for_pages().time().are_taken
    assert rig.asked == [time_servers(configuration())]
    await rig.machine._take_time_servers(taken, rig.answers(uses_time_servers=False))
    assert rig.machine.for_pages().time().are_taken
    assert len(rig.asked) == 1


@pytest.mark.real  # threads
async def test_the_gateway_makes_the_folder_in_which_the_root_side_answers(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end(_seconds: float) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", end)
    with pytest.raises(asyncio.CancelledError):
        await rig.machine.look_after()
    assert (rig.state / FOLDER).stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("192.0.2.5:8080", "192.0.2.5"),
        ("0.0.0.0:8080", ""),
        ("127.0.0.1:8080", ""),  # behind a proxy
        ("garage.example.org:8080", ""),
    ],
)
def test_a_website_at_one_address_is_known_to_be_there_only(listen: str, address: str) -> None:
    assert bound_to(configuration(listen)) == address
    assert bound_to(None) == ""


TOOL = IpSettings(
    is_permanent=True,
    address=IPv4Address("192.168.1.50"),
    mask=IPv4Address("255.255.255.0"),
    gateway=IPv4Address("192.168.1.1"),
)


def networkd_manages(rig: Rig, **given: Any) -> list[tuple[IPv4Settings, Source, bool]]:
    """Have the root side answer, and networkd manage; return what will be asked."""
    rig.answers(**given)
    add(rig.root, "eth0", 2, "device")
    write(
        rig.root,
        "run/systemd/netif/links/2",
        CONFIGURED.format("/etc/systemd/network/10-knxgw.network"),
    )
    asked: list[tuple[IPv4Settings, Source, bool]] = []

    def change(settings: IPv4Settings, source: Source, *, must_be_confirmed: bool) -> NetworkAnswer:
        asked.append((settings, source, must_be_confirmed))
        return NetworkAnswer(id="d" * 32, phase=Phase.WAITING)

    rig.machine._asking.change_network = change  # type: ignore[method-assign]
    return asked


@pytest.mark.proves("9.6")
def test_settings_of_a_tool_go_to_the_root_side_and_name_servers_stay(rig: Rig) -> None:
    servers = (IPv4Address("9.9.9.9"),)
    before = replace(AUTOMATIC, name_servers=servers)
    written = Written(adapter="eth0", settings=before, source=Source.WEBSITE, id="b" * 32)
    asked = networkd_manages(rig, written=written)
    assert rig.machine.is_settable
    rig.machine.change_by_tool(TOOL)
    ((settings, source, must_be_confirmed),) = asked
    assert (str(settings.interface), settings.gateway) == ("192.168.1.50/24", TOOL.gateway)
    assert (settings.name_servers, source, must_be_confirmed) == (servers, Source.ETS, True)


@pytest.mark.proves("9.6")
def test_settings_that_hold_already_are_not_asked_for(rig: Rig) -> None:
    settings = read_settings(
        {"mode": "permanent", "address": "192.168.1.50", "mask": "24", "gateway": "192.168.1.1"}
    )
    written = Written(adapter="eth0", settings=settings, source=Source.WEBSITE, id="b" * 32)
    asked = networkd_manages(rig, written=written)
    assert rig.machine.change_by_tool(TOOL) is None
    assert asked == []


@pytest.mark.proves("9.4")
@pytest.mark.parametrize(
    "wrong",
    [
        {"address": IPv4Address("127.0.0.1")},
        {"address": IPv4Address("224.0.23.12")},
        {"address": IPv4Address("0.0.0.0")},  # noqa: S104 - that is the case
        {"mask": IPv4Address("255.0.255.0")},
        {"gateway": IPv4Address("10.0.0.1")},
    ],
)
def test_what_no_machine_can_have_is_refused_with_the_reason(
    rig: Rig, wrong: dict[str, Any]
) -> None:
    asked = networkd_manages(rig)
    with pytest.raises(RejectedError, match="no machine can have them"):
        rig.machine.change_by_tool(replace(TOOL, **wrong))
    assert asked == []


def test_where_the_host_manages_its_network_tools_change_nothing(rig: Rig) -> None:
    assert not rig.machine.is_settable
    with pytest.raises(RejectedError, match="host manages"):
        rig.machine.change_by_tool(TOOL)


@pytest.mark.parametrize("changed", [{"phase": Phase.KEPT}, {"id": "e" * 32}, {}])
def test_only_a_change_of_a_tool_that_waits_is_watched(rig: Rig, changed: dict[str, Any]) -> None:
    change = replace(NetworkAnswer(id="c" * 32, phase=Phase.WAITING), **changed)
    written = Written(adapter="eth0", settings=AUTOMATIC, source=Source.ETS, id="c" * 32)
    rig.answers(network=change, written=written)
    expected = None if changed else ChangeByTool(id="c" * 32, address=None)
    assert rig.machine.waiting_by_tool() == expected
    rig.answers(network=change, written=replace(written, source=Source.WEBSITE))
    assert rig.machine.waiting_by_tool() is None


def test_a_tool_cannot_take_away_the_address_that_the_configuration_names(rig: Rig) -> None:
    asked = networkd_manages(rig)
    rig.machine._configuration = lambda: configuration("192.168.1.77:8080")
    with pytest.raises(RejectedError, match=r"website.listen of the configuration names"):
        rig.machine.change_by_tool(TOOL)
    assert asked == []
