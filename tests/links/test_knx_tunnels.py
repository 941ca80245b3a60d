"""Tunnels over UDP, TCP and IP Secure against a server that can go silent, forget and refuse."""

import logging
import socket
from pathlib import Path

import pytest
from xknx.knxip import ErrorCode

from knxgw.config.model import KnxLinkKind
from knxgw.errors import LinkError
from knxgw.knx.frames import Outcome
from knxgw.links.knx_tunnel_link import TunnelLink
from tests.support.knx_ports import link_of
from tests.support.knx_tunnels import ADDRESS, CREDENTIALS, KEYRING_PASSWORD, KINDS, serving, tunnel
from tests.support.knxip_server import (
    LOCALHOST,
    TUNNEL_ADDRESS,
    eventually,
    group_write,
    opened,
    settings,
)

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("impatient_tunnels")]


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


async def test_local_ip_is_found_when_it_is_not_given(tmp_path: Path) -> None:
    async with serving("udp") as server:
        of = settings(KnxLinkKind.TUNNELLING, gateway_port=server.udp_port, local_ip=None)
        link = link_of(of)
        assert isinstance(link, TunnelLink)
        async with opened(link):
            assert link._tunnel is not None
            assert link._tunnel.local_hpai.ip_addr == LOCALHOST
            await link.send(group_write(ADDRESS, 1))
