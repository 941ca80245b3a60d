"""The side with the rights, in virtual time: what is confirmed stays, everything else returns."""

import errno
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from knxgw.host import files
from knxgw.host.answer import Failure, PartAnswer
from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.network_plan import AUTOMATIC, IPv4Settings, Mode
from knxgw.host.networkd_file import Source
from knxgw.host.root_folder import Side
from knxgw.host.root_side import HostError
from knxgw.host.wanted import (
    ClockWish,
    NetworkServersWish,
    NetworkWanted,
    NetworkWish,
    ServersWish,
    TimeWanted,
)
from tests.support.host_side import BEGIN, BOOT, HostRig

FIRST, SECOND, THIRD = "a" * 32, "b" * 32, "c" * 32


def permanent(address: str) -> IPv4Settings:
    return IPv4Settings(mode=Mode.PERMANENT, interface=IPv4Interface(address))


def wish(change: str, address: str, *, must_be_confirmed: bool = True) -> NetworkWanted:
    network = NetworkWish(
        id=change,
        settings=permanent(address),
        source=Source.WEBSITE,
        must_be_confirmed=must_be_confirmed,
    )
    return NetworkWanted(network=network)


def automatic(change: str) -> NetworkWanted:
    """Return what a reset to the factory settings wants."""
    network = NetworkWish(
        id=change, settings=AUTOMATIC, source=Source.RESET, must_be_confirmed=False
    )
    return NetworkWanted(network=network)


@pytest.fixture
def rig(tmp_path: Path) -> HostRig:
    """Give a machine with a permanent address that was confirmed."""
    found = HostRig(tmp_path)
    found.at(1010.0, lambda: found.want(Side.NETWORK, NetworkWanted(keep=FIRST)))
    answer = found.run(wish(FIRST, "192.0.2.10/24"))
    assert answer.network is not None
    assert answer.network.phase is Phase.KEPT
    found.answers.clear()
    found.machine.takes.clear()
    return found


@pytest.mark.proves("W40")
def test_a_change_that_nobody_confirms_returns_after_120_s(rig: HostRig) -> None:
    began_s = rig.now_s
    answer = rig.run(wish(SECOND, "192.0.2.20/24"))
    assert answer.network is not None
    assert (answer.network.id, answer.network.phase) == (SECOND, Phase.RETURNED)
    assert rig.machine.takes == ["192.0.2.20/24", "192.0.2.10/24"]
    assert 120.0 <= rig.now_s - began_s <= 121.0
    assert not rig.network.is_unconfirmed


@pytest.mark.proves("9.5", "9.6")
@pytest.mark.parametrize(
    ("source", "is_there", "phase"),
    [
        (Source.ETS, True, Phase.KEPT),
        (Source.ETS, False, Phase.RETURNED),
        (Source.WEBSITE, True, Phase.RETURNED),
    ],
)
def test_what_a_tool_has_written_is_kept_once_the_gateway_that_it_names_answers(
    rig: HostRig,
    source: Source,
    is_there: bool,  # noqa: FBT001 - a parameter of the test
    phase: Phase,
) -> None:
    router = IPv4Address("192.0.2.1")
    settings = replace(permanent("192.0.2.20/24"), gateway=router)
    network = NetworkWish(id=SECOND, settings=settings, source=source, must_be_confirmed=True)
    began_s = rig.now_s
    if is_there:
        rig.at(began_s + 30.0, lambda: rig.machine.others.add(router))
    answer = rig.run(NetworkWanted(network=network))
    assert answer.network is not None
    assert answer.network.phase is phase
    assert rig.now_s - began_s == pytest.approx(30.0 if phase is Phase.KEPT else 120.0, abs=2.5)


@pytest.mark.proves("W40")
def test_the_page_learns_until_when_before_the_address_changes(rig: HostRig) -> None:
    seen: list[tuple[float, list[str]]] = []
    began_s = rig.now_s
    rig.at(began_s, lambda: seen.append((rig.now_s, list(rig.machine.takes))))
    rig.at(began_s + 50, lambda: rig.want(Side.NETWORK, NetworkWanted(keep=SECOND)))
    answer = rig.run(wish(SECOND, "192.0.2.20/24"))
    (waiting,) = {
        one.network for one in rig.answers if one.network and one.network.phase is Phase.WAITING
    }
    assert waiting.confirm_until == BEGIN + timedelta(seconds=began_s - 1000.0 + 120.0)
    assert seen == [(began_s + 2.0, [])], "two seconds for the answer to leave"
    assert answer.network is not None
    assert answer.network.phase is Phase.KEPT
    assert rig.machine.takes == ["192.0.2.20/24"]
    assert answer.written is not None
    assert (answer.written.source, answer.written.id) == (Source.WEBSITE, SECOND)


def test_somebody_who_does_not_want_to_wait_gives_it_back(rig: HostRig) -> None:
    began_s = rig.now_s
    rig.at(began_s + 10, lambda: rig.want(Side.NETWORK, NetworkWanted(give_back=SECOND)))
    answer = rig.run(wish(SECOND, "192.0.2.20/24"))
    assert answer.network is not None
    assert answer.network.phase is Phase.RETURNED
    assert rig.now_s - began_s < 12.0


