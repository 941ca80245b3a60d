"""Where the website listens: bound before anything is written to a charger, served later.

No Flask here: it takes a while to load, and a port is known to be free without it.
"""

import socket
from contextlib import suppress
from typing import NamedTuple

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - hosts that stand for every address of the machine
BACKLOG = 64  # connections that wait while the website is loaded


class Address(NamedTuple):
    """Host and port of a configuration."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Listener:
    """The listening sockets of one address; a name may stand for several."""

    def __init__(self, address: Address) -> None:
        """Note the address; `open` takes it."""
        self.address = address
        self._sockets: list[socket.socket] = []

    @property
    def is_open(self) -> bool:
        """Tell whether the address is ours."""
        return bool(self._sockets)

    def hosts(self) -> tuple[str, ...]:
        """Return the IPv4 and IPv6 addresses at which it listens; safe from any thread."""
        return tuple(str(one.getsockname()[0]) for one in tuple(self._sockets))

    def open(self) -> None:
        """Take the address, unless it is ours already. Raises: OSError."""
        if self._sockets:
            return
        try:
            for family, place in self._places():
                self._sockets.append(_bound(family, place))
        except OSError:
            self.close()
            raise

    def copies(self) -> list[socket.socket]:
        """Return the sockets for one who serves them and closes them at his end; ours stay open."""
        return [one.dup() for one in self._sockets]

    def close(self) -> None:
        """Let the address go."""
        while self._sockets:
            with suppress(OSError):
                self._sockets.pop().close()

    def _places(self) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
        host, port = self.address
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
        places = [(family, (str(place[0]), port)) for family, _, _, _, place in found]
        return list(dict.fromkeys(places))


def _bound(family: socket.AddressFamily, place: tuple[str, int]) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(place)
        one.listen(BACKLOG)
    except OSError:
        one.close()
        raise
    return one
