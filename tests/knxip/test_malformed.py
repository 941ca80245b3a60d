"""Whatever comes from the network: nothing is raised, it is counted, and life goes on."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xknx.knxip import ConnectionStateRequest, ConnectResponse, DisconnectRequest, ErrorCode

from knxgw.errors import DecodeError
from knxgw.knx.frames import Outcome
from knxgw.knxip.cemi import read_data_request, read_management
from knxgw.knxip.channel import MOST_QUEUED, MOST_UNDER_WAY, Kind
from knxgw.knxip.device_management import perform
from knxgw.knxip.effects import Closed, Effect, Manage, Opened, Send, Transmit
from knxgw.knxip.endpoint import MOST_MANAGEMENT
from knxgw.knxip.requests import read_request
from knxgw.knxip.wire import LONGEST_FRAME, Place, split_stream
from tests.knxip.mutants import FRAMES, MESSAGES, mutants
from tests.knxip.trial import CLIENT, DATA, OTHER, STREAM, TUNNEL, Trial, body, group_read, hpai
from tests.support.knxip_device import TUNNELS, MemoryProperties

IS_FUZZ = settings.get_current_profile_name() == "fuzz"
MUTANTS = 100_000 if IS_FUZZ else 2_000
NEWCOMER = Place("192.168.0.99", 4000)
T = TypeVar("T")


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_that_is_cut_off_is_malformed(frame: bytes) -> None:
    trial = Trial()
    for length in range(len(frame)):
        assert trial.say(frame[:length]) == []
    assert trial.statistics.malformed == len(frame)
    assert not trial.endpoint.channels


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x06\x10",
        bytes.fromhex("061002010006"),  # nothing in it
        bytes.fromhex("062002010006"),  # another version
        bytes.fromhex("051002010006"),
        bytes.fromhex("06100201ffff"),
        bytes.fromhex("061002010000"),
        FRAMES[0] + b"\0",
        bytes.fromhex("06100420")
        + (LONGEST_FRAME + 1).to_bytes(2, "big")
        + bytes(LONGEST_FRAME - 5),
    ],
)
def test_what_is_no_frame_is_counted_and_dropped(frame: bytes) -> None:
    trial = Trial()
    assert trial.say(frame) == []
    assert trial.statistics.malformed == 1


@given(
    st.binary(max_size=80)
    | st.sampled_from(FRAMES).flatmap(lambda one: st.binary().map(lambda more: one[:6] + more))
)
def test_a_request_is_read_or_malformed(frame: bytes) -> None:
    try:
        read_request(frame)
    except DecodeError:
        return
    assert 6 <= len(frame) <= LONGEST_FRAME


@given(
    st.binary(max_size=60)
    | st.sampled_from(MESSAGES).flatmap(lambda one: st.binary().map(lambda more: one[:1] + more))
)
def test_a_message_is_read_or_malformed(message: bytes) -> None:
    for read in (read_management, lambda one: read_data_request(one, TUNNELS[0])):
        try:
            read(message)
        except DecodeError:
            continue


@given(st.lists(st.sampled_from(FRAMES), max_size=6), st.integers(1, 60), st.binary(max_size=10))
def test_a_stream_is_cut_into_the_same_frames_wherever_it_is_split(
    frames: list[bytes], chunk: int, after: bytes
) -> None:
    stream = b"".join(frames) + after
    heard: list[bytes] = []
    rest: bytes | None = b""
    for at in range(0, len(stream), chunk):
        if rest is None:
            break
        found, rest = split_stream(rest + stream[at : at + chunk])
        heard += found
        assert rest is None or len(rest) < LONGEST_FRAME
    assert heard[: len(frames)] == frames
    whole, left = split_stream(stream)
    assert (heard, rest) == (whole, left)


@pytest.mark.parametrize("stream", ["00", "0611", "06100201ffff", "061002010005", "0610020104ff"])
def test_a_stream_that_is_none_is_seen_at_once(stream: str) -> None:
    for before in ([], FRAMES[:2]):
        frames, rest = split_stream(b"".join(before) + bytes.fromhex(stream))
        assert frames == before
        assert rest is None


class Attacked(Trial):
    """An endpoint to which anybody says anything, with a world that does what it wants."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.properties = MemoryProperties()
        self.jobs: list[Transmit | Manage] = []
        self.open: set[int] = set()

    def do(self, effects: list[Effect]) -> None:
        """Carry out the effects, as the server would."""
        for effect in effects:
            match effect:
                case Send(raw=frame):
                    body_or_refusal(frame)
                case Opened(channel):
                    assert channel.number not in self.open
                    self.open.add(channel.number)
                case Closed(channel):
                    self.open.remove(channel.number)
                case Transmit() | Manage():
                    self.jobs.append(effect)
        assert {one.number for one in self.endpoint.channels} == self.open

    def attack(self, frame: bytes) -> None:
        """Let a frame come from somebody; sometimes let time pass, or the device do something."""
        chance = self.chance
        source = chance.choice((CLIENT, DATA, STREAM, OTHER, NEWCOMER))
        by_multicast = chance.random() < 0.05
        if chance.random() < 0.8:
            frame, source = self.aimed(frame, source)
        self.do(self.endpoint.take(frame, source, self.now_s, by_multicast=by_multicast))
        match chance.randint(0, 60):
            case 0:
                self.now_s += chance.choice((0.5, 1.0, 11.0))
                self.do(self.endpoint.tick(self.now_s))
            case 1:
                self.do(self.endpoint.lose_stream(7))
            case 2:
                self.endpoint.hold(7)
            case 3:
                self.do(self.endpoint.release(7, self.now_s))
            case 4 | 5:
                for channel in self.endpoint.channels:
                    self.do(self.endpoint.indicate(channel, group_read(), self.now_s))
            case _:
                pass
        if chance.random() < 0.3:
            self.work()

    def aimed(self, frame: bytes, source: Place) -> tuple[bytes, Place]:
        """Return the frame for a connection that is there, with its counter, and who has a say in it."""
        kind = Kind.TUNNEL if frame[2:3] == b"\x04" else Kind.MANAGEMENT
        fitting = [one for one in self.endpoint.channels if one.kind is kind]
        if frame[2:3] not in (b"\x03", b"\x04") or len(frame) < 9 or not fitting:
            return frame, source
        channel = self.chance.choice(fitting)
        aimed = frame[:7] + bytes((channel.number, channel.expected)) + frame[9:]
        return aimed, channel.opener

    def work(self) -> None:
        """Do what the clients have asked."""
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            if isinstance(job, Transmit):
                assert job.data.src_addr in TUNNELS
                outcome = self.chance.choice(list(Outcome))
                self.do(self.endpoint.transmitted(job.channel, job.cemi, outcome, self.now_s))
            else:
                answer = run(perform(job.request, self.properties, self.say_later))
                self.do(self.endpoint.managed(job.channel, answer, self.now_s))

    def say_later(self, message: bytes) -> None:
        """Let the device answer a local service."""
        for channel in self.endpoint.channels:
            self.do(self.endpoint.say(channel, message, self.now_s))

    def is_sane(self) -> bool:
        """Tell whether all that is bounded keeps to its bounds."""
        channels = self.endpoint.channels
        used = [one.address for one in channels if one.address is not None]
        return (
            len(used) == len(set(used)) <= len(TUNNELS)
            and len(channels) <= len(TUNNELS) + MOST_MANAGEMENT
            and all(one.sender.waiting <= MOST_QUEUED + 2 * MOST_UNDER_WAY for one in channels)
            and all(0 <= one.under_way <= MOST_UNDER_WAY for one in channels)
        )