def test_a_confirmation_of_another_change_confirms_nothing(rig: HostRig) -> None:
    rig.at(rig.now_s + 10, lambda: rig.want(Side.NETWORK, NetworkWanted(keep=THIRD)))
    answer = rig.run(wish(SECOND, "192.0.2.20/24"))
    assert answer.network is not None
    assert answer.network.phase is Phase.RETURNED


@pytest.mark.proves("W40")
def test_a_change_during_a_change_returns_to_what_was_confirmed_last(rig: HostRig) -> None:
    rig.at(rig.now_s + 10, lambda: rig.want(Side.NETWORK, wish(THIRD, "192.0.2.30/24")))
    answer = rig.run(wish(SECOND, "192.0.2.20/24"))
    assert answer.network is not None
    assert (answer.network.id, answer.network.phase) == (THIRD, Phase.RETURNED)
    assert rig.machine.takes == ["192.0.2.20/24", "192.0.2.30/24", "192.0.2.10/24"]


@pytest.mark.proves("W40", "W39")
def test_a_reset_is_automatic_at_once_even_while_a_change_waits(rig: HostRig) -> None:
    rig.at(rig.now_s + 10, lambda: rig.want(Side.NETWORK, automatic(THIRD)))
    answer = rig.run(wish(SECOND, "192.0.2.20/24"))
    assert answer.network is not None
    assert (answer.network.id, answer.network.phase) == (THIRD, Phase.KEPT)
    assert answer.written is not None
    assert (answer.written.settings, answer.written.source) == (AUTOMATIC, Source.RESET)
    assert not rig.network.is_unconfirmed


def test_the_first_change_of_a_machine_returns_to_no_file_of_ours(tmp_path: Path) -> None:
    rig = HostRig(tmp_path)
    rig.run(wish(FIRST, "192.0.2.10/24"))
    assert rig.machine.takes == ["192.0.2.10/24", "nothing"]
    assert list(rig.network.folder.iterdir()) == []


@pytest.mark.proves("W40")
@pytest.mark.parametrize("boot", [BOOT, "the next start"])
def test_a_start_takes_an_unconfirmed_change_back_at_once(rig: HostRig, boot: str) -> None:
    def killed() -> None:
        raise KeyboardInterrupt

    rig.at(rig.now_s + 10, killed)
    with pytest.raises(KeyboardInterrupt):
        rig.run(wish(SECOND, "192.0.2.20/24"))
    rig.boot, began_s = boot, rig.now_s
    answer = rig.run()
    assert answer.network is not None
    assert (answer.network.id, answer.network.phase) == (SECOND, Phase.RETURNED)
    assert rig.machine.takes[-1] == "192.0.2.10/24"
    assert rig.now_s == began_s


