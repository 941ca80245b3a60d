"""Asks KNXnet/IP devices who they are, and says why a tunnel could not be had; opens nothing."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from xknx import XKNX
from xknx.exceptions import IPSecureError, RequestResponseError, XKNXException
from xknx.io.gateway_scanner import GatewayDescriptor, GatewayScanFilter, GatewayScanner
from xknx.io.self_description import request_description
from xknx.knxip import ErrorCode

from knxgw.errors import LinkError
from knxgw.links.keep_alive import end_if_cancelled

log = logging.getLogger(__name__)
SEARCH_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KnxIpDevice:
    """What a KNX IP interface or router says about itself. Source: [knx-standard] 3/8/2, 7.5.4."""

    name: str
    host: str
    port: int
    individual_address: str
    multicast_group: str  # in which it routes
    has_routing: bool
    has_udp_tunnels: bool
    has_tcp_tunnels: bool
    needs_secure_tunnels: bool


class TunnelTrouble(StrEnum):
    """Why there is no tunnel."""

    ALL_TAKEN = "all_taken"
    ADDRESS_TAKEN = "address_taken"  # the tunnel of the wanted individual address
    NOT_LET_IN = "not_let_in"  # user or password of IP Secure
    SILENT = "silent"
    OTHER = "other"


_TROUBLES = {
    ErrorCode.E_NO_MORE_CONNECTIONS: TunnelTrouble.ALL_TAKEN,
    ErrorCode.E_NO_TUNNELLING_ADDRESS: TunnelTrouble.ADDRESS_TAKEN,
    ErrorCode.E_CONNECTION_IN_USE: TunnelTrouble.ADDRESS_TAKEN,
    ErrorCode.E_AUTHORISATION_ERROR: TunnelTrouble.NOT_LET_IN,
}


def trouble_of(error: LinkError) -> TunnelTrouble:
    """Return why a link could not be opened, by what the server has answered."""
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, RequestResponseError) and cause.error_code is not None:
            return _TROUBLES.get(cause.error_code, TunnelTrouble.OTHER)
    if any(isinstance(cause, IPSecureError) for cause in causes):
        return TunnelTrouble.NOT_LET_IN
    if any(isinstance(cause, RequestResponseError | TimeoutError) for cause in causes):
        return TunnelTrouble.SILENT
    return TunnelTrouble.OTHER


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _NoFilter(GatewayScanFilter):
    """Lets every device through, also one without tunnels and routing."""

    def match(self, gateway: GatewayDescriptor) -> bool:
        """Return True."""
        return True


async def describe(host: str, port: int, local_ip: str | None) -> KnxIpDevice | None:
    """Return what the device at an address says of itself over UDP; None: it says nothing."""
    try:
        found = await request_description(host, port, local_ip)
    except (XKNXException, OSError) as err:
        log.debug("no description from %s:%s: %s", host, port, err)
        return None
    return _device(found)


async def search(local_ip: str | None, seconds: float = SEARCH_S) -> tuple[KnxIpDevice, ...]:
    """Return the KNX IP devices that answer a search on this network.

    It goes to the system multicast group, whatever group is used for routing. Source: [knx-standard]
    3/8/2, 4.2. Raises: OSError, LinkError: it cannot be sent.
    """
    scanner = GatewayScanner(
        XKNX(), local_ip=local_ip, timeout_in_seconds=seconds, scan_filter=_NoFilter()
    )
    try:
        found = await scanner.scan()
    except XKNXException as err:
        raise LinkError(str(err)) from err
    end_if_cancelled()  # the scanner swallows that
    return tuple(_device(one) for one in found)


def _device(found: GatewayDescriptor) -> KnxIpDevice:
    return KnxIpDevice(
        name=found.name,
        host=found.ip_addr,
        port=found.port,
        individual_address=str(found.individual_address or ""),
        multicast_group=str(found.multicast_address),
        has_routing=found.supports_routing,
        has_udp_tunnels=found.supports_tunnelling,
        has_tcp_tunnels=found.supports_tunnelling_tcp,
        needs_secure_tunnels=bool(found.tunnelling_requires_secure),
    )
