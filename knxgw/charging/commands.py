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
    """Return the charging point interrupted, or with its interruption ended."""
    return replace(point, control=replace(point.control, is_interrupted=is_active))


def command_setpoint(point: ChargingPoint, wanted_ma: int | None) -> ChargingPoint:
    """Return the point with a wanted setpoint [mA], clamped to its limits; None: it was no number.

    A setpoint out of range raises `ValOutOfRange` for information, and is clamped. A negative one, and
    None, raise it too, but leave the setpoint as it was.
    """
    if wanted_ma is None or wanted_ma < 0:
        return replace(point, faults=point.faults.raise_transient(FaultCode.VALUE_OUT_OF_RANGE))
    if not point.limits.allows_setpoint(wanted_ma):
        point = replace(point, faults=point.faults.raise_transient(FaultCode.VALUE_OUT_OF_RANGE))
    setpoint_ma = point.limits.clamp_setpoint(wanted_ma)
    return replace(
        point, control=replace(point.control, setpoint_ma=setpoint_ma, is_setpoint_given=True)
    )


def command_start_stop(
    point: ChargingPoint, now_s: float, *, is_start: bool, is_site_paused: bool = False
) -> ChargingPoint:
    """Return the point with its charging process started, or cancelled until the next plug-in.

    Only a process that is shown to wait for a start can be started. A command that the process does not
    allow raises `OpNotPossible` for information, and changes nothing else. `is_site_paused`: as for
    `shown_state`.
    """
    process_input = ProcessInput.STOP
    if is_start:
        state = shown_state(point, now_s, is_site_paused=is_site_paused)
        is_waiting = state is ChargingState.MANUAL_START
        process_input = ProcessInput.START if is_waiting else ProcessInput.START_OTHERWISE
    stage = advance(point.process.stage, process_input)
    if stage is None:
        faults = point.faults.raise_transient(FaultCode.OPERATION_NOT_POSSIBLE)
        return replace(point, faults=faults)
    return replace(point, process=replace(point.process, stage=stage))


def may_unlock(point: ChargingPoint, now_s: float) -> bool:
    """Tell whether charging has ended and no current flows, so that the cable may be released.

    False as well while that is not certain: unlocking must never end a charge.
    """
    if point.control.is_interrupted or point.link.condition is not LinkCondition.GOOD:
        return False  # an interruption may end at any time; what a lost charger does is not known
    is_finished = point.process.stage is Process.CANCELLED or point.process.is_complete
    current_ma = fresh_current_ma(point, now_s)
    if current_ma is None and point.is_current_measured:
        return False  # the current is not fresh: the vehicle may still draw
    if current_ma is None:  # nothing measures the current: the charger's state has to tell
        state = fresh_value(point, Quantity.STATE, now_s)
        return is_finished and not (isinstance(state, ChargingState) and state.is_charging)
    return is_finished and current_ma <= DRAWS_FROM_MA
