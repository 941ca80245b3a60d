"""A participant that keeps a little more than its share gives it back when another one lacks as much. Pure.

A share that shrinks by a step at most lowers no offer, else whole-ampere chargers would lose an ampere to
each flicker of the building. But many small surpluses are one large lack: three chargers that each keep
an ampere leave the prioritised one three amperes short, for hours.

This comes to rest: afterwards all of them have their shares, and one share must rise by a step and another
one fall by a step until it happens again.

Source: load-management 8, 9.3.
"""

from collections.abc import Mapping, Sequence

from knxgw.dlm.commitment import committed_ma
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import LOW_EXCESS_S


def even_out(
    cycle: CycleState,
    running: Sequence[Participant],
    down_ma: Mapping[int, int],
    least_ma: Mapping[int, int],
) -> None:
    """Lower offers that are a little above their share, where another participant has lacked that for 10 s.

    To be called after `lower`, which leaves such offers as they are. `down_ma`: the share of each [mA];
    `least_ma`: what each may rise to; both by number. Since when a participant has lacked what others keep is
    noted in `short_since` (None: it does not). Others are lowered for one participant per cycle.
    Source: load-management 9.3k.
    """
    surplus_ma = {  # what each keeps above its share, if it is a step of its charger or more
        participant.settings.number: participant.offer_ma - down_ma[participant.settings.number]
        for participant in running
        if participant.offer_ma - down_ma[participant.settings.number]
        >= participant.settings.resolution_ma
    }
    participants_above = [
        participant for participant in running if participant.settings.number in surplus_ma
    ]
    held_ma = committed_ma(cycle) if participants_above else []
    for participant in running:
        lacked_ma = least_ma[participant.settings.number] - participant.offer_ma
        lacks_what_others_keep = (
            bool(participants_above)
            and _is_worth_lowering_others(cycle, participant, lacked_ma)
            and _is_held_back_by(cycle, participant, participants_above, surplus_ma, held_ma)
        )
        if not lacks_what_others_keep:
            participant.short_since = None
            continue
        cycle.is_at_target = False
        if participant.short_since is None:
            participant.short_since = cycle.now_s
        elif cycle.now_s - participant.short_since >= LOW_EXCESS_S:
            for one in participants_above:
                if not set(one.phases).isdisjoint(participant.phases):
                    cycle.set_offer(one, down_ma[one.settings.number])
            return


def _is_held_back_by(
    cycle: CycleState,
    participant: Participant,
    participants_above: Sequence[Participant],
    surplus_ma: Mapping[int, int],
    held_ma: Sequence[int],
) -> bool:
    """Tell whether a participant cannot rise by a step, but could if others gave back what they keep.

    To be worth that it must then rise by a step of its charger, and by more than `lower_from_ma` (0.5 A). The
    others are `participants_above`: their offers are above their share, by `surplus_ma` (by number).
    `held_ma`: what all may draw at once, per phase.
    """
    step_ma = participant.settings.resolution_ma
    spare_ma = [cycle.room_to_raise_ma[index] - held_ma[index] for index in participant.phases]
    if min(spare_ma) >= step_ma:
        return False  # it may rise without them
    given_ma = [
        sum(surplus_ma[one.settings.number] for one in participants_above if index in one.phases)
        for index in participant.phases
    ]
    possible_rise_ma = min(spare + given for spare, given in zip(spare_ma, given_ma, strict=True))
    return _is_worth_lowering_others(cycle, participant, possible_rise_ma)


def _is_worth_lowering_others(cycle: CycleState, participant: Participant, current_ma: int) -> bool:
    """Tell whether a participant's rise by `current_ma` is enough to lower others for it.

    It must be a step of its charger, and more than `lower_from_ma` (0.5 A), as any lowering.
    """
    return (
        current_ma > cycle.settings.lower_from_ma
        and current_ma >= participant.settings.resolution_ma
    )
