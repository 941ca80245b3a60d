"""A restart of the machine: at most once for each wish, and never while a change of the network waits."""

import errno
import json
import os
from pathlib import Path

import pytest

from knxgw.host.answer import Failure, PartAnswer
from knxgw.host.network_change import Phase
from knxgw.host.root_folder import Side
from knxgw.host.wanted import NetworkWanted, RebootWish, ServersWish, TimeWanted, wanted_bytes
from tests.host.test_root_side import wish
from tests.support.host_side import BOOT, HostRig

FIRST, SECOND, THIRD = "a" * 32, "b" * 32, "c" * 32
NEXT_BOOT = BOOT.replace("1", "9")
REBOOT = TimeWanted(reboot=RebootWish(id=FIRST, boot=BOOT))


@pytest.fixture
def rig(tmp_path: Path) -> HostRig:
    return HostRig(tmp_path)


@pytest.mark.proves("W67")
def test_the_machine_restarts_two_seconds_after_the_page_has_its_answer(rig: HostRig) -> None:
    begun_s = rig.now_s
    seen: list[int] = []
    rig.at(begun_s + 2, lambda: seen.append(rig.machine.reboots))
    answer = rig.run_time(REBOOT)
    assert answer.reboot == PartAnswer(id=FIRST)
    assert (seen, rig.machine.reboots) == ([0], 1)
    assert rig.now_s == begun_s + 2


@pytest.mark.proves("W67")
def test_nothing_else_is_begun_while_the_machine_ends(rig: HostRig) -> None:
    servers = TimeWanted(servers=ServersWish(id=SECOND, servers=("192.0.2.123",)))
    rig.at(rig.now_s + 1, lambda: rig.want(Side.TIME, servers))
    rig.run_time(REBOOT)
    assert rig.machine.reboots == 1
    assert rig.machine.time_servers == ""


@pytest.mark.proves("W67")
def test_a_restart_is_refused_while_a_change_waits_that_it_would_return(rig: HostRig) -> None:
    seen: list[PartAnswer | None] = []
    rig.at(rig.now_s + 10, lambda: seen.append(rig.run_time(REBOOT).reboot))
    rig.at(rig.now_s + 20, lambda: rig.want(Side.NETWORK, NetworkWanted(keep=SECOND)))
    answer = rig.run(wish(SECOND, "192.0.2.20/24"))
    assert seen == [PartAnswer(id=FIRST, failure=Failure.CHANGE_WAITS)]
    assert answer.network is not None
    assert answer.network.phase is Phase.KEPT
    assert rig.machine.reboots == 0
    assert rig.run_time(REBOOT).reboot == PartAnswer(id=FIRST)
    assert rig.machine.reboots == 1, "and afterwards it is done"


@pytest.mark.proves("W67")
def test_a_restart_is_refused_in_the_first_two_minutes_so_that_somebody_can_stop_a_series_of_them(
    rig: HostRig,
) -> None:
    rig.now_s = 119.0
    assert rig.run_time(REBOOT).reboot == PartAnswer(id=FIRST, failure=Failure.JUST_STARTED)
    assert rig.machine.reboots == 0
    rig.now_s = 120.0
    assert rig.run_time(REBOOT).reboot == PartAnswer(id=FIRST)
    assert rig.machine.reboots == 1


def test_a_system_that_does_not_restart_is_said_and_goes_on(rig: HostRig) -> None:
    rig.machine.failures = 1
    answer = rig.run_time(REBOOT)
    assert answer.reboot == PartAnswer(id=FIRST, failure=Failure.NOT_TAKEN)
    servers = ServersWish(id=SECOND, servers=("192.0.2.123",))
    assert rig.run_time(TimeWanted(servers=servers)).time_servers == servers.servers
    assert rig.machine.reboots == 0


@pytest.mark.proves("W67")
def test_a_wish_that_a_disk_gives_back_after_a_power_cut_restarts_nothing(rig: HostRig) -> None:
    rig.run_time(REBOOT)
    rig.boot = NEXT_BOOT
    for _ in range(3):
        answer = rig.run_time(REBOOT)
        assert answer.reboot == PartAnswer(id=FIRST, failure=Failure.OTHER_BOOT)
    assert rig.machine.reboots == 1
    assert rig.run_time().reboot is None


@pytest.mark.proves("W67")
def test_a_wish_is_gone_when_the_machine_restarts(rig: HostRig) -> None:
    begun_s = rig.now_s
    left: list[set[str]] = []
    rig.at(begun_s + 2, lambda: left.append({one.name for one in rig.folder.iterdir()}))
    rig.run_time(REBOOT)
    assert left == [{"time-answer.json"}]


class Killed(BaseException):
    """What ends a run without a word."""


def killed() -> None:
    raise Killed


@pytest.mark.proves("W67")
def test_a_root_side_that_is_killed_before_the_restart_does_not_catch_up_on_it(
    rig: HostRig,
) -> None:
    rig.at(rig.now_s + 1, killed)
    with pytest.raises(Killed):
        rig.run_time(REBOOT)
    rig.run_time()
    assert rig.machine.reboots == 0


def test_a_wish_that_was_moved_away_and_not_read_is_no_wish(rig: HostRig) -> None:
    (rig.folder / Side.TIME.taken).write_bytes(wanted_bytes(REBOOT))
    rig.run_time()
    assert rig.machine.reboots == 0


def test_a_wish_that_cannot_be_moved_away_is_not_carried_out(
    rig: HostRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    rig.run_time()
    rig.want(Side.TIME, REBOOT)
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        rig.run_time()
    assert rig.machine.reboots == 0
    assert (rig.folder / Side.TIME.wanted).exists()


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("servers", {"id": THIRD, "servers": []}),
        ("clock", None),
    ],
)
@pytest.mark.proves("W67")
def test_a_restart_with_something_else_is_refused_as_a_whole(
    rig: HostRig, part: str, value: object
) -> None:
    content = json.loads(wanted_bytes(REBOOT)) | {part: value}
    answer = rig.run_time(json.dumps(content).encode())
    assert answer.refusal == "a restart of the machine comes with something else"
    assert rig.machine.reboots == 0
