"""Whether another machine of the network has an address already: an ARP probe, as RFC 5227 describes it.

networkd has one of its own (`DuplicateAddressDetection=ipv4`), but that of systemd 252 takes the old address away
first, and aborts with an assertion when it is given another one after a conflict.
"""

import select
import socket
import struct
import time
from ipaddress import IPv4Address

PROBES = 3
SPACING_S = 0.4
_ETHERNET, _IPV4, _ARP = 1, 0x0800, 0x0806
_REQUEST = 1
_PACKET = struct.Struct("!HHBBH6s4s6s4s")
_HEADER_BYTES = 14
_NOBODY, _BROADCAST = b"\0" * 6, b"\xff" * 6


def probe_frame(mac: bytes, address: IPv4Address) -> bytes:
    """Return the frame that asks who has an address, from somebody who has none."""
    header = _BROADCAST + mac + _ARP.to_bytes(2, "big")
    nowhere = IPv4Address(0).packed
    return header + _PACKET.pack(
        _ETHERNET, _IPV4, 6, 4, _REQUEST, mac, nowhere, _NOBODY, address.packed
    )


def claims(frame: bytes, mac: bytes, address: IPv4Address) -> bool:
    """Tell whether a frame says that another machine has an address, or is about to take it."""
    if len(frame) < _HEADER_BYTES + _PACKET.size:
        return False
    kind, protocol, mac_bytes, ip_bytes, operation, sender, sender_ip, _, target_ip = (
        _PACKET.unpack_from(frame, _HEADER_BYTES)
    )
    if (kind, protocol, mac_bytes, ip_bytes) != (_ETHERNET, _IPV4, 6, 4) or sender == mac:
        return False
    is_probe = operation == _REQUEST and sender_ip == IPv4Address(0).packed
    return bool(sender_ip == address.packed or (is_probe and target_ip == address.packed))


def is_taken(adapter: str, address: IPv4Address) -> bool:
    """Tell whether another machine has an address; takes a second. Raises: OSError."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP)) as line:
        line.bind((adapter, _ARP))
        mac = line.getsockname()[4]
        return any(_probe(line, mac, address) for _ in range(PROBES))


def _probe(line: socket.socket, mac: bytes, address: IPv4Address) -> bool:
    """Ask once, and listen for a while."""
    line.send(probe_frame(mac, address))
    until_s = _now_s() + SPACING_S
    while (left_s := until_s - _now_s()) > 0:
        readable, _, _ = select.select([line], [], [], left_s)
        if readable and claims(line.recv(128), mac, address):
            return True
    return False


def _now_s() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)
