"""What limits a charging point, gathered from the whole site. Pure."""

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
    """Return what limits a charging point now, highest rank first: each with its cap [mA], which may be 0.

    What it would get otherwise, the setpoint or the allocation, is not among them: see `requested`.
    Source: load-management 6.
    """
    is_managed = station.load_management is not None
    inputs = ControlInputs(
        # group objects that load management needs have no address
        is_misconfigured=is_managed and FaultCode.DLM_ASSOCIATION in station.faults.present,
        has_charger_error=point.readings.in_error,
        is_not_following=point.control.compliance.verdict is not Compliance.FOLLOWS,
        is_interrupted=point.control.is_interrupted,
        grid_control_ma=station.configuration.grid_setpoint_ma
        if station.operation.is_grid_control_active
        else None,
        is_locked_out=station.is_locked_out,
        is_cancelled=point.process.stage is Process.CANCELLED,
        is_waiting_for_start=point.is_waiting_for_start,
        minimum_reason=_minimum_reason(station, is_managed=is_managed),
    )
    return constraints_by_rank(point.limits, inputs)


def requested(station: Station, point: ChargingPoint) -> Decision:
    """Return the offer that a charging point gets if no constraint is lower, with its reason.

    It is what load management allocates, or the setpoint while load management is off.
    """
    if station.load_management is None:
        return requested_by_setpoint(point.limits, point.control.setpoint_ma)
    return station.load_management.decision_of(point.settings.number)


def _minimum_reason(station: Station, *, is_managed: bool) -> Reason | None:
    """Return why no charging point gets more than its minimum now; None: each may get more.

    It is an error of the program, the end of the gateway, or its start, as long as the bus has not said whether
    grid control is active (RESTORING). `is_managed`: load management is on. Without it the end of the gateway
    limits nothing: the charging points keep their setpoints.
    """
    if FaultCode.CONTACT_SUPPORT in station.faults.present:
        return Reason.INTERNAL_ERROR
    if station.operation.is_stopping and is_managed:
        return Reason.STOPPING
    return Reason.RESTORING if station.operation.restore_until is not None else None


def is_site_paused(station: Station) -> bool:
    """Tell whether all charging points show an interruption: by grid control with 0 A, or by the lock-out."""
    is_paused_by_grid = (
        station.operation.is_grid_control_active and station.configuration.grid_setpoint_ma == 0
    )
    return is_paused_by_grid or station.is_locked_out
