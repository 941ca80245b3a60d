"""The KNX port: every frame goes to those who registered for its kind, and theirs go out in order."""

import ast
import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from xknx.cemi import CEMIFlags, CEMILData, CEMIPriority
from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import (
    APCI,
    DeviceDescriptorRead,
    DeviceDescriptorResponse,
    GroupValueRead,
    GroupValueResponse,
    GroupValueWrite,
    IndividualAddressRead,
    IndividualAddressResponse,
)
from xknx.telegram.tpci import (
    TPCI,
    TAck,
    TConnect,
    TDataBroadcast,
    TDataConnected,
    TDataGroup,
    TDataIndividual,
    TDataTagGroup,
    TDisconnect,
    TNak,
)

import knxgw
from knxgw.catalogue.flags import Priority
from knxgw.catalogue.objects import ObjectKind
from knxgw.charging.scope import point_scope
from knxgw.errors import LinkError
from knxgw.host.clock import system_clock
from knxgw.knx.frames import FrameKind, Outcome, Outgoing, Security, kind_of
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_group_communication import GroupCommunication
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.links.knx_secure_groups import GroupKeys
from knxgw.links.knx_send_queue import MOST_WAITING
from knxgw.links.knx_telegram_tap import TelegramTap
from knxgw.links.knx_tool_key import ToolAccess
from knxgw.monitoring.telegrams import Service, TelegramRing
from knxgw.objects.server import ObjectServer
from knxgw.station.model import BusAsked, Command, InterruptionCommanded
from tests.objects.objects import CP1, ZONE, group_object
from tests.support.knx_line import MemoryLine
from tests.support.knx_ports import running_port
from tests.support.knxip_server import Ear, group_write, numbers_of
from tests.support.stub_device import BROADCAST, MASK, StubDevice, frame

OURS, TOOL, OTHER = "1.1.20", "1.1.9", "1.1.66"
STATE, INTERRUPTION, READS = "1/1/50", "1/1/55", "1/1/60"
KEY = bytes(range(16))
READ = DeviceDescriptorRead(descriptor=0)
ANSWER = DeviceDescriptorResponse(descriptor=0, value=MASK)
Said = tuple[TPCI, APCI | None]  # transport layer, application layer


class Bench:
    """A port on a line with an object server, and a client that hears everything on the line."""

    def __init__(self, tool_key: bytes | None = None) -> None:
        self.line = MemoryLine()
        self.heard: list[CEMILData] = []
        self.client = self.line.join(TOOL)
        stage = DataSecureStage(tool=ToolAccess(tool_key) if tool_key else None)
        self.link = self.line.join(OURS)
        attachment = BusAttachment(link=self.link, data_secure=stage)
        attachment.keep_numbers(numbers_of())
        self.port = KnxPort(attachment)
        self.commands: list[Command] = []
        self.objects = ObjectServer(
            [
                group_object(50, "state", STATE, dpt=None),
                group_object(55, "interruption", INTERRUPTION, dpt="1.001", flags="C-W---"),
                group_object(60, "reads", READS, dpt="1.001", flags="C---UI"),
            ],
            ZONE,
        )
        self.group = GroupCommunication(self.port, self.objects, self.commands.append)
        self.group.join()

    async def send(self, data: CEMILData) -> None:
        """Let the client send a frame, and the device answer."""
        await self.client.send(data)
        await asyncio.sleep(0.01)

    def said(self) -> list[Said]:
        """Return what the device has said since the last time."""
        heard = [(one.tpci, one.payload) for one in self.heard]
        self.heard.clear()
        return heard


@asynccontextmanager
async def running(bench: Bench) -> AsyncGenerator[Bench, None]:
    """Run the port of the bench."""
    await bench.client.open(bench.heard.append, lambda: None)
    async with asyncio.timeout(60.0), asyncio.TaskGroup() as group:
        task = group.create_task(keep_alive("KNX", bench.port.run, last_delay_s=1.0))
        await asyncio.sleep(1.0)
        bench.heard.clear()
        yield bench
        task.cancel()