def body_or_refusal(frame: bytes) -> None:
    """Read what the server sends: it has to be good."""
    if frame[2:4] == b"\x04\x23":
        return  # features that nobody knows are refused by their number
    read = body(frame)
    if isinstance(read, ConnectResponse) and read.status_code is not ErrorCode.E_NO_ERROR:
        assert len(frame) == 8


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what the device does."""
    with asyncio.Runner() as runner:
        return runner.run(coroutine)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_anybody_says_breaks_the_server(seed: int) -> None:
    attacked = Attacked(random.Random(seed))  # noqa: S311 - to be the same again
    for frame in mutants(MUTANTS // 4, seed):
        attacked.attack(frame)
        assert attacked.is_sane()
    assert attacked.statistics.malformed > MUTANTS // 50
    assert attacked.statistics.connections > MUTANTS // 400
    assert attacked.statistics.management_requests > MUTANTS // 400
    assert attacked.statistics.frames_from_tunnels > MUTANTS // 400
    life_goes_on(attacked)


def life_goes_on(attacked: Attacked) -> None:
    """Let the others go, and a new client work as if nothing had been."""
    attacked.wait(1000)
    assert not attacked.endpoint.channels
    answer = attacked.opened(TUNNEL, NEWCOMER, NEWCOMER)
    number = answer.communication_channel
    (state,) = attacked.say(ConnectionStateRequest(number, hpai(NEWCOMER)), NEWCOMER)
    assert state.body.status_code is ErrorCode.E_NO_ERROR
    (end,) = attacked.say(DisconnectRequest(number, hpai(NEWCOMER)), NEWCOMER)
    assert end.body.status_code is ErrorCode.E_NO_ERROR
