"""How a running device is found in its network: what it says of itself, and where. Source: website 61."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface, ip_address
from pathlib import Path
from typing import NoReturn

from knxgw.config.model import Configuration
from knxgw.host.network import OwnAddress, adapter_index, is_of_people, own_addresses
from knxgw.links.discovery.discovery import Discovery, Situation, real_tellers
from knxgw.links.discovery.introduction import NO_NAME, Introduction
from knxgw.links.discovery.places import Place, places
from knxgw.store.device_id import device_id
from knxgw.website.listener import Listener


class Announcement:
    """What one device tells of itself; `run` does it, the rest is safe from any thread."""

    def __init__(
        self,
        directory: Path,
        configuration: Callable[[], Configuration | None],
        listener: Callable[[], Listener],
        now: Callable[[], datetime],
    ) -> None:
        """Get ready; `directory`: of the state, `listener`: where the website answers now."""
        self._id = device_id(directory)
        self._configuration, self._listener = configuration, listener
        self._discovery = Discovery(self._situation, real_tellers(now))

    @property
    def host_names(self) -> frozenset[str]:
        """Return the names by which it is reached because it is announced."""
        return self._discovery.host_names

    def look_again(self) -> None:
        """Follow a change at once; on the loop."""
        self._discovery.look_again()

    async def run(self) -> NoReturn:
        """Tell until cancelled."""
        await self._discovery.run()

    def introduction(self) -> Introduction | None:
        """Return what it says of itself; None: nothing, it is switched off or has no network."""
        configuration, listener = self._configuration(), self._listener()
        if configuration is not None and not configuration.website.is_announced:
            return None
        if all(ip_address(host.partition("%")[0]).is_loopback for host in listener.hosts()):
            return None
        name = NO_NAME if configuration is None else configuration.device.name
        return Introduction(name=name, id=self._id, port=listener.address.port)

    def _situation(self) -> Situation | None:
        said = self.introduction()
        if said is None:
            return None
        own = own_addresses(with_link_local=True)
        return Situation(
            said=said,
            places=places(self._listener().hosts(), _places_of(own), is_of_people),
            own_addresses=frozenset(one.address for one in own),
        )


def _places_of(addresses: Iterable[OwnAddress]) -> Iterator[Place]:
    for one in addresses:
        if isinstance(ip_address(one.address), IPv4Address):
            adapter = one.adapter.partition(":")[0]  # eth0:1 is a second address of eth0
            yield Place(
                adapter=adapter,
                interface=IPv4Interface(f"{one.address}/{one.prefix}"),
                index=adapter_index(adapter),
            )
