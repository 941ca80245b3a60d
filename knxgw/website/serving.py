"""Keeps the website served. Whatever happens to it, charging goes on: it is said and tried again."""

import asyncio
import logging
from typing import TYPE_CHECKING, NoReturn

from knxgw.website.bridge import Bridge
from knxgw.website.listener import Listener

if TYPE_CHECKING:
    from knxgw.website.server import WebsiteServer

log = logging.getLogger(__name__)
RETRY_S = 30.0


async def serve(bridge: Bridge, listener: Listener, *, retry_s: float = RETRY_S) -> NoReturn:
    """Serve the website until cancelled; what it dies of is an ERROR once, then it is tried again."""
    said = ""
    while True:
        try:
            why = await _serve_once(bridge, listener)
        except Exception as error:  # noqa: BLE001 - charging goes on, whatever it is
            why = error
        text = f"{type(why).__name__}: {why}"
        if text != said:  # changes, not repetitions
            log.error(
                "the website at %s is not served (%s); charging goes on, it is tried again every "
                "%.0f s",
                listener.address,
                text,
                retry_s,
            )
            said = text
        await asyncio.sleep(retry_s)


async def _serve_once(bridge: Bridge, listener: Listener) -> BaseException | None:
    """Serve until the server ends; return why it did. Raises: OSError, the address is taken."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def start() -> "WebsiteServer":
        # Flask is loaded here, in a thread, while the buses are already at work
        from knxgw.website.server import WebsiteServer  # noqa: PLC0415

        listener.open()
        server = WebsiteServer(bridge, listener, lambda: loop.call_soon_threadsafe(ended.set))
        server.start()
        return server

    starting = loop.run_in_executor(None, start)
    try:
        server = await asyncio.shield(starting)
    except asyncio.CancelledError:
        server = await starting
        await asyncio.to_thread(server.stop)
        raise
    try:
        await ended.wait()
    finally:
        await asyncio.to_thread(server.stop)
    return server.error
