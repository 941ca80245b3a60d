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

    The fault `OVER_CURRENT` lasts as long as the lock-out. In an emergency phases without a usable value are
    left out, and the lock-out does not end. With a static limit nothing is measured (`static_limit`).
    `new_phases`: those (0 to 2) with a meter value that no cycle has seen yet; severe samples are counted by
    them. Source: load-management 12.
    """
    silent_phases: list[int] = []
    if cycle.is_emergency:
        silent_phases = [
            index for index in range(len(cycle.phases)) if not _is_value_usable(cycle, index)
        ]
        cycle.overcurrent = overcurrents.without_silent_phases(cycle.overcurrent, silent_phases)
    if cycle.overcurrent.needs_supervision or _may_be_overcurrent(cycle):
        loads = [
            _phase_load(cycle, index, is_new=index in new_phases)
            for index in range(len(cycle.phases))
            if index not in silent_phases
        ]
        _update_overcurrent(cycle, loads)
    cycle.set_fault(FaultCode.OVER_CURRENT, cycle.overcurrent.is_locked_out)


def _update_overcurrent(cycle: CycleState, loads: Sequence[PhaseLoad]) -> None:
    """Take what the phases carry into account: a lock-out may begin or end (in place).

    `loads`: of each phase with a usable meter value.
    """
    may_restart = not cycle.is_emergency and _is_restart_possible(cycle)
    _update_release(cycle)  # `supervise` ends a lock-out only where that has been noted
    before = cycle.overcurrent
    cycle.overcurrent = overcurrents.supervise(
        before, cycle.settings, loads, cycle.now_s, may_restart=may_restart
    )
    if cycle.overcurrent.is_locked_out and not before.is_locked_out:
        _begin_lock_out(cycle)


def _is_value_usable(cycle: CycleState, index: int) -> bool:
    """Tell whether a phase (0 to 2) has a fresh value, of a meter that is not found to be wrong.

    In an emergency only such phases are supervised. A meter is found to be wrong when it does not follow the
    chargers (`finding`).
    """
    value = cycle.state.meter.values[index]
    if value is None or cycle.phases[index].follow_check.finding is not None:
        return False
    return cycle.now_s - value.arrived_at < cycle.settings.timeout_s


def _begin_lock_out(cycle: CycleState) -> None:
    """Note which participants a new lock-out interrupts, and since when there has been room for a restart.

    A later step of this cycle stops all of them. With the queue some are stopped first, until the minima of
    the others fit: mostly that is enough, and ends the lock-out before it has interrupted anyone. Must be
    called in the cycle that has confirmed the overcurrent. Source: load-management 12.3, 12.4d, 18.1c,
    18.1d.
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
            _delay_return_on_full_phases(cycle, running)


def _delay_return_on_full_phases(cycle: CycleState, interrupted: Sequence[Participant]) -> None:
    """Let interrupted participants on overloaded phases start again only with room to spare (in place).

    To be called only for an overcurrent that came back soon after a restart: their minimum had fitted, and
    the line carried too much all the same, because a vehicle takes more than it is offered, or the base load
    comes and goes. So each must have room for 1 A more than its minimum for `restart_s`, like one that the
    queue has shed. Without such room it may return after `restart_after_s`, which is twice as long after each
    such lock-out, up to 15 min. One that is shed already is left as it is. Source: load-management 12.4f.
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
    """Return since when a participant alone could have restarted beside the base load [monotonic s].

    That is since its minimum with 1 A to spare (`RESTART_ROOM_MA`) has fitted beside each base load in the
    history. `LONG_AGO`: it fitted beside all of them. Now: it does not fit beside the present one.
    """
    since = LONG_AGO
    for index in participant.phases:
        # the room without the building, or less where the chargers' own line is the tighter one
        room_ma = cycle.room_now_ma[index] + (cycle.phases[index].base_ma or 0)
        highest_base_ma = room_ma - participant.required_ma(index) - overcurrents.RESTART_ROOM_MA
        for past in cycle.phases[index].history:
            if past.base_ma > highest_base_ma:
                # the present base load has no end yet (`until` is infinite): it counts until now
                since = max(since, min(past.until, cycle.now_s))
    return since


def _update_release(cycle: CycleState) -> None:
    """Note since when no interrupted vehicle has drawn, and whether the meter has shown the line without them.

    Until it has (`LockOut.is_released`) nothing restarts, because its values still contain their currents.
    But a restart waits no longer than `restart_after_s` for a vehicle that does not stop.
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
    """Return up to when the meter has shown every phase [monotonic s]: when the oldest of its values came.

    A meter that sends changes only shows by its silence that its values hold, up to a moment ago
    (`AT_REST_S`). Now, if there is no value at all.
    """
    if cycle.has_meter_on_change:
        return cycle.now_s - AT_REST_S
    return min((value.arrived_at for value in cycle.meter.values if value), default=cycle.now_s)


