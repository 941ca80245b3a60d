"""In which networks the device is told of: those from which its website is reached. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

EVERYWHERE = "0.0.0.0"  # noqa: S104 - to recognise it


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A network, and the address of the device in it."""

    adapter: str
    interface: IPv4Interface
    index: int = 0  # of the adapter: another one once it was pulled and plugged in again

    @property
    def address(self) -> str:
        """Return the address of the device."""
        return str(self.interface.ip)

    @property
    def network(self) -> IPv4Network:
        """Return the network of that address."""
        return self.interface.network

    def knows(self, source: str) -> bool:
        """Tell whether an address can be one of this network: nobody else is answered."""
        try:
            asking = IPv4Address(source)
        except ValueError:
            return False
        if self.network.prefixlen < 31 and asking in (self.network[0], self.network[-1]):
            return False
        return asking in self.network


def places(
    hosts: Iterable[str], own: Iterable[Place], is_of_people: Callable[[str], bool]
) -> tuple[Place, ...]:
    """Return where to tell of a website that listens at `hosts`; of each network one address.

    `own`: every IPv4 address of the machine. `is_of_people`: whether somebody may look behind an
    adapter, where the website listens everywhere. An automatic address (169.254) is taken only if
    its adapter has no other one. Two adapters in one network would be two devices with one name: a
    cable goes before radio.
    """
    listened = frozenset(hosts)
    found: list[Place] = []
    for one in sorted(own, key=_by_preference):
        is_wanted = one.address in listened or (
            EVERYWHERE in listened and is_of_people(one.adapter)
        )
        if is_wanted and not one.interface.is_loopback and not _has_network_of(found, one):
            found.append(one)
    return tuple(found)


def _by_preference(one: Place) -> tuple[bool, bool, str, int]:
    address = one.interface.ip
    return address.is_link_local, one.adapter.startswith("wl"), one.adapter, int(address)


def _has_network_of(found: Iterable[Place], one: Place) -> bool:
    address = one.interface.ip
    return any(
        place.adapter == one.adapter or (address in place.network and not address.is_link_local)
        for place in found
    )
