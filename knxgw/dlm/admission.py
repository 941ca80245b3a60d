"""Admission: which waiting participants get a minimum, if the others give way; and whose turn it is. Pure.

With the queue a participant that has charged for long enough is stopped for one that waits.
Source: load-management 9.2, 18.1.
"""

from collections.abc import Mapping, Sequence

from knxgw.catalogue.codes import Reason
from knxgw.dlm import queue as queues
from knxgw.dlm.allocation import allocated_ma
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.participant import Participant
from knxgw.dlm.state import Turn
from knxgw.dlm.trial import may_try, note_failure


def admit_newcomers(
    cycle: CycleState, running: list[Participant], waiting: list[Participant]
) -> list[Participant]:
    """Return the waiting participants that get a minimum if the others give way, in order of admission.

    Both lists are changed in place: `waiting`, which must not be empty, is sorted into that order; with the
    queue a running participant may be stopped for a waiting one, and is removed from `running`. Waiting
    participants for which others gave way in vain are marked (`trial.note_failure`).
    """
    waiting.sort(key=lambda participant: _admission_order(cycle, participant))
    _rotate_if_due(cycle, running, waiting)
    admitted = _admit(cycle, running, waiting, cycle.room_to_raise_ma)
    _note_room_of_shed(cycle, running, waiting, admitted)
    _note_failures(cycle, running, waiting, admitted)
    return admitted


def _admission_order(
    cycle: CycleState, participant: Participant
) -> tuple[bool, bool, int, float, int]:
    """Return the sort key of admission: prioritised, least energy in the session, lowest number.

    With the queue the participant whose turn it is (another one has yielded to it) comes right after the
    prioritised one, and of equal energies the one that has waited longest comes first.
    Source: load-management 9.2a, 18.1l.
    """
    number = participant.settings.number
    waiting_since = (  # [monotonic s]; 0.0 for all without the queue: the time of waiting decides nothing
        participant.waiting_since
        if cycle.settings.queue and participant.waiting_since is not None
        else 0.0
    )
    is_first = number == cycle.settings.priority
    is_its_turn = cycle.turn is not None and cycle.turn.number == number
    return not is_first, not is_its_turn, participant.energy_mwh, waiting_since, number


def end_turn(cycle: CycleState, waiting: Sequence[Participant]) -> None:
    """End the turn for which another participant has yielded, once it is used or in vain.

    It is used when the participant is no longer among `waiting` (it has its current, or wants none any
    more), and in vain when there has been no room for it for `NEXT_WAITS_S`. Otherwise the turn stays. Without
    a turn nothing happens.
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
    """Stop a running participant that has had its turn, for the one that has waited longest (queue).

    Only if no turn is given yet, that one has waited for a whole turn and cannot be admitted beside all that
    run, and some participant may yield. The stopped one is removed from `running` (in place); its turn goes
    to the other one. `waiting` must not be empty.
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
    """Stop `leaving`, and give its turn to `next_one`, for which that makes the room.

    The caller takes `leaving` out of those that run.
    """
    cycle.set_offer(leaving, 0)
    queues.note_stop(leaving, cycle.now_s)
    cycle.turn = Turn(number=next_one.settings.number, since=cycle.now_s)
    next_one.was_shed = False  # the room is made for it: it need not last for a minute first
    cycle.reasons[leaving.settings.number] = Reason.WAITING_FOR_CURRENT


def _room_beside_others_ma(
    cycle: CycleState,
    available_ma: Sequence[int],
    running: Sequence[Participant],
    waiting: Sequence[Participant],
) -> list[int]:
    """Return the room per phase [mA] for `running` and `waiting` together: available less what others hold."""
    others_ma = cycle.committed_by_others_ma(
        {participant.settings.number for participant in (*running, *waiting)}
    )
    return [ma - other_ma for ma, other_ma in zip(available_ma, others_ma, strict=True)]


def _admit(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    available_ma: Sequence[int],
) -> list[Participant]:
    """Return the waiting participants whose minimum fits into `available_ma` if the others make room.

    `available_ma`: the room per phase. In the order of `waiting`, each beside the minima of all that run
    and of those admitted before. Nothing is changed: where the room is only a possible one (`certain_room_ma`),
    the answer tells who is hopeful. Source: load-management 9.2b.
    """
    minimums_ma = _minimums_ma(cycle, running)
    room = _room_beside_others_ma(cycle, available_ma, running, waiting)
    room_now = _room_beside_others_ma(cycle, cycle.room_now_ma, running, waiting)
    admitted = []
    for participant in waiting:
        if (
            may_try(participant, cycle.now_s)  # else others gave way for it in vain a moment ago
            and _may_return(cycle, participant, minimums_ma, room_now)
            and _fits(participant, minimums_ma, room)
        ):
            admitted.append(participant)
            _add_minimum(participant, minimums_ma)
    return admitted


