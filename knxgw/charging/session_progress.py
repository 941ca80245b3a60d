"""How a session goes on with each reading: start, end, duration, "charging complete". Pure.

Charging counts as complete once the vehicle has charged, and its current has then been below a configured
threshold for a configured time. Where the charger supplies start, end or duration itself, its values are
taken as soon as they can only be those of this session.

A current is *not known* (None) if nothing measures it, or if no reading of it is fresh. A vehicle *draws* while
its charger reports charging, and the current is at or above the "complete" threshold, or nothing measures it. Each
reading that may show something new is followed at once; after those that repeat the one before, a session is
brought up to the last of them later (`readings.catch_up`).
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
    """Return the point with start, end and duration of its open session as the charger reports them.

    Until the session has lasted for 10 s nothing changes, because the charger may still report the one before.
    `values`: of one reading. `now_s`: monotonic; `now`: the wall-clock time; None: not valid, so start and end
    are left out.
    """
    session, began_at = point.session.latest, point.session.began_at
    if session is None or began_at is None or not counting.is_of_this_session(point.session, now_s):
        return point
    state = _with_reported_duration(point.session, session, began_at, values, now_s)
    if now is not None and state.latest is not None:
        zone = point.installation.zone
        session = _with_reported_times(state.latest, values, now, zone)
        state = state if session is state.latest else replace(state, latest=session)
    return point if state is point.session else replace(point, session=state)


def _with_reported_duration(
    state: SessionState,
    session: Session,
    began_at: float,
    values: Mapping[Quantity, Value],
    now_s: float,
) -> SessionState:
    """Return the session with the duration [s] that the charger reports; as it is if it reports none, or 0.

    A charger may begin its duration again at 0 with a start command in the middle of the session. That shows
    by a duration that is more than 30 s shorter than the known one (`EARLY_S`). Then the known one is kept, but cut
    to what the session has lasted by our clock; and from then on only the gateway's own count makes it longer
    (`has_duration_restarted`). `session`: the open one, the latest of `state`. `began_at`: when it began; like
    `now_s`, monotonic.
    """
    duration_s = values.get(Quantity.SESSION_DURATION)
    if not isinstance(duration_s, int) or duration_s <= 0:
        return state
    has_begun_again = duration_s < session.duration_s - EARLY_S
    if has_begun_again:
        # by our clock: a longer duration cannot be of this session
        lasted_s = round(now_s - began_at)
        session = replace(session, duration_s=min(session.duration_s, lasted_s))
        return replace(state, latest=session, has_duration_restarted=True)
    if state.has_duration_restarted:  # earlier in this session: the charger's duration is too short
        return state
    return replace(state, latest=replace(session, duration_s=duration_s))


def _with_reported_times(
    session: Session, values: Mapping[Quantity, Value], now: datetime, zone: tzinfo
) -> Session:
    """Return the session with start and end as the charger reports them; what it does not report stays.

    The charger tells the time of day only [s since midnight, by its clock in `zone`]: of the days, the one is
    taken that is nearest to the start or end known so far, or else to `now`. A start more than 5 minutes after
    the known one (`LATE_S`) is when charging resumed after a pause, and is left out. So is an end of 0: it means
    that the session runs, so that an end at midnight cannot be told.
    """
    start, end = values.get(Quantity.SESSION_START), values.get(Quantity.SESSION_END)
    if isinstance(start, int):
        near = session.started_at or now
        started_at = sessions.moment_near(near, start, zone)
        is_of_resume = started_at > near + timedelta(seconds=LATE_S)
        if session.started_at is None or not is_of_resume:
            session = replace(session, started_at=started_at)
    if isinstance(end, int) and end > 0:  # 0: the session runs
        near = session.ended_at or now
        session = replace(session, ended_at=sessions.moment_near(near, end, zone))
    return session


EARLY_S = 30  # a charger's own duration that is shorter than ours by more than this has begun again
LATE_S = 300  # a charger's own start that is later than ours by more than this is that of a resume


def follow_session(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Return the point with its session brought up to now: begun, timed, and "charging complete" or not.

    A session begins when the charger first reports charging after plug-in. It ends at unplugging, which is not
    handled here; without a vehicle nothing changes. Its energy follows the charger's register of the session once
    it is known what that shows of this one (`counting.adopt_session_register`). `now_s`: of the reading that is
    followed, monotonic; `now`: the wall-clock time then, None: not valid.
    """
    state = point.value(Quantity.STATE)
    is_charging = isinstance(state, ChargingState) and state.is_charging
    if point.process.is_connected is False:
        return point  # without a vehicle there is no session to follow
    if is_charging and not point.session.is_open:
        point = _with_new_session(point, now_s, now)
    point = counting.adopt_session_register(point, now_s)
    current_ma = fresh_current_ma(point, now_s)
    is_drawing = is_charging and _is_at_or_above_threshold(point, current_ma)
    process = _process_brought_up_to_now(point, current_ma, now_s, is_drawing=is_drawing)
    session = _session_brought_up_to_now(point, now_s, now, is_drawing=is_drawing)
    if session is point.session and process is point.process:
        return point
    return point.with_session_and_process(session, process)


