"""What is measured of a charging point, by its charger or by the meter behind it."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache

from knxgw.config.model import PointSettings


class Quantity(StrEnum):
    """What a charger or its meter can tell. Units: mA, W, mWh, hundredths of °C, s, text."""

    STATE = "state"  # of charging, as the charger itself reports it, as ChargingState
    CONNECTED = "connected"  # 0, 1
    SETPOINT = "setpoint"
    CURRENT = "current"  # sum of the phases
    CURRENT_L1 = "current_l1"
    CURRENT_L2 = "current_l2"
    CURRENT_L3 = "current_l3"
    POWER = "power"
    POWER_L1 = "power_l1"
    POWER_L2 = "power_l2"
    POWER_L3 = "power_l3"
    ENERGY = "energy"
    ENERGY_L1 = "energy_l1"
    ENERGY_L2 = "energy_l2"
    ENERGY_L3 = "energy_l3"
    SESSION_ENERGY = "session_energy"
    SESSION_DURATION = "session_duration"  # s
    SESSION_START = "session_start"  # time of day [s since midnight], by the charger's clock
    SESSION_END = "session_end"  # the same; 0 while the session runs
    EVCCID = "evccid"
    SERIAL = "serial"
    FIRMWARE = "firmware"
    TEMPERATURE = "temperature"
    TEMPERATURE_WARNING = "temperature_warning"  # the charger's own flag: 0, 1
    RFID = "rfid"
    FAULT_INFO_1 = "fault_info_1"
    FAULT_INFO_2 = "fault_info_2"
    FAULT_INFO_3 = "fault_info_3"
    FAULT_INFO_4 = "fault_info_4"


Value = int | str
PHASE_CURRENTS = (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3)
PHASE_POWERS = (Quantity.POWER_L1, Quantity.POWER_L2, Quantity.POWER_L3)
PHASE_ENERGIES = (Quantity.ENERGY_L1, Quantity.ENERGY_L2, Quantity.ENERGY_L3)
FAULT_INFOS = (
    Quantity.FAULT_INFO_1,
    Quantity.FAULT_INFO_2,
    Quantity.FAULT_INFO_3,
    Quantity.FAULT_INFO_4,
)
MEASURED_KINDS: Mapping[str, tuple[Quantity, ...]] = {  # capability -> sum and phases
    "current": (Quantity.CURRENT, *PHASE_CURRENTS),
    "power": (Quantity.POWER, *PHASE_POWERS),
    "energy": (Quantity.ENERGY, *PHASE_ENERGIES),
}
METERED = tuple(quantity for kind in MEASURED_KINDS.values() for quantity in kind)


def metered_quantities(settings: PointSettings) -> frozenset[Quantity]:
    """Return the quantities that the electricity meter of a charging point supplies; empty: it has none."""
    meter = settings.meter
    return _quantities_of(meter.model.capabilities) if meter else frozenset()


@cache  # asked for each new counter, of which a reading may need several
def _quantities_of(capabilities: frozenset[str]) -> frozenset[Quantity]:
    """Return the quantities that a meter supplies: for each of its capabilities the sum and the phases.

    Capabilities that count: "current", "power" and "energy".
    """
    kinds = [kind for name, kind in MEASURED_KINDS.items() if name in capabilities]
    return frozenset(quantity for kind in kinds for quantity in kind)
