"""Reads that a person asks for: one at a time, behind all polls of the device. Pure.

Nothing here writes: only the station decides over a current, so no such request exists.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from knxgw.catalogue.device_model import MAX_REGISTERS
from knxgw.catalogue.points import PollClass, Table
from knxgw.errors import LinkError, PeerError, RejectedError
from knxgw.modbus.plan import Block, PollSchedule

MOST_WAITING = 4
ADDRESSES = 65_536
PATIENCE_S = (
    5.0  # a device that can never be read as often as wanted takes it then, between two polls
)

Answer = Sequence[int] | PeerError | LinkError
Done = Callable[[Answer], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpareRead:
    """A read that waits for its turn."""

    block: Block
    asked_at: float  # [monotonic s]
    done: Done


class SpareReads:
    """The reads that wait at one device."""

    def __init__(self) -> None:
        self._waiting: deque[SpareRead] = deque()

    def ask(self, block: Block, done: Done, now_s: float) -> None:
        """Wait for a turn; `done` is called with what comes back. Raises: RejectedError."""
        if len(self._waiting) >= MOST_WAITING:
            raise RejectedError("other reads of this device still wait")
        self._waiting.append(SpareRead(block=block, asked_at=now_s, done=done))

    def due_at(self, polls: PollSchedule) -> float:
        """Return when the next read of the device may go out, of these or of its polls [monotonic s]."""
        return min(polls.due_at(), polls.allowed_at) if self._waiting else polls.due_at()

    def next_block(self, polls: PollSchedule, now_s: float) -> Block | None:
        """Return the block to read now: a poll that is due first, but not for ever."""
        if self._waiting and now_s >= polls.allowed_at:
            first = self._waiting[0]
            if polls.due_at() > now_s or now_s - first.asked_at >= PATIENCE_S:
                return first.block
        return polls.next_block(now_s)

    def take(self, block: Block, answer: Answer) -> bool:
        """Pass on what became of a read; return False if it is none of these."""
        for one in self._waiting:
            if one.block is block:
                self._waiting.remove(one)
                one.done(answer)
                return True
        return False

    def drop(self, why: LinkError) -> None:
        """End all reads that wait: the device cannot be asked."""
        while self._waiting:
            self._waiting.popleft().done(why)


def spare_block(*, unit_id: int, table: Table, address: int, count: int, most: int) -> Block:
    """Return the block of a read; `most` registers may be read at once. Raises: RejectedError."""
    most = min(most, MAX_REGISTERS)
    if not 1 <= count <= most:
        raise RejectedError(f"1 to {most} registers can be read at once")
    if address < 0 or address + count > ADDRESSES:
        raise RejectedError("registers have the addresses 0 to 65535")
    return Block(
        unit_id=unit_id, table=table, address=address, count=count, points=(), poll=PollClass.NEVER
    )
