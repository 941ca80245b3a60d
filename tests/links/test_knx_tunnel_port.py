"""A KNX port on a tunnel: it answers, notices a loss and comes back."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

import pytest
from xknx.dpt import DPTArray
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite

from knxgw.catalogue.flags import Flags
from knxgw.catalogue.objects import ObjectKind
from knxgw.charging.scope import PointNumber, point_scope
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx_group_communication import GroupCommunication
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.links.knx_tunnel_link import TunnelLink
from knxgw.objects.server import ObjectServer
from knxgw.objects.table import GroupObject
from tests.support.knx_tunnels import ADDRESS, KINDS, serving, tunnel
from tests.support.knxip_server import eventually, group_write

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("impatient_tunnels")]


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
