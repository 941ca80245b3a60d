"""Admission: which waiting participants get a minimum, if the others give way; and whose turn it is. Pure.

A participant *runs* while it has an offer, and *waits* while it wants to charge and has none; an idle one does
neither. One that waits is *admitted* if its minimum fits once all that run have gone to theirs. With the queue
a participant that has charged for long enough is stopped for one that waits.
Source: load-management 9.2, 18.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from knxgw.catalogue.codes import Reason
from knxgw.dlm import queue as queues
from knxgw.dlm.allocation import allocated_ma
from knxgw.dlm.commitment import committed_by_others_ma, has_room
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.participant import Participant
from knxgw.dlm.state import Turn
from knxgw.dlm.trial import may_others_give_way, note_failed_trial

TRY_AGAIN_SPARE_MA = 300  # beside the minimum of one for which others gave way in vain (9.2f)


def admit_newcomers(
    cycle: CycleState, running: list[Participant], waiting: list[Participant]
) -> list[Participant]:
    """Return, in order, the waiting participants that get their minimum if those that run give way.

    They are not started yet. Both lists change in place: `waiting` (not empty) is sorted; with the queue a
    running participant whose turn is over may be stopped, and is removed from `running`. Also noted: trials
    that have failed, and since when shed participants have had room again.
    """
    waiting.sort(key=lambda participant: _admission_order(cycle, participant))
    _rotate_if_due(cycle, running, waiting)
    admitted = _admit(cycle, running, waiting, cycle.room_to_raise_ma)
    _update_shedding(cycle, running, waiting, admitted)
    _note_failures(cycle, running, waiting, admitted)
    return admitted


def _admission_order(
    cycle: CycleState, participant: Participant
) -> tuple[bool, bool, int, float, int]:
    """Return the sort key of admission: prioritised, turn, least energy, longest wait, lowest number.

    The turn (another one has yielded for this one) and the wait count with the queue only.
    Source: load-management 9.2a, 18.1l.
    """
    number = participant.settings.number
    waiting_since = (  # [monotonic s]; without the queue 0.0 for all, so that it decides nothing
        participant.waiting_since
        if cycle.settings.queue and participant.waiting_since is not None
        else 0.0
    )
    is_prioritised = number == cycle.settings.priority
    is_its_turn = _has_open_turn(cycle, participant)
    # `not`: false sorts first
    return not is_prioritised, not is_its_turn, participant.energy_mwh, waiting_since, number


def end_turn_if_over(cycle: CycleState, waiting: Sequence[Participant]) -> None:
    """End the turn that was given to a waiting participant, once that has used it or cannot use it.

    The turn is used when the participant is no longer among `waiting`: it charges, or takes no part any
    more. It cannot use the turn if it was not started within 2 min (`NEXT_WAITS_S`); then the next in the
    queue gets its chance.
    """
    turn = cycle.turn
    if turn is None:
        return
    is_used = all(participant.settings.number != turn.number for participant in waiting)
    is_in_vain = cycle.now_s - turn.since >= queues.NEXT_WAITS_S
    if is_used or is_in_vain:
        cycle.turn = None


def _rotate_if_due(
    cycle: CycleState, running: list[Participant], waiting: list[Participant]
) -> None:
    """Stop one participant that has charged for a whole turn, for the one that has waited longest (queue).

    Only if that one has waited for a whole turn (`rotation_s`) and is not admitted beside all that run, if
    the stop makes enough room for it, and if no other one has been given a turn that is still open. The
    stopped one is removed from `running` (in place). `waiting` must not be empty. Source: load-management
    18.1g.
    """
    settings, now_s = cycle.settings, cycle.now_s
    if not settings.queue or cycle.turn is not None:
        return
    a_turn_ago_at = now_s - settings.rotation_s + queues.SLACK_S
    next_one = min(waiting, key=lambda one: (one.waits_since(now_s), one.settings.number))
    if next_one.waits_since(now_s) > a_turn_ago_at:
        return  # none has waited for a whole turn
    if _admit(cycle, running, [next_one], cycle.room_to_raise_ma):
        return  # it is admitted beside all that run
    room = _room_beside_others_ma(cycle, cycle.room_to_raise_ma, running, waiting)
    # None: none has charged for a whole turn, or no stop of a single one makes enough room
    leaving = queues.participant_to_yield(running, next_one, room, settings, now_s)
    if leaving is not None:
        _give_turn(cycle, leaving, next_one)
        running.remove(leaving)


def _give_turn(cycle: CycleState, leaving: Participant, next_one: Participant) -> None:
    """Stop `leaving`, and give its turn to `next_one`, which goes first for two minutes once the current is released.

    The caller takes `leaving` out of those that run.
    """
    cycle.set_offer(leaving, 0)
    queues.note_stop(leaving, cycle.now_s)
    cycle.turn = Turn(number=next_one.settings.number, since=cycle.now_s)
    # the current of `leaving` is kept for it, so it need not have had room for a minute first
    next_one.shedding = replace(next_one.shedding, is_shed=False)
    cycle.reasons[leaving.settings.number] = Reason.WAITING_FOR_CURRENT


def _room_beside_others_ma(
    cycle: CycleState,
    available_ma: Sequence[int],
    running: Sequence[Participant],
    waiting: Sequence[Participant],
) -> list[int]:
    """Return the room per phase [mA] for `running` and `waiting` together.

    That is `available_ma` less what all other participants keep, because they draw or hold an offer.
    """
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
    """Return the waiting participants whose minimum fits if all that run go to their minimum.

    Each is examined in the order of `waiting`, beside the minima of those admitted before it. Left out are
    those for which others gave way in vain a moment ago, and those that were shed (stopped for lack of room)
    and may not return yet; after some failed trials there must be room to spare. `available_ma`: the room per
    phase. Nothing is changed, so it may also be a room that is only hoped for (`estimated_room_ma`). Source:
    load-management 9.2b.
    """
    minimums_ma = [queues.minimums_ma(running, index) for index in range(len(cycle.phases))]
    room = _room_beside_others_ma(cycle, available_ma, running, waiting)
    room_now = _room_beside_others_ma(cycle, cycle.room_now_ma, running, waiting)
    admitted = []
    for participant in waiting:
        is_admitted = (
            may_others_give_way(participant, cycle.now_s)
            and _may_start_by_queue(cycle, participant, minimums_ma, room_now)
            and _minimum_fits(
                participant,
                minimums_ma,
                room,
                spare_ma=_spare_to_try_again_ma(cycle, participant, available_ma),
            )
        )
        if is_admitted:
            admitted.append(participant)
        # what was released for one whose turn it is, is nobody else's meanwhile
        if is_admitted or _has_open_turn(cycle, participant):
            _add_required(participant, minimums_ma)
    return admitted


def _has_open_turn(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether another participant has yielded for this one, which has not started yet.

    Source: load-management 18.1g.
    """
    return cycle.turn is not None and cycle.turn.number == participant.settings.number


