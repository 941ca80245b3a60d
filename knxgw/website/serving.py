"""Keeps the website served. Whatever happens to it, charging goes on: it is said and tried again."""

import asyncio
import errno
import logging
import os
import threading
from typing import TYPE_CHECKING, NoReturn

from knxgw.website.bridge import Bridge
from knxgw.website.listener import Address, Listener

if TYPE_CHECKING:
    from knxgw.website.server import WebsiteServer

log = logging.getLogger(__name__)
RETRY_S = 30.0
LATE_START_S = 1.0  # that an end waits for a website that is just being made
STEADY_S = 60.0  # a website that was served for so long is well again


class _Trouble:
    """What is said of a website that is not served: changes, not repetitions."""

    def __init__(self, address: Address, retry_s: float) -> None:
        self._address = address
        self._retry_s = retry_s
        self._said = ""

    def note(self, why: BaseException | None) -> None:
        text = f"{type(why).__name__}: {why}"
        if text == self._said:
            return
        self._said = text
        log.error(
            "the website at %s is not served (%s); charging goes on, it is tried again every %.0f s",
            self._address,
            text,
            self._retry_s,
        )

    def note_end(self) -> None:
        if self._said:
            log.warning("the website at %s is served again", self._address)
        self._said = ""


async def serve(
    bridge: Bridge, listener: Listener, *, retry_s: float = RETRY_S, steady_s: float = STEADY_S
) -> NoReturn:
    """Serve the website until cancelled; what it dies of is an ERROR once, then it is tried again."""
    trouble = _Trouble(listener.address, retry_s)
    while True:
        try:
            why = await _serve_once(bridge, listener, steady_s, trouble)
        except Exception as error:  # noqa: BLE001 - charging goes on, whatever it is
            why = error
        trouble.note(why)
        await asyncio.sleep(retry_s)


def _forget(starting: "asyncio.Future[WebsiteServer]") -> None:
    """Take what became of a start that nobody waits for."""
    if not starting.cancelled():
        starting.exception()


async def _serve_once(
    bridge: Bridge, listener: Listener, steady_s: float, trouble: _Trouble
) -> BaseException | None:
    """Serve until the server ends; return why it did. Raises: OSError, the address is taken."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    unwanted = threading.Event()

    def start() -> "WebsiteServer":
        # Flask is loaded here, in a thread, while the buses are already at work
        from knxgw.website.server import WebsiteServer  # noqa: PLC0415

        listener.open()  # a name server may take its time
        if unwanted.is_set():
            raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
        server = WebsiteServer(bridge, listener, lambda: loop.call_soon_threadsafe(ended.set))
        server.start()
        return server

    starting = loop.run_in_executor(None, start)
    try:
        server = await asyncio.shield(starting)
    except asyncio.CancelledError:
        unwanted.set()
        await asyncio.wait({starting}, timeout=LATE_START_S)
        starting.add_done_callback(_forget)
        if starting.done() and starting.exception() is None:
            await asyncio.to_thread(starting.result().stop)
        raise
    steady = loop.call_later(steady_s, trouble.note_end)
    try:
        await ended.wait()
    finally:
        steady.cancel()
        await asyncio.to_thread(server.stop)
    return server.error
