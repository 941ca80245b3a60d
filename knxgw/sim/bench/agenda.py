"""What is still to happen in a run: a queue ordered by time, and by kind at the same moment.

There is no loop of asyncio here, so that a day takes seconds.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

# What happens at the same moment happens in this order.
PLANT, HAPPENING, SAMPLE, TELEGRAM, LIMIT, POLL, CLOCK, PROBE = range(8)

Action = Callable[[Any], None]


class Agenda:
    """The time of a run, and what is to be done later; times are seconds of the scenario."""

    __slots__ = ("_order", "_queue", "now_s")

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s
        self._queue: list[tuple[float, int, int, Action, Any]] = []
        self._order = count()

    def at(self, at_s: float, order: int, action: Action, argument: Any = None) -> None:  # noqa: ANN401 - the queue carries what its actions take
        """Let something happen at a moment."""
        heappush(self._queue, (at_s, order, next(self._order), action, argument))

    def run(self, end_s: float) -> None:
        """Let everything happen until a moment."""
        queue = self._queue
        while queue and queue[0][0] <= end_s:
            self.now_s, _, _, action, argument = heappop(queue)
            action(argument)
        self.now_s = end_s
