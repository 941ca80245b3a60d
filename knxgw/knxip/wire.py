"""KNXnet/IP frames as bytes: the header, where they come from and go to, what a stream is made of.

Source: [knxnetip]; [xknx] `knxip/header.py`.
"""

from typing import NamedTuple

from xknx.exceptions import XKNXException
from xknx.knxip import HPAI, HostProtocol, KNXIPBody, KNXIPFrame, KNXIPHeader, KNXIPServiceType

from knxgw.errors import DecodeError

PORT = 3671
SEARCH_GROUP = "224.0.23.12"  # the system setup multicast address
LONGEST_FRAME = 1024  # octets; a longest cEMI frame in its wrapper is below 600
HEADER = 6  # octets
FRAME_START = bytes((KNXIPHeader.HEADERLENGTH, KNXIPHeader.PROTOCOLVERSION))
_SERVICES = {one.value.to_bytes(2, "big"): one for one in KNXIPServiceType}
# what xknx's parsers raise on what they cannot read; its own errors are the least of it
PARSE_ERRORS = (XKNXException, IndexError, ValueError, KeyError, TypeError)


class Place(
    NamedTuple
):  # a tuple, as are the other values that each frame makes: they take a third of the time
    """Where frames come from and go to: a UDP endpoint, or a TCP connection."""

    ip: str
    port: int
    stream: int | None = None  # number of the TCP connection; None: UDP
    session: int | None = None  # of KNX IP Secure in it; None: plain


def framed(service: KNXIPServiceType, body: bytes) -> bytes:
    """Return a frame."""
    head = service._value_ << 16 | HEADER + len(body)  # `value` takes ten times as long
    return FRAME_START + head.to_bytes(4, "big") + body


def frame_of(body: KNXIPBody) -> bytes:
    """Return the frame of a body that xknx writes."""
    return KNXIPFrame.init_from_body(body).to_knx()


def unframed(raw: bytes) -> tuple[KNXIPServiceType | None, bytes]:
    """Return service and body of a frame; None: a service nobody knows. Raises: DecodeError."""
    if not raw.startswith(FRAME_START) or not HEADER <= len(raw) <= LONGEST_FRAME:
        raise DecodeError(f"no KNXnet/IP frame: {raw[:HEADER].hex()}")
    if int.from_bytes(raw[4:6], "big") != len(raw):
        raise DecodeError(f"{len(raw)} octets, and the header says {raw[4:6].hex()}")
    return _SERVICES.get(raw[2:4]), raw[HEADER:]


def split_stream(data: bytes) -> tuple[list[bytes], bytes | None]:
    """Return the complete frames at the start of a byte stream and the rest, less than a longest frame.

    The rest is None where it is no frame: nobody can say where the next one begins.
    """
    frames: list[bytes] = []
    at = 0
    while at < len(data):
        if not data.startswith(FRAME_START[: len(data) - at], at):
            return frames, None
        if len(data) - at < HEADER:
            break
        length = int.from_bytes(data[at + 4 : at + 6], "big")
        if not HEADER <= length <= LONGEST_FRAME:
            return frames, None
        if len(data) - at < length:
            break
        frames.append(data[at : at + length])
        at += length
    return frames, data[at:]


def is_of_transport(endpoint: HPAI, source: Place) -> bool:
    """Tell whether an endpoint that a frame names is of the kind it came by, UDP or TCP."""
    wanted = HostProtocol.IPV4_UDP if source.stream is None else HostProtocol.IPV4_TCP
    return endpoint.protocol is wanted


def answer_place(endpoint: HPAI, source: Place) -> Place:
    """Return where an answer goes: to the endpoint that was named, or back to where the request came from.

    Back it goes over TCP, behind NAT (an endpoint of zeros), and whenever another host was named: ETS 6
    listens at the port it has sent from, and nobody is sent what somebody else has asked for.
    """
    if source.stream is not None or endpoint.ip_addr != source.ip or endpoint.port == 0:
        return source
    return Place(endpoint.ip_addr, endpoint.port)


def own_endpoint(own: Place, asking: Place) -> HPAI:
    """Return what we name as our endpoint: over TCP "the way back", zeros."""
    if asking.stream is not None:
        return HPAI(protocol=HostProtocol.IPV4_TCP)
    return HPAI(own.ip, own.port)