# --- in


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (group_write(STATE, 1), FrameKind.GROUP),
        (frame(TOOL, BROADCAST, TDataBroadcast(), IndividualAddressRead()), FrameKind.BROADCAST),
        (frame(TOOL, OURS, TDataIndividual(), READ), FrameKind.INDIVIDUAL),
        (frame(TOOL, OURS, TDataConnected(sequence_number=3), READ), FrameKind.INDIVIDUAL),
        (frame(TOOL, OURS, TConnect()), FrameKind.CONTROL),
        (frame(TOOL, OURS, TDisconnect()), FrameKind.CONTROL),
        (frame(TOOL, OURS, TAck(sequence_number=1)), FrameKind.CONTROL),
        (frame(TOOL, OURS, TNak(sequence_number=1)), FrameKind.CONTROL),
        (frame(TOOL, OTHER, TDataIndividual(), READ), None),
        (frame(TOOL, OTHER, TConnect()), None),
        (frame(TOOL, GroupAddress(STATE), TDataTagGroup(), GroupValueRead()), None),
    ],
)
def test_address_and_transport_layer_tell_the_kind_of_a_frame(
    data: CEMILData, kind: FrameKind | None
) -> None:
    assert kind_of(data, IndividualAddress(OURS)) is kind
    read_again = CEMILData.from_knx(data.to_knx())
    assert kind_of(read_again, IndividualAddress(OURS)) is kind


async def test_a_device_tells_its_descriptor_beside_the_object_server() -> None:
    async with running(Bench()) as bench:
        device = StubDevice(bench.port)
        bench.objects.publish(point_scope(1), "state", 5, 0.0)
        bench.port.wake()
        await asyncio.sleep(0.1)
        state = DPTArray((5,))
        assert bench.said() == [(TDataGroup(), GroupValueWrite(state))]
        await bench.send(frame(TOOL, OURS, TDataIndividual(), READ))
        assert bench.said() == [(TDataIndividual(), ANSWER)]
        read = group_write(STATE, 0, TOOL)
        read.payload = GroupValueRead()
        await bench.send(read)
        assert bench.said() == [(TDataGroup(), GroupValueResponse(state))]
        assert device.obeyed == [READ], "group telegrams are not for it"
        assert bench.port.unclaimed == 0


@pytest.mark.proves("H.97")
async def test_a_device_tells_its_descriptor_in_a_connection() -> None:
    async with running(Bench()) as bench:
        device = StubDevice(bench.port)
        await bench.send(frame(TOOL, OURS, TConnect()))
        for number in (0, 1):
            await bench.send(frame(TOOL, OURS, TDataConnected(sequence_number=number), READ))
            assert bench.said() == [
                (TAck(sequence_number=number), None),
                (TDataConnected(sequence_number=number), ANSWER),
            ]
            await bench.send(frame(TOOL, OURS, TAck(sequence_number=number)))
        await bench.send(frame(OTHER, OURS, TDataConnected(sequence_number=2), READ))
        await bench.send(frame(TOOL, OURS, TDisconnect()))
        await bench.send(frame(TOOL, OURS, TDataConnected(sequence_number=2), READ))
        assert bench.said() == [], "neither a stranger nor whoever has left is answered"
        assert device.peer is None
        outcomes = await asyncio.gather(*device.answers)
        assert outcomes == [Outcome.CONFIRMED] * 4


async def test_a_device_in_programming_mode_answers_the_broadcast() -> None:
    async with running(Bench()) as bench:
        device = StubDevice(bench.port, programming_mode=True)
        ask = frame(TOOL, BROADCAST, TDataBroadcast(), IndividualAddressRead())
        await bench.send(ask)
        (answer,) = bench.heard
        assert (str(answer.src_addr), answer.dst_addr) == (OURS, BROADCAST)
        assert bench.said() == [(TDataBroadcast(), IndividualAddressResponse())]
        device.programming_mode = False
        await bench.send(ask)
        assert bench.said() == []


