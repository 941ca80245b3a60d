"""Tunnels over UDP, TCP and IP Secure against a server that can go silent, forget and refuse."""

import asyncio
import itertools
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

import pytest
from xknx import XKNX
from xknx.cemi import CEMIFrame, CEMIMessageCode
from xknx.dpt import DPTArray
from xknx.io.request_response import RequestResponse
from xknx.knxip import (
    HPAI,
    ConnectionStateResponse,
    ConnectResponse,
    ConnectResponseData,
    DisconnectRequest,
    ErrorCode,
    KNXIPBody,
    KNXIPFrame,
    TunnellingAck,
    TunnellingRequest,
)
from xknx.knxip.knxip_enum import SecureSessionStatusCode
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite

from knxgw.catalogue.flags import Flags
from knxgw.catalogue.objects import ObjectKind
from knxgw.charging.scope import PointNumber, point_scope
from knxgw.config.model import KnxLinkKind
from knxgw.errors import LinkError
from knxgw.knx.frames import Outcome
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx_group_communication import GroupCommunication
from knxgw.links.knx_guard import Hooks
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.links.knx_tunnel_link import TunnelLink
from knxgw.links.knx_tunnels import GuardedUdpTunnel
from knxgw.objects.server import ObjectServer
from knxgw.objects.table import GroupObject
from tests.support.keyring import Interface, KeyringData, write_keyring
from tests.support.knx_ports import link_of
from tests.support.knxip_server import (
    LOCALHOST,
    TUNNEL_ADDRESS,
    Credentials,
    Ear,
    KnxIpServer,
    eventually,
    group_write,
    numbers_of,
    opened,
    settings,
)

