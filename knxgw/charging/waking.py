"""When a charging point has to be looked at again although nothing has been reported. Pure."""

from knxgw.charging.freshness import fresh_s
from knxgw.charging.point import ChargingPoint
from knxgw.charging.shown_state import echo_s


def unchanged_until(point: ChargingPoint, now_s: float) -> float:
    """Return until when time alone changes nothing about the point, if nothing is reported [monotonic s].

    That is the earliest of several instants at which something ends, at the latest 10 s from now
    (`LOOK_AGAIN_S`): so what moves slowly, like the duration of a session, is looked at as well. `now_s`
    itself: the point is due in each step.
    """
    # the vehicle draws too much, or did: for how long decides about a fault, or its end
    if point.control.compliance.is_timing_violation:
        return now_s
    # each point in a second of its own: the next instant that is `slot_s` beyond a multiple of 10 s
    slot_s = point.settings.number % LOOK_AGAIN_S
    wake_at = now_s + LOOK_AGAIN_S - (now_s - slot_s) % LOOK_AGAIN_S
    # charging becomes complete, by the time for which the current is below the threshold
    if point.process.counted_until is not None and not point.process.is_complete:
        left_s = point.settings.complete_time_s - point.process.below_s
        wake_at = min(wake_at, point.process.counted_until + left_s)
    # the vehicle's time to obey an offer ends
    if now_s < point.control.compliance.obey_by_at < wake_at:
        wake_at = point.control.compliance.obey_by_at
    # what the charger reports of a pause that we ordered counts as its own state again
    paused_at = point.link.paused_at
    if paused_at is not None and now_s <= paused_at + echo_s(point) < wake_at:
        wake_at = paused_at + echo_s(point)
    # a value goes stale
    for quantity, read_at in point.readings.read_at.items():
        stale_at = read_at + fresh_s(point, quantity)
        if now_s <= stale_at < wake_at:
            wake_at = stale_at
    return wake_at


LOOK_AGAIN_S = 10  # the latest time after which a point is looked at
