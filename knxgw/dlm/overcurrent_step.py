"""The step of a cycle that supervises the phases for an overcurrent: what it must know, and what it does. Pure.

How an overcurrent is confirmed, and when a lock-out ends, is in `overcurrent`.

Source: load-management 12, 18.1.
"""

from collections.abc import Sequence
from dataclasses import replace

from knxgw.catalogue.codes import FaultCode
from knxgw.charging.limits import DRAWS_FROM_MA
from knxgw.dlm import overcurrent as overcurrents
from knxgw.dlm import queue as queues
from knxgw.dlm.base_load import AT_REST_S
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.overcurrent import PhaseLoad
from knxgw.dlm.participant import Participant
from knxgw.dlm.state import LONG_AGO


def supervise_overcurrent(cycle: CycleState, new_phases: Sequence[int]) -> None:
    """Supervise the phases for an overcurrent, and the lock-out for its end.

    While the meter is silent on a phase, the others are supervised all the same; a restart waits for all
    of them. Source: load-management 12.
    """
    if cycle.is_static:
        return
    if cycle.is_emergency:
        silent = [index for index in range(len(cycle.phases)) if not _is_value_usable(cycle, index)]
        cycle.overcurrent = overcurrents.without_silent_phases(cycle.overcurrent, silent)
    else:
        silent = []
    if cycle.overcurrent.needs_supervision or _may_be_overcurrent(cycle):
        loads = [
            _phase_load(cycle, index, is_new=index in new_phases)
            for index in range(len(cycle.phases))
            if index not in silent
        ]
        may_restart = not cycle.is_emergency and _is_restart_possible(cycle)
        _note_whether_released(cycle)
        before = cycle.overcurrent
        cycle.overcurrent = overcurrents.supervise(
            before, cycle.settings, loads, cycle.now_s, may_restart=may_restart
        )
        if cycle.overcurrent.is_locked_out and not before.is_locked_out:
            _begin_lock_out(cycle)
    cycle.set_fault(FaultCode.OVER_CURRENT, cycle.overcurrent.is_locked_out)


def _is_value_usable(cycle: CycleState, index: int) -> bool:
    """Tell whether the value of a phase (0 to 2) is neither stale nor of a meter that is wrong."""
    value = cycle.state.meter.values[index]
    if value is None or cycle.phases[index].follow_check.finding is not None:
        return False
    return cycle.now_s - value.arrived_at < cycle.settings.timeout_s


def _begin_lock_out(cycle: CycleState) -> None:
    """Interrupt charging after an overcurrent was confirmed, and note which participants that concerns.

    With the queue those are shed whose minimum does not fit, and mostly that is enough: it ends the lock-out.
    Otherwise all are interrupted; the time until a restart may lie before. Source: load-management 12.3,
    12.4d.
    """
    running = [
        participant
        for participant in cycle.participants.values()
        if participant.takes_part and participant.offer_ma > 0
    ]
    if cycle.settings.queue:
        _shed_some(cycle, running)
    lock_out = cycle.overcurrent.lock_out
    if lock_out is not None:
        interrupted = replace(
            lock_out,
            interrupted=frozenset(participant.settings.number for participant in running),
            restart_possible_since=min(
                (_minimum_fits_since(cycle, participant) for participant in running), default=None
            ),
        )
        cycle.overcurrent = replace(cycle.overcurrent, lock_out=interrupted)


def _minimum_fits_since(cycle: CycleState, participant: Participant) -> float:
    """Return since when a participant's minimum would have fitted alone [monotonic s].

    With the room that a restart needs. An instant long ago: as long as peaks are remembered.
    """
    since = LONG_AGO
    for index in participant.phases:
        spare_ma = cycle.room_now_ma[index] + (cycle.phases[index].base_ma or 0)
        most_ma = spare_ma - participant.settings.minimum_ma - overcurrents.RESTART_ROOM_MA
        for past in cycle.phases[index].history:
            if past.base_ma > most_ma:
                since = max(since, min(past.until, cycle.now_s))
    return since


def _note_whether_released(cycle: CycleState) -> None:
    """Note in a lock-out since when the interrupted vehicles have stopped, and whether the meter shows it.

    That is when it has measured the line without them. A vehicle that does not stop is waited for no longer
    than a restart takes anyhow.
    """
    lock_out = cycle.overcurrent.lock_out
    if lock_out is None:
        return
    still_draw = any(
        number in lock_out.interrupted
        and participant.takes_part
        and participant.highest_draw_ma >= DRAWS_FROM_MA
        for number, participant in cycle.participants.items()
    )
    if still_draw:
        stopped_since = None
        is_released = cycle.now_s - lock_out.locked_at >= cycle.overcurrent.restart_after_s
    else:
        stopped_since = cycle.now_s if lock_out.stopped_since is None else lock_out.stopped_since
        is_released = _line_measured_at(cycle) - cycle.settings.meter_delay_s >= stopped_since
    if (stopped_since, is_released) != (lock_out.stopped_since, lock_out.is_released):
        updated = replace(lock_out, stopped_since=stopped_since, is_released=is_released)
        cycle.overcurrent = replace(cycle.overcurrent, lock_out=updated)


