"""The sockets: one for UDP, one that hears searches, one that listens for TCP connections."""

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache

from knxgw.errors import LinkError
from knxgw.knx.udp_socket import Address, UdpSocket
from knxgw.knxip.wire import PORT, SEARCH_GROUP, Place

_IP_MULTICAST_ALL = 49  # Source: [linux-man] ip(7). Python has no name for it
_PLACES_KEPT = 64  # of clients; there are a few at a time
_TRIES = 8  # to find a number that is free for both UDP and TCP

OnDatagram = Callable[[bytes, Place], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Who hears what comes."""

    received: OnDatagram  # sent to us
    searched: OnDatagram | None  # sent to the search group; None: that is not heard
    failed: Callable[[], None]  # the system did not take a datagram of ours
    stream: Callable[[], asyncio.BaseProtocol]  # returns what handles a TCP connection


class Sockets:
    """All of one server, on one address and port."""

    def __init__(self) -> None:
        self.own = Place("", 0)  # once they are open
        self._sockets: list[UdpSocket] = []  # the first one sends
        self._listener: asyncio.Server | None = None

    async def open(self, wanted: Place, hooks: Hooks) -> None:
        """Open them there; port 0: any that is free. Raises: LinkError, nothing is open then."""
        with ExitStack() as opened:  # closes all of it, unless it comes to the end
            try:
                udp, tcp = _pair(wanted, opened)
                searched = None
                if hooks.searched is not None:
                    searched = opened.enter_context(_search_socket(wanted.ip))
            except OSError as err:
                raise _explained(err, wanted) from err
            opened.callback(self.close)
            self.own = Place(wanted.ip, udp.getsockname()[1])
            self._listen(udp, hooks.received, hooks)
            if searched is not None and hooks.searched is not None:
                self._listen(searched, hooks.searched, hooks)
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(hooks.stream, sock=tcp)
            opened.pop_all()

    def send(self, raw: bytes, to: Place) -> bool:
        """Send a datagram; return whether there was room for it."""
        return bool(self._sockets) and self._sockets[0].send(raw, (to.ip, to.port))

    def close(self) -> None:
        """Close them; TCP connections are closed by themselves."""
        for one in self._sockets:
            one.close()
        self._sockets = []
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _listen(self, ready: socket.socket, received: OnDatagram, hooks: Hooks) -> None:
        def take(raw: bytes, source: Address) -> None:
            received(raw, _place(source))

        self._sockets.append(UdpSocket(ready, take, lambda _why: hooks.failed()))


@lru_cache(_PLACES_KEPT)
def _place(source: Address) -> Place:
    return Place(*source)


def _pair(wanted: Place, opened: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Return sockets for UDP and TCP, on one port. Raises: OSError."""
    for is_last in (*[False] * _TRIES, True):
        with ExitStack() as trial:
            udp = trial.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            # with its protocol named: else asyncio does not set TCP_NODELAY, and answers wait 40 ms
            tcp = trial.enter_context(
                socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            )
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a restart
            udp.bind((wanted.ip, wanted.port))
            try:
                tcp.bind(udp.getsockname())
                tcp.listen()
            except OSError:
                if is_last or wanted.port:
                    raise
                continue  # with another number
            udp.settimeout(0)
            tcp.settimeout(0)
            opened.push(trial.pop_all())
            return udp, tcp
    raise AssertionError("the last try returns or raises")


def _search_socket(own_ip: str) -> socket.socket:
    """Return a socket that hears the search group on the adapter with our address. Raises: OSError.

    On no other one: Linux hands what comes on any adapter to everybody in the group. The port is shared
    with whoever listens to the group for routing.
    """
    membership = socket.inet_aton(SEARCH_GROUP) + socket.inet_aton(own_ip)
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listening.settimeout(0)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        if sys.platform == "linux":
            listening.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        listening.bind((SEARCH_GROUP, PORT))
    except OSError:
        listening.close()
        raise
    return listening


def _explained(err: OSError, wanted: Place) -> LinkError:
    where = f"KNXnet/IP server at {wanted.ip}, port {wanted.port}"
    if err.errno == errno.EADDRINUSE:
        return LinkError(
            f"{where}: another program has the port (knxd, a second gateway?); end it, or give one of "
            "the two another address or port"
        )
    if err.errno == errno.EADDRNOTAVAIL:
        return LinkError(f"{where}: this machine has no such address; connect its network adapter")
    return LinkError(f"{where}: {err.strerror or err}")