@pytest.mark.proves("H.97")
async def test_frames_for_nobody_are_dropped_and_counted() -> None:
    async with running(Bench()) as bench:
        await bench.send(frame(TOOL, OURS, TDataIndividual(), READ))
        await bench.send(frame(TOOL, OURS, TConnect()))
        await bench.send(frame(TOOL, BROADCAST, TDataBroadcast(), IndividualAddressRead()))
        assert bench.port.unclaimed == 3
        await bench.send(frame(TOOL, OTHER, TConnect()))
        assert bench.port.unclaimed == 4
        assert bench.said() == [], "nobody refuses a connection in our name either"


async def test_two_receivers_of_a_kind_hear_the_same_and_none_after_it_has_left() -> None:
    async with running(Bench()) as bench:
        ear = Ear()
        bench.port.register(ear, FrameKind.GROUP)
        await bench.send(interruption(is_set=True))
        bench.port.unregister(ear)
        await bench.send(interruption(is_set=False))
        interruptions = [one for one in bench.commands if isinstance(one, InterruptionCommanded)]
        assert [one.is_active for one in interruptions] == [True, False]
        assert len(ear.heard) == 1
        assert ear.secured == [Security.PLAIN]


def interruption(*, is_set: bool) -> CEMILData:
    """Return a telegram that sets or ends the interruption."""
    data = group_write(INTERRUPTION, 0, TOOL)
    data.payload = GroupValueWrite(DPTBinary(int(is_set)))
    return data


async def test_another_object_server_takes_over_while_the_link_stays() -> None:
    async with running(Bench()) as bench:
        device = StubDevice(bench.port)
        bench.group.leave()
        await bench.send(interruption(is_set=True))
        assert bench.commands == [BusAsked()], "asked when the link came up"
        await bench.send(frame(TOOL, OURS, TDataIndividual(), READ))
        assert bench.said() == [(TDataIndividual(), ANSWER)], "the device lives on"
        commands: list[Command] = []
        GroupCommunication(bench.port, bench.objects, commands.append).join()
        await asyncio.sleep(0.1)
        assert bench.said() == [(TDataGroup(), GroupValueRead())], "the objects with the I flag"
        await bench.send(interruption(is_set=True))
        assert commands == [BusAsked(), InterruptionCommanded(point=CP1, is_active=True)]
        assert bench.commands == [BusAsked()]
        assert device.link_changes == ["up"]
        assert bench.port.lost_at is None


async def test_what_an_object_server_sent_means_nothing_to_the_station_once_it_has_left() -> None:
    for leaves in (False, True):
        async with running(Bench()) as bench:
            sender = group_object(1, "sender", INTERRUPTION, dpt="1.001")
            own = group_object(55, "interruption", INTERRUPTION, dpt="1.001", flags="C-W---")
            objects = ObjectServer([sender, own], ZONE)
            commands: list[Command] = []
            group = GroupCommunication(bench.port, objects, commands.append)
            group.join()
            objects.publish(point_scope(1), "sender", True, 0.0)
            assert group.next_frame(0.0, requested_only=False) is not None
            if leaves:
                group.leave()
            group.finished(Outcome.CONFIRMED)
            assert (InterruptionCommanded(point=CP1, is_active=True) in commands) != leaves


# --- out


def numbered(value: int, priority: CEMIPriority) -> CEMILData:
    """Return a group telegram that somebody else than the object server sends."""
    data = group_write("2/2/2", value, OURS)
    data.flags = CEMIFlags(priority=priority)
    return data


@pytest.mark.proves("H.97")
async def test_what_has_a_higher_priority_goes_first() -> None:
    async with running(Bench()) as bench:
        low, normal, urgent, system = (
            CEMIPriority.LOW,
            CEMIPriority.NORMAL,
            CEMIPriority.URGENT,
            CEMIPriority.SYSTEM,
        )
        asked = (low, urgent, system, normal, low, system, normal, urgent)
        for value, priority in enumerate(asked):
            bench.port.send(numbered(value, priority))
        await asyncio.sleep(0.1)
        sent = [(one.flags.priority, payload_byte(one)) for one in bench.heard]
        bench.heard.clear()
        assert sent == [
            (system, 2),
            (system, 5),
            (urgent, 1),
            (urgent, 7),
            (normal, 3),
            (normal, 6),
            (low, 0),
            (low, 4),
        ]


