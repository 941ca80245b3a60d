"""The KNXnet/IP server, to be started and stopped."""

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import NoReturn

from xknx.telegram.address import IndividualAddress

from knxgw.knx.ip_security import IpSecurity
from knxgw.knx.line import Line
from knxgw.knxip.cemi import property_indication
from knxgw.knxip.channel import Channel
from knxgw.knxip.endpoint import MOST_MANAGEMENT, KnxIpEndpoint
from knxgw.knxip.ports import Description, PropertyAddress, PropertyServer
from knxgw.knxip.running import Device, Limits, RunningServer
from knxgw.knxip.statistics import Statistics
from knxgw.knxip.streams import MOST_STREAMS
from knxgw.knxip.wire import PORT, Place

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnxIpSettings:
    """Where the server listens, and how much it takes upon itself."""

    address: str  # of the KNX interface; 127.0.0.1 in the demo
    port: int = PORT  # UDP and TCP; 0: any that is free
    hears_searches: bool = True  # joins the multicast group in which ETS looks for devices
    most_streams: int = MOST_STREAMS  # TCP connections
    most_management: int = MOST_MANAGEMENT  # device management connections


class KnxIpServer:
    """Use `run` as a task of its own, or `start` and `stop`; each may be done again."""

    def __init__(
        self,
        settings: KnxIpSettings,
        line: Line,
        description: Callable[[], Description],
        properties: PropertyServer,
        secure: Callable[[], IpSecurity] = IpSecurity,
    ) -> None:
        """Serve a device; tunnels join `line`, `description` and `secure` (KNX IP Secure) are asked each time."""
        self._settings = settings
        self._device = Device(line=line, describe=description, properties=properties, secure=secure)
        self._statistics = Statistics()
        self._running: RunningServer | None = None

    @property
    def statistics(self) -> Statistics:
        """Return what was counted until now, a copy."""
        return replace(self._statistics)

    @property
    def port(self) -> int:
        """Return the port it listens at; 0: it does not run."""
        return 0 if self._running is None else self._running.port

    @property
    def channels(self) -> Collection[Channel]:
        """Return the open connections."""
        endpoint = self._endpoint()
        return () if endpoint is None else endpoint.channels

    @property
    def tunnels_in_use(self) -> frozenset[IndividualAddress]:
        """Return the addresses of tunnels that are open."""
        endpoint = self._endpoint()
        return frozenset() if endpoint is None else endpoint.used_addresses

    @property
    def connections(self) -> int:
        """Return how many connections are open, tunnels and others."""
        return len(self.channels)

    @property
    def streams(self) -> int:
        """Return how many TCP connections there are."""
        return 0 if self._running is None else self._running.streams

    async def run(self) -> NoReturn:
        """Serve until cancelled. Raises: LinkError when it cannot start; what is a bug of ours."""
        await self.start()
        try:
            if self._running is not None:
                await self._running.failed()
        finally:
            await self.stop()
        raise RuntimeError("somebody else has stopped the server")

    async def start(self) -> None:
        """Listen. Raises: LinkError, with the remedy: the port is in use, the address is not ours."""
        if self._running is not None:
            raise RuntimeError("the server runs already")
        settings = self._settings
        limits = Limits(streams=settings.most_streams, management=settings.most_management)
        running = RunningServer(self._device, limits, self._statistics)
        wanted = Place(settings.address, settings.port)
        await running.open(wanted, hears_searches=settings.hears_searches)
        self._running = running
        log.info("KNXnet/IP server: listens at %s, port %d", settings.address, self.port)

    async def stop(self) -> None:
        """Tell all clients that it ends, and close. Raises: what a worker has raised, a bug of ours.

        Not to be awaited by what the server itself calls, such as `PropertyServer.reset`.
        """
        if self._running is not None:
            running, self._running = self._running, None
            await running.close()

    def described_again(self) -> None:
        """Note that the description is another one; clients that want to know are told."""
        endpoint = self._endpoint()
        if endpoint is not None and self._running is not None:
            self._running.apply(endpoint.described_again(_now_s()))

    def admit_again(self) -> None:
        """Note that the device has restarted: who may not be connected any more is disconnected."""
        endpoint = self._endpoint()
        if endpoint is not None and self._running is not None:
            self._running.apply(endpoint.admit_again(_now_s()))

    def property_changed(
        self, address: PropertyAddress, start: int, count: int, data: bytes
    ) -> None:
        """Tell device management clients that a property has another value (M_PropInfo.ind).

        Whoever is just writing it hears so by the answer.
        """
        endpoint = self._endpoint()
        if endpoint is not None and self._running is not None:
            cemi = property_indication(address, start, count, data)
            self._running.apply(endpoint.inform(address, cemi, _now_s()))

    def _endpoint(self) -> KnxIpEndpoint | None:
        return None if self._running is None else self._running.endpoint


def _now_s() -> float:
    return asyncio.get_running_loop().time()
