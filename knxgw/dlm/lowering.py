"""Lowering: at once, and as far as the line or a newcomer needs it. Pure.

Source: load-management 9.3.
"""

from collections.abc import Mapping, Sequence
from enum import Enum

from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.meter import window_s
from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import (
    BACK_OFF_AFTER_RAISE_S,
    LOW_EXCESS_S,
    LOWERED_WITHIN_S,
    MOST_BACK_OFF,
)
from knxgw.dlm.state import PhaseState

# a smaller excess may be no more than a step of the meter: 41 mA at 60 A with 9.021
METER_STEP_MA = 50
# a reduction may help so much later than vehicles and meter need: an allowance, not derived from anything
HELP_SLACK_S = 1.0


def lower(cycle: CycleState, running: list[Participant], down_ma: Mapping[int, int]) -> None:
    """Lower offers that are above their allocation `down_ma` [mA, by number] (in place).

    An offer that is only a little above it stays, because a flicker of the building should cost no writes,
    unless the offers on one of its phases exceed the room (`Danger`), or a cap is below the offer. Where the
    excess on a phase is large, that is a safety reduction: raises wait after it.

    An offer goes to the minimum at once where less may not help: a safety reduction a moment ago has not
    helped and the vehicle is not measured, or the meter still shows more than it can express. While there is
    danger, it goes no higher than what the charger has acknowledged. Source: load-management 9.3.
    """
    danger = _update_dangers(cycle, running)
    reduced_in_vain = _phases_reduced_in_vain(cycle, danger) | _phases_above_fuse(cycle)
    still_over_range = _phases_still_over_range(cycle)
    for participant in running:
        target_ma = down_ma[participant.settings.number]
        if target_ma >= participant.offer_ma:
            continue
        if _needs_minimum(participant, reduced_in_vain, still_over_range):
            target_ma = participant.settings.minimum_ma
        is_safety = any(danger[index] is not Danger.NONE for index in participant.phases)
        # a charger with whole amperes would otherwise lose an ampere to each flicker
        little_ma = max(cycle.settings.lower_from_ma, participant.settings.resolution_ma)
        has_shrunk = participant.offer_ma - target_ma > little_ma
        is_capped = participant.highest_offer_ma < participant.offer_ma
        if is_safety:
            target_ma = _without_raise_in_flight_ma(participant, target_ma)
        if is_safety or has_shrunk or is_capped:
            cycle.set_offer(participant, target_ma)
            for index in participant.phases:
                if danger[index] is Danger.LARGE:
                    _note_safety_reduction(cycle, cycle.phases[index])


def _needs_minimum(
    participant: Participant, reduced_in_vain: set[int], still_over_range: set[int]
) -> bool:
    """Tell whether a participant that is lowered must go to its minimum at once, because less may not help.

    True where one of its phases is in `still_over_range`: by how much that carries too much is not known.
    Also true where one is in `reduced_in_vain` (a reduction has not helped) and the participant does not
    measure: how far its draw is below its offer is not known.
    """
    if not still_over_range.isdisjoint(participant.phases):
        return True
    is_measured = participant.settings.measures_current
    return not is_measured and not reduced_in_vain.isdisjoint(participant.phases)


def _without_raise_in_flight_ma(participant: Participant, target_ma: int) -> int:
    """Return to what an offer is lowered for safety [mA]: `target_ma`, or what is acknowledged if less.

    Where the charger has acknowledged less, a raise is still on its way to it. It must not take effect now,
    while the others have not obeyed their lower offers yet. The minimum at least.
    Source: load-management 9.3a.
    """
    acknowledged_ma = (
        None if participant.observation is None else participant.observation.acknowledged_ma
    )
    if acknowledged_ma is None or acknowledged_ma >= target_ma:
        return target_ma
    return max(acknowledged_ma, participant.settings.minimum_ma)


def _phases_reduced_in_vain(cycle: CycleState, danger: Sequence["Danger"]) -> set[int]:
    """Return the phases (0 to 2) in clear danger although they were reduced a moment ago.

    In danger: the offers on them exceed the room. So that reduction has not helped: a vehicle that draws less
    than its offer releases nothing when the offer is lowered a little, and without measurement nobody knows
    which vehicle does. `danger`: of each phase. Source: load-management 9.3j.
    """
    # until the vehicles have obeyed and the meter has shown it, twice
    soon_s = (
        cycle.settings.obey_s
        + 2 * cycle.state.meter.spacing_s
        + cycle.settings.meter_delay_s
        + HELP_SLACK_S
    )
    return {
        index
        for index, phase in enumerate(cycle.phases)
        if danger[index] is Danger.LARGE
        and cycle.now_s - _last_lowering_at(cycle, index, phase.reduced_at, soon_s) <= soon_s
    }


def _phases_above_fuse(cycle: CycleState) -> set[int]:
    """Return the phases (0 to 2) on which the meter shows more than the fuse carries for ever.

    There is no time to see whether lowering by what is too much helps. Source: load-management 9.3j.
    """
    return {
        index
        for index, value in enumerate(cycle.state.meter.values[: len(cycle.phases)])
        if value is not None and value.current_ma > cycle.settings.fuse_ma
    }


