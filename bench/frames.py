"""The few KNXnet/IP frames the measuring clients need, as bytes.

The clients build their own so that what they cost, next to what they measure, is little.
Source: [xknx] 4.0.0, `xknx.knxip` and `xknx.cemi` for the layouts, clauses not at hand.
"""

import socket
import struct
from typing import Final

PORT: Final = 3671
MULTICAST_GROUP: Final = "224.0.23.12"

CONNECT_REQUEST: Final = 0x0205
CONNECT_RESPONSE: Final = 0x0206
DISCONNECT_REQUEST: Final = 0x0209
TUNNELLING_REQUEST: Final = 0x0420
TUNNELLING_ACK: Final = 0x0421
ROUTING_INDICATION: Final = 0x0530
ROUTING_LOST_MESSAGE: Final = 0x0531
ROUTING_BUSY: Final = 0x0532

_L_DATA_REQ: Final = 0x11
_L_DATA_IND: Final = 0x29
_APCI_MASK: Final = 0x03C0
_APCI_RESPONSE: Final = 0x0040


def group_address(text: str) -> int:
    """Return the 16 bits of a three-level group address such as "1/2/3"."""
    main, middle, sub = (int(part) for part in text.split("/"))
    return main << 11 | middle << 8 | sub


def individual_address(text: str) -> int:
    """Return the 16 bits of an individual address such as "1.1.200"."""
    area, line, device = (int(part) for part in text.split("."))
    return area << 12 | line << 8 | device


def frame(service: int, body: bytes) -> bytes:
    """Return a KNXnet/IP frame."""
    return struct.pack(">BBHH", 6, 0x10, service, 6 + len(body)) + body


def service_of(data: bytes) -> int:
    """Return the service of a frame, 0 for what is none."""
    return int.from_bytes(data[2:4], "big") if data[:2] == b"\x06\x10" else 0


def hpai(address: tuple[str, int]) -> bytes:
    """Return host and port as the protocol writes them (8 bytes)."""
    return struct.pack(">BB4sH", 8, 1, socket.inet_aton(address[0]), address[1])


def read_request(destination: int) -> bytes:
    """Return the cEMI frame of a GroupValueRead to send through a tunnel (11 bytes)."""
    return _read(_L_DATA_REQ, source=0, destination=destination)


def read_indication(source: int, destination: int) -> bytes:
    """Return the cEMI frame of a GroupValueRead to send by routing (11 bytes)."""
    return _read(_L_DATA_IND, source=source, destination=destination)


def _read(code: int, *, source: int, destination: int) -> bytes:
    # standard frame, low priority, group destination, hop count 6; one byte of APDU: the read
    return struct.pack(">BBBBHHBBB", code, 0, 0xBC, 0xE0, source, destination, 1, 0, 0)


def answered_address(cemi: bytes) -> int | None:
    """Return the group address of a GroupValueResponse, None for any other cEMI frame."""
    if len(cemi) < 2 or cemi[0] != _L_DATA_IND:
        return None
    start = 2 + cemi[1]  # after the additional information
    if len(cemi) < start + 9 or not cemi[start + 1] & 0x80:
        return None
    apci = int.from_bytes(cemi[start + 7 : start + 9], "big") & _APCI_MASK
    if apci != _APCI_RESPONSE:
        return None
    return int.from_bytes(cemi[start + 4 : start + 6], "big")
