"""Serves the website in threads of its own; the event loop is never touched from there."""

import logging
import secrets
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from time import sleep
from typing import Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher
from waitress.trigger import trigger

from knxgw.host.memory import keep_few_heaps
from knxgw.website.app import create_app
from knxgw.website.bridge import Bridge
from knxgw.website.connection import keep_in_order
from knxgw.website.ets_reading import Readings
from knxgw.website.handed_over import HandedOver
from knxgw.website.listener import Listener
from knxgw.website.plain_answers import answer_plain
from knxgw.website.proxy import behind_proxy
from knxgw.website.publisher import Publisher
from knxgw.website.relay import Relay
from knxgw.website.relay_phases import HandOver, Peer, Services
from knxgw.website.security import LARGEST_BODY
from knxgw.website.turns import InTurn
from knxgw.website.uploads import Uploads

SHUTDOWN_S = 0.7  # for pages that are being made
FLUSH_S, POLL_S = 0.2, 0.01  # for answers on their way out
JOIN_S = 1.0
THREADS = 80  # each live page holds one (see `publisher.MOST_STREAMS`), the others wait for pages
SETTINGS: Mapping[str, Any] = {
    "ident": "knxgw",
    "channel_request_lookahead": 1,  # a browser that is gone is noticed before the next write
    "connection_limit": 400,
    "outbuf_high_watermark": 131_072,  # of a reader that is slow; the default is 16 MiB
    "max_request_header_size": 16_384,
    "max_request_body_size": LARGEST_BODY,
    "channel_timeout": 30,
    "cleanup_interval": 5,  # how often it is looked for connections that are too slow
    "inbuf_overflow": 16_384,  # a body that is larger waits on the disk, not in the memory
    "clear_untrusted_proxy_headers": False,  # `behind_proxy` reads them or drops them
}


def _services(bridge: Bridge, server: HandedOver, plain: HandedOver) -> Services:
    """Return what a relay before both servers has of its website."""

    def context() -> ssl.SSLContext | None:
        certificate = bridge.reach.certificate()
        return None if certificate is None else certificate.context

    def plain_server(peer: Peer) -> HandOver | None:
        is_proxy = peer.host == bridge.reach.trusted_proxy()  # it encrypts by itself
        return None if bridge.reach.redirects() and not is_proxy else plain.take

    answer = partial(answer_plain, bridge)
    return Services(context, server.take, answer, bridge.now_s, plain_server)


class WebsiteServer:
    """The threads that serve a listener."""

    def __init__(
        self, bridge: Bridge, listener: Listener, on_end: Callable[[], object] = lambda: None
    ) -> None:
        """Get ready to serve a listener that is open; `on_end` is called from a thread.

        Raises: ValueError, it is not open; whatever the pages cannot be made of.
        """
        if not listener.is_open:
            raise ValueError("the listener is not open")
        self.error: BaseException | None = None  # what ended it
        self._on_end = on_end
        self._places: dict[int, Any] = {}  # file descriptor -> whoever of waitress has it
        self._dispatcher = ThreadedTaskDispatcher()
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # strangers would fill the log
        self._publisher = Publisher(secrets.token_hex(4), bridge.now_s, bridge.utc_now)
        keep_few_heaps()
        self._uploads = Uploads(bridge.now_s)
        self._readings = Readings(self._uploads, bridge.now_s)
        pages = create_app(bridge, self._publisher, self._uploads, self._readings)
        app = behind_proxy(pages, bridge.reach.trusted_proxy)
        self._in_turn = InTurn(app)
        sockets = listener.copies()
        self._relay: Relay | None = None
        try:
            if bridge.reach.certificate() is None:
                create_server(
                    self._in_turn,
                    map=self._places,
                    _dispatcher=self._dispatcher,
                    sockets=sockets,
                    **SETTINGS,
                )
            else:
                inner, plain = (
                    HandedOver(
                        self._in_turn,
                        listener.address,
                        self._places,
                        self._dispatcher,
                        {**SETTINGS, "url_scheme": scheme},
                    )
                    for scheme in ("https", "http")
                )
                self._relay = Relay(sockets, _services(bridge, inner, plain), self._fail)
        except BaseException:
            self._in_turn.close()
            for one in sockets:
                one.close()
            raise
        self._dispatcher.set_thread_count(THREADS)
        places = list(self._places.values())
        self._servers = [one for one in places if isinstance(one, BaseWSGIServer)]
        for server in self._servers:
            keep_in_order(server)
        self._thread = threading.Thread(target=self._run, name="website", daemon=True)

    def start(self) -> None:
        """Serve pages."""
        self._thread.start()
        if self._relay is not None:
            self._relay.start()

    def stop(self) -> None:
        """Take no more questions, finish the pages that are being made, and end; takes a moment.

        Whatever waitress has is closed in its own thread: nothing is pulled away under it.
        """
        self._publisher.stop("restarting")
        if self._relay is not None:
            self._relay.stop_listening()
        self._in_thread(self._stop_listening)
        self._dispatcher.shutdown(timeout=SHUTDOWN_S)  # type: ignore[arg-type]  # any number will do
        self._readings.close()
        self._uploads.close()
        self._in_turn.close()
        for _ in range(round(FLUSH_S / POLL_S)):
            if not self._is_answering():
                break
            sleep(POLL_S)
        self._in_thread(self._close_all)
        self._thread.join(JOIN_S)
        if self._places and not self._thread.is_alive():
            self._close_all()  # it ended just before it was asked to
        if self._relay is not None:
            self._relay.stop()

    def _fail(self, error: BaseException) -> None:
        self.error = error
        self._on_end()

    def _run(self) -> None:
        try:
            wasyncore.loop(timeout=1.0, use_poll=True, map=self._places)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the end
            self.error = error
        self._on_end()

    def _in_thread(self, do: Callable[[], None]) -> None:
        """Let the website's own thread do something soon."""
        for one in list(self._places.values()):
            if isinstance(one, trigger) and self._thread.is_alive():
                with suppress(OSError):  # it ends just now: whatever is left is ours
                    one.pull_trigger(do)  # type: ignore[arg-type]  # it is called without
                    return
        do()

    def _stop_listening(self) -> None:
        for server in self._servers:
            wasyncore.dispatcher.close(server)  # not its trigger: pages still want to go out
            if isinstance(server, HandedOver):
                server.drop_waiting()

    def _is_answering(self) -> bool:
        return any(getattr(one, "total_outbufs_len", 0) for one in list(self._places.values()))

    def _close_all(self) -> None:
        for server in self._servers:  # a page that took too long has nobody to tell
            server.pull_trigger = lambda: None  # type: ignore[method-assign]  # of this one only
            if isinstance(server, HandedOver):
                server.end()
        wasyncore.close_all(map=self._places, ignore_all=True)
