"""Group telegrams by routing on loopback, without a library: what they cost is little."""

import socket
import struct

from bench.frames import (
    MULTICAST_GROUP,
    PORT,
    ROUTING_INDICATION,
    frame,
    group_address,
    individual_address,
)

SOURCE = individual_address("1.1.99")


def write_bit(address: str, bit: int) -> None:
    """Send a GroupValueWrite of one bit."""
    _send(address, bytes((0x01, 0x00, 0x80 | bit)))


def write_current(address: str, current_ma: float) -> None:
    """Send a GroupValueWrite of a current as DPT 14.019."""
    _send(address, bytes((0x05, 0x00, 0x80)) + struct.pack(">f", current_ma / 1000))


def _send(address: str, payload: bytes) -> None:
    """Send length, transport and application part of a telegram from another device."""
    cemi = bytes((0x29, 0x00, 0xBC, 0xE0)) + SOURCE.to_bytes(2, "big")
    cemi += group_address(address).to_bytes(2, "big") + payload
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sender.sendto(frame(ROUTING_INDICATION, cemi), (MULTICAST_GROUP, PORT))
