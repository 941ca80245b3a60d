"""A visit to a KNX installation: hears what is sent on a few group addresses, and may read them once.

Nothing else goes out. What Data Secure would number is never sent: the numbers belong to the gateway,
and a telegram with one that it has not given out would make its own ones old.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

from xknx.cemi import CEMILData
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite, SecureAPDU

from knxgw.knx.frames import FrameKind, Outcome, Security
from knxgw.links.knx_group_communication import group_frame
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.objects.codec import Payload

OnValue = Callable[[str, Payload], None]  # group address, value


class NoStore:
    """Keeps secure numbers for as long as the process lives: nothing is sent with one."""

    def note_number(self, name: str, number: int, *, at_once: bool) -> None:
        """Keep nothing."""

    async def store_number(self, name: str, number: int) -> bool:
        """Keep nothing; that is as safe as it has to be."""
        return True


class Visit:
    """What is heard during a visit, and how a value is read."""

    def __init__(self, addresses: Collection[str], on_value: OnValue) -> None:
        self.is_up = asyncio.Event()
        self.telegrams = 0  # of others, on whatever address
        self.sealed: set[str] = set()  # of the addresses: what came there cannot be opened
        self.port: KnxPort | None = None  # while the visit lasts
        self._addresses = frozenset(addresses)
        self._on_value = on_value

    @property
    def individual_address(self) -> str:
        """Return the address that we have here."""
        return "" if self.port is None else str(self.port.individual_address)

    def read(self, address: str) -> None:
        """Ask for the value of a group address, whose telegrams are not secured."""
        if self.port is not None:
            source = self.port.individual_address
            self.port.send(group_frame(source, GroupAddress(address), GroupValueRead()))

    # --- as a receiver

    def link_up(self) -> None:
        """Hear that frames can be sent from now on."""
        self.is_up.set()

    def link_down(self) -> None:
        """Hear that the link is lost; whoever runs the port hears it as well."""

    def take(self, data: CEMILData, security: Security) -> None:
        """Take a group telegram."""
        self.telegrams += 1
        address, payload = str(data.dst_addr), data.payload
        if address not in self._addresses:
            return
        if isinstance(payload, SecureAPDU):
            self.sealed.add(address)
        elif isinstance(payload, GroupValueWrite | GroupValueResponse):
            self._on_value(address, payload.value)

    # --- as a tap

    def received(self, data: CEMILData, security: Security) -> None:
        """See a frame that has come; `take` has it, too."""

    def refused(self, data: CEMILData) -> None:
        """See a frame that Data Secure has refused."""
        self.telegrams += 1
        if str(data.dst_addr) in self._addresses:
            self.sealed.add(str(data.dst_addr))

    def sent(self, data: CEMILData, outcome: Outcome, *, is_secure: bool) -> None:
        """See a frame that has gone out."""


async def visit(
    attachment: BusAttachment,
    guest: Visit,
    stay: Callable[[], Awaitable[None]],
    wall_clock: Callable[[], datetime | None],
) -> None:
    """Connect, carry out `stay` once frames can be sent, and leave. Raises: LinkError."""
    now_s = asyncio.get_running_loop().time
    attachment.keep_numbers(SecureNumbers({}, NoStore(), wall_clock, now_s))
    port = KnxPort(attachment, guest)
    guest.port = port
    port.register(guest, FrameKind.GROUP)
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(port.run())
            await guest.is_up.wait()
            await stay()
            running.cancel()
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
