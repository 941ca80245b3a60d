"""What a client of the relay goes through: hello, handshake, an encrypted connection, the end.

Each phase does what can be done now and returns the one that follows, itself while it lasts, None
when the client is gone. Sockets never block. Source: website 15.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import inf
from selectors import EVENT_READ, EVENT_WRITE
from typing import NamedTuple, Protocol

CHUNK = 16_384  # bytes, of one TLS record: OpenSSL keeps nothing back then
ROUNDS = 4  # chunks of one connection before it is the turn of the others
HELLO_S = 10.0  # from the connection to the end of the handshake
STALL_S = 30.0  # for a client to take something of what waits for it
LAST_S = 2.0  # for a client to take the last bytes and to close
LONGEST_HEAD = 4096  # bytes, of a request that is not encrypted
_TLS_HANDSHAKE = b"\x16"  # first byte; no request of HTTP begins with it. Source: [rfc-8446] 5.1
Watched = Iterator[tuple[socket.socket, int]]


class Peer(NamedTuple):
    """Who is at the other end of a connection."""

    host: str
    port: int


class Services(NamedTuple):
    """What the relay has of its website; all are called in the relay's thread."""

    context: Callable[[], ssl.SSLContext | None]  # for the next connection; None: no TLS any more
    hand_over: "HandOver"  # to the server, which closes it
    answer_plain: Callable[[bytes], bytes]  # to the head of a request that is not encrypted
    now_s: Callable[[], float]  # monotonic
    # who serves a peer that does not speak TLS, as if nothing stood between; None: it is answered
    plain_server: "Callable[[Peer], HandOver | None]" = lambda _peer: None


HandOver = Callable[[socket.socket, Peer], None]  # the socket belongs to whoever takes it


class Phase(Protocol):
    """One phase; a failure of its sockets is raised as OSError."""

    @property
    def deadline_at(self) -> float:
        """Return until when the client may leave it at that."""

    def go_on(self) -> "Phase | None":
        """Do what can be done now. Raises: OSError, the client is gone or speaks something else."""

    def wanted(self) -> Watched:
        """Yield the sockets to watch, and for what."""

    def close(self) -> None:
        """Close the sockets."""


