"""The queue with rotation: which participant yields when not all minima fit. Pure.

Off by default; then the ones that came first stay, and too much current at the minimum interrupts
all. Source: load-management 18.1.
"""

from collections.abc import Sequence

from knxgw.dlm.overcurrent import LONGEST_RESTART_S, RECURS_S
from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import Settings
from knxgw.dlm.use import NEVER

SLACK_S = 0.5  # a turn may end with the next cycle, not a second later
NEARLY = 0.98  # energies that differ less are equal
ROOM_S = 60.0  # room for a participant that was shed must last this long
ROOM_MA = 1000  # and be this much more than its minimum
# after that a charging point whose turn came and that has no room is passed over
NEXT_WAITS_S = 120.0
HOUR_S = 3600.0
MOST_STOPS = 4  # of one charging point in an hour. Source: load-management 22


def participant_to_yield(
    running: Sequence[Participant],
    first: Participant,
    room_ma: Sequence[int],
    settings: Settings,
    now_s: float,
) -> Participant | None:
    """Return which running participant gives its place to `first`, the one that has waited longest.

    None: nobody has had a full turn whose minimum, freed, would let `first` start. Of those that have, the
    one with the most energy in its session yields, of equal ones the one that was served longest. One
    that was stopped often in the last hour yields only if there is no other.
    `room_ma`: what the minima may add up to per phase. Source: load-management 18.1.
    """
    turned = [
        participant
        for participant in running
        if participant.offered_since is not None
        and now_s - participant.offered_since >= settings.rotation_s - SLACK_S
        and participant.settings.number != settings.priority
        and _frees_enough(running, participant, first, room_ma)
    ]
    rarely_stopped = [
        participant for participant in turned if not was_stopped_often(participant, now_s)
    ] or turned
    most_mwh = max((participant.energy_mwh for participant in rarely_stopped), default=0)
    equals = [
        participant for participant in rarely_stopped if participant.energy_mwh >= most_mwh * NEARLY
    ]
    return min(equals, key=_served_order, default=None)


def participants_to_shed(
    running: Sequence[Participant], room_ma: Sequence[int], settings: Settings, now_s: float
) -> list[Participant]:
    """Return which running participants must stop so that the minima of the others fit on each phase.

    `room_ma`: what the minima may add up to per phase. The prioritised one is never shed.
    """
    leaving: list[Participant] = []
    staying = list(running)
    order = sorted(running, key=lambda one: (was_stopped_often(one, now_s), *_shed_order(one)))
    for participant in order:
        full = {p for p in range(len(room_ma)) if minimums_ma(staying, p) > room_ma[p]}
        if not full:
            break
        if (
            full.intersection(participant.phases)
            and participant.settings.number != settings.priority
        ):
            leaving.append(participant)
            staying.remove(participant)
    return leaving


def note_shed(participant: Participant, now_s: float) -> None:
    """Note that it was shed: it may start again after there has been room for it for some time.

    That is 60 s, and twice as long as the last time if it has to stop again soon after its return.
    Source: load-management 18.1.
    """
    again = now_s - participant.returned_at <= RECURS_S
    after_s = min(2 * participant.room_needed_s, LONGEST_RESTART_S) if again else ROOM_S
    participant.was_shed, participant.room_since, participant.room_needed_s = True, None, after_s
    note_stop(participant, now_s)


def note_stop(participant: Participant, now_s: float) -> None:
    """Note that it was stopped by the queue, to count its stops in an hour."""
    participant.stopped_at = (*participant.stopped_at[1 - MOST_STOPS :], now_s)


def was_stopped_often(participant: Participant, now_s: float) -> bool:
    """Tell whether it was stopped four times in the last hour: one stop more is one too many."""
    return len(participant.stopped_at) == MOST_STOPS and now_s - participant.stopped_at[0] <= HOUR_S


def may_return_at(participant: Participant, now_s: float) -> float:
    """Return from when on one that was shed may start again by time alone [monotonic s].

    Infinite: there is no room for it yet.
    """
    if was_stopped_often(participant, now_s):
        return participant.stopped_at[0] + HOUR_S
    return (
        NEVER
        if participant.room_since is None
        else participant.room_since + participant.room_needed_s
    )


def minimums_fit(participants: Sequence[Participant], room_ma: Sequence[int]) -> bool:
    """Tell whether the minima of these participants fit into the room [mA] on every phase."""
    return all(minimums_ma(participants, phase) <= ma for phase, ma in enumerate(room_ma))


def _shed_order(participant: Participant) -> tuple[int, float, int]:
    """Return the sort key for shedding: most energy first, then the one served longest."""
    return (-participant.energy_mwh, *_served_order(participant))


def _served_order(participant: Participant) -> tuple[float, int]:
    """Return the sort key that puts the participant first that was served longest."""
    served_since = (
        participant.offered_since if participant.offered_since is not None else float("inf")
    )
    return served_since, participant.settings.number


def _frees_enough(
    running: Sequence[Participant],
    leaving: Participant,
    next_one: Participant,
    room_ma: Sequence[int],
) -> bool:
    """Tell whether the minimum of another participant fits on its phases once this one has stopped."""
    others = [participant for participant in running if participant is not leaving]
    need_ma = next_one.settings.minimum_ma
    return all(minimums_ma(others, phase) + need_ma <= room_ma[phase] for phase in next_one.phases)


def minimums_ma(participants: Sequence[Participant], phase: int) -> int:
    """Return the sum of the minima [mA] of those participants that use a phase."""
    return sum(
        participant.settings.minimum_ma
        for participant in participants
        if phase in participant.phases
    )
