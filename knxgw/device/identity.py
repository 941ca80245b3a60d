"""What tells this device from others, and what it says of its network; values only."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address

MASK_VERSION = 0x57B0  # KNX IP, System B
MANUFACTURER = 0x00FA  # of devices in development; a registered product has its own
SETUP_MULTICAST = IPv4Address("224.0.23.12")
MAX_APDU_LENGTH = 254
NOWHERE = IPv4Address("0.0.0.0")  # noqa: S104 - an address that is not there
PERMANENT, DHCP, AUTO_IP = 1 << 0, 1 << 2, 1 << 3  # how an IP address is assigned


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What stays the same for the life of the device."""

    serial_number: bytes  # 6 octets, the manufacturer first
    fdsk: bytes = field(default=b"", repr=False)  # the first tool key; b"": it has none
    order_number: str = "knxgw"  # at most 10 characters
    hardware_type: bytes = b"\0\0knxg"  # 6 octets; the product entry for ETS compares them
    version: tuple[int, int, int] = (0, 0, 0)  # magic, version, revision: 5, 5 and 6 bits
    firmware_revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IpState:
    """The network of the device, as it is now."""

    is_dhcp: bool = False
    is_auto_ip: bool = False  # an address of 169.254, because no DHCP server answers
    address: IPv4Address = NOWHERE
    mask: IPv4Address = NOWHERE
    gateway: IPv4Address = NOWHERE
    dhcp_server: IPv4Address = NOWHERE
    mac_address: bytes = bytes(6)
    routing_multicast: IPv4Address = NOWHERE  # NOWHERE: no member of a routing group
    has_tunnels: bool = False
    is_settable: bool = False  # the machine takes settings of ours

    @property
    def assignment(self) -> int:
        """Return how the address is assigned: `PERMANENT`, `DHCP` or `AUTO_IP`, as PID 54 says it."""
        if self.is_auto_ip:
            return AUTO_IP
        return DHCP if self.is_dhcp else PERMANENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Telegrams that went between IP and the device, and those that were too many."""

    lost_to_ip: int = 0
    lost_to_knx: int = 0
    sent_to_ip: int = 0
    sent_to_knx: int = 0


def serial_number_of(device: bytes) -> bytes:
    """Return the serial number of a device, made of what else tells it from others (at least 4 octets)."""
    own = device[:4] if any(device[:4]) else b"\0\0\0\1"  # ETS distrusts 00FA 00000000
    return MANUFACTURER.to_bytes(2, "big") + own


def serial_text(serial_number: bytes) -> str:
    """Return a serial number as ETS shows it: 00FA:12345678."""
    digits = serial_number.hex().upper()
    return f"{digits[:4]}:{digits[4:]}"
