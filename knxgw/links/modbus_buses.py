"""The Modbus buses of a site: which devices share one, and the driver of each device."""

from collections.abc import Callable, Iterable, Mapping

from knxgw.charging.events import DeviceEvent
from knxgw.config.device_address import device_address
from knxgw.config.devices import Device, DeviceRole, devices
from knxgw.config.model import Configuration, ConnectionKind
from knxgw.links.modbus import ModbusBus
from knxgw.links.modbus_endpoint import Endpoint, SerialEndpoint, TcpEndpoint, framing_of
from knxgw.modbus.driver import Driver

MOST_TURNS = 7


def devices_by_endpoint(configuration: Configuration) -> Mapping[Endpoint, tuple[Device, ...]]:
    """Return the devices that are asked, by the endpoint that they share.

    All devices on the serial line share one. Those of a charging point that the configuration
    blocks are left alone.
    """
    blocked = {number for fault in configuration.faults for number in fault.blocked_points}
    found = tuple(devices(configuration))
    on_line = [one.model for one in found if one.connection.kind is ConnectionKind.SERIAL]
    framing = framing_of(on_line)
    shared: dict[Endpoint, tuple[Device, ...]] = {}
    for device in found:
        if device.point in blocked:
            continue
        connection = device.connection
        endpoint: Endpoint
        if connection.kind is ConnectionKind.SERIAL and configuration.serial is not None:
            endpoint = SerialEndpoint(line=configuration.serial, framing=framing)
        else:
            address = device_address(connection, device.model)
            endpoint = TcpEndpoint(host=address.host, port=address.port, kind=connection.kind)
        shared[endpoint] = (*shared.get(endpoint, ()), device)
    return shared


def make_bus(
    endpoint: Endpoint, devices: Iterable[Device], on_event: Callable[[DeviceEvent], None]
) -> ModbusBus[Driver]:
    """Return the bus of an endpoint, with a driver for each device behind it."""
    return ModbusBus(endpoint, drivers=[_driver(one) for one in devices], on_event=on_event)


def make_buses(
    configuration: Configuration, on_event: Callable[[DeviceEvent], None]
) -> tuple[ModbusBus[Driver], ...]:
    """Return one bus per endpoint of a site."""
    return tuple(
        make_bus(endpoint, shared, on_event)
        for endpoint, shared in devices_by_endpoint(configuration).items()
    )


def _driver(device: Device) -> Driver:
    address = device_address(device.connection, device.model)
    return Driver(
        device.id,
        device.model,
        name=device.name,
        unit_id=address.unit,
        register_offset=address.register_offset,
        minimum_ma=device.minimum_ma,
        phases=device.phases,
        turn=_turn(device),
    )


def _turn(device: Device) -> float:
    """Return what part of its poll period a device is ahead of the others."""
    of_point = (device.point or 0) / MOST_TURNS
    return of_point if device.role is DeviceRole.CHARGER else of_point + 0.5
