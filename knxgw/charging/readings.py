"""What readings of charger and meter make of a charging point: session, energy, heat, card. Pure.

A reading that shows nothing new only renews the age of the values; what time alone moves is
followed later, at latest with the next one that does.
Source: load-management 14.3; [reference-manual] tables 36-61.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from knxgw.charging import counting
from knxgw.charging import obedience as obeying
from knxgw.charging import session as sessions
from knxgw.charging.faults import FaultCode
from knxgw.charging.point import ChargingPoint, fresh_current_ma, with_spacings
from knxgw.charging.session import Session
from knxgw.charging.states import ProcessInput, advance
from knxgw.charging.words import FAULT_INFOS, METERED, ChargingState, Quantity, Value
from knxgw.frozen import replace

HYSTERESIS_CENTI_C = 200
RECENT_S = 8.0  # a value that was not renewed for so long may have been withdrawn


def see(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    now: datetime | None,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint:
    """Take fresh values of the charger, and for which quantities it said that it has none."""
    metered = point.metered
    values = {q: v for q, v in values.items() if q not in metered}
    point = _without(point, unavailable - metered, now_s)
    return _note_charger_error(_take(point, values, now_s, now))


def see_meter(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    now: datetime | None,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint:
    """Take fresh values of the electricity meter behind the charging point."""
    if Quantity.FAULT_INFO_1 in values:
        error = bool(values[Quantity.FAULT_INFO_1])
        point = replace(point, faults=point.faults.set(FaultCode.E_METER_ERROR, present=error))
    point = _without(point, unavailable & point.metered, now_s)
    return _take(point, {q: v for q, v in values.items() if q in METERED}, now_s, now)


def _without(point: ChargingPoint, unavailable: frozenset[Quantity], now_s: float) -> ChargingPoint:
    """Return the point without values that its device has just said it does not have.

    The last ones would be no better than guesses; when it was asked stays known.
    """
    if not unavailable:
        return point
    values = {q: v for q, v in point.values.items() if q not in unavailable}
    read_s = {**point.read_s, **dict.fromkeys(unavailable, now_s)}
    return replace(point, values=values, read_s=read_s)


def renewed(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint | None:
    """Return the point after a reading that shows nothing new, None: it shows something.

    Most readings are like that, so this is the path that must be quick.
    """
    if not values or not values.items() <= point.values.items():
        return None
    if unavailable and not point.said_to_lack(unavailable - point.metered):
        return None
    if min(map(point.read_s.__getitem__, values)) < now_s - RECENT_S:
        return None
    counts_power = Quantity.POWER in values and "energy" not in point.settings.capabilities
    if counts_power or point.doubts or point.faults.is_present:
        return None
    if not point.metered.isdisjoint(values):
        return None
    asked = [*values, *(unavailable - point.metered)] if unavailable else values
    spacings_s = with_spacings(point, values, now_s)
    read_s = {**point.read_s, **dict.fromkeys(asked, now_s)}
    return replace(point, read_s=read_s, spacings_s=spacings_s, renewed_s=now_s)


def follow(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Take in what readings without news have not moved yet: how long the session lasts."""
    seen_s = point.renewed_s
    if seen_s is None:
        return point
    if now is not None:
        now -= timedelta(seconds=now_s - seen_s)
    point = replace(point, renewed_s=None)
    if point.session is None or point.session_started_s is None:
        return _follow_session(point, seen_s, now)
    since_s = point.session_started_s + counting.OWN_ENERGY_AFTER_S
    told = {
        quantity: point.values[quantity]
        for quantity, read_s in point.read_s.items()
        if quantity in _OF_SESSION and quantity in point.values and read_s >= since_s
    }
    return _follow_session(_adopt_session_times(point, told, seen_s, now), seen_s, now)


_OF_SESSION = frozenset(
    (
        Quantity.SESSION_DURATION,
        Quantity.SESSION_START,
        Quantity.SESSION_END,
    )
)


