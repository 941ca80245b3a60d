"""Admission: which waiting participants get a minimum, if the others give way; and whose turn it is. Pure.

With the queue one that has charged for long enough is stopped for one that waits. Source: load-management 9.2, 18.1.
"""

from collections.abc import Mapping, Sequence

from knxgw.catalogue.codes import Reason
from knxgw.dlm import queue as queues
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.participant import Participant
from knxgw.dlm.shares import allocated_ma, allocation_request, committed_by_others_ma
from knxgw.dlm.state import Turn
from knxgw.dlm.trial import may_try, note_failure


def admit_newcomers(
    cycle: CycleState, running: list[Participant], waiting: list[Participant]
) -> list[Participant]:
    """Return the waiting participants that get a minimum if the others give way.

    `waiting` is put into the order of admission. With the queue one of `running` may be stopped for one
    that waits, and is taken out. It is noted for whom others gave way in vain.
    """
    waiting.sort(key=lambda participant: _admission_order(cycle, participant))
    _rotate_if_due(cycle, running, waiting)
    admitted = _admit(cycle, running, waiting, cycle.room_to_raise_ma)
    _note_failures(cycle, running, waiting, admitted)
    return admitted


def _admission_order(
    cycle: CycleState, participant: Participant
) -> tuple[bool, bool, int, float, int]:
    """Return the sort key of admission: prioritised first, then least energy in the session.

    With the queue the one that another one has yielded to comes before, and of equal energies the one that
    has waited longest. Source: load-management 9.2a, 18.1l.
    """
    number = participant.settings.number
    since = (
        participant.waiting_since
        if cycle.settings.queue and participant.waiting_since is not None
        else 0.0
    )
    is_first = number == cycle.settings.priority
    is_its_turn = cycle.turn is not None and cycle.turn.number == number
    return not is_first, not is_its_turn, participant.energy_mwh, since, number


def end_turn(cycle: CycleState, waiting: Sequence[Participant]) -> None:
    """End the wait for the participant that another one has yielded to, once it is over or in vain.

    It has its current, does not want to charge any more, or there is no room for it after all.
    """
    turn = cycle.turn
    if turn is None:
        return
    is_late = cycle.now_s - turn.since >= queues.NEXT_WAITS_S
    if is_late or all(participant.settings.number != turn.number for participant in waiting):
        cycle.turn = None


def _rotate_if_due(
    cycle: CycleState, running: list[Participant], waiting: list[Participant]
) -> None:
    """Stop a participant that has had its turn, for the one that has waited for a turn or longer.

    Not if that one can be admitted without. The one that stops is taken out of `running`.
    Source: load-management 18.1g.
    """
    settings, now_s = cycle.settings, cycle.now_s
    if not settings.queue or cycle.turn is not None:
        return  # there is no queue, or it is already the turn of one that waits
    turn_began_by = now_s - settings.rotation_s + queues.SLACK_S
    next_one = min(waiting, key=lambda one: (one.waiting_since or now_s, one.settings.number))
    if (next_one.waiting_since or now_s) > turn_began_by:
        return  # none has waited for a whole turn
    if _admit(cycle, running, [next_one], cycle.room_to_raise_ma):
        return  # it fits beside all that run
    room = _room_beside_others_ma(cycle, cycle.room_to_raise_ma, running, waiting)
    leaving = queues.participant_to_yield(running, next_one, room, settings, now_s)
    if leaving is not None:
        _give_turn(cycle, leaving, next_one)
        running.remove(leaving)


def _give_turn(cycle: CycleState, leaving: Participant, next_one: Participant) -> None:
    """Stop a participant, and give its turn to another one, for which the room is made by that."""
    cycle.set_offer(leaving, 0)
    queues.note_stop(leaving, cycle.now_s)
    cycle.turn = Turn(number=next_one.settings.number, since=cycle.now_s)
    next_one.was_shed = False
    cycle.reasons[leaving.settings.number] = Reason.WAITING_FOR_CURRENT


