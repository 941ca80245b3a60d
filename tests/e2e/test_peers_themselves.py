"""The outside peers work as the end-to-end tests use them; no gateway takes part."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.knxd import Knxd
from tests.support.netns import BusNamespace, wait_for_line
from tests.support.peers import (
    knxtool_groupread,
    knxtool_groupswrite,
    knxtool_groupwrite,
    mbpoll_read,
    mbpoll_write,
    require_peers,
)
from tests.support.recording import Recording

pytestmark = [pytest.mark.peers, pytest.mark.real]

RESPONDER = (sys.executable, "-m", "bench.knx_latency", "responder")
RECORDER = (sys.executable, "-m", "tests.support.bus_recorder")
MODBUS_SERVER = (
    sys.executable,
    "-c",
    """
import asyncio
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

async def main():
    registers = SimData(0, values=[7, 65535, 0x41A4, 0, 0xFFFF, 0xFFFE], datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(id=1, simdata=[registers]), address=("10.77.0.1", 5020))
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
""",
)
TWENTY_AND_A_HALF = bytes.fromhex("41a40000")  # DPT 14


@pytest.fixture(scope="module")
def bus() -> Iterator[BusNamespace]:
    require_peers("knxd", "knxtool", "mbpoll")
    with BusNamespace() as namespace:
        yield namespace


@pytest.fixture(scope="module")
def knxd(bus: BusNamespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knxd]:
    with Knxd(bus, tmp_path_factory.mktemp("knxd")) as daemon:
        yield daemon


@pytest.fixture
def record(bus: BusNamespace, tmp_path: Path) -> Iterator[Callable[..., Recording]]:
    """Start a recorder with these options, return its recording."""
    processes = []

    def start(*way: str) -> Recording:
        recording = Recording(tmp_path / "bus.jsonl")
        argv = ("--local-ip", bus.address, "--output", str(recording.path))
        processes.append(bus.popen(*RECORDER, *way, *argv, stdout=tmp_path / "recorder.log"))
        recording.wait_ready()
        return recording

    yield start
    bus.stop(*processes)


@pytest.fixture
def respond(bus: BusNamespace, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Start a responder for 1/2/3 with these options."""
    processes = []

    def start(*way: str) -> None:
        log = tmp_path / "responder.log"
        argv = ("--local-ip", bus.address, "--address", "1/2/3=20.5")
        processes.append(bus.popen(*RESPONDER, *way, *argv, stdout=log))
        wait_for_line(log, "ready")

    yield start
    bus.stop(*processes)


def test_knxtool_reads_an_xknx_responder_on_a_tunnel(
    bus: BusNamespace, knxd: Knxd, respond: Callable[..., None]
) -> None:
    respond("--tunnel", knxd.gateway)
    assert knxtool_groupread(bus, knxd.socket, "1/2/3") == TWENTY_AND_A_HALF


def test_knxtool_reads_an_xknx_responder_by_routing(
    bus: BusNamespace, knxd: Knxd, respond: Callable[..., None]
) -> None:
    respond("--routing")
    assert knxtool_groupread(bus, knxd.socket, "1/2/3") == TWENTY_AND_A_HALF


def test_knxtool_gets_none_where_nobody_answers(bus: BusNamespace, knxd: Knxd) -> None:
    assert knxtool_groupread(bus, knxd.socket, "1/2/9", timeout_s=0.3) is None


@pytest.mark.parametrize("way", ["tunnel", "routing"])
def test_a_recorder_sees_what_knxtool_writes_once_each(
    bus: BusNamespace, knxd: Knxd, record: Callable[..., Recording], way: str
) -> None:
    recording = record("--gateway", knxd.gateway) if way == "tunnel" else record("--routing")
    knxtool_groupwrite(bus, knxd.socket, "1/2/4", "41", "a4", "0", "0")
    knxtool_groupswrite(bus, knxd.socket, "1/2/5", 1)
    recording.expect(
        [("1/2/4", "41a40000"), ("1/2/5", lambda telegram: telegram.service == "write")]
    )


def test_a_recording_fails_on_a_telegram_nobody_expected(
    bus: BusNamespace, knxd: Knxd, record: Callable[..., Recording]
) -> None:
    recording = record("--gateway", knxd.gateway)
    knxtool_groupwrite(bus, knxd.socket, "1/2/4", "1")
    knxtool_groupwrite(bus, knxd.socket, "1/2/4", "1")
    with pytest.raises(AssertionError, match=r"twice:\n.*1/2/4 write 01"):
        recording.expect([("1/2/4", "01")])


def test_a_killed_knxd_comes_back_on_the_same_addresses(
    bus: BusNamespace, tmp_path: Path, knxd: Knxd, respond: Callable[..., None]
) -> None:
    knxd.kill()
    knxd.start()
    respond("--tunnel", knxd.gateway)
    assert knxtool_groupread(bus, knxd.socket, "1/2/3") == TWENTY_AND_A_HALF


def test_mbpoll_reads_and_writes_a_pymodbus_server(bus: BusNamespace, tmp_path: Path) -> None:
    server = bus.popen(*MODBUS_SERVER, stdout=tmp_path / "modbus.log")
    wait_for_line(tmp_path / "modbus.log", "ready")
    mbpoll_write(bus, bus.address, 5020, 1, 0, 8)
    assert mbpoll_read(bus, bus.address, 5020, 1, 0, 2) == [8, 65535]
    assert mbpoll_read(bus, bus.address, 5020, 1, 2, 1, "input", "float") == [20.5]
    assert mbpoll_read(bus, bus.address, 5020, 1, 4, 1, kind="int32") == [-2]
    bus.stop(server)
