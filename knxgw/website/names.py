"""Under which names and addresses people reach the website."""

import socket
from ipaddress import ip_address

from knxgw.config.model import Configuration
from knxgw.host.network import own_addresses

LOOPBACK = ("127.0.0.1", "::1")


def host_names(configuration: Configuration | None) -> frozenset[str]:
    """Return the names under which the website answers, beside its addresses."""
    own = socket.gethostname().lower()
    given = () if configuration is None else configuration.website.host_names
    return frozenset({own, f"{own.partition('.')[0]}.local", *(name.lower() for name in given)})


def certificate_names(configuration: Configuration | None) -> tuple[str, ...]:
    """Return what a certificate of the device names: all that may be typed into a browser."""
    addresses = {one.address for one in own_addresses()} - set(LOOPBACK)
    names = host_names(configuration) - {"localhost"}
    return (
        "localhost",
        *sorted(names),
        *LOOPBACK,
        *sorted(addresses, key=lambda one: (ip_address(one).version, ip_address(one).packed)),
    )
