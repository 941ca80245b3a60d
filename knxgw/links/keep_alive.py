"""Runs a session again whenever its link is lost: the one place where links are retried."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import NoReturn

from knxgw.errors import LinkError

log = logging.getLogger(__name__)
STEADY_S = 60.0  # a session that lasted this long starts over with short delays


def end_if_cancelled() -> None:
    """Raise CancelledError if this task was cancelled and something swallowed that.

    `asyncio.wait_for` of Python 3.11, which pymodbus uses, returns its result when the answer
    arrives in the same turn as the cancellation, which is then lost.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def doubling(*, first_s: float, last_s: float) -> Iterator[float]:
    """Yield growing delays [s] without end."""
    delay_s = first_s
    while True:
        yield delay_s
        delay_s = min(delay_s * 2, last_s)


async def keep_alive(
    name: str,
    session: Callable[[], Awaitable[NoReturn]],
    *,
    last_delay_s: float = 60.0,
    on_failure: Callable[[LinkError], None] | None = None,
) -> NoReturn:
    """Run `session`, again whenever its link is lost; any other error ends the program.

    `on_failure` replaces the log line, for a caller that knows more about the link.
    """
    loop = asyncio.get_running_loop()
    delays = doubling(first_s=1.0, last_s=last_delay_s)
    reported = ""
    while True:
        started_at = loop.time()
        try:
            await session()
        except LinkError as err:
            end_if_cancelled()
            if loop.time() - started_at > STEADY_S:
                delays = doubling(first_s=1.0, last_s=last_delay_s)
                reported = ""
            delay_s = next(delays)
            if on_failure is not None:
                on_failure(err)
            elif str(err) != reported:  # changes, not repetitions
                log.warning("%s: link lost (%s), trying again", name, err)
                reported = str(err)
            await asyncio.sleep(delay_s)
