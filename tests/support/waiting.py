"""Wait for a condition of the real world: poll with a deadline instead of guessing a pause."""

import asyncio
import time
from collections.abc import Callable

POLL_S = 0.01


def wait_until(
    condition: Callable[[], bool], timeout_s: float, what: Callable[[], str] | str
) -> None:
    """Poll until `condition` holds; `what` names it in the error. Raises: TimeoutError."""
    deadline_s = time.perf_counter() + timeout_s
    while not condition():
        if time.perf_counter() >= deadline_s:
            missing = what if isinstance(what, str) else what()
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {missing}")
        time.sleep(POLL_S)


async def until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Do the same beside the event loop: `condition` is asked in a thread. Raises: TimeoutError."""
    deadline_s = time.perf_counter() + timeout_s
    while not await asyncio.to_thread(condition):
        if time.perf_counter() >= deadline_s:
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {what}")
        await asyncio.sleep(POLL_S)
