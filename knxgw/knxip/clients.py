"""The TCP connections of clients: admitted, heard, slowed down, closed."""

import asyncio
import socket
from contextlib import suppress
from typing import Protocol

from knxgw.knxip.statistics import Statistics
from knxgw.knxip.streams import Streams
from knxgw.knxip.wire import Place, split_stream

CHUNK = 4096  # octets read at once: so much is answered, then it is seen whether the answers go out
MOST_UNSENT = (
    32 * 1024
)  # octets that wait in the system, and as many here: what waits longer is old
FAREWELL_S = 1.0  # in which clients take our last words


class Listener(Protocol):
    """Who hears what clients say."""

    def streams_in_use(self) -> frozenset[int]:
        """Return the TCP connections that must not be closed because they are idle."""

    def stream_opened(self) -> None:
        """Hear that there is a new one."""

    def stream_said(self, raw: bytes, source: Place) -> None:
        """Take a frame."""

    def stream_held(self, stream: int, *, is_held: bool) -> None:
        """Hear that a client takes nothing for now, or goes on."""

    def stream_closed(self, stream: int) -> None:
        """Hear of the end."""


class Clients:
    """All TCP connections."""

    def __init__(self, most: int, listener: Listener, statistics: Statistics) -> None:
        """Keep at most that many."""
        self._streams = Streams(most)
        self._listener, self._statistics = listener, statistics
        self._open: dict[int, _Connection] = {}
        self._all_closed = asyncio.Event()
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._open)

    def protocol(self) -> asyncio.BaseProtocol:
        """Return what handles a new connection."""
        return _Connection(self)

    def send(self, raw: bytes, stream: int) -> None:
        """Send a frame to a client, if it is still there."""
        if stream in self._open:
            self._open[stream].send(raw)

    def due_at(self) -> float | None:
        """Return when `tick` has to be called [s]."""
        return self._streams.due_at(self._listener.streams_in_use())

    def tick(self, now_s: float) -> None:
        """Close connections that hold a place for nothing."""
        for stream in self._streams.idle(now_s, self._listener.streams_in_use()):
            self.drop(stream)

    def drop(self, stream: int) -> None:
        """Close a connection at once."""
        self._statistics.streams_closed += 1
        self._streams.forget(stream)
        if stream in self._open:
            self._open[stream].abort()

    async def close(self) -> None:
        """Close all, at once where a client does not take our last words."""
        self._is_closing = True
        if self._open:
            self._all_closed.clear()
            for one in tuple(self._open.values()):
                one.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._all_closed.wait()
        for one in tuple(self._open.values()):
            one.abort()
        await asyncio.sleep(0)  # in which the loop tells them

    def admit(self, connection: "_Connection", now_s: float) -> int | None:
        """Return the number of a new connection; None: there is no room."""
        if self._is_closing:
            return None
        number, leaving = self._streams.admit(now_s, self._listener.streams_in_use())
        if leaving is not None:
            self.drop(leaving)
        if number is None:
            self._statistics.streams_refused += 1
        else:
            self._open[number] = connection
            self._listener.stream_opened()
        return number

    def take(self, data: bytes, source: Place, stream: int, now_s: float) -> bytes:
        """Take what a client says; return what is the start of a frame, and no more."""
        frames, rest = split_stream(data)
        for raw in frames:
            self._streams.heard(stream, now_s)
            self._listener.stream_said(raw, source)
        if rest is None:
            self._statistics.malformed += 1
            self.drop(stream)
        return rest or b""

    def held(self, stream: int, *, is_held: bool) -> None:
        """Hear that a client takes nothing for now, or goes on."""
        self._listener.stream_held(stream, is_held=is_held)

    def closed(self, stream: int) -> None:
        """Hear of the end of a connection."""
        self._streams.forget(stream)
        self._open.pop(stream, None)
        if not self._open:
            self._all_closed.set()
        self._listener.stream_closed(stream)


class _Connection(asyncio.BufferedProtocol):
    """One of them."""

    def __init__(self, clients: Clients) -> None:
        self.is_held = False
        self._clients = clients
        self._transport: asyncio.Transport | None = None
        self._place = Place("", 0)
        self._stream: int | None = None  # its number; None: not admitted
        self._chunk = bytearray(CHUNK)
        self._rest = b""  # the start of a frame

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as asyncio documents it
        """Ask for a place."""
        self._transport = transport
        transport.set_write_buffer_limits(high=MOST_UNSENT)
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_UNSENT)
        ip, port = transport.get_extra_info("peername")[:2]
        self._stream = self._clients.admit(self, _now_s())
        self._place = Place(ip, port, self._stream)
        if self._stream is None:
            transport.abort()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return where to put what comes."""
        return self._chunk

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what has come."""
        if self._stream is not None and self._ready() is not None:
            data = self._rest + self._chunk[:nbytes]
            self._rest = self._clients.take(data, self._place, self._stream, _now_s())

    def pause_writing(self) -> None:
        """Say nothing more, and hear nothing: an answer would find no room."""
        self._hold(is_held=True)

    def resume_writing(self) -> None:
        """Go on."""
        self._hold(is_held=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        if self._stream is not None:
            self._clients.closed(self._stream)

    def send(self, raw: bytes) -> None:
        """Send a frame."""
        if (transport := self._ready()) is not None:
            transport.write(raw)

    def close(self) -> None:
        """Close it once all is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    def _ready(self) -> asyncio.Transport | None:
        """Return its transport unless it is closing."""
        transport = self._transport
        return None if transport is None or transport.is_closing() else transport

    def _hold(self, *, is_held: bool) -> None:
        self.is_held = is_held
        if (transport := self._ready()) is not None:
            (transport.pause_reading if is_held else transport.resume_reading)()
        if self._stream is not None:
            self._clients.held(self._stream, is_held=is_held)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