def group_read(address: str) -> CEMILData:
    """Return a question for the value of a group address."""
    read = group_write(address, 0, TOOL)
    read.payload = GroupValueRead()
    return read


def payload_byte(data: CEMILData) -> int:
    """Return the byte that a telegram writes or answers."""
    assert isinstance(data.payload, GroupValueWrite | GroupValueResponse)
    assert isinstance(data.payload.value, DPTArray)
    return data.payload.value.value[0]


async def test_an_answer_needs_no_turn_of_the_loop_where_nobody_confirms_it() -> None:
    async with running(Bench()) as bench:
        bench.objects.publish(point_scope(1), "state", 200, 0.0)
        bench.port.wake()
        await asyncio.sleep(0.1)
        sent_before = bench.port.sent
        bench.port._on_frame(group_read(STATE))
        assert bench.port.sent == sent_before + 1
        bench.link.has_confirmations = True
        bench.port._on_frame(group_read(STATE))
        assert bench.port.sent == sent_before + 1, "it waits for its turn"
        await asyncio.sleep(0.1)
        assert bench.port.sent == sent_before + 2


async def test_of_what_waits_an_answer_at_once_takes_the_highest_priority_first() -> None:
    async with running(Bench()) as bench:
        bench.objects.publish(point_scope(1), "state", 200, 0.0)
        bench.port.wake()
        await asyncio.sleep(0.1)
        bench.heard.clear()
        bench.port.send(numbered(0, CEMIPriority.LOW))
        bench.port.send(numbered(9, CEMIPriority.SYSTEM))
        bench.port._on_frame(group_read(STATE))
        await asyncio.sleep(0.1)
        order = [payload_byte(one) for one in bench.heard]
        bench.heard.clear()
        assert order[0] == 9
        assert sorted(order) == [0, 9, 200]


async def test_answers_to_reads_and_frames_of_equal_priority_take_turns() -> None:
    async with running(Bench()) as bench:
        bench.link.has_confirmations = True
        bench.objects.publish(point_scope(1), "state", 200, 0.0)
        bench.port.wake()
        await asyncio.sleep(0.1)
        bench.heard.clear()
        for _ in range(4):
            bench.port._on_frame(group_read(STATE))
        for value in range(4):
            bench.port.send(numbered(value, CEMIPriority.LOW))
        bench.port.send(numbered(9, CEMIPriority.SYSTEM))
        await asyncio.sleep(0.1)
        order = [payload_byte(one) for one in bench.heard]
        bench.heard.clear()
        assert order == [9, 200, 0, 200, 1, 200, 2, 200, 3]


async def test_group_objects_send_with_their_own_priority() -> None:
    async with running(Bench()) as bench:
        bench.group.leave()
        usual, alarm = (
            group_object(1, "usual", "1/1/1", dpt=None),
            group_object(2, "alarm", "1/1/2", dpt=None, kind=ObjectKind.CURRENT),
        )
        alarm.priority = Priority.URGENT
        objects = ObjectServer([usual, alarm], ZONE)
        objects.publish(point_scope(1), "usual", 1, 0.0)
        objects.publish(point_scope(1), "alarm", 2, 0.0)
        GroupCommunication(bench.port, objects, bench.commands.append).join()
        await asyncio.sleep(0.1)
        sent = [(one.flags.priority, payload_byte(one)) for one in bench.heard]
        bench.heard.clear()
        assert sent == [(CEMIPriority.URGENT, 2), (CEMIPriority.LOW, 1)]


