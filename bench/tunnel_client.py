"""Measure GroupValueRead -> GroupValueResponse through a tunnel over UDP or TCP, with a raw client.

One blocking socket, no event loop: what is measured is the tunnelling server and the responder.
A measurement must end before the server misses the heartbeat (120 s).
"""

import gc
import socket
import struct
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from types import TracebackType
from typing import Self

from bench import frames
from bench.figures import Figures

LOST_AFTER_S = 1.0
CONNECT_TIMEOUT_S = 3.0
_WAY_BACK = bytes((8, 2, 0, 0, 0, 0, 0, 0))  # the endpoint of whoever comes by TCP
_LINK_LAYER_TUNNEL = bytes((4, 4, 2, 0))


class TunnelError(Exception):
    """The tunnelling server refused, or went away."""


class TunnelClient:
    """A tunnel that is good for measuring and nothing else."""

    def __init__(self, gateway: tuple[str, int], local_ip: str, *, by_tcp: bool = False) -> None:
        kind = socket.SOCK_STREAM if by_tcp else socket.SOCK_DGRAM
        self._by_tcp = by_tcp
        self._unread = b""  # of a stream: what was received and not looked at
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.bind((local_ip, 0))
        self._socket.connect(gateway)
        if by_tcp:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._hpai = _WAY_BACK if by_tcp else frames.hpai(self._socket.getsockname())
        self._channel = 0
        self._sequence = 0
        self._expected = 0
        self._acknowledged = True
        self._in_flight: deque[tuple[float, int]] = deque()  # time sent, group address
        self._delays_s: list[float] = []

    def __enter__(self) -> Self:
        self._socket.settimeout(CONNECT_TIMEOUT_S)
        body = self._hpai + self._hpai + _LINK_LAYER_TUNNEL
        self._socket.send(frames.frame(frames.CONNECT_REQUEST, body))
        data = self._socket.recv(1024)
        if frames.service_of(data) != frames.CONNECT_RESPONSE or data[7] != 0:
            raise TunnelError(f"no tunnel: {data.hex()}")
        self._channel = data[6]
        # in the kernel: Python's own timeout asks `poll` before each call, which the client would wait for
        self._socket.settimeout(None)
        self._socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(LOST_AFTER_S), 0)
        )
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        body = bytes((self._channel, 0)) + self._hpai
        self._socket.send(frames.frame(frames.DISCONNECT_REQUEST, body))
        self._socket.close()

    def measure(self, addresses: Sequence[int], *, count: int, outstanding: int = 1) -> Figures:
        """Read the addresses in turn, `count` times, with up to `outstanding` reads unanswered.

        A responder may answer several reads of one address at once; give at least as many
        addresses as `outstanding` so that this cannot be mistaken for a loss.
        """
        self._delays_s = []
        requests = [frames.read_request(address) for address in addresses]
        sent = 0
        gc.disable()
        started_s = perf_counter()
        try:
            while sent < count or self._in_flight:
                while self._acknowledged and sent < count and len(self._in_flight) < outstanding:
                    turn = sent % len(addresses)
                    self._send(addresses[turn], requests[turn])
                    sent += 1
                self._receive()
        finally:
            gc.enable()
        return Figures.of(self._delays_s, count=count, duration_s=perf_counter() - started_s)

    def _send(self, address: int, cemi: bytes) -> None:
        header = bytes((4, self._channel, self._sequence, 0))
        data = frames.frame(frames.TUNNELLING_REQUEST, header + cemi)
        self._acknowledged = self._by_tcp  # there nobody acknowledges
        if self._by_tcp:
            self._sequence = (self._sequence + 1) & 0xFF
        self._in_flight.append((perf_counter(), address))
        self._socket.send(data)

    def _receive(self) -> None:
        try:
            data = self._next_frame() if self._by_tcp else self._socket.recv(1024)
        except BlockingIOError:  # nothing came in time
            data = b""
        now_s = perf_counter()
        service = frames.service_of(data)
        if service == frames.TUNNELLING_ACK and data[8] == self._sequence:
            self._acknowledged = True
            self._sequence = (self._sequence + 1) & 0xFF
        elif service == frames.TUNNELLING_REQUEST:
            self._request_received(data, now_s)
        elif service == frames.DISCONNECT_REQUEST:
            raise TunnelError("the server closed the tunnel")
        while self._in_flight and now_s - self._in_flight[0][0] > LOST_AFTER_S:
            self._in_flight.popleft()
            if not self._acknowledged:
                raise TunnelError("the server does not acknowledge")

    def _next_frame(self) -> bytes:
        """Return the next frame of the stream. Raises: BlockingIOError, TunnelError."""
        while len(self._unread) < 6 or len(self._unread) < self._length:
            more = self._socket.recv(1 << 16)
            if not more:
                raise TunnelError("the server closed the connection")
            self._unread += more
        frame, self._unread = self._unread[: self._length], self._unread[self._length :]
        return frame

    @property
    def _length(self) -> int:
        return int.from_bytes(self._unread[4:6], "big")

    def _request_received(self, data: bytes, now_s: float) -> None:
        sequence = data[8]
        acknowledgement = bytes((4, self._channel, sequence, 0))
        if not self._by_tcp:
            self._socket.send(frames.frame(frames.TUNNELLING_ACK, acknowledgement))
        if sequence != self._expected:  # a repetition
            return
        self._expected = (self._expected + 1) & 0xFF
        address = frames.answered_address(data[10:])
        if address is None:
            return
        for entry in self._in_flight:
            if entry[1] == address:
                self._delays_s.append(now_s - entry[0])
                self._in_flight.remove(entry)
                break
