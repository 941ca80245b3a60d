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

    To be called once a cycle has set the offers of all these: one of `waiting` may have been started in it.
    `target_ma`: up to what the allocation allows each to rise [mA], by number. Source: load-management 6.
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
    """Return what keeps the offer of a participant that has one from being higher.

    The first that applies: it is at its maximum, at a cap from outside, or at its cap by use; it may rise,
    but only later (`target_ma`, by number, is higher by more than `raise_from_ma`); the prioritised charging
    point takes part and has more than its minimum on a phase of this one; or, if nothing else, the phase with
    the least room for raises is full.
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
    # of a participant that uses no phase it is L1, so that there is a reason
    tightest = min(participant.phases, key=lambda index: cycle.room_to_raise_ma[index], default=0)
    return FUSES[tightest]
