"""Gives a session its right times when the wall clock is set or corrected. Pure.

Sessions are timed by the monotonic clock, which needs no setting. Only their start and end are wall-clock
times, which are wrong, or missing, while the wall clock is. A *run* lasts from a start of the gateway to its end; a
session that was stored may have begun in a run before.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import Quantity
from knxgw.charging.session import Session


def needs_new_times(point: ChargingPoint, clock_error: timedelta | None) -> bool:
    """Tell whether the times of the point's session must be corrected, now that the wall clock is right.

    `clock_error`: by how much the clock was wrong until now, ahead or behind (never negative); None: no
    time was known at all. False if the point has had no session yet. See `with_new_times`.
    """
    session = point.session.latest
    if session is None:
        return False
    if clock_error is None:
        # an open session of this run needs none: its next reading gives it its start
        is_open_in_this_run = session.is_open and not point.session.is_restored
        return not is_open_in_this_run
    # a session that is over may have been reported to people: a small error is not worth changing it
    return session.is_open or clock_error > CLOCK_TOLERANCE


# the times of a session that is over are left as they are if they are wrong by no more than this
CLOCK_TOLERANCE = timedelta(seconds=60)


def with_new_times(point: ChargingPoint, now: datetime, now_s: float) -> ChargingPoint:
    """Return the point with the times of its session by the wall clock, which was just set or corrected.

    A session of this run gets its start and end (when the vehicle last drew) from the monotonic clock, which
    was right all the time. One that began before the gateway's restart keeps its stored start; if none was stored,
    its start follows from how long it has lasted. One that was over before the restart keeps all its times. `now`:
    the wall-clock time; `now_s`: monotonic.
    """
    state = point.session
    session, began_at = state.latest, state.began_at
    if session is None or began_at is None:  # None: it was over before the restart
        return point
    last_draw_time = None  # the vehicle has not drawn in this run
    if state.drew_at is not None:
        last_draw_time = now - timedelta(seconds=now_s - state.drew_at)
    if state.is_restored and session.started_at is not None:
        # by the corrected clock, the stored start lies this long ago
        lasted_s = max(0.0, (now - session.started_at).total_seconds())
        state = replace(state, began_at=now_s - lasted_s)
        session = _with_stored_start(
            session,
            session.started_at,
            last_draw_time,
            keeps_duration=_is_duration_counted_by_charger(point),
        )
    else:  # begun in this run, or stored without a start, because the clock was not valid then
        started_at = now - timedelta(seconds=now_s - began_at)
        ended_at = last_draw_time or session.ended_at
        session = replace(session, started_at=started_at, ended_at=ended_at)
    return replace(point, session=replace(state, latest=session))


def _is_duration_counted_by_charger(point: ChargingPoint) -> bool:
    """Tell whether the duration of the session is the one that the charger counts.

    If so a corrected clock leaves it as it is. A charger that has begun its count again in the middle of the
    session reports too little: then the gateway's own duration counts.
    """
    is_reported = point.number(Quantity.SESSION_DURATION) is not None
    return is_reported and not point.session.has_duration_restarted


def _with_stored_start(
    session: Session, started_at: datetime, last_draw_time: datetime | None, *, keeps_duration: bool
) -> Session:
    """Return a session that keeps its stored start, and ends when the vehicle last drew.

    Its duration becomes at least end minus start: that adds the time for which the gateway was off, which
    could not be known without a clock. `keeps_duration`: it stays, because the charger counts it. If the
    vehicle has not drawn since the restart (`last_draw_time` is None), nothing changes.
    """
    # if the clock was set back, the vehicle may have drawn before the stored start: that dates nothing
    if last_draw_time is None or last_draw_time < started_at:
        return session
    duration_s = session.duration_s
    if not keeps_duration:
        duration_s = max(duration_s, round((last_draw_time - started_at).total_seconds()))
    return replace(session, ended_at=last_draw_time, duration_s=duration_s)
