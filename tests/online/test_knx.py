"""The online check of the KNX connection: against a tunnelling server, and on multicast of loopback."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from xknx.cemi import CEMILData
from xknx.dpt import DPTElectricCurrent
from xknx.knxip import HPAI, ErrorCode, KNXIPFrame, SearchRequest, SearchResponse
from xknx.knxip.dib import DIB, DIBDeviceInformation, DIBServiceFamily, DIBSuppSVCFamilies
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import GroupValueRead, GroupValueResponse
from xknx.telegram.tpci import TDataGroup

from knxgw.links.knx_discovery import KnxIpDevice, search
from knxgw.links.knx_guard import _listening_socket
from knxgw.monitoring.online_check import State
from knxgw.online.ports import Ports
from knxgw.sim.knx_meter import knx_meter
from knxgw.sim.loopback import free_port
from knxgw.sim.site import SimulatedSite
from tests.online.looking import ids, looked, read, states
from tests.support.keyring import Interface, KeyringData, write_keyring
from tests.support.knx_tunnels import CREDENTIALS, KEYRING_PASSWORD
from tests.support.knxip_server import TUNNEL_ADDRESS, Credentials, KnxIpServer

pytestmark = pytest.mark.real
KEY = bytes(range(16))
SITE = """
device: {{name: Test}}
knx: {{{knx}}}
load_management:
  mode: dynamic
  fuse_a: 50
  smart_meter: {{source: knx, phases: 3, dpt: "14.019", interval_s: 5}}
charging_points:
  - {{number: 1, model: goe_charger, connection: {{type: tcp, host: 127.0.0.1, port: {port}, unit: 1}}}}
