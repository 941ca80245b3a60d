"""Drivers as the gateway makes them, of devices that no configuration names."""

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.config.devices import charger_id, point_meter_id
from knxgw.modbus.driver import Driver


def driver(
    point: int,
    model: DeviceModel,
    *,
    unit_id: int,
    register_offset: int = 0,
    minimum_ma: int = 6000,
    phases: int = 3,
) -> Driver:
    """Return the driver of a charging point's charger, or of its meter: as its model is."""
    is_meter = model.kind is DeviceKind.METER
    return Driver(
        point_meter_id(point) if is_meter else charger_id(point),
        model,
        name=f"cp{point} meter" if is_meter else f"cp{point}",
        unit_id=unit_id,
        register_offset=register_offset,
        minimum_ma=minimum_ma,
        phases=phases,
        poll_phase=point / 7 + (0.5 if is_meter else 0.0),
    )
