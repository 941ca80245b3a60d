"""How a loop ends in order: what its last connections have still to see, they see."""

import asyncio
import threading
from asyncio import sleep  # as it is: tests replace the one of asyncio

LAST_ROUNDS = 10  # one sees that a peer has closed, the next one closes, with some to spare


async def last_rounds() -> None:
    """Let servers see that their clients have gone; else a connection stays open when the loop ends."""
    for _ in range(LAST_ROUNDS):
        await sleep(0)


def end_loop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """End a loop and its thread; a connection that a client just opens is closed, and leaves no open socket."""

    async def end_rest() -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await last_rounds()

    asyncio.run_coroutine_threadsafe(end_rest(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()
