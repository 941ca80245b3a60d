"""How a thread waits for something that the event loop does."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from knxgw.errors import RejectedError

T = TypeVar("T")


def wait_on(loop: asyncio.AbstractEventLoop, command: Coroutine[Any, Any, T], limit_s: float) -> T:
    """Run a command on the loop, and wait for it. Raises: RejectedError, too late; what it raises."""
    future = asyncio.run_coroutine_threadsafe(command, loop)
    try:
        return future.result(limit_s)
    except TimeoutError as err:
        raise RejectedError("the device does not react") from err
    finally:
        future.cancel()  # what nobody waits for must not happen late


def begun_on(
    loop: asyncio.AbstractEventLoop, what: Callable[..., None], *given: object, limit_s: float
) -> None:
    """Do something on the loop, and wait until it has begun, so that the next page shows it."""
    begun: Future[None] = Future()

    def begin() -> None:
        try:
            what(*given)
        finally:
            begun.set_result(None)

    loop.call_soon_threadsafe(begin)
    with suppress(TimeoutError):  # the loop is busy: it is done all the same
        begun.result(limit_s)
