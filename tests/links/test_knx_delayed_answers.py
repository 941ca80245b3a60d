"""Answers that wait because many devices may be asked the same: few, shared fairly, and never out of date."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xknx.cemi import CEMIFlags, CEMILData
from xknx.telegram.address import IndividualAddress
from xknx.telegram.tpci import TDataBroadcast

from knxgw.catalogue.load import catalogue
from knxgw.device.identity import Identity
from knxgw.device.knx_device import BROADCAST, KnxDevice
from knxgw.device.model import DeviceModel, Outside
from knxgw.knx.frames import FrameKind, Security
from knxgw.knx.raw_service import RawService, apdu_of
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx_delayed_answers import MOST_OF_ONE, MOST_WAITING, DelayedAnswers
from knxgw.links.knx_management import MOST_WAITING as MOST_QUEUED
from knxgw.links.knx_management import KnxManagement
from knxgw.links.knx_port import BusAttachment, KnxPort
from tests.support.knx_device_rig import SERIAL
from tests.support.knx_line import MemoryLine
from tests.support.knxip_server import Ear, numbers_of
from tests.support.virtual_time import run_virtual

OURS, TOOL, FLOODER = "1.1.20", "1.1.1", "1.1.66"
WHO_IS_PROGRAMMING = "01c8000000b001"
SAID = "01c9000000b001"


class Site:
    """A device in programming mode on a line, and those who ask it."""

    def __init__(self) -> None:
        self.line = MemoryLine()
        self.is_programming = True
        self.model = DeviceModel(
            catalogue().interface_objects,
            Identity(serial_number=SERIAL),
            Outside(is_programming=lambda: self.is_programming, set_programming=self._set),
        )
        self.model.configure_address(OURS)
        device = KnxDevice(self.model, chance=lambda: 0.5, switched_on_at=0.0)
        self.management = KnxManagement(device, self._store, lambda _stage: None)
        self.port = self.new_port()
        self.heard: list[CEMILData] = []

    def new_port(self) -> KnxPort:
        link = self.line.join(OURS)
        link.is_programmable = True
        attachment = BusAttachment(link=link)
        attachment.keep_numbers(numbers_of())
        port = KnxPort(attachment)
        port.register(Ear(), FrameKind.GROUP)
        return port

    def _set(self, is_on: bool) -> None:  # noqa: FBT001 - as the model calls it
        self.is_programming = is_on

    async def _store(self, state: bytes, segments: Mapping[int, bytes]) -> None:
        pass

    async def ask(self, source: str, apdu: str = WHO_IS_PROGRAMMING) -> None:
        member = self.line.join(source)
        await member.open(lambda _data: None, lambda: None)
        await member.send(
            CEMILData(
                flags=CEMIFlags(),
                src_addr=IndividualAddress(source),
                dst_addr=BROADCAST,
                tpci=TDataBroadcast(),
                payload=RawService(bytes.fromhex(apdu)),
            )
        )
        await member.close()
        await asyncio.sleep(0.001)

    def answers(self) -> list[str]:
        return [apdu_of(one).hex() for one in self.heard]


@asynccontextmanager
async def running(site: Site) -> AsyncGenerator[Site, None]:
    listener = site.line.join("1.1.250")
    await listener.open(
        lambda data: site.heard.append(data) if str(data.src_addr) != FLOODER else None,
        lambda: None,
    )
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(keep_alive("KNX", site.port.run, last_delay_s=1.0)),
            group.create_task(site.management.run()),
        ]
        site.management.join(site.port)
        await asyncio.sleep(0.1)
        site.heard.clear()
        yield site
        for task in tasks:
            task.cancel()


def from_us(site: Site) -> list[str]:
    return [apdu_of(one).hex() for one in site.heard if apdu_of(one)[:2] == b"\x01\xc9"]


async def test_one_answer_serves_everybody_who_has_asked_the_same() -> None:
    async with running(Site()) as site:
        for number in range(1, 101):
            await site.ask(f"1.1.{number}")
        await asyncio.sleep(1.0)
        assert from_us(site) == [SAID + SERIAL.hex()]
        assert site.management.delayed.dropped == 0
        await site.ask(TOOL)
        await asyncio.sleep(1.0)
        assert len(from_us(site)) == 2


async def test_whoever_floods_questions_takes_no_answer_from_others() -> None:
    async with running(Site()) as site:
        for number in range(200):
            await site.ask(FLOODER, f"{WHO_IS_PROGRAMMING}1e{number:02x}")  # within 30 s
        await site.ask(TOOL)
        await asyncio.sleep(1.0)
        assert SAID + SERIAL.hex() in from_us(site)
        await asyncio.sleep(40.0)
        assert len(from_us(site)) == MOST_OF_ONE + 1
        assert site.management.delayed.dropped == 200 - MOST_OF_ONE


async def test_no_answer_outlives_a_restart() -> None:
    async with running(Site()) as site:
        await site.ask(TOOL, WHO_IS_PROGRAMMING + "1e")
        restarted: list[bool] = []
        site.management.on_restart = lambda: restarted.append(True)
        site.management.take_local(bytes.fromhex("0380"), lambda _answer: None)
        await asyncio.sleep(40.0)
        assert restarted == [True]
        assert from_us(site) == []


async def test_no_answer_is_sent_from_an_address_of_before() -> None:
    async with running(Site()) as site:
        await site.ask(TOOL, WHO_IS_PROGRAMMING + "05")
        await site.ask(TOOL, "00c0" + "1105")
        assert str(site.management.device.individual_address) == "1.1.5"
        await asyncio.sleep(10.0)
        assert from_us(site) == []
        await site.ask(TOOL)
        await asyncio.sleep(1.0)
        (answer,) = [one for one in site.heard if apdu_of(one)[:2] == b"\x01\xc9"]
        assert str(answer.src_addr) == "1.1.5"


async def test_frames_that_are_too_many_are_counted_once_and_told_to_the_link() -> None:
    async with running(Site()) as site:
        asked = frame(0, TOOL)
        for _ in range(200):
            site.management.take(asked, Security.PLAIN)
        assert site.management.dropped == 200 - MOST_QUEUED
        assert site.port.flow.lost_here == site.management.dropped


async def test_no_answer_goes_to_another_link() -> None:
    async with running(Site()) as site:
        await site.ask(TOOL, WHO_IS_PROGRAMMING + "05")
        site.management.join(site.port)
        await asyncio.sleep(10.0)
        assert from_us(site) == []


def frame(said: int, source: str = OURS) -> CEMILData:
    return CEMILData(
        flags=CEMIFlags(),
        src_addr=IndividualAddress(source),
        dst_addr=BROADCAST,
        tpci=TDataBroadcast(),
        payload=RawService(bytes.fromhex("01c9") + said.to_bytes(4, "big")),
    )


@given(
    askers=st.lists(st.integers(1, 6), max_size=60),
)
def test_however_many_ask_few_wait_and_who_asks_seldom_is_answered(askers: list[int]) -> None:
    async def ask() -> None:
        sent: list[CEMILData] = []
        waiting = DelayedAnswers(lambda data, _security: sent.append(data))
        for said, asker in enumerate(askers):
            waiting.add(frame(said), IndividualAddress(asker), 1.0)
        await asyncio.sleep(2.0)
        assert len(sent) <= MOST_WAITING
        assert len(sent) + waiting.dropped == len(askers)
        said_to = [askers[int.from_bytes(apdu_of(one)[2:], "big")] for one in sent]
        for asker in set(askers):
            assert said_to.count(asker) >= min(askers.count(asker), MOST_WAITING // 6)
            assert said_to.count(asker) <= MOST_OF_ONE

    run_virtual(ask())


async def test_those_who_ask_for_the_most_make_room_for_one_who_has_not_asked_yet() -> None:
    sent: list[CEMILData] = []
    waiting = DelayedAnswers(lambda data, _security: sent.append(data))
    for said in range(MOST_WAITING):
        waiting.add(frame(said), IndividualAddress(1 + said // MOST_OF_ONE), 1.0)
    for said in range(MOST_WAITING, MOST_WAITING + 3):
        waiting.add(frame(said), IndividualAddress(100 + said), 1.0)
    await asyncio.sleep(2.0)
    assert len(sent) == MOST_WAITING
    assert waiting.dropped == 3
    said_all = {int.from_bytes(apdu_of(one)[2:], "big") for one in sent}
    assert {MOST_WAITING, MOST_WAITING + 1, MOST_WAITING + 2} <= said_all


@pytest.mark.parametrize("address", ["1.1.20", "1.1.21"])
async def test_only_answers_from_our_address_are_kept(address: str) -> None:
    sent: list[CEMILData] = []
    waiting = DelayedAnswers(lambda data, _security: sent.append(data))
    waiting.add(frame(1), IndividualAddress(TOOL), 1.0)
    waiting.add(frame(2, "1.1.21"), IndividualAddress(TOOL), 1.0)
    waiting.keep_only(IndividualAddress(address))
    await asyncio.sleep(2.0)
    assert [str(one.src_addr) for one in sent] == [address]