@pytest.mark.proves("W40")
def test_the_way_back_needs_no_room_on_the_disk(
    rig: HostRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")

    def write_readable(_path: Path, _text: str) -> None:
        raise full

    def fill() -> None:
        monkeypatch.setattr(files, "write_readable", write_readable)
        monkeypatch.setattr("knxgw.host.network_files.write_readable", write_readable)

    rig.at(rig.now_s + 10, fill)
    rig.run(wish(SECOND, "192.0.2.20/24"))
    assert rig.machine.takes[-1] == "192.0.2.10/24"
    refused = rig.run(wish(THIRD, "192.0.2.30/24"))
    assert refused.network is not None
    assert (refused.network.phase, refused.network.failure) == (Phase.FAILED, Failure.NOT_WRITTEN)
    assert rig.machine.takes[-1] == "192.0.2.10/24"
    assert not rig.network.is_unconfirmed


def test_a_change_that_networkd_does_not_take_is_given_back(rig: HostRig) -> None:
    rig.machine.failures = 1
    answer = rig.run(wish(SECOND, "192.0.2.20/24"))
    assert answer.network is not None
    assert (answer.network.phase, answer.network.failure) == (Phase.FAILED, Failure.NOT_TAKEN)
    assert rig.machine.takes == ["192.0.2.10/24"]


def test_a_way_back_that_fails_is_tried_again_and_then_by_the_next_run(rig: HostRig) -> None:
    def fail() -> None:
        rig.machine.failures = 3

    rig.at(rig.now_s + 100, fail)
    with pytest.raises(HostError):
        rig.run(wish(SECOND, "192.0.2.20/24"))
    assert rig.network.is_unconfirmed
    answer = rig.run()
    assert answer.network is not None
    assert answer.network.phase is Phase.RETURNED
    assert rig.machine.takes[-1] == "192.0.2.10/24"


@pytest.mark.proves("W40")
@pytest.mark.parametrize("manager", [one for one in Manager if one is not Manager.NETWORKD])
def test_what_another_manages_is_left_alone(tmp_path: Path, manager: Manager) -> None:
    rig = HostRig(tmp_path)
    rig.machine.managed_by = manager
    answer = rig.run(wish(FIRST, "192.0.2.10/24"))
    assert answer.manager is manager
    assert answer.network is not None
    assert answer.network.failure is Failure.MANAGED_BY_HOST
    assert not rig.network.folder.exists()
    assert rig.machine.takes == []


@pytest.mark.proves("W40")
def test_an_address_that_another_machine_has_is_not_taken(rig: HostRig) -> None:
    rig.machine.others = {IPv4Address("192.0.2.20")}
    answer = rig.run(wish(SECOND, "192.0.2.20/24"))
    assert answer.network is not None
    assert (answer.network.phase, answer.network.failure) == (Phase.FAILED, Failure.ADDRESS_TAKEN)
    assert rig.machine.takes == []


def test_a_wish_that_is_none_changes_nothing_and_is_gone(rig: HostRig) -> None:
    answer = rig.run(b'{"version": 1, "command": "reboot"}')
    assert answer.refusal == "it has an unknown key"
    assert rig.machine.takes == []
    assert not (rig.folder / "network-wanted.json").exists()
    assert rig.run(wish(SECOND, "192.0.2.20/24", must_be_confirmed=False)).refusal == ""


def test_an_answer_that_cannot_be_left_does_not_hold_up_the_way_back(rig: HostRig) -> None:
    def remove_folder() -> None:
        for path in rig.folder.iterdir():
            path.unlink()
        rig.folder.rmdir()

    rig.at(rig.now_s + 10, remove_folder)
    rig.run(wish(SECOND, "192.0.2.20/24"))
    assert rig.machine.takes == ["192.0.2.20/24", "192.0.2.10/24"]


# --- time


@pytest.mark.proves("W41")
def test_time_servers_are_set_and_those_of_the_system_come_back(rig: HostRig) -> None:
    servers = ServersWish(id=FIRST, servers=("ptbtime1.ptb.de", "192.0.2.123"))
    answer = rig.run_time(TimeWanted(servers=servers))
    assert answer.servers is not None
    assert (answer.servers.id, answer.servers.failure) == (FIRST, None)
    assert answer.time_servers == servers.servers
    assert "NTP=ptbtime1.ptb.de 192.0.2.123\n" in rig.machine.time_servers
    answer = rig.run_time(TimeWanted(servers=ServersWish(id=SECOND, servers=())))
    assert answer.time_servers == ()
    assert rig.machine.time_servers == ""
    assert not rig.time_file.exists()


def use_time_servers(change: str, *, are_used: bool) -> NetworkWanted:
    return NetworkWanted(time_servers=NetworkServersWish(id=change, are_used=are_used))


@pytest.mark.proves("W41")
def test_own_time_servers_are_asked_instead_of_those_of_the_dhcp_server(rig: HostRig) -> None:
    dropped = rig.network.folder / "10-knxgw.network.d" / "50-time.conf"
    for change in (SECOND, THIRD):
        answer = rig.run(use_time_servers(change, are_used=False))
        assert answer.time_servers == PartAnswer(id=change)
        assert not answer.uses_time_servers
        assert "UseNTP=no" in dropped.read_text("ascii")
        assert rig.machine.takes == ["192.0.2.10/24"], "nothing begins again for what is there"
    assert rig.run(use_time_servers(FIRST, are_used=True)).uses_time_servers
    assert not dropped.exists()
    assert rig.machine.takes == ["192.0.2.10/24"] * 2


def test_a_network_that_does_not_take_its_time_servers_is_said(rig: HostRig) -> None:
    rig.machine.failures = 1
    answer = rig.run(use_time_servers(SECOND, are_used=False))
    assert answer.time_servers == PartAnswer(id=SECOND, failure=Failure.NOT_TAKEN)


@pytest.mark.proves("W41")
def test_without_a_time_service_the_time_is_left_to_the_host(rig: HostRig) -> None:
    rig.machine.has_service = False
    servers = ServersWish(id=FIRST, servers=("ptbtime1.ptb.de",))
    answer = rig.run_time(TimeWanted(servers=servers))
    assert answer.servers is not None
    assert answer.servers.failure is Failure.MANAGED_BY_HOST
    assert not rig.time_file.exists()


@pytest.mark.proves("W41")
def test_the_clock_is_set_to_the_time_that_it_is_when_it_is_set(rig: HostRig) -> None:
    noon = datetime(2026, 12, 24, 12, tzinfo=UTC)
    clock = ClockWish(id=FIRST, at=noon, known_at=rig.now_s - 3.0)
    answer = rig.run_time(TimeWanted(clock=clock))
    assert answer.clock is not None
    assert answer.clock.failure is None
    assert rig.machine.clock == noon + timedelta(seconds=3)


@pytest.mark.proves("W41")
def test_a_clock_that_a_server_sets_is_left_alone(rig: HostRig) -> None:
    rig.machine.synchronised = True
    clock = ClockWish(id=FIRST, at=BEGIN, known_at=rig.now_s)
    answer = rig.run_time(TimeWanted(clock=clock))
    assert answer.clock is not None
    assert answer.clock.failure is Failure.SYNCHRONISED
    assert rig.machine.clock is None
