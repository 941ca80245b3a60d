"""A KNX link by routing over multicast, plain or secure."""

from collections.abc import Awaitable, Callable, Mapping

from xknx import XKNX
from xknx.cemi import CEMIFrame
from xknx.exceptions import CommunicationError
from xknx.knxip import KNXIPFrame, RoutingBusy
from xknx.telegram.address import IndividualAddress

from knxgw.errors import LinkError
from knxgw.links.knx import ROUTING_SLOT_S, XknxLink
from knxgw.links.knx_flow import RoutingCounters
from knxgw.links.knx_guard import Hooks
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_routing import GuardedRouting, GuardedSecureRouting
from knxgw.links.network_adapter import AdapterWatch
from knxgw.objects.outbox import ResponseLimits

BUSY_INTERVAL_S = 0.1
AnyRouting = GuardedRouting | GuardedSecureRouting
MakeRouting = Callable[[XKNX, Hooks, SecureNumbers | None], Awaitable[AnyRouting]]


class RoutingLink(XknxLink):
    """KNXnet/IP routing over multicast, plain or secure."""

    response_limits = ResponseLimits(merge_at=8, most=32)  # 50 telegrams/s: at most 0.64 s

    def __init__(self, make: MakeRouting) -> None:
        super().__init__()
        self.busy_sent = 0
        self._counters = RoutingCounters()
        self._make = make
        self._routing: AnyRouting | None = None
        self._busy_at = float("-inf")
        self._address: IndividualAddress | None = None  # that was programmed, if any was
        self._adapter_has_run = False

    @property
    def has_room(self) -> bool:
        """Tell whether the medium's 50 telegrams/s leave room beside the answers to reads."""
        return self._routing is None or self._routing.has_room

    def counted(self) -> Mapping[str, int]:
        """Return what was counted since the start, by name."""
        return {
            **super().counted(),
            "busy_sent": self.busy_sent,
            "busy_received": self._counters.busy_received,
            "lost_received": self._counters.lost_received,
        }

    def take_address(self, address: IndividualAddress) -> bool:
        """Use another address."""
        self._address = address
        self._xknx.current_address = address
        return True

    async def _connect(self) -> None:
        self._routing = await self._make(self._xknx, self._hooks, self._numbers)
        self._routing.counters = self._counters
        await self._routing.connect()
        if self._address is not None:
            self._xknx.current_address = self._address
        self._adapter = AdapterWatch(self._routing.local_ip, self._routing.multicast_group)
        is_running = self._adapter.is_running
        if is_running is False and self._adapter_has_run:
            raise LinkError(f"the network adapter {self._adapter.name} is not connected")
        self._adapter_has_run |= is_running is True  # a bridge without ports never does

    async def _send(self, frame: CEMIFrame) -> None:
        if self._routing is None:
            raise CommunicationError("routing not open")
        await self._routing.send_cemi(frame)

    def note_backlog(self, waiting: int, now_s: float) -> None:
        """Ask all senders to pause with ROUTING_BUSY while our answers pile up."""
        if self._routing is None or now_s - self._busy_at < BUSY_INTERVAL_S:
            return
        self._busy_at = now_s
        self.busy_sent += 1
        wait_time_ms = min(round(waiting * ROUTING_SLOT_S * 1000), 1000)
        busy = RoutingBusy(wait_time=wait_time_ms)
        self._routing.transport.send(KNXIPFrame.init_from_body(busy))

    async def _disconnect(self) -> None:
        if self._routing is not None:
            routing, self._routing = self._routing, None
            await routing.disconnect()
