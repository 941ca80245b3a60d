"""Every Modbus device of a site: its identity, its role, and where it answers; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from knxgw.catalogue.device_model import DeviceModel
from knxgw.config.model import Configuration, Connection, LoadManagementMode, MeterSettings

DeviceId = NewType("DeviceId", str)  # "cp1/charger", "cp1/meter", "grid/meter"; unique on a site


class DeviceRole(StrEnum):
    """What a device is there for; whoever reads it acts on that, never on its place in a list."""

    CHARGER = "charger"
    POINT_METER = "point meter"  # behind a charging point
    GRID_METER = "grid meter"  # at the mains connection: the smart meter of load management
    SUBMETER = "submeter"  # of a circuit: read, and kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One Modbus device of a configuration, with all that its driver depends on."""

    id: DeviceId
    role: DeviceRole
    name: str  # as the log calls it
    model: DeviceModel
    connection: Connection
    point: int | None = None  # number of the charging point that it belongs to, if it does
    minimum_ma: int = 0  # of a charger
    phases: int = 3  # of the wiring


def charger_id(point: int) -> DeviceId:
    """Return the identity of the charger of a charging point."""
    return DeviceId(f"cp{point}/charger")


def point_meter_id(point: int) -> DeviceId:
    """Return the identity of the electricity meter behind a charging point."""
    return DeviceId(f"cp{point}/meter")


GRID_METER_ID = DeviceId("grid/meter")


def devices(configuration: Configuration) -> Iterator[Device]:
    """Yield every device on Modbus; a meter behind a charging point follows its charger."""
    for point in configuration.points:
        yield Device(
            id=charger_id(point.number),
            role=DeviceRole.CHARGER,
            name=f"cp{point.number}",
            model=point.model,
            connection=point.connection,
            point=point.number,
            minimum_ma=point.minimum_ma,
            phases=point.phases,
        )
        if point.meter is not None:
            yield Device(
                id=point_meter_id(point.number),
                role=DeviceRole.POINT_METER,
                name=f"cp{point.number} meter",
                model=point.meter.model,
                connection=point.meter.connection,
                point=point.number,
                phases=point.phases,
            )
    grid_meter = _grid_meter(configuration)
    if grid_meter is not None:
        yield Device(
            id=GRID_METER_ID,
            role=DeviceRole.GRID_METER,
            name="smart meter",
            model=grid_meter.model,
            connection=grid_meter.connection,
        )
    for submeter in configuration.submeters:
        yield Device(
            id=submeter_id(submeter.number),
            role=DeviceRole.SUBMETER,
            name=f"submeter {submeter.number}",
            model=submeter.meter.model,
            connection=submeter.meter.connection,
        )


def key_of(device: Device, configuration: Configuration) -> str:
    """Return the key of the section that names the model and the connection of a device."""
    match device.role:
        case DeviceRole.GRID_METER:
            return "load_management.smart_meter"
        case DeviceRole.CHARGER if device.point is not None:
            return configuration.point(device.point).key
        case DeviceRole.POINT_METER if device.point is not None:
            return f"{configuration.point(device.point).key}.meter"
        case _:
            return ""


def submeter_id(number: int) -> DeviceId:
    """Return the identity of a submeter."""
    return DeviceId(f"sub{number}/meter")


def _grid_meter(configuration: Configuration) -> MeterSettings | None:
    """Return the meter at the mains connection, None where KNX delivers its values."""
    settings = configuration.load_management
    if settings.mode is not LoadManagementMode.DYNAMIC or settings.smart_meter is None:
        return None
    return settings.smart_meter.meter
