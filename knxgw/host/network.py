"""The machine's own network addresses, for the page that says how to reach it."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Interface, ip_address
from pathlib import Path
from typing import NamedTuple

import ifaddr

ADAPTERS = Path("/sys/class/net")  # of Linux; elsewhere no MAC address is known
IFF_LOOPBACK, IFF_POINTOPOINT, IFF_MULTICAST = 0x8, 0x10, 0x1000  # flags of an adapter


class OwnAddress(NamedTuple):
    """One address of the machine."""

    adapter: str  # eth0
    address: str  # 192.168.1.5
    mac: str  # of the adapter; empty: not known
    prefix: int = 0  # bits of its network


def own_addresses(*, with_link_local: bool = False) -> tuple[OwnAddress, ...]:
    """Return the addresses at which others reach this machine: no loopback, no link-local ones.

    `with_link_local`: also those that a machine without a DHCP server gives itself (169.254).
    """
    return tuple(
        one for one in _addresses() if with_link_local or not ip_address(one.address).is_link_local
    )


def adapter_index(adapter: str) -> int:
    """Return the number that the system has given an adapter, 0: it is gone."""
    try:
        return socket.if_nametoindex(adapter)
    except OSError:
        return 0


def is_of_people(adapter: str) -> bool:
    """Tell whether people may look for a device behind an adapter, as far as the system tells.

    Not behind one without multicast or with one peer only, as of a VPN, and not behind a bridge
    that has virtual members only, as that of containers. Source: [linux-man] netdevice(7).
    """
    place = ADAPTERS / adapter
    try:
        flags = int((place / "flags").read_text(encoding="ascii"), 16)
    except (OSError, ValueError):
        return True  # the system does not say
    if not flags & IFF_MULTICAST or flags & (IFF_LOOPBACK | IFF_POINTOPOINT):
        return False
    if not (place / "bridge").is_dir():
        return True
    return any((ADAPTERS / one.name / "device").exists() for one in (place / "brif").glob("*"))


def _addresses() -> Iterator[OwnAddress]:
    for adapter in ifaddr.get_adapters():
        name = str(adapter.nice_name)
        for one in adapter.ips:
            text = one.ip if isinstance(one.ip, str) else one.ip[0]
            found = ip_address(text)
            if not found.is_loopback:
                yield OwnAddress(name, text, _mac(name), one.network_prefix)


def ipv4_interfaces(adapter: str) -> tuple[IPv4Interface, ...]:
    """Return the IPv4 addresses of an adapter with their nets, link-local ones as well."""
    return tuple(
        IPv4Interface((one.ip, one.network_prefix))
        for found in ifaddr.get_adapters()
        if str(found.nice_name) == adapter
        for one in found.ips
        if isinstance(one.ip, str)
    )


class AdapterLink(NamedTuple):
    """How an adapter is connected, as the system tells it."""

    adapter: str
    is_up: bool
    mbit_s: int | None  # None: the system does not say


def adapter_link(adapter: str) -> AdapterLink | None:
    """Return how an adapter is connected; None: the system does not say."""
    try:
        state = (ADAPTERS / adapter / "operstate").read_text(encoding="ascii").strip()
    except OSError:
        return None
    try:
        speed = int((ADAPTERS / adapter / "speed").read_text(encoding="ascii"))
    except (OSError, ValueError):  # a wireless adapter has none, one without a link refuses
        speed = -1
    # the state of many virtual adapters is "unknown", although they are connected
    return AdapterLink(adapter, state in {"up", "unknown"}, speed if speed > 0 else None)


def _mac(adapter: str) -> str:
    """Return the MAC address of an adapter, "" where the system does not tell it."""
    try:
        return (ADAPTERS / adapter / "address").read_text(encoding="ascii").strip()
    except OSError:
        return ""
