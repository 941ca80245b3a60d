"""What readings of charger and meter make of a charging point. Pure.

Most readings repeat the values of the one before. They only renew the age of the values
(`observe_repeated`); what time alone moves is brought up to date later (`catch_up`), at the latest by the
next reading that shows something new. A quantity is *unavailable* if it was read, but its device said that it has no
value. What the electricity meter of a point supplies is *metered*: for that the charger's own values are left out.
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
from knxgw.charging.freshness import USUAL_PERIOD_S, spacings_after_reading
from knxgw.charging.point import CardState, ChargingPoint, ChargingProcess, Readings
from knxgw.charging.quantities import FAULT_INFOS, METERED, Quantity, Value
from knxgw.charging.session import SessionEnding
from knxgw.charging.session_progress import (
    SESSION_TIMES,
    adopt_session_times,
    follow_session,
    with_start_time,
)
from knxgw.charging.states import ProcessInput, advance

HYSTERESIS_CENTI_C = 200  # 2 °C: the temperature warning ends only below its threshold less this
RECENT_S = 8.0  # every value stays fresh for longer than this; an older one may have gone stale


def observe_charger(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    now: datetime | None,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint:
    """Return the point after its charger was read: values, energy, plug, session, card, faults.

    Quantities that the electricity meter of the point supplies are left out: the meter's figures count.
    `values`: of the quantities that were read. `unavailable`: quantities that were read, but for which the
    charger said that it has no value. `now_s`: monotonic; `now`: the wall-clock time, None: not valid.
    """
    metered = point.metered_quantities
    values = {quantity: value for quantity, value in values.items() if quantity not in metered}
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
    """Return the point after its electricity meter was read: values, energy, session, and its fault.

    Only currents, powers and energies count, and the meter's own error flag (`FAULT_INFO_1`). `unavailable`:
    quantities for which the meter said that it has no value. `now_s`: monotonic; `now`: the wall-clock
    time, None: not valid.
    """
    if Quantity.FAULT_INFO_1 in values:
        has_error = bool(values[Quantity.FAULT_INFO_1])
        faults = point.faults.set(FaultCode.E_METER_ERROR, is_present=has_error)
        point = replace(point, faults=faults)
    point = _without_unavailable(point, unavailable & point.metered_quantities, now_s)
    metered = {quantity: value for quantity, value in values.items() if quantity in METERED}
    return _apply_readings(point, metered, now_s, now)


def _without_unavailable(
    point: ChargingPoint, unavailable: frozenset[Quantity], now_s: float
) -> ChargingPoint:
    """Return the point without values of the `unavailable` quantities: its device said that it has none.

    `read_at` notes that they were read now (`now_s`, monotonic): a quantity that was read but has no value is
    known to be unavailable, unlike one that was not read yet.
    """
    if not unavailable:
        return point
    readings = point.readings
    values = {
        quantity: value
        for quantity, value in readings.values.items()
        if quantity not in unavailable
    }
    read_at = {**readings.read_at, **dict.fromkeys(unavailable, now_s)}
    return point.with_readings(replace(readings, values=values, read_at=read_at))


def observe_repeated(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint | None:
    """Return the point after a reading of its charger that shows nothing new; None: it may show something new.

    The quick way for most readings: only the age of the values, and on a slow line how far apart readings
    come, are noted. With None, the caller must give the reading to `observe_charger`, which takes it in
    fully. Arguments as for `observe_charger`.
    """
    readings = point.readings
    if unavailable:
        unavailable -= point.metered_quantities  # a new set: the caller's is not changed
    if not _repeats_known_values(point, values, unavailable):
        return None
    oldest_at = min(map(readings.read_at.__getitem__, values))
    if oldest_at < now_s - RECENT_S:
        return None  # a value may have gone stale, and is fresh again: that is news
    if _matters_when_repeated(point, values):
        return None  # a power adds energy, a fault may end, or an energy may be confirmed
    spacings_s = readings.spacings_s
    # slow spacings have been noted before, or this reading comes late
    is_slow_line = bool(spacings_s) or now_s - oldest_at > USUAL_PERIOD_S
    if is_slow_line:
        spacings_s = spacings_after_reading(readings, values, now_s)
    read_quantities: Collection[Quantity] = [*values, *unavailable] if unavailable else values
    read_at = {**readings.read_at, **dict.fromkeys(read_quantities, now_s)}
    return point.with_readings(readings.with_times(read_at, spacings_s, repeated_at=now_s))


def _repeats_known_values(
    point: ChargingPoint, values: Mapping[Quantity, Value], unavailable: frozenset[Quantity]
) -> bool:
    """Tell whether a reading of the charger shows what is known already: each value is the same as before.

    And each of the `unavailable` quantities was already known to have no value. False if nothing was read, or
    if the electricity meter supplies some of these quantities: then the charger's values must be left out.
    """
    if not values or not values.items() <= point.readings.values.items():
        return False
    if not point.installation.metered_quantities.isdisjoint(values):
        return False
    return not unavailable or point.is_reported_unavailable(unavailable)


def _matters_when_repeated(point: ChargingPoint, values: Mapping[Quantity, Value]) -> bool:
    """Tell whether values that repeat the ones before may change more of the point than their age.

    - Where energy follows from power (no device counts energy), each reading of the power adds some.
    - While a fault is present, the same values may end it.
    - While a counter waits for a second reading, the same value once more may confirm the first: it doubts an
      energy, or has no total yet.
    """
    adds_energy = Quantity.POWER in values and "energy" not in point.settings.capabilities
    return adds_energy or bool(point.faults.present) or point.awaits_confirmation


def catch_up(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Return the point with its session brought up to its last reading, if that showed nothing new.

    `observe_repeated` takes in such readings without the session, so duration and "charging complete" lag
    behind. Here the session follows the last of them as if it had been taken in fully at its time. Nothing
    changes if the last reading was taken in fully. `now_s`: monotonic; `now`: the wall-clock time, None: not
    valid.
    """
    readings, session = point.readings, point.session
    repeated_at = readings.repeated_at
    if repeated_at is None:
        return point  # the last reading has been taken in fully
    if now is not None:
        now -= timedelta(seconds=now_s - repeated_at)  # what the wall clock showed at that reading
    point = point.with_readings(
        readings.with_times(readings.read_at, readings.spacings_s, repeated_at=None)
    )
    # else: no session yet, or one that was over before the gateway's restart: no times to take over
    if session.latest is not None and session.began_at is not None:
        reported = _session_times(readings, since_at=session.began_at)
        point = adopt_session_times(point, reported, repeated_at, now)
    return follow_session(point, repeated_at, now)


