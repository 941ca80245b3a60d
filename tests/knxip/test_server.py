"""The server on real sockets of 127.0.0.1, with xknx as its clients, good and hostile ones."""

import asyncio
import functools
import socket
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

import pytest
from xknx import XKNX
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.exceptions import CommunicationError
from xknx.io.gateway_scanner import GatewayScanner
from xknx.io.self_description import request_description
from xknx.knxip import HPAI, ConnectionStateRequest, HostProtocol, SearchRequest
from xknx.profile.const import ResourceObjectType
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import GroupValueResponse

from knxgw.errors import LinkError
from knxgw.knx.frames import Outcome
from knxgw.knx.line import Member
from knxgw.knxip.clients import CHUNK, MOST_UNSENT
from knxgw.knxip.server import KnxIpServer, KnxIpSettings
from knxgw.knxip.streams import IDLE_S
from knxgw.knxip.wire import framed
from tests.knxip.serving import Ear, manager, read_of, tunnel
from tests.knxip.trial import MANAGEMENT, STREAM, TUNNEL, connect, group_read, raw
from tests.support.knxip_device import (
    LOCALHOST,
    MAC,
    NAME,
    OWN,
    TUNNELS,
    LineOfMembers,
    MemoryProperties,
    Site,
    description,
    site,
)
from tests.support.knxip_server import eventually

pytestmark = pytest.mark.real
BY_TCP = pytest.mark.parametrize("by_tcp", [False, True], ids=["udp", "tcp"])
PARAMETER = ResourceObjectType.OBJECT_KNXNETIP_PARAMETER
SEARCH_BY_TCP = raw(SearchRequest(HPAI(protocol=HostProtocol.IPV4_TCP)))
HOSTILE = 1_000


@BY_TCP
async def test_a_tool_reads_the_device_through_a_tunnel(*, by_tcp: bool) -> None:
    async with site() as one, tunnel(one.port, by_tcp=by_tcp) as (client, ear):
        assert all(is_sent_at_once(connection) for connection in transports(one))
        for number in range(1, 21):
            await client.send_cemi(read_of(f"1/2/{number}"))
            confirmation = await ear.wait_for(CEMIMessageCode.L_DATA_CON)
            assert confirmation.src_addr == TUNNELS[0]
            assert not confirmation.flags.confirm_error
            answer = await ear.wait_for(CEMIMessageCode.L_DATA_IND)
            assert answer.src_addr == OWN
            assert answer.dst_addr == GroupAddress(f"1/2/{number}")
            assert isinstance(answer.payload, GroupValueResponse)
        assert one.server.tunnels_in_use == {TUNNELS[0]}
    assert len(one.line.members) == 1  # the device alone


@BY_TCP
async def test_tools_hear_each_other_and_the_device(*, by_tcp: bool) -> None:
    async with (
        site() as one,
        tunnel(one.port, by_tcp=by_tcp) as (client, _),
        tunnel(one.port, by_tcp=not by_tcp) as (_, ear),
    ):
        await client.send_cemi(read_of("1/2/3"))
        first = await ear.wait_for(CEMIMessageCode.L_DATA_IND)
        second = await ear.wait_for(CEMIMessageCode.L_DATA_IND)
        assert (first.src_addr, second.src_addr) == (TUNNELS[0], OWN)


async def test_a_tunnel_with_a_wanted_address() -> None:
    wish = {"individual_address": TUNNELS[1]}
    async with site() as one, tunnel(one.port, by_tcp=True, **wish):
        assert one.server.tunnels_in_use == {TUNNELS[1]}
        for refused in ({"individual_address": TUNNELS[1]}, {"individual_address": OWN}):
            with pytest.raises(CommunicationError):
                async with tunnel(one.port, by_tcp=True, **refused):
                    pass


