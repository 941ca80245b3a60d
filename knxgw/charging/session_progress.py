"""How a session goes on with each reading: start, end, duration, "charging complete". Pure.

Where the charger supplies start, end or duration itself, its values are taken as soon as they can only
be those of this session.
Source: load-management 14.3; [reference-manual] tables 36-61.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo

from knxgw.catalogue.codes import ChargingState
from knxgw.charging import counting
from knxgw.charging import session as sessions
from knxgw.charging.freshness import fresh_current_ma
from knxgw.charging.point import ChargingPoint, ChargingProcess, SessionState
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.session import Session

# what a charger reports of its own session beside the energy
SESSION_TIMES = frozenset(
    (
        Quantity.SESSION_DURATION,
        Quantity.SESSION_START,
        Quantity.SESSION_END,
    )
)


def adopt_session_times(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    """Return the point with start, end and duration of its session as the charger supplies them.

    The point stays as it is without an open session, and until that session has lasted a while: what
    the charger supplies may still be of the session before. Start and end also need a valid `now`.
    """
    if point.session.latest is None or not counting.is_of_this_session(point.session, now_s):
        return point
    state = _with_reported_duration(point.session, point.session.latest, values, now_s)
    if now is not None and state.latest is not None:
        zone = point.installation.zone
        session = _with_reported_times(state.latest, values, now, zone)
        state = state if session is state.latest else replace(state, latest=session)
    return point if state is point.session else replace(point, session=state)


def _with_reported_duration(
    state: SessionState, session: Session, values: Mapping[Quantity, Value], now_s: float
) -> SessionState:
    """Return the session with the duration [s] that the charger reports; as it was if it reports none.

    A charger may begin its duration again with a start command. It is then clearly shorter than the known
    one, and from then on only the gateway's own duration counts.
    """
    duration_s = values.get(Quantity.SESSION_DURATION)
    if not isinstance(duration_s, int) or duration_s <= 0:
        return state
    if duration_s < session.duration_s - EARLY_S:  # it has begun again
        # from here on ours: no longer than the session has lasted
        lasted_s = round(now_s - (state.began_at or now_s))
        session = replace(session, duration_s=min(session.duration_s, lasted_s))
        return replace(state, latest=session, has_duration_restarted=True)
    if state.has_duration_restarted:
        return state
    return replace(state, latest=replace(session, duration_s=duration_s))


def _with_reported_times(
    session: Session, values: Mapping[Quantity, Value], now: datetime, zone: tzinfo
) -> Session:
    """Return the session with start and end by the clock of the charger, which is in `zone`.

    The charger tells times of day only: each becomes the moment nearest to the known one, or to now. A
    start that is clearly later than the known one is that of a resume: it is left out.
    """
    start, end = values.get(Quantity.SESSION_START), values.get(Quantity.SESSION_END)
    if isinstance(start, int):
        near = session.started_at or now
        started_at = sessions.moment_near(near, start, zone)
        if session.started_at is None or started_at <= near + timedelta(seconds=LATE_S):
            session = replace(session, started_at=started_at)
    if isinstance(end, int) and end > 0:  # 0: the session runs
        near = session.ended_at or now
        session = replace(session, ended_at=sessions.moment_near(near, end, zone))
    return session


EARLY_S = 30  # a charger's own duration that is shorter than ours by more has begun again


LATE_S = 300  # a charger's own start that is later than ours by more is that of a resume


def follow_session(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Return the point with its session begun, timed and found complete, by what is known now.

    `process.has_charged` is set when the vehicle draws. The charger's register of the session is adopted
    as soon as it can only be of this session. The end of a session is not found here: that is unplugging.
    """
    state = point.value(Quantity.STATE)
    is_charging = isinstance(state, ChargingState) and state.is_charging
    if point.process.is_connected is False:
        return point  # without a vehicle there is no session to follow
    if is_charging and not point.session.is_open:
        point = _begin(point, now_s, now)
    point = counting.adopt_session_register(point, now_s)
    current_ma = fresh_current_ma(point, now_s)
    is_drawing = is_charging and _is_above_threshold(point, current_ma)
    process = _with_progress(point, current_ma, now_s, is_drawing=is_drawing)
    session = _timed(point, now_s, now, is_drawing=is_drawing)
    if session is point.session and process is point.process:
        return point
    return point.with_session_and_process(session, process)


