"""Another master at a charger: writes all that brings it to an offer, as our own commander would."""

from dataclasses import replace

from knxgw.catalogue.device_model import DeviceModel
from knxgw.modbus.commander import Commander
from knxgw.sim.charger import SimulatedCharger


def others_want(box: SimulatedCharger, model: DeviceModel, offer_ma: int) -> None:
    """Have another master write all that brings this charger to an offer."""
    other = Commander(
        "other",
        replace(model, write=replace(model.write, min_interval_s=0.0)),
        unit_id=model.unit_id,
        address_offset=0,
        minimum_ma=6000,
        phases=1,
    )
    is_power = model.control is not None and model.control.is_power
    other.want(3 * offer_ma if is_power else offer_ma)  # of the one phase it counts with
    for _ in range(10):
        write = other.next_write(0.0)
        if write is None:
            break
        place = write.unit_id, write.table, write.address, write.function
        box.write(*place, list(write.registers))
        other.note_acknowledged(write, 0.0)
