"""What a tunnel makes of a server that closes, forgets, goes silent or acknowledges nothing."""

import asyncio
from pathlib import Path

import pytest

from knxgw.errors import LinkError
from tests.support.knx_tunnels import ADDRESS, KINDS, serving, tunnel
from tests.support.knxip_server import eventually, group_write, opened

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("impatient_tunnels")]


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
