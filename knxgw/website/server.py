"""Serves the website in threads of its own; the event loop is never touched from there."""

import threading

from waitress.server import create_server

from knxgw.errors import GatewayError
from knxgw.website.app import Bridge, create_app

SHUTDOWN_S = 1  # whole seconds
THREADS = 64  # each live view will hold one


class WebsiteServer:
    """The listening socket and its threads."""

    def __init__(self, bridge: Bridge, *, host: str, port: int) -> None:
        """Listen at once. Raises: GatewayError when the port cannot be had."""
        try:
            self._server = create_server(
                create_app(bridge), host=host, port=port, threads=THREADS, ident="knxgw"
            )
        except OSError as err:
            raise GatewayError(
                f"the website cannot listen on {host}:{port}: {err.strerror}; "
                "choose another address with website.listen"
            ) from err
        self._thread = threading.Thread(target=self._server.run, name="website", daemon=True)

    def start(self) -> None:
        """Serve pages."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; pages that are being made may take a moment to be finished."""
        self._server.task_dispatcher.shutdown(timeout=SHUTDOWN_S)
        self._server.close()