@BY_TCP
async def test_a_slot_is_free_again_as_soon_as_a_tool_leaves(*, by_tcp: bool) -> None:
    async with site() as one:
        for _ in range(3):
            async with AsyncExitStack() as stack:
                for _ in TUNNELS:
                    await stack.enter_async_context(tunnel(one.port, by_tcp=by_tcp))
                with pytest.raises(CommunicationError):
                    async with tunnel(one.port, by_tcp=by_tcp):
                        pass
            await eventually(lambda: not one.server.connections, "free slots")
        assert one.server._running is not None
        assert not one.server._running._busy  # nor does any worker wait for ever
        assert one.server.statistics.connections == 3 * len(TUNNELS)


async def test_a_tool_that_is_behind_nat_is_answered() -> None:
    async with site() as one, tunnel(one.port, by_tcp=False, route_back=True) as (client, ear):
        await client.send_cemi(read_of("1/2/3"))
        await ear.wait_for(CEMIMessageCode.L_DATA_IND)


@BY_TCP
async def test_properties_are_read_and_written(*, by_tcp: bool) -> None:
    async with site() as one, manager(one.port, by_tcp=by_tcp) as client:
        assert await client.read_property(PARAMETER, 76, number_of_elements=10) == b"EV Gateway"
        one.properties.wait_s = 0.05
        await client.write_property(PARAMETER, 76, b"XY", number_of_elements=2, start_index=4)
        read = await client.read_property(PARAMETER, 76, number_of_elements=10)
        assert read == b"EV XYteway"
        with pytest.raises(CommunicationError, match="VOID_DP"):
            await client.read_property(PARAMETER, 99)


@BY_TCP
async def test_managers_are_told_of_changes(*, by_tcp: bool) -> None:
    reported: list[CEMIFrame] = []
    async with site() as one, manager(one.port, by_tcp=by_tcp, indication_callback=reported.append):
        one.server.property_changed(NAME, 1, 2, b"XY")
        await eventually(lambda: bool(reported), "M_PropInfo.ind")
        assert reported[0].code is CEMIMessageCode.M_PROP_INFO_IND


@BY_TCP
async def test_a_reset_ends_all_connections(*, by_tcp: bool) -> None:
    async with (
        site() as one,
        tunnel(one.port, by_tcp=by_tcp) as (client, _),
        manager(one.port, by_tcp=by_tcp) as asking,
    ):
        with pytest.raises(CommunicationError):
            await asking.request(CEMIFrame(code=CEMIMessageCode.M_RESET_REQ, data=None))
        assert one.properties.resets == 1
        assert one.server.connections == 0
        await eventually(lambda: client.communication_channel is None, "the end of the tunnel")


@pytest.mark.parametrize("route_back", [False, True])
async def test_the_device_is_described(*, route_back: bool) -> None:
    async with site() as one, tunnel(one.port, by_tcp=False):
        found = await request_description(LOCALHOST, one.port, LOCALHOST, route_back=route_back)
        assert found.name == "EV Gateway"
        assert found.individual_address == OWN
        assert found.mac_address == MAC.hex(":")
        assert found.supports_tunnelling_tcp
        assert found.supports_routing
        assert not found.supports_secure
        assert {str(one): slot.free for one, slot in found.tunnelling_slots.items()} == {
            "1.1.6": False,
            "1.1.7": True,
        }


async def test_the_device_is_found_by_a_search() -> None:
    async with site() as one:
        searching = XKNX(multicast_group=LOCALHOST, multicast_port=one.port)
        scanner = GatewayScanner(searching, LOCALHOST, stop_on_found=1)
        (found,) = await scanner.scan()
        assert (found.ip_addr, found.port) == (LOCALHOST, one.port)
        assert found.core_version == 2
        assert list(found.tunnelling_slots) == list(TUNNELS)