def _line_measured_at(cycle: CycleState) -> float:
    """Return when the oldest value of the meter that is in force came [monotonic s].

    A meter that sends changes only is read by its silence: its values hold until a moment ago.
    """
    if cycle.has_meter_on_change:
        return cycle.now_s - AT_REST_S
    return min((value.arrived_at for value in cycle.meter.values if value), default=cycle.now_s)


def _is_restart_possible(cycle: CycleState) -> bool:
    """Tell whether the minimum of an interrupted participant that still wants to charge fits again.

    One that was only waiting before delays no restart. Source: load-management 12.4a.
    """
    wanting = [participant for participant in cycle.participants.values() if participant.takes_part]
    lock_out = cycle.overcurrent.lock_out
    interrupted = lock_out.interrupted if lock_out is not None else ()
    candidates = [
        participant for participant in wanting if participant.settings.number in interrupted
    ] or wanting
    room_ma = [ma - overcurrents.RESTART_ROOM_MA for ma in cycle.room_now_ma]
    if not candidates:
        return min(room_ma) >= 0
    return any(
        all(participant.settings.minimum_ma <= room_ma[index] for index in participant.phases)
        for participant in candidates
    )


def _may_be_overcurrent(cycle: CycleState) -> bool:
    """Tell whether a phase may carry too much, so that it must be supervised in this cycle.

    It carries more than its limit, or its base load leaves too little for all minima by far. Mostly neither
    is so, and nothing is to be done.
    """
    settings, values = cycle.settings, cycle.state.meter.values
    spare_ma = settings.severe_factor * settings.fuse_ma
    for participant in cycle.participants.values():
        spare_ma -= participant.settings.minimum_ma
    for index, phase in enumerate(cycle.phases):
        value = values[index]
        if value is not None and value.current_ma > settings.limit_ma:
            return True
        if (phase.base_ma or 0) > spare_ma:
            return True
    return False


def _phase_load(cycle: CycleState, index: int, *, is_new: bool) -> PhaseLoad:
    """Return what the supervision must know of a phase (0 to 2); `is_new`: it was just measured."""
    participants = cycle.participants.values()
    running = [
        participant
        for participant in participants
        if participant.takes_part and participant.offer_ma and index in participant.phases
    ]
    at_minimum = all(
        participant.offer_ma <= participant.settings.minimum_ma for participant in running
    )
    minimums_ma = sum(participant.settings.minimum_ma for participant in running)
    return PhaseLoad(
        phase=index,
        carried_ma=_carried_ma(cycle, index, minimums_ma),
        base_ma=cycle.phases[index].base_ma or 0,
        minimums_ma=minimums_ma,
        are_all_at_minimum=bool(running) and at_minimum,
        is_new=is_new,
    )


def _carried_ma(cycle: CycleState, index: int, minimums_ma: int) -> int:
    """Return what a phase carries [mA], as the supervision counts it; 0 while that is not known.

    While vehicles still obey, no more than they will leave: an older value shows what has been acted on.
    Source: load-management 12.2f.
    """
    value = cycle.state.meter.values[index]
    if value is None:
        return 0
    obeyed_at = max(participant.obey_by_at for participant in cycle.participants.values())
    if value.arrived_at - cycle.settings.meter_delay_s >= obeyed_at:
        return value.current_ma
    left_ma = (cycle.phases[index].base_ma or 0) + minimums_ma
    return min(value.current_ma, left_ma)


def _shed_some(cycle: CycleState, running: list[Participant]) -> None:
    """Stop the participants whose minimum does not fit, instead of interrupting all.

    If the others fit then, the lock-out ends at once. They do unless the prioritised one, which is never
    shed, is too much alone. Source: load-management 18.1.
    """
    leaving = queues.participants_to_shed(running, cycle.room_now_ma, cycle.settings, cycle.now_s)
    for participant in leaving:
        cycle.set_offer(participant, 0)
        queues.note_shed(participant, cycle.now_s)
    staying = [participant for participant in running if participant not in leaving]
    if queues.minimums_fit(staying, cycle.room_now_ma):
        cycle.overcurrent = overcurrents.Overcurrent()
