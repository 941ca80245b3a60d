"""Single frames that wait to be sent: by KNX priority, and first come, first served within it."""

import asyncio
from collections import deque

from xknx.cemi import CEMIPriority

from knxgw.knx.frames import SENDING_ORDER, Outcome, Outgoing

MOST_WAITING = 64  # of one priority; a device's answers to one client are a few

Result = asyncio.Future[Outcome]


class SendQueue:
    """A source of frames (see `knx_port.Source`) whose senders learn what became of each."""

    def __init__(self) -> None:
        self.overflowed = 0
        self._waiting: dict[CEMIPriority, deque[tuple[Outgoing, Result]]] = {
            priority: deque() for priority in SENDING_ORDER
        }
        self._count = 0  # of all that wait
        self._current: Result | None = None

    def add(self, outgoing: Outgoing, *, is_open: bool) -> Result:
        """Let a frame wait; it is dropped when the link is not open or too many wait."""
        result: Result = asyncio.get_running_loop().create_future()
        waiting = self._waiting[outgoing.data.flags.priority]
        if not is_open:
            result.set_result(Outcome.DROPPED)
        elif len(waiting) >= MOST_WAITING:
            self.overflowed += 1
            result.set_result(Outcome.DROPPED)
        else:
            waiting.append((outgoing, result))
            self._count += 1
        return result

    def due(self, now_s: float, *, requested_only: bool) -> CEMIPriority | None:
        """Return the priority of the frame that goes next: what was handed over is wanted."""
        if not self._count:
            return None
        for priority, waiting in self._waiting.items():
            while waiting and waiting[0][1].done():  # its sender has taken it back
                waiting.popleft()
                self._count -= 1
            if waiting:
                return priority
        return None

    def next_frame(self, now_s: float, *, requested_only: bool) -> Outgoing | None:
        """Return the frame that is sent now."""
        priority = self.due(now_s, requested_only=requested_only)
        if priority is None:
            return None
        outgoing, self._current = self._waiting[priority].popleft()
        self._count -= 1
        return outgoing

    def finished(self, outcome: Outcome) -> None:
        """Tell the sender of the frame what became of it."""
        if self._current is not None and not self._current.done():
            self._current.set_result(outcome)
        self._current = None

    def drop(self) -> None:
        """Forget what waits: the link is lost."""
        for waiting in self._waiting.values():
            for _outgoing, result in waiting:
                if not result.done():
                    result.set_result(Outcome.DROPPED)
            waiting.clear()
        self._count = 0

    def wait_s(self, now_s: float) -> float:
        """Return how long until something is to be sent [s]."""
        return float("inf") if self.due(now_s, requested_only=False) is None else 0.0
