"""The IPv4 settings of the device, and what may not be one; pure.

Whatever comes from a page, from ETS or from a file is read here, and read again by the process that writes
it. Source: product 9; [reference-manual] 8.3.2, 8.3.4.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network
from typing import TypeVar

MOST_NAME_SERVERS = 3  # the resolver of the C library asks no more
WIDEST_BITS, NARROWEST_BITS = 8, 30  # of a mask: /31 and /32 leave no room for a gateway
_BITS = 32


class Mode(StrEnum):
    """Where the address comes from."""

    AUTOMATIC = "automatic"  # from a DHCP server; without one 169.254.x.y
    PERMANENT = "permanent"


class Field(StrEnum):
    """A field of the settings."""

    MODE = "mode"
    ADDRESS = "address"
    MASK = "mask"
    GATEWAY = "gateway"
    DNS = "dns"


class Reason(StrEnum):
    """Why a field is refused."""

    MISSING = "missing"
    NOT_A_MODE = "not_a_mode"
    NOT_AN_ADDRESS = "not_an_address"
    DEFAULT_LOOPBACK = "default_loopback"  # 127.0.0.1, which ETS has there before somebody types
    LOOPBACK = "loopback"  # 127.0.0.0/8
    NO_ADDRESS = "no_address"  # 0.0.0.0/8
    LINK_LOCAL = "link_local"  # 169.254.0.0/16
    MULTICAST = "multicast"  # 224.0.0.0/4
    RESERVED = "reserved"  # 240.0.0.0/4, with 255.255.255.255
    OF_THE_NET = "of_the_net"  # the first address of the net names the net itself
    BROADCAST = "broadcast"  # the last address of the net
    NOT_A_MASK = "not_a_mask"  # its bits are not contiguous, or it is none
    MASK_TOO_NARROW = "mask_too_narrow"
    MASK_TOO_WIDE = "mask_too_wide"
    OUTSIDE_THE_NET = "outside_the_net"
    OWN_ADDRESS = "own_address"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A field that is refused, and why."""

    field: Field
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class IPv4Settings:
    """The IPv4 settings of one adapter; what `read_settings` returns has passed every check."""

    mode: Mode
    interface: IPv4Interface | None = None  # the permanent address with its net
    gateway: IPv4Address | None = None  # None: from DHCP; with a permanent address: no other nets
    name_servers: tuple[IPv4Address, ...] = ()  # (): those of the DHCP server


AUTOMATIC = IPv4Settings(mode=Mode.AUTOMATIC)
_SPECIAL = (
    (IPv4Network("127.0.0.0/8"), Reason.LOOPBACK),
    (IPv4Network("0.0.0.0/8"), Reason.NO_ADDRESS),
    (IPv4Network("169.254.0.0/16"), Reason.LINK_LOCAL),
    (IPv4Network("224.0.0.0/4"), Reason.MULTICAST),
    (IPv4Network("240.0.0.0/4"), Reason.RESERVED),
)
_ETS_DEFAULT = "127.0.0.1"
T = TypeVar("T")


class SettingsError(ValueError):
    """Fields are refused; `refused` has each of them once, in the order of the form."""

    def __init__(self, refused: Sequence[Refused]) -> None:
        super().__init__(", ".join(f"{one.field}: {one.reason}" for one in refused))
        self.refused = tuple(refused)


def read_settings(fields: Mapping[str, str]) -> IPv4Settings:
    """Return the settings that texts say, by the names of `Field`. Raises: SettingsError.

    `mask` is dotted, or the number of its bits; `dns` has addresses with commas or blanks between them. With an
    automatic address what the fields of a permanent one say is left aside.
    """
    texts = {field: str(fields.get(field, "")).strip() for field in Field}
    try:
        mode = Mode(texts[Field.MODE])
    except ValueError:
        raise SettingsError([Refused(field=Field.MODE, reason=Reason.NOT_A_MODE)]) from None
    refused: list[Refused] = []
    interface = gateway = None
    if mode is Mode.PERMANENT:
        address = _asked(Field.ADDRESS, refused, lambda: _own_address(texts[Field.ADDRESS]))
        bits = _asked(Field.MASK, refused, lambda: _mask(texts[Field.MASK]))
        if address is not None and bits is not None:
            whole = IPv4Interface((address, bits))
            interface = _asked(Field.ADDRESS, refused, lambda: _host_of(whole))
        gateway = _asked(Field.GATEWAY, refused, lambda: _gateway(texts[Field.GATEWAY], interface))
    name_servers = _asked(Field.DNS, refused, lambda: _name_servers(texts[Field.DNS], interface))
    if refused:
        raise SettingsError(refused)
    return IPv4Settings(
        mode=mode, interface=interface, gateway=gateway, name_servers=name_servers or ()
    )


