"""Lets few threads make the pages: the loop that charges shares the interpreter with all of them.

Python gives the interpreter to anyone of those who wait. With fifty threads that make a page at the
same moment, the loop waits for most of them. And each thread that has made a page keeps up to 0.2 MiB
of what it freed, for glibc gives every thread a cache of its own (tcache): eighty threads keep 12 MiB.

So the threads of waitress, which streams hold for hours, only wait for a page and send it.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from typing import Any

READS_AT_ONCE = 2  # on a busy machine one would be too slow: each hand-over takes its time
CHANGES_AT_ONCE = 1
PATIENCE_S = 1.0  # then it goes on all the same: whoever has the turn waits for something
READS = frozenset({"GET", "HEAD"})

Answer = Iterable[bytes]
Application = Callable[[dict[str, Any], Any], Answer]
_Task = tuple[Future[Answer], Callable[[], Answer]]


class InTurn:
    """An application that few threads call; a stream gives its turn back when it begins.

    What changes something has turns of its own, for it may wait: for a password, a charger, the bus.
    """

    def __init__(self, application: Application) -> None:
        """Put the turns before an application."""
        self._application = application
        self._reads = _Makers("page", READS_AT_ONCE)
        self._changes = _Makers("change", CHANGES_AT_ONCE)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Answer:  # noqa: ANN401 - WSGI
        """Answer a request: in its turn, or here when patience is at its end."""
        makers = self._reads if environ["REQUEST_METHOD"] in READS else self._changes
        return makers.make(partial(self._application, environ, start_response))

    def close(self) -> None:
        """Let the threads end after what they make now; called once."""
        self._reads.close()
        self._changes.close()


class _Makers:
    """Threads that make answers; they end with the process, whatever an answer waits for."""

    def __init__(self, name: str, count: int) -> None:
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._count = count
        for number in range(count):
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True).start()

    def make(self, task: Callable[[], Answer]) -> Answer:
        """Return what a task gives, or raise what it raises; it is called once, in some thread."""
        future: Future[Answer] = Future()
        self._tasks.put((future, task))
        wait([future], PATIENCE_S)
        if future.cancel():  # nobody has begun it
            return task()
        return future.result()

    def close(self) -> None:
        """End the threads."""
        for _ in range(self._count):
            self._tasks.put(None)

    def _run(self) -> None:
        while (entry := self._tasks.get()) is not None:
            future, task = entry
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - raised where the answer is waited for
                future.set_exception(error)
            del entry, future, task  # or the last page is kept until the next one
