"""The part of a cycle that shares out what there is: admit, lower, start, raise, explain. Pure.

`admission` finds which waiting participants get a minimum if the others give way. The allocation is solved
twice (`allocated_ma`) for the running and the admitted participants: in the room by the latest base load, and
in that by its peak. Lowering (`lowering`) follows the first allocation at once. Raising (`raising`) follows
the smaller of both, mostly needs a complete set of the meter, and gives only what has been released (the sum
of the larger of offer and draw never exceeds the room).

Source: load-management 8, 9, 14, 18.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from knxgw.catalogue.codes import Reason
from knxgw.dlm.admission import admit_newcomers, end_turn_if_over, targets_beside_hopeful
from knxgw.dlm.allocation import allocated_ma
from knxgw.dlm.commitment import (
    claim_from_free_points,
    committed_by_others_ma,
    fits_now,
    has_room,
)
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.even_out import even_out
from knxgw.dlm.lowering import lower, lower_for_newcomer
from knxgw.dlm.meter import is_moment_complete, is_round_complete
from knxgw.dlm.participant import Participant
from knxgw.dlm.phase_test import next_to_test, note_test
from knxgw.dlm.raising import raise_offers
from knxgw.dlm.reasons import note_reasons
from knxgw.dlm.trial import begin_trial


def share_out(cycle: CycleState) -> None:
    """Share out the room: admit, lower, even out, start, raise, test phases; note the reason of each offer.

    There are two allocations, in mA by number. `down_ma`, by the latest base load, is where lowering ends;
    `target_ma`, by its peak, is where raising ends. An idle participant (its vehicle draws nothing) takes no
    part in them: it is offered its minimum, so that its vehicle may precondition (14.2). A turn of the queue
    may begin or end, and it is noted where current is scarce. Participants and reasons of `cycle` are changed
    in place. Source: load-management 8, 9.
    """
    eligible = cycle.eligible
    active = [participant for participant in eligible if not participant.use.is_idle]
    running = [participant for participant in active if participant.offer_ma > 0]
    waiting = [participant for participant in active if participant.offer_ma == 0]
    end_turn_if_over(cycle, waiting)
    # sorts `waiting`, and takes out of `running` one that it stops for another one's turn
    admitted = admit_newcomers(cycle, running, waiting) if waiting else []
    requests = {
        participant.settings.number: cycle.allocation_request(participant)
        for participant in (*running, *admitted)
    }
    others_ma = committed_by_others_ma(cycle, requests)
    down_ma = allocated_ma(cycle.room_now_ma, others_ma, requests)
    target_ma = (
        down_ma
        if cycle.room_to_raise_ma == cycle.room_now_ma
        else allocated_ma(cycle.room_to_raise_ma, others_ma, requests)
    )
    _update_scarcity(cycle, running, target_ma, others_ma)
    lower(cycle, running, down_ma)
    # none is raised above what lowering would allow: it would be lowered again at once
    rise_to_ma = {number: min(ma, down_ma[number]) for number, ma in target_ma.items()}
    even_out(cycle, running, down_ma, rise_to_ma)
    for participant in admitted:
        # nobody gives way for the uncertainty of the base load, because that ends by itself
        if not has_room(cycle, cycle.estimated_room_ma, participant):
            by_estimate_ma = allocated_ma(cycle.estimated_room_ma, others_ma, requests)
            lower_for_newcomer(cycle, running, participant, by_estimate_ma)
            # also if it has to wait for the meter now: that may show that they gave way in vain
            begin_trial(participant, cycle.now_s)
        _start_if_possible(cycle, participant)
    raise_offers(
        cycle, running, targets_beside_hopeful(cycle, running, waiting, admitted, rise_to_ma)
    )
    _test_phases(cycle)
    note_reasons(cycle, running, waiting, target_ma)
    for participant in eligible:
        if participant.use.is_idle:
            cycle.set_offer(participant, participant.settings.minimum_ma)
            cycle.reasons[participant.settings.number] = Reason.IDLE


def _test_phases(cycle: CycleState) -> None:
    """Lower at most one unmeasured vehicle to its minimum, to see on which phases the line carries less.

    Those are the phases that it uses. A later cycle raises it again, once the meter has shown them.
    Source: load-management 4.7.
    """
    if cycle.is_static or cycle.is_phase_test_open:
        return  # there is no meter, or it is still to show the result of another test
    line = cycle.meter.line_at_rest
    # None: there is no reason for a test, or none can be tested now
    participant = next_to_test(line, cycle.participants, cycle.settings, cycle.now_s)
    if participant is not None:
        cycle.set_offer(participant, participant.settings.minimum_ma)
        note_test(participant, cycle.now_s)


def _start_if_possible(cycle: CycleState, newcomer: Participant) -> None:
    """Start an admitted newcomer if its minimum fits beside what the others may draw; else try again later.

    It waits for the meter while a phase test is open, which a start would disturb, while telegrams of the
    same moment are still to come, and while the next sample is to show how high the base load is. Where its
    minimum does not fit, others are releasing current, or only offers to free charging points are in the way,
    and are withdrawn: in both cases a trial begins.
    """
    must_wait_for_meter = (
        cycle.is_phase_test_open
        or _is_telegram_awaited(cycle, newcomer)
        or _is_next_sample_awaited(cycle, newcomer)
    )
    if must_wait_for_meter:
        cycle.is_next_cycle_needed = True  # no event tells when that ends
    elif fits_now(cycle, cycle.room_to_raise_ma, newcomer):
        cycle.start(newcomer)
    else:  # a cycle is due once the others have released current, or offers to free points are withdrawn
        claim_from_free_points(cycle, cycle.room_to_raise_ma, newcomer)
        begin_trial(newcomer, cycle.now_s)


def _is_telegram_awaited(cycle: CycleState, newcomer: Participant) -> bool:
    """Tell whether telegrams of the meter's newest moment may still come for a newcomer's phases.

    None is awaited once 0.5 s have passed without one (`is_moment_complete`), nor, from a meter that sends
    cyclically, once its last round is complete. A meter that spreads its phases over most of a second leaves
    no such pause in which a cycle would run, so that without the round a newcomer would wait for ever. Source:
    load-management 3.1k.
    """
    if not cycle.has_meter_on_change and is_round_complete(cycle.meter):
        return False
    return not is_moment_complete(cycle.meter, newcomer.phases, cycle.now_s)


def _is_next_sample_awaited(cycle: CycleState, newcomer: Participant) -> bool:
    """Tell whether a newcomer waits for the meter's next sample, to see how high the base load really is.

    Its minimum fits, but not beside the highest base load that is possible by the last sample: while
    vehicles follow lower offers, the meter cannot tell a rise of the building from a vehicle that has not
    followed yet. Source: load-management 7.2.
    """
    return has_room(cycle, cycle.room_to_raise_ma, newcomer) and not has_room(
        cycle, cycle.room_to_grant_ma, newcomer
    )


def _update_scarcity(
    cycle: CycleState,
    running: Sequence[Participant],
    target_ma: Mapping[int, int],
    others_ma: Sequence[int],
) -> None:
    """Note for each running participant since when current has been scarce on its phases (`Use.scarce_since`).

    While it is, a vehicle whose cap follows its draw (`Use.cap`) is left less headroom, so that others get
    more. Where no vehicle has such a cap, nothing counts as scarce. A phase is scarce while a participant
    on it gets less than its highest offer, by more than `raise_from_ma` (a smaller raise is not made at
    once). It stays so while what is left is less than the narrowed headrooms lack: to make these whole would
    take from the others what narrowing has just given them. `target_ma`: what each gets, by number;
    `others_ma`: what all others keep, per phase. Source: load-management 14.1, 14.1c.
    """
    if all(participant.use.cap is None for participant in running):
        for participant in running:
            _note_scarce_since(participant, None)
        return
    scarce_phases = {
        index
        for participant in running
        if target_ma[participant.settings.number]
        < participant.highest_offer_ma - cycle.settings.raise_from_ma
        for index in participant.phases
    } | _phases_without_whole_headroom(cycle, running, target_ma, others_ma)
    for participant in running:
        if not scarce_phases.intersection(participant.phases):
            _note_scarce_since(participant, None)
        elif participant.use.scarce_since is None:
            _note_scarce_since(participant, cycle.now_s)


def _phases_without_whole_headroom(
    cycle: CycleState,
    running: Sequence[Participant],
    target_ma: Mapping[int, int],
    others_ma: Sequence[int],
) -> set[int]:
    """Return the phases (0 to 2) on which less is left than the narrowed caps by use lack of their headroom."""
    left_ma = [room - kept for room, kept in zip(cycle.room_to_raise_ma, others_ma, strict=True)]
    lacking_ma = [0] * len(left_ma)
    for participant in running:
        cap = participant.use.cap
        for index in participant.phases:
            left_ma[index] -= target_ma[participant.settings.number]
            if cap is not None and cap.is_narrow:
                whole_ma = min(
                    participant.settings.maximum_ma, cap.draw_ma + cycle.settings.headroom_ma
                )
                lacking_ma[index] += max(0, whole_ma - cap.ma)
    return {index for index, lacks in enumerate(lacking_ma) if lacks > max(0, left_ma[index])}


def _note_scarce_since(participant: Participant, since: float | None) -> None:
    """Note in place since when current has been scarce on a participant's phases (None: it is not).

    The same instant once more makes no new `Use`: a copy in each cycle would cost time.
    """
    if participant.use.scarce_since != since:
        participant.use = replace(participant.use, scarce_since=since)
