"""The line of this device: the device itself, the tunnels of its server, and a wire, if there is one.

Without a wire (`knx.link: none`) it is a line of its own: whoever joins it by a tunnel speaks with the device.
With one, a tunnel reaches what the device reaches; what is for the device or for a tunnel stays here. The line
outlives the wire: tunnels stay open while another link is configured.
"""

import asyncio
from collections.abc import Callable, Mapping

from xknx.cemi import CEMILData
from xknx.telegram.address import IndividualAddress

from knxgw.errors import LinkError
from knxgw.knx.fixed_values import UNASSIGNED
from knxgw.knx.flow_counts import FlowCounts
from knxgw.knx.frames import Outcome
from knxgw.knx.line import Member
from knxgw.links.knx import KnxLink, OnFrame, XknxLink
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.objects.outbox import ResponseLimits


class KnxLine:
    """One line; in the event loop only. See `Line`."""

    def __init__(self) -> None:
        self.device: DeviceOnLine | None = None  # the device's end, while it is connected
        self._members: list[Member] = []

    def join(self, member: Member) -> None:
        """Hand a member all frames from now on."""
        self._members.append(member)

    def leave(self, member: Member) -> None:
        """Hand a member nothing more."""
        if member in self._members:
            self._members.remove(member)

    def outcome_at_once(self, member: Member, data: CEMILData) -> Outcome | None:
        """Return what will become of a frame in which the wire has no part; None: it has, `send` it."""
        device = self.device
        if device is None:
            return Outcome.DROPPED
        if device.wire is not None and not self.stays_here(data, device):
            return None
        return Outcome.CONFIRMED

    def carry(self, member: Member, data: CEMILData) -> None:
        """Hand a frame of a member to all others, but not to the wire."""
        self.indicate(data, but=member)
        if self.device is not None:
            self.device.hand_in(data)

    async def send(self, member: Member, data: CEMILData) -> Outcome:
        """Send a frame of a member to all others; return what became of it."""
        device = self.device
        outcome = self.outcome_at_once(member, data)
        if device is None or outcome is Outcome.DROPPED:
            return Outcome.DROPPED
        self.carry(member, data)
        if outcome is not None:
            return outcome
        try:
            return await device.send_on_wire(data)
        except LinkError:  # the session of the device hears of it, too
            return Outcome.DROPPED

    def indicate(self, data: CEMILData, *, but: Member | None = None) -> None:
        """Hand a frame to all members, but to whoever has sent it."""
        for member in tuple(self._members):
            if member is not but:
                member.take(data)

    @property
    def is_behind(self) -> bool:
        """Tell whether frames wait for a member already."""
        return any(one.is_behind for one in self._members)

    def stays_here(self, data: CEMILData, device: "DeviceOnLine") -> bool:
        """Tell whether a frame is for the device or a tunnel alone."""
        if not isinstance(data.dst_addr, IndividualAddress):
            return False
        return data.dst_addr == device.individual_address or any(
            data.dst_addr == one.individual_address for one in self._members
        )


