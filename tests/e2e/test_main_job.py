"""The main job on real parts: knxd, knxtool and xknx on one side, mbpoll on the other.

Every telegram of the gateway is accounted for: one that nobody expected, a duplicate or a missing
one fails the test.
"""

import itertools
import struct
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.site import ALFEN_PORT, ALFEN_SETPOINT, Simulator, running_site
from tests.support.knxd import Knxd
from tests.support.netns import BusNamespace
from tests.support.peers import (
    knxtool_groupread,
    knxtool_groupswrite,
    mbpoll_read,
    require_peers,
)
from tests.support.recording import Recorded, Recording
from tests.support.talking import TalkingProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.real]

MOVING = {"1/2/61", "1/2/62", "1/2/66", "1/2/70"}  # setpoint, current, power, energy
NO_ERROR = b"No error".ljust(14, b"\0").hex()
SERIAL = b"ACE0123456".ljust(14, b"\0").hex()
NOT_REACHABLE = b"NotReachable".ljust(14, b"\0").hex()
RECORDER = (sys.executable, "-m", "tests.support.bus_recorder")
ROUTING_TOOL = (sys.executable, "-m", "tests.support.routing_tool")


class Line(ABC):
    """A way to read and write group addresses that is not ours."""

    def __init__(self, host: BusNamespace, recording: Recording) -> None:
        self.host = host
        self.recording = recording

    @abstractmethod
    def write_bit(self, address: str, value: int) -> None: ...

    @abstractmethod
    def read(self, address: str) -> bytes | None: ...

    def gateway_telegrams(self) -> list[Recorded]:
        """Return what the gateway has sent since the last mark."""
        telegrams = self.recording.telegrams()
        return [t for t in telegrams if t.destination != "1/2/55" and t.service == "write"]

    def expect_states(self, *expected: tuple[str, str], seconds: float = 6.0) -> None:
        """Expect exactly these state telegrams, those of one address in this order."""

        def states() -> list[tuple[str, str]]:
            sent = [t for t in self.gateway_telegrams() if t.destination not in MOVING]
            return sorted(((t.destination, t.payload or "") for t in sent), key=lambda s: s[0])

        wanted = sorted(expected, key=lambda state: state[0])
        wait_until(lambda: len(states()) >= len(wanted), seconds, lambda: f"seen {states()}")
        time.sleep(0.7)  # the time in which a duplicate would come: the poll after this one
        assert states() == wanted


class KnxdLine(Line):
    def __init__(self, host: BusNamespace, recording: Recording, knxd: Knxd) -> None:
        super().__init__(host, recording)
        self._knxd = knxd

    def write_bit(self, address: str, value: int) -> None:
        knxtool_groupswrite(self.host, self._knxd.socket, address, value)

    def read(self, address: str) -> bytes | None:
        return knxtool_groupread(self.host, self._knxd.socket, address)


class RoutingLine(Line):
    def __init__(self, host: BusNamespace, recording: Recording) -> None:
        super().__init__(host, recording)
        self._tool = TalkingProcess(host, (*ROUTING_TOOL, "--local-ip", host.address))
        self._tool.line_with("ready")

    def write_bit(self, address: str, value: int) -> None:
        self._tool.tell(f"write {address} {value:02x}")
        self._tool.line_with("answer: written")

    def read(self, address: str) -> bytes | None:
        self._tool.tell(f"read {address}")
        answer = self._tool.line_with("answer: ").removeprefix("answer: ")
        return None if answer == "None" else bytes.fromhex(answer)

    def close(self) -> None:
        self._tool.kill()


@contextmanager
def recording_bus(host: BusNamespace, directory: Path, *way: str) -> Iterator[Recording]:
    recording = Recording(directory / "bus.jsonl")
    argv = ("--local-ip", host.address, "--output", str(recording.path))
    recorder = host.popen(*RECORDER, *way, *argv, stdout=directory / "recorder.log")
    try:
        recording.wait_ready()
        yield recording
    finally:
        host.stop(recorder)


@pytest.fixture
def host() -> Iterator[BusNamespace]:
    require_peers("knxd", "knxtool", "mbpoll")
    with BusNamespace() as namespace:
        yield namespace


def setpoint_a(host: BusNamespace) -> float:
    """Return what a foreign Modbus tool reads as the setpoint of charging point 2."""
    return mbpoll_read(host, "127.0.0.1", ALFEN_PORT, 1, ALFEN_SETPOINT, 1, kind="float")[0]


def first_telegrams() -> list[tuple[str, str]]:
    """Return what state objects say once after start-up, when their first value is known."""
    left = [("1/1/50", "05"), ("1/1/51", "00"), ("1/1/52", "00"), ("1/1/94", "00")]
    right = [("1/2/50", "05"), ("1/2/51", "00"), ("1/2/52", "00"), ("1/2/53", "00")]
    right += [("1/2/56", "00"), ("1/2/80", SERIAL), ("1/2/94", "00"), ("1/2/95", NO_ERROR)]
    return [*left, ("1/1/95", NO_ERROR), *right]


