"""The step of a cycle that supervises the phases for an overcurrent: what it knows and does. Pure.

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
from knxgw.dlm.settings import LONG_AGO


def supervise_overcurrent(cycle: CycleState, new_phases: Sequence[int]) -> None:
    """Supervise the phases for an overcurrent: begin or end the lock-out, in which no charging point charges.

    `new_phases`: those (0 to 2) with a meter value that no cycle has seen yet. In an emergency phases without
    a usable value are left out, and the lock-out does not end. Source: load-management 12.
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
        _update_release(cycle)  # before `supervise`, which asks for that
        before = cycle.overcurrent
        cycle.overcurrent = overcurrents.supervise(
            before, cycle.settings, loads, cycle.now_s, may_restart=may_restart
        )
        if cycle.overcurrent.is_locked_out and not before.is_locked_out:
            _begin_lock_out(cycle)
    cycle.set_fault(FaultCode.OVER_CURRENT, cycle.overcurrent.is_locked_out)


def _is_value_usable(cycle: CycleState, index: int) -> bool:
    """Tell whether a phase (0 to 2) has a fresh value, of a meter that is not found to be wrong.

    Wrong: it does not follow the chargers when they draw more or less (`finding`).
    """
    value = cycle.state.meter.values[index]
    if value is None or cycle.phases[index].follow_check.finding is not None:
        return False
    return cycle.now_s - value.arrived_at < cycle.settings.timeout_s


def _begin_lock_out(cycle: CycleState) -> None:
    """Note which participants a new lock-out interrupts, and since when there is room for a restart.

    The rest of this cycle stops all of them. With the queue some are stopped first, until the minima of the
    others fit: mostly that is enough, and ends the lock-out before it has interrupted anyone. To be called in
    the cycle in which the overcurrent was confirmed. Source: load-management 12.3, 12.4d, 18.1c, 18.1d.
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
        if cycle.overcurrent.has_recurred:
            _hold_back_those_on_full_phases(cycle, running)


def _hold_back_those_on_full_phases(cycle: CycleState, interrupted: Sequence[Participant]) -> None:
    """Let no interrupted participant on a full phase start by its minimum alone, as it did before (in place).

    Its minimum fitted then, and the line carried too much all the same: a vehicle takes more than it is
    offered, or the base load comes and goes. So it has to have room for 1 A more, for as long as a first
    restart takes, like one that the queue has stopped for lack of room. Without that room it is held back for as
    long as a restart takes by now, which is twice as long each time. Source: load-management 12.4f.
    """
    full_phases = {
        index
        for index, value in enumerate(cycle.state.meter.values)
        if value is not None and value.current_ma > cycle.settings.limit_ma
    }
    for participant in interrupted:
        if full_phases.isdisjoint(participant.phases) or participant.shedding.is_shed:
            continue
        since = _minimum_fits_since(cycle, participant)
        participant.shedding = replace(
            participant.shedding,
            is_shed=True,
            room_since=since if since < cycle.now_s else None,
            room_needed_s=cycle.settings.restart_s,
            may_return_anyway_at=cycle.now_s + cycle.overcurrent.restart_after_s,
        )


def _minimum_fits_since(cycle: CycleState, participant: Participant) -> float:
    """Return since when a participant alone could restart beside the base load [monotonic s].

    That is since its minimum and `RESTART_ROOM_MA` have fitted. `LONG_AGO`: for as long as base loads are
    remembered. Now: they do not fit beside the present base load.
    """
    since = LONG_AGO
    for index in participant.phases:
        # the room without the building, or less where the chargers' own line is the tighter one
        room_ma = cycle.room_now_ma[index] + (cycle.phases[index].base_ma or 0)
        highest_base_ma = room_ma - participant.required_ma(index) - overcurrents.RESTART_ROOM_MA
        for past in cycle.phases[index].history:
            if past.base_ma > highest_base_ma:
                # infinite for the present base load, which has no end yet: then now
                since = max(since, min(past.until, cycle.now_s))
    return since


def _update_release(cycle: CycleState) -> None:
    """Note since when no interrupted vehicle draws, and whether the line was measured since (lock-out).

    Before that (`is_released`) nothing restarts: the meter still shows the currents of these vehicles. If a
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
        is_released = _line_known_until(cycle) - cycle.settings.meter_delay_s >= stopped_since
    if (stopped_since, is_released) != (lock_out.stopped_since, lock_out.is_released):
        updated = replace(lock_out, stopped_since=stopped_since, is_released=is_released)
        cycle.overcurrent = replace(cycle.overcurrent, lock_out=updated)


def _line_known_until(cycle: CycleState) -> float:
    """Return up to when the meter has shown every phase [monotonic s]: when the oldest value came.

    By its silence a meter that sends changes only shows that its values hold, up to a moment ago
    (`AT_REST_S`). Without any value it is now.
    """
    if cycle.has_meter_on_change:
        return cycle.now_s - AT_REST_S
    return min((value.arrived_at for value in cycle.meter.values if value), default=cycle.now_s)


