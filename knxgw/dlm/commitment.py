"""What participants hold of the room: nobody else may be given it before it has been released.

A vehicle follows its offer with delay. So a participant is committed to the larger of its offer and its draw:
one that was lowered and still draws, and one that was raised and does not draw yet, both count in full.
"""

from collections.abc import Container, Sequence

from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.draw_history import EARLY_S, must_be_obeyed_at
from knxgw.dlm.participant import Participant


def committed_ma(cycle: CycleState, *, without: Participant | None = None) -> list[int]:
    """Return what all participants, or all but `without`, may draw at once on each phase [mA].

    Mostly each counts with the larger of its offer and its draw; an idle one, and one that takes no part,
    only with its draw (`holds_offer`). Two kinds count with more. A vehicle that was raised a moment ago
    may still rise to that offer, although it was lowered since. An unmeasured vehicle that was lowered
    may have released nothing: its draw before that counts until the meter, if there is one, has measured
    the phase again. Source: load-management 9.2c, 9.4.
    """
    held_ma = [0] * len(cycle.phases)
    for participant in cycle.participants.values():
        if participant is without:
            continue
        holds_offer, transition = participant.holds_offer, participant.transition
        may_still_rise = holds_offer and cycle.now_s < transition.rises_until
        was_lowered_unmeasured = (
            not participant.settings.measures_current
            and transition.draw_at_change_ma > participant.offer_ma
        )
        for index in range(len(held_ma)):
            own_ma = participant.committed_ma(index, holds_offer=holds_offer)
            if may_still_rise and index in participant.phases:
                own_ma = max(own_ma, transition.raised_to_ma)
            if was_lowered_unmeasured and _is_release_unmeasured(cycle, participant, index):
                own_ma = max(own_ma, transition.draw_at_change_ma)
            held_ma[index] += own_ma
    return held_ma


def committed_by_others_ma(cycle: CycleState, numbers: Container[int]) -> list[int]:
    """Return what the participants that are not in `numbers` keep of the room, per phase [mA].

    Those in `numbers` share the rest. The others keep what they draw; one that draws although its charger
    interrupts keeps its offer. One that was just offered 0 A counts as 0 until it must have obeyed: its
    current is about to be released, and no other is started or raised before it is (`committed_ma`).
    """
    held_ma = [0] * len(cycle.phases)
    for number, participant in cycle.participants.items():
        is_stopping = participant.offer_ma == 0 and cycle.now_s < participant.transition.obey_by_at
        if number in numbers or is_stopping:
            continue
        holds_offer = participant.draws_while_interrupting
        for index in range(len(held_ma)):
            held_ma[index] += participant.committed_ma(index, holds_offer=holds_offer)
    return held_ma


