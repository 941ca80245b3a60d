"""IP settings that a tool writes: properties 55 and 60 to 62 of the KNXnet/IP parameter object. Pure.

What is written is kept beside what holds, until the device restarts: a tool writes one property after the
other, and what it has written so far may be half of it. Until then, and again after it, the properties say what
holds, whoever has set it. Source: product 9.6; [knx-standard] 3/8/3 (management).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from knxgw.device.identity import AUTO_IP, DHCP, NOWHERE, PERMANENT, IpState

ASSIGNMENT = "ip_parameter.assignment"
ADDRESS, MASK, GATEWAY = "ip_parameter.ip", "ip_parameter.mask", "ip_parameter.gateway"
NONE_WRITTEN: Mapping[str, bytes] = {
    ASSIGNMENT: b"\0",  # no way to an address: nothing is written
    ADDRESS: bytes(4),
    MASK: bytes(4),
    GATEWAY: bytes(4),
}
AUTOMATIC = DHCP | AUTO_IP  # the device has both or none
_ASSIGNMENTS = {PERMANENT, DHCP, AUTOMATIC}


@dataclass(frozen=True, slots=True, kw_only=True)
class IpSettings:
    """What a tool wants; whether a host can have such an address is judged where it is set."""

    is_permanent: bool
    address: IPv4Address
    mask: IPv4Address
    gateway: IPv4Address  # 0.0.0.0: none


def held(ip: IpState) -> Mapping[str, bytes]:
    """Return what the properties say of the settings that hold."""
    if ip.assignment != PERMANENT:
        return {**NONE_WRITTEN, ASSIGNMENT: bytes([AUTOMATIC])}
    return {
        ASSIGNMENT: bytes([PERMANENT]),
        ADDRESS: ip.address.packed,
        MASK: ip.mask.packed,
        GATEWAY: ip.gateway.packed,
    }


def is_possible(name: str, value: bytes) -> bool:
    """Tell whether the device has such a way to its address."""
    return name != ASSIGNMENT or value[0] in _ASSIGNMENTS


def settings_of(kept: Mapping[str, bytes]) -> IpSettings | None:
    """Return what a tool has written and does not hold yet, None: nothing."""
    if kept[ASSIGNMENT] == NONE_WRITTEN[ASSIGNMENT]:
        return None
    is_permanent = kept[ASSIGNMENT][0] == PERMANENT
    address, mask, gateway = (
        IPv4Address(kept[name]) if is_permanent else NOWHERE for name in (ADDRESS, MASK, GATEWAY)
    )
    return IpSettings(is_permanent=is_permanent, address=address, mask=mask, gateway=gateway)


def reader(
    name: str, kept: Callable[[], Mapping[str, bytes]], ip: Callable[[], IpState]
) -> Callable[[], bytes]:
    """Return what reads a property: as it is written, else as it holds."""

    def read() -> bytes:
        written = kept()
        return written[name] if settings_of(written) is not None else held(ip())[name]

    return read