def _is_restart_possible(cycle: CycleState) -> bool:
    """Tell whether there is room to end the lock-out: the minimum of some participant fits, with 1 A to spare.

    It must be a participant that the lock-out interrupted. Any other one is enough if none of those wants
    to charge any more, or after five minutes (`OTHERS_AFTER_S`): a large minimum must not keep smaller ones
    away for good. If no participant wants to charge, 1 A on each phase (`RESTART_ROOM_MA`) is enough.
    Source: load-management 12.4a, 12.4e.
    """
    wanting = [participant for participant in cycle.participants.values() if participant.takes_part]
    lock_out = cycle.overcurrent.lock_out
    interrupted = lock_out.interrupted if lock_out is not None else ()
    interrupted_ones = [one for one in wanting if one.settings.number in interrupted]
    locked_for_s = 0.0 if lock_out is None else cycle.now_s - lock_out.locked_at
    is_any_enough = not interrupted_ones or locked_for_s >= overcurrents.OTHERS_AFTER_S
    candidates = wanting if is_any_enough else interrupted_ones
    spare_room_ma = [ma - overcurrents.RESTART_ROOM_MA for ma in cycle.room_now_ma]
    if not candidates:
        return min(spare_room_ma) >= 0
    return any(
        all(participant.required_ma(index) <= spare_room_ma[index] for index in participant.phases)
        for participant in candidates
    )


def _may_be_overcurrent(cycle: CycleState) -> bool:
    """Tell whether an overcurrent is possible at all; mostly it is not, and the phases need no closer look.

    It is possible if a phase carries more than its limit. Whatever it carries, it is also possible if its
    base load with the minima of all participants is more than 1.25 times the fuse (`severe_factor`): a
    severe overcurrent is judged by base load and the minima of those that charge, which are no more than
    these.
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
    """Return the figures by which the supervision judges a phase (0 to 2) in this cycle.

    `is_new`: the meter has measured it since the last cycle. The minima are those of all that charge on it.
    If none does, the current is the building's alone: `are_all_at_minimum` is false, and nothing is timed.
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
    """Return what a phase carries [mA] once its vehicles have obeyed; 0 while there is no meter value.

    Mostly that is the meter's value. If it was sampled while a vehicle on the phase still had time to obey
    a lower offer, the current is about to fall to base load and minima, so these count if they are less.
    (An excess counts only while all are offered the minimum at most, or these are too much by themselves.)
    Vehicles on other phases do not matter: a new offer to one of them must not hold up a lock-out.
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
    once_obeyed_ma = (cycle.phases[index].base_ma or 0) + minimums_ma
    return min(value.current_ma, once_obeyed_ma)


def _shed_some(cycle: CycleState, running: list[Participant]) -> None:
    """Stop some of `running` so that the minima of the others fit; if they do, take the lock-out back (queue).

    They do not fit where the base load is too much, alone or with the prioritised participant, which is
    never stopped: then the lock-out stays. `running`: the participants that are offered more than 0 A. Must
    be called in the cycle that has confirmed the overcurrent, before the lock-out has stopped anybody.
    Source: load-management 18.1c, 18.1d.
    """
    leaving = queues.participants_to_shed(running, cycle.room_now_ma, cycle.settings, cycle.now_s)
    for participant in leaving:
        cycle.set_offer(participant, 0)
        queues.note_shed(participant, cycle.now_s)
    staying = [participant for participant in running if participant not in leaving]
    if queues.minimums_fit(staying, cycle.room_now_ma):
        cycle.overcurrent = overcurrents.Overcurrent()  # as if no overcurrent had been confirmed
