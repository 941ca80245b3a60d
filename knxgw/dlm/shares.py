"""Shares: what each participant asks of the allocation, and what it gets in some room. Pure.

Source: load-management 8.
"""

from collections.abc import Container, Mapping, Sequence

from knxgw.dlm.allocation import AllocationRequest, of_mains, on_mains, rounded, solve
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.participant import Participant


def allocation_request(cycle: CycleState, participant: Participant) -> AllocationRequest:
    """Return what a participant asks of the allocation: at least its minimum, even where its cap is lower.

    Its offer of now and the energy of its session decide who gets an extra step (`AllocationRequest`).
    """
    one = participant.settings
    return AllocationRequest(
        one.minimum_ma,
        max(one.minimum_ma, participant.highest_offer_ma),
        on_mains(participant.phases),
        one.number == cycle.settings.priority,
        one.resolution_ma,
        participant.offer_ma,
        participant.energy_mwh,
    )


def committed_by_others_ma(cycle: CycleState, numbers: Container[int]) -> list[int]:
    """Return the commitments per phase [mA] of the participants that are not in `numbers`.

    A participant that was just offered 0 A is left out until it must have obeyed: its current is about to be
    released, and a raise waits for the meter anyhow. A participant that draws although its charger interrupts
    holds its offer; all others hold what they draw.
    """
    held_ma = [0] * len(cycle.phases)
    for number, participant in cycle.participants.items():
        if number in numbers or (
            participant.offer_ma == 0 and cycle.now_s < participant.obey_by_at
        ):
            continue
        holds_offer = participant.draws_while_interrupting
        for index in range(len(held_ma)):
            held_ma[index] += participant.committed_ma(index, holds_offer=holds_offer)
    return held_ma


def allocated_ma(
    room_ma: Sequence[int], others_ma: Sequence[int], requests: Mapping[int, AllocationRequest]
) -> dict[int, int]:
    """Return the allocation [mA] by number, rounded to the steps of the chargers.

    `room_ma`: the room per phase. `others_ma`: what participants without a request hold of it.
    """
    if not requests:
        return {}
    room_ma = [free - held for free, held in zip(room_ma, others_ma, strict=True)]
    room = of_mains(room_ma)
    ordered = list(requests.values())
    return dict(zip(requests, rounded(room, ordered, solve(room, ordered)), strict=True))
