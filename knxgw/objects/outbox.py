"""What is to be sent on KNX: answers to reads at once, everything else at a calm pace.

Answers wait in a bounded queue; when it fills, further reads of an address that is already being
answered are served by that one answer (one response on the bus answers every reader), and what
does not fit is counted. Spontaneous telegrams have one place per group object, where the newest
value wins, and a token bucket that keeps a burst from flooding a TP line.
"""

from collections import deque
from dataclasses import dataclass

from xknx.telegram.address import GroupAddress

from knxgw.catalogue.model import ObjectKind
from knxgw.objects.table import GroupObject

SPONTANEOUS_PER_S = 15.0  # a TP line carries about 25 telegrams/s in practice
SPONTANEOUS_BURST = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLimits:
    """How many answers may wait: from `merge_at` on equal ones are merged, `most` is the end."""

    merge_at: int
    most: int


TUNNEL_RESPONSES = ResponseLimits(merge_at=256, most=1024)
ROUTING_RESPONSES = ResponseLimits(merge_at=8, most=32)  # 50 telegrams/s: at most 0.64 s


@dataclass(frozen=True, slots=True)
class Due:
    """The next telegram: an answer, a value, or a read at start-up."""

    group_object: GroupObject
    address: GroupAddress
    is_response: bool
    is_read: bool


class Outbox:
    """Answers and spontaneous telegrams waiting to be sent."""

    def __init__(self, limits: ResponseLimits) -> None:
        self.limits = limits
        self.merged_responses = 0
        self.dropped_responses = 0
        self._responses: deque[Due] = deque()
        self._waiting: dict[int, int] = {}  # raw group address -> answers waiting
        self._states: dict[GroupObject, None] = {}
        self._moving: dict[GroupObject, None] = {}
        self._reads: dict[GroupObject, None] = {}
        self._tokens = SPONTANEOUS_BURST
        self._filled_s = 0.0

    @property
    def waiting_responses(self) -> int:
        """Return how many answers wait."""
        return len(self._responses)

    def add_response(self, group_object: GroupObject, address: GroupAddress) -> bool:
        """Queue an answer; False when it was merged with a waiting one or dropped."""
        waiting = self._waiting.get(address.raw, 0)
        if waiting and len(self._responses) >= self.limits.merge_at:
            self.merged_responses += 1
            return False
        if len(self._responses) >= self.limits.most:
            self.dropped_responses += 1
            return False
        self._waiting[address.raw] = waiting + 1
        self._responses.append(Due(group_object, address, is_response=True, is_read=False))
        return True

    def add_value(self, group_object: GroupObject) -> None:
        """Have an object send its value; states go before moving values."""
        states = group_object.kind in (ObjectKind.STATE, ObjectKind.EVENT, ObjectKind.ALIVE)
        (self._states if states else self._moving)[group_object] = None

    def add_read(self, group_object: GroupObject) -> None:
        """Have an object read its value from the bus."""
        self._reads[group_object] = None

    def withdraw(self, group_object: GroupObject) -> None:
        """Do not send this object's value: it is not known any more."""
        self._states.pop(group_object, None)
        self._moving.pop(group_object, None)

    def drop_responses(self) -> None:
        """Forget waiting answers: after a lost link their readers have given up."""
        self._responses.clear()
        self._waiting.clear()

    def has_spontaneous(self) -> bool:
        """Tell whether anything but answers waits."""
        return bool(self._reads or self._states or self._moving)

    def next_due(self, now_s: float, *, answers_only: bool = False) -> Due | None:
        """Take the telegram that may be sent now."""
        if self._responses:
            due = self._responses.popleft()
            left = self._waiting[due.address.raw] - 1
            if left:
                self._waiting[due.address.raw] = left
            else:
                del self._waiting[due.address.raw]
            return due
        if answers_only or not self.has_spontaneous() or not self._take_token(now_s):
            return None
        for queue, is_read in ((self._reads, True), (self._states, False), (self._moving, False)):
            if queue:
                group_object = next(iter(queue))
                del queue[group_object]
                address = group_object.sending_address
                return Due(group_object, address, is_response=False, is_read=is_read)
        return None

    def wait_s(self, now_s: float) -> float:
        """Return how long until a spontaneous telegram may be sent [s]."""
        if not self.has_spontaneous():
            return float("inf")
        self._fill(now_s)
        return max(0.0, (1.0 - self._tokens) / SPONTANEOUS_PER_S)

    def _take_token(self, now_s: float) -> bool:
        self._fill(now_s)
        if self._tokens < 1.0 - 1e-9:
            return False
        self._tokens -= 1.0
        return True

    def _fill(self, now_s: float) -> None:
        gained = max(0.0, now_s - self._filled_s) * SPONTANEOUS_PER_S
        self._tokens = min(SPONTANEOUS_BURST, self._tokens + gained)
        self._filled_s = now_s
