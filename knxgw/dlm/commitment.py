"""What participants hold of the room: nobody else may be given it before it has been released. Pure.

A vehicle follows its offer with delay. So what a participant may draw at once, its *commitment*, is the
larger of its offer and its draw: one that was lowered and still draws, and one that was raised and does not
draw yet, both count in full. Only what a vehicle draws above its offer after it has had time to obey, its
overdraw, is left out, because the room is smaller by that already. Lists have one value per phase of the
mains connection.
"""

from collections.abc import Container, Sequence

from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.draw_history import EARLY_S, must_be_obeyed_at
from knxgw.dlm.participant import Participant


def committed_ma(cycle: CycleState, *, without: Participant | None = None) -> list[int]:
    """Return what all participants, or all but `without`, may draw at once on each phase [mA].

    Each counts with the larger of its offer and its draw; or only with its draw, if its offer is not reserved
    (`holds_offer`). Two kinds count with more. One that was raised a moment ago may still rise to that offer,
    although it has been lowered or interrupted since. One without measurement that was lowered may have released
    nothing: its earlier draw counts until the meter has sampled the phase since. Source: load-management 9.2c,
    9.4.
    """
    held_ma = [0] * len(cycle.phases)
    for participant in cycle.participants.values():
        if participant is without:
            continue
        holds_offer, transition = participant.holds_offer, participant.transition
        follows_offers = holds_offer or participant.is_stopped_from_outside
        may_still_rise = follows_offers and cycle.now_s < transition.rises_until
        was_lowered_unmeasured = (
            not participant.settings.measures_current
            and transition.draw_at_change_ma > participant.offer_ma
        )
        for index in range(len(held_ma)):
            own_ma = participant.committed_ma(index, holds_offer=holds_offer)
            if may_still_rise and index in participant.phases:
                own_ma = max(own_ma, transition.raised_to_ma)
            if was_lowered_unmeasured and _was_sampled_before_release(cycle, participant, index):
                own_ma = max(own_ma, transition.draw_at_change_ma)
            held_ma[index] += own_ma
    return held_ma


