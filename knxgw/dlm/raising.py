"""Raising: slowly, after the meter has measured, and only what has been released. Pure.

A *small* raise, of less than 0.5 A (`raise_from_ma`), is hardly worth a write: it is made only once it has been
possible for 30 s. One of less than 0.2 A, or of less than a step of the charger, is never made.

Source: load-management 9.4.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from knxgw.dlm.allocation import (
    AllocationRequest,
    mains_constraints,
    room_by_mains_phase,
    rounded,
    solve,
)
from knxgw.dlm.commitment import committed_ma, held_for_unseen_ma, is_awaiting_release
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.meter import are_values_recent, is_moment_complete, peak_hold_s
from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import (
    SMALL_RAISE_MA,
    SMALL_RAISE_S,
)
from knxgw.dlm.state import PhaseState

# differences of instants are not exact: a raise that is due must not miss its cycle
CLOCK_SLACK_S = 1e-6


def raise_offers(
    cycle: CycleState, running: list[Participant], target_ma: Mapping[int, int]
) -> None:
    """Raise offers towards `target_ma` [mA, by number], as far as others have released the current (in place).

    Each rises by 2 A (`raise_ma`) at most. Two rooms count. The raises are worked out in `room_to_raise_ma`,
    as far as it is not committed. With a fast meter the last sample may leave a still higher base load
    possible, so they must also fit `room_to_grant_ma`, which is never larger: where all raises on a phase do
    not fit that together, no participant on that phase is raised before the next sample. What free charging
    points are offered, or were until a moment ago, is withdrawn first: a vehicle that nobody has read yet may
    draw it. Must be called once offers were lowered and newcomers started. Source: load-management 5.5, 7.2d,
    9.4.
    """
    _raise_possible(cycle, running, target_ma)
    for participant in running:
        lacked_ma = target_ma[participant.settings.number] - participant.offer_ma
        for index in participant.phases:
            cycle.lacked_ma[index] += max(0, lacked_ma)


def _raise_possible(
    cycle: CycleState, running: list[Participant], target_ma: Mapping[int, int]
) -> None:
    """Raise those that may rise now; withdraw for the others what free charging points are offered (in place)."""
    possible = _possible_raises(cycle, running, target_ma)
    if not possible:
        return
    held_ma = committed_ma(cycle)  # what all may draw at once: the rest is free for raises
    free_ma = room_by_mains_phase(
        [room - held for room, held in zip(cycle.room_to_raise_ma, held_ma, strict=True)]
    )
    requests = [_raise_request(cycle, one) for one in possible]
    # rounded to what a charger can express; a whole step that is left over is given to one of them
    granted_rises_ma = rounded(free_ma, requests, solve(free_ma, requests))
    for one, rise_ma in zip(possible, granted_rises_ma, strict=True):
        for index in one.participant.phases:
            held_ma[index] += rise_ma
    with_unseen_ma = [
        held + unseen for held, unseen in zip(held_ma, held_for_unseen_ma(cycle), strict=True)
    ]
    for one, rise_ma in zip(possible, granted_rises_ma, strict=True):
        # both have all the raises in them by now: those that do not fit together wait alike
        phases = one.participant.phases
        if rise_ma <= 0 or not _fits(held_ma, cycle.room_to_grant_ma, phases):
            continue
        if _fits(with_unseen_ma, cycle.room_to_raise_ma, phases):
            _raise_offer(cycle, one.participant, rise_ma)
            continue
        for index in phases:
            cycle.claimed_ma[index] += rise_ma


def _fits(needed_ma: Sequence[int], room_ma: Sequence[int], phases: Sequence[int]) -> bool:
    """Tell whether what is needed per phase [mA] fits in the room on some phases (0 to 2)."""
    return all(needed_ma[index] <= room_ma[index] for index in phases)


class PossibleRaise(NamedTuple):
    """A participant that may rise now, and by how much at most."""

    participant: Participant
    rise_ma: int


def _raise_request(cycle: CycleState, possible: PossibleRaise) -> AllocationRequest:
    """Return what a participant that may rise asks of the free room: only its rise, up to `rise_ma`.

    Its present offer is taken out of that room already.
    """
    participant = possible.participant
    return AllocationRequest(
        minimum_ma=0,
        cap_ma=possible.rise_ma,
        constraints=mains_constraints(participant.phases),
        is_prioritised=participant.settings.number == cycle.settings.priority,
        resolution_ma=participant.settings.resolution_ma,
        energy_mwh=participant.energy_mwh,
    )


def _raise_offer(cycle: CycleState, participant: Participant, rise_ma: int) -> None:
    """Raise an offer by `rise_ma`, and note when, and how many complete sets the meter had sent by then.

    The next raise of this participant waits for some seconds, and mostly for one set more. How long a small
    raise has been possible is timed from scratch, because after any raise another one is left. When its phases
    were raised is noted, too: a safety reduction soon after may begin a back-off (`lowering`).
    """
    cycle.set_offer(participant, participant.offer_ma + rise_ma)
    participant.last_raise = cycle.raise_in_this_cycle
    participant.small_raise_possible_since = None
    for index in participant.phases:
        cycle.phases[index].raised_at = cycle.now_s


def _possible_raises(
    cycle: CycleState, running: list[Participant], target_ma: Mapping[int, int]
) -> list[PossibleRaise]:
    """Return which of `running` may rise towards their target now, and by how much at most [mA].

    A small raise is timed here, and left out until it is due; one that lacks nothing counts as small and never
    is. Of the others, those may rise whose last raise is 5 s ago (`raise_spacing_s`) and measured
    (`_may_participant_rise`); whether they may or must wait, the next cycle looks again
    (`is_next_cycle_needed`). `target_ma`: by number.
    """
    settings = cycle.settings
    possible: list[PossibleRaise] = []
    for participant in running:
        lacked_ma = target_ma[participant.settings.number] - participant.offer_ma
        rise_ma = min(lacked_ma, settings.raise_ma)
        is_small = rise_ma < max(settings.raise_from_ma, participant.settings.resolution_ma)
        if is_small:
            _time_small_raise(participant, rise_ma, cycle.now_s)
            if not _is_small_raise_due(participant, cycle.now_s):
                continue
        cycle.is_next_cycle_needed = True  # it could have more
        if _may_participant_rise(cycle, participant):
            possible.append(PossibleRaise(participant, rise_ma))
    return possible


def _time_small_raise(participant: Participant, rise_ma: int, now_s: float) -> None:
    """Note since when a raise that is too small to be made at once has been possible (in place).

    To be called only for such a raise. Each costs a write, so it is made only once it has been possible for a
    while. One below 0.2 A (`SMALL_RAISE_MA`), or below a step of the charger, is never made and not timed.
    """
    if rise_ma < max(SMALL_RAISE_MA, participant.settings.resolution_ma):
        participant.small_raise_possible_since = None
    elif participant.small_raise_possible_since is None:
        participant.small_raise_possible_since = now_s


def _is_small_raise_due(participant: Participant, now_s: float) -> bool:
    """Tell whether a small raise has been possible for `SMALL_RAISE_S` (30 s), so that it is worth a write.

    Such a raise is below 0.5 A (`raise_from_ma`), but at least 0.2 A and a step of the charger: a smaller one is
    never timed (`_time_small_raise`). If small raises were never made, each of many vehicles would leave nearly
    0.5 A unused, for hours. Source: load-management 9.4g.
    """
    since = participant.small_raise_possible_since
    return since is not None and now_s - since >= SMALL_RAISE_S


def _may_participant_rise(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether a participant may be raised now: its last raise is long enough ago, and has been measured.

    `raise_spacing_s` (5 s) must have passed, the meter must have measured all phases since, and each of its
    phases must be out of the hold after a safety reduction. Nothing may wait for the meter that a raise
    would hide. Source: load-management 9.4a, 9.4d, 9.4h.
    """
    if cycle.now_s - participant.last_raise.at < cycle.settings.raise_spacing_s - CLOCK_SLACK_S:
        return False
    if cycle.is_phase_test_open:
        return False  # a vehicle was lowered for a test: a raise would hide which phases it uses
    if is_awaiting_release(cycle, participant):
        return False  # a raise would hide that its last reduction has freed nothing
    if not cycle.is_static and not _has_meter_caught_up(cycle, participant):
        return False
    return all(_may_phase_rise(cycle, cycle.phases[index]) for index in participant.phases)


