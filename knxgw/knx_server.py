"""The KNXnet/IP server of the running device: where it listens, and what it says of the device.

It listens on the KNX interface only. Without a KNX connection that is the loopback interface: a tool on this
machine joins the line of the device. It does not listen where the site uses a keyring: its tunnels are secured only where
ETS has written users. Nor does it where the device itself uses a tunnel: the interface has others.
"""

import asyncio
import errno
import logging
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from ipaddress import IPv4Address
from typing import NoReturn

from knxgw.config.model import Configuration, KnxLinkKind, KnxSettings
from knxgw.device.access import WITHOUT_LINE
from knxgw.device.cemi_errors import CEMIErrorCode, cemi_error, write_error
from knxgw.device.identity import MASK_VERSION, MAX_APDU_LENGTH, NOWHERE, IpState
from knxgw.device.ip_secure import ip_security
from knxgw.device.knx_device import IndividualAddress
from knxgw.device.model import Elements, PropertyError
from knxgw.device.watched import WatchedProperties
from knxgw.errors import LinkError
from knxgw.gateway import Gateway
from knxgw.host.network import ipv4_interfaces, own_addresses
from knxgw.host.seen import see_network
from knxgw.knx.fixed_values import KEY_OCTETS
from knxgw.knx.ip_security import IpSecurity
from knxgw.knxip.channel import Channel, Kind
from knxgw.knxip.ports import (
    Description,
    FunctionAnswer,
    IpAssignment,
    IpCapability,
    PropertyAddress,
)
from knxgw.knxip.server import KnxIpServer, KnxIpSettings
from knxgw.knxip.wire import PORT
from knxgw.links.keep_alive import keep_alive
from knxgw.website.knx_facts import ServerFacts, ServerState, TunnelFacts

log = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
LOOK_S = 5.0  # how often it is looked for another address of the machine, or other settings
LAST_DELAY_S = 30.0  # between tries to listen at a port that another program uses
TUNNELS = 4
_SERVED = {KnxLinkKind.ROUTING, KnxLinkKind.NONE}  # behind a tunnel its interface has tunnels
_FIRST_TUNNEL = 241  # device number, unless ETS has given tunnels their addresses


@dataclass(frozen=True, slots=True)
class Listening:
    """Where it listens."""

    address: str
    port: int


