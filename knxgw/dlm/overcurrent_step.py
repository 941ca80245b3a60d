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

    `new_phases`: those (0 to 2) with a meter value that no cycle has taken yet. In an emergency the phases
    without a usable value are left out and the others supervised all the same; nothing restarts then.
    Source: load-management 12.
    """
    if cycle.is_static:
        return  # nothing is measured
    if cycle.is_emergency:
        silent_phases = [
            index for index in range(len(cycle.phases)) if not _is_value_usable(cycle, index)
        ]
        cycle.overcurrent = overcurrents.without_silent_phases(cycle.overcurrent, silent_phases)
    else:
        silent_phases = []
    if cycle.overcurrent.needs_supervision or _may_be_overcurrent(cycle):
        loads = [
            _phase_load(cycle, index, is_new=index in new_phases)
            for index in range(len(cycle.phases))
            if index not in silent_phases
        ]
        may_restart = not cycle.is_emergency and _is_restart_possible(cycle)
        _note_whether_released(cycle)  # `supervise` asks for it
        before = cycle.overcurrent
        cycle.overcurrent = overcurrents.supervise(
            before, cycle.settings, loads, cycle.now_s, may_restart=may_restart
        )
        if cycle.overcurrent.is_locked_out and not before.is_locked_out:
            _begin_lock_out(cycle)
    cycle.set_fault(FaultCode.OVER_CURRENT, cycle.overcurrent.is_locked_out)


def _is_value_usable(cycle: CycleState, index: int) -> bool:
    """Tell whether a phase (0 to 2) has a value that is not stale, of a meter that follows the chargers."""
    value = cycle.state.meter.values[index]
    if value is None or cycle.phases[index].follow_check.finding is not None:
        return False
    return cycle.now_s - value.arrived_at < cycle.settings.timeout_s


def _begin_lock_out(cycle: CycleState) -> None:
    """Begin a lock-out after an overcurrent was confirmed, and note which participants it interrupts.

    With the queue participants are shed first until the minima of the others fit; mostly that is enough, and
    ends the lock-out before it has interrupted anyone. Otherwise the rest of this cycle stops all of them.
    The room that a restart needs may have been there since before the lock-out: since when is noted.
    To be called in the cycle in which the lock-out was confirmed.
    Source: load-management 12.3, 12.4d, 18.1c, 18.1d.
    """
    running = [
        participant
        for participant in cycle.participants.values()
        if participant.takes_part and participant.offer_ma > 0
    ]
    if cycle.settings.queue:
        _shed_some(cycle, running)
    lock_out = cycle.overcurrent.lock_out
    if lock_out is not None:  # shedding was not enough
        interrupted = replace(
            lock_out,
            interrupted=frozenset(participant.settings.number for participant in running),
            # one of them is enough for a restart: the one that has fitted for longest
            restart_possible_since=min(
                (_minimum_fits_since(cycle, participant) for participant in running), default=None
            ),
        )
        cycle.overcurrent = replace(cycle.overcurrent, lock_out=interrupted)


def _minimum_fits_since(cycle: CycleState, participant: Participant) -> float:
    """Return since when a participant's minimum and the room for a restart have fitted alone [monotonic s].

    `LONG_AGO`: for as long as peaks are remembered. Now: it does not fit by the latest base load either.
    """
    since = LONG_AGO
    for index in participant.phases:
        # the room without the building, or less where the chargers' own line is the tighter one
        spare_ma = cycle.room_now_ma[index] + (cycle.phases[index].base_ma or 0)
        most_ma = spare_ma - participant.settings.minimum_ma - overcurrents.RESTART_ROOM_MA
        for past in cycle.phases[index].history:
            # a base load that is in force has no end yet: it does not fit up to now
            if past.base_ma > most_ma:
                since = max(since, min(past.until, cycle.now_s))
    return since


def _note_whether_released(cycle: CycleState) -> None:
    """Note in a lock-out since when no interrupted vehicle draws, and whether the line was measured since.

    Until then (`is_released`) nothing restarts: the meter still shows the currents of these vehicles. If a
    vehicle does not stop, a restart waits for it no longer than `restart_after_s`.
    """
    lock_out = cycle.overcurrent.lock_out
    if lock_out is None:
        return  # nothing is interrupted
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
    """Return since when all phases have been measured [monotonic s]: when the oldest value came.

    The silence of a meter that sends changes only means that its values were in force until a moment ago
    (`AT_REST_S`). Without any value it is now.
    """
    if cycle.has_meter_on_change:
        return cycle.now_s - AT_REST_S
    return min((value.arrived_at for value in cycle.meter.values if value), default=cycle.now_s)


def _is_restart_possible(cycle: CycleState) -> bool:
    """Tell whether at least one interrupted participant that still wants to charge fits again.

    It fits if each of its phases has room for its minimum and `RESTART_ROOM_MA` beside it. If no interrupted
    one wants to charge any more, one of those that only waited before must fit; if none wants to charge at
    all, `RESTART_ROOM_MA` on each phase is enough. Source: load-management 12.4a.
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
    """Tell whether a phase may carry too much, so that the phases must be supervised in this cycle.

    A phase carries more than its limit, or its base load with all minima is a severe overcurrent. Mostly
    neither is so, and the supervision is left out.
    """
    settings, values = cycle.settings, cycle.state.meter.values
    # the highest base load beside which all minima stay below a severe overcurrent (12.2c)
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
    are_at_minimum = all(
        participant.offer_ma <= participant.settings.minimum_ma for participant in running
    )
    minimums_ma = sum(participant.settings.minimum_ma for participant in running)
    return PhaseLoad(
        phase=index,
        carried_ma=_carried_ma(cycle, index, minimums_ma),
        base_ma=cycle.phases[index].base_ma or 0,
        minimums_ma=minimums_ma,
        are_all_at_minimum=bool(running) and are_at_minimum,
        is_new=is_new,
    )


def _carried_ma(cycle: CycleState, index: int, minimums_ma: int) -> int:
    """Return what a phase carries [mA], as the supervision counts it; 0 while there is no value.

    A value that was sampled before all vehicles on the phase must have obeyed shows what has been acted on
    already. Then it counts no higher than base load and minima, which is what will be left. A vehicle on other
    phases only says nothing about this one: a new offer to it must not hold up a lock-out here.
    Source: load-management 12.2f.
    """
    value = cycle.state.meter.values[index]
    if value is None:
        return 0
    # a device may supervise a line before it has a usable charging point: then nobody has to obey
    obeyed_at = max(
        (
            participant.obey_by_at
            for participant in cycle.participants.values()
            if index in participant.phases
        ),
        default=LONG_AGO,
    )
    if value.arrived_at - cycle.settings.meter_delay_s >= obeyed_at:
        return value.current_ma
    left_ma = (cycle.phases[index].base_ma or 0) + minimums_ma
    return min(value.current_ma, left_ma)


def _shed_some(cycle: CycleState, running: list[Participant]) -> None:
    """Stop as many of `running` as must stop so that the minima of the others fit (queue).

    If the minima of the others fit then, the lock-out ends at once, as if it had not begun. They do unless
    the prioritised participant, which is never shed, is too much alone. Source: load-management 18.1c, 18.1d.
    """
    leaving = queues.participants_to_shed(running, cycle.room_now_ma, cycle.settings, cycle.now_s)
    for participant in leaving:
        cycle.set_offer(participant, 0)
        queues.note_shed(participant, cycle.now_s)
    staying = [participant for participant in running if participant not in leaving]
    if queues.minimums_fit(staying, cycle.room_now_ma):
        cycle.overcurrent = overcurrents.Overcurrent()