class DeviceOnLine:
    """The device's link to its line, with the wire behind it. See `KnxLink`."""

    def __init__(self, line: KnxLine, wire: KnxLink | None) -> None:
        self.wire = wire
        self.malformed = 0
        self.flow = FlowCounts() if wire is None else wire.flow
        self.response_limits = ResponseLimits() if wire is None else wire.response_limits
        self._line = line
        self._own_address = IndividualAddress(
            UNASSIGNED
        )  # without a wire, which has one of its own
        self._on_frame: OnFrame | None = None
        self._is_handing_in = False  # what the device takes now has come from the line
        self._wire_turn = asyncio.Lock()  # a wire takes one frame after the other
        self._wanting_wire = 0  # frames that wait for it or are being sent

    @property
    def individual_address(self) -> IndividualAddress:
        """Return our address on this link."""
        return self._own_address if self.wire is None else self.wire.individual_address

    def counted(self) -> Mapping[str, int]:
        """Return what the wire has counted since the start, by name; nothing without one."""
        return self.wire.counted() if isinstance(self.wire, XknxLink) else {}

    def take_address(self, address: IndividualAddress) -> bool:
        """Use another address; tell whether this link can."""
        if self.wire is not None:
            return self.wire.take_address(address)
        self._own_address = address
        return True

    def keep_numbers(self, numbers: SecureNumbers) -> None:
        """Hear where the timer of IP Secure routing is kept; before `open`."""
        if self.wire is not None:
            self.wire.keep_numbers(numbers)

    async def open(self, on_frame: OnFrame, on_lost: Callable[[], None]) -> None:
        """Connect the wire, if there is one, and be on the line. Raises: LinkError."""
        self._on_frame = on_frame
        if self.wire is not None:
            await self.wire.open(on_frame, on_lost)
        self._line.device = self

    def hand_in(self, data: CEMILData) -> None:
        """Hand the device a frame of another member of the line."""
        if self._on_frame is not None:
            self._is_handing_in = True
            try:
                self._on_frame(data)
            finally:
                self._is_handing_in = False

    def overhear(self, data: CEMILData) -> None:
        """Hand the other members what has come to the device from its wire."""
        if not self._is_handing_in:
            self._line.indicate(data)

    async def send(self, data: CEMILData) -> Outcome:
        """Send one frame and wait for its confirmation. Raises: LinkError."""
        self._line.indicate(data)
        if self.wire is None or self._line.stays_here(data, self):
            return Outcome.CONFIRMED
        return await self.send_on_wire(data)

    @property
    def sends_at_once(self) -> bool:
        """Tell whether a frame may be sent now, and somebody is there to take it.

        Not before the one that the device is just taking has gone out; nor where a tunnel has more to send than its
        client takes: there frames go faster in bundles.
        """
        if self._line.is_behind:
            return False
        if self.wire is None:
            return True
        is_free = not self._is_handing_in and not self._wanting_wire
        return is_free and self.wire.sends_at_once

    def send_at_once(self, data: CEMILData) -> Outcome:
        """Send one frame while `sends_at_once`; one that does not get out is dropped, and `check` says why."""
        self._line.indicate(data)
        if self.wire is None or self._line.stays_here(data, self):
            return Outcome.CONFIRMED
        return self.wire.send_at_once(data)

    async def send_on_wire(self, data: CEMILData) -> Outcome:
        """Send a frame to the wire, if there is one. Raises: LinkError."""
        if self.wire is None:
            return Outcome.CONFIRMED
        self._wanting_wire += 1
        try:
            async with self._wire_turn:
                return await self.wire.send(data)
        finally:
            self._wanting_wire -= 1

    async def check(self) -> None:
        """Make sure that the other side is still there. Raises: LinkError."""
        if self.wire is not None:
            await self.wire.check()

    @property
    def has_room(self) -> bool:
        """Tell whether a telegram that was not requested may be sent now without delaying answers."""
        return self.wire is None or self.wire.has_room

    def note_backlog(self, waiting: int, now_s: float) -> None:
        """Hear how many answers wait, so that senders can be asked to slow down."""
        if self.wire is not None:
            self.wire.note_backlog(waiting, now_s)

    def note_lost(self, count: int) -> None:
        """Hear that telegrams could not be taken, so that senders can be told."""
        if self.wire is not None:
            self.wire.note_lost(count)
        else:
            self.flow.lost_here += count

    async def until_ready(self) -> bool:
        """Wait until a frame would be sent at once; return whether that took any time."""
        return self.wire is not None and await self.wire.until_ready()

    async def close(self) -> None:
        """Leave the line, and disconnect; never raises."""
        if self._line.device is self:
            self._line.device = None
        self._on_frame = None
        if self.wire is not None:
            await self.wire.close()
