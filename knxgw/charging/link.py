"""What a change of the link to charger or meter makes of a charging point. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from knxgw.catalogue.codes import FaultCode
from knxgw.charging.events import LinkCondition
from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import Quantity


def link_changed(point: ChargingPoint, condition: LinkCondition) -> ChargingPoint:
    """Return the point after the link to its charger changed, with the faults raised and cleared.

    Once the charger is not reachable, or another model answers, its values are not known; those of the
    electricity meter stay. Whether a vehicle is connected stays as well, so that an unplugging meanwhile
    is noticed. The time below the "complete" threshold is not counted across the change.
    """
    faults = point.faults
    for fault, cause in _LINK_FAULTS.items():
        faults = faults.set(fault, is_present=condition is cause)
    is_lost = condition in (LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL)
    if is_lost:
        point = _without_values(
            point, [q for q in point.readings.read_at if q not in point.metered_quantities]
        )
    return replace(
        point,
        link=replace(point.link, condition=condition),
        process=replace(point.process, counted_until=None),
        faults=faults,
    )


def _without_values(point: ChargingPoint, quantities: Iterable[Quantity]) -> ChargingPoint:
    """Return the point without values of these quantities, and without the times of their readings.

    Each must have been read. How far apart their readings came stays known (`spacings_s`).
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
    """Return the point after the link to its meter changed, with the faults raised and cleared.

    Once the electricity meter is not reachable, its values are not known.
    """
    is_lost = condition is LinkCondition.NOT_REACHABLE
    faults = point.faults.set(FaultCode.E_METER_NOT_REACHABLE, is_present=is_lost)
    faults = faults.set(FaultCode.E_METER_COMM, is_present=condition is LinkCondition.COMM)
    if is_lost:
        point = _without_values(
            point, [q for q in point.readings.read_at if q in point.metered_quantities]
        )
    return replace(point, faults=faults)


def offer_acknowledged(point: ChargingPoint, offer_ma: int, now_s: float) -> ChargingPoint:
    """Return the point after its charger acknowledged an offer.

    `acknowledged_since` becomes `now_s` [monotonic s] if the offer is another one than before. `paused_at`
    becomes `now_s` if the charger is paused by this offer (0 A), or was until this offer.
    """
    link = point.link
    is_pause, was_pause = offer_ma == 0, link.acknowledged_ma == 0
    is_new = offer_ma != link.acknowledged_ma
    return replace(
        point,
        link=replace(
            link,
            acknowledged_ma=offer_ma,
            acknowledged_since=now_s if is_new else link.acknowledged_since,
            paused_at=now_s if is_pause or was_pause else link.paused_at,
        ),
    )
