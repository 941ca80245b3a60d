"""What an online check touches the network with; a test or the website may hand in others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from knxgw.config.model import KnxSettings
from knxgw.host.clock import system_clock
from knxgw.links.knx_discovery import KnxIpDevice, describe, search
from knxgw.links.knx_factory import make_link
from knxgw.links.knx_port import BusAttachment
from knxgw.links.modbus_endpoint import ModbusEndpoint
from knxgw.links.probe import until_done
from knxgw.modbus.examination import Examination


class Examine(Protocol):
    """Examines the devices behind one endpoint. Raises: LinkError."""

    async def __call__(
        self,
        endpoint: ModbusEndpoint,
        askers: Sequence[Examination],
        on_progress: Callable[[], None],
        limit_s: float,
    ) -> bool:
        """Tell whether that was done in time."""


async def resolve(host: str) -> None:
    """Ask for the address of a host name. Raises: OSError."""
    await asyncio.get_running_loop().getaddrinfo(host, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The network."""

    resolve: Callable[[str], Awaitable[None]] = resolve
    examine: Examine = until_done
    describe: Callable[[str, int, str | None], Awaitable[KnxIpDevice | None]] = describe
    search: Callable[[str | None], Awaitable[Sequence[KnxIpDevice]]] = search
    make_link: Callable[[KnxSettings], BusAttachment | None] = make_link
    wall_clock: Callable[[], datetime | None] = system_clock
