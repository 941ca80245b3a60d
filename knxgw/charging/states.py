"""The state machine of a charging point, as two complete tables.

What the gateway itself knows of a charging process (`Process`) changes by `PROCESS_TABLE`:
process, input → process. What object 50 shows follows from what the charger reports and the
strongest hold on the charging point by `SHOWN_TABLE`: reported state, hold → shown state. When a
hold ends, the column of the next strongest one applies; nothing has to be restored.
Source: [reference-manual] 10.3, tables 23, 27 and 28; load-management 5, 6, 16.
"""

from collections.abc import Mapping
from enum import StrEnum

from knxgw.catalogue.codes import ChargingState


class Process(StrEnum):
    """How far a charging process is: what the gateway keeps, because the charger does not know it."""

    NO_VEHICLE = "no vehicle"
    FREE = "free to charge"  # starts by itself, or was started
    WAITING = "waits for start"
    CANCELLED = "cancelled"


class ProcessInput(StrEnum):
    """What moves a process on."""

    PLUGGED_IN = "plugged in, automatic start"
    PLUGGED_IN_TO_WAIT = "plugged in, manual start"
    UNPLUGGED = "unplugged"
    START = "GO 54 = 1 while GO 50 shows 7"
    START_OTHERWISE = "GO 54 = 1 in any other state"  # never possible: the fault `OpNotPossible`
    STOP = "GO 54 = 0"


_N, _F, _W, _C = Process.NO_VEHICLE, Process.FREE, Process.WAITING, Process.CANCELLED

PROCESS_TABLE: Mapping[Process, Mapping[ProcessInput, Process | None]] = {
    # None: not possible in this state (`OpNotPossible`), nothing changes
    # plugged in | plugged in to wait | unplugged | start | start otherwise | stop
    process: dict(zip(ProcessInput, row, strict=True))
    for process, row in {
        _N: (_F, _W, _N, None, None, None),
        _F: (_F, _F, _N, None, None, _C),
        _W: (_W, _W, _N, _F, None, _C),
        _C: (_C, _C, _N, None, None, None),
    }.items()
}


class Hold(StrEnum):
    """What holds a charging point back beside the charger itself, the strongest last."""

    NONE = "none"
    PAUSE_NO_VEHICLE = "our own 0 A, no vehicle"
    PAUSE = "our own 0 A, or its echo"  # setpoint, load management; the charger may lag behind
    WAITING = "waits for start"
    CANCELLED = "cancelled"
    INTERRUPTION = "interruption"  # object 55, grid control with 0 A, overcurrent lock-out


SHOWN_TABLE: Mapping[ChargingState, Mapping[Hold, ChargingState]] = {
    # per reported state: none | pause without vehicle | pause | waiting | cancelled | interruption
    ChargingState(reported): dict(zip(Hold, map(ChargingState, row), strict=True))
    for reported, row in {
        0: (0, 0, 0, 7, 4, 11),
        1: (1, 1, 1, 7, 4, 11),
        2: (2, 2, 2, 2, 2, 2),  # the charger's own fault has the highest rank
        3: (3, 3, 3, 7, 4, 11),
        4: (4, 4, 4, 7, 4, 11),
        5: (5, 5, 5, 7, 4, 11),
        6: (6, 6, 6, 7, 4, 11),
        7: (7, 5, 6, 7, 4, 11),  # a pause of ours must not look like a decision of the vehicle
        8: (8, 8, 8, 7, 4, 11),
        9: (9, 9, 9, 7, 4, 11),
        10: (10, 10, 10, 7, 4, 11),
        11: (11, 5, 6, 7, 4, 11),
    }.items()
}


def advance(process: Process, process_input: ProcessInput) -> Process | None:
    """Return how far a charging process is after an input; None: it does not allow that input now.

    What is not allowed changes nothing. Only a start or stop command can be refused: the caller then raises
    the fault `OpNotPossible`.
    """
    return PROCESS_TABLE[process][process_input]


def strongest_hold(process: Process, *, is_interrupted: bool, is_paused: bool) -> Hold:
    """Return the strongest of the gateway's reasons for holding a charging point back; `NONE`: nothing does.

    Group object 50 then shows that reason instead of what the charger reports (`shown_state_of`).
    `is_interrupted`: by group object 55, grid control with 0 A or a lock-out. `is_paused`: the gateway has
    ordered 0 A, or the charger may still report that.
    """
    if is_interrupted:
        return Hold.INTERRUPTION
    if process is Process.CANCELLED:
        return Hold.CANCELLED
    if process is Process.WAITING:
        return Hold.WAITING
    if not is_paused:
        return Hold.NONE
    # a pause shows as "available" without a vehicle, else as "connected"
    return Hold.PAUSE_NO_VEHICLE if process is Process.NO_VEHICLE else Hold.PAUSE


def shown_state_of(reported: ChargingState, hold: Hold) -> ChargingState:
    """Return the state to show (object 50): what the charger reports, unless a hold on the point hides it.

    The charger does not know what only the gateway does: an interruption, a cancelled charge, a missing start
    command, or that a pause was ordered by load management or setpoint. Then the state says that instead. The
    charger's own error is shown whatever holds the point back.
    """
    return SHOWN_TABLE[reported][hold]
