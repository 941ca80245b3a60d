"""What the group objects of load management show (500 to 505). Pure."""

from knxgw.catalogue.codes import FaultCode, LoadManagementState
from knxgw.charging.publication import Published
from knxgw.dlm.meter import age_s
from knxgw.station.model import Station


def load_management_state(station: Station, now_s: float) -> LoadManagementState:
    """Return the state of load management for group object 504: the most serious one that applies.

    Not associated means that group objects without which it cannot work have no address.
    """
    load_management = station.load_management
    if load_management is None:
        return LoadManagementState.OFF
    if FaultCode.DLM_ASSOCIATION in station.faults.present:
        return LoadManagementState.NOT_ASSOCIATED
    if load_management.overcurrent.is_locked_out:
        return LoadManagementState.LOCK_OUT
    if load_management.is_emergency:
        return LoadManagementState.EMERGENCY
    if now_s < load_management.high_power_until:
        return LoadManagementState.HIGH_POWER
    return LoadManagementState.NORMAL


def load_management_values(station: Station, now_s: float) -> dict[str, Published]:
    """Return the values of group objects 500 to 505, by the key of the object.

    They are the available current of each phase (500 to 502), the limit (503), the state (504), and the age of the
    smart meter's oldest value (505). Currents are in mA, the age in s. None: not known. Phases that the mains
    connection does not have are left out; while load management is off, all but the state are.
    """
    load_management, settings = station.load_management, station.load_management_settings
    values: dict[str, Published] = {"sharing_state": int(load_management_state(station, now_s))}
    if load_management is None or settings is None:
        return values
    available_ma = load_management.outcome.available_ma
    for phase in range(settings.phases):
        values[f"available_l{phase + 1}"] = (
            # below 0, more is drawn or reserved than the limit: nothing is available
            None if available_ma is None else max(0, available_ma[phase])
        )
    meter_age_s = age_s(load_management.meter, settings, now_s)
    values["limit"] = settings.limit_ma
    values["smart_meter_age"] = None if meter_age_s is None else round(meter_age_s)
    return values