class KnxServer:
    """The server of one gateway; in the event loop only."""

    def __init__(
        self,
        gateway: Gateway,
        unconfigured_host: Callable[[], str],
        port: int = PORT,
        *,
        is_ip_settable: Callable[[], bool] = lambda: False,
    ) -> None:
        """Serve a gateway.

        `unconfigured_host`: where a device without a configuration has its website. `is_ip_settable`: whether tools
        may change the network of the machine; asked in a thread.
        """
        self._gateway = gateway
        self._unconfigured_host = unconfigured_host
        self._is_ip_settable = is_ip_settable
        self._port = port
        self._ip_state = IpState()  # looked up now and then: it takes a millisecond
        self._server: KnxIpServer | None = None
        self._listening: Listening | None = None  # where it listens, or tries to
        self._failure: ServerState | None = ServerState.STARTING  # why it does not listen there
        gateway.programmed.model.outside.ip = self._ip
        self._watched = WatchedProperties(gateway.programmed.model)
        gateway.programmed.management.on_served = self._tell_changes
        gateway.programmed.management.on_restart = self._admit_again
        gateway.programmed.management.client_of = self._client_of
        gateway.panel.on_programming = self._tell_changes

    @property
    def server(self) -> KnxIpServer | None:
        """Return the server that runs, or tries to; None: it is not to run."""
        return self._server

    def facts(self) -> ServerFacts:
        """Return what people see of it; in the event loop only."""
        own, server, where = self._gateway.programmed.own, self._server, self._listening
        if where is None:
            why = None if own is None else _hindrance(own.knx)
            return ServerFacts(state=why or self._failure or ServerState.NO_NETWORK)
        if server is None:
            return ServerFacts(address=where.address, port=where.port)
        state = ServerState.LISTENS if server.port else self._failure or ServerState.STARTING
        addresses = self._gateway.programmed.tunnel_addresses(TUNNELS, _FIRST_TUNNEL)
        clients = {one.address: _place(one) for one in server.channels if one.address is not None}
        return ServerFacts(
            state=state,
            address=where.address,
            port=where.port,
            tunnels=tuple(
                TunnelFacts(address=str(one), client=clients.get(one, ""))
                for one in dict.fromkeys((*addresses, *clients))
            ),
            managers=tuple(_place(one) for one in server.channels if one.kind is Kind.MANAGEMENT),
            streams=server.streams,
            counters=asdict(server.statistics),
        )

    def _client_of(self, address: IndividualAddress | None) -> str | None:
        """Return the client of a tunnel, None: it is none. Without an address: of device management, if there is one."""
        channels = () if self._server is None else self._server.channels
        kind = Kind.MANAGEMENT if address is None else Kind.TUNNEL
        found = [_place(one) for one in channels if (one.kind, one.address) == (kind, address)]
        return found[0] if len(found) == 1 else None

    async def run(self) -> NoReturn:
        """Serve until cancelled, each time where the configuration wants it."""
        while True:
            wanted = await asyncio.to_thread(self._wanted)
            self._listening, self._failure = wanted, None
            if wanted is None:
                self._server = None
                self._ip_state = await asyncio.to_thread(self._look_at_ip, None)
                await asyncio.sleep(LOOK_S)
                continue
            try:
                await self._serve(wanted)
            except* Exception:  # a mistake in here must not end charging
                log.exception("the KNXnet/IP server has failed, and starts again")
                await asyncio.sleep(LAST_DELAY_S)

    async def _serve(self, wanted: Listening) -> None:
        """Serve at a place for as long as that is wanted."""
        self._ip_state = await asyncio.to_thread(self._look_at_ip, wanted)
        self._tell_changes()
        self._server = server = KnxIpServer(
            KnxIpSettings(address=wanted.address, port=wanted.port),
            self._gateway.line,
            self._description,
            LocalManagement(self._gateway),
            self._security,
        )
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(
                keep_alive(
                    "KNXnet/IP server",
                    lambda: self._listen(server),
                    last_delay_s=LAST_DELAY_S,
                )
            )
            await self._until_other_than(wanted)
            serving.cancel()

    async def _listen(self, server: KnxIpServer) -> NoReturn:
        try:
            await server.run()
        except LinkError as err:
            self._failure = _failure(err)
            raise

    async def _until_other_than(self, wanted: Listening) -> None:
        """Wait until it is to listen somewhere else, or nowhere."""
        while True:
            await asyncio.sleep(LOOK_S)
            if await asyncio.to_thread(self._wanted) != wanted:
                return
            self._ip_state = await asyncio.to_thread(self._look_at_ip, wanted)
            self._tell_changes()

    def _admit_again(self) -> None:
        if self._server is not None:
            self._server.admit_again()

    def _tell_changes(self) -> None:
        """Tell the clients that want to know what has changed of the device."""
        changes = self._watched.changes()
        if self._server is None:
            return
        for one in changes:
            address = PropertyAddress(
                object_type=one.object_type, instance=1, property_id=one.property_id
            )
            self._server.property_changed(address, one.start, one.count, one.data)
        self._server.described_again()

    def _wanted(self) -> Listening | None:
        own = self._gateway.programmed.own
        if own is None:
            host = self._unconfigured_host()
            address = _address_of_machine() if host == str(NOWHERE) else host
            return None if address is None else Listening(address, self._port)
        return listening_of(own.knx)

    def _look_at_ip(self, wanted: Listening | None) -> IpState:
        """Return the network as it is; tools on the machine itself cannot judge it, and do not change it."""
        own = self._gateway.programmed.own
        where = wanted or Listening(_address_of_machine() or str(NOWHERE), self._port)
        found = ip_state(own, where)
        is_settable = not found.address.is_loopback and self._is_ip_settable()
        return replace(found, has_tunnels=wanted is not None, is_settable=is_settable)

    def _ip(self) -> IpState:
        return self._ip_state

    def _security(self) -> IpSecurity:
        """Return what KNX IP Secure needs to know; a device without a code of its own is known by nobody."""
        found = self._ip_security()
        return replace(found, device_code=found.device_code or secrets.token_bytes(KEY_OCTETS))

    def _ip_security(self) -> IpSecurity:
        programmed = self._gateway.programmed
        addresses = programmed.tunnel_addresses(TUNNELS, _FIRST_TUNNEL)
        return ip_security(programmed.model.kept, addresses)

    def _description(self) -> Description:
        """Return what the device says of itself."""
        security = self._ip_security()
        model = self._gateway.programmed.model
        ip = self._ip()
        own = self._gateway.programmed.own
        name = model.kept["ip_parameter.friendly_name"].rstrip(b"\0").decode("latin-1")
        line = self._gateway.line.device
        address = line.individual_address if line else self._gateway.programmed.address
        return Description(
            name=name or ("knxgw" if own is None else own.device.name),
            individual_address=address,
            serial_number=model.identity.serial_number,
            mac_address=ip.mac_address,
            ip_address=str(ip.address),
            subnet_mask=str(ip.mask),
            gateway=str(ip.gateway),
            current_assignment=IpAssignment(ip.assignment),
            possible_assignments=IpAssignment.DHCP | IpAssignment.AUTO_IP | IpAssignment.MANUAL,
            ip_capabilities=IpCapability.DHCP | IpCapability.AUTO_IP,
            routing_group=None if ip.routing_multicast == NOWHERE else str(ip.routing_multicast),
            installation_id=int.from_bytes(
                model.kept["ip_parameter.project_installation_id"], "big"
            ),
            is_in_programming_mode=model.outside.is_programming(),
            is_bus_connected=line is not None,
            mask_version=MASK_VERSION,
            max_apdu=MAX_APDU_LENGTH,
            tunnel_addresses=self._gateway.programmed.tunnel_addresses(TUNNELS, _FIRST_TUNNEL),
            has_sessions=bool(security.users),
            secured_families=security.secured_families,
        )


