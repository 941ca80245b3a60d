"""A simulated KNX IP interface on 127.0.0.1: a line of its own, which tools and gateways join by a tunnel.

It is the KNXnet/IP server that the gateway has itself, in front of a line without a wire. It hears no multicast.
"""

from collections.abc import Callable

from xknx.cemi import CEMIErrorCode, CEMILData
from xknx.telegram.address import IndividualAddress

from knxgw.knx.frames import Outcome
from knxgw.knx.line import Member
from knxgw.knxip.ports import (
    Description,
    FunctionAnswer,
    IpAssignment,
    IpCapability,
    PropertyAddress,
)
from knxgw.knxip.server import KnxIpServer, KnxIpSettings

HERE = "127.0.0.1"
NAME = "Simulated KNX IP interface"
OWN = IndividualAddress("1.1.250")
TUNNELS = tuple(IndividualAddress(f"1.1.{number}") for number in (251, 252, 253, 254))
SERIAL, MAC = bytes.fromhex("00fa00000001"), bytes.fromhex("020000000001")


def knx_interface(port: int = 0) -> KnxIpServer:
    """Return an interface that has not started; port 0: any that is free."""
    settings = KnxIpSettings(address=HERE, port=port, hears_searches=False)
    return KnxIpServer(settings, _Line(), _description, _NoProperties())


def _description() -> Description:
    return Description(
        name=NAME,
        individual_address=OWN,
        serial_number=SERIAL,
        mac_address=MAC,
        ip_address=HERE,
        subnet_mask="255.0.0.0",
        gateway="0.0.0.0",  # noqa: S104 - none
        current_assignment=IpAssignment.MANUAL,
        possible_assignments=IpAssignment.MANUAL,
        ip_capabilities=IpCapability(0),
        mask_version=0x091A,
        max_apdu=254,
        tunnel_addresses=TUNNELS,
    )


class _Line:
    """A line without a wire: what a member sends reaches the others at once."""

    def __init__(self) -> None:
        self._members: list[Member] = []

    def join(self, member: Member) -> None:
        """Take a new member."""
        self._members.append(member)

    def leave(self, member: Member) -> None:
        """Let a member go."""
        if member in self._members:
            self._members.remove(member)

    def outcome_at_once(self, _member: Member, _data: CEMILData) -> Outcome | None:
        """Return what becomes of a frame: nobody has to wait."""
        return Outcome.CONFIRMED

    def carry(self, member: Member, data: CEMILData) -> None:
        """Hand a frame to all others."""
        for one in tuple(self._members):
            if one is not member:
                one.take(data)

    async def send(self, member: Member, data: CEMILData) -> Outcome:
        """Hand a frame to all others."""
        self.carry(member, data)
        return Outcome.CONFIRMED


class _NoProperties:
    """An interface that nobody can set up."""

    async def read(
        self, _address: PropertyAddress, _start: int, _count: int
    ) -> bytes | CEMIErrorCode:
        """Return that there is no such property."""
        return CEMIErrorCode.CEMI_ERROR_VOID_DP

    async def write(
        self, _address: PropertyAddress, _start: int, _count: int, _data: bytes
    ) -> CEMIErrorCode | None:
        """Return that there is no such property."""
        return CEMIErrorCode.CEMI_ERROR_VOID_DP

    async def command(self, _address: PropertyAddress, _data: bytes) -> FunctionAnswer | None:
        """Return that there is no such function."""
        return None

    async def state(self, _address: PropertyAddress, _data: bytes) -> FunctionAnswer | None:
        """Return that there is no such function."""
        return None

    async def reset(self) -> bool:
        """Refuse."""
        return False

    def take_local(
        self, _tpdu: bytes, _answer: Callable[[bytes], None], *, is_connected: bool
    ) -> None:
        """Answer nothing."""
