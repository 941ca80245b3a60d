"""What ends a program of ours: signals, and pages that ask for a restart; and its event loop, to the end."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from knxgw.errors import GatewayError
from knxgw.host.threads import LooseThreads

log = logging.getLogger(__name__)
Result = TypeVar("Result")
RESTART_DELAY_S = 1.5  # for the page that asked to load all it needs


class AfterEnd(Enum):
    """What is to be done when a run has ended."""

    NOTHING = "the program ends"
    RESTART = "it ends with the status that asks to be started again"
    RESET = "the same, with the device reset to its factory settings"


class Stop:
    """What ends a run: SIGTERM and SIGINT stop, SIGHUP asks to read the configuration again.

    Pages may ask for a restart, too.
    """

    def __init__(self) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self.after = AfterEnd.NOTHING
        self.asked, self.ending = asyncio.Event(), loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        loop.add_signal_handler(signal.SIGHUP, self.asked.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    def _end(self, number: signal.Signals) -> None:
        if not self.ending.done():
            self.ending.set_result(None)
            log.info(
                "%s: the gateway ends and sends the chargers their offers for the time without it",
                number.name,
            )
        self.asked.set()

    def ask(self, after: AfterEnd) -> None:
        """Let a page have the run end, once it has loaded all it needs; from any thread."""
        later = partial(self._loop.call_later, RESTART_DELAY_S, self._end_for, after)
        self._loop.call_soon_threadsafe(later)

    def _end_for(self, after: AfterEnd) -> None:
        if self.after is AfterEnd.RESTART and after is AfterEnd.RESET:
            self.after = after  # its page says so, whatever was pressed before
        if not self.ending.done():
            self.after = after
            self.ending.set_result(None)
            log.info("the website asked for a restart: %s", after.value)
        self.asked.set()

    def is_ending(self) -> bool:
        """Tell whether the run is to end, whatever else was asked for."""
        return self.ending.done()


async def _with_loose_threads(main: Coroutine[Any, Any, Result]) -> Result:
    asyncio.get_running_loop().set_default_executor(LooseThreads())
    return await main


def run_to_end(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine and return its result; of a group of our errors a person sees the first.

    No `raise` in an `except*`: Python 3.11 before 3.11.4 makes another group of it.
    """
    try:
        return asyncio.run(_with_loose_threads(main))
    except BaseExceptionGroup as group:
        _, others = group.split(GatewayError)
        if others is not None:
            raise  # a bug: all of it is of interest
        first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    raise first
