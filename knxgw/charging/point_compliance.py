"""Whether the vehicle at a charging point keeps to its limit, and the faults if not. Pure."""

from dataclasses import replace

from knxgw.catalogue.codes import FaultCode
from knxgw.charging import compliance as limit_compliance
from knxgw.charging.compliance import Compliance
from knxgw.charging.freshness import draw_per_phase_ma
from knxgw.charging.point import ChargingPoint


def update_compliance(point: ChargingPoint, now_s: float) -> ChargingPoint:
    """Return the point with the faults `NotFollowing` and `NotStopping` raised or cleared, as its vehicle draws.

    What the vehicle draws per phase is compared with its offer, and how long it has drawn too much is timed. While
    the charger has not acknowledged a lower offer, the acknowledged one still holds. If offer or draw is not known,
    the faults stay as they are. The draw is not known without a fresh current, or if load management has found the
    currents invalid. `now_s`: monotonic.
    """
    offer_ma = None if point.control.decision is None else point.control.decision.offer_ma
    if offer_ma is not None and point.link.acknowledged_ma is not None:
        # a lower offer is in force only once the charger has acknowledged it
        offer_ma = max(offer_ma, point.link.acknowledged_ma)
    # load management has found that the measured currents cannot be true
    is_implausible = FaultCode.DLM_INVALID_CURRENT in point.faults.present
    draw_ma = None if is_implausible else draw_per_phase_ma(point, now_s)
    compliance = limit_compliance.observe_draw(point.control.compliance, offer_ma, draw_ma, now_s)
    if compliance == point.control.compliance:
        return point
    faults = point.faults
    for code, cause in _COMPLIANCE_FAULTS.items():
        faults = faults.set(code, is_present=compliance.verdict is cause)
    return replace(point, control=replace(point.control, compliance=compliance), faults=faults)


_COMPLIANCE_FAULTS = {
    FaultCode.NOT_FOLLOWING: Compliance.EXCEEDS_OFFER,
    FaultCode.NOT_STOPPING: Compliance.DOES_NOT_STOP,
}