group_objects: {{{objects}}}
"""
METER = "10: [1/0/1], 11: [1/0/2], 12: [1/0/3]"


def site(knx: str, objects: str = METER) -> str:
    return SITE.format(knx=knx, objects=objects, port=free_port(0))


def udp(server: KnxIpServer, more: str = "") -> str:
    return f"link: tunnelling, gateway: '127.0.0.1:{server.udp_port}'{more}"


def secure(server: KnxIpServer, directory: Path, password: str = KEYRING_PASSWORD) -> str:
    (directory / "password").write_text(password, encoding="utf-8")
    return (
        f"link: tunnelling_tcp, gateway: '127.0.0.1:{server.tcp_port}', "
        f"keyring: {directory / 'ring.knxkeys'}, keyring_password_file: {directory / 'password'}"
    )


def keyring(directory: Path, **changes: object) -> None:
    interface = Interface(
        individual_address=TUNNEL_ADDRESS,
        host="1.1.1",
        user_id=CREDENTIALS.user_id,
        password=CREDENTIALS.password,
        authentication=CREDENTIALS.authentication,
    )
    data = replace(KeyringData(interfaces=[interface]), **changes)  # type: ignore[arg-type]
    write_keyring(directory / "ring.knxkeys", data, KEYRING_PASSWORD)


def about(*families: tuple[DIBServiceFamily, int]) -> Sequence[DIB]:
    """Return what an interface says of itself."""
    device = DIBDeviceInformation()
    device.name = "Interface 731"
    device.serial_number, device.mac_address = "00:01:02:03:04:05", "00:00:5e:00:53:01"
    services = DIBSuppSVCFamilies()
    services.families = [DIBSuppSVCFamilies.Family(*one) for one in families]
    return [device, services]


def answering(server: KnxIpServer, amperes: float) -> None:
    """Let a meter behind the interface answer every read."""

    def answer(data: CEMILData) -> None:
        assert isinstance(data.payload, GroupValueRead), "nothing but reads goes out"
        assert isinstance(data.dst_addr, GroupAddress)
        raw = DPTElectricCurrent.to_knx(amperes)
        server.indicate(
            CEMILData(
                src_addr=IndividualAddress("1.1.9"),
                dst_addr=data.dst_addr,
                tpci=TDataGroup(),
                payload=GroupValueResponse(raw),
            )
        )

    server.on_received = answer


async def test_a_free_tunnel_and_a_meter_that_answers_are_good_and_only_reads_go_out() -> None:
    async with KnxIpServer() as server:
        answering(server, 8.0)
        board, _ = await looked(site(udp(server)))
        assert server.tunnels_opened == 1
        assert server.open_tunnels == 0, "it is given back"
        assert {type(one.payload) for one in server.received} == {GroupValueRead}
        assert [str(one.dst_addr) for one in server.received] == ["1/0/1", "1/0/2", "1/0/3"]
    assert states(board)["knx"] is State.GOOD
    assert states(board)["knx/smart_meter"] is State.GOOD


@pytest.mark.long
async def test_a_meter_that_feeds_in_is_asked_about_and_another_type_is_named() -> None:
    async with KnxIpServer() as server:
        answering(server, -8.0)
        board, _ = await looked(site(udp(server)))
        assert ids(board)["knx/smart_meter"] == ["online_meter_feeds_in"]
        other = site(udp(server)).replace('"14.019"', '"9.021"')
        board, _ = await looked(other)
    assert ids(board)["knx/smart_meter"] == ["online_meter_other_type"]


@pytest.mark.long
async def test_a_meter_that_says_nothing_is_named_with_its_addresses() -> None:
    async with KnxIpServer() as server:
        board, _ = await looked(site(udp(server)))
    assert ids(board)["knx/smart_meter"] == ["online_meter_silent"]
    (finding,) = board.seen["knx/smart_meter"].findings
    assert "1/0/1, 1/0/2, 1/0/3 within 5 s" in finding.problem


@pytest.mark.long
@pytest.mark.parametrize(
    ("status", "found"),
    [
        (ErrorCode.E_NO_MORE_CONNECTIONS, "online_tunnels_taken"),
        (ErrorCode.E_NO_TUNNELLING_ADDRESS, "online_tunnel_taken"),
        (ErrorCode.E_KNX_CONNECTION, "online_not_connected"),
    ],
)
@pytest.mark.parametrize("kind", ["udp", "tcp"])
async def test_why_there_is_no_tunnel_is_said(status: ErrorCode, found: str, kind: str) -> None:
    async with KnxIpServer() as server:
        server.connect_status = status
        link = udp(server)
        if kind == "tcp":
            link = f"link: tunnelling_tcp, gateway: '127.0.0.1:{server.tcp_port}'"
        board, _ = await looked(site(link))
    assert ids(board)["knx"] == [found]
    assert states(board)["knx/smart_meter"] is State.SKIPPED


@pytest.mark.long
async def test_another_tunnel_than_the_configured_one_is_a_note() -> None:
    async with KnxIpServer() as server:
        board, _ = await looked(site(udp(server, ", individual_address: 1.1.77"), objects=""))
        assert ids(board)["knx"] == ["online_other_tunnel"]
        assert states(board)["knx"] is State.GOOD
        same = f", individual_address: {TUNNEL_ADDRESS}"
        board, _ = await looked(site(udp(server, same), objects=""))
    assert "knx" not in ids(board)


async def test_nobody_at_the_address_is_silent() -> None:
    async with KnxIpServer() as server:
        server.silent = True
        board, _ = await looked(site(udp(server)))
    assert ids(board)["knx"] == ["online_knx_silent"]


async def test_an_interface_without_tunnels_says_so() -> None:
    async with KnxIpServer() as server:
        server.description = about((DIBServiceFamily.CORE, 1), (DIBServiceFamily.ROUTING, 1))
        server.connect_status = ErrorCode.E_CONNECTION_TYPE
        board, _ = await looked(site(udp(server)))
    assert ids(board)["knx"][0] == "online_no_tunnelling"
    assert "Interface 731 has no tunnels" in board.seen["knx"].findings[0].problem


async def test_a_keyring_that_fits_opens_the_secure_tunnel(tmp_path: Path) -> None:
    keyring(tmp_path)
    async with KnxIpServer(CREDENTIALS) as server:
        answering(server, 8.0)
        board, _ = await looked(site(secure(server, tmp_path)))
    assert ids(board)["knx"] == ["online_keyring_without_groups"]
    assert states(board)["knx"] is State.GOOD


async def test_a_keyring_of_another_project_is_not_let_in(tmp_path: Path) -> None:
    keyring(tmp_path)
    other = Credentials(user_id=2, password="other", authentication=CREDENTIALS.authentication)  # noqa: S106
    async with KnxIpServer(other) as server:
        board, _ = await looked(site(secure(server, tmp_path)))
    assert ids(board)["knx"] == ["online_tunnel_not_let_in"]
    assert "password" in board.seen["knx"].findings[0].problem
    assert CREDENTIALS.password not in str(board.findings)


@pytest.mark.long
async def test_secured_addresses_are_not_read_and_what_the_keyring_lacks_is_said(
    tmp_path: Path,
) -> None:
    keyring(tmp_path, group_keys={"1/0/1": KEY, "1/0/2": KEY})
    async with KnxIpServer(CREDENTIALS) as server:
        answering(server, 8.0)
        board, _ = await looked(site(secure(server, tmp_path)))
        assert [str(one.dst_addr) for one in server.received][:1] == ["1/0/3"]
        assert {str(one.dst_addr) for one in server.received} == {"1/0/3"}
    assert ids(board)["knx"] == ["online_keyring_not_ours", "online_keyring_plain"]
    assert ids(board)["knx/smart_meter"] == ["online_meter_silent"]


@asynccontextmanager
async def meter_on_loopback(text: str) -> AsyncIterator[None]:
    """Run the simulated smart meter of a site on multicast of the loopback interface."""
    configuration = read(text).configuration
    assert configuration is not None
    simulated = SimulatedSite(configuration, asyncio.get_running_loop().time)
    meter = knx_meter(configuration, simulated.house)
    assert meter is not None
    async with asyncio.TaskGroup() as group:
        running = group.create_task(meter.run())
        yield
        running.cancel()


def routing(last: int) -> str:
    """Return a routing link in a group of one test of this process: others run at the same time."""
    group = f"239.255.{100 + os.getpid() % 100}.{last}"
    return (
        f"link: routing, local_ip: 127.0.0.1, multicast_group: {group}, individual_address: 1.1.20"
    )


async def test_on_routing_a_meter_that_is_heard_shows_that_the_way_is_good() -> None:
    text = site(routing(1))
    async with meter_on_loopback(text):
        board, _ = await looked(text, ports=Ports(search=nobody))
    assert states(board)["knx"] is State.GOOD
    assert states(board)["knx/smart_meter"] is State.GOOD


async def nobody(_local_ip: str | None) -> tuple[KnxIpDevice, ...]:
    return ()


@pytest.mark.long
async def test_on_routing_nobody_to_be_heard_is_a_warning() -> None:
    board, _ = await looked(site(routing(2)), ports=Ports(search=nobody))
    assert ids(board)["knx"] == ["online_no_router"]


@pytest.mark.long
async def test_a_router_in_another_group_is_named() -> None:
    router = KnxIpDevice(
        name="Router",
        host="127.0.0.1",
        port=3671,
        individual_address="1.1.0",
        multicast_group="224.0.23.12",
        has_routing=True,
        has_udp_tunnels=True,
        has_tcp_tunnels=False,
        needs_secure_tunnels=False,
    )

    async def one(_local_ip: str | None) -> tuple[KnxIpDevice, ...]:
        return (router,)

    board, _ = await looked(site(routing(3)), ports=Ports(search=one))
    assert ids(board)["knx"] == ["online_router_in_other_group"]


class Router(asyncio.DatagramProtocol):
    """Answers searches as a KNX IP router does."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # as asyncio documents it
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if isinstance(KNXIPFrame.from_knx(data)[0].body, SearchRequest):
            answer = SearchResponse(control_endpoint=HPAI("127.0.0.1", 3671))
            answer.dibs = list(about((DIBServiceFamily.CORE, 1), (DIBServiceFamily.ROUTING, 1)))
            self.transport.sendto(KNXIPFrame.init_from_body(answer).to_knx(), addr)


async def test_a_search_finds_a_router_also_one_without_tunnels() -> None:
    listening = _listening_socket("127.0.0.1", ("224.0.23.12", 3671))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Router, sock=listening)
    try:
        found = await search("127.0.0.1", seconds=1.0)
    finally:
        transport.close()
    assert [(one.name, one.has_routing, one.has_udp_tunnels) for one in found] == [
        ("Interface 731", True, False)
    ]
