"""xknx's routing over multicast, plain and IP Secure, behind the guard."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.exceptions import CommunicationError
from xknx.io.ip_secure import SecureGroup, SecureSequenceTimer
from xknx.io.routing import Routing, SecureRouting
from xknx.io.transport import KNXIPTransport, UDPTransport
from xknx.knxip import (
    HPAI,
    KNXIPFrame,
    RoutingBusy,
    RoutingIndication,
    RoutingLostMessage,
    SecureWrapper,
    TimerNotify,
)

from knxgw.knx.group_telegram import group_telegram_bytes
from knxgw.knx.udp_socket import Address
from knxgw.links.keep_alive import end_if_cancelled
from knxgw.links.knx_flow import BucketFlowControl
from knxgw.links.knx_guard import (
    Hooks,
    connected,
    indicated,
    indication,
    join,
    take_datagram,
    unwrapped,
)
from knxgw.links.knx_numbers import TimerNumbers


class GuardedMulticast(UDPTransport):
    """Multicast endpoint that counts what it cannot read."""

    def __init__(self, hooks: Hooks, local_addr: Address, remote_addr: Address) -> None:
        super().__init__(local_addr, remote_addr, multicast=True)
        self._hooks = hooks

    async def connect(self) -> None:
        """Join the group. Raises: OSError."""
        await join(self, self._hooks)

    def indicate(self, cemi: bytes) -> None:
        """Send a cEMI frame to the group. Raises: CommunicationError."""
        if self.transport is None:
            raise CommunicationError("routing not open")
        self.transport.sendto(indication(cemi), self.remote_addr)

    def data_received_callback(self, raw: bytes, source: Address) -> None:
        """Hand on a datagram."""
        cemi = indicated(raw)
        if cemi is None:
            take_datagram(self, self._hooks, raw, source)
        elif source != self.local_addr_assigned:
            self._hooks.received(cemi)


class KeptSequenceTimer(SecureSequenceTimer):
    """The timer of a secure group; it goes on where it was, over links lost and restarts."""

    def __init__(self, numbers: TimerNumbers, **settings: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**settings)
        self._numbers = numbers

    async def begin(self) -> None:
        """Set the timer behind everything that was sent and heard before."""
        self.update(await self._numbers.begin(self._monotonic_ms(), self.latency_tolerance_ms))

    def update(self, new_value: int) -> None:
        """Set the timer, never back: who was asked for the time has heard ours."""
        super().update(max(new_value, self.current_timer_value()))
        self._note()

    def handle_timer_notify(self, timer_notify: TimerNotify) -> None:
        """Take the time of another member."""
        try:
            super().handle_timer_notify(timer_notify)
        except asyncio.InvalidStateError:  # the answer we waited for came twice
            return
        self._note()

    def validate_secure_wrapper(self, secure_wrapper: SecureWrapper) -> bool:
        """Tell whether a wrapper is new enough; one from later sets the timer."""
        is_valid = super().validate_secure_wrapper(secure_wrapper)
        self._note()
        return is_valid

    def get_for_outgoing_secure_wrapper(self) -> int:
        """Return the time for a wrapper of ours."""
        value_ms = super().get_for_outgoing_secure_wrapper()
        self._note()
        return value_ms

    def _notify_timer_expired(self, update: tuple[bytes, bytes] | None) -> None:
        super()._notify_timer_expired(update)
        self._note()

    def _note(self) -> None:
        self._numbers.at(self.current_timer_value(), self._monotonic_ms())


class GuardedSecureGroup(SecureGroup):
    """Secure multicast endpoint that counts what it cannot read or verify."""

    def __init__(
        self,
        hooks: Hooks,
        numbers: TimerNumbers,
        backbone_key: bytes,
        latency_ms: int,
        **at: Address,
    ) -> None:
        super().__init__(backbone_key=backbone_key, latency_ms=latency_ms, **at)
        self._hooks = hooks
        self.secure_timer: KeptSequenceTimer = KeptSequenceTimer(
            numbers,
            backbone_key=backbone_key,
            latency_ms=latency_ms,
            transport_send=partial(UDPTransport.send, self),  # a notification has no wrapper
        )

    async def connect(self) -> None:
        """Join the group and find its timer. Raises: OSError."""
        await self.secure_timer.begin()
        await join(self, self._hooks)
        await self.secure_timer.synchronize()

    def data_received_callback(self, raw: bytes, source: Address) -> None:
        """Parse a datagram and hand it on."""
        take_datagram(self, self._hooks, raw, source)

    def indicate(self, cemi: bytes) -> None:
        """Send a cEMI frame to the group, secured. Raises: CommunicationError."""
        self.send(KNXIPFrame.init_from_body(RoutingIndication(raw_cemi=cemi)))

    def decrypt_frame(self, encrypted_frame: KNXIPFrame) -> KNXIPFrame:
        """Unwrap a frame. Raises: CouldNotParseKNXIP."""
        return unwrapped(super().decrypt_frame, encrypted_frame, self._hooks)


class _Guarded(Routing):
    """Routing behind the guard, at our own pace."""

    transport: GuardedMulticast | GuardedSecureGroup  # each has `indicate`

    def __init__(self, hooks: Hooks, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self._hooks = hooks
        super().__init__(cemi_received_callback=hooks.received, **settings)
        self._flow_control = self._flow = BucketFlowControl()
        self.on_busy: Callable[[], None] = lambda: None  # a ROUTING_BUSY has come
        self.on_lost: Callable[[RoutingLostMessage], None] = lambda _notice: None

    @property
    def has_room(self) -> bool:
        """Tell whether a telegram that nobody waits for may be sent now."""
        return self._flow.has_room

    @property
    def is_ready(self) -> bool:
        """Tell whether a telegram may be sent at once."""
        return self._flow.is_ready

    async def until_ready(self) -> bool:
        """Wait until a telegram may be sent at once; return whether that took any time."""
        return await self._flow.until_ready()

    def _handle_frame(
        self, knxipframe: KNXIPFrame, source: HPAI, transport: KNXIPTransport
    ) -> None:
        """Take a frame; xknx would log each loss of others."""
        if isinstance(knxipframe.body, RoutingLostMessage):
            self.on_lost(knxipframe.body)
            return
        if isinstance(knxipframe.body, RoutingBusy):
            self.on_busy()
        super()._handle_frame(knxipframe, source, transport)

    async def connect(self) -> None:
        """Join the multicast group. Raises: CommunicationError."""
        await connected(super().connect())

    def send_at_once(self, data: CEMILData) -> None:
        """Send a frame whose turn has come (`until_ready`); nobody confirms it. Raises: CommunicationError."""
        self._flow.note_sent()
        cemi = group_telegram_bytes(CEMIMessageCode.L_DATA_IND, data)
        if cemi is None:
            cemi = CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=data).to_knx()
        self.transport.indicate(cemi)


class GuardedRouting(_Guarded):
    """Routing with a guarded endpoint."""

    def _init_transport(self) -> None:
        self.transport = GuardedMulticast(
            self._hooks, (self.local_ip, 0), (self.multicast_group, self.multicast_port)
        )


class GuardedSecureRouting(_Guarded, SecureRouting):
    """Secure routing with a guarded endpoint."""

    def __init__(self, hooks: Hooks, numbers: TimerNumbers, **settings: Any) -> None:  # noqa: ANN401 - passed on
        self._numbers = numbers
        super().__init__(hooks, **settings)

    def _init_transport(self) -> None:
        self.transport: GuardedSecureGroup = GuardedSecureGroup(
            self._hooks,
            self._numbers,
            self.backbone_key,
            self.latency_ms,
            local_addr=(self.local_ip, 0),
            remote_addr=(self.multicast_group, self.multicast_port),
        )

    async def connect(self) -> None:
        """Join the group and find its timer, up to some seconds. Raises: CommunicationError."""
        await super().connect()
        end_if_cancelled()  # xknx's timer synchronization swallows a cancellation
