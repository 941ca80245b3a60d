"""The reason that people are shown for an offer, where the deciding rule says too little. Pure.

A reason such as an interruption or a fault is shown as it is. Instead of most others, it is more useful to
know that the charger is silent or has not been heard yet, that there is no vehicle, or that the charger
limits itself, which is seen by the setpoint that it reports. A charger is *silent* while its state is not fresh, and
has been *heard* once it has reported its state since the gateway's start.
Source: product 5.
"""

from knxgw.catalogue.codes import Reason
from knxgw.charging.events import LinkCondition
from knxgw.charging.freshness import fresh_value
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import Decision
from knxgw.charging.quantities import Quantity

# for this long after an acknowledged write, a charger may still report its setpoint of before
APPLIED_AFTER_S = 5.0
# a setpoint is clearly lower than the offer by more than this, and by more than a step of the charger
CLEARLY_LOWER_MA = 300

# the reasons that give way to a more useful one
_REPLACEABLE = frozenset(
    (
        Reason.WAITING_FOR_START,
        Reason.SETPOINT,
        Reason.MINIMUM,
        Reason.MAXIMUM,
        Reason.WAITING_FOR_CURRENT,
        Reason.PRIORITY,
        Reason.FUSE_L1,
        Reason.FUSE_L2,
        Reason.FUSE_L3,
        Reason.UNDER_USE,
        Reason.IDLE,
        Reason.RAISING,
        Reason.NOT_REACHABLE,
    )
)


def with_shown_reason(
    point: ChargingPoint, decision: Decision, now_s: float, *, is_load_managed: bool
) -> Decision:
    """Return the decision with the reason that people are shown; its offer stays.

    A reason such as an interruption or a fault is shown as it is. Others (`_REPLACEABLE`: a missing start
    command, and most of setpoint and load management) give way to what says more: the charger is silent,
    there is no vehicle, or, where load management is off (not `is_load_managed`), the charger limits itself.
    `now_s`: monotonic.
    """
    reason = decision.reason
    if reason not in _REPLACEABLE:
        return decision
    if fresh_value(point, Quantity.STATE, now_s) is None:  # the charger is silent
        reason = _silent_charger_reason(point, reason, is_load_managed=is_load_managed)
    elif point.process.is_connected is False:
        reason = Reason.NO_VEHICLE
    elif not is_load_managed and _is_limited_by_charger(point, decision.offer_ma, now_s):
        reason = Reason.CHARGER_LIMIT
    return decision if reason is decision.reason else decision._replace(reason=reason)


def _silent_charger_reason(
    point: ChargingPoint, reason: Reason, *, is_load_managed: bool
) -> Reason:
    """Return the reason to show for a charger without a fresh state.

    While the link is not lost: it has not been read yet, if it has never been heard since the gateway's start.
    Else it is silent; with load management (`is_load_managed`), it cannot be reached if the link is lost, and
    if not, the decision's own `reason` stays: only the state is old, and what was decided tells more.
    """
    is_link_lost = point.link.condition not in (LinkCondition.STARTING, LinkCondition.GOOD)
    if not (is_link_lost or point.link.was_heard):
        return Reason.NOT_READ_YET  # the gateway has just started
    if not is_load_managed:
        return Reason.CHARGER_SILENT
    return Reason.NOT_REACHABLE if is_link_lost else reason


def _is_limited_by_charger(point: ChargingPoint, offer_ma: int, now_s: float) -> bool:
    """Tell whether the charger limits itself: the setpoint it reports is clearly lower than the offer.

    Clearly: by more than 300 mA, and more than a step of the charger. False while the charger has not
    acknowledged this offer [mA], or may still report the setpoint before (for 5 s, `APPLIED_AFTER_S`). False
    also for a reported setpoint of 0 A, which is a pause and no limit. `now_s`: monotonic.
    """
    reported_ma = fresh_value(point, Quantity.SETPOINT, now_s)
    acknowledged_since = point.link.acknowledged_since
    if not isinstance(reported_ma, int):
        return False  # it reports no setpoint
    if point.link.acknowledged_ma != offer_ma or acknowledged_since is None:
        return False
    if point.readings.read_at[Quantity.SETPOINT] < acknowledged_since + APPLIED_AFTER_S:
        return False
    return 0 < reported_ma < offer_ma - max(point.limits.resolution_ma, CLEARLY_LOWER_MA)