async def test_a_busy_port_is_a_clear_error_and_leaves_nothing_open() -> None:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as busy:
            busy.bind((LOCALHOST, 0))
            if kind is socket.SOCK_STREAM:
                busy.listen()
            port = busy.getsockname()[1]
            server = Site(description(), port=port).server
            with pytest.raises(LinkError, match=f"port {port}: another program has the port"):
                await server.start()
        await server.start()  # once the other one has gone
        assert server.port == port
        await server.stop()


async def test_an_address_that_is_not_ours_is_a_clear_error() -> None:
    with pytest.raises(LinkError, match="this machine has no such address"):
        await Site(description(), address="192.0.2.1").server.start()


@BY_TCP
async def test_who_is_connected_when_it_stops_is_told_and_it_starts_again(*, by_tcp: bool) -> None:
    async with site() as one, tunnel(one.port, by_tcp=by_tcp) as (client, _):
        await one.server.stop()
        await eventually(lambda: client.communication_channel is None, "DISCONNECT_REQUEST")
        assert (one.server.port, one.server.connections, one.server.streams) == (0, 0, 0)
        assert len(one.line.members) == 1
        await one.server.stop()  # nothing is to be done
        await one.server.start()
        with pytest.raises(RuntimeError):
            await one.server.start()
        async with tunnel(one.port, by_tcp=by_tcp) as (again, ear):
            await again.send_cemi(read_of("1/2/3"))
            await ear.wait_for(CEMIMessageCode.L_DATA_IND)


async def test_what_was_asked_before_the_stop_goes_onto_the_line() -> None:
    async with site() as one, tunnel(one.port, by_tcp=True) as (client, _):
        one.line.is_busy = True
        await client.send_cemi(read_of("1/2/3"))
        await eventually(lambda: one.server.statistics.frames_from_tunnels == 1, "the frame")
        asyncio.get_running_loop().call_later(0.05, one.line.free)
        await one.server.stop()
        assert len(one.line.sent) == 1


async def test_run_serves_until_it_is_cancelled() -> None:
    one = Site(description())
    running = asyncio.get_running_loop().create_task(one.server.run())
    await eventually(lambda: one.port != 0, "the server")
    async with tunnel(one.port, by_tcp=True):
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert one.port == 0


class BrokenLine(LineOfMembers):
    """A line with a bug, at once or once it has waited."""

    def __init__(self, *, is_busy: bool) -> None:
        super().__init__()
        self.is_busy = is_busy

    def carry(self, member: Member, data: CEMILData) -> None:
        """Raise."""
        raise ZeroDivisionError

    async def send(self, member: Member, data: CEMILData) -> Outcome:
        """Raise."""
        raise ZeroDivisionError


@pytest.mark.parametrize("is_busy", [False, True])
async def test_a_bug_behind_the_server_ends_it_and_is_raised(is_busy: bool) -> None:  # noqa: FBT001
    settings = KnxIpSettings(address=LOCALHOST, port=0, hears_searches=False)
    server = KnxIpServer(settings, BrokenLine(is_busy=is_busy), description, MemoryProperties())
    running = asyncio.get_running_loop().create_task(server.run())
    await eventually(lambda: server.port != 0, "the server")
    async with tunnel(server.port, by_tcp=True) as (client, _):
        await client.send_cemi(read_of("1/2/3"))
        with pytest.raises(ExceptionGroup) as raised:
            await running
    assert raised.group_contains(ZeroDivisionError)


async def test_clients_that_want_to_know_hear_of_another_description() -> None:
    async with site() as one:
        reader, writer = await asyncio.open_connection(LOCALHOST, one.port)
        writer.write(connect(TUNNEL, STREAM, STREAM))
        await reader.readexactly(20)
        writer.write(bytes.fromhex("06100424000e 04010000 08000100"))
        await reader.readexactly(14)
        one.said = description(is_bus_connected=False)
        one.server.described_again()
        async with asyncio.timeout(5):
            assert (await reader.readexactly(14)).hex() == "06100425000e0401010003000000"
        writer.close()


