"""One contract for every KNX link: plain and secured group objects behave alike on all of them.

A second device on the same line reads, writes and listens; it holds the key of one group address.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from xknx.cemi import CEMILData
from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import (
    APCI,
    DeviceDescriptorRead,
    DeviceDescriptorResponse,
    GroupValueRead,
    GroupValueResponse,
    GroupValueWrite,
    SecureAPDU,
)
from xknx.telegram.tpci import TDataGroup, TDataIndividual

from knxgw.charging.scope import point_scope
from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.knx.frames import Outcome, Outgoing
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx import KnxLink
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_factory import make_link
from knxgw.links.knx_group_communication import GroupCommunication
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.links.knx_secure_groups import GroupKeys
from knxgw.objects.server import ObjectServer
from knxgw.station.model import BusAsked, Command, InterruptionCommanded
from tests.objects.objects import ZONE, group_object
from tests.support.keyring import Backbone, Device, Interface, KeyringData, write_keyring
from tests.support.knx_line import MemoryLine
from tests.support.knx_ports import link_of
from tests.support.knxip_server import (
    TUNNEL_ADDRESS,
    Credentials,
    KnxIpServer,
    eventually,
    numbers_of,
    settings,
)
from tests.support.stub_device import MASK, StubDevice, frame

pytestmark = pytest.mark.real
PEER = "1.1.9"
STATE, INTERRUPTION = 0, 1  # sub group of what is read, and of what is written
KEY = bytes(range(16))
PASSWORD = "contract"  # noqa: S105 - made up here
CREDENTIALS = Credentials(
    user_id=2,
    password="user-secret",  # noqa: S106 - made up here
    authentication="device-secret",
)
LATENCY_MS = 80
SILENCE_S = 0.05  # an answer takes a few milliseconds
PLAIN, SECURED = 1, 2  # middle group
_numbers = itertools.count(1)


def address(security: int, what: int) -> GroupAddress:
    """Return the group address of an object."""
    return GroupAddress(f"1/{security}/{what + 1}")


def our_keyring(directory: Path, group: str, *, kind: str) -> Path:
    """Write a keyring with the group key, and what secures the link if the kind of it is."""
    interface = Interface(
        individual_address=TUNNEL_ADDRESS,
        type="Tunneling" if kind == "secure tunnel" else "USB",
        host="1.1.1",
        user_id=CREDENTIALS.user_id if kind == "secure tunnel" else None,
        password=CREDENTIALS.password if kind == "secure tunnel" else None,
        authentication=CREDENTIALS.authentication if kind == "secure tunnel" else None,
        groups={str(address(SECURED, what)): [PEER, TUNNEL_ADDRESS] for what in (0, 1)},
    )
    backbone = Backbone(key=bytes(16), multicast_address=group, latency_ms=LATENCY_MS)
    data = KeyringData(
        backbone=backbone if kind == "secure routing" else None,
        interfaces=(interface,),
        group_keys={str(address(SECURED, what)): KEY for what in (0, 1)},
        devices=(Device(individual_address=PEER), Device(individual_address=TUNNEL_ADDRESS)),
    )
    return write_keyring(directory / "k.knxkeys", data, PASSWORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Our attachment, and how the other device speaks on the same line and hears it."""

    ours: BusAttachment
    speak: Callable[[CEMILData], None]
    heard: list[CEMILData]


@asynccontextmanager
async def line_of(kind: str, directory: Path) -> AsyncGenerator[Line, None]:
    """Make a line of that kind."""
    pid = os.getpid()
    group = f"239.{pid >> 8 & 0xFF}.{pid & 0xFF}.{next(_numbers) + 100}"
    keyring = our_keyring(directory, group, kind=kind)
    if kind == "memory":
        memory = MemoryLine()
        ours = made(settings(KnxLinkKind.ROUTING), keyring).data_secure
        link = memory.join(TUNNEL_ADDRESS)
        async with linked(BusAttachment(link=link, data_secure=ours), memory.join(PEER)) as line:
            yield line
    elif kind in ("routing", "secure routing"):
        of = settings(KnxLinkKind.ROUTING, individual_address=TUNNEL_ADDRESS, multicast_group=group)
        keys = str(keyring) if kind == "secure routing" else None
        peer = settings(
            KnxLinkKind.ROUTING,
            individual_address=PEER,
            multicast_group=group,
            keyring=keys,
            keyring_password_file=str(directory / "password") if keys else None,
        )
        attachment = made(of, keyring)
        async with linked(attachment, link_of(peer)) as line:
            yield line
    else:
        async with KnxIpServer(CREDENTIALS if kind == "secure tunnel" else None) as server:
            port = server.udp_port if kind == "UDP tunnel" else server.tcp_port
            way = KnxLinkKind.TUNNELLING if kind == "UDP tunnel" else KnxLinkKind.TUNNELLING_TCP
            yield Line(
                ours=made(settings(way, gateway_port=port), keyring),
                speak=server.indicate,
                heard=server.received,
            )


