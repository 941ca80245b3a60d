"""A device for the KNXnet/IP server: a line and properties in memory, and how it describes itself.

`python -m tests.support.knxip_device 10.77.0.1` serves it there, on the usual port.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from xknx.cemi import CEMIErrorCode, CEMILData
from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.address import IndividualAddress
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite
from xknx.telegram.tpci import TDataGroup

from knxgw.knx.frames import Outcome
from knxgw.knx.ip_security import IpSecurity
from knxgw.knx.line import Member
from knxgw.knxip.ports import (
    Description,
    FunctionAnswer,
    IpAssignment,
    IpCapability,
    PropertyAddress,
)
from knxgw.knxip.server import KnxIpServer, KnxIpSettings
from knxgw.knxip.wire import PORT

LOCALHOST = "127.0.0.1"

OWN = IndividualAddress("1.1.5")
TUNNELS = (IndividualAddress("1.1.6"), IndividualAddress("1.1.7"))
SERIAL = bytes.fromhex("00fa01020304")
MAC = bytes.fromhex("020304050607")
FUNCTION = PropertyAddress(object_type=17, instance=1, property_id=51)
NAME = PropertyAddress(object_type=11, instance=1, property_id=76)


def description(**changes: Any) -> Description:
    """Return the description of the device of the reference's examples."""
    said = Description(
        name="EV Gateway",
        individual_address=OWN,
        serial_number=SERIAL,
        mac_address=MAC,
        ip_address="192.168.0.20",
        subnet_mask="255.255.255.0",
        gateway="192.168.0.1",
        dhcp_server="192.168.0.1",
        current_assignment=IpAssignment.DHCP,
        possible_assignments=IpAssignment.DHCP,
        ip_capabilities=IpCapability.DHCP | IpCapability.AUTO_IP,
        routing_group="224.0.23.12",
        mask_version=0x57B0,
        max_apdu=254,
        tunnel_addresses=TUNNELS,
    )
    return replace(said, **changes)


