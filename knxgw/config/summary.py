"""A configuration in a few lines, for the log of a start: whom it serves, and where; pure."""

from collections.abc import Iterator

from knxgw.catalogue.device_model import DeviceModel
from knxgw.config.device_address import device_address
from knxgw.config.model import (
    Configuration,
    Connection,
    ConnectionKind,
    KnxLinkKind,
    KnxSettings,
    LoadManagementMode,
    LoadManagementSettings,
    MeterSettings,
    PointSettings,
    SerialLine,
    SmartMeterSettings,
)


def summary(configuration: Configuration, *, is_encrypted: bool = False) -> Iterator[str]:
    """Yield what a site is made of, a line each; `is_encrypted`: the website has a certificate."""
    website = configuration.website
    scheme = "https" if is_encrypted else "http"
    yield f"website: {scheme}://{website.host}:{website.port}/"
    yield f"KNX: {_knx(configuration.knx)}, {len(configuration.group_objects)} group objects linked"
    yield f"load management: {_load_management(configuration.load_management)}"
    if configuration.load_management.mode is LoadManagementMode.DYNAMIC:
        yield f"smart meter: {_smart_meter(configuration.load_management.smart_meter)}"
    line = configuration.serial
    if line is not None:
        yield f"serial line: {serial_line_text(line)}"
    blocked = {number for fault in configuration.faults for number in fault.blocked_points}
    for point in configuration.points:
        where = _device(point.model, point.connection)
        left_alone = (
            ", not controlled: the configuration is faulty" if point.number in blocked else ""
        )
        yield f"cp{point.number} {point.name}: {where}, {_currents(point)}{left_alone}"
        if point.meter is not None:
            yield f"cp{point.number} meter: {_meter(point.meter)}"


def serial_line_text(line: SerialLine) -> str:
    """Return a serial line with its settings: /dev/ttyUSB0, rtu, 9600 baud, 8N1."""
    frame = f"{line.data_bits}{line.parity}{line.stop_bits}"
    return f"{line.port}, {line.protocol}, {line.baud} baud, {frame}"


def _knx(settings: KnxSettings) -> str:
    """Return the KNX link in words."""
    match settings.link:
        case KnxLinkKind.NONE:
            return "no link"
        case KnxLinkKind.ROUTING:
            where = f"routing on {settings.multicast_group}"
        case _:
            where = f"{settings.link} through {settings.gateway_host}:{settings.gateway_port}"
    return f"{where}, keyring {settings.keyring}" if settings.keyring else where


def _load_management(settings: LoadManagementSettings) -> str:
    """Return mode and limit of load management in words."""
    turns = ", queue" if settings.has_queue else ""
    match settings.mode:
        case LoadManagementMode.OFF:
            return "off"
        case LoadManagementMode.STATIC:
            return f"static, {_ampere(settings.static_limit_ma)} per phase{turns}"
        case LoadManagementMode.DYNAMIC:
            fuse, reserve = _ampere(settings.fuse_ma), _ampere(settings.reserve_ma)
            return f"dynamic, {fuse} less {reserve} reserve{turns}"


def _smart_meter(settings: SmartMeterSettings | None) -> str:
    """Return the smart meter in words."""
    if settings is None:
        return "none"
    if settings.meter is not None:
        return _meter(settings.meter)
    phases = "1 phase" if settings.phases == 1 else f"{settings.phases} phases"
    return f"KNX, {settings.measurement} of {phases}, every {settings.interval_s:g} s"


def _meter(settings: MeterSettings) -> str:
    """Return an electricity meter in words."""
    return _device(settings.model, settings.connection)


def _device(model: DeviceModel, connection: Connection) -> str:
    """Return model and place of a device in words."""
    host, port, unit, _ = device_address(connection, model)
    at = "on the serial line" if connection.kind is ConnectionKind.SERIAL else f"at {host}:{port}"
    return f"{model.title} {at}, unit {unit}"


def _currents(point: PointSettings) -> str:
    """Return the range of currents of a charging point in words."""
    return f"{point.minimum_ma / 1000:g} to {_ampere(point.maximum_ma)}"


def _ampere(current_ma: int | None) -> str:
    """Return a current in ampere."""
    return f"{(current_ma or 0) / 1000:g} A"
