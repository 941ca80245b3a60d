"""The guard in front of xknx: bytes from the network never raise in the loop.

xknx's parser can leave its own error family on cut frames (IndexError, ValueError), and its TCP
endpoint stumbles over what it cannot parse; the guard turns whatever comes into a frame or a count.
A frame that can be read is handed on outside the guard: an error there is a bug of ours.
"""

import asyncio
import errno
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from xknx.exceptions import CommunicationError, CouldNotParseKNXIP, XKNXException
from xknx.io.transport import UDPTransport
from xknx.knxip import HPAI, KNXIPFrame, KNXIPHeader, KNXIPServiceType

from knxgw.knx.udp_socket import Address, UdpSocket

OnBytes = Callable[[bytes], None]
_IP_MULTICAST_ALL = 49  # ip(7); Python has no name for it
PARSE_ERRORS = (XKNXException, IndexError, ValueError, KeyError, TypeError)
FRAME_START = bytes((KNXIPHeader.HEADERLENGTH, KNXIPHeader.PROTOCOLVERSION))
_INDICATION = FRAME_START + KNXIPServiceType.ROUTING_INDICATION.value.to_bytes(2, "big")
LONGEST_FRAME = 1024  # bytes; a longest cEMI frame in its wrapper is below 350


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What an interface tells its link."""

    received: OnBytes  # a cEMI frame
    malformed: OnBytes  # bytes that cannot be read or verified
    stranger: OnBytes  # bytes of somebody who has no say in this connection
    failed: Callable[[Exception], None]  # the system does not send


def indicated(raw: bytes) -> bytes | None:
    """Return the cEMI frame of a plain ROUTING_INDICATION, None: it is another frame.

    Nearly everything on the multicast group is one; it need not be taken apart by xknx first.
    """
    is_whole = int.from_bytes(raw[4:6], "big") == len(raw) <= LONGEST_FRAME
    if is_whole and raw.startswith(_INDICATION):
        return raw[KNXIPHeader.HEADERLENGTH :]
    return None


def indication(cemi: bytes) -> bytes:
    """Return a plain ROUTING_INDICATION."""
    length = KNXIPHeader.HEADERLENGTH + len(cemi)
    return _INDICATION + length.to_bytes(2, "big") + cemi


def take_datagram(transport: UDPTransport, hooks: Hooks, raw: bytes, source: Address) -> None:
    """Parse a datagram and hand it on."""
    if transport.multicast and source == transport.local_addr_assigned:
        return  # our own
    try:
        frame, _rest = KNXIPFrame.from_knx(raw)
    except PARSE_ERRORS:
        hooks.malformed(raw)
        return
    transport.handle_knxipframe(frame, HPAI(*source))


def unwrapped(
    decrypt: Callable[[KNXIPFrame], KNXIPFrame], encrypted: KNXIPFrame, hooks: Hooks
) -> KNXIPFrame:
    """Unwrap a secure frame. Raises: CouldNotParseKNXIP, on which xknx drops it without a word."""
    try:
        return decrypt(encrypted)
    except PARSE_ERRORS as err:
        hooks.malformed(encrypted.to_knx())
        raise CouldNotParseKNXIP(str(err)) from err


def split_stream(data: bytes, malformed: OnBytes) -> tuple[list[KNXIPFrame], bytes]:
    """Return the complete frames of a byte stream and the start of the next one.

    What cannot be a frame is dropped up to the next thing that looks like the start of one.
    """
    frames: list[KNXIPFrame] = []
    at = 0
    while len(data) - at >= KNXIPHeader.HEADERLENGTH:
        length = int.from_bytes(data[at + 4 : at + 6], "big")
        starts = data.startswith(FRAME_START, at)
        if not starts or not KNXIPHeader.HEADERLENGTH <= length <= LONGEST_FRAME:
            start = data.find(FRAME_START, at + 1)
            end = len(data) if start == -1 else start
            malformed(data[at:end])
            at = end
            continue
        if len(data) - at < length:
            break
        raw = data[at : at + length]
        at += length
        try:
            frames.append(KNXIPFrame.from_knx(raw)[0])
        except PARSE_ERRORS:
            malformed(raw)
    return frames, data[at:]


async def connected(connecting: Awaitable[None]) -> None:
    """Wait until an interface is connected. Raises: CommunicationError that tells the cause."""
    try:
        await connecting
    except CommunicationError as err:
        if err.__cause__ is None:
            raise
        raise CommunicationError(f"{err}: {err.__cause__}") from err.__cause__


class _Endpoint(asyncio.DatagramProtocol):
    """Takes what a socket gives, and does not keep to itself what the socket refuses."""

    def __init__(
        self, receive: Callable[[bytes, Address], None], failed: Callable[[Exception], None]
    ) -> None:
        self._receive = receive
        self._failed = failed

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._receive(data, addr)

    def error_received(self, exc: Exception) -> None:
        self._failed(exc)


def report_failures(transport: UDPTransport, hooks: Hooks) -> None:
    """Let the socket of an open transport say when the system does not send."""
    if transport.transport is not None:
        transport.transport.set_protocol(_Endpoint(transport.data_received_callback, hooks.failed))


class _Datagrams(asyncio.DatagramTransport):
    """A UDP socket as xknx's transports know one."""

    def __init__(self, udp: UdpSocket, failed: Callable[[Exception], None]) -> None:
        super().__init__({"sockname": udp.address})
        self._udp, self._failed = udp, failed

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:  # noqa: ANN401 - as asyncio has it
        if not self._udp.send(bytes(data), addr):
            self._failed(BlockingIOError(errno.EAGAIN, "the adapter takes nothing"))

    def close(self) -> None:
        self._udp.close()


async def join(transport: UDPTransport, hooks: Hooks) -> None:
    """Open the two sockets of a multicast transport: one that listens, one that sends.

    xknx's own way leaves a socket open when there is no such adapter, and is slower. Raises: OSError.
    """

    def datagrams(opened: socket.socket) -> _Datagrams:
        udp = UdpSocket(opened, transport.data_received_callback, hooks.failed)
        return _Datagrams(udp, hooks.failed)

    listening = _listening_socket(transport.local_addr[0], transport.remote_addr)
    transport.multicast_listener = datagrams(listening)
    sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sending.bind(transport.local_addr)
    except OSError:
        sending.close()
        raise
    transport.transport = datagrams(sending)
    transport.local_addr_assigned = transport.getsockname()


def _listening_socket(own_ip: str, group: Address) -> socket.socket:
    """Return a socket that hears a group on the adapter with our address. Raises: OSError.

    On no other one: Linux hands what comes on any adapter to everybody in the group, and a demo on
    the loopback interface is no part of the installation.
    """
    membership = socket.inet_aton(group[0]) + socket.inet_aton(own_ip)
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listening.settimeout(0)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        if sys.platform == "linux":
            listening.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        listening.bind(group)
    except OSError:
        listening.close()
        raise
    return listening
