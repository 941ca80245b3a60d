"""Threads for calls that nobody may have to wait for: a name server or a file may never answer."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LooseThreads(ThreadPoolExecutor):
    """A thread for each call; neither the end of the loop nor that of the process waits for one.

    With the usual pool a name server that is silent holds up the end for as long as the resolver
    tries, and few such calls at once keep every other call waiting. A subclass because the event
    loop takes nothing else as its default.
    """

    def __init__(self) -> None:
        super().__init__(1)  # which is never used
        self._is_over = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call in a thread of its own; what it gives after the end is dropped."""
        future: Future[T] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as err:  # noqa: BLE001 - whoever waits gets it
                if not self._is_over:
                    future.set_exception(err)
            else:
                if not self._is_over:
                    future.set_result(result)

        threading.Thread(target=call, name="call", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - its shape
        """Wait for nobody."""
        self._is_over = True
