"""Which TCP connections are kept: there is room for few, and none of it for who only holds a place.

Pure: time is an argument.
"""

from collections.abc import Collection

MOST_STREAMS = 32
IDLE_S = 60.0  # without a whole frame, and without a connection open in it
EVICTED_AFTER_S = 2.0  # so long a new one may say nothing, also where there is no room for others


class Streams:
    """The TCP connections, by numbers of which none comes twice."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        """Keep at most that many."""
        self._most = most
        self._heard_at: dict[int, float] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._heard_at)

    def admit(self, now_s: float, in_use: Collection[int]) -> tuple[int | None, int | None]:
        """Return the number of a new one (None: no room), and the one that has to go for it.

        Who goes is who has said nothing for longest of those that are not `in_use`.
        """
        leaving = None
        if len(self._heard_at) >= self._most:
            idle = {one: at for one, at in self._heard_at.items() if one not in in_use}
            leaving = min(idle, key=lambda one: idle[one], default=None)
            if leaving is None or now_s < idle[leaving] + EVICTED_AFTER_S:
                return None, None
            self.forget(leaving)
        self._last += 1
        self._heard_at[self._last] = now_s
        return self._last, leaving

    def heard(self, stream: int, now_s: float) -> None:
        """Note a whole frame."""
        if stream in self._heard_at:
            self._heard_at[stream] = now_s

    def forget(self, stream: int) -> None:
        """Note that one has closed."""
        self._heard_at.pop(stream, None)

    def idle(self, now_s: float, in_use: Collection[int]) -> list[int]:
        """Return those that have held their place for long enough."""
        return [
            one for one, at in self._heard_at.items() if one not in in_use and now_s >= at + IDLE_S
        ]

    def due_at(self, in_use: Collection[int]) -> float | None:
        """Return when the next one is idle for long enough [s]."""
        return min(
            (at + IDLE_S for one, at in self._heard_at.items() if one not in in_use),
            default=None,
        )
