"""Gives a session its right times when the wall clock is set or corrected. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import Quantity
from knxgw.charging.session import Session


def needs_new_times(point: ChargingPoint, clock_error: timedelta | None) -> bool:
    """Tell whether the point's session gets new times (`with_new_times`), now that the wall clock is right.

    `clock_error`: by how much the clock was wrong until now, forward or back (never negative); None: no
    time was known at all. False if the point has had no session yet.
    """
    session = point.session.latest
    if session is None:
        return False
    if clock_error is None:
        # an open session of this run needs none: its next reading gives it its start
        is_open_in_this_run = session.is_open and not point.session.is_restored
        return not is_open_in_this_run
    # a session that is over may have been reported: an error of up to a minute is left as it is
    return session.is_open or clock_error > CLOCK_TOLERANCE


# by so much the times of a session that is over may be wrong
CLOCK_TOLERANCE = timedelta(seconds=60)


def with_new_times(point: ChargingPoint, now: datetime, now_s: float) -> ChargingPoint:
    """Return the point with the times of its session by the wall clock, which was just set or corrected.

    Start and end (when the vehicle last drew) follow from the monotonic clock, which was right all the time.
    What was stored before the gateway's restart is kept: a start, and an end if the vehicle has not drawn
    since. After a stored start the duration becomes at least end minus start (`_with_stored_start`): that adds
    the time the gateway was off, which could not be known without a clock. A duration that the charger counts
    stays. A session that was over before the restart keeps all its times.
    """
    state = point.session
    session, began_at = state.latest, state.began_at
    if session is None or began_at is None:  # None: it was over before the restart
        return point
    last_draw_time = None  # the vehicle has not drawn in this run
    if state.drew_at is not None:
        last_draw_time = now - timedelta(seconds=now_s - state.drew_at)
    if state.is_restored and session.started_at is not None:
        # a charger that has begun its count again in the middle reports too little: then ours holds
        is_duration_counted_by_charger = (
            point.number(Quantity.SESSION_DURATION) is not None and not state.has_duration_restarted
        )
        # by the corrected clock, the stored start lies this long ago
        lasted_s = max(0.0, (now - session.started_at).total_seconds())
        state = replace(state, began_at=now_s - lasted_s)
        session = _with_stored_start(
            session,
            session.started_at,
            last_draw_time,
            keeps_duration=is_duration_counted_by_charger,
        )
    else:  # begun in this run, or stored without a start, because the clock was not valid then
        started_at = now - timedelta(seconds=now_s - began_at)
        ended_at = last_draw_time or session.ended_at
        session = replace(session, started_at=started_at, ended_at=ended_at)
    return replace(point, session=replace(state, latest=session))


def _with_stored_start(
    session: Session, started_at: datetime, last_draw_time: datetime | None, *, keeps_duration: bool
) -> Session:
    """Return a session that keeps its stored start, with its end where the vehicle last drew.

    Its duration grows up to there too: so it gets the time that the gateway was off, which was missing
    while nobody knew the time. `keeps_duration`: it stays, because the charger counts it. If the vehicle
    has not drawn since the restart (None), nothing changes.
    """
    # by a clock set back, the vehicle may have drawn before the stored start: that dates nothing
    if last_draw_time is None or last_draw_time < started_at:
        return session
    duration_s = session.duration_s
    if not keeps_duration:
        duration_s = max(duration_s, round((last_draw_time - started_at).total_seconds()))
    return replace(session, ended_at=last_draw_time, duration_s=duration_s)
