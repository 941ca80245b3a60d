"""The reason that people are shown for an offer, where the deciding rule says too little. Pure.

A reason that holds a point back is shown as it is. Where nothing does, it is more useful to know that the
charger has not been heard or is silent, that there is no vehicle, or that the charger limits itself,
which the setpoint that it reports tells.
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
    """Return the decision with the reason to show; its offer stays.

    A reason that holds the point back stays (one that is not in `_REPLACEABLE`). Of the others, a silent
    charger is shown first, then a missing vehicle, then a charger that limits itself (only where load
    management is off). If none of them holds, the reason stays. `is_load_managed`: load management is on.
    """
    reason = decision.reason
    if reason not in _REPLACEABLE:
        return decision
    if fresh_value(point, Quantity.STATE, now_s) is None:
        reason = _silent_charger_reason(point, reason, is_load_managed=is_load_managed)
    elif point.process.is_connected is False:
        reason = Reason.NO_VEHICLE
    elif not is_load_managed and _is_limited_by_charger(point, decision.offer_ma, now_s):
        reason = Reason.CHARGER_LIMIT
    return decision if reason is decision.reason else decision._replace(reason=reason)


def _silent_charger_reason(
    point: ChargingPoint, reason: Reason, *, is_load_managed: bool
) -> Reason:
    """Return the reason to show for a charger whose state is not known.

    NOT_READ_YET: it has not been read since the start, and its link is not lost. Otherwise it is silent,
    CHARGER_SILENT. With load management that is NOT_REACHABLE if the link is lost, and else the reason
    that load management gives.
    """
    is_lost = point.link.condition not in (LinkCondition.STARTING, LinkCondition.GOOD)
    if not is_lost and not point.link.was_heard:
        return Reason.NOT_READ_YET
    if not is_load_managed:
        return Reason.CHARGER_SILENT
    return Reason.NOT_REACHABLE if reason is Reason.NOT_REACHABLE or is_lost else reason


def _is_limited_by_charger(point: ChargingPoint, offer_ma: int, now_s: float) -> bool:
    """Tell whether the charger reports a clearly lower setpoint than the offer that it acknowledged.

    A reported setpoint of 0 A does not count.
    """
    reported_ma = fresh_value(point, Quantity.SETPOINT, now_s)
    if (
        not isinstance(reported_ma, int)
        or point.link.acknowledged_ma != offer_ma
        or point.link.acknowledged_since is None
    ):
        return False  # it does not report a setpoint, or the offer has not reached it yet
    if point.readings.read_at[Quantity.SETPOINT] < point.link.acknowledged_since + APPLIED_AFTER_S:
        return False  # what was read may still be the setpoint before
    return 0 < reported_ma < offer_ma - max(point.limits.resolution_ma, CLEARLY_LOWER_MA)
