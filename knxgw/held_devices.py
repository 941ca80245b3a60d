"""What the running gateway has in use of a configuration that somebody sets up, and what it knows of it.

Nobody else asks there: many devices take one connection only. Source: website 47, 48.
"""

from collections.abc import Iterable, Mapping

from knxgw.catalogue.messages import Message, message
from knxgw.charging.events import LinkCondition
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity, Value
from knxgw.config.device_address import device_address
from knxgw.config.devices import GRID_METER_ID, Device, DeviceRole, devices
from knxgw.config.model import Configuration
from knxgw.gateway import Gateway
from knxgw.links.modbus_buses import devices_by_endpoint
from knxgw.links.modbus_endpoint import ModbusEndpoint, SerialEndpoint, TcpEndpoint
from knxgw.monitoring.direction import measured
from knxgw.monitoring.online_check import State
from knxgw.online.check import name_of
from knxgw.online.device_watch import InUse, Known
from knxgw.online.held_connections import (
    NOT_ASKED,
    Addresses,
    HeldConnections,
    Use,
    addresses_in,
    addresses_of,
    canonical_host,
)
from knxgw.online.knx_connection import KNX, METER
from knxgw.station.view import PointView, SiteView

KnownState = tuple[State, Message]


async def used_places(
    configuration: Configuration | None, host: str | None = None
) -> Mapping[tuple[str, int], tuple[Message, ...]]:
    """Return what the gateway has at which address of the network.

    `host`: as somebody types it who asks at one address; it may be spelled otherwise than in the configuration.
    """
    if configuration is None:
        return {}
    shared = {
        endpoint: tuple(map(name_of, there))
        for endpoint, there in devices_by_endpoint(configuration).items()
        if isinstance(endpoint, TcpEndpoint)
    }
    hosts = {one.host for one in shared}
    addresses = await addresses_of(hosts if host is None else hosts | {host})
    found: dict[tuple[str, int], tuple[Message, ...]] = {}
    for endpoint, names in shared.items():
        address = canonical_host(endpoint.host, addresses)
        for spelled in {endpoint.host, address, *addresses.get(endpoint.host, ())}:
            found[spelled, endpoint.port] = names
        if host is not None and canonical_host(host, addresses) == address:
            found[host, endpoint.port] = names
    return found


def used_lines(configuration: Configuration | None) -> frozenset[str]:
    """Return the device files of the serial lines that the gateway has."""
    endpoints = () if configuration is None else devices_by_endpoint(configuration)
    return frozenset(one.line.port for one in endpoints if isinstance(one, SerialEndpoint))


async def addresses_beside(running: Configuration | None, draft: Configuration) -> Addresses:
    """Return the addresses by which the hosts of a draft are compared with those that the gateway has."""
    if running is None:
        return NOT_ASKED
    return await addresses_in(devices_by_endpoint(running), devices_by_endpoint(draft))


def known_by(
    gateway: Gateway, configuration: Configuration, addresses: Addresses = NOT_ASKED
) -> dict[str, KnownState]:
    """Return how things of a configuration are that the running gateway has in use, so nobody else looks.

    That is everything that stays as it is. What only shares a connection with it is looked at once the
    configuration is in force. `addresses`: of hosts, which may be spelled otherwise.
    """
    running, application = gateway.configuration, gateway.application
    if running is None or application is None:
        return {}
    found: dict[str, KnownState] = {}
    before = {one.id: one for one in devices(running)}
    held = HeldConnections(devices_by_endpoint(running), addresses)
    for endpoint, shared in devices_by_endpoint(configuration).items():
        use = held.use_of(endpoint)
        for device in shared:
            driver = application.buses.driver_of(device.id)
            if use is Use.OTHERWISE:
                words = message("online_in_use_otherwise", address=endpoint.name)
                found[device.id] = (State.SKIPPED, words)
            elif driver is not None and before.get(device.id) == device:
                found[device.id] = _running(is_good=driver.condition is LinkCondition.GOOD)
            elif use is Use.SAME:
                found[device.id] = (State.SKIPPED, message("online_in_use"))
    if configuration.knx == running.knx:
        found[KNX] = _running(is_good=gateway.knx_is_up)
        found[METER] = (State.SKIPPED, message("online_in_use"))
    meter = _mains(gateway)
    if meter is not None and configuration.load_management == running.load_management:
        found[METER] = meter
        if GRID_METER_ID in found:
            found[GRID_METER_ID] = meter
    return found


def known_values(
    gateway: Gateway, configuration: Configuration, addresses: Addresses = NOT_ASKED
) -> Known:
    """Return what the running gateway reads of devices of a configuration whose connections it has.

    `addresses`: of hosts, which may be spelled otherwise.
    """
    running = gateway.configuration
    if running is None or gateway.application is None:
        return {}
    held = HeldConnections(devices_by_endpoint(running), addresses)
    same = {
        _place_of(one, held.canonical(endpoint)): one
        for endpoint, shared in devices_by_endpoint(running).items()
        for one in shared
    }
    view = gateway.view(None)
    found: dict[str, InUse] = {}
    for endpoint, shared in devices_by_endpoint(configuration).items():
        use = held.use_of(endpoint)
        for device in shared if use is not None else ():
            before = same.get(_place_of(device, held.canonical(endpoint)))
            values = None if before is None else _values_of(view, before)
            found[device.id] = InUse(values=values, is_otherwise=use is Use.OTHERWISE)
    return found


def _place_of(device: Device, endpoint: ModbusEndpoint) -> tuple[ModbusEndpoint, int, int, str]:
    """Return by what a device of two configurations is the same one."""
    address = device_address(device.connection, device.model)
    return endpoint, address.unit, address.register_offset, device.model.id


def _values_of(view: SiteView, device: Device) -> Mapping[Quantity, Value] | None:
    """Return what the gateway reads of one of its devices; None: nothing, or it shows it nowhere."""
    if device.role is DeviceRole.CHARGER:
        point = next((one for one in view.points if one.number == device.point), None)
        return None if point is None else _values_of_charger(point)
    if device.role is DeviceRole.GRID_METER and view.load_management is not None:
        return _by_quantity(one.measured_ma for one in view.load_management.phases)
    return None


def _values_of_charger(point: PointView) -> Mapping[Quantity, Value] | None:
    """Return what a page sees of a charger; None: it does not answer."""
    if point.connected is None:
        return None
    return {**_by_quantity(point.phases_ma), Quantity.CONNECTED: point.connected}


def _by_quantity(currents_ma: Iterable[int | None]) -> dict[Quantity, Value]:
    pairs = zip(PHASE_CURRENTS, currents_ma, strict=False)
    return {quantity: ma for quantity, ma in pairs if ma is not None}


def _running(*, is_good: bool) -> KnownState:
    if is_good:
        return State.GOOD, message("online_runs")
    return State.WARNING, message("online_runs_badly")


def _mains(gateway: Gateway) -> KnownState | None:
    """Return what the smart meter of the running gateway measures; None: it has none."""
    shown = gateway.view(None).load_management
    if shown is None or not shown.has_meter:
        return None
    values = {
        phase: float(one.measured_ma)
        for phase, one in enumerate(shown.phases, 1)
        if one.measured_ma is not None
    }
    if not shown.is_meter_alive or not values:
        return _running(is_good=False)
    return State.GOOD, measured(values, is_power=False)