def committed_by_others_ma(cycle: CycleState, numbers: Container[int]) -> list[int]:
    """Return what the participants that are not in `numbers` keep of the room, per phase [mA].

    Those in `numbers` share the rest. The others keep what they draw. One that still draws although its
    charger has interrupted charging keeps its offer. One that was just offered 0 A keeps nothing while it may
    still be obeying: its current will be free in a moment, and nobody is started or raised before it is
    (`committed_ma`).
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
    """Tell whether an unmeasured participant was lowered, and the meter cannot have shown its release yet.

    Asked before it is raised, because a raise would hide that the reduction has freed nothing. False for one
    that measures: its own readings show what it has released. Source: load-management 9.4h.
    """
    return (
        not participant.settings.measures_current
        and participant.transition.draw_at_change_ma > participant.offer_ma
        and any(
            _was_sampled_before_release(cycle, participant, index) for index in participant.phases
        )
    )


def _was_sampled_before_release(cycle: CycleState, participant: Participant, phase: int) -> bool:
    """Tell whether the meter's last sample of a phase (0 to 2) is from before a vehicle had to obey its offer.

    Then it does not show what the vehicle has released. The last value of a meter that sends changes only
    counts as one of now, because its silence confirms it. A missing value does, too: without it nothing is
    started or raised on that phase anyway. False on a phase that the participant does not use.
    """
    if phase not in participant.phases or cycle.is_static:
        return False  # it draws nothing there; or there is no meter to wait for
    value = cycle.state.meter.values[phase]
    reported_at = cycle.now_s if value is None or cycle.has_meter_on_change else value.arrived_at
    # the earliest instant at which it may have been sampled
    sampled_at = reported_at - cycle.settings.meter_delay_s - EARLY_S
    return sampled_at < must_be_obeyed_at(participant, cycle.settings)


def has_room(cycle: CycleState, available_ma: Sequence[int], participant: Participant) -> bool:
    """Tell whether a participant's minimum fits on all its phases, beside what all others may draw at once.

    If so no other one has to be lowered for it. Offers to free charging points are not looked at: for a start
    there is `fits_now`. `available_ma`: the room per phase.
    """
    held_ma = committed_ma(cycle, without=participant)
    return all(
        available_ma[index] - held_ma[index] >= participant.required_ma(index)
        for index in participant.phases
    )


def fits_now(cycle: CycleState, available_ma: Sequence[int], newcomer: Participant) -> bool:
    """Tell whether a newcomer may start with its minimum now, in the room per phase `available_ma`.

    The minimum must fit beside what all others may draw at once, and beside what vehicles may draw that were
    plugged in unseen at free charging points: by an offer there, or by one that was just withdrawn. Source:
    load-management 5.5, 9.2c.
    """
    unseen_ma = held_for_unseen_ma(cycle, without=newcomer)
    left_ma = [ma - unseen for ma, unseen in zip(available_ma, unseen_ma, strict=True)]
    return has_room(cycle, left_ma, newcomer)


def claim_from_free_points(
    cycle: CycleState, available_ma: Sequence[int], newcomer: Participant
) -> None:
    """Claim the minimum of a newcomer that only free charging points keep from starting (in place).

    They keep it from starting by what they are offered, or by offers that were just withdrawn from them: a
    vehicle may have been plugged in there unseen. What is claimed (`claimed_ma`) is not offered to free
    charging points any more. A later cycle starts the newcomer, once such a vehicle must have obeyed. Nothing
    changes where the minimum would not fit without these offers either. To be called only while it does not
    fit (`fits_now`), with the same room `available_ma` [mA per phase]. Source: load-management 5.5.
    """
    if not has_room(cycle, available_ma, newcomer):
        return
    for index in newcomer.phases:
        cycle.claimed_ma[index] += newcomer.required_ma(index)
    cycle.is_next_cycle_needed = True


def _offered_to_free_points_ma(cycle: CycleState) -> list[int]:
    """Return what free charging points are offered, per phase [mA].

    A vehicle that was plugged in there a moment ago may draw as much. A charger that cannot be reached does
    not count as free (`Participant.is_free`): its offer is held back for it already (`held_back_ma`). Nor does
    one that draws while its charger interrupts: that offer is a commitment already.
    """
    offered_ma = [0] * len(cycle.phases)
    for participant in cycle.participants.values():
        if participant.is_free and not participant.draws_while_interrupting:
            for index in participant.phases:
                offered_ma[index] += participant.offer_ma
    return offered_ma


def held_for_unseen_ma(cycle: CycleState, *, without: Participant | None = None) -> list[int]:
    """Return what is held for vehicles that may have been plugged in unseen at free charging points, per phase [mA].

    That is what such points, all or all but `without`, are offered, and what was withdrawn from them a moment
    ago. Source: load-management 5.5.
    """
    offered_ma = _offered_to_free_points_ma(cycle)
    withdrawn_ma = withdrawn_from_others_ma(cycle, without)
    return [
        offered + withdrawn for offered, withdrawn in zip(offered_ma, withdrawn_ma, strict=True)
    ]


def withdrawn_from_others_ma(
    cycle: CycleState,
    participant: Participant | None = None,
    *,
    includes_seen_vehicles: bool = False,
) -> list[int]:
    """Return what others may still draw, per phase [mA], of offers that were withdrawn from free charging points.

    Others: than `participant`; None: all.

    A vehicle may have been plugged in at a free charging point after the last reading, and begun to draw. So
    a withdrawn offer counts until such a vehicle must have obeyed, even if the charger has acknowledged 0 A.
    `includes_seen_vehicles`: it also counts where a vehicle has been read that takes part but has not
    charged, because it may begin to. A start does not wait for those, else vehicles that are plugged in
    together would delay each other. Source: load-management 5.5.
    """
    withdrawn_ma = [0] * len(cycle.phases)
    for other in cycle.participants.values():
        if other is participant or other.offer_ma or cycle.now_s >= other.transition.obey_by_at:
            continue
        # for one that may still rise (`rises_until`) the commitment already says what it may draw
        may_begin = (
            (other.takes_part or other.is_stopped_from_outside)
            and not other.use.has_charged
            and cycle.now_s >= other.transition.rises_until
        )
        was_free = other.is_draw_known and not other.wants_to_charge  # stopped from outside or not
        if was_free or (includes_seen_vehicles and may_begin):
            for index in other.phases:
                unread_ma = other.transition.previous_offer_ma - other.draw_ma[index]
                withdrawn_ma[index] += max(0, unread_ma)
    return withdrawn_ma


def has_room_for_commitments(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether what all participants may draw at once fits on the phases of this one.

    Asked before a free charging point keeps an offer above its minimum. The room is the one by the latest
    base load (`room_now_ma`).
    """
    held_ma = committed_ma(cycle)
    return all(held_ma[index] <= cycle.room_now_ma[index] for index in participant.phases)
