"""Everything that limits a charging point now, for "why 10 A?". Pure.

It is made from the same inputs as the decision (`charging/precedence.py`), so that the two cannot differ. A
limit is *effective* if it decides what the charging point gets; the others would allow as much or more. Each
reason is listed once. Source: load-management 6; website 20.
"""

from dataclasses import dataclass, replace

from knxgw.catalogue.codes import Reason
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import caps_to_show
from knxgw.dlm.overcurrent import lock_out_ends_at
from knxgw.station.control_inputs import constraints_of, requested
from knxgw.station.model import Station


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveLimit:
    """One limit of a charging point."""

    reason: Reason
    cap_ma: int  # what the point would get by this limit alone: in steps of its charger, or 0
    is_effective: bool  # this limit decides what the point gets
    ends_in_s: float | None = None  # None: not known, or not by time alone
    began_at: float | None = None  # [monotonic s]; None: not known


def limits_of(station: Station, point: ChargingPoint, now_s: float) -> tuple[EffectiveLimit, ...]:
    """Return the limits of a charging point: first the effective one, then the others by rank.

    The effective one has the reason that group object 511 shows, and the offer. That may be a reason that tells
    people more than the rule that decides, such as "no vehicle" (`charging/explanation.py`). Then it has no times,
    and the rule that decides is among the others. Before the first decision there are no limits.
    """
    decision = point.control.decision
    if decision is None:
        return ()
    # the first of these caps decides
    caps = caps_to_show(point.limits, constraints_of(station, point), requested(station, point))
    effective = EffectiveLimit(reason=decision.reason, cap_ma=decision.offer_ma, is_effective=True)
    is_deciding_rule_shown = caps[0].reason is decision.reason
    if is_deciding_rule_shown:
        effective = replace(
            effective,
            ends_in_s=ends_in_s(station, decision.reason, now_s),
            began_at=began_at(station, point, decision.reason),
        )
    others = (
        EffectiveLimit(
            reason=one.reason,
            cap_ma=one.cap_ma,
            is_effective=False,
            ends_in_s=ends_in_s(station, one.reason, now_s),
            began_at=began_at(station, point, one.reason),
        )
        for one in caps
        if one.reason is not decision.reason
    )
    return (effective, *others)


def began_at(station: Station, point: ChargingPoint, reason: Reason) -> float | None:
    """Return since when a limit that holds now has been in force [monotonic s]; None: that is not kept.

    To be called only for a limit that holds now; `reason` names it. It is kept for four: since when a vehicle was
    found not to follow its offer, a lock-out has lasted, a charging point has waited for current, and an idle
    vehicle has not drawn.
    """
    load_management, number = station.load_management, point.settings.number
    participant = None if load_management is None else load_management.participants.get(number)
    match reason:
        case Reason.NOT_FOLLOWING:  # since the violation of the limit became a fault
            return point.control.compliance.fault_at
        case Reason.LOCK_OUT if load_management is not None:
            lock_out = load_management.overcurrent.lock_out
            return None if lock_out is None else lock_out.locked_at
        case Reason.WAITING_FOR_CURRENT if participant is not None:
            return participant.waiting_since
        case Reason.IDLE if participant is not None:
            return participant.use.not_drawing_since
        case _:
            return None


def ends_in_s(station: Station, reason: Reason, now_s: float) -> float | None:
    """Return how long a limit that holds now will still last [s], if time alone ends it.

    To be called only for a limit that holds now; `reason` names it. None: something else ends it, such as a
    command, or the end is not known.
    """
    load_management = station.load_management
    match reason:
        case Reason.RESTORING if station.operation.waits_for_bus_until is not None:
            return max(0.0, station.operation.waits_for_bus_until - now_s)
        case Reason.HIGH_POWER if load_management is not None:
            return max(0.0, load_management.high_power_until - now_s)
        case Reason.LOCK_OUT if load_management is not None:
            ends_at = lock_out_ends_at(load_management.overcurrent)
            return None if ends_at is None else max(0.0, ends_at - now_s)
        case _:
            return None
