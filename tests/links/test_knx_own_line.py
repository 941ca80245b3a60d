"""The line of the device: what its members, the device and the wire hear of each other, and in which order."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from xknx.cemi import CEMIFlags, CEMILData
from xknx.dpt import DPTArray
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import GroupValueRead, GroupValueWrite
from xknx.telegram.tpci import TConnect, TDataGroup

from knxgw.charging.scope import point_scope
from knxgw.knx.frames import Outcome
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx_group_communication import GroupCommunication
from knxgw.links.knx_line import DeviceOnLine, KnxLine
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.objects.server import ObjectServer
from tests.objects.objects import ZONE, group_object
from tests.support.knx_line import MemoryLine

OURS, TUNNEL, OTHER = "1.1.20", "1.1.241", "1.1.7"
STATE = "1/2/3"


class Member:
    """A tunnel on the line."""

    def __init__(self, address: str = TUNNEL) -> None:
        self.individual_address = IndividualAddress(address)
        self.heard: list[CEMILData] = []
        self.is_behind = False  # frames wait for its client

    def take(self, data: CEMILData) -> None:
        """Take a frame."""
        self.heard.append(data)


class Site:
    """The device on its line, two tunnels, and somebody at the other end of the wire, if there is one."""

    def __init__(self, *, has_wire: bool) -> None:
        bus = MemoryLine()
        self.neighbour = bus.join(OTHER)
        self.on_wire: list[CEMILData] = []
        self.line = KnxLine()
        self.device = DeviceOnLine(self.line, bus.join(OURS) if has_wire else None)
        self.device.take_address(IndividualAddress(OURS))
        self.port = KnxPort(BusAttachment(link=self.device, overhear=self.device.overhear))
        objects = ObjectServer([group_object(50, "state", STATE, dpt=None)], ZONE)
        objects.publish(point_scope(1), "state", 200, 0.0)
        GroupCommunication(self.port, objects, lambda _command: None).join()
        self.tunnels = (Member(), Member("1.1.242"))

    async def ask(self, data: CEMILData) -> Outcome:
        """Let the first tunnel send a frame, as its server does."""
        outcome = self.line.outcome_at_once(self.tunnels[0], data)
        if outcome is None:
            return await self.line.send(self.tunnels[0], data)
        if outcome is Outcome.CONFIRMED:
            self.line.carry(self.tunnels[0], data)
        return outcome


@asynccontextmanager
async def site(*, has_wire: bool) -> AsyncGenerator[Site, None]:
    one = Site(has_wire=has_wire)
    await one.neighbour.open(one.on_wire.append, lambda: None)
    for member in one.tunnels:
        one.line.join(member)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_alive("KNX", one.port.run, last_delay_s=1.0))
        await asyncio.sleep(1.0)  # the first value has gone out
        one.on_wire.clear()
        for member in one.tunnels:
            member.heard.clear()
        yield one
        task.cancel()


def group_read(source: str = TUNNEL) -> CEMILData:
    return CEMILData(
        flags=CEMIFlags(),
        src_addr=IndividualAddress(source),
        dst_addr=GroupAddress(STATE),
        tpci=TDataGroup(),
        payload=GroupValueRead(),
    )


def group_write() -> CEMILData:
    data = group_read()
    data.dst_addr, data.payload = GroupAddress("3/3/3"), GroupValueWrite(DPTArray(1))
    return data


def services(heard: list[CEMILData]) -> list[str]:
    return [type(one.payload or one.tpci).__name__ for one in heard]


async def test_without_a_wire_a_tunnel_has_its_answer_at_once() -> None:
    async with site(has_wire=False) as one:
        assert await one.ask(group_read()) is Outcome.CONFIRMED
        assert services(one.tunnels[0].heard) == ["GroupValueResponse"]
        assert services(one.tunnels[1].heard) == ["GroupValueRead", "GroupValueResponse"]
        assert one.on_wire == []


async def test_an_answer_to_a_tunnel_that_is_behind_takes_its_turn() -> None:
    async with site(has_wire=False) as one:
        one.tunnels[0].is_behind = True
        await one.ask(group_read())
        assert one.tunnels[0].heard == []
        await asyncio.sleep(0.1)
        assert services(one.tunnels[0].heard) == ["GroupValueResponse"]


async def test_what_a_tunnel_asks_goes_out_on_the_wire_before_the_answer() -> None:
    async with site(has_wire=True) as one:
        assert await one.ask(group_read()) is Outcome.CONFIRMED
        await asyncio.sleep(0.1)
        assert services(one.on_wire) == ["GroupValueRead", "GroupValueResponse"]
        assert services(one.tunnels[0].heard) == ["GroupValueResponse"]


async def test_a_question_from_the_wire_is_heard_by_tunnels_and_answered_at_once() -> None:
    async with site(has_wire=True) as one:
        await one.neighbour.send(group_read(OTHER))
        await asyncio.sleep(0.1)
        assert services(one.on_wire) == ["GroupValueResponse"]
        assert services(one.tunnels[1].heard) == ["GroupValueRead", "GroupValueResponse"]


async def test_an_answer_does_not_overtake_a_frame_that_waits_for_the_wire() -> None:
    async with site(has_wire=True) as one:
        wire = one.device.wire
        assert wire is not None
        assert wire.sends_at_once
        async with one.device._wire_turn:
            waiting = asyncio.get_running_loop().create_task(
                one.line.send(one.tunnels[0], group_write())
            )
            await asyncio.sleep(0.01)
            assert not one.device.sends_at_once
        assert not one.device.sends_at_once, "it is its turn, and it has not gone yet"
        assert await waiting is Outcome.CONFIRMED
        assert one.device.sends_at_once


async def test_a_frame_for_another_tunnel_stays_on_the_line() -> None:
    async with site(has_wire=True) as one:
        frame = CEMILData(
            flags=CEMIFlags(),
            src_addr=IndividualAddress(TUNNEL),
            dst_addr=IndividualAddress("1.1.242"),
            tpci=TConnect(),
            payload=None,
        )
        assert await one.ask(frame) is Outcome.CONFIRMED
        assert services(one.tunnels[1].heard) == ["TConnect"]
        await asyncio.sleep(0.1)
        assert one.on_wire == []


async def test_while_the_device_is_not_connected_nothing_is_sent() -> None:
    line = KnxLine()
    member, other = Member(), Member("1.1.242")
    line.join(member)
    line.join(other)
    write = group_read()
    write.payload = GroupValueWrite(DPTArray(1))
    assert line.outcome_at_once(member, write) is Outcome.DROPPED
    assert await line.send(member, write) is Outcome.DROPPED
    assert other.heard == []