def _process_brought_up_to_now(
    point: ChargingPoint, current_ma: int | None, now_s: float, *, is_drawing: bool
) -> ChargingProcess:
    """Return the process brought up to now: whether the vehicle has charged, and charging is complete.

    Until it has charged, nothing is timed. After that, the time below the "complete" threshold runs (see
    `_with_time_below`), and pauses while the current is not known, because the vehicle may draw; what was timed
    before that stays, and so does "charging complete". `current_ma`: fresh; None: not known. `is_drawing`: the
    vehicle draws. `now_s`: monotonic.
    """
    process = point.process
    if is_drawing and not process.has_charged:
        process = replace(process, has_charged=True)
    if current_ma is None and process.has_charged:
        # not known: the time that passes now does not count
        return process if process.counted_until is None else replace(process, counted_until=None)
    is_at_or_above = _is_at_or_above_threshold(point, current_ma)
    return _with_time_below(point, process, now_s, is_at_or_above_threshold=is_at_or_above)


def _session_brought_up_to_now(
    point: ChargingPoint, now_s: float, now: datetime | None, *, is_drawing: bool
) -> SessionState:
    """Return the session brought up to now: while the vehicle draws, end, duration and details move on.

    The details are the highest power and the card. An open session also gets its start time, if the wall clock was
    not valid until now. `is_drawing`: the vehicle draws. Then the session is open, because charging begins one, and
    so has a `began_at`: only one that was over before the gateway's restart has none. `now_s`: monotonic; `now`:
    the wall-clock time, None: not valid.
    """
    state = point.session
    session = state.latest
    if session is None:
        return state
    if session.is_open:
        session = with_start_time(session, state.began_at, now_s, now)
    if is_drawing and state.began_at is not None:
        session = _extended_to_now(point, session, now, lasted_s=now_s - state.began_at)
        # built directly, because that is much faster than `replace`: only `latest` and `drew_at` change
        return SessionState(
            latest=session,
            began_at=state.began_at,
            drew_at=now_s,
            is_restored=state.is_restored,
            is_unreported=state.is_unreported,
            has_duration_restarted=state.has_duration_restarted,
        )
    return state if session is state.latest else replace(state, latest=session)