def _take(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    before = point = follow(point, now_s, now)
    believed = counting.believe(point, values, now_s, now)
    point, values = believed.point, believed.values
    read_s = {**point.read_s, **dict.fromkeys(values, now_s)}
    plug = values.get(Quantity.CONNECTED)
    connected = before.connected if plug is None else bool(plug)
    known = {**point.values, **values}
    heard = before.was_heard or Quantity.STATE in values
    point = replace(
        point,
        values=known,
        read_s=read_s,
        spacings_s=with_spacings(before, values, now_s),
        connected=connected,
        was_heard=heard,
    )
    point = counting.count(point, believed, now_s)
    point = _adopt_session_times(point, values, now_s, now)
    if before.connected is not False and point.connected is False:
        point = _unplugged(point, now_s, now)
    elif not before.connected and point.connected:
        point = _plugged_in(point, before)
    point = _follow_session(point, now_s, now)
    return _follow_heat(_follow_card(point))


def _plugged_in(point: ChargingPoint, before: ChargingPoint) -> ChargingPoint:
    manual = point.starts_manually
    given = ProcessInput.PLUGGED_IN_TO_WAIT if manual else ProcessInput.PLUGGED_IN
    process = advance(point.process, given) or point.process
    known = before.connected is False  # else it may be there for a while already
    register_mwh = before.number(Quantity.SESSION_ENERGY) if known else None
    return replace(point, process=process, register_before_mwh=register_mwh)


def _follow_card(point: ChargingPoint) -> ChargingPoint:
    """Find the card that enables charging: one that was not there when the last vehicle left.

    Chargers may go on showing the card of the last session. The same card again counts when
    charging begins (see `_begin`). After a restart nothing that was told is told again.
    """
    card = point.value(Quantity.RFID)
    if not isinstance(card, str):
        return point
    state = point.value(Quantity.STATE)
    if point.connected and state == ChargingState.MANUAL_START and not point.asked_for_card:
        point = replace(point, asked_for_card=True)
    if point.card_before is None or (not point.connected and not card and point.card_before):
        return replace(point, card_before=card)
    if not point.connected or not card or card in (point.card, point.card_before):
        return point
    return replace(point, card=card) if state in _ENABLED else point


_ENABLED = (
    ChargingState.CONNECTED,
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
)


def _unplugged(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    session = point.session
    if session is not None and session.is_open:
        session = sessions.close(_dated(session, point.session_started_s, now_s, now))
    return replace(
        point,
        session=session,
        process=advance(point.process, ProcessInput.UNPLUGGED) or point.process,
        obedience=obeying.NEW,
        card="",
        asked_for_card=False,
        card_before=str(point.value(Quantity.RFID) or ""),
        has_charged=False,
        below_s=0.0,
        counted_s=None,
        complete=False,
    )


def _note_charger_error(point: ChargingPoint) -> ChargingPoint:
    state = point.value(Quantity.STATE)
    if state is None:  # not read since it came back: what it said before still holds
        return point
    in_error = state == ChargingState.ERROR
    error = in_error or any(point.value(quantity) for quantity in FAULT_INFOS)
    faults = point.faults.set(FaultCode.CHARGER_ERROR, present=error)
    if in_error == point.in_error and faults is point.faults:
        return point
    return replace(point, in_error=in_error, faults=faults)


def _adopt_session_times(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    """Take start, end and duration of the session from a charger that supplies them.

    As with its energy, they may be those of the session before until this one has lasted a while.
    """
    session = point.session
    if session is None or not counting.is_of_this_session(point, now_s):
        return point
    duration = values.get(Quantity.SESSION_DURATION)
    if isinstance(duration, int) and duration > 0:
        if duration < session.duration_s - EARLY_S:  # it began anew with a start command
            lasted_s = round(now_s - (point.session_started_s or now_s))
            session = replace(session, duration_s=min(session.duration_s, lasted_s))
            point = replace(point, own_times=True)
        elif not point.own_times:
            session = replace(session, duration_s=duration)
    start, end = values.get(Quantity.SESSION_START), values.get(Quantity.SESSION_END)
    if now is not None and isinstance(start, int):
        near = session.started_at or now
        started_at = sessions.moment_near(near, start, point.zone)
        if session.started_at is None or started_at <= near + timedelta(seconds=LATE_S):
            session = replace(session, started_at=started_at)
    if now is not None and isinstance(end, int) and end > 0:
        near = session.ended_at or now
        session = replace(session, ended_at=sessions.moment_near(near, end, point.zone))
    return point if session is point.session else replace(point, session=session)


EARLY_S = 30  # by which a charger's own duration may be shorter than ours
LATE_S = 300  # after which a charger's own start is that of a resume


def _follow_heat(point: ChargingPoint) -> ChargingPoint:
    """Warn from the threshold on, until it is a little cooler: no warning that comes and goes."""
    temperature = point.number(Quantity.TEMPERATURE)
    if temperature is None:
        return point
    warning = point.settings.temperature.warning_c * 100
    hot = temperature >= (warning - HYSTERESIS_CENTI_C if point.hot else warning)
    return point if hot == point.hot else replace(point, hot=hot)


# --- session and "charging complete" -------------------------------------------------------------


def _follow_session(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    state = point.value(Quantity.STATE)
    charging = isinstance(state, ChargingState) and state.is_charging
    if point.connected is False:
        return point
    if charging and not (point.session and point.session.is_open):
        point = _begin(point, now_s, now)
    point = counting.adopt_register(point, now_s)
    session, started_s = point.session, point.session_started_s
    if session and session.is_open:
        session = _dated(session, started_s, now_s, now)
    current_ma = fresh_current_ma(point, now_s)
    above = _draws(point, current_ma)
    has_charged = point.has_charged or (charging and above)
    if charging and above and session and started_s is not None:
        session = _drew(point, session, now, now_s - started_s)
        point = replace(point, drew_s=now_s)
    if session is not point.session or has_charged != point.has_charged:
        point = replace(point, session=session, has_charged=has_charged)
    if current_ma is None and has_charged:  # not measured, or not read yet
        return replace(point, counted_s=None)
    return _follow_complete(point, now_s, above=above)


def _begin(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    card = point.value(Quantity.RFID)
    known = isinstance(card, str) and card and (point.asked_for_card or card != point.card_before)
    return replace(
        counting.watch_register(point),
        session=sessions.begin(now),
        session_started_s=now_s,
        session_restored=False,
        drew_s=None,
        own_times=False,
        card=str(card) if known else point.card,
    )


def follows_clock(point: ChargingPoint, off: timedelta | None) -> bool:
    """Tell whether the session is dated anew now that the clock is right; `off`: None, it was not known.

    One that runs and began in this run is dated by its next reading. The one that is over keeps its
    times, unless the clock was so wrong that they are, too.
    """
    session = point.session
    if session is None:
        return False
    if off is None:
        return point.session_restored or not session.is_open
    return session.is_open or off > WRONG


WRONG = timedelta(seconds=60)


def date_session_anew(point: ChargingPoint, now: datetime, now_s: float) -> ChargingPoint:
    """Return the point after the wall clock was set or corrected: its session follows it.

    One that began in this run has its start by the monotonic clock. Of one from before a restart the
    stored start is what is known, and the time the gateway was off is a part of it: while nobody
    knew the time, that was missing in its duration. One that has ended since is dated, too.
    """
    session, started_s, drew_s = point.session, point.session_started_s, point.drew_s
    if session is None or started_s is None:
        return point
    drew_at = None if drew_s is None else now - timedelta(seconds=now_s - drew_s)
    if not point.session_restored or session.started_at is None:
        started_at = now - timedelta(seconds=now_s - started_s)
        dated = replace(session, started_at=started_at, ended_at=drew_at or session.ended_at)
        return replace(point, session=dated)
    lasted_s = max(0.0, (now - session.started_at).total_seconds())
    point = replace(point, session_started_s=now_s - lasted_s)
    if drew_at is None or drew_at < session.started_at:
        return point
    duration_s = session.duration_s
    if point.number(Quantity.SESSION_DURATION) is None or point.own_times:
        duration_s = max(duration_s, round((drew_at - session.started_at).total_seconds()))
    return replace(point, session=replace(session, ended_at=drew_at, duration_s=duration_s))


def _drew(point: ChargingPoint, session: Session, now: datetime | None, lasted_s: float) -> Session:
    """Return the session after current flowed; what the charger counts itself is left alone."""
    moved = sessions.drew(session, now, lasted_s)
    counts = point.number(Quantity.SESSION_DURATION) is not None and not point.own_times
    if counts and lasted_s >= counting.OWN_ENERGY_AFTER_S:
        moved = replace(moved, duration_s=session.duration_s)
    return moved


def _draws(point: ChargingPoint, current_ma: int | None) -> bool:
    """Tell whether the current is above the threshold; one that nobody measures counts as such."""
    if current_ma is None:
        return not point.measures_current
    return current_ma >= point.settings.complete_threshold_ma


def _dated(
    session: Session, started_s: float | None, now_s: float, now: datetime | None
) -> Session:
    """Return the session with its start time, found out later if the clock was not valid then."""
    if session.started_at is not None or now is None or started_s is None:
        return session
    return replace(session, started_at=now - timedelta(seconds=now_s - started_s))


def _follow_complete(point: ChargingPoint, now_s: float, *, above: bool) -> ChargingPoint:
    """Count the time below the threshold; it does not run while we hold the point at 0 A."""
    if above or not point.has_charged:
        if not point.below_s and point.counted_s is None and not point.complete:
            return point
        return replace(point, below_s=0.0, counted_s=None, complete=False)
    if point.decision is not None and point.decision.offer_ma == 0:
        return replace(point, counted_s=None)
    elapsed_s = now_s - point.counted_s if point.counted_s is not None else 0.0
    below_s = point.below_s + elapsed_s
    complete = point.complete or below_s >= point.settings.complete_time_s
    return replace(point, below_s=below_s, counted_s=now_s, complete=complete)
