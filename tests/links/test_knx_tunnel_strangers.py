"""Garbage in a tunnel, and frames from others than its server."""

import asyncio
import socket
from pathlib import Path

import pytest
from xknx import XKNX
from xknx.cemi import CEMIFrame, CEMIMessageCode
from xknx.knxip import (
    HPAI,
    ConnectionStateResponse,
    ConnectResponse,
    ConnectResponseData,
    DisconnectRequest,
    KNXIPBody,
    KNXIPFrame,
    TunnellingAck,
    TunnellingRequest,
)
from xknx.telegram.address import IndividualAddress

from knxgw.errors import LinkError
from knxgw.links.knx_guard import Hooks
from knxgw.links.knx_tunnel_link import TunnelLink
from knxgw.links.knx_tunnels import GuardedUdpTunnel
from tests.support.knx_tunnels import ADDRESS, KINDS, serving, tunnel
from tests.support.knxip_server import LOCALHOST, Ear, eventually, group_write, numbers_of, opened

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("impatient_tunnels")]


@pytest.mark.proves("H.7")
@pytest.mark.parametrize("kind", KINDS)
async def test_garbage_from_the_server_is_counted_logged_once_and_survived(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(kind) as server:
        link = tunnel(server, kind, tmp_path)
        async with opened(link) as ear:
            for garbage in (
                b"\x00" * 8,
                b"\x06\x10\x04\x20\x00\x06",
                b"\x06\x10\x09\x99\x00\x08ab",
            ):
                server.write(garbage)
            server.indicate(group_write(ADDRESS, 7))
            await eventually(lambda: ear.has(ADDRESS, 7), "the telegram after the garbage")
            assert link.malformed == 3
            await link.send(group_write(ADDRESS, 1))
            await link.check()
            assert ear.lost == 0
    assert len([r for r in caplog.records if "malformed" in r.getMessage()]) == 1


async def test_garbage_in_an_authentic_wrapper_is_counted_and_survived(tmp_path: Path) -> None:
    async with serving("secure") as server:
        link = tunnel(server, "secure", tmp_path)
        async with opened(link) as ear:
            (stream,) = server.streams
            assert stream.session is not None
            garbage = [b"", b"ab", b"\x06\x10\x04\x20\x00\x06", b"\x06\x10\x04\x20\xff\xff"]
            for raw in garbage:
                stream.write(stream.session.encrypt_bytes(raw))
            server.indicate(group_write(ADDRESS, 7))
            await eventually(lambda: ear.has(ADDRESS, 7), "the telegram after the garbage")
            assert link.malformed == len(garbage)
            await link.check()


def from_elsewhere(*bodies: KNXIPBody, to: tuple[str, int], host: str = LOCALHOST) -> None:
    """Send frames from an address and port that nobody has announced."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((host, 0))
        for body in bodies:
            stranger.sendto(KNXIPFrame.init_from_body(body).to_knx(), to)


def our_port(link: TunnelLink) -> tuple[str, int]:
    """Return where a tunnel listens."""
    assert isinstance(link._tunnel, GuardedUdpTunnel)
    return link._tunnel.transport.getsockname()


def cemi_write(value: int) -> bytes:
    """Return a telegram from the bus as it travels in a tunnel."""
    return CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=group_write(ADDRESS, value)).to_knx()


@pytest.mark.proves("H.29")
@pytest.mark.parametrize("host", [LOCALHOST, "127.0.0.2"])
async def test_only_its_server_speaks_in_a_udp_tunnel(
    host: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving("udp") as server:
        link = tunnel(server, "udp", tmp_path)
        async with opened(link) as ear:
            from_elsewhere(
                TunnellingRequest(1, 0, cemi_write(66)),
                TunnellingRequest(1, 1, cemi_write(66)),
                DisconnectRequest(1, HPAI(host, 9)),
                to=our_port(link),
                host=host,
            )
            await eventually(lambda: link.strangers == 3, "three frames to be dropped")
            server.indicate(group_write(ADDRESS, 7))  # its counter was not used up
            await eventually(lambda: ear.has(ADDRESS, 7), "the telegram of the server")
            assert [value for _, _, value in ear.heard] == [7]
            await link.check()
            assert (ear.lost, link.malformed) == (0, 0)
    assert len([r for r in caplog.records if "unknown sender" in r.getMessage()]) == 1


async def test_garbage_of_a_stranger_is_counted_as_such(tmp_path: Path) -> None:
    async with serving("udp") as server:
        link = tunnel(server, "udp", tmp_path)
        async with opened(link):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"garbage", our_port(link))
            await eventually(lambda: link.strangers == 1, "the garbage to be dropped")
            assert link.malformed == 0


async def test_a_stranger_acknowledges_and_confirms_nothing(tmp_path: Path) -> None:
    async with serving("udp") as server:
        link = tunnel(server, "udp", tmp_path)
        async with opened(link) as ear:
            server.silent = True
            port = our_port(link)

            async def interfere() -> None:
                while not ear.lost:
                    from_elsewhere(TunnellingAck(1, 0), ConnectionStateResponse(1), to=port)
                    await asyncio.sleep(0.02)

            sending = link.send(group_write(ADDRESS, 1))
            result, _none = await asyncio.gather(sending, interfere(), return_exceptions=True)
            assert isinstance(result, LinkError)
            assert "sending failed" in str(result)


async def test_a_stranger_does_not_say_that_the_tunnel_is_alive(tmp_path: Path) -> None:
    async with serving("udp") as server:
        link = tunnel(server, "udp", tmp_path)
        async with opened(link):
            server.silent = True
            port = our_port(link)

            async def interfere() -> None:
                while True:
                    from_elsewhere(ConnectionStateResponse(1), to=port)
                    await asyncio.sleep(0.02)

            async with asyncio.TaskGroup() as group:
                interfering = group.create_task(interfere())
                with pytest.raises(LinkError, match="did not respond in time"):
                    await link.check()
                interfering.cancel()
            server.silent = False


async def test_a_stranger_answers_no_connect_request(tmp_path: Path) -> None:
    async with serving("udp") as server:
        server.silent = True
        link = tunnel(server, "udp", tmp_path)
        link.keep_numbers(numbers_of())
        ear = Ear()
        answer = ConnectResponse(
            9, crd=ConnectResponseData(individual_address=IndividualAddress("1.1.66"))
        )

        async def interfere() -> None:
            await eventually(lambda: link._tunnel is not None, "the tunnel")
            await asyncio.sleep(0.05)
            from_elsewhere(answer, to=our_port(link))

        opening = link.open(ear.on_frame, ear.on_lost)
        result, _none = await asyncio.gather(opening, interfere(), return_exceptions=True)
        await link.close()
        assert isinstance(result, LinkError)
        assert link.strangers == 1


@pytest.mark.parametrize(
    ("data_endpoint", "source", "is_server"),
    [
        (None, ("10.0.0.1", 3671), True),
        (None, ("10.0.0.1", 3672), False),
        (None, ("10.0.0.2", 3671), False),
        (("10.0.0.1", 50100), ("10.0.0.1", 3671), True),
        (("10.0.0.1", 50100), ("10.0.0.1", 50100), True),
        (("10.0.0.1", 50100), ("10.0.0.1", 50101), False),
        (("192.168.7.7", 50100), ("192.168.7.7", 50100), True),
        (("192.168.7.7", 50100), ("10.0.0.1", 50100), True),  # behind address translation
        (("192.168.7.7", 50100), ("10.0.0.9", 50100), False),
    ],
)
async def test_the_server_is_who_was_asked_and_who_it_said_it_would_be(
    data_endpoint: tuple[str, int] | None, source: tuple[str, int], *, is_server: bool
) -> None:
    ignored: list[object] = []
    hooks = Hooks(
        received=ignored.append,
        malformed=ignored.append,
        stranger=ignored.append,
        failed=ignored.append,
    )
    one = GuardedUdpTunnel(
        hooks, xknx=XKNX(), gateway_ip="10.0.0.1", gateway_port=3671, local_ip=LOCALHOST
    )
    one._data_endpoint_addr = data_endpoint
    assert one._is_server(source) == is_server


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_meant_for_another_tunnel_is_left_alone(kind: str, tmp_path: Path) -> None:
    async with serving(kind) as server:
        link = tunnel(server, kind, tmp_path)
        async with opened(link) as ear:
            server.send(TunnellingRequest(77, 0, cemi_write(66)))
            server.send(DisconnectRequest(77, HPAI(LOCALHOST, 9)))
            await eventually(lambda: link.strangers == 2, "two frames to be dropped")
            server.indicate(group_write(ADDRESS, 7))
            await eventually(lambda: ear.has(ADDRESS, 7), "our own telegram")
            assert len(ear.heard) == 1
            assert ear.lost == 0


async def test_a_late_acknowledgement_of_another_telegram_acknowledges_nothing(
    tmp_path: Path,
) -> None:
    async with serving("udp") as server:
        link = tunnel(server, "udp", tmp_path)
        async with opened(link) as ear:
            server.silent = True

            async def acknowledge_another() -> None:
                while not ear.lost:
                    server.send(TunnellingAck(1, 200))
                    await asyncio.sleep(0.02)

            sending = link.send(group_write(ADDRESS, 1))
            result, _none = await asyncio.gather(
                sending, acknowledge_another(), return_exceptions=True
            )
            assert isinstance(result, LinkError)
