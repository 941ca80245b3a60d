"""What a change of the link to charger or meter makes of a charging point. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from knxgw.catalogue.codes import FaultCode
from knxgw.charging.events import LinkCondition
from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import Quantity


def link_changed(point: ChargingPoint, condition: LinkCondition) -> ChargingPoint:
    """Return the point after the link to its charger changed, with the link's faults raised and cleared.

    If the charger is not reachable, or another model answers, the charger's values are dropped; those of the
    electricity meter stay. If it gives wrong answers (`COMM`), its values stay until they are stale. Whether a
    vehicle is connected stays as well: if the charger later reports none, it must be noticed that the vehicle was
    unplugged meanwhile. Across any change, the time below the "complete" threshold is not counted.
    """
    faults = point.faults
    for fault, cause in _LINK_FAULTS.items():
        faults = faults.set(fault, is_present=condition is cause)
    is_lost = condition in (LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL)
    if is_lost:
        of_charger = point.readings.read_at.keys() - point.metered_quantities
        point = _without_readings(point, of_charger)
    return replace(
        point,
        link=replace(point.link, condition=condition),
        process=replace(point.process, counted_until=None),
        faults=faults,
    )


def _without_readings(point: ChargingPoint, quantities: Iterable[Quantity]) -> ChargingPoint:
    """Return the point as if these quantities had not been read: without their values, and without their times.

    Each must have been read. Only how far apart their readings came stays known, because the line is the same.
    """
    values, read_at = dict(point.readings.values), dict(point.readings.read_at)
    for quantity in quantities:
        del read_at[quantity]
        values.pop(quantity, None)
    return replace(point, readings=replace(point.readings, values=values, read_at=read_at))


_LINK_FAULTS = {
    FaultCode.NOT_REACHABLE: LinkCondition.NOT_REACHABLE,
    FaultCode.WRONG_CHARGER: LinkCondition.WRONG_MODEL,
    FaultCode.COMM: LinkCondition.COMM,
}


def meter_link_changed(point: ChargingPoint, condition: LinkCondition) -> ChargingPoint:
    """Return the point after the link to its electricity meter changed, with faults raised and cleared.

    If the meter is not reachable, its values are dropped. Otherwise, also if it gives wrong answers (`COMM`), they
    stay until they are stale.
    """
    is_lost = condition is LinkCondition.NOT_REACHABLE
    faults = point.faults.set(FaultCode.E_METER_NOT_REACHABLE, is_present=is_lost)
    faults = faults.set(FaultCode.E_METER_COMM, is_present=condition is LinkCondition.COMM)
    if is_lost:
        of_meter = point.readings.read_at.keys() & point.metered_quantities
        point = _without_readings(point, of_meter)
    return replace(point, faults=faults)


def offer_acknowledged(point: ChargingPoint, offer_ma: int, now_s: float) -> ChargingPoint:
    """Return the point after its charger acknowledged an offer [mA]: which one, since when, and if it paused.

    If the same offer is acknowledged again, it counts since the first time. The charger was last known to be
    paused (`paused_at`) now, if this offer is 0 A, or the one before was. `now_s`: monotonic.
    """
    link = point.link
    is_new = offer_ma != link.acknowledged_ma
    is_or_was_paused = 0 in (offer_ma, link.acknowledged_ma)
    return replace(
        point,
        link=replace(
            link,
            acknowledged_ma=offer_ma,
            acknowledged_since=now_s if is_new else link.acknowledged_since,
            paused_at=now_s if is_or_was_paused else link.paused_at,
        ),
    )
