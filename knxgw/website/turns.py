"""Lets few pages be made at a time: the loop that charges shares the interpreter with all who want it.

Python gives the interpreter to anyone of those who wait. With fifty threads that make a page at the
same moment, the loop waits for most of them.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

READS_AT_ONCE = 2  # on a busy machine one would be too slow: each hand-over takes its time
CHANGES_AT_ONCE = 1
PATIENCE_S = 1.0  # then it goes on all the same: whoever has the turn waits for something
READS = frozenset({"GET", "HEAD"})

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class InTurn:
    """An application that answers few requests at a time; a stream gives its turn back when it begins.

    What changes something has turns of its own, for it may wait: for a password, a charger, the bus.
    """

    def __init__(self, application: Application) -> None:
        """Put the turns before an application."""
        self._application = application
        self._reads = threading.BoundedSemaphore(READS_AT_ONCE)
        self._changes = threading.BoundedSemaphore(CHANGES_AT_ONCE)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI
        """Answer a request, after a turn or some patience."""
        turns = self._reads if environ["REQUEST_METHOD"] in READS else self._changes
        has_turn = turns.acquire(timeout=PATIENCE_S)
        try:
            return self._application(environ, start_response)
        finally:
            if has_turn:
                turns.release()
