"""What is to be sent on KNX: answers to reads at once, everything else at a calm pace.

Answers wait in a bounded queue; when it fills, further reads of an address that is already being
answered are served by that one answer (one response on the bus answers every reader), and what
does not fit is counted. Spontaneous telegrams have one place per group object, where the newest
value wins, and a token bucket that keeps a burst from flooding a TP line. What has a higher KNX
priority goes first; of one priority answers go before reads, reads before states, states before
moving values.
"""

from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass, field

from xknx.telegram.address import GroupAddress

from knxgw.catalogue.flags import Priority
from knxgw.catalogue.objects import ObjectKind
from knxgw.objects.table import GroupObject

SPONTANEOUS_PER_S = 15.0  # a TP line carries about 25 telegrams/s in practice
SPONTANEOUS_BURST = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLimits:
    """How many answers may wait: from `merge_at` on equal ones are merged, `most` is the end.

    Each link says its own; the defaults are for a link that slows its senders down itself.
    """

    merge_at: int = 256
    most: int = 1024
    oldest_s: float = float("inf")  # an answer that has waited longer is of no use, and dropped


@dataclass(frozen=True, slots=True)
class OutgoingTelegram:
    """The next telegram: an answer, a value, or a read at start-up."""

    group_object: GroupObject
    address: GroupAddress
    is_response: bool
    is_read: bool
    asked_at: float = 0.0  # when an answer was asked for [monotonic s]

    @property
    def priority(self) -> Priority:
        """Return the KNX priority it is sent with."""
        return self.group_object.priority


@dataclass(slots=True)
class _Lane:
    """What waits with one priority."""

    priority: Priority
    responses: deque[OutgoingTelegram] = field(default_factory=deque)
    reads: dict[GroupObject, None] = field(default_factory=dict)
    states: dict[GroupObject, None] = field(default_factory=dict)
    moving: dict[GroupObject, None] = field(default_factory=dict)

    @property
    def has_spontaneous(self) -> bool:
        """Tell whether anything but answers waits with this priority."""
        return bool(self.reads or self.states or self.moving)

    def keep_only(self, objects: Collection[GroupObject]) -> None:
        """Drop everything that waits for other objects."""
        self.responses = deque(due for due in self.responses if due.group_object in objects)
        for queue in (self.reads, self.states, self.moving):
            for other in [waiting for waiting in queue if waiting not in objects]:
                del queue[other]

    def next_spontaneous(self) -> OutgoingTelegram:
        """Take the spontaneous telegram that goes first; there must be one."""
        queue = self.reads or self.states or self.moving
        group_object = next(iter(queue))
        is_read = queue is self.reads
        del queue[group_object]
        return OutgoingTelegram(
            group_object, group_object.sending_address, is_response=False, is_read=is_read
        )