def _spare_to_try_again_ma(
    cycle: CycleState, participant: Participant, available_ma: Sequence[int]
) -> int:
    """Return how much room a participant needs beyond its minimum [mA] before others give way for it again.

    For some time after a trial that failed (`Trial.try_again_at`) it needs `TRY_AGAIN_SPARE_MA`. Otherwise a
    change by a few mA, as a meter rounds or the load of the building wavers, would lower and raise the others
    again and again. After that time it needs none, nor if it fits without anyone giving way (`has_room`).
    `available_ma`: the room per phase. Source: load-management 9.2f.
    """
    if cycle.now_s >= participant.trial.try_again_at or has_room(cycle, available_ma, participant):
        return 0
    return TRY_AGAIN_SPARE_MA


def _add_required(participant: Participant, minimums_ma: list[int]) -> None:
    """Add what a waiting participant requires to the sums of minima on its phases (in place).

    That is its minimum and the overdraw that is remembered of its vehicle. Those that run are in the sums with
    the plain minimum (`queue.minimums_ma`), because the room is smaller by their overdraw already (`Claims`).
    """
    for index in participant.phases:
        minimums_ma[index] += participant.required_ma(index)


def _minimum_fits(
    participant: Participant,
    minimums_ma: Sequence[int],
    room_ma: Sequence[int],
    *,
    spare_ma: int = 0,
) -> bool:
    """Tell whether a participant's minimum fits on each of its phases beside the minima given already.

    `minimums_ma`: the sum of those per phase; `room_ma`: what all minima may add up to; `spare_ma` must be
    left.
    """
    return all(
        minimums_ma[index] + participant.required_ma(index) + spare_ma <= room_ma[index]
        for index in participant.phases
    )


def _note_failures(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    admitted: list[Participant],
) -> None:
    """Note each failed trial: others gave way for a waiting participant, but it is not admitted any more.

    A *hopeful* one, which would be admitted if the base load is no higher than its estimate, may still
    succeed: its trial goes on. So does that of one whose turn it is: what another one has released for it
    counts as the building's for some seconds where that one does not measure, and the turn ends by itself
    (`end_turn_if_over`).
    """
    tried = [
        one
        for one in waiting
        if one.trial.since is not None and one not in admitted and not _has_open_turn(cycle, one)
    ]
    if tried:
        hopeful = _admit(cycle, running, waiting, cycle.estimated_room_ma)
        for one in tried:
            if one not in hopeful:
                note_failed_trial(one, running, cycle.now_s)


