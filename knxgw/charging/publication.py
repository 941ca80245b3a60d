"""What the group objects of one charging point say, from what is known of it. Pure."""

from datetime import datetime

from knxgw.charging.point import ChargingPoint, fresh_value, shown_state
from knxgw.charging.session import Session
from knxgw.charging.words import (
    FAULT_INFOS,
    REASON_WORDS,
    LinkCondition,
    Quantity,
)

Published = bool | int | str | datetime | None  # None: not known, or stale: no answer to a read

_MEASURED = {
    "setpoint_state": Quantity.SETPOINT,
    "current": Quantity.CURRENT,
    "current_l1": Quantity.CURRENT_L1,
    "current_l2": Quantity.CURRENT_L2,
    "current_l3": Quantity.CURRENT_L3,
    "power": Quantity.POWER,
    "power_l1": Quantity.POWER_L1,
    "power_l2": Quantity.POWER_L2,
    "power_l3": Quantity.POWER_L3,
    "energy": Quantity.ENERGY,
    "energy_l1": Quantity.ENERGY_L1,
    "energy_l2": Quantity.ENERGY_L2,
    "energy_l3": Quantity.ENERGY_L3,
    "evccid": Quantity.EVCCID,
    "serial": Quantity.SERIAL,
    "firmware": Quantity.FIRMWARE,
    "temperature": Quantity.TEMPERATURE,
}


def point_values(
    point: ChargingPoint, now_s: float, *, paused_all: bool = False, language: str = "en"
) -> dict[str, Published]:
    """Return the value of every object of the charging point, by key.

    Units: mA, W, mWh, hundredths of °C, s; times of day are aware UTC datetimes.
    """
    values: dict[str, Published] = {
        key: fresh_value(point, quantity, now_s) if quantity in point.values else None
        for key, quantity in _MEASURED.items()
    }
    values |= _states(point, now_s, paused_all=paused_all)
    values |= _decision(point, language)
    values |= _session(point, now_s)
    values |= _faults(point, now_s)
    return values


def _decision(point: ChargingPoint, language: str) -> dict[str, Published]:
    decision = point.decision
    return {
        "offer": decision.offer_ma if decision else None,
        "reason": int(decision.reason) if decision else None,
        "reason_text": REASON_WORDS[decision.reason].bus(language) if decision else None,
    }


def _states(point: ChargingPoint, now_s: float, *, paused_all: bool) -> dict[str, Published]:
    state = shown_state(point, now_s, paused_all=paused_all)
    known = fresh_value(point, Quantity.CONNECTED, now_s) is not None or state is not None
    return {
        "state": None if state is None else int(state),
        "connected": point.connected if known else None,
        "charging": None if state is None else state.is_charging,
        "complete": None if state is None else point.complete,
        "interruption_state": point.interruption,
        "temperature_warning": _warning(point, now_s),
        "rfid": point.card or "",  # empty: no card has enabled charging
    }


def _warning(point: ChargingPoint, now_s: float) -> bool | None:
    """Return the charger's own warning where it has one, else that of the threshold."""
    own = fresh_value(point, Quantity.TEMPERATURE_WARNING, now_s)
    if own is not None:
        return bool(own)
    known = fresh_value(point, Quantity.TEMPERATURE, now_s) is not None
    return point.hot if known else None


def _session(point: ChargingPoint, now_s: float) -> dict[str, Published]:
    session = point.session
    metered = fresh_value(point, Quantity.ENERGY, now_s) is not None
    told = session is not None and (not session.is_open or _is_followed(point, now_s))
    return {
        "energy_last_charge": _session_energy(point, now_s, told=told),
        "energy_lifetime": point.lifetime_mwh if metered else None,
        "session_start": session.started_at if session else None,
        "session_end": session.ended_at if session and _over(point, session) else None,
        "session_duration": session.duration_s if session and told else None,
    }


def _is_followed(point: ChargingPoint, now_s: float) -> bool:
    """Tell whether the charger still says how the session goes on."""
    return fresh_value(point, Quantity.STATE, now_s) is not None


def _session_energy(point: ChargingPoint, now_s: float, *, told: bool) -> Published:
    """Return the energy of the current or last session: the charger's figure, else ours.

    Chargers that go back to zero on unplugging do not make us forget the last session.
    """
    own = fresh_value(point, Quantity.SESSION_ENERGY, now_s)
    return own or (point.session.energy_mwh if point.session and told else own)


def _over(point: ChargingPoint, session: Session) -> bool:
    """Tell whether the end of a session is known: unplugged, or charging complete."""
    return not session.is_open or point.complete


def _faults(point: ChargingPoint, now_s: float) -> dict[str, Published]:
    known = point.condition is not LinkCondition.STARTING or point.blocked
    values: dict[str, Published] = {
        "point_fault": point.faults.is_present if known else None,
        "last_point_fault": point.faults.text if known else None,
    }
    for quantity in FAULT_INFOS:
        values[quantity.value] = fresh_value(point, quantity, now_s)
    return values