pytestmark = pytest.mark.real
KEYRING_PASSWORD = "tunnel-keyring"  # noqa: S105 - made up here
CREDENTIALS = Credentials(
    user_id=2,
    password="user-secret",  # noqa: S106 - made up here
    authentication="device-secret",
)
KINDS = ["udp", "tcp", "secure"]
ADDRESS = "1/1/50"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for tenths of seconds where a real installation is given up to ten seconds."""
    monkeypatch.setattr(RequestResponse.__init__, "__defaults__", (0.2,))
    name = "xknx.io.request_response.connectionstate.CONNECTIONSTATE_REQUEST_TIMEOUT"
    monkeypatch.setattr(name, 0.1)
    monkeypatch.setattr("knxgw.links.knx.CONFIRMATION_TIMEOUT_S", 0.1)
    monkeypatch.setattr("knxgw.links.knx_port.ALIVE_CHECK_S", 0.1)
    monkeypatch.setattr("knxgw.links.keep_alive.doubling", lambda **_: itertools.repeat(0.05))


def tunnel(
    server: KnxIpServer,
    kind: str,
    directory: Path,
    credentials: Credentials = CREDENTIALS,
    **changes: str,
) -> TunnelLink:
    """Return one of our tunnels to the server."""
    if kind == "udp":
        of = settings(KnxLinkKind.TUNNELLING, gateway_port=server.udp_port, **changes)
    else:
        of = settings(KnxLinkKind.TUNNELLING_TCP, gateway_port=server.tcp_port, **changes)
    if kind == "secure":
        interface = Interface(
            individual_address=TUNNEL_ADDRESS,
            host="1.1.1",
            user_id=credentials.user_id,
            password=credentials.password,
            authentication=credentials.authentication or None,
        )
        path = directory / "tunnel.knxkeys"
        write_keyring(path, KeyringData(interfaces=[interface]), KEYRING_PASSWORD)
        password = directory / "password"
        password.write_text(KEYRING_PASSWORD, encoding="utf-8")
        of = settings(
            KnxLinkKind.TUNNELLING_TCP,
            gateway_port=server.tcp_port,
            keyring=str(path),
            keyring_password_file=str(password),
            **changes,
        )
    link = link_of(of)
    assert isinstance(link, TunnelLink)
    return link


@asynccontextmanager
async def serving(kind: str) -> AsyncGenerator[KnxIpServer, None]:
    """Run the server a link of that kind needs."""
    async with KnxIpServer(CREDENTIALS if kind == "secure" else None) as server:
        yield server


@pytest.mark.proves("H.8")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_tunnel_opens_sends_hears_and_closes(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(kind) as server:
        link = tunnel(server, kind, tmp_path)
        async with opened(link) as ear:
            assert str(link.individual_address) == TUNNEL_ADDRESS
            for value in range(3):
                await link.send(group_write(ADDRESS, value, TUNNEL_ADDRESS))
            assert server.received == [group_write(ADDRESS, v, TUNNEL_ADDRESS) for v in range(3)]
            assert link.confirmations_missed == 0
            for value in range(3):
                server.indicate(group_write(ADDRESS, value))
            await eventually(lambda: len(ear.heard) == 3, "three telegrams")
            assert ear.heard == [("1.1.9", ADDRESS, value) for value in range(3)]
            await link.check()
            assert (ear.lost, link.malformed) == (0, 0)
        await eventually(lambda: server.open_tunnels == 0, "the end of the tunnel")
    for secret in (CREDENTIALS.password, CREDENTIALS.authentication, KEYRING_PASSWORD):
        assert secret not in caplog.text + repr(link) + repr(link._make)


@pytest.mark.parametrize("kind", KINDS)
async def test_sending_waits_for_the_confirmation(kind: str, tmp_path: Path) -> None:
    async with serving(kind) as server:
        link = tunnel(server, kind, tmp_path)
        async with opened(link):
            server.confirms = False
            await link.send(group_write(ADDRESS, 1))
            assert link.confirmations_missed == 1
            server.confirms = True
            await link.send(group_write(ADDRESS, 2))
            assert link.confirmations_missed == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_full_server_is_named_as_the_cause(kind: str, tmp_path: Path) -> None:
    async with serving(kind) as server:
        server.connect_status = ErrorCode.E_NO_MORE_CONNECTIONS
        link = tunnel(server, kind, tmp_path)
        with pytest.raises(LinkError, match="E_NO_MORE_CONNECTIONS"):
            async with opened(link):
                pass
        server.connect_status = ErrorCode.E_NO_ERROR
        async with opened(link) as ear:
            await link.send(group_write(ADDRESS, 1))
            assert ear.lost == 0


@pytest.mark.parametrize("kind", ["tcp", "secure"])
async def test_a_refused_connection_is_named_as_the_cause(kind: str, tmp_path: Path) -> None:
    async with serving(kind) as server:
        link = tunnel(server, kind, tmp_path)
    with pytest.raises(LinkError, match="Connect call failed"):
        async with opened(link):
            pass


@pytest.mark.parametrize("kind", KINDS)
async def test_a_silent_server_fails_the_opening(kind: str, tmp_path: Path) -> None:
    async with serving(kind) as server:
        server.silent = True
        link = tunnel(server, kind, tmp_path)
        with pytest.raises(LinkError, match="did not respond in time"):
            async with opened(link):
                pass


async def test_a_name_that_does_not_resolve_is_a_lost_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(_name: str) -> str:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "gethostbyname", unknown)
    of = settings(KnxLinkKind.TUNNELLING, gateway_host="no.such.host.invalid", gateway_port=3671)
    with pytest.raises(LinkError, match=r"no\.such\.host\.invalid"):
        async with opened(link_of(of)):
            pass


@pytest.mark.parametrize("kind", KINDS)
async def test_a_tunnel_closed_by_the_server_is_lost(kind: str, tmp_path: Path) -> None:
    async with serving(kind) as server:
        link = tunnel(server, kind, tmp_path)
        async with opened(link) as ear:
            server.disconnect_clients()
            await eventually(lambda: ear.lost == 1, "the loss")
            with pytest.raises(LinkError):
                await link.send(group_write(ADDRESS, 1))
            with pytest.raises(LinkError):
                await link.check()
            assert ear.lost == 1
        async with opened(link) as ear:
            await link.send(group_write(ADDRESS, 2))
            assert ear.lost == 0


@pytest.mark.parametrize("kind", ["tcp", "secure"])
async def test_a_broken_connection_is_a_lost_link(kind: str, tmp_path: Path) -> None:
    async with serving(kind) as server:
        link = tunnel(server, kind, tmp_path)
        async with opened(link) as ear:
            server.break_connections()
            await eventually(lambda: ear.lost == 1, "the loss")
            with pytest.raises(LinkError):
                await link.send(group_write(ADDRESS, 1))
            with pytest.raises(LinkError):
                await link.check()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_forgot_the_tunnel_fails_the_check(kind: str, tmp_path: Path) -> None:
    async with serving(kind) as server:
        link = tunnel(server, kind, tmp_path)
        async with opened(link):
            await link.check()
            server.forget()
            with pytest.raises(LinkError, match="E_CONNECTION_ID"):
                await link.check()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_silent_server_fails_the_check(kind: str, tmp_path: Path) -> None:
    async with serving(kind) as server:
        link = tunnel(server, kind, tmp_path)
        async with opened(link):
            server.silent = True
            with pytest.raises(LinkError, match="did not respond in time"):
                await link.check()
            server.silent = False  # let it hear the disconnect request


async def test_a_telegram_nobody_acknowledges_loses_the_udp_tunnel(tmp_path: Path) -> None:
    async with serving("udp") as server:
        link = tunnel(server, "udp", tmp_path)
        async with opened(link) as ear:
            server.silent = True
            with pytest.raises(LinkError, match="sending failed"):
                await link.send(group_write(ADDRESS, 1))
            assert ear.lost == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_link_tells_how_a_telegram_was_confirmed(kind: str, tmp_path: Path) -> None:
    async with serving(kind) as server:
        link = tunnel(server, kind, tmp_path)
        async with opened(link):
            assert await link.send(group_write(ADDRESS, 1)) is Outcome.CONFIRMED
            server.refuses = True
            assert await link.send(group_write(ADDRESS, 2)) is Outcome.REFUSED
            server.confirms = False
            assert await link.send(group_write(ADDRESS, 3)) is Outcome.UNCONFIRMED
            assert (link.confirmations_negative, link.confirmations_missed) == (1, 1)


async def test_a_telegram_on_its_way_when_the_link_is_lost_counts_as_unsent(tmp_path: Path) -> None:
    async with serving("tcp") as server:
        server.confirms = False

        async def break_it() -> None:
            await eventually(lambda: len(server.received) == 1, "the telegram")
            server.break_connections()

        link = tunnel(server, "tcp", tmp_path)
        async with opened(link):
            sending = link.send(group_write(ADDRESS, 1))
            result, _none = await asyncio.gather(sending, break_it(), return_exceptions=True)
            assert isinstance(result, LinkError)


async def test_a_server_key_that_is_none_is_a_lost_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = Credentials(user_id=2, password=CREDENTIALS.password, authentication="")
    async with serving("secure") as server:
        link = tunnel(server, "secure", tmp_path, credentials)
        monkeypatch.setattr("xknx.knxip.SessionResponse.to_knx", lambda _self: bytes(50))
        with pytest.raises(LinkError, match="secure session: "):
            async with opened(link):
                pass


@pytest.mark.parametrize(
    ("password", "authentication", "cause"),
    [
        ("wrong", CREDENTIALS.authentication, "STATUS_AUTHENTICATION_FAILED"),
        (CREDENTIALS.password, "wrong", "SessionResponse MAC verification failed"),
    ],
)
async def test_wrong_credentials_are_named_as_the_cause(
    password: str, authentication: str, cause: str, tmp_path: Path
) -> None:
    credentials = Credentials(user_id=2, password=password, authentication=authentication)
    async with serving("secure") as server:
        link = tunnel(server, "secure", tmp_path, credentials)
        with pytest.raises(LinkError, match=cause):
            async with opened(link):
                pass


async def test_a_plain_tunnel_does_not_open_on_a_secure_server(tmp_path: Path) -> None:
    async with serving("secure") as server:
        link = tunnel(server, "tcp", tmp_path)
        with pytest.raises(LinkError):
            async with opened(link):
                pass


async def test_a_closed_secure_tunnel_closes_its_session(tmp_path: Path) -> None:
    async with serving("secure") as server:
        async with opened(tunnel(server, "secure", tmp_path)):
            pass
        await eventually(lambda: bool(server.session_statuses), "the end of the session")
        assert server.session_statuses == [SecureSessionStatusCode.STATUS_CLOSE]


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


# --- strangers in a tunnel over UDP


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
    assert len([r for r in caplog.records if "stranger" in r.getMessage()]) == 1


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


# --- with a port on top


def one_object() -> tuple[ObjectServer, GroupObject]:
    """Return a server with one group object that can be read and sends its value."""
    one = GroupObject(
        number=50,
        point=PointNumber(1),
        key="state",
        name="State",
        dpt=None,
        flags=Flags.parse("CR-T--"),
        kind=ObjectKind.STATE,
        addresses=(GroupAddress(ADDRESS),),
        rule=None,
        cycle_s=None,
        may_send=True,
    )
    return ObjectServer([one], UTC), one


@asynccontextmanager
async def kept_alive(link: TunnelLink) -> AsyncGenerator[tuple[KnxPort, ObjectServer], None]:
    """Run a port on the link again and again."""
    server, _one = one_object()
    port = KnxPort(BusAttachment(link=link))
    GroupCommunication(port, server, lambda _command: None).join()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_alive("knx", port.run, last_delay_s=1.0))
        try:
            await eventually(lambda: port.is_up, "the link")
            yield port, server
        finally:
            task.cancel()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["forget", "disconnect_clients"])
async def test_a_port_answers_and_comes_back_by_itself(
    kind: str, loss: str, tmp_path: Path
) -> None:
    async with (
        serving(kind) as server,
        kept_alive(tunnel(server, kind, tmp_path)) as (port, objects),
    ):
        now_s = asyncio.get_running_loop().time()
        objects.publish(point_scope(1), "state", 5, now_s)
        port.wake()
        await eventually(lambda: len(server.received) == 1, "the value")
        getattr(server, loss)()
        await eventually(lambda: not port.is_up, "the loss")
        await eventually(lambda: port.is_up, "the link again")
        assert (server.tunnels_opened, server.open_tunnels) == (2, 1)
        read = group_write(ADDRESS, 0)
        read.payload = GroupValueRead()
        server.indicate(read)
        answer = GroupValueResponse(DPTArray((5,)))  # the value may come again: nobody confirmed it
        await eventually(lambda: server.received[-1].payload == answer, "the answer")
        before = {type(telegram.payload) for telegram in server.received[:-1]}
        assert before == {GroupValueWrite}
    assert server.open_tunnels == 0


async def test_a_port_notices_a_loss_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knxgw.links.knx_port.ALIVE_CHECK_S", 30.0)
    async with (
        serving("tcp") as server,
        kept_alive(tunnel(server, "tcp", tmp_path)) as (port, _objects),
    ):
        server.break_connections()
        await eventually(lambda: not port.is_up, "the loss", timeout_s=0.5)
        await eventually(lambda: port.is_up, "the link again", timeout_s=1.0)


async def test_local_ip_is_found_when_it_is_not_given(tmp_path: Path) -> None:
    async with serving("udp") as server:
        of = settings(KnxLinkKind.TUNNELLING, gateway_port=server.udp_port, local_ip=None)
        link = link_of(of)
        assert isinstance(link, TunnelLink)
        async with opened(link):
            assert link._tunnel is not None
            assert link._tunnel.local_hpai.ip_addr == LOCALHOST
            await link.send(group_write(ADDRESS, 1))
