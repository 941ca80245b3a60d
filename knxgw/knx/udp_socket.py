"""A UDP socket in the event loop, read until it is empty.

asyncio's own endpoint takes one datagram in a turn of the loop, into a new buffer of 256 KiB each time. Where many
come at once that is most of what a datagram costs (docs/decisions/speed-of-knx.md).
"""

import asyncio
import socket
from collections.abc import Callable

Address = tuple[str, int]
OnDatagram = Callable[[bytes, Address], None]
MOST_AT_ONCE = 32  # datagrams in a turn; then others have theirs
LONGEST = 1024  # octets; what is longer is cut after one more, and so cannot be read


class UdpSocket:
    """An open socket that hands on what comes; in the event loop only."""

    def __init__(
        self, opened: socket.socket, received: OnDatagram, failed: Callable[[OSError], None]
    ) -> None:
        """Take over a socket that is bound; `failed` hears what the system does not send, and why."""
        opened.settimeout(0)
        self._socket = opened
        self._received, self._failed = received, failed
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(opened, self._read)

    @property
    def address(self) -> Address:
        """Return where it is bound."""
        bound: Address = self._socket.getsockname()
        return bound

    def send(self, raw: bytes, to: Address) -> bool:
        """Send a datagram; return whether there was room for it."""
        try:
            self._socket.sendto(raw, to)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as err:
            self._failed(err)
        return True

    def close(self) -> None:
        """Close it; nothing is handed on any more."""
        if self._socket.fileno() != -1:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _read(self) -> None:
        for _ in range(MOST_AT_ONCE):
            try:
                raw, source = self._socket.recvfrom(LONGEST + 1)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as err:  # of what was sent before: nobody listens there
                self._failed(err)
                return
            self._received(raw, source)
            if self._socket.fileno() == -1:  # it was closed by what was received
                return
