"""Requests with a sequence counter, in both directions of one connection.

Over UDP each is acknowledged before the next one goes, and repeated when it is not; over TCP the counters
are there, and nobody looks at them. Source: [knxnetip]; [xknx] `io/data_connection.py`.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum

from xknx.knxip import KNXIPServiceType

from knxgw.knxip.requests import CONNECTION_HEADER
from knxgw.knxip.wire import framed


class Verdict(Enum):
    """What a counter says of a request of the client."""

    NEXT = "next"  # to be acknowledged and obeyed
    REPEATED = "repeated"  # our acknowledgement was lost: to be acknowledged again, no more
    WRONG = "wrong"  # to be ignored


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a connection waits for an acknowledgement, and how often it repeats."""

    timeout_s: float
    repetitions: int


TUNNEL_PATIENCE = Patience(timeout_s=1.0, repetitions=1)
MANAGEMENT_PATIENCE = Patience(timeout_s=10.0, repetitions=3)


def judged(counter: int, expected: int) -> Verdict:
    """Return what to do with a request whose counter is `counter`."""
    if counter == expected:
        return Verdict.NEXT
    return Verdict.REPEATED if counter == (expected - 1) & 0xFF else Verdict.WRONG


class Sender:
    """What goes to a client with a counter, in order."""

    def __init__(self, channel: int, patience: Patience | None) -> None:
        """Send to one channel; without `patience` nobody acknowledges (TCP)."""
        self.is_held = False  # the way to the client takes nothing for now
        self.has_failed = False  # the client acknowledges nothing
        self._channel = channel
        self._patience = patience
        self._counter = 0
        self._queue: deque[tuple[KNXIPServiceType, bytes]] = deque()
        self._under_way: bytes | None = None  # sent, and not acknowledged
        self._repetitions_left = 0
        self._due_at: float | None = None  # when the acknowledgement is overdue [s]

    @property
    def waiting(self) -> int:
        """Return how many requests have not been sent."""
        return len(self._queue)

    @property
    def due_at(self) -> float | None:
        """Return when `tick` has to be called [s]; None: nothing is awaited."""
        return self._due_at

    def put(self, service: KNXIPServiceType, content: bytes, now_s: float) -> list[bytes]:
        """Queue a request; return the frames that go out now."""
        self._queue.append((service, content))
        return self.flush(now_s)

    def flush(self, now_s: float) -> list[bytes]:
        """Return the frames that may go out now."""
        frames: list[bytes] = []
        while self._queue and self._under_way is None and not self.is_held:
            frames.append(self._next(now_s))
        return frames

    def acknowledge(self, counter: int, now_s: float, *, is_good: bool) -> list[bytes]:
        """Take an acknowledgement; return the frames that go out then.

        One that says something went wrong has the request repeated at once; one for another
        request is none.
        """
        if self._under_way is None or counter != self._counter:
            return []
        if not is_good:
            return self._again(now_s)
        self._forget()
        return self.flush(now_s)

    def tick(self, now_s: float) -> list[bytes]:
        """Repeat what was not acknowledged in time; return the frames that go out."""
        if self._due_at is None or now_s < self._due_at:
            return []
        return self._again(now_s)

    def _next(self, now_s: float) -> bytes:
        service, content = self._queue.popleft()
        header = bytes((CONNECTION_HEADER, self._channel, self._counter, 0))
        frame = framed(service, header + content)
        if self._patience is None:
            self._counter = (self._counter + 1) & 0xFF
            return frame
        self._under_way = frame
        self._repetitions_left = self._patience.repetitions
        self._due_at = now_s + self._patience.timeout_s
        return frame

    def _again(self, now_s: float) -> list[bytes]:
        if self._under_way is None or self._patience is None:
            return []
        if self._repetitions_left == 0:
            self.has_failed = True
            self._due_at = None
            return []
        self._repetitions_left -= 1
        self._due_at = now_s + self._patience.timeout_s
        return [self._under_way]

    def _forget(self) -> None:
        self._under_way = self._due_at = None
        self._counter = (self._counter + 1) & 0xFF
