"""What has a say about a charging point, gathered from the whole site. Pure."""

from knxgw.charging.faults import FaultCode
from knxgw.charging.obedience import Obeys
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import Wishes
from knxgw.charging.states import Process
from knxgw.charging.words import Decision, PointNumber, Reason
from knxgw.station.model import Station


def wishes_of(station: Station, point: ChargingPoint, *, outside: bool = False) -> Wishes:
    """Return everything that has a say about a charging point now.

    `outside`: only what is not load management's own decision.
    """
    configuration = station.configuration
    managed = station.sharing is not None
    unlinked = managed and FaultCode.DLM_ASSOCIATION in station.faults.present
    return Wishes(
        configuration=unlinked,
        charger_error=point.readings.in_error,
        not_following=point.control.obedience.obeys is not Obeys.YES,
        interruption=point.control.is_interrupted,
        grid_control_ma=configuration.grid_setpoint_ma if station.grid_control else None,
        lock_out=station.lock_out and not outside,
        cancelled=point.process.stage is Process.CANCELLED,
        waiting_for_start=point.waits_for_start,
        minimum_because=_minimum_because(station, managed=managed),
        setpoint_ma=None if managed else point.control.setpoint_ma,
        allocation=None if outside else _allocation(station, point),
    )


def _allocation(station: Station, point: ChargingPoint) -> Decision | None:
    """Return what load management gives the charging point, None while it is off."""
    sharing = station.sharing
    if sharing is None:
        return None
    number = PointNumber(point.settings.number)
    reason = sharing.reasons.get(number, Reason.WAITING_FOR_CURRENT)
    if reason is Reason.GRID_CONTROL and not station.grid_control:  # another cap of the site
        reason = _minimum_because(station, managed=True) or Reason.MINIMUM
    return Decision(offer_ma=sharing.members[number].offer_ma, reason=reason)


def _minimum_because(station: Station, *, managed: bool) -> Reason | None:
    """Return why nobody gets more than the minimum, None: they may."""
    if FaultCode.CONTACT_SUPPORT in station.faults.present:
        return Reason.INTERNAL_ERROR
    if station.stopping and managed:
        return Reason.STOPPING
    return Reason.RESTORING if station.restore_until_s is not None else None


def paused_all(station: Station) -> bool:
    """Tell whether everybody shows an interruption: grid control with 0 A, or the lock-out."""
    grid_pause = station.grid_control and station.configuration.grid_setpoint_ma == 0
    return grid_pause or station.lock_out
