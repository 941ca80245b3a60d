"""xknx's KNXnet/IP interfaces behind a guard: bytes from the network never raise in the loop.

xknx's parser can leave its own error family on cut frames (IndexError, ValueError), and its TCP
endpoint stumbles over what it cannot parse; the guard turns whatever comes into a frame or a count.
A frame that can be read is handed on outside the guard: an error there is a bug of ours.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from xknx.exceptions import CommunicationError, CouldNotParseKNXIP, XKNXException
from xknx.io.ip_secure import SecureGroup, SecureSession
from xknx.io.routing import Routing, SecureRouting
from xknx.io.transport import TCPTransport, UDPTransport
from xknx.io.tunnel import SecureTunnel, TCPTunnel, UDPTunnel
from xknx.knxip import HPAI, KNXIPFrame, KNXIPHeader, SecureWrapper

from knxgw.links.keep_alive import end_if_cancelled
from knxgw.links.knx_flow import BucketFlowControl

Malformed = Callable[[bytes], None]
PARSE_ERRORS = (XKNXException, IndexError, ValueError, KeyError, TypeError)
FRAME_START = bytes((KNXIPHeader.HEADERLENGTH, KNXIPHeader.PROTOCOLVERSION))
LONGEST_FRAME = 1024  # bytes; a longest cEMI frame in its wrapper is below 350


def _take_datagram(
    transport: UDPTransport, malformed: Malformed, raw: bytes, source: tuple[str, int]
) -> None:
    """Parse a datagram and hand it on."""
    if transport.multicast and source == transport.local_addr_assigned:
        return  # our own
    try:
        frame, _rest = KNXIPFrame.from_knx(raw)
    except PARSE_ERRORS:
        malformed(raw)
        return
    transport.handle_knxipframe(frame, HPAI(*source))


def _split_stream(data: bytes, malformed: Malformed) -> tuple[list[KNXIPFrame], bytes]:
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


async def _connected(connecting: Awaitable[None]) -> None:
    """Wait until an interface is connected. Raises: CommunicationError that tells the cause."""
    try:
        await connecting
    except CommunicationError as err:
        if err.__cause__ is None:
            raise
        raise CommunicationError(f"{err}: {err.__cause__}") from err.__cause__


class GuardedUdpTransport(UDPTransport):
    """UDP endpoint that counts what it cannot read."""

    def __init__(
        self,
        malformed: Malformed,
        local_addr: tuple[str, int],
        remote_addr: tuple[str, int],
        *,
        multicast: bool,
    ) -> None:
        super().__init__(local_addr, remote_addr, multicast)
        self._malformed = malformed

    def data_received_callback(self, raw: bytes, source: tuple[str, int]) -> None:
        """Parse a datagram and hand it on."""
        _take_datagram(self, self._malformed, raw, source)


class GuardedTcpTransport(TCPTransport):
    """TCP endpoint that drops what it cannot read instead of failing on it."""

    def __init__(
        self, malformed: Malformed, remote_addr: tuple[str, int], lost: Callable[[], None]
    ) -> None:
        super().__init__(remote_addr, lost)
        self._malformed = malformed

    def data_received_callback(self, raw: bytes) -> None:
        """Parse what came and hand it on."""
        frames, self._buffer = _split_stream(self._buffer + raw, self._malformed)
        for frame in frames:
            self.handle_knxipframe(frame, self.remote_hpai)


class GuardedSecureSession(SecureSession):
    """Secure TCP session that counts what it cannot read or verify."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**settings)
        self._malformed = malformed

    def data_received_callback(self, raw: bytes) -> None:
        """Parse what came and hand it on."""
        frames, self._buffer = _split_stream(self._buffer + raw, self._malformed)
        for frame in frames:
            if isinstance(frame.body, SecureWrapper) and not self.initialized:
                self._malformed(frame.to_knx())  # xknx would raise
                continue
            self.handle_knxipframe(frame, self.remote_hpai)

    def decrypt_frame(self, encrypted_frame: KNXIPFrame) -> KNXIPFrame:
        """Unwrap a frame. Raises: CouldNotParseKNXIP, on which xknx drops it without a word."""
        try:
            return super().decrypt_frame(encrypted_frame)
        except PARSE_ERRORS as err:
            self._malformed(encrypted_frame.to_knx())
            raise CouldNotParseKNXIP(str(err)) from err


