"""What the group objects of one charging point say, from what is known of it. Pure."""

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
    """Return the value of every object of the charging point, by key.

    Units: mA, W, mWh, hundredths of °C, s; times of day are aware UTC datetimes. None: no value is known,
    or it is stale. `is_site_paused`: as for `shown_state`; `language`: of the reason's text.
    """
    fresh = fresh_values(point, now_s)
    values: dict[str, Published] = {key: fresh.get(one) for key, one in _MEASURED.items()}
    values.update(_states(point, fresh, now_s, is_site_paused=is_site_paused))
    values.update(_decision(point, language))
    values.update(_session(point, fresh))
    values.update(_faults(point, fresh))
    return values


Fresh = Mapping[Quantity, Value]  # values that are not stale


def _decision(point: ChargingPoint, language: str) -> dict[str, Published]:
    """Return the values of the offer and of its reason."""
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


def _states(
    point: ChargingPoint, fresh: Fresh, now_s: float, *, is_site_paused: bool
) -> dict[str, Published]:
    """Return the values of state, plug, interruption, temperature warning and card."""
    state = shown_state(point, now_s, is_site_paused=is_site_paused)
    # the plug outlasts a lost link (`link_changed`), but is shown only while the charger is heard
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
    """Return the charger's own warning where it has one, else that of the threshold.

    None: neither is fresh.
    """
    own = fresh.get(Quantity.TEMPERATURE_WARNING)
    if own is not None:
        return bool(own)
    return point.readings.is_hot if Quantity.TEMPERATURE in fresh else None


def _session(point: ChargingPoint, fresh: Fresh) -> dict[str, Published]:
    """Return the values of the current or last session, and the total.

    Duration and energy of an open session have no value while the charger is silent: how the session
    goes on is not known then.
    """
    session = point.session.latest
    is_known = session is not None and (not session.is_open or Quantity.STATE in fresh)
    return {
        "energy_last_charge": _session_energy(point, fresh, is_known=is_known),
        "energy_lifetime": point.energy.lifetime_mwh if _is_meter_heard(point, fresh) else None,
        "session_start": session.started_at if session else None,
        "session_end": session.ended_at if session and _has_known_end(point, session) else None,
        "session_duration": session.duration_s if session and is_known else None,
    }


def _is_meter_heard(point: ChargingPoint, fresh: Fresh) -> bool:
    """Tell whether the total may be shown: its meter was read lately, if only a doubted value.

    A doubted value is left out of the readings, and renews no age: there the charger's state tells.
    """
    is_doubted = point.energy.lifetime_counter.doubt is not None and Quantity.STATE in fresh
    return Quantity.ENERGY in fresh or is_doubted


def _session_energy(point: ChargingPoint, fresh: Fresh, *, is_known: bool) -> Published:
    """Return the energy [mWh] of the current or last session.

    It is the sum that the gateway keeps by the charger's register, where there is one, so a register that
    goes back to 0 on unplugging, or with each start command, does no harm. Before the first session the
    charger's register itself is shown. None: it is not known, or the charger does not report how an
    open session goes on (not `is_known`).
    """
    if point.session.latest is None:
        return fresh.get(Quantity.SESSION_ENERGY)
    return point.session.latest.energy_mwh if is_known else None


def _has_known_end(point: ChargingPoint, session: Session) -> bool:
    """Tell whether the end of a session is known: unplugged, or charging complete.

    Else its end moves on with each reading, and is not shown.
    """
    return not session.is_open or point.process.is_complete


def _faults(point: ChargingPoint, fresh: Fresh) -> dict[str, Published]:
    """Return the values of the faults.

    Before the charger was tried for the first time they are not known, but those of a blocked point are.
    """
    is_known = point.link.condition is not LinkCondition.STARTING or point.installation.is_blocked
    return {
        "point_fault": point.faults.is_present if is_known else None,
        "last_point_fault": point.faults.text if is_known else None,
        **{key: fresh.get(quantity) for key, quantity in _FAULT_INFOS.items()},
    }
