"""Which addresses belong to the networks that this machine is in; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_address

from knxgw.host.network import OwnAddress

LONGEST_SEARCH = 24  # bits of the network: at most 254 hosts are searched


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A network of this machine, or the part of it around its own address."""

    adapter: str
    network: IPv4Network
    own: IPv4Address

    def hosts(self) -> tuple[str, ...]:
        """Return the addresses of the others, in order."""
        return tuple(str(one) for one in self.network.hosts() if one != self.own)


def subnets_of(addresses: Iterable[OwnAddress]) -> tuple[Subnet, ...]:
    """Return the IPv4 networks of a machine's addresses, each once; of a large one the 254 hosts around it."""
    found: dict[IPv4Network, Subnet] = {}
    for one in addresses:
        if not isinstance(ip_address(one.address.partition("%")[0]), IPv4Address):
            continue
        bits = max(one.prefix, LONGEST_SEARCH)
        network = IPv4Interface(f"{one.address}/{bits}").network
        if network.num_addresses > 1:
            own = IPv4Address(one.address)
            found.setdefault(network, Subnet(adapter=one.adapter, network=network, own=own))
    return tuple(found.values())