class Hello:
    """Nothing was said yet; the first byte tells TLS from a request that is not encrypted."""

    def __init__(self, client: socket.socket, peer: Peer, services: Services) -> None:
        client.settimeout(0)
        with suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client, self._peer, self._services = client, peer, services
        self.deadline_at = services.now_s() + HELLO_S

    def go_on(self) -> Phase | None:
        """Look what the client begins with."""
        try:
            first = self._client.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return self
        context = self._services.context()
        if not first or context is None:
            return None
        if first != _TLS_HANDSHAKE:
            take = self._services.plain_server(self._peer)
            if take is not None:  # nothing of the request was taken yet
                take(socket.socket(fileno=self._client.detach()), self._peer)
                return None
            return _PlainRequest(self._client, self._services, self.deadline_at)
        client = context.wrap_socket(self._client, server_side=True, do_handshake_on_connect=False)
        return _Handshake(client, self._peer, self._services, self.deadline_at)

    def wanted(self) -> Watched:
        """Wait for the first byte."""
        yield self._client, EVENT_READ

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class _PlainRequest:
    """A request that is not encrypted: it is answered with a word on where to go."""

    def __init__(self, client: socket.socket, services: Services, deadline_at: float) -> None:
        self._client, self._services, self.deadline_at = client, services, deadline_at
        self._head = b""

    def go_on(self) -> Phase | None:
        """Read the head of the request; answer it once it is whole."""
        try:
            received = self._client.recv(LONGEST_HEAD - len(self._head))
        except BlockingIOError:
            return self
        self._head += received
        is_whole = b"\r\n\r\n" in self._head
        if received and not is_whole and len(self._head) < LONGEST_HEAD:
            return self
        answer = self._services.answer_plain(self._head) if is_whole else b""
        return _Leaving(self._client, answer, self._services.now_s() + LAST_S)

    def wanted(self) -> Watched:
        """Wait for the rest of the head."""
        yield self._client, EVENT_READ

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class _Handshake:
    """The client and we agree on keys."""

    def __init__(
        self, client: ssl.SSLSocket, peer: Peer, services: Services, deadline_at: float
    ) -> None:
        self._client, self._peer, self._services = client, peer, services
        self.deadline_at = deadline_at
        self._wants = EVENT_READ

    def go_on(self) -> Phase | None:
        """Shake hands; whoever has is handed over to the server."""
        try:
            self._client.do_handshake()
        except ssl.SSLWantReadError:
            self._wants = EVENT_READ
            return self
        except ssl.SSLWantWriteError:
            self._wants = EVENT_WRITE
            return self
        ours, theirs = socket.socketpair()
        try:
            self._services.hand_over(theirs, self._peer)
        except OSError:
            ours.close()
            raise
        return Encrypted(self._client, ours, self._services)

    def wanted(self) -> Watched:
        """Wait for what the handshake waits for."""
        yield self._client, self._wants

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class Encrypted:
    """The client and the server talk; at most one chunk waits in either direction."""

    def __init__(self, client: ssl.SSLSocket, server: socket.socket, services: Services) -> None:
        server.settimeout(0)
        self._client, self._server, self._services = client, server, services
        self.deadline_at = inf
        self._to_client = self._to_server = b""
        self._recv_wants, self._send_wants = EVENT_READ, EVENT_WRITE  # of the client
        self._server_takes = self._server_speaks = True

    def go_on(self) -> Phase | None:
        """Pass on what either of them has said."""
        for _ in range(ROUNDS):
            moved = [self._receive(), self._pass_in(), self._take_answer(), self._pass_out()]
            if not self._server_speaks and not self._to_client:
                return self._leaving()
            if not any(moved):
                break
        return self

    def wanted(self) -> Watched:
        """Wait for the client to speak or to take, and for the server."""
        client = self._send_wants if self._to_client else 0
        if self._server_takes and not self._to_server:
            client |= self._recv_wants
        yield self._client, client
        server = EVENT_WRITE if self._to_server else 0
        if self._server_speaks and not self._to_client:
            server |= EVENT_READ
        yield self._server, server

    def close(self) -> None:
        """Close both ends."""
        self._client.close()
        self._server.close()

    # --- each tells whether anything moved

    def _receive(self) -> bool:
        if self._to_server or not self._server_takes:
            return False
        self._recv_wants = EVENT_READ
        try:
            self._to_server = self._client.recv(CHUNK)
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLWantWriteError:
            self._recv_wants = EVENT_WRITE
            return False
        if not self._to_server:
            raise ConnectionResetError  # nobody is there to take an answer
        return True

    def _pass_in(self) -> bool:
        if not self._to_server:
            return False
        try:
            sent = self._server.send(self._to_server)
        except BlockingIOError:
            return False
        except OSError:  # the server has said its last word: it still goes out
            self._server_takes, self._to_server = False, b""
            return False
        self._to_server = self._to_server[sent:]
        return True

    def _take_answer(self) -> bool:
        if self._to_client or not self._server_speaks:
            return False
        try:
            self._to_client = self._server.recv(CHUNK)
        except BlockingIOError:
            return False
        except OSError:  # the server has closed before it had read the whole request
            self._to_client = b""
        self._server_speaks = bool(self._to_client)
        self.deadline_at = self._services.now_s() + STALL_S
        return self._server_speaks

    def _pass_out(self) -> bool:
        if not self._to_client:
            return False
        self._send_wants = EVENT_WRITE
        try:
            sent = self._client.send(self._to_client)
        except ssl.SSLWantWriteError:
            return False
        except ssl.SSLWantReadError:
            self._send_wants = EVENT_READ
            return False
        self._to_client = self._to_client[sent:]
        self.deadline_at = self._services.now_s() + STALL_S if self._to_client else inf
        return True

    def _leaving(self) -> Phase:
        """Close as TLS wants it; the client's own word for that is not waited for."""
        deadline_at = self._services.now_s() + LAST_S  # from before the client hears of it
        self._server.close()
        with suppress(OSError):
            self._client.unwrap()
        client = socket.socket(fileno=self._client.detach())
        client.settimeout(0)
        return _Leaving(client, b"", deadline_at)


class _Leaving:
    """Everything is said: closing while the client still sends would take the last bytes away."""

    def __init__(self, client: socket.socket, rest: bytes, deadline_at: float) -> None:
        self._client, self._rest, self.deadline_at = client, rest, deadline_at
        self._has_ended = False

    def go_on(self) -> Phase | None:
        """Send the rest, then wait for the client's end."""
        try:
            while self._rest:
                self._rest = self._rest[self._client.send(self._rest) :]
            if not self._has_ended:
                self._has_ended = True
                self._client.shutdown(socket.SHUT_WR)
            for _ in range(ROUNDS):
                if not self._client.recv(CHUNK):
                    return None
        except BlockingIOError:
            pass
        return self

    def wanted(self) -> Watched:
        """Wait for the client to take the rest, or to end."""
        yield self._client, EVENT_WRITE if self._rest else EVENT_READ

    def close(self) -> None:
        """Close the client."""
        self._client.close()
