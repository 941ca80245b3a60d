"""The line of this device: a wire, or none, with the device itself and the tunnels of its server on it.

Without a wire (`knx.link: none`) it is a line of its own: whoever joins it by a tunnel speaks with the device.
With one, a tunnel reaches what the device reaches, and what is for the device or a tunnel stays here.
"""

import asyncio
from collections.abc import Callable

from xknx.cemi import CEMILData
from xknx.telegram.address import IndividualAddress

from knxgw.errors import LinkError
from knxgw.knx.frames import Outcome
from knxgw.knx.line import Member
from knxgw.links.knx import KnxLink, OnFrame
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.objects.outbox import ResponseLimits

UNASSIGNED = IndividualAddress("15.15.255")


class KnxLine:
    """One line; in the event loop only. `DeviceOnLine` is the device's end of it."""

    def __init__(self, wire: KnxLink | None) -> None:
        self.wire = wire
        self.on_frame: OnFrame | None = None  # of the device, while its link is open
        self.own_address = UNASSIGNED  # without a wire, which has one of its own
        self._members: list[Member] = []
        self._wire_turn = asyncio.Lock()  # a wire takes one frame after the other

    @property
    def individual_address(self) -> IndividualAddress:
        """Return the address of the device."""
        return self.own_address if self.wire is None else self.wire.individual_address

    def join(self, member: Member) -> None:
        """Hand a member all frames from now on."""
        self._members.append(member)

    def leave(self, member: Member) -> None:
        """Hand a member nothing more."""
        if member in self._members:
            self._members.remove(member)

    async def send(self, member: Member, data: CEMILData) -> Outcome:
        """Send a frame of a member to all others; return what became of it."""
        self.indicate(data, but=member)
        if self.on_frame is not None:
            self.on_frame(data)
        if self.wire is None or self._stays_here(data):
            return Outcome.CONFIRMED
        if self.on_frame is None:  # the wire is not connected
            return Outcome.DROPPED
        try:
            return await self.send_on_wire(data)
        except LinkError:  # the session of the device hears of it, too
            return Outcome.DROPPED

    async def send_on_wire(self, data: CEMILData) -> Outcome:
        """Send a frame to the wire, if there is one. Raises: LinkError."""
        if self.wire is None:
            return Outcome.CONFIRMED
        async with self._wire_turn:
            return await self.wire.send(data)

    def indicate(self, data: CEMILData, *, but: Member | None = None) -> None:
        """Hand a frame to all members, but to whoever has sent it."""
        for member in tuple(self._members):
            if member is not but:
                member.take(data)

    def from_wire(self, data: CEMILData) -> None:
        """Take a frame that has come from the wire."""
        self.indicate(data)
        if self.on_frame is not None:
            self.on_frame(data)

    def _stays_here(self, data: CEMILData) -> bool:
        here = {self.individual_address, *(one.individual_address for one in self._members)}
        return isinstance(data.dst_addr, IndividualAddress) and data.dst_addr in here


class DeviceOnLine:
    """The device's link to its line. See `KnxLink`."""

    def __init__(self, line: KnxLine) -> None:
        self.line = line
        self.malformed = 0

    @property
    def response_limits(self) -> ResponseLimits:
        """Return how many answers may wait on this link."""
        return ResponseLimits() if self.line.wire is None else self.line.wire.response_limits

    @property
    def individual_address(self) -> IndividualAddress:
        """Return our address on this link."""
        return self.line.individual_address

    def take_address(self, address: IndividualAddress) -> bool:
        """Use another address; tell whether this link can."""
        if self.line.wire is not None:
            return self.line.wire.take_address(address)
        self.line.own_address = address
        return True

    def keep_numbers(self, numbers: SecureNumbers) -> None:
        """Hear where the timer of IP Secure routing is kept; before `open`."""
        if self.line.wire is not None:
            self.line.wire.keep_numbers(numbers)

    async def open(self, on_frame: OnFrame, on_lost: Callable[[], None]) -> None:
        """Connect the wire, if there is one. Raises: LinkError."""
        if self.line.wire is not None:
            await self.line.wire.open(self.line.from_wire, on_lost)
        self.line.on_frame = on_frame

    async def send(self, data: CEMILData) -> Outcome:
        """Send one frame and wait for its confirmation. Raises: LinkError."""
        self.line.indicate(data)
        return await self.line.send_on_wire(data)

    async def check(self) -> None:
        """Make sure that the other side is still there. Raises: LinkError."""
        if self.line.wire is not None:
            await self.line.wire.check()

    @property
    def has_room(self) -> bool:
        """Tell whether a telegram that was not requested may be sent now without delaying answers."""
        return self.line.wire is None or self.line.wire.has_room

    def note_backlog(self, waiting: int, now_s: float) -> None:
        """Hear how many answers wait, so that senders can be asked to slow down."""
        if self.line.wire is not None:
            self.line.wire.note_backlog(waiting, now_s)

    async def close(self) -> None:
        """Disconnect; never raises."""
        self.line.on_frame = None
        if self.line.wire is not None:
            await self.line.wire.close()