def _has_meter_caught_up(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether the meter has shown what follows from a participant's last raise, and the whole line since.

    Mostly a complete set (a value of each phase) must have come since that raise, with no value too old to
    raise by. No single phase may have come after that set: the building may have grown on the phases that
    are still to come, too.

    A meter that sends changes only is silent about a phase that has not changed, so no set can be asked
    for. There it is enough that no telegram of its newest moment is awaited any more: 0.5 s (`APART_S`)
    have passed, or each of the participant's phases has come. Source: load-management 3.1h, 3.1k, 9.4d.
    """
    meter, sets = cycle.state.meter, cycle.state.meter.sets
    if cycle.has_meter_on_change:
        return is_moment_complete(meter, participant.phases, cycle.now_s)
    has_set_come_since = sets.count > participant.last_raise.set_count
    # no phase has come after the last set (`fresh_phases`), or only in the same instant
    is_set_the_latest = sets.completed_at == cycle.now_s or not sets.fresh_phases
    return (
        has_set_come_since
        and is_set_the_latest
        and are_values_recent(meter, cycle.settings, cycle.now_s)
    )


def _may_phase_rise(cycle: CycleState, phase: PhaseState) -> bool:
    """Tell whether a phase's last safety reduction is long enough ago for a raise.

    The hold lasts as long as the window of the peak-hold; a back-off makes it 2**k times as long. With a
    static limit there is no load of a building that could come back: always true. Source: load-management
    9.4b, 9.4e.
    """
    hold_s = peak_hold_s(cycle.state.meter) * 2**phase.back_off
    return cycle.is_static or cycle.now_s - phase.reduced_at >= hold_s
