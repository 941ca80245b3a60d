"""When a charging point has to be looked at again although nothing has been reported. Pure.

Some of what is known of a point changes by time alone: a reading goes stale, charging becomes complete. The
station skips a point until the first such instant.
"""

from knxgw.charging.freshness import fresh_s
from knxgw.charging.point import ChargingPoint
from knxgw.charging.shown_state import pause_echo_s

LOOK_AGAIN_S = 10  # a point is looked at again after this time at the latest


def unchanged_until(point: ChargingPoint, now_s: float) -> float:
    """Return until when time alone changes nothing about the point, if nothing is reported [monotonic s].

    That is the first of several instants at which something ends, at the latest 10 s from now
    (`LOOK_AGAIN_S`), so that what moves slowly, like the duration of a session, is looked at as well. Examples: a
    reading becomes stale, the vehicle must have obeyed an offer. `now_s` itself is returned where such an instant
    is now, and while it is timed whether a vehicle takes too much, or has stopped doing so: the point is then
    looked at in every tick.
    """
    compliance, paused_at = point.control.compliance, point.link.paused_at
    if compliance.is_timing_violation:
        return now_s
    wake_at = _next_slot_at(point.settings.number, now_s)
    complete_at = _complete_at(point)
    if complete_at is not None:
        wake_at = min(wake_at, complete_at)
    if now_s < compliance.obey_by_at:  # the vehicle still has time to obey an offer
        wake_at = min(wake_at, compliance.obey_by_at)
    if paused_at is not None:  # the charger may still report a pause that we ordered
        echo_ends_at = paused_at + pause_echo_s(point)
        if now_s <= echo_ends_at:
            wake_at = min(wake_at, echo_ends_at)
    return _first_stale_at(point, now_s, latest_at=wake_at)


def _next_slot_at(point_number: int, now_s: float) -> float:
    """Return the next instant at which a point is looked at in any case [monotonic s].

    Every 10 s (`LOOK_AGAIN_S`), each point in a second of its own, so that they do not all take their time
    at once.
    """
    slot_s = point_number % LOOK_AGAIN_S  # beyond a multiple of 10 s
    return now_s + LOOK_AGAIN_S - (now_s - slot_s) % LOOK_AGAIN_S


def _complete_at(point: ChargingPoint) -> float | None:
    """Return when charging becomes complete if the current stays below the threshold [monotonic s].

    None: it is complete already, or the time below the threshold does not run.
    """
    process = point.process
    if process.counted_until is None or process.is_complete:
        return None
    left_s = point.settings.complete_time_s - process.below_s
    return process.counted_until + left_s


def _first_stale_at(point: ChargingPoint, now_s: float, *, latest_at: float) -> float:
    """Return when the next value of the point goes stale [monotonic s]; `latest_at` if none does before.

    At that very instant it is still fresh (`fresh_value`), so a value that reaches it now has yet to go stale:
    then `now_s` itself is returned, and the next tick looks again.
    """
    first_at = latest_at
    for quantity, read_at in point.readings.read_at.items():
        stale_at = read_at + fresh_s(point, quantity)
        if now_s <= stale_at < first_at:  # those before now are stale already
            first_at = stale_at
    return first_at