def _with_new_session(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Return the point with a new session that begins now, and with the RFID card that enabled it.

    That is the card that the charger shows now. But if it showed the same one when the last vehicle left
    (`shown_before`), and has not asked for a card since plug-in, it is left over from the session before, and does
    not count. The charger's register of the session gets a new counter. `now_s`: monotonic; `now`: the wall-clock
    time, None: not valid.
    """
    session = SessionState(
        latest=sessions.begin(now),
        began_at=now_s,
        is_unreported=point.session.is_unreported,  # of the session before: not in the history yet
    )
    process, shown_card = point.process, point.value(Quantity.RFID)
    card = process.card
    if isinstance(shown_card, str) and shown_card:
        is_left_over = shown_card == card.shown_before and not card.was_requested
        if not is_left_over:
            process = replace(process, card=replace(card, enabled_by=shown_card))
    energy = counting.start_session_register(point)
    return replace(point, session=session, process=process, energy=energy)


def _extended_to_now(
    point: ChargingPoint, session: Session, now: datetime | None, lasted_s: float
) -> Session:
    """Return the session of a vehicle that draws, extended to now: end, duration, highest power, card.

    A duration that the charger itself counts is left as it is, because `adopt_session_times` takes it over; not
    so once that count has begun again. `lasted_s`: from the start of the session until now. `now`: the wall-clock
    time, None: not valid.
    """
    is_counted_by_charger = (
        (point.number(Quantity.SESSION_DURATION) or 0) > 0  # 0: none yet, or never any
        and not point.session.has_duration_restarted
        and lasted_s >= counting.SESSION_VALUES_AFTER_S  # else it may be of the session before
    )
    duration_s = session.duration_s if is_counted_by_charger else lasted_s
    details = sessions.details_while_drawing(
        session.details,
        power_w=point.number(Quantity.POWER),
        card=point.process.card.enabled_by,
    )
    return sessions.extended(session, now, duration_s, details)


def _is_at_or_above_threshold(point: ChargingPoint, current_ma: int | None) -> bool:
    """Tell whether the current is at or above the threshold below which charging counts as complete.

    Then the vehicle draws, if its charger reports charging. `current_ma`: None: not known. Then the answer is true
    if nothing measures the current, because the vehicle is taken to draw; false if only a fresh reading is missing.
    """
    if current_ma is None:
        return not point.is_current_measured
    return current_ma >= point.settings.complete_threshold_ma


def with_start_time(
    session: Session, began_at: float | None, now_s: float, now: datetime | None
) -> Session:
    """Return the session with a start time, if it has none because the wall clock was not valid at its start.

    `began_at` tells how long ago it started [monotonic s, like `now_s`]. Without it (None), or while the wall
    clock is still not valid (`now` is None), the session stays as it is.
    """
    if session.started_at is not None or now is None or began_at is None:
        return session
    return replace(session, started_at=now - timedelta(seconds=now_s - began_at))


def _with_time_below(
    point: ChargingPoint, process: ChargingProcess, now_s: float, *, is_at_or_above_threshold: bool
) -> ChargingProcess:
    """Return the process with the time for which the current has been below the "complete" threshold.

    Once that time (`below_s`) is `complete_time_s`, charging is complete, until the current is at or above the
    threshold again: then the time starts from 0. Until the vehicle has charged, the time is 0. While the offer is
    0 A the time stands still, because nothing can flow then. `counted_until`: up to when time was added, None: it
    stands still. `now_s`: monotonic.
    """
    if (
        is_at_or_above_threshold or not process.has_charged
    ):  # the vehicle charges, or has not begun to
        is_reset_already = (
            not process.below_s and process.counted_until is None and not process.is_complete
        )
        if is_reset_already:
            return process  # the same object: a copy at each reading would cost time
        return replace(process, below_s=0.0, counted_until=None, is_complete=False)
    decision = point.control.decision
    if decision is not None and decision.offer_ma == 0:  # nothing flows because nothing may
        return replace(process, counted_until=None)
    # None: counting begins now, or goes on after a break that does not count
    elapsed_s = 0.0 if process.counted_until is None else now_s - process.counted_until
    below_s = process.below_s + elapsed_s
    is_complete = process.is_complete or below_s >= point.settings.complete_time_s
    return replace(process, below_s=below_s, counted_until=now_s, is_complete=is_complete)