def tell_the_story(line: Line, simulator: Simulator) -> None:
    """Plug in, charge, interrupt, go on, unplug, plug in again; nothing else may be heard."""
    line.expect_states(*first_telegrams())
    line.recording.mark()
    simulator.say("plug 2")
    line.expect_states(("1/2/50", "08"), ("1/2/51", "01"), ("1/2/52", "01"))
    assert setpoint_a(line.host) == 16.0
    wait_until(lambda: (line.read("1/2/62") or b"") > b"\x50\x00", 8.0, "the car to draw")

    line.recording.mark()
    line.write_bit("1/2/55", 1)
    wait_until(lambda: setpoint_a(line.host) == 0.0, 2.0, "the pause on the simulated charger")
    line.expect_states(("1/2/50", "0b"), ("1/2/52", "00"), ("1/2/56", "01"))
    assert line.read("1/2/50") == b"\x0b"
    assert line.read("1/7/50") == b"\x0b", "every linked address is answered"
    zero = struct.pack(">f", 0.0)
    wait_until(lambda: line.read("1/2/61") == zero, 2.0, "the charger to report its setpoint")
    wait_until(lambda: line.read("1/2/62") == b"\x00\x00", 8.0, "the car to follow")
    wait_until(lambda: line.read("1/2/66") == b"\x00\x00", 2.0, "its power to follow")
    energy = line.read("1/2/70")
    assert energy is not None
    assert int.from_bytes(energy, "big") > 1_234_560
    assert line.read("1/2/80") == b"ACE0123456\0\0\0\0"
    assert line.read("1/2/55") is None, "GO 55 has no R flag"

    line.recording.mark()
    line.write_bit("1/2/55", 0)
    line.expect_states(
        ("1/2/50", "06"), ("1/2/50", "08"), ("1/2/52", "01"), ("1/2/56", "00")
    )  # never 7 or 11: our own pause is not the car's wish
    assert setpoint_a(line.host) == 16.0

    line.recording.mark()
    simulator.say("unplug 2")
    line.expect_states(("1/2/50", "05"), ("1/2/51", "00"), ("1/2/52", "00"))
    line.recording.mark()
    simulator.say("plug 2")
    line.expect_states(("1/2/50", "08"), ("1/2/51", "01"), ("1/2/52", "01"))


def moving_values_keep_their_distance(recording: Recording) -> None:
    by_address: dict[str, list[Recorded]] = {}
    for telegram in recording._all():
        if telegram.destination in MOVING and telegram.service == "write":
            by_address.setdefault(telegram.destination, []).append(telegram)
    assert set(by_address) == MOVING
    for telegrams in by_address.values():
        pairs = list(itertools.pairwise(telegrams))
        assert all(b.time_s - a.time_s > 9.5 for a, b in pairs)
        assert all(b.payload != a.payload for a, b in pairs)


@pytest.mark.long
@pytest.mark.proves("H.2", "H.4", "GO 55")
def test_through_knxd_with_two_tunnels(host: BusNamespace, tmp_path: Path) -> None:
    with (
        Knxd(host, tmp_path, routing=False) as knxd,
        recording_bus(host, tmp_path, "--gateway", knxd.gateway) as recording,
    ):
        knx = f'link: tunnelling, gateway: "{knxd.gateway}", local_ip: {host.address}'
        with running_site(host, tmp_path, knx) as simulator:
            tell_the_story(KnxdLine(host, recording, knxd), simulator)
            moving_values_keep_their_distance(recording)


@pytest.mark.long
@pytest.mark.proves("H.3", "H.4", "GO 55")
def test_through_routing_without_knxd(host: BusNamespace, tmp_path: Path) -> None:
    with recording_bus(host, tmp_path, "--routing") as recording:
        knx = f"link: routing, individual_address: 1.1.20, local_ip: {host.address}"
        with (
            closing(RoutingLine(host, recording)) as line,
            running_site(host, tmp_path, knx) as simulator,
        ):
            tell_the_story(line, simulator)
            moving_values_keep_their_distance(recording)


@pytest.mark.long
@pytest.mark.proves("H.5", "2.63")
def test_a_killed_knxd_and_a_killed_charger_heal_by_themselves(
    host: BusNamespace, tmp_path: Path
) -> None:
    with (
        Knxd(host, tmp_path, routing=True) as knxd,
        recording_bus(host, tmp_path, "--routing") as recording,
    ):
        knx = f'link: tunnelling, gateway: "{knxd.gateway}", local_ip: {host.address}'
        with running_site(host, tmp_path, knx) as simulator:
            line = KnxdLine(host, recording, knxd)
            line.expect_states(*first_telegrams())

            recording.mark()
            knxd.kill()
            simulator.say("plug 2")
            wait_until(lambda: setpoint_a(host) == 16.0, 5.0, "Modbus to go on meanwhile")
            time.sleep(2.5)  # the gateway notices that nobody acknowledges
            knxd.start()
            line.expect_states(("1/2/50", "08"), ("1/2/51", "01"), ("1/2/52", "01"), seconds=20)
            assert line.read("1/2/50") == b"\x08"

            recording.mark()
            simulator.kill()
            line.expect_states(
                ("1/1/94", "01"), ("1/1/95", NOT_REACHABLE),
                ("1/2/94", "01"), ("1/2/95", NOT_REACHABLE),
            )  # fmt: skip
            assert line.read("1/2/50") is None, "a stale value is not given as fresh"
            assert line.read("1/2/56") == b"\x00", "what the gateway itself knows is"

            recording.mark()
            simulator.start()
            line.expect_states(
                ("1/1/94", "00"), ("1/2/94", "00"),
                ("1/2/50", "05"), ("1/2/51", "00"), ("1/2/52", "00"),
                seconds=20,
            )  # fmt: skip
            assert line.read("1/1/50") == b"\x05"
            assert setpoint_a(host) == 16.0, "the charger is told again after it was gone"