def _last_lowering_at(cycle: CycleState, index: int, reduced_at: float, soon_s: float) -> float:
    """Return when a vehicle was last lowered on a phase, in a safety reduction or soon after it [monotonic s].

    While vehicles follow a further lowering, the meter cannot show whether the reduction has helped.
    `reduced_at`: when the last safety reduction was; `soon_s`: what is soon.
    """
    lowered_at = (
        participant.transition.changed_at
        for participant in cycle.participants.values()
        if index in participant.phases
        and participant.offer_ma < participant.transition.previous_offer_ma
        and reduced_at <= participant.transition.changed_at <= reduced_at + soon_s
    )
    return max(lowered_at, default=reduced_at)


def _phases_still_over_range(cycle: CycleState) -> set[int]:
    """Return the phases (0 to 2) on which the meter is over range though a safety reduction has been obeyed.

    Over range: above what its datapoint type can express, so by how much the phase carries too much is not
    known. Source: load-management 3.1b.
    """
    found = set()
    for index, phase in enumerate(cycle.phases):
        value = cycle.state.meter.values[index]
        if value is not None and value.is_over_range:
            sampled_at = value.arrived_at - cycle.settings.meter_delay_s
            # vehicles obey within the first; a reduction before the second was for another load
            if LOWERED_WITHIN_S <= sampled_at - phase.reduced_at <= BACK_OFF_AFTER_RAISE_S:
                found.add(index)
    return found


def lower_for_newcomer(
    cycle: CycleState,
    running: list[Participant],
    newcomer: Participant,
    allocated_ma: Mapping[int, int],
) -> None:
    """Lower participants that run on a newcomer's phases, so that its minimum fits (in place).

    Each goes to its allocation, by however little. `allocated_ma`: by number, with the newcomer among those
    that share. Source: load-management 9.3c.
    """
    for participant in running:
        target_ma = allocated_ma[participant.settings.number]
        shares_phase = not set(participant.phases).isdisjoint(newcomer.phases)
        if target_ma < participant.offer_ma and shares_phase:
            cycle.set_offer(participant, target_ma)


class Danger(Enum):
    """How much the offers on a phase exceed its room."""

    NONE = "not"
    SMALL = "a little, but for a while"
    LARGE = "clearly: lowering is for safety, and raising waits after it"


def _update_dangers(cycle: CycleState, running: list[Participant]) -> list[Danger]:
    """Return for each phase how clearly the offers of `running` exceed the room that all others leave them.

    The others keep what they draw; one that draws while its charger interrupts keeps its offer. Since when
    a phase has had an excess is noted in its state (`excess_since`).
    """
    room_ma = list(cycle.room_now_ma)
    offered_ma = [0] * len(room_ma)
    running_numbers = {participant.settings.number for participant in running}
    for number, participant in cycle.participants.items():
        if number in running_numbers:
            for index in participant.phases:
                offered_ma[index] += participant.offer_ma
            continue
        holds_offer = participant.draws_while_interrupting
        for index in range(len(room_ma)):
            room_ma[index] -= participant.committed_ma(index, holds_offer=holds_offer)
    return [
        _update_danger(cycle, phase, offered_ma=offered_ma[index], room_ma=room_ma[index])
        for index, phase in enumerate(cycle.phases)
    ]


def _update_danger(
    cycle: CycleState, phase: PhaseState, *, offered_ma: int, room_ma: int
) -> Danger:
    """Return how clearly the offers on a phase exceed its room; note since when in `excess_since`.

    LARGE: by more than `lower_from_ma`. SMALL: by less, but for `LOW_EXCESS_S` (10 s). NONE: not, or not for
    so long, or nothing is offered, so that there is nothing to lower. Source: load-management 9.3a, 9.3b.
    """
    # an excess of no more than a step of the meter is none
    has_excess = offered_ma > room_ma + METER_STEP_MA
    if not has_excess or not offered_ma:
        phase.excess_since = None
        return Danger.NONE
    if phase.excess_since is None:
        phase.excess_since = cycle.now_s
    if offered_ma - room_ma > cycle.settings.lower_from_ma:
        return Danger.LARGE
    has_lasted = cycle.now_s - phase.excess_since >= LOW_EXCESS_S
    return Danger.SMALL if has_lasted else Danger.NONE


def _note_safety_reduction(cycle: CycleState, phase: PhaseState) -> None:
    """Note a safety reduction on a phase; back off if a raise led to it because a load came back.

    Backing off doubles the time until the next raise and the window of the peak-hold (`back_off`: the
    exponent). That helps only if the load had been away (`level_absent_s`) for longer than the present
    window: a longer one would have remembered the load, and nothing would have been raised. Source:
    load-management 9.4e.
    """
    now_s = cycle.now_s
    if phase.reduced_at == now_s:
        return  # it was noted for another participant that was lowered in this cycle
    phase.reduced_at = now_s
    level_absent_s, window = phase.level_absent_s, window_s(cycle.state.meter)
    if level_absent_s is None or now_s - phase.raised_at > BACK_OFF_AFTER_RAISE_S:
        return  # the load is a new one, or no raise has led to this reduction
    if window * 2**phase.back_off < level_absent_s:
        phase.back_off = min(phase.back_off + 1, MOST_BACK_OFF)
        phase.back_off_useful_at = now_s