def fields_of(settings: IPv4Settings) -> dict[str, str]:
    """Return settings as the texts of a form; `read_settings` reads them again."""
    interface, gateway = settings.interface, settings.gateway
    return {
        Field.MODE: settings.mode.value,
        Field.ADDRESS: "" if interface is None else str(interface.ip),
        Field.MASK: "" if interface is None else str(interface.netmask),
        Field.GATEWAY: "" if gateway is None else str(gateway),
        Field.DNS: ", ".join(map(str, settings.name_servers)),
    }


def may_cut_off(before: IPv4Settings | None, after: IPv4Settings) -> bool:
    """Tell whether a change may take the device away from a browser; other name servers do not.

    `before`: None if it is not known.
    """
    if before is None:
        return True
    return (before.mode, before.interface, before.gateway) != (
        after.mode,
        after.interface,
        after.gateway,
    )


class _No(Exception):  # noqa: N818 - a reason on its way to the field
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def _asked(field: Field, refused: list[Refused], read: Callable[[], T]) -> T | None:
    """Return what a field says; None: it is refused, which is noted."""
    try:
        return read()
    except _No as no:
        refused.append(Refused(field=field, reason=no.reason))
        return None


def _own_address(text: str) -> IPv4Address:
    if text == _ETS_DEFAULT:
        raise _No(Reason.DEFAULT_LOOPBACK)
    return _address(text)


def _host_of(interface: IPv4Interface) -> IPv4Interface:
    _refuse_edges(interface.network, interface.ip)
    return interface


def _gateway(text: str, interface: IPv4Interface | None) -> IPv4Address | None:
    """Return the standard gateway, which may be left out."""
    if not text:
        return None
    gateway = _address(text)
    if interface is None:
        return gateway
    if gateway not in interface.network:
        raise _No(Reason.OUTSIDE_THE_NET)
    if gateway == interface.ip:
        raise _No(Reason.OWN_ADDRESS)
    _refuse_edges(interface.network, gateway)
    return gateway


def _name_servers(text: str, interface: IPv4Interface | None) -> tuple[IPv4Address, ...]:
    """Return the name servers, each once."""
    found = tuple(dict.fromkeys(map(_address, text.replace(",", " ").split())))
    if interface is not None and interface.ip in found:
        raise _No(Reason.OWN_ADDRESS)
    if len(found) > MOST_NAME_SERVERS:
        raise _No(Reason.TOO_MANY)
    return found


def _address(text: str) -> IPv4Address:
    if not text:
        raise _No(Reason.MISSING)
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise _No(Reason.NOT_AN_ADDRESS) from None
    for network, reason in _SPECIAL:
        if address in network:
            raise _No(reason)
    return address


def _mask(text: str) -> int:
    if not text:
        raise _No(Reason.MISSING)
    bits = bits_of_mask(text)
    if bits is None:
        raise _No(Reason.NOT_A_MASK)
    if bits > NARROWEST_BITS:
        raise _No(Reason.MASK_TOO_NARROW)
    if bits < WIDEST_BITS:
        raise _No(Reason.MASK_TOO_WIDE)
    return bits


def bits_of_mask(text: str) -> int | None:
    """Return how many bits a mask has: of `255.255.255.0`, `24` or `/24`; None: it is none."""
    number = text.removeprefix("/")
    if number.isascii() and number.isdecimal() and len(number) <= 2:
        return int(number) if int(number) <= _BITS else None
    try:
        mask = int(IPv4Address(text))
    except AddressValueError:
        return None
    bits = mask.bit_count()
    is_contiguous = mask == ((1 << bits) - 1) << (_BITS - bits)
    return bits if is_contiguous else None


def _refuse_edges(network: IPv4Network, address: IPv4Address) -> None:
    if address == network.network_address:
        raise _No(Reason.OF_THE_NET)
    if address == network.broadcast_address:
        raise _No(Reason.BROADCAST)
