"""Which network adapter the settings of the device are of. Source: [linux-man] netdevice(7), proc(5)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from knxgw.host.networkd_file import is_adapter_name

ADAPTERS = Path("sys/class/net")
ROUTES = Path("proc/net/route")
ROOT = Path("/")
_ETHERNET = "1"  # ARPHRD_ETHER; a tunnel such as WireGuard has another one
# what of an adapter says that it is no connection of the machine to a network
_NO_UPLINK = ("bridge", "master", "tun_flags", "bonding_slave", "brport")
_WIRELESS = ("wireless", "phy80211")
_GATEWAY_FLAG = 0x2


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A network adapter that may connect the machine to its network."""

    name: str
    index: int
    is_wired: bool
    is_device: bool  # it has hardware; a virtual one has none


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultRoute:
    """A route to everywhere."""

    adapter: str
    gateway: IPv4Address
    metric: int


def adapters(root: Path = ROOT) -> tuple[Adapter, ...]:
    """Return the adapters of this machine that may be its uplink: no loopback, bridges, tunnels."""
    return tuple(_adapters(root / ADAPTERS))


def _adapters(folder: Path) -> Iterator[Adapter]:
    for path in sorted(folder.glob("*")):
        is_ethernet = _line(path / "type") == _ETHERNET
        if not is_ethernet or any((path / sign).exists() for sign in _NO_UPLINK):
            continue
        index = _line(path / "ifindex")
        if index.isdecimal() and is_adapter_name(path.name):
            yield Adapter(
                name=path.name,
                index=int(index),
                is_wired=not any((path / sign).exists() for sign in _WIRELESS),
                is_device=(path / "device").exists(),
            )


def default_routes(text: str) -> tuple[DefaultRoute, ...]:
    """Return the default routes of IPv4 that `/proc/net/route` has, the best first."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 8 or words[1] != "00000000" or words[7] != "00000000":
            continue
        if int(words[3], 16) & _GATEWAY_FLAG:
            gateway = IPv4Address(bytes.fromhex(words[2])[::-1])  # in the order of this machine
            found.append(DefaultRoute(adapter=words[0], gateway=gateway, metric=int(words[6])))
    return tuple(sorted(found, key=lambda one: one.metric))


def read_default_routes(root: Path = ROOT) -> tuple[DefaultRoute, ...]:
    """Return the default routes of this machine, () where it does not say."""
    try:
        return default_routes((root / ROUTES).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ()


def choose(
    found: Sequence[Adapter], routes: Iterable[DefaultRoute], written: str = ""
) -> Adapter | None:
    """Return the adapter that the settings are of; None: it is not clear which one.

    `written`: the one that our file names. It comes first: a permanent address without a gateway has no default
    route.
    """
    by_name = {one.name: one for one in found}
    if written in by_name:
        return by_name[written]
    for route in routes:
        if route.adapter in by_name:
            return by_name[route.adapter]
    wired = [one for one in found if one.is_wired]
    for few in (
        [one for one in wired if one.is_device],
        wired,
    ):  # a virtual machine may have no device
        if len(few) == 1:
            return few[0]
    return None


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