class Hostile:
    """Clients that open TCP connections, say something and read nothing."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            one.close()

    async def say(self, said: bytes) -> socket.socket:
        """Open one more and say as much as the server takes within a moment."""
        loop = asyncio.get_running_loop()
        one = socket.socket()
        self._sockets.append(one)
        one.settimeout(0)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(one, (LOCALHOST, self._port))
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(0.5):
                await loop.sock_sendall(one, said)
        return one


@pytest.mark.parametrize(
    "said",
    [b"", b"\x06", SEARCH_BY_TCP[:-1], SEARCH_BY_TCP, b"GET / HTTP/1.1\r\n\r\n"],
    ids=["silent", "one octet", "almost a frame", "a search", "a browser"],
)
async def test_a_thousand_hostile_clients_take_few_places_and_keep_nobody_out(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knxgw.knxip.streams.EVICTED_AFTER_S", 0.0)
    async with (
        site(most_streams=16) as one,
        tunnel(one.port, by_tcp=True) as (client, ear),
    ):
        most = 0
        with Hostile(one.port) as hostile:
            for _ in range(HOSTILE):
                await hostile.say(said)
                most = max(most, one.server.streams)
            assert most <= 16 + 1  # one is on its way out
            await client.send_cemi(read_of("1/2/3"))
            await ear.wait_for(CEMIMessageCode.L_DATA_IND)
            async with tunnel(one.port, by_tcp=True):
                pass
        counted = one.server.statistics
        assert counted.streams_closed + counted.streams_refused >= HOSTILE - 16


async def test_who_asks_and_does_not_read_costs_little_memory() -> None:
    async with site() as one:
        with Hostile(one.port) as hostile:
            for _ in range(8):
                await hostile.say(SEARCH_BY_TCP * 20_000)  # answers are five times as long
            await eventually(lambda: all_held(one), "clients that are no longer read")
            assert unsent(one) < 8 * (MOST_UNSENT + CHUNK * 8)
            async with tunnel(one.port, by_tcp=True) as (client, ear):
                await client.send_cemi(read_of("1/2/3"))
                await ear.wait_for(CEMIMessageCode.L_DATA_IND)


def has_heard(ear: Ear, count: int) -> bool:
    """Tell whether a client has heard so many telegrams."""
    return ear.heard.qsize() == count


def transports(one: Site) -> list[Any]:
    """Return the server's sides of TCP connections."""
    running = one.server._running
    assert running is not None
    return list(running._clients._open.values())


