"""xknx's KNXnet/IP interfaces behind a guard: bytes from the network never raise in the loop.

xknx's parser can leave its own error family on cut frames (IndexError, ValueError); the guard
turns whatever it raises into a count.
"""

from collections.abc import Callable
from typing import Any

from xknx.exceptions import XKNXException
from xknx.io.ip_secure import SecureGroup
from xknx.io.routing import Routing, SecureRouting
from xknx.io.transport import TCPTransport, UDPTransport
from xknx.io.tunnel import TCPTunnel, UDPTunnel
from xknx.knxip import HPAI, KNXIPFrame

Malformed = Callable[[bytes], None]
PARSE_ERRORS = (XKNXException, IndexError, ValueError, KeyError, TypeError)


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
        if self.multicast and source == self.local_addr_assigned:
            return
        try:
            frame, _rest = KNXIPFrame.from_knx(raw)
        except PARSE_ERRORS:
            self._malformed(raw)
            return
        self.handle_knxipframe(frame, HPAI(*source))


class GuardedTcpTransport(TCPTransport):
    """TCP endpoint that drops what it cannot read instead of failing on it."""

    def __init__(
        self, malformed: Malformed, remote_addr: tuple[str, int], lost: Callable[[], None]
    ) -> None:
        super().__init__(remote_addr, lost)
        self._malformed = malformed

    def data_received_callback(self, raw: bytes) -> None:
        """Parse what came and hand it on."""
        try:
            super().data_received_callback(raw)
        except PARSE_ERRORS:
            self._malformed(raw)
            self._buffer = b""


class GuardedSecureGroup(SecureGroup):
    """Secure multicast endpoint that counts what it cannot read."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**settings)
        self._malformed = malformed

    def data_received_callback(self, raw: bytes, source: tuple[str, int]) -> None:
        """Parse a datagram and hand it on."""
        try:
            super().data_received_callback(raw, source)
        except PARSE_ERRORS:
            self._malformed(raw)


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


class GuardedTcpTunnel(TCPTunnel):
    """Tunnel over TCP with a guarded endpoint."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self._malformed = malformed
        super().__init__(**settings)

    def _init_transport(self) -> None:
        self.transport = GuardedTcpTransport(
            self._malformed, (self.gateway_ip, self.gateway_port), self._tunnel_lost
        )


class GuardedRouting(Routing):
    """Routing with a guarded endpoint."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self._malformed = malformed
        super().__init__(**settings)

    def _init_transport(self) -> None:
        self.transport = GuardedUdpTransport(
            self._malformed,
            (self.local_ip, 0),
            (self.multicast_group, self.multicast_port),
            multicast=True,
        )


class GuardedSecureRouting(SecureRouting):
    """Secure routing with a guarded endpoint."""

    def __init__(self, malformed: Malformed, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self._malformed = malformed
        super().__init__(**settings)

    def _init_transport(self) -> None:
        self.transport = GuardedSecureGroup(
            self._malformed,
            local_addr=(self.local_ip, 0),
            remote_addr=(self.multicast_group, self.multicast_port),
            backbone_key=self.backbone_key,
            latency_ms=self.latency_ms,
        )
