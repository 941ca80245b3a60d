"""A participant that keeps a little more than its share gives it back when another one lacks as much. Pure.

The *share* of a participant is what the allocation by the latest base load gives it; what its offer is above
that is its *surplus*. A share that shrinks by a step of the charger or 0.5 A at most lowers no offer, else
chargers that take whole amperes would lose one at each flicker of the building. But many small surpluses add
up to one large lack: three chargers that each keep an ampere leave the prioritised one three amperes short,
for hours.

This does not go on for ever: afterwards all of them have their shares, and one share must rise by a step and
another one fall by a step until it happens again.

Source: load-management 8, 9.3.
"""

from collections.abc import Mapping, Sequence

from knxgw.dlm.commitment import committed_ma
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import LACKING_S


def even_out(
    cycle: CycleState,
    running: Sequence[Participant],
    share_ma: Mapping[int, int],
    may_rise_to_ma: Mapping[int, int],
) -> None:
    """Lower offers that are a little above their share, once another one has lacked that current for 10 s.

    All that share a phase with that participant go to their share, if they are at least a step above it. Since
    when a participant has lacked what others keep is noted in `short_since` (None: it does not). A cycle serves
    one participant only, because that changes the room; those behind it are looked at in the next cycle. To be
    called after `lower`, which leaves such offers as they are.

    `running`: the participants that have an offer. `share_ma`: the share of each [mA], to which it may be
    lowered; `may_rise_to_ma`: up to what each may be raised, by a smaller room: never above its share, so one
    that lacks current has no surplus; both by number. Source: load-management 9.3k.
    """
    surplus_ma = {  # what each keeps above its share, by number, if that is at least a step of its charger
        participant.settings.number: participant.offer_ma - share_ma[participant.settings.number]
        for participant in running
        if participant.offer_ma - share_ma[participant.settings.number]
        >= participant.settings.resolution_ma
    }
    above_share = [
        participant for participant in running if participant.settings.number in surplus_ma
    ]
    held_ma = committed_ma(cycle) if above_share else []
    for participant in running:
        lacked_ma = may_rise_to_ma[participant.settings.number] - participant.offer_ma
        lacks_what_others_keep = (
            bool(above_share)
            and _is_worth_lowering_others(cycle, participant, lacked_ma)
            and _would_rise_if_others_gave_back(
                cycle, participant, above_share, surplus_ma, held_ma
            )
        )
        if not lacks_what_others_keep:
            participant.short_since = None
            continue
        cycle.is_next_cycle_needed = True
        if participant.short_since is None:
            participant.short_since = cycle.now_s
        elif cycle.now_s - participant.short_since >= LACKING_S:
            for one in above_share:
                if not set(one.phases).isdisjoint(participant.phases):
                    cycle.set_offer(one, share_ma[one.settings.number])
            return


def _would_rise_if_others_gave_back(
    cycle: CycleState,
    participant: Participant,
    above_share: Sequence[Participant],
    surplus_ma: Mapping[int, int],
    held_ma: Sequence[int],
) -> bool:
    """Tell whether a participant cannot rise by a step now, but could if others gave back their surplus.

    Its rise must then be worth lowering them. `above_share`: the others, whose offers are above their share
    by `surplus_ma` (by number). `held_ma`: what all may draw at once, per phase.
    """
    step_ma = participant.settings.resolution_ma
    spare_ma = [cycle.room_to_raise_ma[index] - held_ma[index] for index in participant.phases]
    if min(spare_ma) >= step_ma:
        return False  # it may rise as it is
    given_back_ma = [
        sum(surplus_ma[one.settings.number] for one in above_share if index in one.phases)
        for index in participant.phases
    ]
    possible_rise_ma = min(
        spare + given for spare, given in zip(spare_ma, given_back_ma, strict=True)
    )
    return _is_worth_lowering_others(cycle, participant, possible_rise_ma)


def _is_worth_lowering_others(cycle: CycleState, participant: Participant, current_ma: int) -> bool:
    """Tell whether a rise by `current_ma` is large enough to lower others for it.

    It must be at least a step of the participant's charger, else its offer would not change, and more than
    0.5 A (`lower_from_ma`), the smallest change for which offers are lowered at all.
    """
    return (
        current_ma > cycle.settings.lower_from_ma
        and current_ma >= participant.settings.resolution_ma
    )
