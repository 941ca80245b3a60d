"""The part of a cycle that shares out what there is: admit, lower, start, raise, explain. Pure.

`admission` finds which waiting participants get a minimum if the others give way. The allocation is solved
twice (`allocated_ma`) for the running and the admitted participants: in the room by the latest base load, and in
that by its peak. Lowering (`lowering`) follows the first allocation at once. Raising (`raising`) follows the
smaller of both, needs a complete set of the meter, and gives only what has been released (the sum of the larger
of offer and draw never exceeds the room).

Source: load-management 8, 9, 14, 18.1.
"""

from collections.abc import Mapping, Sequence

from knxgw.catalogue.codes import Reason
from knxgw.dlm.admission import admit_newcomers, end_turn, targets_beside_hopeful
from knxgw.dlm.allocation import allocated_ma
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.even_out import even_out
from knxgw.dlm.lowering import lower, lower_for_newcomer
from knxgw.dlm.meter import is_moment_complete
from knxgw.dlm.participant import Participant
from knxgw.dlm.phase_test import next_to_test, note_test
from knxgw.dlm.raising import raise_offers
from knxgw.dlm.reasons import note_reasons
from knxgw.dlm.trial import note_trial


def share_out(cycle: CycleState) -> None:
    """Allocate the room: admit, lower, even out, start, raise, test phases, and note the reason of each offer.

    Lowering goes by the room of the latest base load (`room_now_ma`), raising by that of its peak
    (`room_to_raise_ma`); `certain_room_ma` is the latter without the uncertainty of the base load.
    `admit_newcomers` sorts `waiting`, and takes out of `running` those that it stops for a turn. Participants
    and reasons of `cycle` are changed in place. An idle participant is offered its minimum without an
    allocation, so that its vehicle may precondition (14.2). Source: load-management 8, 9.
    """
    eligible = cycle.eligible
    active = [participant for participant in eligible if not participant.is_idle]
    running = [participant for participant in active if participant.offer_ma > 0]
    waiting = [participant for participant in active if participant.offer_ma == 0]
    end_turn(cycle, waiting)
    admitted = admit_newcomers(cycle, running, waiting) if waiting else []
    requests = {
        participant.settings.number: cycle.allocation_request(participant)
        for participant in (*running, *admitted)
    }
    others_ma = cycle.committed_by_others_ma(requests)
    # two allocations by number: `down_ma` is where lowering ends, `target_ma` what peak-hold leaves
    down_ma = allocated_ma(cycle.room_now_ma, others_ma, requests)
    target_ma = (
        down_ma
        if cycle.room_to_raise_ma == cycle.room_now_ma
        else allocated_ma(cycle.room_to_raise_ma, others_ma, requests)
    )
    _update_scarcity(cycle, running, target_ma)
    lower(cycle, running, down_ma)
    # none is raised above what lowering would allow: it would be lowered again at once
    least_ma = {number: min(ma, down_ma[number]) for number, ma in target_ma.items()}
    even_out(cycle, running, down_ma, least_ma)
    for participant in admitted:
        if not cycle.has_room(cycle.certain_room_ma, participant):
            # the uncertainty of the base load ends by itself, so none gives way for that
            certain_ma = allocated_ma(cycle.certain_room_ma, others_ma, requests)
            lower_for_newcomer(cycle, running, participant, certain_ma)
        _start_if_possible(cycle, running, participant)
    raise_offers(
        cycle, running, targets_beside_hopeful(cycle, running, waiting, admitted, least_ma)
    )
    _test_phases(cycle)
    note_reasons(cycle, running, waiting, target_ma)
    for participant in eligible:
        if participant.is_idle:
            cycle.set_offer(participant, participant.settings.minimum_ma)
            cycle.reasons[participant.settings.number] = Reason.IDLE


def _test_phases(cycle: CycleState) -> None:
    """Lower at most one unmeasured vehicle to its minimum, to see which phases the vehicle uses.

    A later cycle raises the vehicle again, once the meter has answered. Source: load-management 4.7.
    """
    if cycle.is_static or cycle.is_answer_awaited:
        return  # there is no meter to answer, or another test still runs
    line = cycle.meter.line_at_rest
    participant = next_to_test(line, cycle.participants, cycle.settings, cycle.now_s)
    if participant is not None:
        cycle.set_offer(participant, participant.settings.minimum_ma)
        note_test(participant, cycle.now_s)


def _start_if_possible(
    cycle: CycleState, running: list[Participant], newcomer: Participant
) -> None:
    """Start an admitted newcomer if its minimum fits by now; else a later cycle looks again.

    The newcomer waits for the answer of the meter to a test, which a start would hide, and for the other
    telegrams of a moment, because a phase may carry more than it reported last. While its minimum does not
    fit yet the others are giving way: that is noted as a trial where they do not measure (`trial`).
    """
    if (
        cycle.is_answer_awaited
        or not is_moment_complete(cycle.meter, newcomer.phases, cycle.now_s)
        or _is_next_sample_awaited(cycle, newcomer)
    ):
        # no event tells when that ends: the next cycle must not be left out
        cycle.is_at_target = False
    elif cycle.try_to_claim_start(cycle.room_to_raise_ma, newcomer):
        cycle.start(newcomer)
    else:  # what the others release, or the claim, makes a cycle due
        note_trial(newcomer, running, cycle.now_s)


def _is_next_sample_awaited(cycle: CycleState, newcomer: Participant) -> bool:
    """Tell whether a minimum fits by what is likely, but not by all that the last sample leaves possible.

    While vehicles follow lower offers, a step of the building may look like theirs. The next sample shows it.
    Source: load-management 7.2.
    """
    return cycle.has_room(cycle.room_to_raise_ma, newcomer) and not cycle.has_room(
        cycle.room_to_grant_ma, newcomer
    )


def _update_scarcity(
    cycle: CycleState, running: Sequence[Participant], target_ma: Mapping[int, int]
) -> None:
    """Note for each participant (`others_lack_since`) since when some phase of it has been scarce.

    A phase is scarce while a participant on it could take more than its allocation `target_ma`, by more than
    `raise_from_ma`: less would not be raised at once. Scarcity only narrows the headroom of vehicles that have
    a cap by use (`use`): where no vehicle has one, no phase counts as scarce. Source: load-management 14.1.
    """
    if all(participant.use_cap_ma is None for participant in running):
        for participant in running:
            participant.others_lack_since = None
        return
    scarce_phases = {
        index
        for participant in running
        if target_ma[participant.settings.number]
        < participant.highest_offer_ma - cycle.settings.raise_from_ma
        for index in participant.phases
    }
    for participant in running:
        if not scarce_phases.intersection(participant.phases):
            participant.others_lack_since = None
        elif participant.others_lack_since is None:
            participant.others_lack_since = cycle.now_s