def made(of: KnxSettings, keyring: Path) -> BusAttachment:
    """Return the attachment of these settings with a keyring."""
    password = keyring.with_name("password")
    password.write_text(PASSWORD, encoding="utf-8")
    named = settings(
        of.link,
        gateway_port=of.gateway_port,
        individual_address=of.individual_address,
        multicast_group=of.multicast_group,
        keyring=str(keyring),
        keyring_password_file=str(password),
    )
    attachment = make_link(named)
    assert attachment is not None
    return attachment


@asynccontextmanager
async def linked(ours: BusAttachment, peer: KnxLink) -> AsyncGenerator[Line, None]:
    """Let the other device have a link of its own on the line."""
    heard: list[CEMILData] = []
    async with asyncio.TaskGroup() as group:

        def speak(data: CEMILData) -> None:
            group.create_task(peer.send(data))

        peer.keep_numbers(numbers_of())
        await peer.open(heard.append, lambda: None)
        yield Line(ours=ours, speak=speak, heard=heard)
    await peer.close()


class Talk:
    """What the two devices say to each other."""

    def __init__(self, line: Line) -> None:
        self.line = line
        line.ours.keep_numbers(numbers_of())
        self.port = KnxPort(line.ours)
        self.commands: list[Command] = []
        self.objects = ObjectServer(
            [
                group_object(50, "plain", str(address(PLAIN, STATE)), dpt=None),
                group_object(51, "secured", str(address(SECURED, STATE)), dpt=None),
                *[
                    group_object(
                        55,
                        "interruption",
                        str(address(one, INTERRUPTION)),
                        dpt="1.001",
                        flags="C-W---",
                    )
                    for one in (PLAIN, SECURED)
                ],
            ],
            ZONE,
            line.ours.response_limits,
        )
        GroupCommunication(self.port, self.objects, self.commands.append).join()
        ours = IndividualAddress(TUNNEL_ADDRESS)
        keys = {address(SECURED, what): KEY for what in (STATE, INTERRUPTION)}
        self._stage = DataSecureStage(GroupKeys(keys=keys, senders={ours: 0}))
        self._stage.keep_numbers(numbers_of())

    async def say(self, to: GroupAddress, apci: APCI, *, plain: bool = False) -> CEMILData:
        """Let the other device send a telegram as its key says, or plain; return what it sent."""
        data: CEMILData | None = CEMILData(
            src_addr=IndividualAddress(PEER), dst_addr=to, tpci=TDataGroup(), payload=apci
        )
        assert data is not None
        if not plain:
            data = await self._stage.outgoing(Outgoing(data))
        assert data is not None
        self.line.speak(data)
        return data

    async def answer(self, to: GroupAddress, *, plain: bool = False) -> APCI:
        """Read an address; return the answer as it is on the line."""
        before = len(self.line.heard)
        await self.say(to, GroupValueRead(), plain=plain)
        await eventually(lambda: len(self.line.heard) > before, "the answer")
        return self.payload()

    def payload(self) -> APCI:
        """Return what was heard last, as it is on the line."""
        payload = self.line.heard[-1].payload
        assert payload is not None
        return payload

    def opened(self) -> APCI | None:
        """Return what was heard last, decrypted."""
        verified = self._stage.received(self.line.heard[-1])
        assert verified is not None
        return verified[0].payload

    def interruptions(self) -> list[bool]:
        """Return what was commanded."""
        return [one.is_active for one in self.commands if isinstance(one, InterruptionCommanded)]


