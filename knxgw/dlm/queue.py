"""The queue with rotation: which participant yields when not all minima fit. Pure.

Off by default. Without it the participants that came first keep their current, and an overcurrent at the
minimum interrupts all. Source: load-management 18.1.
"""

from collections.abc import Sequence
from dataclasses import replace

from knxgw.dlm.overcurrent import LONGEST_RESTART_S, RECURS_S
from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import Settings
from knxgw.dlm.use import NEVER

# a turn may end so much early, so that it does not last until the cycle a second later
SLACK_S = 0.5
NEARLY = 0.98  # energies of which the lower one is at least this part of the higher one are equal
ROOM_S = 60.0  # room for a participant that was shed must last this long (18.1f)
ROOM_MA = 1000  # and be this much more than its minimum (18.1f)
# a charging point whose turn has come, but for which there is no room, is passed over after this time
NEXT_WAITS_S = 120.0
HOUR_S = 3600.0
MOST_STOPS = 4  # of one charging point in an hour. Source: load-management 22


def participant_to_yield(
    running: Sequence[Participant],
    next_one: Participant,
    room_ma: Sequence[int],
    settings: Settings,
    now_s: float,
) -> Participant | None:
    """Return which running participant is to stop for `next_one`, which has waited longest; None: none.

    It must have had a full turn, not be prioritised, and make room for the minimum of `next_one`. Of several
    the one with the most energy in its session yields, of nearly equal ones the one that was served longest;
    one that was stopped often in the last hour only if there is no other. `room_ma`: what the minima may add
    up to per phase. Source: load-management 18.1b, 18.1g, 18.1m.
    """
    candidates = [
        participant
        for participant in running
        if participant.use.offered_since is not None
        and now_s - participant.use.offered_since >= settings.rotation_s - SLACK_S
        and participant.settings.number != settings.priority
        and _frees_enough(running, participant, next_one, room_ma)
    ]
    rarely_stopped = [one for one in candidates if not was_stopped_often(one, now_s)]
    preferred = rarely_stopped or candidates
    most_mwh = max((participant.energy_mwh for participant in preferred), default=0)
    nearly_most = [one for one in preferred if one.energy_mwh >= most_mwh * NEARLY]
    return min(nearly_most, key=_served_order, default=None)


def participants_to_shed(
    running: Sequence[Participant], room_ma: Sequence[int], settings: Settings, now_s: float
) -> list[Participant]:
    """Return which running participants must stop so that the minima of the others fit on each phase.

    Only participants on a phase that is too full stop, the one with the most energy first; those that were
    stopped often in the last hour come last. The prioritised one never stops, so the minima may still not
    fit. `room_ma`: what the minima may add up to per phase. Source: load-management 18.1b, 18.1c, 18.1m.
    """
    leaving: list[Participant] = []
    staying = list(running)
    order = sorted(running, key=lambda one: (was_stopped_often(one, now_s), *_shed_order(one)))
    for participant in order:
        full_phases = {
            phase for phase in range(len(room_ma)) if minimums_ma(staying, phase) > room_ma[phase]
        }
        if not full_phases:
            break
        if (
            full_phases.intersection(participant.phases)
            and participant.settings.number != settings.priority
        ):
            leaving.append(participant)
            staying.remove(participant)
    return leaving


def note_shed(participant: Participant, now_s: float) -> None:
    """Note that a participant was shed (stopped for lack of room), and for how long it needs room to return.

    That is 1 min (`ROOM_S`). If it had returned less than 10 min before (`RECURS_S`), the room did not
    last: then it is twice as long as the last time, at most 15 min. Source: load-management 18.1f, 18.1k.
    """
    shedding = participant.shedding
    has_just_returned = now_s - shedding.returned_at <= RECURS_S
    participant.shedding = replace(
        shedding,
        is_shed=True,
        room_since=None,
        may_return_anyway_at=None,  # never: only room lets it start again
        room_needed_s=(
            min(2 * shedding.room_needed_s, LONGEST_RESTART_S) if has_just_returned else ROOM_S
        ),
    )
    note_stop(participant, now_s)


def note_stop(participant: Participant, now_s: float) -> None:
    """Note when a participant was stopped by the queue (in place); its last four stops are kept."""
    stopped_at = (*participant.shedding.stopped_at[1 - MOST_STOPS :], now_s)
    participant.shedding = replace(participant.shedding, stopped_at=stopped_at)


def was_stopped_often(participant: Participant, now_s: float) -> bool:
    """Tell whether the queue has stopped a participant four times in the last hour: a fifth stop would be too many.

    Its last four stops are kept (`note_stop`), so the oldest of them tells.
    """
    stopped_at = participant.shedding.stopped_at
    return len(stopped_at) == MOST_STOPS and now_s - stopped_at[0] <= HOUR_S


def may_return_at(participant: Participant, now_s: float) -> float:
    """Return when a participant that was shed (stopped for lack of room) may start again [monotonic s].

    To be called only for one that is shed. That is when there has been room for it for `room_needed_s`, or
    `may_return_anyway_at` if that is earlier; NEVER: neither is in sight. One that was stopped often has to
    wait until the first of its last four stops is an hour ago, whatever room there is.
    """
    shedding = participant.shedding
    if was_stopped_often(participant, now_s):
        return shedding.stopped_at[0] + HOUR_S
    with_room_at = (
        NEVER if shedding.room_since is None else shedding.room_since + shedding.room_needed_s
    )
    may_return_anyway_at = shedding.may_return_anyway_at
    return with_room_at if may_return_anyway_at is None else min(with_room_at, may_return_anyway_at)


def minimums_fit(participants: Sequence[Participant], room_ma: Sequence[int]) -> bool:
    """Tell whether the minima of these participants fit into the room [mA] on every phase.

    Asked once some were stopped: if those of the others fit now, the lock-out is taken back.
    """
    return all(minimums_ma(participants, phase) <= ma for phase, ma in enumerate(room_ma))


def _shed_order(participant: Participant) -> tuple[int, float, int]:
    """Return the sort key for shedding: most energy first, then served longest, then the lowest number."""
    return (-participant.energy_mwh, *_served_order(participant))


def _served_order(participant: Participant) -> tuple[float, int]:
    """Return the sort key by which the participant that has had its minimum for longest comes first.

    One that does not have it comes last; of equal ones the lowest number comes first.
    """
    offered_since = participant.use.offered_since
    return NEVER if offered_since is None else offered_since, participant.settings.number


def _frees_enough(
    running: Sequence[Participant],
    leaving: Participant,
    next_one: Participant,
    room_ma: Sequence[int],
) -> bool:
    """Tell whether the minimum of `next_one` fits beside those of `running` once `leaving` has stopped.

    `room_ma`: what the minima may add up to per phase.
    """
    others = [participant for participant in running if participant is not leaving]
    return all(
        minimums_ma(others, phase) + next_one.required_ma(phase) <= room_ma[phase]
        for phase in next_one.phases
    )


def minimums_ma(participants: Sequence[Participant], phase: int) -> int:
    """Return the sum of the minima [mA] of those participants that use a phase.

    To be called for participants that have an offer: what they draw above it has made the room smaller already
    (`Claims`), so the plain minimum counts. For one that is to start there is `Participant.required_ma`.
    """
    return sum(
        participant.settings.minimum_ma
        for participant in participants
        if phase in participant.phases
    )