def _minimums_ma(cycle: CycleState, running: Sequence[Participant]) -> list[int]:
    """Return per phase the sum of the minima of all that run [mA]."""
    minimums_ma = [0] * len(cycle.phases)
    for participant in running:
        _add_minimum(participant, minimums_ma)
    return minimums_ma


def _add_minimum(participant: Participant, minimums_ma: list[int]) -> None:
    """Add a participant's minimum to the sums on its phases (in place)."""
    for index in participant.phases:
        minimums_ma[index] += participant.settings.minimum_ma


def _fits(
    participant: Participant,
    minimums_ma: Sequence[int],
    room_ma: Sequence[int],
    spare_ma: int = 0,
) -> bool:
    """Tell whether a participant's minimum fits beside the other minima, with so much to spare."""
    need_ma = participant.settings.minimum_ma + spare_ma
    return all(minimums_ma[index] + need_ma <= room_ma[index] for index in participant.phases)


def _note_failures(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    admitted: list[Participant],
) -> None:
    """Note each waiting participant for which others gave way in vain: its minimum does not fit after all.

    One that only the uncertainty of the base load keeps out (*hopeful*) may still succeed: it is not noted.
    """
    tried = [one for one in waiting if one.tried_since is not None and one not in admitted]
    if tried:
        # asked again as if the base load were certain; the answer starts none
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
    """Return to what each running participant may rise [mA], by number, beside waiting ones about to start.

    `least_ma`: the same without regard to those. A *hopeful* participant waits only because the base load
    is uncertain. That ends within seconds, and whoever was raised on its current meanwhile would have to
    give it back at once. `least_ma` is returned as it is where all that wait are admitted, or where the base
    load is certain.
    """
    if len(admitted) == len(waiting) or cycle.certain_room_ma == cycle.room_to_raise_ma:
        return least_ma
    hopeful = _admit(cycle, running, waiting, cycle.certain_room_ma)
    requests = {
        participant.settings.number: cycle.allocation_request(participant)
        for participant in (*running, *hopeful)
    }
    beside_hopeful_ma = allocated_ma(
        cycle.certain_room_ma, cycle.committed_by_others_ma(requests), requests
    )
    return {number: min(ma, beside_hopeful_ma.get(number, ma)) for number, ma in least_ma.items()}


def _may_return(
    cycle: CycleState,
    participant: Participant,
    minimums_ma: Sequence[int],
    room_ma: Sequence[int],
) -> bool:
    """Tell whether a participant may be admitted: it was not shed, or has had room again for long enough.

    `minimums_ma`: the minima per phase that are given already; `room_ma`: what they may add up to, by the latest
    base load. Its peak need not count: the room must last for a minute or more anyhow. A participant that was
    stopped often waits for the hour to end: contactor and vehicle wear. Source: load-management 18.1f, 18.1m.
    """
    if not participant.was_shed:
        return True
    if queues.was_stopped_often(participant, cycle.now_s):
        return False
    if not _fits(participant, minimums_ma, room_ma, queues.ROOM_MA):
        return False
    since = cycle.now_s if participant.room_since is None else participant.room_since
    return cycle.now_s - since >= participant.room_needed_s


def _note_room_of_shed(
    cycle: CycleState,
    running: Sequence[Participant],
    waiting: Sequence[Participant],
    admitted: Sequence[Participant],
) -> None:
    """Note since when each participant that was shed has had room again (`room_since`; None: it has none).

    Once that has lasted for long enough, the participant counts as not shed. To be called once in a cycle, with
    `waiting` in the order of admission. One that may not be tried now is left as it is.
    """
    minimums_ma = _minimums_ma(cycle, running)
    room_now_ma = _room_beside_others_ma(cycle, cycle.room_now_ma, running, waiting)
    for participant in waiting:
        if not may_try(participant, cycle.now_s):
            continue
        if participant.was_shed and not queues.was_stopped_often(participant, cycle.now_s):
            if _may_return(cycle, participant, minimums_ma, room_now_ma):
                participant.was_shed, participant.room_since = False, None
                participant.returned_at = cycle.now_s
            elif not _fits(participant, minimums_ma, room_now_ma, queues.ROOM_MA):
                participant.room_since = None
            elif participant.room_since is None:
                participant.room_since = cycle.now_s
        if participant in admitted:
            _add_minimum(participant, minimums_ma)
