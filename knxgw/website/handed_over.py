"""A server of waitress that does not listen: its connections are handed to it by a relay."""

import errno
import os
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from waitress.adjustments import Adjustments
from waitress.server import BaseWSGIServer
from waitress.task import ThreadedTaskDispatcher

from knxgw.website.listener import Address
from knxgw.website.relay_phases import Peer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MOST_WAITING = 256  # connections that nobody serves yet


class HandedOver(BaseWSGIServer):
    """Serves connections of an address where somebody else listens and encrypts."""

    def __init__(
        self,
        application: "WSGIApplication",
        address: Address,
        places: dict[int, Any],
        dispatcher: ThreadedTaskDispatcher,
        settings: Mapping[str, Any],
    ) -> None:
        """Take a place in waitress's map `places`; `settings` are those of waitress."""
        self._address = address
        self._waiting: deque[tuple[socket.socket, Peer]] = deque()
        self._bell, self._ear = socket.socketpair()
        self._bell.settimeout(0)
        super().__init__(
            application,
            map=places,
            _sock=self._ear,
            dispatcher=dispatcher,
            adj=Adjustments(**settings),
            sockinfo=(socket.AF_UNIX, socket.SOCK_STREAM, 0, None),
            bind_socket=False,
        )

    def take(self, connection: socket.socket, peer: Peer) -> None:
        """Take a connection; safe from any thread. Raises: OSError, it is too late."""
        if len(self._waiting) >= MOST_WAITING:
            connection.close()
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        self._waiting.append((connection, peer))
        try:
            self._bell.send(b"\0")
        except OSError:
            self.drop_waiting()
            raise

    def end(self) -> None:
        """Take no more, and close what waits; waitress's own part is closed by whoever has it."""
        self._bell.close()
        self.drop_waiting()

    def drop_waiting(self) -> None:
        """Close the connections that nobody has served yet."""
        with suppress(IndexError):
            while True:
                self._waiting.popleft()[0].close()

    # --- for waitress

    def getsockname(self) -> tuple[str, str]:
        """Return host and port as requests without `Host` have them."""
        return self._address.host, str(self._address.port)

    def accept_connections(self) -> None:
        """Be ready: nothing has to listen."""
        self.accepting = True

    def accept(self) -> tuple[socket.socket, Peer] | None:
        """Return a connection that was handed over, with its peer, None: there is none."""
        try:
            self._ear.recv(1)
            return self._waiting.popleft()
        except (BlockingIOError, IndexError):
            return None