class LineOfMembers:
    """A line without a wire: what a member sends reaches the others at once."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.sent: list[CEMILData] = []
        self.outcome = Outcome.CONFIRMED
        self.is_busy = False  # while it is, whoever sends waits
        self._free = asyncio.Event()

    def join(self, member: Member) -> None:
        """Take a new member."""
        addresses = [one.individual_address for one in self.members]
        assert member.individual_address not in addresses, "two members with one address"
        self.members.append(member)

    def leave(self, member: Member) -> None:
        """Let a member go."""
        self.members.remove(member)

    def outcome_at_once(self, member: Member, data: CEMILData) -> Outcome | None:
        """Return what becomes of a frame, unless it has to wait."""
        return None if self.is_busy else self.outcome

    def carry(self, member: Member, data: CEMILData) -> None:
        """Carry a frame."""
        self.sent.append(data)
        for one in tuple(self.members):
            if one is not member:
                one.take(data)

    async def send(self, member: Member, data: CEMILData) -> Outcome:
        """Carry a frame once that is possible."""
        while self.is_busy:
            self._free.clear()
            await self._free.wait()
        self.carry(member, data)
        return self.outcome

    def free(self) -> None:
        """Let those who wait go on."""
        self.is_busy = False
        self._free.set()

    def heard(self, data: CEMILData) -> None:
        """Let somebody else say something."""
        for one in tuple(self.members):
            one.take(data)


class DeviceOnLine:
    """A member that notes what it hears, and may answer it."""

    def __init__(
        self, line: LineOfMembers, answer: Callable[[CEMILData], CEMILData | None] | None = None
    ) -> None:
        self.heard: list[CEMILData] = []
        self.is_behind = False
        self._line, self._answer = line, answer
        line.join(self)

    @property
    def individual_address(self) -> IndividualAddress:
        """Return its address."""
        return OWN

    def take(self, data: CEMILData) -> None:
        """Note a frame; the answer comes a little later."""
        self.heard.append(data)
        answer = self._answer(data) if self._answer is not None else None
        if answer is not None:
            asyncio.get_running_loop().call_soon(self._say, answer)

    def _say(self, answer: CEMILData) -> None:
        for one in tuple(self._line.members):
            if one is not self:
                one.take(answer)


class MemoryProperties:
    """A `PropertyServer` with elements of one octet in memory."""

    def __init__(self) -> None:
        self.values: dict[PropertyAddress, bytes] = {NAME: b"EV Gateway".ljust(30, b"\0")}
        self.commands: list[bytes] = []
        self.resets = 0
        self.takes_resets = True
        self.local: list[tuple[bytes, bool]] = []
        self.answers: list[Callable[[bytes], None]] = []  # to local services
        self.wait_s = 0.0  # until something is stored

    async def read(self, address: PropertyAddress, start: int, count: int) -> bytes | CEMIErrorCode:
        """Read elements."""
        value = self.values.get(address)
        if value is None:
            return CEMIErrorCode.CEMI_ERROR_VOID_DP
        if start == 0:
            return len(value).to_bytes(2, "big")
        if start + count - 1 > len(value):
            return CEMIErrorCode.CEMI_ERROR_PROP_INDEX_RANGE
        return value[start - 1 : start - 1 + count]

    async def write(
        self, address: PropertyAddress, start: int, count: int, data: bytes
    ) -> CEMIErrorCode | None:
        """Write elements."""
        await asyncio.sleep(self.wait_s)
        if address not in self.values:
            return CEMIErrorCode.CEMI_ERROR_VOID_DP
        if len(data) != count:
            return CEMIErrorCode.CEMI_ERROR_TYPE_CONFLICT
        value = bytearray(self.values[address])
        value[start - 1 : start - 1 + count] = data
        self.values[address] = bytes(value)
        return None

    async def command(self, address: PropertyAddress, data: bytes) -> FunctionAnswer | None:
        """Call a function."""
        if address != FUNCTION:
            return None
        self.commands.append(data)
        return FunctionAnswer(return_code=0, data=data[-1:])

    async def state(self, address: PropertyAddress, data: bytes) -> FunctionAnswer | None:
        """Read the state of a function."""
        return FunctionAnswer(return_code=0, data=b"\x01") if address == FUNCTION else None

    async def reset(self) -> bool:
        """Count it."""
        self.resets += 1
        return self.takes_resets

    def take_local(
        self, tpdu: bytes, answer: Callable[[bytes], None], *, is_connected: bool
    ) -> None:
        """Note it."""
        self.local.append((tpdu, is_connected))
        self.answers.append(answer)


class GroupValues:
    """What the device answers to reads: the value written last, 0C22 where there was none."""

    def __init__(self) -> None:
        self._values: dict[str, DPTArray | DPTBinary] = {}

    def answer(self, data: CEMILData) -> CEMILData | None:
        """Take a write, answer a read."""
        address = str(data.dst_addr)
        if isinstance(data.payload, GroupValueWrite):
            self._values[address] = data.payload.value
        if not isinstance(data.payload, GroupValueRead):
            return None
        value = self._values.get(address, DPTArray((0x0C, 0x22)))
        return CEMILData(
            src_addr=OWN,
            dst_addr=data.dst_addr,
            tpci=TDataGroup(),
            payload=GroupValueResponse(value),
        )


class Site:
    """A server, the line behind it and the device on it."""

    def __init__(
        self, said: Description, secure: IpSecurity | None = None, **settings: Any
    ) -> None:
        self.said = said
        self.secure = secure or IpSecurity()
        self.line = LineOfMembers()
        self.device = DeviceOnLine(self.line, GroupValues().answer)
        self.properties = MemoryProperties()
        where = KnxIpSettings(
            **{"address": LOCALHOST, "port": 0, "hears_searches": False, **settings}
        )
        self.server = KnxIpServer(
            where, self.line, lambda: self.said, self.properties, lambda: self.secure
        )

    @property
    def port(self) -> int:
        """Return where it listens."""
        return self.server.port


@asynccontextmanager
async def site(secure: IpSecurity | None = None, **settings: Any) -> AsyncGenerator[Site, None]:
    """Run a server with what is behind it; `secure`: of KNX IP Secure."""
    said = description(
        ip_address=settings.get("address", LOCALHOST),
        has_sessions=secure is not None,
        secured_families=frozenset() if secure is None else secure.secured_families,
    )
    one = Site(said, secure, **settings)
    await one.server.start()
    try:
        yield one
    finally:
        await one.server.stop()


async def _serve(address: str) -> None:
    async with site(address=address, port=PORT, hears_searches=True):
        print("ready", flush=True)  # noqa: T201 - for the test that has started it
        await asyncio.Event().wait()  # until it is ended


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
