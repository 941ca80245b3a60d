"""xknx's tunnels over UDP, TCP and IP Secure, each behind the guard."""

from collections.abc import Callable
from typing import Any

from xknx.exceptions import (
    CommunicationError,
    RequestResponseError,
    TunnellingAckError,
)
from xknx.io.ip_secure import SecureSession
from xknx.io.request_response import Tunnelling
from xknx.io.transport import KNXIPTransport, TCPTransport, UDPTransport
from xknx.io.tunnel import SecureTunnel, TCPTunnel, UDPTunnel, _Tunnel
from xknx.knxip import (
    HPAI,
    DisconnectRequest,
    KNXIPFrame,
    SecureWrapper,
    TunnellingAck,
    TunnellingRequest,
)

from knxgw.knx.udp_socket import Address
from knxgw.links.knx_guard import (
    Hooks,
    connected,
    report_failures,
    split_stream,
    take_datagram,
    unwrapped,
)


class GuardedUdpTransport(UDPTransport):
    """UDP endpoint that listens to one server only."""

    def __init__(
        self,
        hooks: Hooks,
        local_addr: Address,
        remote_addr: Address,
        is_server: Callable[[Address], bool],
    ) -> None:
        super().__init__(local_addr, remote_addr, multicast=False)
        self._hooks = hooks
        self._is_server = is_server

    async def connect(self) -> None:
        """Open the socket. Raises: OSError."""
        await super().connect()
        report_failures(self, self._hooks)

    def data_received_callback(self, raw: bytes, source: Address) -> None:
        """Parse a datagram of the server and hand it on."""
        if self._is_server(source):
            take_datagram(self, self._hooks, raw, source)
        else:
            self._hooks.stranger(raw)


class GuardedTcpTransport(TCPTransport):
    """TCP endpoint that drops what it cannot read instead of failing on it."""

    def __init__(self, hooks: Hooks, remote_addr: Address, lost: Callable[[], None]) -> None:
        super().__init__(remote_addr, lost)
        self._hooks = hooks

    def data_received_callback(self, raw: bytes) -> None:
        """Parse what came and hand it on."""
        frames, self._buffer = split_stream(self._buffer + raw, self._hooks.malformed)
        for frame in frames:
            self.handle_knxipframe(frame, self.remote_hpai)


class GuardedSecureSession(SecureSession):
    """Secure TCP session that counts what it cannot read or verify."""

    def __init__(self, hooks: Hooks, **settings: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**settings)
        self._hooks = hooks

    def data_received_callback(self, raw: bytes) -> None:
        """Parse what came and hand it on."""
        frames, self._buffer = split_stream(self._buffer + raw, self._hooks.malformed)
        for frame in frames:
            if isinstance(frame.body, SecureWrapper) and not self.initialized:
                self._hooks.malformed(frame.to_knx())  # xknx would raise
                continue
            self.handle_knxipframe(frame, self.remote_hpai)

    def decrypt_frame(self, encrypted_frame: KNXIPFrame) -> KNXIPFrame:
        """Unwrap a frame. Raises: CouldNotParseKNXIP."""
        return unwrapped(super().decrypt_frame, encrypted_frame, self._hooks)


class _OwnChannel(_Tunnel):
    """A tunnel that leaves alone what was meant for another one."""

    __slots__ = ()
    hooks: Hooks

    def _request_received(
        self, knxipframe: KNXIPFrame, source: HPAI, transport: KNXIPTransport
    ) -> None:
        body = knxipframe.body
        if isinstance(body, TunnellingRequest | DisconnectRequest):
            channel = self.communication_channel  # None: the answer to our request is just coming
            if channel is not None and body.communication_channel_id != channel:
                self.hooks.stranger(knxipframe.to_knx())
                return
        super()._request_received(knxipframe, source, transport)


class _Acknowledgement(Tunnelling):
    """Waits for the acknowledgement of this very request, not for a late one of another."""

    __slots__ = ()

    def _response_rec_callback(
        self, knxipframe: KNXIPFrame, source: HPAI, transport: KNXIPTransport
    ) -> None:
        body, request = knxipframe.body, self.tunnelling_request
        if isinstance(body, TunnellingAck) and (
            body.communication_channel_id != request.communication_channel_id
            or body.sequence_counter != request.sequence_counter
        ):
            return
        super()._response_rec_callback(knxipframe, source, transport)


class GuardedUdpTunnel(_OwnChannel, UDPTunnel):
    """Tunnel over UDP with a guarded endpoint.

    Only its server may speak in it: datagrams come from the address and port that we asked, or from
    those that the server gave for telegrams in its CONNECT_RESPONSE. Behind address translation the
    host may be the one and the port the other.
    """

    def __init__(self, hooks: Hooks, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self.hooks = hooks
        super().__init__(cemi_received_callback=hooks.received, auto_reconnect=False, **settings)

    def _init_transport(self) -> None:
        self.transport = GuardedUdpTransport(
            self.hooks,
            (self.local_ip, self.local_port),
            (self.gateway_ip, self.gateway_port),
            self._is_server,
        )

    def _is_server(self, source: Address) -> bool:
        control = (self.gateway_ip, self.gateway_port)
        data = self._data_endpoint_addr or control
        host, port = source
        return host in (control[0], data[0]) and port in (control[1], data[1])

    async def connect(self) -> None:
        """Open the tunnel. Raises: CommunicationError."""
        await connected(super().connect())

    async def _send_tunnelling_request(self, frame: TunnellingRequest) -> None:
        request = _Acknowledgement(self.transport, self._data_endpoint_addr, frame)
        try:
            await request.request()
        except RequestResponseError as err:
            raise TunnellingAckError(f"{err} for telegram {frame.sequence_counter}") from err


class GuardedTcpTunnel(_OwnChannel, TCPTunnel):
    """Tunnel over TCP with a guarded endpoint."""

    def __init__(self, hooks: Hooks, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self.hooks = hooks
        super().__init__(cemi_received_callback=hooks.received, auto_reconnect=False, **settings)

    def _init_transport(self) -> None:
        self.transport = GuardedTcpTransport(
            self.hooks, (self.gateway_ip, self.gateway_port), self._tunnel_lost
        )

    async def connect(self) -> None:
        """Open the tunnel. Raises: CommunicationError."""
        await connected(super().connect())


class GuardedSecureTunnel(_OwnChannel, SecureTunnel):
    """IP Secure tunnel with a guarded endpoint."""

    def __init__(self, hooks: Hooks, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self.hooks = hooks
        super().__init__(cemi_received_callback=hooks.received, auto_reconnect=False, **settings)

    def _init_transport(self) -> None:
        self.transport = GuardedSecureSession(
            self.hooks,
            remote_addr=(self.gateway_ip, self.gateway_port),
            user_id=self._user_id,
            user_password=self._user_password,
            device_authentication_password=self._device_authentication_password,
            connection_lost_cb=self._tunnel_lost,
        )

    async def connect(self) -> None:
        """Open session and tunnel. Raises: CommunicationError."""
        try:
            await connected(super().connect())
        except ValueError as err:  # a public key of the server that is none
            self.transport.stop()
            raise CommunicationError(f"secure session: {err}") from err
