"""The server with clients of others in a namespace: knxd as a tunnel client, knxtool behind it, xknx's scanner."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from xknx.knxip import DescriptionRequest, RoutingIndication, SearchRequest

from knxgw.knxip.wire import PORT, SEARCH_GROUP
from tests.knxip.trial import BACK, cemi, group_read, raw
from tests.support.netns import BusNamespace, wait_for_line
from tests.support.peers import knxtool_groupread, knxtool_groupwrite, require_peers
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.real]

DEVICE = (sys.executable, "-m", "tests.support.knxip_device")
ROUTER = (
    sys.executable,
    "-c",
    """
import asyncio, sys
from xknx import XKNX
from xknx.cemi import CEMIFrame
from xknx.io.routing import Routing

async def main():
    routing = Routing(XKNX(), None, lambda raw: print(CEMIFrame.from_knx(raw), flush=True), sys.argv[2])
    await routing.connect()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
""",
)
KNXD = ("knxd", "-e", "1.1.250", "-E", "1.1.251:4", "-t", "1023", "-f", "9")
SCAN = (sys.executable, "-m", "xknx", "scan")


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusNamespace]:
    require_peers("knxd", "knxtool")
    with BusNamespace() as namespace:
        log = tmp_path_factory.mktemp("device") / "device.log"
        namespace.popen(*DEVICE, namespace.address, stdout=log)
        wait_for_line(log, "ready")
        yield namespace


@pytest.fixture
def knxd(bus: BusNamespace, tmp_path: Path) -> Iterator[Path]:
    """Start knxd as a client of the server; return its socket."""
    path, log = tmp_path / "knxd.sock", tmp_path / "knxd.log"
    process = bus.popen(*KNXD, "-u", str(path), "-b", f"ipt:{bus.address}", stdout=log)
    wait_until(path.exists, 10.0, lambda: f"knxd: {log.read_text(errors='replace')[-2000:]}")
    yield path
    bus.stop(process)


def test_knxtool_reads_and_writes_through_knxd_and_a_tunnel(bus: BusNamespace, knxd: Path) -> None:
    wait_until(lambda: knxtool_groupread(bus, knxd, "1/2/3") is not None, 10.0, "the first answer")
    for number in range(1, 11):
        address = f"1/3/{number}"
        assert knxtool_groupread(bus, knxd, address) == bytes.fromhex("0c22")
        knxtool_groupwrite(bus, knxd, address, "12", f"{number:02x}")
        assert knxtool_groupread(bus, knxd, address) == bytes((0x12, number))


def asked_by_multicast(bus: BusNamespace, request: bytes) -> bytes | None:
    """Send something to the search group; return the answer, None: there is none."""

    def ask() -> bytes | None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.bind((bus.address, 0))
            asking.settimeout(0.3)
            asking.sendto(request, (SEARCH_GROUP, PORT))
            try:
                return asking.recv(1024)
            except TimeoutError:
                return None

    return bus.call(ask)


def test_by_multicast_searches_alone_are_answered(bus: BusNamespace) -> None:
    answer = asked_by_multicast(bus, raw(SearchRequest(BACK)))
    assert answer is not None
    assert answer.startswith(bytes.fromhex("06100202"))
    assert asked_by_multicast(bus, raw(DescriptionRequest(BACK))) is None


@pytest.mark.parametrize("is_router_first", [False, True])
def test_the_search_group_is_shared_with_who_listens_for_routing(
    tmp_path: Path, *, is_router_first: bool
) -> None:
    require_peers()
    with BusNamespace() as bus:
        log, heard = tmp_path / "device.log", tmp_path / "router.log"
        device, router = (*DEVICE, bus.address), (*ROUTER, "--local-ip", bus.address)
        order = [(device, log), (router, heard)]
        for argv, output in reversed(order) if is_router_first else order:
            bus.popen(*argv, stdout=output)
            wait_for_line(output, "ready")
        assert asked_by_multicast(bus, raw(SearchRequest(BACK))) is not None
        asked_by_multicast(bus, raw(RoutingIndication(raw_cemi=cemi(group_read()))))
        wait_for_line(heard, "1/2/3")


def test_the_scanner_finds_the_device_by_multicast(bus: BusNamespace) -> None:
    found = bus.run(*SCAN, "--local-ip", bus.address)
    assert "EV Gateway" in found.stdout, f"{found.stdout}\n{found.stderr}"
    assert f"{bus.address}:3671" in found.stdout
    assert "1.1.5" in found.stdout
