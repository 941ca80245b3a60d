"""Measure GroupValueRead -> GroupValueResponse over routing multicast, with a raw client.

The client offers reads at a fixed rate whatever comes back (open loop), so a responder that
falls behind shows in the delays. It may offer more than the 50 telegrams/s a routing sender
is allowed: that is the point.
"""

import gc
import select
import socket
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from bench import frames
from bench.figures import Figures

LOST_AFTER_S = 1.0  # after the last read; longer with `drain_s`
CLIENT_ADDRESS = "1.1.198"
_RECEIVE_BUFFER = 4 << 20  # bytes; our own socket must not be what loses


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingFigures(Figures):
    """Delays with every response matched to the oldest open read of its group address.

    A responder may let one response answer all open reads of a group address. Matched like that,
    the reads get the `coalesced_` figures; where responses are as many as reads and in time, both
    agree.
    """

    offered_per_s: float  # as it came out
    responses: int
    most_responses_per_s: int  # in any second
    busy_frames: int
    lost_message_frames: int
    coalesced_answered: int  # reads after which some response of their group address came
    coalesced_p50_ms: float
    coalesced_p99_ms: float
    coalesced_max_ms: float


@dataclass(slots=True)
class Seen:
    """What was sent and what came, by group address; times from `perf_counter`."""

    reads: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    responses: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    busy_frames: int = 0
    lost_message_frames: int = 0

    def fifo_delays_s(self) -> list[float]:
        """Match each response to the oldest open read of its address."""
        delays_s: list[float] = []
        for address, reads in self.reads.items():
            waiting = 0
            for response_s in self.responses.get(address, []):
                if waiting < len(reads) and reads[waiting] <= response_s:
                    delays_s.append(response_s - reads[waiting])
                    waiting += 1
        return delays_s

    def coalesced_delays_s(self) -> list[float]:
        """Match each read to the first response of its address after it."""
        delays_s: list[float] = []
        for address, reads in self.reads.items():
            responses = self.responses.get(address, [])
            first = 0
            for read_s in reads:
                while first < len(responses) and responses[first] < read_s:
                    first += 1
                if first < len(responses):
                    delays_s.append(responses[first] - read_s)
        return delays_s


class RoutingClient:
    """Two sockets on one interface: one that sends, one that hears the group."""

    def __init__(self, local_ip: str, *, source: str = CLIENT_ADDRESS) -> None:
        interface = socket.inet_aton(local_ip)
        self._source = frames.individual_address(source)
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
        self._sender.bind((local_ip, 0))
        self._own = self._sender.getsockname()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        membership = socket.inet_aton(frames.MULTICAST_GROUP) + interface
        self._listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        self._listener.bind((frames.MULTICAST_GROUP, frames.PORT))
        self._listener.settimeout(0)

    def close(self) -> None:
        """Leave the group."""
        self._sender.close()
        self._listener.close()

    def measure(
        self,
        addresses: Sequence[int],
        *,
        rate_per_s: float,
        count: int,
        drain_s: float = LOST_AFTER_S,
    ) -> RoutingFigures:
        """Send `count` reads of the addresses in turn; stop listening `drain_s` after the last."""
        indications = [
            frames.frame(frames.ROUTING_INDICATION, frames.read_indication(self._source, address))
            for address in addresses
        ]
        target = (frames.MULTICAST_GROUP, frames.PORT)
        seen = Seen()
        gc.disable()
        started_s = perf_counter()
        try:
            for number in range(count):
                self._listen_until(started_s + number / rate_per_s, seen)
                turn = number % len(addresses)
                seen.reads[addresses[turn]].append(perf_counter())
                self._sender.sendto(indications[turn], target)
            sent_s = perf_counter()
            self._drain(seen, sent_s + drain_s, count)
        finally:
            gc.enable()
        return _figures(seen, count=count, started_s=started_s, sent_s=sent_s)

    def _drain(self, seen: Seen, deadline_s: float, count: int) -> None:
        """Listen on until all reads have a response of their own, or the deadline."""
        while perf_counter() < deadline_s and sum(map(len, seen.responses.values())) < count:
            self._listen_until(min(deadline_s, perf_counter() + 0.02), seen)

    def _listen_until(self, due_s: float, seen: Seen) -> None:
        while True:
            left_s = due_s - perf_counter()
            if left_s <= 0:
                return
            if select.select([self._listener], [], [], left_s)[0]:
                data, sender = self._listener.recvfrom(1024)
                if sender != self._own:
                    _note(seen, data, perf_counter())


def _note(seen: Seen, data: bytes, now_s: float) -> None:
    service = frames.service_of(data)
    if service == frames.ROUTING_INDICATION:
        address = frames.answered_address(data[6:])
        if address in seen.reads:
            seen.responses[address].append(now_s)
    elif service == frames.ROUTING_BUSY:
        seen.busy_frames += 1
    elif service == frames.ROUTING_LOST_MESSAGE:
        seen.lost_message_frames += 1


def _most_in_a_second(times_s: Sequence[float]) -> int:
    return max(
        (index + 1 - bisect_right(times_s, at_s - 1.0) for index, at_s in enumerate(times_s)),
        default=0,
    )


def _figures(seen: Seen, *, count: int, started_s: float, sent_s: float) -> RoutingFigures:
    responses_s = [time_s for times_s in seen.responses.values() for time_s in times_s]
    duration_s = max(responses_s, default=sent_s) - started_s
    fifo = Figures.of(seen.fifo_delays_s(), count=count, duration_s=duration_s)
    coalesced = Figures.of(seen.coalesced_delays_s(), count=count, duration_s=duration_s)
    return RoutingFigures(
        count=fifo.count,
        lost=fifo.lost,
        p50_ms=fifo.p50_ms,
        p95_ms=fifo.p95_ms,
        p99_ms=fifo.p99_ms,
        max_ms=fifo.max_ms,
        rate_per_s=fifo.rate_per_s,
        offered_per_s=round((count - 1) / (sent_s - started_s), 1) if count > 1 else 0.0,
        responses=len(responses_s),
        most_responses_per_s=_most_in_a_second(sorted(responses_s)),
        busy_frames=seen.busy_frames,
        lost_message_frames=seen.lost_message_frames,
        coalesced_answered=coalesced.count - coalesced.lost,
        coalesced_p50_ms=coalesced.p50_ms,
        coalesced_p99_ms=coalesced.p99_ms,
        coalesced_max_ms=coalesced.max_ms,
    )