@pytest.mark.proves("H.97")
async def test_frames_that_wait_are_told_when_the_link_is_lost_and_values_come_again() -> None:
    async with running(Bench()) as bench:
        device = StubDevice(bench.port)
        waiting = [bench.port.send(numbered(value, CEMIPriority.LOW)) for value in range(3)]
        bench.objects.publish(point_scope(1), "state", 7, 0.0)
        bench.line.cut()
        assert await asyncio.gather(*waiting) == [Outcome.DROPPED] * 3
        assert not bench.port.is_up
        assert await bench.port.send(numbered(9, CEMIPriority.LOW)) is Outcome.DROPPED
        bench.line.mend()
        await bench.client.open(bench.heard.append, lambda: None)
        await asyncio.sleep(5.0)
        values = [payload_byte(one) for one in bench.heard if one.dst_addr == GroupAddress(STATE)]
        assert values == [7]
        assert GroupValueRead() in [one.payload for one in bench.heard]
        assert device.link_changes == ["up", "down", "up"]
        bench.heard.clear()


async def test_a_frame_that_was_taken_back_is_not_sent() -> None:
    async with running(Bench()) as bench:
        first, second = (bench.port.send(numbered(n, CEMIPriority.LOW)) for n in (1, 2))
        first.cancel()
        assert await second is Outcome.CONFIRMED
        assert [payload_byte(one) for one in bench.heard] == [2]
        bench.heard.clear()


async def test_no_more_frames_wait_than_there_is_room_for() -> None:
    async with running(Bench()) as bench:
        results = [
            bench.port.send(numbered(n % 256, CEMIPriority.LOW)) for n in range(MOST_WAITING + 2)
        ]
        system = bench.port.send(numbered(9, CEMIPriority.SYSTEM))
        outcomes = await asyncio.gather(*results)
        assert outcomes == [Outcome.CONFIRMED] * MOST_WAITING + [Outcome.DROPPED] * 2
        assert await system is Outcome.CONFIRMED
        bench.heard.clear()


# --- secured


async def test_nothing_is_sent_plain_that_was_to_be_secured() -> None:
    async with running(Bench()) as bench:
        data = frame(OURS, TOOL, TDataIndividual(), ANSWER)
        for security in (Security.TOOL_KEY, Security.GROUP_KEY, Security.REFUSED):
            assert await bench.port.send(data, security) is Outcome.DROPPED
        assert bench.said() == []


async def test_a_connection_with_the_tool_key_acknowledges_what_is_repeated_and_obeys_once() -> (
    None
):
    async with running(Bench(tool_key=KEY)) as bench:
        device = StubDevice(bench.port)
        tool = DataSecureStage(tool=ToolAccess(KEY))
        tool.keep_numbers(numbers_of())
        await bench.send(frame(TOOL, OURS, TConnect()))
        secured = await sealed(tool, frame(TOOL, OURS, TDataConnected(sequence_number=0), READ))
        assert secured.payload != READ
        await bench.send(secured)
        await bench.send(secured)  # its acknowledgement was lost, as it were
        acknowledged, answer, again = bench.heard
        assert [acknowledged.tpci, again.tpci] == [TAck(sequence_number=0)] * 2
        opened = tool.received(answer)
        assert opened is not None
        assert (opened[0].payload, opened[1]) == (ANSWER, Security.TOOL_KEY)
        assert answer.payload != ANSWER, "it is answered as it was asked"
        assert device.obeyed == [READ]
        bench.heard.clear()
        stranger = DataSecureStage(tool=ToolAccess(bytes(16)))
        stranger.keep_numbers(numbers_of())
        await bench.send(
            await sealed(stranger, frame(TOOL, OURS, TDataConnected(sequence_number=1), READ))
        )
        assert bench.said() == [(TAck(sequence_number=1), None)]
        assert device.obeyed == [READ]


async def sealed(stage: DataSecureStage, data: CEMILData) -> CEMILData:
    """Return a frame as the other side secures it with the tool key."""
    secured = await stage.outgoing(Outgoing(data, Security.TOOL_KEY))
    assert secured is not None
    return secured


