"""What the commands of the bus make of a charging point. Pure."""

from dataclasses import replace

from knxgw.catalogue.codes import ChargingState, FaultCode
from knxgw.charging.events import LinkCondition
from knxgw.charging.freshness import fresh_current_ma, fresh_value
from knxgw.charging.limits import DRAWS_FROM_MA
from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import Quantity
from knxgw.charging.shown_state import shown_state
from knxgw.charging.states import Process, ProcessInput, advance


def command_interruption(point: ChargingPoint, *, is_active: bool) -> ChargingPoint:
    """Return the point interrupted by KNX (object 55: no charging until it ends), or not so (`is_active`)."""
    return replace(point, control=replace(point.control, is_interrupted=is_active))


def command_setpoint(point: ChargingPoint, wanted_ma: int | None) -> ChargingPoint:
    """Return the point with the setpoint that KNX commands (object 60), clamped to the point's limits.

    `wanted_ma`: None: the telegram held no number. That, or a negative number, leaves the setpoint as it was.
    Whatever is not within the limits also raises the fault `ValOutOfRange`, for a moment only.
    """
    if wanted_ma is None or wanted_ma < 0:
        return replace(point, faults=point.faults.raise_transient(FaultCode.VALUE_OUT_OF_RANGE))
    if not point.limits.allows_setpoint(wanted_ma):
        point = replace(point, faults=point.faults.raise_transient(FaultCode.VALUE_OUT_OF_RANGE))
    setpoint_ma = point.limits.clamp_setpoint(wanted_ma)
    control = replace(point.control, setpoint_ma=setpoint_ma, is_setpoint_given=True)
    return replace(point, control=control)


def command_start_stop(
    point: ChargingPoint, now_s: float, *, is_start: bool, is_site_paused: bool = False
) -> ChargingPoint:
    """Return the point after a start (`is_start`) or stop command of KNX (object 54).

    A start works only while charging waits for it, and the point shows "manual start required". A stop cancels
    charging until the next plug-in; it works unless there is no vehicle, or charging was cancelled before. A command
    that is not possible raises the fault `OpNotPossible`, for a moment only, and changes nothing else.
    `is_site_paused`: grid-supporting control with 0 A, or the overcurrent lock-out, is active. `now_s`: monotonic.
    """
    process_input = ProcessInput.STOP
    if is_start:
        shown = shown_state(point, now_s, is_site_paused=is_site_paused)
        is_waiting = shown is ChargingState.MANUAL_START
        process_input = ProcessInput.START if is_waiting else ProcessInput.START_OTHERWISE
    stage = advance(point.process.stage, process_input)
    if stage is None:  # the process does not allow this command
        faults = point.faults.raise_transient(FaultCode.OPERATION_NOT_POSSIBLE)
        return replace(point, faults=faults)
    return replace(point, process=replace(point.process, stage=stage))


def may_unlock(point: ChargingPoint, now_s: float) -> bool:
    """Tell whether the cable may be released: charging was cancelled or is complete, and no current flows.

    Unlocking must never end a charge. So it is false while the link is not good, while the point is
    interrupted (it may go on at any time), or if only a fresh reading of the current is missing. Where nothing
    measures the current, a fresh state of the charger must say that it does not charge. `now_s`: monotonic.
    """
    if point.control.is_interrupted or point.link.condition is not LinkCondition.GOOD:
        return False  # what a charger does whose link is not good is not known
    has_ended = point.process.stage is Process.CANCELLED or point.process.is_complete
    current_ma = fresh_current_ma(point, now_s)
    if current_ma is not None:
        return has_ended and current_ma <= DRAWS_FROM_MA  # up to 1 A counts as none
    if point.is_current_measured:
        return False  # only a fresh reading is missing: the vehicle may still draw
    state = fresh_value(point, Quantity.STATE, now_s)
    return has_ended and isinstance(state, ChargingState) and not state.is_charging
