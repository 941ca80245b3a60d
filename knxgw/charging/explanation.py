"""Why a charging point gets what it gets, where the rule that decided says too little. Pure.

What holds a point back is told as it is. Where nothing does, people want to know first whether
anybody is there: a charger that was never heard, or is silent, and a vehicle. What the charger
itself limits shows in the setpoint that it reports.
Source: product 5.
"""

from knxgw.catalogue.codes import Reason
from knxgw.charging.events import LinkCondition
from knxgw.charging.point import ChargingPoint, fresh_value
from knxgw.charging.precedence import Decision
from knxgw.charging.quantities import Quantity

TAKEN_AFTER_S = 5.0  # so long a charger may report the setpoint of before

_EVERYDAY = frozenset(
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


def explained(point: ChargingPoint, decision: Decision, now_s: float, *, managed: bool) -> Decision:
    """Return the decision with the reason that is told; `managed`: load management is on."""
    reason = decision.reason
    if reason not in _EVERYDAY:
        return decision
    if fresh_value(point, Quantity.STATE, now_s) is None:
        reason = _unheard(point, reason, managed=managed)
    elif point.process.connected is False:
        reason = Reason.NO_VEHICLE
    elif not managed and _limits_itself(point, decision.offer_ma, now_s):
        reason = Reason.CHARGER_LIMIT
    return decision if reason is decision.reason else decision._replace(reason=reason)


def _unheard(point: ChargingPoint, reason: Reason, *, managed: bool) -> Reason:
    """Return the reason at a charger whose state is not known."""
    gone = point.link.condition not in (LinkCondition.STARTING, LinkCondition.GOOD)
    if not gone and not point.link.was_heard:
        return Reason.NOT_READ_YET
    if not managed:
        return Reason.CHARGER_SILENT
    return Reason.NOT_REACHABLE if reason is Reason.NOT_REACHABLE or gone else reason


def _limits_itself(point: ChargingPoint, offer_ma: int, now_s: float) -> bool:
    """Tell whether the charger reports a lower setpoint than the one it has taken."""
    reported_ma = fresh_value(point, Quantity.SETPOINT, now_s)
    if (
        not isinstance(reported_ma, int)
        or point.link.acknowledged_ma != offer_ma
        or point.link.acknowledged_since is None
    ):
        return False
    if point.readings.read_at[Quantity.SETPOINT] < point.link.acknowledged_since + TAKEN_AFTER_S:
        return False
    return 0 < reported_ma < offer_ma - max(point.limits.resolution_ma, 300)
