"""Gives a session its right times when the wall clock is set or corrected. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import Quantity


def needs_new_times(point: ChargingPoint, off: timedelta | None) -> bool:
    """Tell whether the session gets new times now that the clock is right.

    `off`: by how much the clock was wrong; None: the time was not known. An open session that began in
    this run gets its start from its next reading. One that is over keeps its times, unless the clock
    was off by more than `CLOCK_TOLERANCE`.
    """
    session = point.session.latest
    if session is None:
        return False
    if off is None:
        return point.session.is_restored or not session.is_open
    return session.is_open or off > CLOCK_TOLERANCE


CLOCK_TOLERANCE = timedelta(seconds=60)


def with_new_times(point: ChargingPoint, now: datetime, now_s: float) -> ChargingPoint:
    """Return the point after the wall clock was set or corrected, with the session's times by it.

    A session that began in this run is dated by the monotonic clock. One from before a restart keeps
    its stored start, and its duration gets the time that the gateway was off: that was missing while
    nobody knew the time. A session that has ended since is dated, too.
    """
    state = point.session
    session, began_at = state.latest, state.began_at
    if session is None or began_at is None:
        return point  # there is no session to date
    drew_at = None if state.drew_at is None else now - timedelta(seconds=now_s - state.drew_at)
    if not state.is_restored or session.started_at is None:  # it began in this run, or undated
        started_at = now - timedelta(seconds=now_s - began_at)
        dated = replace(session, started_at=started_at, ended_at=drew_at or session.ended_at)
        return replace(point, session=replace(state, latest=dated))
    lasted_s = max(0.0, (now - session.started_at).total_seconds())
    state = replace(state, began_at=now_s - lasted_s)
    if drew_at is not None and drew_at >= session.started_at:
        duration_s = session.duration_s
        if point.number(Quantity.SESSION_DURATION) is None or state.has_duration_restarted:
            duration_s = max(duration_s, round((drew_at - session.started_at).total_seconds()))
        session = replace(session, ended_at=drew_at, duration_s=duration_s)
    return replace(point, session=replace(state, latest=session))