def _room_beside_others_ma(
    cycle: CycleState,
    available_ma: Sequence[int],
    running: list[Participant],
    waiting: list[Participant],
) -> list[int]:
    """Return the room per phase [mA] for these participants: what is available less what others hold."""
    others_ma = committed_by_others_ma(
        cycle, {participant.settings.number for participant in (*running, *waiting)}
    )
    return [ma - other_ma for ma, other_ma in zip(available_ma, others_ma, strict=True)]


def _admit(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    available_ma: Sequence[int],
) -> list[Participant]:
    """Return the waiting participants whose minimum fits into `available_ma` if the others make room.

    In their order, each beside the minima of those before it. Source: load-management 9.2b.
    """
    minimums = [
        sum(
            participant.settings.minimum_ma
            for participant in running
            if index in participant.phases
        )
        for index in range(len(cycle.phases))
    ]
    room = _room_beside_others_ma(cycle, available_ma, running, waiting)
    room_now = _room_beside_others_ma(cycle, cycle.room_now_ma, running, waiting)
    admitted = []
    for participant in waiting:
        need_ma = participant.settings.minimum_ma
        if not may_try(participant, cycle.now_s):
            continue
        if _try_to_readmit(cycle, participant, minimums, room_now) and all(
            minimums[index] + need_ma <= room[index] for index in participant.phases
        ):
            admitted.append(participant)
            for index in participant.phases:
                minimums[index] += need_ma
    return admitted


def _note_failures(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    admitted: list[Participant],
) -> None:
    """Note for whom others gave way in vain: the meter shows that its minimum does not fit."""
    tried = [one for one in waiting if one.tried_since is not None and one not in admitted]
    if tried:
        hopeful = _admit(cycle, running, waiting, cycle.certain_room_ma)
        for one in tried:
            if one not in hopeful:
                note_failure(one, cycle.now_s)


def targets_beside_hopeful(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    admitted: list[Participant],
    least_ma: Mapping[int, int],
) -> Mapping[int, int]:
    """Return to what each may rise [mA] without taking what one that waits is about to get.

    That one is kept from starting by the uncertainty of the base load alone. It ends within seconds, and
    one that was raised meanwhile would have to give way at once.
    """
    if len(admitted) == len(waiting) or cycle.certain_room_ma == cycle.room_to_raise_ma:
        return least_ma
    hopeful = _admit(cycle, running, waiting, cycle.certain_room_ma)
    requests = {
        participant.settings.number: allocation_request(cycle, participant)
        for participant in (*running, *hopeful)
    }
    clear_ma = allocated_ma(
        cycle.certain_room_ma, committed_by_others_ma(cycle, requests), requests
    )
    return {number: min(ma, clear_ma.get(number, ma)) for number, ma in least_ma.items()}


def _try_to_readmit(
    cycle: CycleState, participant: Participant, minimums: list[int], room: list[int]
) -> bool:
    """Readmit one that was shed, once there has been room for it for long enough; false: not yet.

    One that was not shed needs no readmission: true. The room at each moment counts, not the peak: that it
    lasts is what the time is for. One that was stopped often waits for the hour to end: contactor and
    vehicle wear. Source: load-management 18.1f.
    """
    if not participant.was_shed:
        return True
    if queues.was_stopped_often(participant, cycle.now_s):
        return False
    need_ma = participant.settings.minimum_ma + queues.ROOM_MA
    if any(minimums[index] + need_ma > room[index] for index in participant.phases):
        participant.room_since = None
        return False
    if participant.room_since is None:
        participant.room_since = cycle.now_s
    if cycle.now_s - participant.room_since < participant.room_needed_s:
        return False  # there is room, but it has not lasted for long enough
    participant.was_shed, participant.room_since, participant.returned_at = False, None, cycle.now_s
    return True
