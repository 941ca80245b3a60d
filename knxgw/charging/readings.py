"""What readings of charger and meter make of a charging point: session, energy, heat, card. Pure.

A reading that shows nothing new only renews the age of the values; what time alone moves is
followed later, at latest with the next one that does.
Source: load-management 14.3; [reference-manual] tables 36-61.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from knxgw.catalogue.codes import ChargingState, FaultCode
from knxgw.charging import compliance as limit_compliance
from knxgw.charging import counting
from knxgw.charging import session as sessions
from knxgw.charging.point import (
    USUAL_PERIOD_S,
    CardState,
    ChargingPoint,
    ChargingProcess,
    SessionState,
    fresh_current_ma,
    spacings_with,
)
from knxgw.charging.quantities import FAULT_INFOS, METERED, Quantity, Value
from knxgw.charging.session import Session
from knxgw.charging.states import ProcessInput, advance

HYSTERESIS_CENTI_C = 200
RECENT_S = 8.0  # a value that was not renewed for so long may have been withdrawn


def observe_charger(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    now: datetime | None,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint:
    """Take fresh values of the charger, and for which quantities it said that it has none."""
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
    """Take fresh values of the electricity meter behind the charging point."""
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
    """Return the point without values that its device has just said it does not have.

    The last ones would be no better than guesses; when it was asked stays known.
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
    """Return the point after a reading that shows nothing new, None: it shows something.

    Most readings are like that, so this is the path that must be quick.
    """
    readings = point.readings
    if not values or not values.items() <= readings.values.items():
        return None
    if unavailable and not point.is_reported_unavailable(unavailable - point.metered_quantities):
        return None
    oldest_at = min(map(readings.read_at.__getitem__, values))
    if oldest_at < now_s - RECENT_S:
        return None
    counts_power = Quantity.POWER in values and "energy" not in point.settings.capabilities
    if counts_power or point.faults.present or point.has_doubted_counter:
        return None
    if not point.installation.metered_quantities.isdisjoint(values):
        return None
    asked = [*values, *(unavailable - point.metered_quantities)] if unavailable else values
    spacings_s = readings.spacings_s
    if spacings_s or now_s - oldest_at > USUAL_PERIOD_S:
        spacings_s = spacings_with(readings, values, now_s)
    read_at = {**readings.read_at, **dict.fromkeys(asked, now_s)}
    return point.with_readings(readings.with_times(read_at, spacings_s, now_s))


