"""A proxy between browser and device that treats event streams badly, or only counts them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import Self

STREAMS = (b"GET /api/v1/events", b"GET /api/v1/monitor/")
BLOCK = 65_536


def _asks_for_a_stream(block: bytes) -> bool:
    """Tell whether a request is for a stream; a live list can also be asked for `once`."""
    return block.startswith(STREAMS) and b"once=1" not in block.partition(b"\r\n")[0]


class Treatment(Enum):
    """What becomes of what an event stream says."""

    PASSES = auto()
    HOLDS_BACK = auto()  # as a proxy that waits for the end of an answer
    CUTS = auto()  # as one that ends whatever takes long


class Proxy:
    """Passes connections on to a port of this machine, each with two threads."""

    def __init__(self, port: int, treatment: Treatment) -> None:
        self._port, self._treatment = port, treatment
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()  # connections that carry a stream
        self.asked_for_streams = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @classmethod
    @contextmanager
    def to(cls, base: str, treatment: Treatment) -> Iterator[Self]:
        """Give a proxy to a website for the length of a block."""
        found = cls(int(base.rpartition(":")[2]), treatment)
        try:
            yield found
        finally:
            found._server.close()

    @property
    def base(self) -> str:
        """Return the address of the website behind it."""
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    @property
    def streams(self) -> int:
        """Return how many event streams are open."""
        return len(self._open)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._server.accept()
                device = socket.create_connection(("127.0.0.1", self._port))
                for run in (self._ask, self._answer):
                    threading.Thread(target=run, args=(browser, device), daemon=True).start()

    def _ask(self, browser: socket.socket, device: socket.socket) -> None:
        with suppress(OSError):
            while block := browser.recv(BLOCK):
                if _asks_for_a_stream(block):
                    self.asked_for_streams += 1
                    self._open.add(device)
                device.sendall(block)
        self._end(browser, device)

    def _answer(self, browser: socket.socket, device: socket.socket) -> None:
        with suppress(OSError):
            while block := device.recv(BLOCK):
                is_stream = device in self._open
                if is_stream and b"503" in block[:20]:
                    self._open.discard(device)  # refused: no stream
                elif is_stream and self._treatment is Treatment.HOLDS_BACK:
                    continue
                elif is_stream and self._treatment is Treatment.CUTS:
                    head = block.partition(b"\r\n\r\n")[0]
                    browser.sendall(head + b"\r\n\r\n")
                    break
                browser.sendall(block)
        self._end(browser, device)

    def _end(self, *both: socket.socket) -> None:
        for one in both:
            self._open.discard(one)
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
