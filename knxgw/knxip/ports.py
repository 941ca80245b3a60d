"""What the server needs of the device: how it describes itself, and its properties.

The third port, the line that tunnels are members of, is `knxgw.knx.line.Line`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from typing import Protocol

from xknx.cemi import CEMIErrorCode
from xknx.knxip.knxip_enum import KNXMedium
from xknx.telegram.address import IndividualAddress


class IpAssignment(IntFlag):
    """How a device comes to its IP address, as PID 54 and 55 of the KNXnet/IP parameter object say it."""

    MANUAL = 1
    BOOTP = 2
    DHCP = 4
    AUTO_IP = 8


class IpCapability(IntFlag):
    """By which ways beside the manual one it can come to its address (PID 56)."""

    BOOTP = 1
    DHCP = 2
    AUTO_IP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the device says of itself at this moment."""

    name: str  # the first 30 characters are shown, in ISO 8859-1
    individual_address: IndividualAddress
    serial_number: bytes  # 6 octets
    mac_address: bytes  # 6 octets
    ip_address: str
    subnet_mask: str
    gateway: str
    dhcp_server: str = "0.0.0.0"  # noqa: S104 - none
    current_assignment: IpAssignment  # one of them
    possible_assignments: IpAssignment  # which of them may be used
    ip_capabilities: IpCapability
    routing_group: str | None = None  # multicast address; None: no routing member
    installation_id: int = 0  # project number << 4 | installation number
    is_in_programming_mode: bool = False
    is_bus_connected: bool = True
    medium: KNXMedium = KNXMedium.KNX_IP
    mask_version: int  # device descriptor type 0
    max_apdu: int  # octets
    tunnel_addresses: tuple[IndividualAddress, ...] = ()  # one for each tunnel that can be open
    has_sessions: bool = False  # of KNX IP Secure
    secured_families: frozenset[int] = frozenset()  # of which nothing is served plain

    @property
    def manufacturer(self) -> bytes:
        """Return the manufacturer's code, 2 octets."""
        return self.serial_number[:2]


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyAddress:
    """A property of an interface object, as cEMI addresses it: not by index, but by type and instance."""

    object_type: int
    instance: int  # from 1
    property_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionAnswer:
    """What a function property answers."""

    return_code: int  # 0: success
    data: bytes = b""


class PropertyServer(Protocol):
    """The management server of the device, as a device management connection asks it.

    Requests of one connection come one after the other, those of several connections at any time. An
    answer may wait until what was written is stored. None of it raises.
    """

    async def read(self, address: PropertyAddress, start: int, count: int) -> bytes | CEMIErrorCode:
        """Return `count` (1 to 15) elements from `start`; of element 0 the number of elements, 2 octets."""

    async def write(
        self, address: PropertyAddress, start: int, count: int, data: bytes
    ) -> CEMIErrorCode | None:
        """Write elements; return None when that was done."""

    async def command(self, address: PropertyAddress, data: bytes) -> FunctionAnswer | None:
        """Call a function property; return None where there is none."""

    async def state(self, address: PropertyAddress, data: bytes) -> FunctionAnswer | None:
        """Read the state of a function property; return None where there is none."""

    async def reset(self) -> bool:
        """Note that the IP side is to restart, without waiting for that; False: this client may not ask it."""

    def take_local(
        self, tpdu: bytes, answer: Callable[[bytes], None], *, is_connected: bool
    ) -> None:
        """Take an application layer service that came without a bus (T_Data_Connected or _Individual).

        `tpdu`: its first two octets hold the APCI, the transport layer control in them is 0. `answer` may be
        called later and any number of times, with a TPDU of the same shape; once the connection has closed
        it does nothing.
        """