def _session_times(readings: Readings, *, since_at: float) -> dict[Quantity, Value]:
    """Return what the charger last reported of start, end and duration of the session that began at `since_at`.

    In the first 10 s of a session (`SESSION_VALUES_AFTER_S`) the charger may still report the one before:
    what was read last before then is left out. `since_at`: monotonic.
    """
    of_this_session_from = since_at + counting.SESSION_VALUES_AFTER_S
    return {
        quantity: readings.values[quantity]
        for quantity, read_at in readings.read_at.items()
        if quantity in SESSION_TIMES
        and quantity in readings.values
        and read_at >= of_this_session_from
    }


def _apply_readings(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    """Return the point with the values of a reading and all that follows from them.

    That is: energy, plug, session, card and temperature warning. First the session is brought up to the
    readings before this one (`catch_up`). Energy is added before the plug is looked at, because what this
    reading adds belongs to the session that it may end. `now_s`: monotonic; `now`: the wall-clock time, None:
    not valid.
    """
    before = catch_up(point, now_s, now)
    counted = counting.filter_energies(before, values, now_s, now)
    values = counted.values  # without energies that their counters doubt
    point = _with_values(before, values, now_s)
    point = counting.add_to_totals(point, counted, now_s)
    point = adopt_session_times(point, values, now_s, now)
    was_connected, is_connected = before.process.is_connected, point.process.is_connected
    # also if it was not known (None): an open session from before the gateway's start is over
    if was_connected is not False and is_connected is False:
        point = _unplugged(point, now_s, now)
    elif not was_connected and is_connected:
        point = _plugged_in(point, before)
    point = follow_session(point, now_s, now)
    return _update_temperature_warning(_update_card(point))


def _with_values(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float
) -> ChargingPoint:
    """Return the point with what was read now: values, their times, and whether a vehicle is plugged in.

    If the charger's state is among them, it is noted that the charger has been heard. What follows from the
    plug for process and session is left to the caller. `now_s`: monotonic.
    """
    readings, process, link = point.readings, point.process, point.link
    if Quantity.STATE in values and not link.was_heard:
        link = replace(link, was_heard=True)
    plug = values.get(Quantity.CONNECTED)
    if plug is not None and bool(plug) is not process.is_connected:
        process = replace(process, is_connected=bool(plug))
    readings = readings.with_values(
        {**readings.values, **values},
        {**readings.read_at, **dict.fromkeys(values, now_s)},
        spacings_after_reading(readings, values, now_s),
    )
    if process is point.process and link is point.link:  # as with most readings: the quick way
        return point.with_readings(readings)
    return replace(point, readings=readings, process=process, link=link)


def _plugged_in(point: ChargingPoint, before: ChargingPoint) -> ChargingPoint:
    """Return the point after a vehicle was plugged in: its process waits for a start command, or may charge.

    What the charger's register of the session showed before is noted: while the register still shows that, it
    shows the session before, which must not count again. `before`: the point before this reading.
    """
    process_input = (
        ProcessInput.PLUGGED_IN_TO_WAIT if point.is_started_manually else ProcessInput.PLUGGED_IN
    )
    # if it is not known whether a vehicle was there (None), the register may show this vehicle's session
    was_unplugged = before.process.is_connected is False
    register_before_mwh = before.number(Quantity.SESSION_ENERGY) if was_unplugged else None
    return replace(
        point,
        process=_advanced(point.process, process_input),
        energy=replace(point.energy, register_before_mwh=register_before_mwh),
    )


def _advanced(process: ChargingProcess, process_input: ProcessInput) -> ChargingProcess:
    """Return the charging process with its stage after an input; the stage stays if it allows no such input."""
    return replace(process, stage=advance(process.stage, process_input) or process.stage)


def _update_card(point: ChargingPoint) -> ChargingPoint:
    """Return the point with the RFID card that enabled charging, by what its charger shows.

    A charger may go on showing the card of the last session. So the card that it showed when the last vehicle
    left (`shown_before`), or first after a restart of the gateway, does not count. It is forgotten once the
    charger shows none while no vehicle is there. If the charger has asked for a card since plug-in
    (`was_requested`), the same card counts as well, once a session begins (`follow_session`).
    """
    shown = point.value(Quantity.RFID)
    if not isinstance(shown, str):
        return point  # no card is read from this charger
    process = point.process
    card = process.card
    is_requested = point.value(Quantity.STATE) == ChargingState.MANUAL_START
    if process.is_connected and is_requested and not card.was_requested:
        card = replace(card, was_requested=True)
    is_first_shown = card.shown_before is None  # in this run of the gateway
    is_card_gone = not process.is_connected and not shown and bool(card.shown_before)
    if is_first_shown or is_card_gone:
        card = replace(card, shown_before=shown)
    elif _has_enabled_charging(point, shown):
        card = replace(card, enabled_by=shown)
    return point if card is process.card else replace(point, process=replace(process, card=card))


def _has_enabled_charging(point: ChargingPoint, shown_card: str) -> bool:
    """Tell whether a card that the charger shows has just enabled charging for the vehicle that is there.

    Charging is enabled, and the card is a new one: neither the one that was noted already, nor one left over
    from the session before (`shown_before`). `shown_card`: empty: none is shown.
    """
    process = point.process
    is_new_card = bool(shown_card) and shown_card not in (
        process.card.enabled_by,
        process.card.shown_before,
    )
    is_enabled = point.value(Quantity.STATE) in _ENABLED
    return bool(process.is_connected) and is_new_card and is_enabled


# states in which charging is enabled: a card that is shown then has enabled it
_ENABLED = (
    ChargingState.CONNECTED,
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
)


def _unplugged(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Return the point after the vehicle was unplugged: an open session is closed.

    What is known of this vehicle (charged, complete, compliance with its limit) is forgotten. A card that
    the charger still shows is remembered, so that it does not count for the next session. `now_s`: monotonic;
    `now`: the wall-clock time, None: not valid.
    """
    session, shown_card = point.session, str(point.value(Quantity.RFID) or "")
    if session.latest is not None and session.latest.is_open:
        timed = with_start_time(session.latest, session.began_at, now_s, now)
        ending, held_by = _ending(point)
        session = replace(session, latest=sessions.close(timed, ending, held_by))
    process = replace(
        _advanced(point.process, ProcessInput.UNPLUGGED),
        card=CardState(shown_before=shown_card),
        has_charged=False,
        below_s=0.0,  # the time below the "complete" threshold
        counted_until=None,
        is_complete=False,
    )
    control = replace(point.control, compliance=limit_compliance.NEW)
    return replace(point, session=session, process=process, control=control)


def _ending(point: ChargingPoint) -> "Ending":
    """Return how the session of a vehicle that was just unplugged ended, and what held it back then.

    Charging was complete; else the offer was 0 A, for a reason; else the vehicle could still charge.
    """
    decision = point.control.decision
    if point.process.is_complete:
        return Ending(SessionEnding.COMPLETE)
    if decision is not None and decision.offer_ma == 0:
        return Ending(SessionEnding.HELD_BACK, decision.reason)
    return Ending(SessionEnding.UNPLUGGED)


class Ending(NamedTuple):
    """How a session ended, and what held the vehicle back then."""

    ending: SessionEnding
    held_by: Reason | None = None  # None: nothing did, or charging was complete


def _update_charger_error(point: ChargingPoint) -> ChargingPoint:
    """Return the point with the fault `ChargerError` raised or cleared, as its charger reports.

    The fault is present if the charger's state is "error", or one of its fault registers is not 0. But the
    point is offered 0 A (`in_error`) by the state alone: a fault register may show what does not prevent
    charging.
    """
    state = point.value(Quantity.STATE)
    if state is None:  # not read since the link was lost: a fault from before stays
        return point
    in_error = state == ChargingState.ERROR
    has_error = in_error or any(point.value(quantity) for quantity in FAULT_INFOS)
    faults = point.faults.set(FaultCode.CHARGER_ERROR, is_present=has_error)
    readings = point.readings
    if in_error == readings.in_error and faults is point.faults:
        return point
    return replace(point, readings=replace(readings, in_error=in_error), faults=faults)


def _update_temperature_warning(point: ChargingPoint) -> ChargingPoint:
    """Return the point with its temperature warning: on at the configured threshold, off below it less 2 °C.

    So a temperature near the threshold does not switch it on and off. Without a temperature it stays as it is.
    """
    temperature_centi_c = point.number(Quantity.TEMPERATURE)
    if temperature_centi_c is None:
        return point
    readings = point.readings
    threshold_centi_c = point.settings.temperature.warning_c * 100
    if readings.is_hot:
        threshold_centi_c -= HYSTERESIS_CENTI_C
    is_hot = temperature_centi_c >= threshold_centi_c
    if is_hot == readings.is_hot:
        return point
    return point.with_readings(replace(readings, is_hot=is_hot))