KINDS = ["memory", "routing", "secure routing", "UDP tunnel", "TCP tunnel", "secure tunnel"]
every_link = pytest.mark.parametrize("kind", KINDS)


@asynccontextmanager
async def talking(kind: str, directory: Path) -> AsyncGenerator[Talk, None]:
    """Run a port on a link of that kind."""
    async with line_of(kind, directory) as line, asyncio.TaskGroup() as group:
        talk = Talk(line)
        running = group.create_task(keep_alive("KNX", talk.port.run, last_delay_s=0.1))
        try:
            await eventually(lambda: talk.port.is_up, "the link")
            yield talk
        finally:
            running.cancel()


@pytest.mark.proves("H.9", "H.96")
@every_link
async def test_plain_and_secured_objects_are_read_written_and_send(
    kind: str, tmp_path: Path
) -> None:
    async with talking(kind, tmp_path) as talk:
        assert talk.commands == [BusAsked()]
        for value, name, security in ((5, "plain", PLAIN), (6, "secured", SECURED)):
            state = DPTArray((value,))
            before = len(talk.line.heard)
            talk.objects.publish(point_scope(1), name, value, asyncio.get_running_loop().time())
            talk.port.wake()
            await eventually(lambda before=before: len(talk.line.heard) > before, "the value")  # type: ignore[misc]
            assert isinstance(talk.payload(), SecureAPDU) == (security == SECURED)
            assert talk.opened() == GroupValueWrite(state)
            answer = await talk.answer(address(security, STATE))
            assert isinstance(answer, SecureAPDU) == (security == SECURED)
            assert talk.opened() == GroupValueResponse(state)
            on = GroupValueWrite(DPTBinary(1))
            await talk.say(address(security, INTERRUPTION), on)
            await eventually(lambda: len(talk.interruptions()) == security, "the command")  # noqa: B023 - awaited here
        assert talk.interruptions() == [True, True]
        assert talk.line.ours.data_secure is not None
        assert talk.line.ours.data_secure.insecure == 0


@pytest.mark.proves("H.96")
@every_link
async def test_a_secured_object_takes_nothing_plain_and_nothing_twice(
    kind: str, tmp_path: Path
) -> None:
    async with talking(kind, tmp_path) as talk:
        secure = talk.line.ours.data_secure
        assert secure is not None
        for one in ("plain", "secured"):
            talk.objects.publish(point_scope(1), one, 7, asyncio.get_running_loop().time())
        talk.port.wake()
        await eventually(lambda: len(talk.line.heard) == 2, "both values")
        on, off = (GroupValueWrite(DPTBinary(value)) for value in (1, 0))
        to = address(SECURED, INTERRUPTION)
        recorded = await talk.say(to, on)
        await talk.say(to, off)
        await eventually(lambda: talk.interruptions() == [True, False], "the commands")
        await talk.say(to, on, plain=True)
        talk.line.speak(recorded)
        await talk.say(address(SECURED, STATE), GroupValueRead(), plain=True)
        await eventually(lambda: secure.insecure == 3, "three telegrams to be refused")
        answer = await talk.answer(address(PLAIN, STATE))  # whoever comes later is answered first
        assert answer == GroupValueResponse(DPTArray((7,)))
        await asyncio.sleep(SILENCE_S)
        assert len(talk.line.heard) == 3, "no plain answer of a secured object"
        assert talk.interruptions() == [True, False]


@pytest.mark.proves("H.97")
@every_link
async def test_management_frames_pass_beside_group_telegrams(kind: str, tmp_path: Path) -> None:
    async with talking(kind, tmp_path) as talk:
        device = StubDevice(talk.port)
        ask = frame(PEER, TUNNEL_ADDRESS, TDataIndividual(), DeviceDescriptorRead(descriptor=0))
        talk.line.speak(ask)
        await eventually(lambda: len(talk.line.heard) == 1, "the answer")
        (answer,) = talk.line.heard
        expected = DeviceDescriptorResponse(descriptor=0, value=MASK)
        assert (str(answer.dst_addr), answer.payload) == (PEER, expected)
        assert await device.answers[0] is Outcome.CONFIRMED
        assert talk.port.unclaimed == 0
