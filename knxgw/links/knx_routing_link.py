"""A KNX link by routing over multicast, plain or secure."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict

from xknx import XKNX
from xknx.cemi import CEMIFrame, CEMILData
from xknx.exceptions import CommunicationError
from xknx.knxip import KNXIPFrame, RoutingBusy, RoutingLostMessage
from xknx.telegram.address import IndividualAddress

from knxgw.errors import LinkError
from knxgw.knx.frames import Outcome
from knxgw.links.knx import ROUTING_SLOT_S, XknxLink
from knxgw.links.knx_guard import Hooks
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_routing import GuardedRouting, GuardedSecureRouting
from knxgw.links.knx_routing_losses import Losses
from knxgw.links.network_adapter import AdapterWatch
from knxgw.objects.outbox import ResponseLimits

BUSY_INTERVAL_S = 0.1
AnyRouting = GuardedRouting | GuardedSecureRouting
MakeRouting = Callable[[XKNX, Hooks, SecureNumbers | None], Awaitable[AnyRouting]]


class RoutingLink(XknxLink):
    """KNXnet/IP routing over multicast, plain or secure."""

    response_limits = ResponseLimits(merge_at=8, most=32, oldest_s=2.0)  # 50 telegrams/s: 0.64 s

    def __init__(self, make: MakeRouting) -> None:
        super().__init__()
        self._losses = Losses(self.flow, self._say)
        self._make = make
        self._routing: AnyRouting | None = None
        self._busy_at = float("-inf")
        self._address: IndividualAddress | None = None  # that was programmed, if any was
        self._adapter_has_run = False

    def counted(self) -> Mapping[str, int]:
        """Return what was counted since the start, by name."""
        return {**super().counted(), **asdict(self.flow)}

    @property
    def has_room(self) -> bool:
        """Tell whether the medium's 50 telegrams/s leave room beside the answers to reads."""
        return self._routing is None or self._routing.has_room

    def take_address(self, address: IndividualAddress) -> bool:
        """Use another address."""
        self._address = address
        self._xknx.current_address = address
        return True

    async def _connect(self) -> None:
        self._routing = await self._make(self._xknx, self._hooks, self._numbers)
        self._routing.on_busy, self._routing.on_lost = self._note_busy, self._note_lost_at_others
        await self._routing.connect()
        if self._address is not None:
            self._xknx.current_address = self._address
        self._adapter = AdapterWatch(self._routing.local_ip, self._routing.multicast_group)
        is_running = self._adapter.is_running
        if is_running is False and self._adapter_has_run:
            raise LinkError(f"the network adapter {self._adapter.name} is not connected")
        self._adapter_has_run |= is_running is True  # a bridge without ports never does

    async def _send(self, frame: CEMIFrame) -> None:
        routing = self._routing
        if routing is None:
            raise CommunicationError("routing not open")
        if not isinstance(frame.data, CEMILData):
            raise CommunicationError("routing carries L_Data only")
        await routing.until_ready()
        if routing is not self._routing:  # it has closed meanwhile, and may be open again
            raise CommunicationError("routing closed")
        routing.send_at_once(frame.data)
        self._confirm(Outcome.CONFIRMED)  # it has gone out; no receiver says that it has it

    @property
    def sends_at_once(self) -> bool:
        """Tell whether a frame may be sent now: no pause, and the medium's 50 telegrams/s have room for it."""
        return self._routing is not None and self._lost is None and self._routing.is_ready

    def send_at_once(self, data: CEMILData) -> Outcome:
        """Send one frame while `sends_at_once`; one that does not get out is dropped, and `check` says why."""
        if self._routing is not None:
            self._routing.send_at_once(data)
        return Outcome.CONFIRMED if self._lost is None else Outcome.DROPPED

    def note_backlog(self, waiting: int, now_s: float) -> None:
        """Ask all senders to pause with ROUTING_BUSY while our answers pile up."""
        if self._routing is None or now_s - self._busy_at < BUSY_INTERVAL_S:
            return
        self._busy_at = now_s
        self.flow.busy_sent += 1
        wait_time_ms = min(round(waiting * ROUTING_SLOT_S * 1000), 1000)
        self._say(RoutingBusy(wait_time=wait_time_ms))

    def note_lost(self, count: int) -> None:
        """Tell all senders, soon, how many of their telegrams we could not take."""
        if self._routing is not None:
            self._losses.note_own(count)

    def _say(self, body: RoutingBusy | RoutingLostMessage) -> None:
        if self._routing is not None:
            self._routing.transport.send(KNXIPFrame.init_from_body(body))

    def _note_busy(self) -> None:
        self.flow.busy_received += 1

    def _note_lost_at_others(self, notice: RoutingLostMessage) -> None:
        self._losses.note_of_others(notice, asyncio.get_running_loop().time())

    async def until_ready(self) -> bool:
        """Wait until a telegram may be sent at once; return whether that took any time."""
        return self._routing is not None and await self._routing.until_ready()

    async def _disconnect(self) -> None:
        self._losses.forget()
        if self._routing is not None:
            routing, self._routing = self._routing, None
            await routing.disconnect()
