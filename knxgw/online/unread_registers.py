"""Which values of a meter did not come although others did: nobody must take the rest for all of it; pure.

Of a meter that is entered by hand every register counts. A model of the catalogue may describe more than a
device has, so there only a phase counts whose neighbours have a value.
"""

from collections.abc import Iterator

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.messages import Message, message
from knxgw.charging.quantities import PHASE_CURRENTS, PHASE_POWERS, Quantity, Value
from knxgw.config.devices import Device, DeviceRole
from knxgw.config.manual_meter import MANUAL_ID
from knxgw.modbus.examination import Examination

_FAMILIES = {"current": PHASE_CURRENTS, "power": PHASE_POWERS}
_KEYS = {"energy_total": "energy.sum", "error_1": "fault.register"}  # of points without a phase


def unread_registers(
    device: Device, key: str, examination: Examination
) -> Iterator[tuple[str, Message]]:
    """Yield the key of each value that did not come, and what is to be said of it.

    `key`: of the section of the device.
    """
    if device.role is DeviceRole.CHARGER:
        return
    model, silent = device.model, examination.unanswered
    is_by_hand = model.id == MANUAL_ID
    lacking = _lacking(device, examination.values) & (silent | examination.answered)
    for name, point in model.points.items():
        if (name in silent and is_by_hand) or name in lacking:
            words = _words(name, point.address, is_silent=name in silent)
            yield _key(key, name, model), words


def _lacking(device: Device, values: dict[Quantity, Value]) -> set[str]:
    """Return the points of wired phases that have no value while other phases have one."""
    found = set()
    for name, quantities in _FAMILIES.items():
        wired = quantities[: device.phases]
        if any(one in values for one in wired):
            found |= {f"{name}_l{n}" for n, one in enumerate(wired, 1) if one not in values}
    return found


def _words(name: str, register: int, *, is_silent: bool) -> Message:
    kind, _, phase = name.rpartition("_l")
    if not is_silent:
        return message("online_phase_without_value", phase=phase, register=register)
    match kind:
        case "current":
            return message("online_current_silent", phase=phase, register=register)
        case "power":
            return message("online_power_silent", phase=phase, register=register)
        case _:
            return message("online_register_silent", register=register)


def _key(section: str, name: str, model: DeviceModel) -> str:
    """Return the key of a register that was entered by hand; of another model its section."""
    if model.id != MANUAL_ID:
        return section
    kind, _, phase = name.rpartition("_l")
    leaf = _KEYS.get(name) or f"{kind.removesuffix('_total')}.l{phase}"
    return f"{section}.manual.{leaf}"
