"""What a person may do at a charging point now. Pure.

Pages offer only these, and a request of a page for anything else is refused with what is said here.
"""

from enum import StrEnum

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.commands import may_unlock
from knxgw.charging.point import ChargingPoint
from knxgw.charging.scope import PointNumber
from knxgw.charging.shown_state import shown_state
from knxgw.charging.states import ProcessInput, advance
from knxgw.config.model import LoadManagementMode
from knxgw.station.control_inputs import is_site_paused
from knxgw.station.model import (
    InterruptionCommanded,
    PointCommand,
    SetpointCommanded,
    StartStopCommanded,
    Station,
    UnlockCommanded,
)


class Action(StrEnum):
    """What people do at a charging point, as pages and interfaces name it."""

    START = "start"
    STOP = "stop"
    UNLOCK = "unlock"
    INTERRUPT = "interrupt"
    RESUME = "resume"
    SETPOINT = "setpoint"


def possible_actions(station: Station, point: ChargingPoint, now_s: float) -> tuple[Action, ...]:
    """Return what a person may do at a charging point now, in the order in which pages show it.

    It depends on what the charger is able to do, on whether a vehicle is connected, on the state of charging, and
    on load management.
    """
    capabilities, stage = point.settings.capabilities, point.process.stage
    state = shown_state(point, now_s, is_site_paused=is_site_paused(station))
    # a start is possible only while the point shows that it waits for one, as in `command_start_stop`; at any
    # other moment it is `START_OTHERWISE`, which the charging process refuses
    waits_for_start = state is ChargingState.MANUAL_START
    start_input = ProcessInput.START if waits_for_start else ProcessInput.START_OTHERWISE
    takes_start_stop = "start_stop" in capabilities and bool(point.process.is_connected)
    is_interrupted = point.control.is_interrupted
    is_possible_now = {
        # `advance` returns None where the charging process does not allow the command
        Action.START: takes_start_stop and advance(stage, start_input) is not None,
        Action.STOP: takes_start_stop and advance(stage, ProcessInput.STOP) is not None,
        Action.UNLOCK: "unlock" in capabilities and may_unlock(point, now_s),
        Action.INTERRUPT: not is_interrupted,
        Action.RESUME: is_interrupted,
        # while load management is on, it decides, and no setpoint counts
        Action.SETPOINT: station.configuration.load_management.mode is LoadManagementMode.OFF,
    }
    return tuple(action for action, is_possible in is_possible_now.items() if is_possible)


def command_of(
    action: Action, point: PointNumber, setpoint_ma: int | None = None
) -> PointCommand | UnlockCommanded:
    """Return the event by which the station learns that a person does something at a charging point.

    It is the same event as for a KNX telegram. `setpoint_ma` counts for `Action.SETPOINT` only; None there: what
    was entered is no number, and the station ignores it.
    """
    match action:
        case Action.START | Action.STOP:
            return StartStopCommanded(point=point, is_start=action is Action.START)
        case Action.UNLOCK:
            return UnlockCommanded(point=point)
        case Action.INTERRUPT | Action.RESUME:
            return InterruptionCommanded(point=point, is_active=action is Action.INTERRUPT)
        case Action.SETPOINT:
            return SetpointCommanded(point=point, setpoint_ma=setpoint_ma)