class GuardedSecureGroup(SecureGroup):
    """Secure multicast endpoint that counts what it cannot read or verify."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**settings)
        self._malformed = malformed

    def data_received_callback(self, raw: bytes, source: tuple[str, int]) -> None:
        """Parse a datagram and hand it on."""
        _take_datagram(self, self._malformed, raw, source)

    def decrypt_frame(self, encrypted_frame: KNXIPFrame) -> KNXIPFrame:
        """Unwrap a frame. Raises: CouldNotParseKNXIP, on which xknx drops it without a word."""
        try:
            return super().decrypt_frame(encrypted_frame)
        except PARSE_ERRORS as err:
            self._malformed(encrypted_frame.to_knx())
            raise CouldNotParseKNXIP(str(err)) from err


class GuardedUdpTunnel(UDPTunnel):
    """Tunnel over UDP with a guarded endpoint."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self._malformed = malformed
        super().__init__(**settings)

    def _init_transport(self) -> None:
        self.transport = GuardedUdpTransport(
            self._malformed,
            (self.local_ip, self.local_port),
            (self.gateway_ip, self.gateway_port),
            multicast=False,
        )

    async def connect(self) -> None:
        """Open the tunnel. Raises: CommunicationError."""
        await _connected(super().connect())


class GuardedTcpTunnel(TCPTunnel):
    """Tunnel over TCP with a guarded endpoint."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self._malformed = malformed
        super().__init__(**settings)

    def _init_transport(self) -> None:
        self.transport = GuardedTcpTransport(
            self._malformed, (self.gateway_ip, self.gateway_port), self._tunnel_lost
        )

    async def connect(self) -> None:
        """Open the tunnel. Raises: CommunicationError."""
        await _connected(super().connect())


class GuardedSecureTunnel(SecureTunnel):
    """IP Secure tunnel with a guarded endpoint."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self._malformed = malformed
        super().__init__(**settings)

    def _init_transport(self) -> None:
        self.transport = GuardedSecureSession(
            self._malformed,
            remote_addr=(self.gateway_ip, self.gateway_port),
            user_id=self._user_id,
            user_password=self._user_password,
            device_authentication_password=self._device_authentication_password,
            connection_lost_cb=self._tunnel_lost,
        )

    async def connect(self) -> None:
        """Open session and tunnel. Raises: CommunicationError."""
        try:
            await _connected(super().connect())
        except ValueError as err:  # a public key of the server that is none
            self.transport.stop()
            raise CommunicationError(f"secure session: {err}") from err


class GuardedRouting(Routing):
    """Routing with a guarded endpoint."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self._malformed = malformed
        super().__init__(**settings)
        self._flow_control = self._flow = BucketFlowControl()

    @property
    def has_room(self) -> bool:
        """Tell whether a telegram that nobody waits for may be sent now."""
        return self._flow.has_room

    def _init_transport(self) -> None:
        self.transport = GuardedUdpTransport(
            self._malformed,
            (self.local_ip, 0),
            (self.multicast_group, self.multicast_port),
            multicast=True,
        )

    async def connect(self) -> None:
        """Join the multicast group. Raises: CommunicationError."""
        await _connected(super().connect())


class GuardedSecureRouting(SecureRouting):
    """Secure routing with a guarded endpoint."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self._malformed = malformed
        super().__init__(**settings)
        self._flow_control = self._flow = BucketFlowControl()

    @property
    def has_room(self) -> bool:
        """Tell whether a telegram that nobody waits for may be sent now."""
        return self._flow.has_room

    def _init_transport(self) -> None:
        self.transport = GuardedSecureGroup(
            self._malformed,
            local_addr=(self.local_ip, 0),
            remote_addr=(self.multicast_group, self.multicast_port),
            backbone_key=self.backbone_key,
            latency_ms=self.latency_ms,
        )

    async def connect(self) -> None:
        """Join the group and find its timer, up to some seconds. Raises: CommunicationError."""
        await _connected(super().connect())
        end_if_cancelled()  # xknx's timer synchronization swallows a cancellation
