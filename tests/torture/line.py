"""A KNX line on loopback, by plain sockets: writes group addresses and reads them back.

Source: [xknx] 4.0.0, as `bench.frames`, which this uses.
"""

import select
import socket
from time import perf_counter

from bench import frames

LOOPBACK = "127.0.0.1"
ADDRESS = "1.1.77"
ANSWER_S = 0.5
WRITE, VALUE_IN_APCI = 0x80, 0x3F  # GroupValueWrite; a value of up to 6 bits stands in its octet
GROUP = (frames.MULTICAST_GROUP, frames.PORT)


class Line:
    """Two sockets: one that sends, one that hears the group; the telegrams stay on `lo`."""

    def __init__(self) -> None:
        interface = socket.inet_aton(LOOPBACK)
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
        self._sender.bind((LOOPBACK, 0))
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        membership = socket.inet_aton(frames.MULTICAST_GROUP) + interface
        self._listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        self._listener.bind(GROUP)
        self._listener.setblocking(False)

    def close(self) -> None:
        """Leave the line."""
        self._sender.close()
        self._listener.close()

    def write_bit(self, address: str, value: int) -> None:
        """Write a value of one bit."""
        self._write(address, bytes((WRITE | value,)))

    def write_bytes(self, address: str, value: bytes) -> None:
        """Write a value of whole bytes."""
        self._write(address, bytes((WRITE,)) + value)

    def read(self, address: str) -> bytes | None:
        """Return what an address answers, a value of up to 6 bits as one byte; None: nothing."""
        wanted = frames.group_address(address)
        self._drain()
        source = frames.individual_address(ADDRESS)
        self._send(frames.read_indication(source, wanted))
        end_s = perf_counter() + ANSWER_S
        while (left_s := end_s - perf_counter()) > 0:
            if select.select([self._listener], [], [], left_s)[0]:
                cemi = self._listener.recv(1024)[6:]
                if frames.answered_address(cemi) == wanted:
                    return _value(cemi)
        return None

    def _write(self, address: str, application: bytes) -> None:
        destination = frames.group_address(address)
        header = bytes((0x29, 0x00, 0xBC, 0xE0))  # as in `frames.read_indication`
        addresses = frames.individual_address(ADDRESS).to_bytes(2, "big")
        addresses += destination.to_bytes(2, "big")
        self._send(header + addresses + bytes((len(application), 0x00)) + application)

    def _send(self, cemi: bytes) -> None:
        self._sender.sendto(frames.frame(frames.ROUTING_INDICATION, cemi), GROUP)

    def _drain(self) -> None:
        try:
            while True:
                self._listener.recv(1024)
        except BlockingIOError:
            return


def _value(cemi: bytes) -> bytes:
    start = 2 + cemi[1] + 6  # the length, after additional information, control and addresses
    length = cemi[start]
    if length == 1:
        return bytes((cemi[start + 2] & VALUE_IN_APCI,))
    return cemi[start + 3 : start + 2 + length]
