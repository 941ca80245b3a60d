"""What limits a charging point, gathered from the whole site. Pure.

`decide` (`charging/precedence.py`) makes the offer from two inputs that are gathered here: what is *requested*
(the allocation or the setpoint), and *constraints*, each a cap with its reason. The lowest wins.
"""

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.charging.compliance import Compliance
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import (
    Constraint,
    ControlInputs,
    Decision,
    constraints_by_rank,
    requested_by_setpoint,
)
from knxgw.charging.states import Process
from knxgw.station.model import Station


def constraints_of(station: Station, point: ChargingPoint) -> tuple[Constraint, ...]:
    """Return the caps [mA] that hold for a charging point now, with their reasons, the highest rank first.

    A cap of 0 means that no vehicle may charge there. The setpoint or the allocation is no constraint: see
    `requested`. Source: load-management 6.
    """
    is_managed = station.load_management is not None
    grid_cap_ma = (
        station.configuration.grid_setpoint_ma if station.operation.is_grid_control_active else None
    )
    inputs = ControlInputs(
        # the fault: group objects without which load management cannot work have no address
        is_misconfigured=is_managed and FaultCode.DLM_ASSOCIATION in station.faults.present,
        has_charger_error=point.readings.in_error,
        is_not_following=point.control.compliance.verdict is not Compliance.FOLLOWS,
        is_interrupted=point.control.is_interrupted,
        grid_control_ma=grid_cap_ma,
        is_locked_out=station.is_locked_out,
        is_cancelled=point.process.stage is Process.CANCELLED,
        is_waiting_for_start=point.is_waiting_for_start,
        minimum_reason=_minimum_reason(station, is_managed=is_managed),
    )
    return constraints_by_rank(point.limits, inputs)


def requested(station: Station, point: ChargingPoint) -> Decision:
    """Return the offer that a charging point gets unless a constraint is lower, with its reason.

    It is what load management allocates, or the setpoint while load management is off.
    """
    if station.load_management is None:
        return requested_by_setpoint(point.limits, point.control.setpoint_ma)
    return station.load_management.decision_of(point.settings.number)


def _minimum_reason(station: Station, *, is_managed: bool) -> Reason | None:
    """Return why no charging point gets more than its minimum now; None: nothing holds them there.

    There are three reasons: the program has failed, the gateway ends, or it waits for the bus to say whether grid
    control is active, as it does after its start. `is_managed`: load management is on. Without it, the end of the
    gateway limits nothing, and the chargers keep their setpoints.
    """
    if FaultCode.CONTACT_SUPPORT in station.faults.present:
        return Reason.INTERNAL_ERROR
    if station.operation.is_stopping and is_managed:
        return Reason.STOPPING
    return Reason.RESTORING if station.operation.waits_for_bus_until is not None else None


def is_site_paused(station: Station) -> bool:
    """Tell whether no vehicle may charge at the whole site, by grid control with 0 A or by the lock-out.

    Every charging point then shows the state of an interruption.
    """
    is_paused_by_grid = (
        station.operation.is_grid_control_active and station.configuration.grid_setpoint_ma == 0
    )
    return is_paused_by_grid or station.is_locked_out
