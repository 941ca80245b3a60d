"""An event loop whose clock jumps to the next timer: hours pass in milliseconds.

The loop raises when every task waits and no timer is set, because then nothing will ever happen.
"""

import asyncio
import math
import selectors
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")
START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)  # a Monday
OWN_SOCKETS = 1  # by which another thread or a signal wakes the loop


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: lets the loop's time jump instead.

    It asks the system only if there are sockets of the test, or something may have woken the loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.is_awaited = False  # whether a thread or a signal may have woken the loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0:  # callbacks wait; what is real can wait until they are done
            return []
        ready = super().select(0) if self.is_awaited or len(self.get_map()) > OWN_SOCKETS else []
        if not ready and timeout is None:
            raise RuntimeError("every task waits and no timer is set: deadlock")
        if not ready and timeout is not None and timeout > 0:
            self.now_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Event loop in virtual time; starts at 0 s."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._thread = threading.get_ident()
        super().__init__(self._jumping)

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Call it soon. Only another thread has to wake the loop, by a byte through a socket.

        pymodbus' server takes this way for each request, from the thread of the loop.
        """
        if threading.get_ident() == self._thread:
            return self.call_soon(callback, *args, context=context)
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        self._jumping.is_awaited = True
        return handle

    def add_signal_handler(self, sig: int, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        """Call it when the signal comes, which wakes the loop through its own socket."""
        self._jumping.is_awaited = True
        super().add_signal_handler(sig, callback, *args)

    def time(self) -> float:
        """Return the virtual time [s]."""
        return self._jumping.now_s

    @property
    def _clock_resolution(self) -> float:
        """Return how early asyncio may fire timers [s]: not at all.

        With a fixed resolution two tasks that wait for the same moment, which rounding has put a
        little into the future, wake each other for ever while the clock stands still before it.
        """
        return math.ulp(self._jumping.now_s)

    @_clock_resolution.setter
    def _clock_resolution(self, value: float) -> None:
        """Ignore what asyncio assumes of the machine's clock."""


class VirtualWallClock:
    """Wall clock that follows a virtual loop; `shift` makes it jump."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime = START) -> None:
        self._loop = loop
        self._start = start

    def __call__(self) -> datetime:
        """Return the virtual wall-clock time [aware UTC]."""
        return self._start + timedelta(seconds=self._loop.time())

    def shift(self, by_s: float) -> None:
        """Let the wall clock jump, as a time server would."""
        self._start += timedelta(seconds=by_s)


class InlineExecutor(Executor):
    """Runs everything at once in the calling thread, so that virtual time stays in order."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn` now; its result or exception is in the returned future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as err:  # noqa: BLE001 - handed to whoever waits, as any executor does
            future.set_exception(err)
        return future


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time and return its result."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