def listening_of(knx: KnxSettings) -> Listening | None:
    """Return where the server listens with these settings; None: nowhere, or there is no network yet."""
    if knx.server_port is None or _hindrance(knx) is not None:
        return None
    address = knx.local_ip or (LOOPBACK if knx.link is KnxLinkKind.NONE else _address_of_machine())
    return None if address is None else Listening(address, knx.server_port)


def _hindrance(knx: KnxSettings) -> ServerState | None:
    """Return why the server is not to listen with these settings, None: it is to."""
    if knx.server_port is None:
        return ServerState.SWITCHED_OFF
    if knx.keyring is not None:
        return ServerState.KEYRING
    return None if knx.link in _SERVED else ServerState.BEHIND_TUNNEL


def _failure(err: LinkError) -> ServerState:
    """Return in one word why it cannot listen; the log says the rest."""
    cause = err.__cause__
    number = cause.errno if isinstance(cause, OSError) else None
    known = {
        errno.EADDRINUSE: ServerState.PORT_TAKEN,
        errno.EADDRNOTAVAIL: ServerState.NO_ADDRESS,
    }
    return known.get(number or 0, ServerState.FAILED)


def _place(channel: Channel) -> str:
    return f"{channel.opener.ip}:{channel.opener.port}"


class LocalManagement:
    """The properties of the device for a tool with a device management connection; see `PropertyServer`."""

    def __init__(self, gateway: Gateway) -> None:
        self._programmed = gateway.programmed

    async def read(self, address: PropertyAddress, start: int, count: int) -> bytes | CEMIErrorCode:
        """Return elements of a property."""
        self._programmed.management.requests += 1
        try:
            return self._programmed.model.read(self._elements(address, start, count), WITHOUT_LINE)
        except PropertyError as err:
            return cemi_error(err.code)

    async def write(
        self, address: PropertyAddress, start: int, count: int, data: bytes
    ) -> CEMIErrorCode | None:
        """Write elements of a property, in turn with all other requests."""
        elements = self._elements(address, start, count)
        return write_error(await self._programmed.management.write_locally(elements, data))

    async def command(self, address: PropertyAddress, data: bytes) -> FunctionAnswer | None:
        """Call a function property."""
        return await self._called(address, data, is_command=True)

    async def state(self, address: PropertyAddress, data: bytes) -> FunctionAnswer | None:
        """Read the state of a function property."""
        return await self._called(address, data, is_command=False)

    async def _called(
        self, address: PropertyAddress, data: bytes, *, is_command: bool
    ) -> FunctionAnswer | None:
        result = await self._programmed.management.call_locally(
            self._elements(address, 1, 1), data, is_command=is_command
        )
        return None if result is None else FunctionAnswer(return_code=result.code, data=result.data)

    async def reset(self) -> bool:
        """Restart the IP side: it follows its settings by itself; False: whoever asks may not do that."""
        if not self._programmed.model.may_ask("restart", WITHOUT_LINE):
            return False
        self._programmed.management.note_restart()
        log.info("a tool asked the KNXnet/IP server to restart")
        return True

    def take_local(
        self, tpdu: bytes, answer: Callable[[bytes], None], *, is_connected: bool
    ) -> None:
        """Serve an APDU that came without a line."""
        self._programmed.management.take_local(tpdu, answer)

    def _elements(self, address: PropertyAddress, start: int, count: int) -> Elements:
        owner = self._programmed.model.object_of(address.object_type, address.instance)
        return Elements(owner, address.property_id, start, count)


def ip_state(own: Configuration | None, listening: Listening | None) -> IpState:
    """Return the network of the device as it is, for tools."""
    is_routing = own is not None and own.knx.link is KnxLinkKind.ROUTING
    group = IPv4Address(own.knx.multicast_group) if own is not None and is_routing else NOWHERE
    address = NOWHERE if listening is None else IPv4Address(listening.address)
    if address.is_loopback or address == NOWHERE:
        return IpState(address=address, routing_multicast=group, has_tunnels=listening is not None)
    seen = see_network()
    found = next(
        (one for one in own_addresses(with_link_local=True) if one.address == str(address)), None
    )
    interfaces = () if found is None else ipv4_interfaces(found.adapter)
    mask = next((one.netmask for one in interfaces if one.ip == address), NOWHERE)
    return IpState(
        is_dhcp=seen.is_leased,
        is_auto_ip=address.is_link_local,
        address=address,
        mask=mask,
        gateway=seen.gateway or NOWHERE,
        mac_address=bytes(6) if found is None else _mac(found.mac),
        routing_multicast=group,
        has_tunnels=True,
    )


def _mac(text: str) -> bytes:
    try:
        found = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        return bytes(6)
    return found if len(found) == 6 else bytes(6)


def _address_of_machine() -> str | None:
    """Return the IPv4 address at which others reach this machine, None: it has no network."""
    adapter = see_network().adapter
    if adapter is None:
        return None
    return next((str(one.ip) for one in ipv4_interfaces(adapter.name)), None)