def _with_progress(
    point: ChargingPoint, current_ma: int | None, now_s: float, *, is_drawing: bool
) -> ChargingProcess:
    """Return the process: whether the vehicle has charged, and whether charging is complete by now.

    `current_ma`: the fresh current; None: not measured, or no fresh reading. With None no time below the
    threshold is counted once the vehicle has charged: the vehicle may draw meanwhile.
    """
    process = point.process
    if is_drawing and not process.has_charged:
        process = replace(process, has_charged=True)
    if current_ma is not None or not process.has_charged:
        is_above_threshold = _is_above_threshold(point, current_ma)
        return _update_complete(point, process, now_s, is_above_threshold=is_above_threshold)
    return process if process.counted_until is None else replace(process, counted_until=None)


def _timed(
    point: ChargingPoint, now_s: float, now: datetime | None, *, is_drawing: bool
) -> SessionState:
    """Return the session with its start, if that was not known; while the vehicle draws, extended to now.

    Its end is the last moment above the threshold. Duration and details move with it.
    """
    state = point.session
    session = state.latest
    if session is None:
        return state
    if session.is_open:
        session = with_start_time(session, state.began_at, now_s, now)
    if is_drawing and state.began_at is not None:
        session = _extended(point, session, now, now_s - state.began_at)
        return SessionState(  # as `replace` would, each time that a car has drawn
            latest=session,
            began_at=state.began_at,
            drew_at=now_s,
            is_restored=state.is_restored,
            is_unreported=state.is_unreported,
            has_duration_restarted=state.has_duration_restarted,
        )
    return state if session is state.latest else replace(state, latest=session)


def _begin(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Return the point with a new session, and with the card that enabled it.

    That is the card which the charger shows now, unless the charger showed it before plug-in and has not
    asked for a card since: then it is left over from the session before, and the noted card stays.
    """
    session = SessionState(
        latest=sessions.begin(now),
        began_at=now_s,
        is_unreported=point.session.is_unreported,  # the session before is yet to be reported
    )
    process, shown = point.process, point.value(Quantity.RFID)
    card = process.card
    if isinstance(shown, str) and shown and (card.was_requested or shown != card.shown_before):
        process = replace(process, card=replace(card, enabled_by=shown))
    energy = counting.start_session_register(point)
    return replace(point, session=session, process=process, energy=energy)


def _extended(
    point: ChargingPoint, session: Session, now: datetime | None, lasted_s: float
) -> Session:
    """Return the session after current flowed; a duration that the charger counts is left alone.

    `lasted_s`: from the start of the session until now.
    """
    charger_counts = (  # as `adopt_session_times` takes it over
        point.number(Quantity.SESSION_DURATION) is not None
        and not point.session.has_duration_restarted
        and lasted_s >= counting.SESSION_VALUES_AFTER_S
    )
    power_w, card = point.number(Quantity.POWER), point.process.card.enabled_by
    details = sessions.seen_in(session.details, power_w, card)
    duration_s = session.duration_s if charger_counts else lasted_s
    return sessions.extended(session, now, duration_s, details)


def _is_above_threshold(point: ChargingPoint, current_ma: int | None) -> bool:
    """Tell whether the current is at least the "complete" threshold.

    Without a current (None): True where nothing measures it, False where only a fresh reading is missing.
    """
    if current_ma is None:
        return not point.is_current_measured
    return current_ma >= point.settings.complete_threshold_ma


def with_start_time(
    session: Session, began_at: float | None, now_s: float, now: datetime | None
) -> Session:
    """Return the session with its start time, if it has none because the wall clock was not valid then.

    Without a valid clock now, or without `began_at` [monotonic s], the session stays as it is.
    """
    if session.started_at is not None or now is None or began_at is None:
        return session
    return replace(session, started_at=now - timedelta(seconds=now_s - began_at))


def _update_complete(
    point: ChargingPoint, process: ChargingProcess, now_s: float, *, is_above_threshold: bool
) -> ChargingProcess:
    """Return the process with the time counted in which the current is below the threshold.

    After `complete_time_s` charging is complete, until the current is above the threshold again: then the
    time starts from 0. While the offer is 0 A, no time is counted, but the time counted before stays.
    """
    if is_above_threshold or not process.has_charged:  # it charges, or has not begun to
        if not process.below_s and process.counted_until is None and not process.is_complete:
            return process
        return replace(process, below_s=0.0, counted_until=None, is_complete=False)
    decision = point.control.decision
    if decision is not None and decision.offer_ma == 0:  # nothing flows because nothing may
        return replace(process, counted_until=None)
    # None: counting begins, or goes on after a break that does not count
    elapsed_s = now_s - process.counted_until if process.counted_until is not None else 0.0
    below_s = process.below_s + elapsed_s
    is_complete = process.is_complete or below_s >= point.settings.complete_time_s
    return replace(process, below_s=below_s, counted_until=now_s, is_complete=is_complete)