async def test_a_port_waits_for_the_clock_before_it_opens_a_secured_link() -> None:
    groups = GroupKeys(keys={GroupAddress(STATE): KEY}, senders={})
    link = MemoryLine().join(OURS)
    attachment = BusAttachment(link=link, data_secure=DataSecureStage(groups))
    attachment.keep_numbers(numbers_of(clock=None))
    port = KnxPort(attachment)
    with pytest.raises(LinkError, match="the clock is not set"):
        await port.run()
    assert not port.is_up


@pytest.mark.proves("H.98")
async def test_what_one_link_has_taken_the_next_one_refuses_though_it_was_made_before() -> None:
    groups = GroupKeys(keys={GroupAddress(STATE): KEY}, senders={IndividualAddress(TOOL): 0})
    sender = DataSecureStage(groups)
    sender.keep_numbers(numbers_of())
    numbers, line = numbers_of(), MemoryLine()
    client = line.join(TOOL)
    await client.open(lambda _: None, lambda: None)
    attachments = [
        BusAttachment(link=line.join(OURS), data_secure=DataSecureStage(groups)) for _ in range(2)
    ]
    for attachment in attachments:
        attachment.keep_numbers(numbers)  # both before either runs
    telegram = await sender.outgoing(Outgoing(group_write(STATE, 1, TOOL)))
    assert telegram is not None
    for attachment, takes in zip(attachments, (1, 0), strict=True):
        async with running_port(attachment) as (_port, ear):
            await client.send(telegram)
            await asyncio.sleep(0.1)
            assert len(ear.heard) == takes


@pytest.mark.proves("W32")
async def test_what_data_secure_refuses_stands_in_the_monitor_and_goes_nowhere_else() -> None:
    groups = GroupKeys(keys={GroupAddress(STATE): KEY}, senders={IndividualAddress(TOOL): 0})
    sender = DataSecureStage(groups)
    sender.keep_numbers(numbers_of())
    line, ring = MemoryLine(), TelegramRing()
    client = line.join(TOOL)
    await client.open(lambda _: None, lambda: None)
    attachment = BusAttachment(link=line.join(OURS), data_secure=DataSecureStage(groups))
    attachment.keep_numbers(numbers_of())
    recorded = await sender.outgoing(Outgoing(group_write(STATE, 1, TOOL)))
    assert recorded is not None
    async with running_port(attachment, TelegramTap(ring.note, system_clock)) as (_port, ear):
        for telegram in (recorded, recorded, group_write(STATE, 0, TOOL)):
            await client.send(telegram)
        await asyncio.sleep(0.1)
        assert len(ear.heard) == 1
    noted = [numbered.row for numbered in ring.ring.rows()]
    assert [(one.service, one.is_secure, one.is_refused, one.payload) for one in noted] == [
        (Service.WRITE, True, False, (1,)),
        (Service.SEALED, True, True, None),  # a recording, played again
        (Service.WRITE, False, True, (0,)),  # not secured at all
    ]
    assert [one.row.payload for one in ring.last_values()] == [(1,)]


# --- what is known of xknx


FRAMES = ("xknx.cemi", "xknx.telegram", "xknx.dpt")


def above_the_wires() -> list[Path]:
    """Return the modules that speak KNX and touch no wire."""
    package = Path(knxgw.__file__).parent
    port = ("knx_port", "knx_send_queue", "knx_group_communication")
    rooms = [path for room in ("knx", "objects", "sim") for path in (package / room).glob("*.py")]
    return rooms + [package / "links" / f"{name}.py" for name in port]


def test_above_the_wires_xknx_is_known_by_its_frames_telegrams_and_codecs_only() -> None:
    known = {
        (path.stem, node.module)
        for path in above_the_wires()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("xknx")
    }
    assert ("knx_port", "xknx.cemi") in known
    others = {one for one in known if not one[1].startswith(FRAMES)}
    translated = {
        (module, "xknx.exceptions") for module in ("codec", "raw_service", "group_telegram")
    }
    ciphers = {("secure_apdu", "xknx.secure.security_primitives")}  # AES, and nothing of KNX
    assert others == translated | ciphers, "what xknx's codecs raise is translated there"
