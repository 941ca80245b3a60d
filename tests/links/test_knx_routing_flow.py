"""More telegrams than routing can carry: what is sent, counted, told, and how old an answer may be."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from xknx.cemi import CEMILData
from xknx.knxip import KNXIPFrame, RoutingBusy, RoutingLostMessage
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import GroupValueRead, GroupValueResponse

from knxgw.charging.scope import point_scope
from knxgw.errors import LinkError
from knxgw.knx.frames import FrameKind, Outcome
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx_group_communication import GroupCommunication, group_frame
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.objects.server import ObjectServer
from tests.objects.objects import ZONE, group_object
from tests.support.knxip_server import Ear, numbers_of
from tests.support.routing_in_memory import Group

ADDRESSES = 100
OLDEST_S = 2.0
BUSY_100_MS = "06100532000c" + "06" + "00" + "0064" + "0000"
LOST_5 = "06100531000a" + "04" + "00" + "0005"
NEIGHBOUR = IndividualAddress("1.1.9")


@dataclass
class Answer:
    """One answer of ours."""

    at_s: float
    address: str
    value: int


@dataclass
class Site:
    """A hundred group objects on routing, and who reads them."""

    group: Group = field(default_factory=Group)
    now: dict[str, int] = field(default_factory=dict)  # the value of each object

    def __post_init__(self) -> None:
        self.link = self.group.link()
        self.objects = ObjectServer(
            [
                group_object(n, f"o{n}", f"1/2/{n}", dpt=None, flags="CR----")
                for n in range(1, ADDRESSES + 1)
            ],
            ZONE,
            self.link.response_limits,
        )
        attachment = BusAttachment(link=self.link)
        attachment.keep_numbers(numbers_of())
        self.port = KnxPort(attachment)
        self.ear = Ear()
        self.port.register(self.ear, FrameKind.GROUP)
        GroupCommunication(self.port, self.objects, lambda _command: None).join()
        self.asked: dict[str, deque[float]] = defaultdict(deque)
        self.reads = self.most_waiting = 0

    def publish(self, number: int, value: int) -> None:
        now_s = asyncio.get_running_loop().time()
        self.now[f"1/2/{number}"] = value
        self.objects.publish(point_scope(1), f"o{number}", value, now_s)

    def read(self, number: int) -> None:
        address = f"1/2/{number}"
        self.asked[address].append(asyncio.get_running_loop().time())
        self.reads += 1
        self.group.say(group_frame(NEIGHBOUR, GroupAddress(address), GroupValueRead()))
        self.most_waiting = max(self.most_waiting, self.objects.outbox.waiting_responses)

    def answers(self) -> list[Answer]:
        found = []
        for at_s, data in self.group.telegrams():
            assert isinstance(data.payload, GroupValueResponse)
            (value,) = data.payload.value.value  # type: ignore[misc]
            found.append(Answer(at_s, str(data.dst_addr), int(value)))
        return found


@asynccontextmanager
async def running(site: Site) -> AsyncGenerator[Site, None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_alive("KNX", site.port.run, last_delay_s=1.0))
        await asyncio.sleep(0.1)
        for number in range(1, ADDRESSES + 1):
            site.publish(number, number % 64)
        yield site
        task.cancel()


async def flood(site: Site, seconds: float, per_s: int = 500) -> None:
    """Read one object after the other, while their values change."""
    for count in range(round(seconds * per_s)):
        site.read(count * 7 % ADDRESSES + 1)
        if count % 10 == 0:
            site.publish(count // 10 % ADDRESSES + 1, count % 200)
        await asyncio.sleep(1 / per_s)


def most_in_a_second(times_s: list[float]) -> int:
    return max(
        (sum(start_s <= at_s < start_s + 1.0 for at_s in times_s) for start_s in times_s), default=0
    )


def assert_answers_are_young(site: Site) -> None:
    for one in site.answers():
        asked = [at_s for at_s in site.asked[one.address] if at_s <= one.at_s]
        assert any(one.at_s - at_s <= OLDEST_S for at_s in asked), one


@pytest.mark.proves("H.10", "H.103")
async def test_five_hundred_reads_a_second_are_answered_at_fifty_and_every_other_one_is_counted() -> (
    None
):
    async with running(Site()) as site:
        outbox = site.objects.outbox
        await flood(site, 10.0)
        await asyncio.sleep(3.0)
        answers = site.answers()
        assert most_in_a_second([one.at_s for one in answers]) <= 50
        assert len(answers) >= 440, "it goes on answering"
        assert site.most_waiting <= outbox.limits.most
        assert outbox.waiting_responses == 0
        counted = len(answers) + outbox.merged_responses + outbox.dropped_responses
        assert counted == site.reads
        assert_answers_are_young(site)
        busy = site.group.others(RoutingBusy)
        assert len(busy) == site.link.flow.busy_sent
        assert 80 <= len(busy) <= 100, "one each 100 ms at the most"
        reported = [int(raw[-4:], 16) for _, raw in site.group.others(RoutingLostMessage)]
        assert sum(reported) == outbox.dropped_responses == site.link.flow.lost_here
        assert len(reported) == site.link.flow.notices_sent
        assert len(reported) <= 11, "one each second at the most"


async def test_an_answer_says_the_newest_value() -> None:
    async with running(Site()) as site:
        site.group.hear(bytes.fromhex(BUSY_100_MS))
        site.read(7)
        await asyncio.sleep(0.05)
        site.publish(7, 99)
        await asyncio.sleep(0.2)
        (answer,) = site.answers()
        assert (answer.address, answer.value) == ("1/2/7", 99)


@pytest.mark.proves("H.103")
@pytest.mark.parametrize("pause_ms", [1000, 2500, 5000])
async def test_no_answer_is_older_than_two_seconds_after_a_pause(pause_ms: int) -> None:
    async with running(Site()) as site:
        pause = RoutingBusy(wait_time=pause_ms)
        site.group.hear(bytes.fromhex("06100532000c") + pause.to_knx())
        begun_s = asyncio.get_running_loop().time()
        await flood(site, pause_ms / 1000 + 3.0, per_s=40)
        await asyncio.sleep(3.0)
        answers = site.answers()
        assert answers[0].at_s >= begun_s + pause_ms / 1000
        assert_answers_are_young(site)
        outbox = site.objects.outbox
        counted = len(answers) + outbox.merged_responses + outbox.dropped_responses
        assert counted == site.reads
        assert bool(outbox.dropped_responses) or pause_ms == 1000


@pytest.mark.proves("H.11")
async def test_a_busy_receiver_is_counted_and_ours_have_the_octets_of_the_reference() -> None:
    async with running(Site()) as site:
        site.group.hear(bytes.fromhex(BUSY_100_MS))
        assert site.link.flow.busy_received == 1
        site.read(1)
        begun_s = asyncio.get_running_loop().time()
        await asyncio.sleep(0.5)
        assert [one.at_s - begun_s for one in site.answers()] == [pytest.approx(0.1)]
        site.port.note_backlog(5)
        assert [raw for _, raw in site.group.others(RoutingBusy)] == [BUSY_100_MS]
        assert site.link.flow.busy_sent == 1


async def test_losses_of_a_moment_are_told_in_one_message() -> None:
    async with running(Site()) as site:
        site.port.note_lost(2)
        await asyncio.sleep(0.5)
        site.port.note_lost(3)
        assert site.group.others(RoutingLostMessage) == []
        await asyncio.sleep(1.0)
        assert [raw for _, raw in site.group.others(RoutingLostMessage)] == [LOST_5]
        site.port.note_lost(100_000)
        await asyncio.sleep(2.0)
        assert site.group.others(RoutingLostMessage)[-1][1] == LOST_5[:-4] + "ffff"
        assert site.link.flow.lost_here == 100_005
        assert site.link.flow.notices_sent == 2


async def test_a_link_that_has_closed_tells_nothing_more() -> None:
    site = Site()
    async with running(site):
        site.port.note_lost(2)
    await asyncio.sleep(5.0)
    assert site.group.others(RoutingLostMessage) == []
    site.port.note_lost(1)
    await asyncio.sleep(5.0)
    assert site.group.others(RoutingLostMessage) == []


async def test_what_others_have_lost_is_counted_and_logged_now_and_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with running(Site()) as site:
        for _ in range(1000):
            site.group.hear(bytes.fromhex(LOST_5))
            await asyncio.sleep(0.1)
        assert site.link.flow.notices_received == 1000
        assert site.link.flow.lost_at_others == 5000
        lines = [one.message for one in caplog.records if "lost" in one.message]
        assert lines == [
            "devices on KNX routing have lost 5 telegrams: more come than they can take"
        ]
        await asyncio.sleep(600.0)
        site.group.hear(bytes.fromhex(LOST_5))
        lines = [one.message for one in caplog.records if "lost" in one.message]
        assert len(lines) == 2
        assert "5000 telegrams" in lines[1], "those that were not logged, too"
        assert site.group.sent == [], "nothing is said to that"


# --- a link that closes while somebody waits


def question(number: int) -> CEMILData:
    return group_frame(NEIGHBOUR, GroupAddress(number + 1), GroupValueRead())


@pytest.mark.parametrize("wait_time_ms", [0, 1000])
async def test_whoever_waits_for_a_link_that_closes_hears_of_it_and_the_next_one_is_free(
    wait_time_ms: int,
) -> None:
    group = Group()
    link = group.link()
    await link.open(lambda _data: None, lambda: None)
    if wait_time_ms:
        group.hear(KNXIPFrame.init_from_body(RoutingBusy(wait_time=wait_time_ms)).to_knx())
    for _ in range(0 if wait_time_ms else 5):
        await link.send(question(0))
    waiting = asyncio.get_running_loop().create_task(link.send(question(1)))
    await asyncio.sleep(0.001)
    await link.close()
    await link.open(lambda _data: None, lambda: None)
    with pytest.raises(LinkError, match="closed"):
        await waiting
    assert await link.send(question(2)) is Outcome.CONFIRMED
    await link.close()
