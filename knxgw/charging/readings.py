"""What readings of charger and meter make of a charging point. Pure.

Most readings repeat the values of the one before. They only renew the age of the values
(`observe_repeated`); what time alone moves is brought up to date later (`catch_up`), at the latest by the
next reading that shows something new.
Source: load-management 14.3; [reference-manual] tables 36-61.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from knxgw.catalogue.codes import ChargingState, FaultCode, Reason
from knxgw.charging import compliance as limit_compliance
from knxgw.charging import counting
from knxgw.charging import session as sessions
from knxgw.charging.freshness import USUAL_PERIOD_S, spacings_with
from knxgw.charging.point import CardState, ChargingPoint, ChargingProcess
from knxgw.charging.quantities import FAULT_INFOS, METERED, Quantity, Value
from knxgw.charging.session import SessionEnding
from knxgw.charging.session_progress import (
    _OF_SESSION,
    adopt_session_times,
    follow_session,
    with_start_time,
)
from knxgw.charging.states import ProcessInput, advance

HYSTERESIS_CENTI_C = 200
RECENT_S = 8.0  # a value that was not renewed for that long may have gone stale meanwhile


def observe_charger(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    now: datetime | None,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint:
    """Return the point after its charger was read; `unavailable`: it said that it has no value."""
    metered = point.metered_quantities
    values = {q: v for q, v in values.items() if q not in metered}
    point = _without_unavailable(point, unavailable - metered, now_s)
    return _update_charger_error(_apply_readings(point, values, now_s, now))


def observe_meter(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    now: datetime | None,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint:
    """Return the point after its electricity meter was read; `unavailable`: it has no value."""
    if Quantity.FAULT_INFO_1 in values:
        has_error = bool(values[Quantity.FAULT_INFO_1])
        point = replace(
            point, faults=point.faults.set(FaultCode.E_METER_ERROR, is_present=has_error)
        )
    point = _without_unavailable(point, unavailable & point.metered_quantities, now_s)
    return _apply_readings(point, {q: v for q, v in values.items() if q in METERED}, now_s, now)


def _without_unavailable(
    point: ChargingPoint, unavailable: frozenset[Quantity], now_s: float
) -> ChargingPoint:
    """Return the point without the values of which its device has just said that it has none.

    That they were asked for now stays known.
    """
    if not unavailable:
        return point
    readings = point.readings
    values = {q: v for q, v in readings.values.items() if q not in unavailable}
    read_at = {**readings.read_at, **dict.fromkeys(unavailable, now_s)}
    return point.with_readings(replace(readings, values=values, read_at=read_at))


def observe_repeated(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint | None:
    """Return the point after a reading of its charger that shows nothing new; None: it shows something new.

    Only the age of its values, and how far apart readings come, are noted. Most readings are like that,
    so this path must be quick.
    """
    readings = point.readings
    if not values or not values.items() <= readings.values.items():
        return None  # a value is another one than before
    metered = point.installation.metered_quantities
    if not metered.isdisjoint(values):
        return None  # the meter's figures stand for these: they have to be left out first
    asked: Collection[Quantity] = values
    if unavailable:
        unavailable -= metered
        if not point.is_reported_unavailable(unavailable):
            return None  # the charger says for the first time that it has no value
        asked = [*values, *unavailable]
    oldest_at = min(map(readings.read_at.__getitem__, values))
    if oldest_at < now_s - RECENT_S:
        return None  # the value may have been stale meanwhile: what followed from that ends
    if _counts_when_repeated(point, values):
        return None
    spacings_s = readings.spacings_s
    if spacings_s or now_s - oldest_at > USUAL_PERIOD_S:
        spacings_s = spacings_with(readings, values, now_s)
    read_at = {**readings.read_at, **dict.fromkeys(asked, now_s)}
    return point.with_readings(readings.with_times(read_at, spacings_s, now_s))


def _counts_when_repeated(point: ChargingPoint, values: Mapping[Quantity, Value]) -> bool:
    """Tell whether the same values again may change more of a point than their age.

    Where energy follows from power, each reading of the power adds some. The same values again may end
    a fault, or confirm an energy that is doubted.
    """
    counts_power = Quantity.POWER in values and "energy" not in point.settings.capabilities
    return counts_power or bool(point.faults.present) or point.has_doubted_counter


def catch_up(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Return the point with its session brought up to the last reading that showed nothing new.

    The session follows that reading as if it had been taken in fully when it came: with the charger's own
    times of the session, unless they were read too early to belong to this one.
    """
    readings, session = point.readings, point.session
    repeated_at = readings.repeated_at
    if repeated_at is None:
        return point  # every reading has been taken in fully
    if now is not None:
        now -= timedelta(seconds=now_s - repeated_at)
    point = point.with_readings(readings.with_times(readings.read_at, readings.spacings_s, None))
    if session.latest is None or session.began_at is None:
        return follow_session(point, repeated_at, now)
    of_this_session_from = session.began_at + counting.SESSION_VALUES_AFTER_S
    reported = {
        quantity: readings.values[quantity]
        for quantity, read_at in readings.read_at.items()
        if quantity in _OF_SESSION
        and quantity in readings.values
        and read_at >= of_this_session_from
    }
    return follow_session(adopt_session_times(point, reported, repeated_at, now), repeated_at, now)