def catch_up(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Take in what readings without news have not moved yet: how long the session lasts."""
    readings, session = point.readings, point.session
    repeated_at = readings.repeated_at
    if repeated_at is None:
        return point
    if now is not None:
        now -= timedelta(seconds=now_s - repeated_at)
    point = point.with_readings(readings.with_times(readings.read_at, readings.spacings_s, None))
    if session.latest is None or session.began_at is None:
        return _follow_session(point, repeated_at, now)
    since = session.began_at + counting.OWN_ENERGY_AFTER_S
    reported = {
        quantity: readings.values[quantity]
        for quantity, read_at in readings.read_at.items()
        if quantity in _OF_SESSION and quantity in readings.values and read_at >= since
    }
    return _follow_session(
        _adopt_session_times(point, reported, repeated_at, now), repeated_at, now
    )


_OF_SESSION = frozenset(
    (
        Quantity.SESSION_DURATION,
        Quantity.SESSION_START,
        Quantity.SESSION_END,
    )
)


def _apply_readings(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    before = catch_up(point, now_s, now)
    believed = counting.filter_energies(before, values, now_s, now)
    values = believed.values
    point = counting.add_to_totals(_with_values(before, values, now_s), believed, now_s)
    point = _adopt_session_times(point, values, now_s, now)
    was_connected, is_connected = before.process.is_connected, point.process.is_connected
    if was_connected is not False and is_connected is False:
        point = _unplugged(point, now_s, now)
    elif not was_connected and is_connected:
        point = _plugged_in(point, before)
    point = _follow_session(point, now_s, now)
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
    was_unplugged = before.process.is_connected is False  # else it may be there for a while already
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
    """Find the card that enables charging: one that was not there when the last vehicle left.

    Chargers may go on showing the card of the last session. The same card again counts when
    charging begins (see `_begin`). After a restart nothing that was told is told again.
    """
    shown = point.value(Quantity.RFID)
    if not isinstance(shown, str):
        return point
    process, state = point.process, point.value(Quantity.STATE)
    card = process.card
    if process.is_connected and state == ChargingState.MANUAL_START and not card.was_requested:
        card = replace(card, was_requested=True)
    if card.shown_before is None or (not process.is_connected and not shown and card.shown_before):
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
    session, shown = point.session, str(point.value(Quantity.RFID) or "")
    if session.latest is not None and session.latest.is_open:
        closed = sessions.close(_with_start_time(session.latest, session.began_at, now_s, now))
        session = replace(session, latest=closed)
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


def _update_charger_error(point: ChargingPoint) -> ChargingPoint:
    state = point.value(Quantity.STATE)
    if state is None:  # not read since it came back: what it said before still holds
        return point
    in_error = state == ChargingState.ERROR
    has_error = in_error or any(point.value(quantity) for quantity in FAULT_INFOS)
    faults = point.faults.set(FaultCode.CHARGER_ERROR, is_present=has_error)
    readings = point.readings
    if in_error == readings.in_error and faults is point.faults:
        return point
    return replace(point, readings=replace(readings, in_error=in_error), faults=faults)


def _adopt_session_times(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    """Take start, end and duration of the session from a charger that supplies them.

    As with its energy, they may be those of the session before until this one has lasted a while.
    """
    session, known = point.session.latest, point.session
    if session is None or not counting.is_of_this_session(known, now_s):
        return point
    duration = values.get(Quantity.SESSION_DURATION)
    if isinstance(duration, int) and duration > 0:
        if duration < session.duration_s - EARLY_S:  # it began again with a start command
            lasted_s = round(now_s - (known.began_at or now_s))
            session = replace(session, duration_s=min(session.duration_s, lasted_s))
            known = replace(known, has_duration_restarted=True)
        elif not known.has_duration_restarted:
            session = replace(session, duration_s=duration)
    start, end = values.get(Quantity.SESSION_START), values.get(Quantity.SESSION_END)
    zone = point.installation.zone
    if now is not None and isinstance(start, int):
        near = session.started_at or now
        started_at = sessions.moment_near(near, start, zone)
        if session.started_at is None or started_at <= near + timedelta(seconds=LATE_S):
            session = replace(session, started_at=started_at)
    if now is not None and isinstance(end, int) and end > 0:
        near = session.ended_at or now
        session = replace(session, ended_at=sessions.moment_near(near, end, zone))
    if session is known.latest:
        return point
    return replace(point, session=replace(known, latest=session))


EARLY_S = 30  # by which a charger's own duration may be shorter than ours
LATE_S = 300  # after which a charger's own start is that of a resume


def _update_temperature_warning(point: ChargingPoint) -> ChargingPoint:
    """Warn from the threshold on, until it is a little cooler: no warning that comes and goes."""
    temperature = point.number(Quantity.TEMPERATURE)
    if temperature is None:
        return point
    warning = point.settings.temperature.warning_c * 100
    readings = point.readings
    is_hot = temperature >= (warning - HYSTERESIS_CENTI_C if readings.is_hot else warning)
    if is_hot == readings.is_hot:
        return point
    return point.with_readings(replace(readings, is_hot=is_hot))


# --- session and "charging complete" -------------------------------------------------------------


def _follow_session(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    state = point.value(Quantity.STATE)
    is_charging = isinstance(state, ChargingState) and state.is_charging
    if point.process.is_connected is False:
        return point
    if is_charging and not point.session.is_open:
        point = _begin(point, now_s, now)
    point = counting.adopt_session_register(point, now_s)
    current_ma = fresh_current_ma(point, now_s)
    is_above_threshold = _is_above_threshold(point, current_ma)
    process = point.process
    if is_charging and is_above_threshold and not process.has_charged:
        process = replace(process, has_charged=True)
    if current_ma is None and process.has_charged:  # not measured, or not read yet
        if process.counted_until is not None:
            process = replace(process, counted_until=None)
    else:
        process = _update_complete(point, process, now_s, is_above_threshold=is_above_threshold)
    session = _timed(point, now_s, now, is_drawing=is_charging and is_above_threshold)
    if session is point.session and process is point.process:
        return point
    return point.with_session_and_process(session, process)


def _timed(
    point: ChargingPoint, now_s: float, now: datetime | None, *, is_drawing: bool
) -> SessionState:
    """Return the session with its start, where that was not known, and with its end moved on."""
    known = point.session
    session = known.latest
    if session is None:
        return known
    if session.is_open:
        session = _with_start_time(session, known.began_at, now_s, now)
    if is_drawing and known.began_at is not None:
        session = _extended(point, session, now, now_s - known.began_at)
        return SessionState(  # as `replace` would, each time that a car has drawn
            latest=session,
            began_at=known.began_at,
            drew_at=now_s,
            is_restored=known.is_restored,
            is_unreported=known.is_unreported,
            has_duration_restarted=known.has_duration_restarted,
        )
    return known if session is known.latest else replace(known, latest=session)


def _begin(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    session = SessionState(
        latest=sessions.begin(now),
        began_at=now_s,
        is_unreported=point.session.is_unreported,  # of the one before: that is yet to be reported
    )
    process, shown = point.process, point.value(Quantity.RFID)
    card = process.card
    if isinstance(shown, str) and shown and (card.was_requested or shown != card.shown_before):
        process = replace(process, card=replace(card, enabled_by=shown))
    energy = counting.start_session_register(point)
    return replace(point, session=session, process=process, energy=energy)


def needs_new_times(point: ChargingPoint, off: timedelta | None) -> bool:
    """Tell whether the session is dated anew now that the clock is right; `off`: None, it was not known.

    One that runs and began in this run is dated by its next reading. The one that is over keeps its
    times, unless the clock was so wrong that they are, too.
    """
    session = point.session.latest
    if session is None:
        return False
    if off is None:
        return point.session.is_restored or not session.is_open
    return session.is_open or off > CLOCK_TOLERANCE


CLOCK_TOLERANCE = timedelta(seconds=60)


def with_new_times(point: ChargingPoint, now: datetime, now_s: float) -> ChargingPoint:
    """Return the point after the wall clock was set or corrected: its session follows it.

    One that began in this run has its start by the monotonic clock. Of one from before a restart the
    stored start is what is known, and the time the gateway was off is a part of it: while nobody
    knew the time, that was missing in its duration. One that has ended since is dated, too.
    """
    known = point.session
    session, began_at = known.latest, known.began_at
    if session is None or began_at is None:
        return point
    drew_at = None if known.drew_at is None else now - timedelta(seconds=now_s - known.drew_at)
    if not known.is_restored or session.started_at is None:
        started_at = now - timedelta(seconds=now_s - began_at)
        dated = replace(session, started_at=started_at, ended_at=drew_at or session.ended_at)
        return replace(point, session=replace(known, latest=dated))
    lasted_s = max(0.0, (now - session.started_at).total_seconds())
    known = replace(known, began_at=now_s - lasted_s)
    if drew_at is not None and drew_at >= session.started_at:
        duration_s = session.duration_s
        if point.number(Quantity.SESSION_DURATION) is None or known.has_duration_restarted:
            duration_s = max(duration_s, round((drew_at - session.started_at).total_seconds()))
        session = replace(session, ended_at=drew_at, duration_s=duration_s)
    return replace(point, session=replace(known, latest=session))


def _extended(
    point: ChargingPoint, session: Session, now: datetime | None, lasted_s: float
) -> Session:
    """Return the session after current flowed; what the charger counts itself is left alone."""
    charger_counts = (
        point.number(Quantity.SESSION_DURATION) is not None
        and not point.session.has_duration_restarted
        and lasted_s >= counting.OWN_ENERGY_AFTER_S
    )
    return sessions.extended(session, now, session.duration_s if charger_counts else lasted_s)


def _is_above_threshold(point: ChargingPoint, current_ma: int | None) -> bool:
    """Tell whether the current is above the threshold; one that nobody measures counts as such."""
    if current_ma is None:
        return not point.is_current_measured
    return current_ma >= point.settings.complete_threshold_ma


def _with_start_time(
    session: Session, began_at: float | None, now_s: float, now: datetime | None
) -> Session:
    """Return the session with its start time, found out later if the clock was not valid then."""
    if session.started_at is not None or now is None or began_at is None:
        return session
    return replace(session, started_at=now - timedelta(seconds=now_s - began_at))


def _update_complete(
    point: ChargingPoint, process: ChargingProcess, now_s: float, *, is_above_threshold: bool
) -> ChargingProcess:
    """Count the time below the threshold; it does not run while we hold the point at 0 A."""
    if is_above_threshold or not process.has_charged:
        if not process.below_s and process.counted_until is None and not process.is_complete:
            return process
        return replace(process, below_s=0.0, counted_until=None, is_complete=False)
    decision = point.control.decision
    if decision is not None and decision.offer_ma == 0:
        return replace(process, counted_until=None)
    elapsed_s = now_s - process.counted_until if process.counted_until is not None else 0.0
    below_s = process.below_s + elapsed_s
    is_complete = process.is_complete or below_s >= point.settings.complete_time_s
    return replace(process, below_s=below_s, counted_until=now_s, is_complete=is_complete)
