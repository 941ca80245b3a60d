"""Lets one thread at a time do something for somebody."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class OneAtATime:
    """Turns by name; whoever has another name does not wait."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._busy: set[str] = set()

    @contextmanager
    def turn(self, name: str, patience_s: float) -> Iterator[bool]:
        """Wait for the turn of a name for the length of a block; give whether it came in time."""
        with self._condition:
            has_turn = self._condition.wait_for(lambda: name not in self._busy, patience_s)
            if has_turn:
                self._busy.add(name)
        try:
            yield has_turn
        finally:
            if has_turn:
                with self._condition:
                    self._busy.discard(name)
                    self._condition.notify_all()