def _is_restart_possible(cycle: CycleState) -> bool:
    """Tell whether the lock-out may end: the minimum of some participant fits, with 1 A to spare.

    It must be one that the lock-out interrupted. Any other one is enough if none of those wants to charge any
    more, or after five minutes (`OTHERS_AFTER_S`): a large minimum must not keep smaller ones away for good.
    If no participant wants to charge, 1 A on each phase (`RESTART_ROOM_MA`) is enough.
    Source: load-management 12.4a, 12.4e.
    """
    wanting = [participant for participant in cycle.participants.values() if participant.takes_part]
    lock_out = cycle.overcurrent.lock_out
    interrupted = lock_out.interrupted if lock_out is not None else ()
    interrupted_ones = [one for one in wanting if one.settings.number in interrupted]
    lasts_s = 0.0 if lock_out is None else cycle.now_s - lock_out.locked_at
    may_be_any = not interrupted_ones or lasts_s >= overcurrents.OTHERS_AFTER_S
    candidates = wanting if may_be_any else interrupted_ones
    room_ma = [ma - overcurrents.RESTART_ROOM_MA for ma in cycle.room_now_ma]
    if not candidates:
        return min(room_ma) >= 0
    return any(
        all(participant.required_ma(index) <= room_ma[index] for index in participant.phases)
        for participant in candidates
    )


def _may_be_overcurrent(cycle: CycleState) -> bool:
    """Tell whether a phase may carry too much; mostly none does, and this cycle need not supervise them.

    It may if it carries more than its limit. It also may, whatever it carries now, if its base load with the
    minima of all participants is far above the fuse (`severe_factor`): a severe overcurrent is judged by base
    load and the minima of those that charge, which are no more than these. So false rules an overcurrent out.
    """
    settings, values = cycle.settings, cycle.state.meter.values
    # the highest base load beside which all minima stay below a severe overcurrent
    highest_base_ma = settings.severe_factor * settings.fuse_ma
    for participant in cycle.participants.values():
        highest_base_ma -= participant.settings.minimum_ma
    for index, phase in enumerate(cycle.phases):
        value = values[index]
        if value is not None and value.current_ma > settings.limit_ma:
            return True
        if (phase.base_ma or 0) > highest_base_ma:
            return True
    return False


def _phase_load(cycle: CycleState, index: int, *, is_new: bool) -> PhaseLoad:
    """Return what the supervision of overcurrents must know of a phase (0 to 2) in this cycle.

    `is_new`: the meter has measured it since the last cycle. The minima are those of all that charge on it;
    if none charges, `are_all_at_minimum` is false.
    """
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
        carried_ma=_carried_once_obeyed_ma(cycle, index, minimums_ma),
        base_ma=cycle.phases[index].base_ma or 0,
        minimums_ma=minimums_ma,
        are_all_at_minimum=bool(running) and are_at_minimum,
        is_new=is_new,
    )


def _carried_once_obeyed_ma(cycle: CycleState, index: int, minimums_ma: int) -> int:
    """Return what a phase carries [mA], as it counts for an overcurrent; 0 while there is no value.

    It is the meter's value. If that was sampled while a vehicle on the phase still had time to obey a lower
    offer, it is base load and minima at most: an excess counts only while all are offered no more than their
    minimum, so the phase is about to fall to that, or while base load and minima are too much by themselves.
    A vehicle on other phases only says nothing about this one: a new offer to it must not hold up a lock-out.
    `minimums_ma`: of all that charge on the phase. Source: load-management 12.2d, 12.2f.
    """
    value = cycle.state.meter.values[index]
    if value is None:
        return 0
    # `LONG_AGO`: the line is supervised before there is a usable charging point, and nobody has to obey
    obeyed_at = max(
        (
            participant.transition.obey_by_at
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
    """Stop some of `running` so that the minima of the others fit; then take the lock-out back (queue).

    To be called in the cycle that has confirmed the overcurrent, before the lock-out has stopped anybody.
    `running`: the participants that are offered more than 0 A. The lock-out stays where that is not enough: base load and the prioritised participant, which is never
    stopped, are too much, or the base load alone. Source: load-management 18.1c, 18.1d.
    """
    leaving = queues.participants_to_shed(running, cycle.room_now_ma, cycle.settings, cycle.now_s)
    for participant in leaving:
        cycle.set_offer(participant, 0)
        queues.note_shed(participant, cycle.now_s)
    staying = [participant for participant in running if participant not in leaving]
    if queues.minimums_fit(staying, cycle.room_now_ma):
        cycle.overcurrent = overcurrents.Overcurrent()  # as if no overcurrent had been confirmed
