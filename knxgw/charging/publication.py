"""What the group objects of one charging point say, from what is known of it. Pure.

A value is *fresh* while its reading is not older than it may be (`freshness`); else it is stale, and not shown. The
charger is *silent* while its state is not fresh.
"""

from collections.abc import Mapping
from datetime import datetime

from knxgw.charging.events import LinkCondition
from knxgw.charging.freshness import fresh_values
from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import FAULT_INFOS, Quantity, Value
from knxgw.charging.session import Session
from knxgw.charging.shown_state import shown_state

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
_FAULT_INFOS = {quantity.value: quantity for quantity in FAULT_INFOS}


def point_values(
    point: ChargingPoint, now_s: float, *, is_site_paused: bool = False, language: str = "en"
) -> dict[str, Published]:
    """Return the value of every group object that the charging point reports, by the object's key.

    Units: mA, W, mWh, hundredths of °C, s; times are aware UTC datetimes. None: no value is known, or it is
    stale; such an object does not answer a read. `is_site_paused`: grid-supporting control with 0 A, or the
    overcurrent lock-out, is active. `language`: of the reason's text. `now_s`: monotonic.
    """
    fresh = fresh_values(point, now_s)
    values: dict[str, Published] = {key: fresh.get(quantity) for key, quantity in _MEASURED.items()}
    values.update(_state_values(point, fresh, now_s, is_site_paused=is_site_paused))
    values.update(_decision_values(point, language))
    values.update(_session_values(point, fresh))
    values.update(_fault_values(point, fresh))
    return values


Fresh = Mapping[Quantity, Value]  # values that are not stale


def _decision_values(point: ChargingPoint, language: str) -> dict[str, Published]:
    """Return the values of the offer [mA] and its reason (number and text); None before the first decision."""
    decision = point.control.decision
    if decision is None:
        return {"offer": None, "reason": None, "reason_text": None}
    reason = decision.reason
    texts = point.installation.product.texts.reasons[reason]
    return {
        "offer": decision.offer_ma,
        "reason": int(reason),
        "reason_text": texts.bus.in_language(language),
    }


def _state_values(
    point: ChargingPoint, fresh: Fresh, now_s: float, *, is_site_paused: bool
) -> dict[str, Published]:
    """Return the values of state, plug, interruption, temperature warning and RFID card.

    While the charger has not reported its state lately, state, "charging" and "complete" are None; so is the plug,
    unless that was read lately. The warning is None if neither the charger's own warning nor a temperature is fresh.
    Interruption and card are never None: the gateway itself keeps them. `fresh`: the fresh values. `is_site_paused`:
    grid-supporting control with 0 A, or the overcurrent lock-out, is active. `now_s`: monotonic.
    """
    state = shown_state(point, now_s, is_site_paused=is_site_paused)
    # the plug is remembered while the link is lost, but is shown only while the charger is heard
    is_plug_known = Quantity.CONNECTED in fresh or state is not None
    return {
        "state": None if state is None else int(state),
        "connected": point.process.is_connected if is_plug_known else None,
        "charging": None if state is None else state.is_charging,
        "complete": None if state is None else point.process.is_complete,
        "interruption_state": point.control.is_interrupted,
        "temperature_warning": _temperature_warning(point, fresh),
        "rfid": point.process.card.enabled_by,  # empty: no card has enabled charging
    }


def _temperature_warning(point: ChargingPoint, fresh: Fresh) -> bool | None:
    """Return the charger's own temperature warning, if it is fresh; else the gateway's, by the temperature.

    The gateway warns from the configured threshold on, until the temperature is below that less 2 °C
    (`readings.HYSTERESIS_CENTI_C`). None: the temperature is not fresh either.
    """
    own_warning = fresh.get(Quantity.TEMPERATURE_WARNING)
    if own_warning is not None:
        return bool(own_warning)
    return point.readings.is_hot if Quantity.TEMPERATURE in fresh else None


def _session_values(point: ChargingPoint, fresh: Fresh) -> dict[str, Published]:
    """Return the values of the current or last session, and the total energy of the point.

    Duration and energy of an open session are None while the charger is silent, because nobody knows how it
    goes on. The total is None unless its register was read lately (`_is_total_up_to_date`), and until it is known.
    The end is None while it still moves on: until the vehicle is unplugged or charging is complete. Before the
    first session all but the energies are None.
    """
    session = point.session.latest
    is_up_to_date = session is not None and (not session.is_open or Quantity.STATE in fresh)
    is_total_shown = _is_total_up_to_date(point, fresh)
    return {
        "energy_last_charge": _session_energy(point, fresh, is_up_to_date=is_up_to_date),
        "energy_lifetime": point.energy.lifetime_mwh if is_total_shown else None,
        "session_start": session.started_at if session else None,
        "session_end": session.ended_at if session and _has_final_end(point, session) else None,
        "session_duration": session.duration_s if session and is_up_to_date else None,
    }


def _is_total_up_to_date(point: ChargingPoint, fresh: Fresh) -> bool:
    """Tell whether the total energy may be shown: the register that it follows was read lately.

    A reading that its counter doubts is left out of the values, so `fresh` does not tell then. The total is
    still shown, as long as the charger's state is fresh.
    """
    is_doubted = point.energy.lifetime_counter.doubt is not None
    return Quantity.ENERGY in fresh or (is_doubted and Quantity.STATE in fresh)


def _session_energy(point: ChargingPoint, fresh: Fresh, *, is_up_to_date: bool) -> Published:
    """Return the energy [mWh] of the current or last session, as the gateway adds it up; None: not known.

    Only before the first session the charger's own register is shown instead: within a session that may go
    back to 0. `is_up_to_date`: false while the session is open and the charger is silent.
    """
    if point.session.latest is None:
        return fresh.get(Quantity.SESSION_ENERGY)
    return point.session.latest.energy_mwh if is_up_to_date else None


def _has_final_end(point: ChargingPoint, session: Session) -> bool:
    """Tell whether the end time of a session may be shown: the vehicle was unplugged, or charging is complete.

    Else it moves on with each reading.
    """
    return not session.is_open or point.process.is_complete


def _fault_values(point: ChargingPoint, fresh: Fresh) -> dict[str, Published]:
    """Return the values of the point's faults, and of the charger's own fault registers.

    The point's faults are None as long as the gateway has not tried to reach the charger. But if a
    configuration fault blocks the point, it never will, and they are known. Of a register, None: not read
    lately.
    """
    is_known = point.link.condition is not LinkCondition.STARTING or point.installation.is_blocked
    return {
        "point_fault": point.faults.is_present if is_known else None,
        "last_point_fault": point.faults.text if is_known else None,
        **{key: fresh.get(quantity) for key, quantity in _FAULT_INFOS.items()},
    }
