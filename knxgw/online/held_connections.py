"""Which connections of a draft the running gateway has already, however they are spelled there and here.

A host may be named in one configuration and given by its address in the other, and a serial line by either of its
device files. What the gateway has is not opened a second time: many devices take one connection only, and whoever
opens a serial line in a moment in which the gateway opens it again keeps the gateway out. Source: website 47, 48.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

from knxgw.links.modbus_endpoint import ModbusEndpoint, SerialEndpoint, TcpEndpoint

RESOLVED_S = 3.0  # that name servers get; a name without an answer is compared as it is spelled
Addresses = Mapping[str, tuple[str, ...]]  # of hosts: IPv4 before IPv6, as text

Resolve = Callable[[str], Awaitable[tuple[str, ...]]]
NOT_ASKED: Addresses = {}


class Use(StrEnum):
    """How the running gateway has the connection of an endpoint."""

    SAME = "same"  # with the same settings
    OTHERWISE = "otherwise"  # with others: another speed, another protocol


async def resolved(host: str) -> tuple[str, ...]:
    """Return the addresses of a host, at least one. Raises: OSError."""
    answers = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    found = {(family != socket.AF_INET, str(where[0])) for family, *_, where in answers}
    return tuple(address for _, address in sorted(found))


async def addresses_of(hosts: Iterable[str], resolve: Resolve = resolved) -> Addresses:
    """Return the addresses of those hosts that are names and known to a name server in time."""
    found: dict[str, tuple[str, ...]] = {}

    async def ask(host: str) -> None:
        try:
            async with asyncio.timeout(RESOLVED_S):
                found[host] = await resolve(host)
        except (OSError, UnicodeError):  # TimeoutError is one; a name too long for the protocol
            return

    async with asyncio.TaskGroup() as group:
        for host in {one for one in hosts if _literal(one) is None}:
            group.create_task(ask(host))
    return found


async def addresses_in(
    used: Iterable[ModbusEndpoint],
    wanted: Iterable[ModbusEndpoint],
    resolve: Resolve = resolved,
) -> Addresses:
    """Return the addresses by which the hosts of two sets of endpoints are compared.

    Nobody is asked where the endpoints that are wanted name no host beside those that are used.
    """
    before, now = _hosts(used), _hosts(wanted)
    return NOT_ASKED if not before or now <= before else await addresses_of(before | now, resolve)


class HeldConnections:
    """The connections of a running gateway."""

    def __init__(
        self, endpoints: Iterable[ModbusEndpoint], addresses: Addresses = NOT_ASKED
    ) -> None:
        """Know the endpoints that the gateway has. `addresses`: of hosts, which may be spelled otherwise."""
        self._addresses = addresses
        self._held = {self.canonical(one) for one in endpoints}
        self._names = {one.name for one in self._held}

    def use_of(self, endpoint: ModbusEndpoint) -> Use | None:
        """Return how the gateway has the connection of an endpoint; None: not at all."""
        wanted = self.canonical(endpoint)
        if wanted in self._held:
            return Use.SAME
        return Use.OTHERWISE if wanted.name in self._names else None

    def canonical(self, endpoint: ModbusEndpoint) -> ModbusEndpoint:
        """Return an endpoint in the one spelling in which endpoints are compared."""
        match endpoint:
            case TcpEndpoint():
                return replace(endpoint, host=canonical_host(endpoint.host, self._addresses))
            case SerialEndpoint():
                port = str(Path(endpoint.line.port).resolve())
                return replace(endpoint, line=replace(endpoint.line, port=port))
            case _:
                return endpoint


def canonical_host(host: str, addresses: Addresses) -> str:
    """Return the first address of a host; its name, if none is known."""
    return _literal(host) or next(iter(addresses.get(host, ())), host)


def _literal(host: str) -> str | None:
    """Return an IP address in its usual spelling; None: it is a name."""
    try:
        return ip_address(host).compressed
    except ValueError:
        return None


def _hosts(endpoints: Iterable[ModbusEndpoint]) -> set[str]:
    return {one.host for one in endpoints if isinstance(one, TcpEndpoint)}