def targets_beside_hopeful(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    admitted: list[Participant],
    rise_to_ma: Mapping[int, int],
) -> Mapping[int, int]:
    """Return to what each running participant may rise [mA], by number, beside those that are hopeful.

    A *hopeful* participant would be admitted if the base load is no higher than its estimate. That is known
    within seconds; if others were raised meanwhile with the current that it needs, they would have to give
    it back at once. One whose turn it is counts as hopeful: the current was released for it. `rise_to_ma`: to
    what each may rise without regard to hopeful ones; the result is no higher.
    """
    if len(admitted) == len(waiting):
        return rise_to_ma
    with_turn = [one for one in waiting if one not in admitted and _has_open_turn(cycle, one)]
    if cycle.estimated_room_ma == cycle.room_to_raise_ma and not with_turn:
        return rise_to_ma  # the base load is not uncertain: none is hopeful
    hopeful = _admit(cycle, running, waiting, cycle.estimated_room_ma)
    hopeful += [one for one in with_turn if one not in hopeful]
    requests = {
        participant.settings.number: cycle.allocation_request(participant)
        for participant in (*running, *hopeful)
    }
    beside_hopeful_ma = allocated_ma(
        cycle.estimated_room_ma, committed_by_others_ma(cycle, requests), requests
    )
    return {number: min(ma, beside_hopeful_ma.get(number, ma)) for number, ma in rise_to_ma.items()}


def _update_shed_one(
    cycle: CycleState,
    participant: Participant,
    minimums_ma: Sequence[int],
    room_ma: Sequence[int],
) -> None:
    """Let a shed participant return once it may, or note since when it has had room again (in place).

    To be called only for one that is shed, and was not stopped often. If it has no room, the time for which
    it has had some starts again later. `minimums_ma`: the minima per phase that are given already; `room_ma`:
    what all minima may add up to.
    """
    shedding = participant.shedding
    if _may_start_by_queue(cycle, participant, minimums_ma, room_ma):
        participant.shedding = replace(
            shedding,
            is_shed=False,
            room_since=None,
            may_return_anyway_at=None,
            returned_at=cycle.now_s,
        )
    elif not _minimum_fits(participant, minimums_ma, room_ma, spare_ma=queues.ROOM_MA):
        participant.shedding = replace(shedding, room_since=None)
    elif shedding.room_since is None:
        participant.shedding = replace(shedding, room_since=cycle.now_s)


def _may_start_by_queue(
    cycle: CycleState,
    participant: Participant,
    minimums_ma: Sequence[int],
    room_ma: Sequence[int],
) -> bool:
    """Tell whether the queue lets a participant start: it was not shed, or it may return.

    Shed means stopped for lack of room. It may return when there has been room for its minimum and 1 A
    (`ROOM_MA`) for `room_needed_s`, a minute or more: so the latest base load is enough, without its peak.
    One that an overcurrent has stopped may return without that from `may_return_anyway_at` on.
    `minimums_ma`: the minima per phase that are given already; `room_ma`: what all minima may add up to.
    Source: load-management 18.1f, 18.1m.
    """
    shedding = participant.shedding
    if not shedding.is_shed:
        return True
    if queues.was_stopped_often(participant, cycle.now_s):
        return False  # contactor and vehicle wear: it waits until its first stop is an hour old
    if shedding.may_return_anyway_at is not None and cycle.now_s >= shedding.may_return_anyway_at:
        return True
    if not _minimum_fits(participant, minimums_ma, room_ma, spare_ma=queues.ROOM_MA):
        return False
    since = cycle.now_s if shedding.room_since is None else shedding.room_since
    return cycle.now_s - since >= shedding.room_needed_s


def _update_shedding(
    cycle: CycleState,
    running: Sequence[Participant],
    waiting: Sequence[Participant],
    admitted: Sequence[Participant],
) -> None:
    """Note since when each shed participant has had room again, and let it return once that has lasted.

    Shed means stopped for lack of room, by the queue or by an overcurrent that came back. Each is looked at
    beside the minima of all that run, and of those before it in `waiting` that are admitted or may soon be:
    they are not shed, and fit by the latest base load. Must be called once in a cycle, with `waiting` in the
    order of admission.
    """
    minimums_ma = [queues.minimums_ma(running, index) for index in range(len(cycle.phases))]
    room_now_ma = _room_beside_others_ma(cycle, cycle.room_now_ma, running, waiting)
    for participant in waiting:
        if not may_others_give_way(participant, cycle.now_s):
            continue  # others gave way for it in vain a moment ago: it is left as it is
        # one that was stopped often stays shed until its first stop is an hour old: nothing is timed
        if participant.shedding.is_shed and not queues.was_stopped_often(participant, cycle.now_s):
            _update_shed_one(cycle, participant, minimums_ma, room_now_ma)
        may_start_soon = not participant.shedding.is_shed and _minimum_fits(
            participant, minimums_ma, room_now_ma
        )
        if participant in admitted or may_start_soon:
            _add_required(participant, minimums_ma)
