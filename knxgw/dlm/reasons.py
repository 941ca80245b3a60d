"""The reason that is shown for each offer: what keeps it from being higher. Pure.

Source: load-management 6.
"""

from collections.abc import Mapping

from knxgw.catalogue.codes import Reason
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.participant import Participant

FUSES = (Reason.FUSE_L1, Reason.FUSE_L2, Reason.FUSE_L3)


def note_reasons(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    target_ma: Mapping[int, int],
) -> None:
    """Note for every participant that runs or waits why its offer is not higher (`cycle.reasons`).

    To be called once their offers are those of this cycle: one of `waiting` may have been started in it.
    `target_ma`: to what each may rise by the allocation, by number. Source: load-management 6.
    """
    for participant in running:
        cycle.reasons[participant.settings.number] = _reason_of(cycle, participant, target_ma)
    for participant in waiting:
        was_started = participant.offer_ma > 0
        reason = (
            _reason_of(cycle, participant, target_ma) if was_started else Reason.WAITING_FOR_CURRENT
        )
        cycle.reasons[participant.settings.number] = reason


def _reason_of(cycle: CycleState, participant: Participant, target_ma: Mapping[int, int]) -> Reason:
    """Return what keeps the offer of a running participant from being higher.

    The first that applies of: its maximum, a cap from outside load management, its own use, a raise that is
    still to come, the prioritised charging point (if it has more than its minimum on a phase of
    this one), and the phase with the least room. `target_ma`: to what each may rise, by number.
    """
    one = participant.settings
    if participant.offer_ma >= one.maximum_ma:
        return Reason.MAXIMUM
    if (
        participant.external_cap is not None
        and participant.offer_ma >= participant.external_cap.cap_ma
    ):
        return participant.external_cap.reason
    if participant.use.cap is not None and participant.offer_ma >= participant.use.cap.ma:
        return Reason.UNDER_USE
    if target_ma.get(one.number, 0) > participant.offer_ma + cycle.settings.raise_from_ma:
        return Reason.RAISING
    priority = cycle.settings.priority
    if priority is not None and priority != one.number:
        first = cycle.participants.get(priority)
        if (
            first is not None
            and first.takes_part
            and first.offer_ma > first.settings.minimum_ma
            and not set(first.phases).isdisjoint(participant.phases)
        ):
            return Reason.PRIORITY
    # 0 (L1): it uses no phase
    tightest = min(participant.phases, key=lambda index: cycle.room_to_raise_ma[index], default=0)
    return FUSES[tightest]
