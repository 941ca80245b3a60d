"""Gives a session its right times when the wall clock is set or corrected. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import Quantity


def needs_new_times(point: ChargingPoint, clock_error: timedelta | None) -> bool:
    """Tell whether the session gets new times (`with_new_times`) now that the clock is right.

    `clock_error`: by how much the clock was wrong, forward or back (never negative); None: no time was known
    before.

    - None: a session that is over, or began before the gateway's start, gets new times. An open session
      of this run does not: its next reading gives it its start.
    - Else: an open session always gets new times, and one that is over only if the clock was wrong by
      more than `CLOCK_TOLERANCE`.

    Without a session: False.
    """
    session = point.session.latest
    if session is None:
        return False
    if clock_error is None:
        return point.session.is_restored or not session.is_open
    return session.is_open or clock_error > CLOCK_TOLERANCE


# by so much the times of a session that is over may be wrong
CLOCK_TOLERANCE = timedelta(seconds=60)


def with_new_times(point: ChargingPoint, now: datetime, now_s: float) -> ChargingPoint:
    """Return the point after the wall clock was set or corrected, with its session's times by that clock.

    A session that began in this run, or was stored without a start, gets its start and end by the
    monotonic clock. A session with a stored start from before a restart keeps that start. If the vehicle
    has drawn since the restart, the session's end moves to that moment, and its duration gets the time
    that the gateway was off, which was missing while nobody knew the time; but a duration that the
    charger counts is left alone, unless the charger has begun it again meanwhile. In this second case
    `began_at` moves to the stored start. Whether the session is open or over makes no difference.
    """
    state = point.session
    session, began_at = state.latest, state.began_at
    if session is None or began_at is None:
        return point  # no session, or one that was over before the restart: its times stay
    last_draw_time = (
        None if state.drew_at is None else now - timedelta(seconds=now_s - state.drew_at)
    )
    if not state.is_restored or session.started_at is None:
        started_at = now - timedelta(seconds=now_s - began_at)
        dated = replace(session, started_at=started_at, ended_at=last_draw_time or session.ended_at)
        return replace(point, session=replace(state, latest=dated))
    # the stored start stays; by the clock that is right now it lies this long ago
    lasted_s = max(0.0, (now - session.started_at).total_seconds())
    state = replace(state, began_at=now_s - lasted_s)
    # by a clock set back, the vehicle may have drawn before the stored start: that dates nothing
    if last_draw_time is not None and last_draw_time >= session.started_at:
        duration_s = session.duration_s
        if point.number(Quantity.SESSION_DURATION) is None or state.has_duration_restarted:
            duration_s = max(
                duration_s, round((last_draw_time - session.started_at).total_seconds())
            )
        session = replace(session, ended_at=last_draw_time, duration_s=duration_s)
    return replace(point, session=replace(state, latest=session))