def is_sent_at_once(connection: Any) -> bool:
    """Tell whether the system waits for nothing before it sends a telegram."""
    connected = connection._transport.get_extra_info("socket")
    return bool(connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


def all_held(one: Site) -> bool:
    """Tell whether the server reads from none of them."""
    return len(transports(one)) == 8 and all(connection.is_held for connection in transports(one))


def unsent(one: Site) -> int:
    """Return how many octets wait for clients that do not read."""
    return sum(connection._transport.get_write_buffer_size() for connection in transports(one))


async def test_a_slow_client_loses_the_newest_telegrams_and_the_others_none() -> None:
    async with site() as one, tunnel(one.port, by_tcp=True) as (_, ear):
        with Hostile(one.port) as hostile:
            await hostile.say(connect(TUNNEL, STREAM, STREAM))
            await eventually(lambda: one.server.connections == 2, "two tunnels")
            said = 0
            while one.server.statistics.lost_to_tunnels == 0 and said < 20_000:
                for _ in range(50):
                    one.line.heard(group_read("1/2/3", "1.1.5"))
                said += 2 * 50  # with the answers of the device
                await eventually(functools.partial(has_heard, ear, said), "all at the good client")
            assert one.server.statistics.lost_to_tunnels > 0
        await eventually(lambda: one.server.connections == 1, "the end of the slow one")


async def test_a_tcp_connection_that_says_nothing_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with site() as one, tunnel(one.port, by_tcp=True):
        monkeypatch.setattr("knxgw.knxip.streams.IDLE_S", 0.05)
        reader, writer = await asyncio.open_connection(LOCALHOST, one.port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        assert one.server.connections == 1
        assert one.server.statistics.streams_closed == 1


async def test_a_tcp_connection_that_says_something_now_and_then_stays() -> None:
    async with site() as one:
        reader, writer = await asyncio.open_connection(LOCALHOST, one.port)
        await eventually(lambda: one.server.streams == 1, "the connection")
        running = one.server._running
        assert running is not None
        heard_at = running._clients._streams._heard_at
        heard_at[1] -= IDLE_S  # a minute ago
        writer.write(SEARCH_BY_TCP)
        assert (await reader.readexactly(78)).startswith(b"\x06\x10\x02\x02")
        assert one.server.streams == 1
        assert running._clients._streams.idle(heard_at[1] + IDLE_S - 0.01, ()) == []
        writer.close()


async def test_a_tcp_client_that_goes_without_a_word_frees_its_slots() -> None:
    async with site() as one:
        opening = connect(TUNNEL, STREAM, STREAM) + connect(MANAGEMENT, STREAM, STREAM)
        with Hostile(one.port) as hostile:
            await hostile.say(opening)
            await eventually(lambda: one.server.connections == 2, "two connections")
        await eventually(lambda: one.server.connections == 0, "free slots")
        assert len(one.line.members) == 1


async def test_what_is_no_frame_closes_a_stream_after_what_came_before() -> None:
    async with site() as one:
        reader, writer = await asyncio.open_connection(LOCALHOST, one.port)
        writer.write(SEARCH_BY_TCP + b"\x06\x10\x02\x01\xff\xff")
        answer = await reader.read()  # until it is closed
        assert answer.startswith(bytes.fromhex("06100202")) or answer == b""
        assert one.server.statistics.searches_answered == 1
        assert one.server.statistics.malformed == 1
        writer.close()


async def test_a_frame_that_comes_octet_by_octet_is_answered() -> None:
    async with site() as one:
        reader, writer = await asyncio.open_connection(LOCALHOST, one.port)
        for octet in SEARCH_BY_TCP * 3:
            writer.write(bytes((octet,)))
            await writer.drain()
        async with asyncio.timeout(5):
            for _ in range(3):
                assert (await reader.readexactly(78)).startswith(b"\x06\x10\x02\x02")
        assert one.server.statistics.malformed == 0
        writer.close()


async def test_frames_that_cannot_be_read_end_no_stream() -> None:
    async with site() as one:
        bad = framed(ConnectionStateRequest.SERVICE_TYPE, b"\x01")
        reader, writer = await asyncio.open_connection(LOCALHOST, one.port)
        writer.write(bad * 3 + SEARCH_BY_TCP)
        async with asyncio.timeout(5):
            assert (await reader.readexactly(6)).hex().startswith("06100202")
        assert one.server.statistics.malformed == 3
        writer.close()


async def test_a_flood_of_datagrams_is_answered_in_small_numbers() -> None:
    async with site() as one, tunnel(one.port, by_tcp=False) as (client, ear):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooding:
            flooding.bind((LOCALHOST, 0))
            flooding.settimeout(0)
            search = raw(SearchRequest(HPAI(*flooding.getsockname())))
            for number in range(HOSTILE):
                flooding.sendto(search if number % 2 else search[:-1], (LOCALHOST, one.port))
                await asyncio.sleep(0)
            await eventually(lambda: one.server.statistics.malformed > 0, "the flood")
            await client.send_cemi(read_of("1/2/3"))
            await ear.wait_for(CEMIMessageCode.L_DATA_IND)
        counted = one.server.statistics
        assert counted.searches_answered < 200
        assert counted.searches_not_answered > 0