class Outbox:
    """Answers and spontaneous telegrams waiting to be sent."""

    def __init__(self, limits: ResponseLimits) -> None:
        self.limits = limits
        self.merged_responses = 0
        self.dropped_responses = 0
        self.waiting_responses = 0
        self._waiting: dict[int, int] = {}  # raw group address -> answers waiting
        self._lanes: list[_Lane] = []  # of the priorities that have been used, the highest first
        self._tokens = SPONTANEOUS_BURST
        self._filled_at = 0.0

    def add_response(self, group_object: GroupObject, address: GroupAddress, now_s: float) -> bool:
        """Queue an answer; False when it was merged with a waiting one or dropped.

        It is merged with one on the same address once many answers wait, and dropped when too many do.
        """
        self._drop_old(now_s)
        waiting = self._waiting.get(address.raw, 0)
        if waiting and self.waiting_responses >= self.limits.merge_at:
            self.merged_responses += 1
            return False
        if self.waiting_responses >= self.limits.most:
            self.dropped_responses += 1
            return False
        self._waiting[address.raw] = waiting + 1
        self.waiting_responses += 1
        due = OutgoingTelegram(
            group_object, address, is_response=True, is_read=False, asked_at=now_s
        )
        self._lane(group_object).responses.append(due)
        return True

    def add_value(self, group_object: GroupObject) -> None:
        """Queue the value of an object; states go before moving values."""
        lane = self._lane(group_object)
        is_state = group_object.kind in (ObjectKind.STATE, ObjectKind.EVENT, ObjectKind.ALIVE)
        (lane.states if is_state else lane.moving)[group_object] = None

    def add_read(self, group_object: GroupObject) -> None:
        """Queue a read of an object's value from the bus."""
        self._lane(group_object).reads[group_object] = None

    def withdraw(self, group_object: GroupObject) -> None:
        """Do not send this object's value: it is not known any more."""
        lane = self._lane(group_object)
        lane.states.pop(group_object, None)
        lane.moving.pop(group_object, None)

    def drop_responses(self) -> None:
        """Forget waiting answers: after a lost link their readers have given up."""
        for lane in self._lanes:
            lane.responses.clear()
        self._waiting.clear()
        self.waiting_responses = 0

    def keep_only(self, objects: Collection[GroupObject]) -> None:
        """Drop everything that waits for other objects: they do not exist any more."""
        for lane in self._lanes:
            lane.keep_only(objects)
        waiting = [due for lane in self._lanes for due in lane.responses]
        self.waiting_responses = len(waiting)
        self._waiting = dict(Counter(due.address.raw for due in waiting))

    def has_spontaneous(self) -> bool:
        """Tell whether anything but answers waits."""
        return any(lane.has_spontaneous for lane in self._lanes)

    def next_priority(self, now_s: float, *, must_be_answer: bool = False) -> Priority | None:
        """Return the priority of the telegram that may be sent now, None without one.

        `must_be_answer`: nothing else may be sent.
        """
        lane = self._next_lane(now_s, must_be_answer=must_be_answer)
        return None if lane is None else lane.priority

    def next_due(self, now_s: float, *, must_be_answer: bool = False) -> OutgoingTelegram | None:
        """Take out and return the telegram that may be sent now, None without one."""
        lane = self._next_lane(now_s, must_be_answer=must_be_answer)
        if lane is None:
            return None
        if lane.responses:
            return self._next_response(lane)
        self._take_token(now_s)
        return lane.next_spontaneous()

    def _next_lane(self, now_s: float, *, must_be_answer: bool) -> _Lane | None:
        """Return the highest priority with something that may be sent now."""
        self._drop_old(now_s)
        for lane in self._lanes:
            if lane.responses:
                return lane
            if not must_be_answer and lane.has_spontaneous and self._has_token(now_s):
                return lane
        return None

    def _lane(self, group_object: GroupObject) -> _Lane:
        """Return where an object's telegrams wait."""
        priority = group_object.priority
        for lane in self._lanes:
            if lane.priority is priority:
                return lane
        lane = _Lane(priority)
        self._lanes.append(lane)
        order = tuple(Priority)
        self._lanes.sort(key=lambda one: order.index(one.priority))
        return lane

    def _drop_old(self, now_s: float) -> None:
        """Drop and count answers whose readers have given up."""
        before = now_s - self.limits.oldest_s
        for lane in self._lanes:
            while lane.responses and lane.responses[0].asked_at < before:
                self._next_response(lane)
                self.dropped_responses += 1

    def _next_response(self, lane: _Lane) -> OutgoingTelegram:
        """Take the oldest waiting answer."""
        due = lane.responses.popleft()
        self.waiting_responses -= 1
        left = self._waiting[due.address.raw] - 1
        if left:
            self._waiting[due.address.raw] = left
        else:
            del self._waiting[due.address.raw]
        return due

    def wait_s(self, now_s: float) -> float:
        """Return how long until a spontaneous telegram may be sent [s]."""
        if not self.has_spontaneous():
            return float("inf")
        return max(0.0, (1.0 - self._tokens_at(now_s)) / SPONTANEOUS_PER_S)

    def _has_token(self, now_s: float) -> bool:
        """Tell whether a spontaneous telegram may be sent now."""
        return self._tokens_at(now_s) >= 1.0 - 1e-9

    def _take_token(self, now_s: float) -> None:
        """Refill the token bucket up to now, and take one out."""
        self._tokens = self._tokens_at(now_s) - 1.0
        self._filled_at = now_s

    def _tokens_at(self, now_s: float) -> float:
        """Return what is in the token bucket."""
        gained = max(0.0, now_s - self._filled_at) * SPONTANEOUS_PER_S
        return min(SPONTANEOUS_BURST, self._tokens + gained)
