"""The gateway's end: it waits for an answer, and takes away what nobody has taken."""

import errno
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from knxgw.errors import RejectedError
from knxgw.host.answer import Failure
from knxgw.host.asking import ANSWERED_WITHIN_S, Asking, Ports
from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.network_plan import AUTOMATIC, IPv4Settings, Mode
from knxgw.host.networkd_file import Source
from knxgw.host.root_folder import Side
from tests.support.host_side import BOOT, HostRig

PERMANENT = IPv4Settings(mode=Mode.PERMANENT, interface=IPv4Interface("192.0.2.10/24"))


class Both:
    """The gateway's end and the root side; what starts the latter is `path_unit`."""

    def __init__(self, folder: Path) -> None:
        self.rig = HostRig(folder)
        self.rig.run()
        self.rig.run_time()
        self.boot = BOOT
        self.now_s = 0.0
        self.path_units: dict[Side, Callable[[], object]] = {
            Side.NETWORK: self.rig.run,
            Side.TIME: self.rig.run_time,
        }
        self.is_full = False
        self.asking = Asking(
            self.rig.state,
            Ports(
                write=self._write,
                boot=lambda: self.boot,
                now_s=lambda: self.now_s,
                wait=self.wait,
            ),
        )

    def _write(self, path: Path, content: bytes) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        path.write_bytes(content)

    def wait(self, seconds: float) -> None:
        """Let time pass: the root side is started and does what is wanted."""
        self.now_s += seconds
        for side, start in self.path_units.items():
            if (self.rig.folder / side.wanted).exists():
                start()

    def ignore(self) -> None:
        """Let nobody take a wish any more."""
        self.path_units = {}

    def forbid(self) -> None:
        """Let nobody ask for anything any more."""
        self.path_units = dict.fromkeys(Side, lambda: pytest.fail("nothing is to be asked"))


@pytest.fixture
def both(tmp_path: Path) -> Both:
    return Both(tmp_path)


def test_the_gateway_learns_what_became_of_a_change(both: Both) -> None:
    found = both.asking.change_network(AUTOMATIC, Source.WEBSITE, must_be_confirmed=False)
    assert found.phase is Phase.KEPT
    answer = both.asking.of_network()
    assert answer is not None
    assert answer.written is not None
    assert (answer.manager, answer.written.source) == (Manager.NETWORKD, Source.WEBSITE)


@pytest.mark.proves("W39")
def test_a_reset_returns_to_an_automatic_address(both: Both) -> None:
    both.asking.change_network(PERMANENT, Source.WEBSITE, must_be_confirmed=False)
    assert both.asking.return_to_automatic().phase is Phase.KEPT
    answer = both.asking.of_network()
    assert answer is not None
    assert answer.written is not None
    assert (answer.written.settings, answer.written.source) == (AUTOMATIC, Source.RESET)


def test_a_change_that_has_ended_is_not_asked_for_again(both: Both) -> None:
    found = both.asking.change_network(PERMANENT, Source.WEBSITE, must_be_confirmed=False)
    both.forbid()
    assert both.asking.keep(found.id).phase is Phase.KEPT
    assert both.asking.give_back(found.id).phase is Phase.KEPT


def test_a_wish_that_nobody_takes_is_taken_away_again(both: Both) -> None:
    both.ignore()
    with pytest.raises(RejectedError, match="does not react"):
        both.asking.set_time_servers(("192.0.2.123",))
    assert both.now_s == pytest.approx(ANSWERED_WITHIN_S, abs=1.0)
    assert not (both.rig.folder / Side.TIME.wanted).exists()


def test_an_answer_of_another_start_of_the_machine_is_none(both: Both) -> None:
    both.boot = "the next start"
    assert both.asking.of_network() is None
    assert both.asking.of_time() is None
    both.forbid()
    with pytest.raises(RejectedError, match="does not react"):
        both.asking.change_network(AUTOMATIC, Source.WEBSITE, must_be_confirmed=False)


def test_a_disk_that_is_full_is_said(both: Both) -> None:
    both.is_full = True
    with pytest.raises(RejectedError, match="No space left"):
        both.asking.set_time_servers(())


@pytest.mark.proves("W67")
def test_a_restart_of_the_machine_is_answered_before_it_happens(both: Both) -> None:
    done_then: list[int] = []
    both.rig.at(both.rig.now_s + 2, lambda: done_then.append(both.rig.machine.reboots))
    assert both.asking.reboot().failure is None
    assert (done_then, both.rig.machine.reboots) == ([0], 1)


@pytest.mark.proves("W67")
def test_a_restart_that_nobody_takes_is_not_carried_out_later(both: Both) -> None:
    both.ignore()
    with pytest.raises(RejectedError, match="does not react"):
        both.asking.reboot()
    both.rig.run_time()
    assert both.rig.machine.reboots == 0


@pytest.mark.proves("W41")
def test_servers_and_clock_are_answered_each_for_itself(both: Both) -> None:
    assert both.asking.set_time_servers(("192.0.2.123",)).failure is None
    both.rig.machine.synchronised = True
    at = datetime(2026, 12, 24, 12, tzinfo=UTC)
    assert both.asking.set_clock(at).failure is Failure.SYNCHRONISED
    answer = both.asking.of_time()
    assert answer is not None
    assert answer.time_servers == ("192.0.2.123",)


@pytest.mark.proves("W41")
def test_own_time_servers_take_the_place_of_those_of_the_network(both: Both) -> None:
    both.asking.change_network(PERMANENT, Source.WEBSITE, must_be_confirmed=False)
    for servers in (("192.0.2.123",), ()):
        assert both.asking.set_time_servers(servers).failure is None
        answer = both.asking.of_network()
        assert answer is not None
        assert answer.uses_time_servers is not bool(servers)


@pytest.mark.proves("W41")
def test_time_servers_are_set_where_somebody_else_manages_the_network(both: Both) -> None:
    (both.rig.folder / Side.NETWORK.answer).unlink()
    assert both.asking.set_time_servers(("192.0.2.123",)).failure is None
    assert "NTP=192.0.2.123\n" in both.rig.machine.time_servers


@pytest.mark.proves("W41")
def test_a_network_whose_half_does_not_answer_is_said(both: Both) -> None:
    del both.path_units[Side.NETWORK]
    with pytest.raises(RejectedError, match="knxgw-host-network"):
        both.asking.set_time_servers(("192.0.2.123",))