def is_awaiting_release(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether a participant without measurement was lowered, and the meter has not shown it yet.

    False also for a participant that measures: its own readings show what it has released.
    Source: load-management 9.4h.
    """
    return (
        not participant.settings.measures_current
        and participant.transition.draw_at_change_ma > participant.offer_ma
        and any(_is_release_unmeasured(cycle, participant, index) for index in participant.phases)
    )


def _is_release_unmeasured(cycle: CycleState, participant: Participant, phase: int) -> bool:
    """Tell whether a phase (0 to 2) was last sampled before a vehicle had to obey its offer.

    A meter that sends changes only confirms its last value by its silence, so that value counts as one of
    now. A missing value counts as one of now, too: nothing is started or raised by the room of such a phase.
    """
    if phase not in participant.phases or cycle.is_static:
        return False  # the participant draws nothing there, or no meter will ever show it
    value = cycle.state.meter.values[phase]
    reported_at = cycle.now_s if value is None or cycle.has_meter_on_change else value.arrived_at
    # the value may be older than its telegram by the delay of the meter and `EARLY_S`
    sampled_at = reported_at - cycle.settings.meter_delay_s - EARLY_S
    return sampled_at < must_be_obeyed_at(participant, cycle.settings)


def has_room(cycle: CycleState, available_ma: Sequence[int], participant: Participant) -> bool:
    """Tell whether a participant's minimum fits on all its phases beside the commitments of all others.

    `available_ma`: the room per phase. A commitment is what a participant may draw at once.
    """
    held_ma = committed_ma(cycle, without=participant)
    return all(
        available_ma[index] - held_ma[index] >= participant.least_ma(index)
        for index in participant.phases
    )


def try_to_claim_start(
    cycle: CycleState, available_ma: Sequence[int], participant: Participant
) -> bool:
    """Tell whether a newcomer may start with its minimum now, in the room per phase `available_ma`.

    False: the minimum does not fit, or fits only in the place of what free charging points are offered. Where
    only those offers are in the way, the minimum is claimed (`claimed_ma`): they are withdrawn, and a later
    cycle starts the newcomer, because a vehicle may have been plugged in there since the last reading.
    Source: load-management 5.5, 9.2c.
    """
    held_ma = committed_ma(cycle, without=participant)
    spare_ma = [
        ma - held - participant.least_ma(index)
        for index, (ma, held) in enumerate(zip(available_ma, held_ma, strict=True))
    ]
    if any(spare_ma[index] < 0 for index in participant.phases):
        return False
    offered_ma = _offered_without_vehicle_ma(cycle)
    withdrawn_ma = withdrawn_from_others_ma(cycle, participant)
    if all(
        spare_ma[index] >= offered_ma[index] + withdrawn_ma[index] for index in participant.phases
    ):
        return True
    for index in participant.phases:
        cycle.claimed_ma[index] += participant.least_ma(index)
    cycle.is_at_target = False
    return False


def _offered_without_vehicle_ma(cycle: CycleState) -> list[int]:
    """Return per phase [mA] what free charging points (no vehicle takes part) are offered.

    Only what can be withdrawn counts: nothing of a charger that cannot be reached.
    """
    offered_ma = [0] * len(cycle.phases)
    for participant in cycle.participants.values():
        if _is_free(participant):
            for index in participant.phases:
                offered_ma[index] += participant.offer_ma
    return offered_ma


def withdrawn_from_others_ma(
    cycle: CycleState, participant: Participant, *, counts_seen: bool = False
) -> list[int]:
    """Return per phase [mA] what others may take of offers that were withdrawn from them while they were free.

    That counts until a vehicle must have obeyed: one that was plugged in since the last reading may still draw,
    also when the charger has acknowledged 0 A. What `participant` itself lost does not count. `counts_seen`:
    so does the vehicle of one that was read since, and takes part, but has not charged: it may begin to. A
    start does not wait for that, as each of several vehicles that are plugged in together would delay the others.
    Source: load-management 5.5.
    """
    withdrawn_ma = [0] * len(cycle.phases)
    for other in cycle.participants.values():
        if other is participant or other.offer_ma or cycle.now_s >= other.transition.obey_by_at:
            continue
        # of one that was raised a moment ago the commitment says what it may draw
        may_begin = (
            other.takes_part
            and not other.use.has_charged
            and cycle.now_s >= other.transition.rises_until
        )
        if _is_free(other) or (counts_seen and may_begin):
            for index in other.phases:
                unread_ma = other.transition.previous_offer_ma - other.draw_ma[index]
                withdrawn_ma[index] += max(0, unread_ma)
    return withdrawn_ma


def _is_free(participant: Participant) -> bool:
    """Tell whether a charging point is free (no vehicle takes part), and its offer can be withdrawn."""
    can_be_withdrawn = (
        participant.may_charge and participant.has_valid_currents and participant.is_reachable
    )
    return can_be_withdrawn and not participant.takes_part


def has_room_for_commitments(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether what all participants may draw at once fits on the phases of this one.

    The room is that by the latest base load (`room_now_ma`).
    """
    held_ma = committed_ma(cycle)
    return all(held_ma[index] <= cycle.room_now_ma[index] for index in participant.phases)