def _apply_readings(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    """Return the point with new values and all that follows: energy, plug, session, heat, card."""
    before = catch_up(point, now_s, now)
    believed = counting.filter_energies(before, values, now_s, now)
    values = believed.values
    point = counting.add_to_totals(_with_values(before, values, now_s), believed, now_s)
    point = adopt_session_times(point, values, now_s, now)
    was_connected, is_connected = before.process.is_connected, point.process.is_connected
    if was_connected is not False and is_connected is False:
        point = _unplugged(point, now_s, now)
    elif not was_connected and is_connected:
        point = _plugged_in(point, before)
    point = follow_session(point, now_s, now)
    return _update_temperature_warning(_update_card(point))


def _with_values(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float
) -> ChargingPoint:
    """Return the point with what was read now, before anything follows from that."""
    readings, process, link = point.readings, point.process, point.link
    if Quantity.STATE in values and not link.was_heard:
        link = replace(link, was_heard=True)
    plug = values.get(Quantity.CONNECTED)
    if plug is not None and bool(plug) is not process.is_connected:
        process = replace(process, is_connected=bool(plug))
    readings = replace(
        readings,
        values={**readings.values, **values},
        read_at={**readings.read_at, **dict.fromkeys(values, now_s)},
        spacings_s=spacings_with(readings, values, now_s),
    )
    return replace(point, readings=readings, process=process, link=link)


def _plugged_in(point: ChargingPoint, before: ChargingPoint) -> ChargingPoint:
    """Return the point after a vehicle was plugged in.

    Its session counts from the charger's session register as it was read before, if it is known that no
    vehicle was there then.
    """
    manual = point.is_started_manually
    process_input = ProcessInput.PLUGGED_IN_TO_WAIT if manual else ProcessInput.PLUGGED_IN
    # not known (None): the vehicle may have been there for a while, and the register may count for it
    was_unplugged = before.process.is_connected is False
    register_mwh = before.number(Quantity.SESSION_ENERGY) if was_unplugged else None
    return replace(
        point,
        process=_advanced(point.process, process_input),
        energy=replace(point.energy, register_before_mwh=register_mwh),
    )


def _advanced(process: ChargingProcess, given: ProcessInput) -> ChargingProcess:
    """Return the process after an input; where the state does not allow it, as it was."""
    return replace(process, stage=advance(process.stage, given) or process.stage)


def _update_card(point: ChargingPoint) -> ChargingPoint:
    """Return the point with the card that enabled charging: not the one shown before plug-in.

    Chargers may go on showing the card of the last session. The same card again counts when charging
    begins. What the charger shows first after a restart counts as shown before. It is noted as well
    whether the charger has asked for a card since plug-in.
    """
    shown = point.value(Quantity.RFID)
    if not isinstance(shown, str):
        return point  # no card is read from this charger
    process, state = point.process, point.value(Quantity.STATE)
    card = process.card
    if process.is_connected and state == ChargingState.MANUAL_START and not card.was_requested:
        card = replace(card, was_requested=True)
    has_removed_card = not process.is_connected and not shown and bool(card.shown_before)
    if card.shown_before is None or has_removed_card:
        card = replace(card, shown_before=shown)
    elif process.is_connected and shown and shown not in (card.enabled_by, card.shown_before):
        card = replace(card, enabled_by=shown) if state in _ENABLED else card
    return point if card is process.card else replace(point, process=replace(process, card=card))


_ENABLED = (
    ChargingState.CONNECTED,
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
)


def _unplugged(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Return the point after the vehicle was unplugged: its session is over.

    What was noted of this vehicle is forgotten; the card that the charger still shows is remembered, so
    that it does not count for the next session.
    """
    session, shown = point.session, str(point.value(Quantity.RFID) or "")
    if session.latest is not None and session.latest.is_open:
        timed = with_start_time(session.latest, session.began_at, now_s, now)
        ending, held_by = _ending(point)
        session = replace(session, latest=sessions.close(timed, ending, held_by))
    process = replace(
        _advanced(point.process, ProcessInput.UNPLUGGED),
        card=CardState(shown_before=shown),
        has_charged=False,
        below_s=0.0,
        counted_until=None,
        is_complete=False,
    )
    control = replace(point.control, compliance=limit_compliance.NEW)
    return replace(point, session=session, process=process, control=control)


def _ending(point: ChargingPoint) -> "Ending":
    """Return how charging was when the vehicle was unplugged, and what held it back if something did."""
    decision = point.control.decision
    if point.process.is_complete:
        return Ending(SessionEnding.COMPLETE)
    if decision is not None and decision.offer_ma == 0:
        return Ending(SessionEnding.HELD_BACK, decision.reason)
    return Ending(SessionEnding.UNPLUGGED)


class Ending(NamedTuple):
    """How a session ended, and what held the vehicle back then; None: nothing did."""

    ending: SessionEnding
    held_by: Reason | None = None


def _update_charger_error(point: ChargingPoint) -> ChargingPoint:
    """Raise or clear `ChargerError` by the charger's state and its fault registers."""
    state = point.value(Quantity.STATE)
    if state is None:  # not read since the charger came back: a fault from before stays
        return point
    in_error = state == ChargingState.ERROR
    has_error = in_error or any(point.value(quantity) for quantity in FAULT_INFOS)
    faults = point.faults.set(FaultCode.CHARGER_ERROR, is_present=has_error)
    readings = point.readings
    if in_error == readings.in_error and faults is point.faults:
        return point
    return replace(point, readings=replace(readings, in_error=in_error), faults=faults)


def _update_temperature_warning(point: ChargingPoint) -> ChargingPoint:
    """Return the point with its temperature warning: on at the threshold, off a little below.

    Without a temperature the warning stays as it is.
    """
    centi_c = point.number(Quantity.TEMPERATURE)
    if centi_c is None:
        return point
    warning_centi_c = point.settings.temperature.warning_c * 100
    readings = point.readings
    is_hot = centi_c >= (
        warning_centi_c - HYSTERESIS_CENTI_C if readings.is_hot else warning_centi_c
    )
    if is_hot == readings.is_hot:
        return point
    return point.with_readings(replace(readings, is_hot=is_hot))
