"""A KNX line in memory: passes cEMI frames between its members and confirms them.

Members are links like any other, so a gateway runs on it unchanged, in virtual time too.
"""

import asyncio
from collections.abc import Callable

from xknx.cemi import CEMILData
from xknx.exceptions import CouldNotParseCEMI
from xknx.telegram.address import IndividualAddress

from knxgw.errors import LinkError
from knxgw.knx.flow_counts import FlowCounts
from knxgw.knx.frames import Outcome
from knxgw.knx.raw_service import with_unread_service
from knxgw.links.knx import OnFrame
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.objects.outbox import ResponseLimits


class MemoryLine:
    """The line; every frame reaches all members but its sender."""

    def __init__(self) -> None:
        self.members: list[MemoryLink] = []
        self.is_cut = False

    def join(self, address: str) -> "MemoryLink":
        """Return a new member with an individual address."""
        return MemoryLink(self, IndividualAddress(address))

    def cut(self) -> None:
        """Break the line: members lose it, and nobody can join until it is mended."""
        self.is_cut = True
        for member in tuple(self.members):
            member.lose()

    def mend(self) -> None:
        """Repair the line."""
        self.is_cut = False

    def carry(self, sender: "MemoryLink", data: CEMILData) -> None:
        """Hand a frame to all other members."""
        loop = asyncio.get_running_loop()
        raw = bytes(data.to_knx())
        read = _read(raw)  # as it comes from a wire
        assert read is not None, raw.hex()
        for member in self.members:
            if member is not sender:
                loop.call_soon(member.receive, read)


def _read(raw: bytes) -> CEMILData | None:
    try:
        return CEMILData.from_knx(raw)
    except CouldNotParseCEMI:
        return with_unread_service(raw)


class MemoryLink:
    """One member of the line; a `KnxLink`."""

    response_limits = ResponseLimits()
    is_programmable = False  # else the address is that of an interface
    has_confirmations = False  # whoever sends waits for one

    def __init__(self, line: MemoryLine, address: IndividualAddress) -> None:
        self.malformed = 0
        self.flow = FlowCounts()
        self._line = line
        self._address = address
        self._on_frame: OnFrame | None = None
        self._on_lost: Callable[[], None] | None = None

    @property
    def individual_address(self) -> IndividualAddress:
        """Return our address on the line."""
        return self._address

    def take_address(self, address: IndividualAddress) -> bool:
        """Use another address, where this link can."""
        if self.is_programmable:
            self._address = address
        return self.is_programmable

    @property
    def has_room(self) -> bool:
        """Tell whether something that nobody waits for may be sent now: always."""
        return True

    def keep_numbers(self, numbers: SecureNumbers) -> None:
        """Hear where a timer is kept; there is none here."""

    async def open(self, on_frame: OnFrame, on_lost: Callable[[], None]) -> None:
        """Join the line. Raises: LinkError while it is cut."""
        if self._line.is_cut:
            raise LinkError("the line is cut")
        self._on_frame, self._on_lost = on_frame, on_lost
        self._line.members.append(self)

    async def send(self, data: CEMILData) -> Outcome:
        """Send one frame; whoever is there takes it. Raises: LinkError."""
        await self.check()
        self._line.carry(self, data)
        return Outcome.CONFIRMED

    @property
    def sends_at_once(self) -> bool:
        """Tell whether a frame may be sent now, and nobody confirms it."""
        return self in self._line.members and not self.has_confirmations

    def send_at_once(self, data: CEMILData) -> Outcome:
        """Send one frame; whoever is there takes it."""
        self._line.carry(self, data)
        return Outcome.CONFIRMED

    async def check(self) -> None:
        """Make sure that the line is there. Raises: LinkError."""
        if self not in self._line.members:
            raise LinkError("the line is cut")

    def note_backlog(self, waiting: int, now_s: float) -> None:
        """Hear how many answers wait; nobody is asked to slow down here."""

    def note_lost(self, count: int) -> None:
        """Count telegrams that could not be taken."""
        self.flow.lost_here += count

    async def until_ready(self) -> bool:
        """Wait until a frame would be sent at once: always."""
        return False

    async def close(self) -> None:
        """Leave the line."""
        self._on_frame = self._on_lost = None
        if self in self._line.members:
            self._line.members.remove(self)

    def lose(self) -> None:
        """Lose the line."""
        self._line.members.remove(self)
        if self._on_lost is not None:
            self._on_lost()

    def receive(self, data: CEMILData) -> None:
        """Take a frame from the line."""
        if self._on_frame is not None:
            self._on_frame(data)
