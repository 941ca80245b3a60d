"""Lowering: at once, and as far as the line or a newcomer needs it. Pure.

Source: load-management 9.3.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from math import inf

from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.meter import peak_hold_s
from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import (
    BACK_OFF_AFTER_RAISE_S,
    LOW_EXCESS_S,
    LOWERED_WITHIN_S,
    MOST_BACK_OFF,
)
from knxgw.dlm.state import PhaseState

# up to so long after a safety reduction a phase is over range by the load for which it was reduced
SAME_LOAD_WITHIN_S = 60.0
# a smaller excess may be no more than a step of the meter: 41 mA at 60 A with 9.021
METER_STEP_MA = 50
# a value of the meter so recent is the one for which offers are lowered now: cycles come once a second
JUST_SHOWN_S = 1.0
# a reduction may help so much later than vehicles and meter need: an allowance, not derived from anything
HELP_SLACK_S = 1.0


def lower(cycle: CycleState, running: list[Participant], down_ma: Mapping[int, int]) -> None:
    """Lower offers that are above their allocation `down_ma` [mA, by number] (in place).

    An offer is lowered where the offers on one of its phases exceed the room (`Danger`), where it is above
    its allocation by more than a flicker of the building, or where its cap has fallen below it. A smaller
    difference costs no write to the charger: the offer stays. Lowering on a phase with a large excess
    (`Danger.LARGE`), or that was just shown above the limit, is a *safety reduction*: raises wait after it.

    An offer that is lowered goes to its minimum at once where lowering it by less may not help
    (`_needs_minimum`). While there is danger it goes no higher than what the charger has acknowledged.
    Source: load-management 9.3.
    """
    danger = _update_dangers(cycle, running)
    minimum_if_unmeasured = _phases_reduced_in_vain(cycle, danger) | _phases_above_fuse(cycle)
    minimum_for_all = _phases_still_over_range(cycle)
    shown_above_limit = _phases_just_shown_above_limit(cycle)
    for participant in running:
        target_ma = down_ma[participant.settings.number]
        if target_ma >= participant.offer_ma:
            continue
        if _needs_minimum(participant, minimum_if_unmeasured, minimum_for_all):
            target_ma = participant.settings.minimum_ma
        is_in_danger = any(danger[index] is not Danger.NONE for index in participant.phases)
        # a charger with whole amperes would otherwise lose an ampere to each flicker
        flicker_ma = max(cycle.settings.lower_from_ma, participant.settings.resolution_ma)
        has_shrunk = participant.offer_ma - target_ma > flicker_ma
        is_above_cap = participant.highest_offer_ma < participant.offer_ma
        if is_in_danger:
            target_ma = _without_raise_in_flight_ma(participant, target_ma)
        if is_in_danger or has_shrunk or is_above_cap:
            cycle.set_offer(participant, target_ma)
            for index in participant.phases:
                if danger[index] is Danger.LARGE or index in shown_above_limit:
                    _note_safety_reduction(cycle, cycle.phases[index])


def _needs_minimum(
    participant: Participant, minimum_if_unmeasured: set[int], minimum_for_all: set[int]
) -> bool:
    """Tell whether a participant that is lowered goes to its minimum at once, because less may not help.

    `minimum_for_all`: the phases (0 to 2) whose meter is still over range after a safety reduction: by how
    much they carry too much is not known. `minimum_if_unmeasured`: those that were reduced in vain or are
    above the fuse; there it is not known how far the draw of a vehicle that is not measured is below its
    offer.
    """
    if not minimum_for_all.isdisjoint(participant.phases):
        return True
    is_measured = participant.settings.measures_current
    return not is_measured and not minimum_if_unmeasured.isdisjoint(participant.phases)


def _without_raise_in_flight_ma(participant: Participant, target_ma: int) -> int:
    """Return to what an offer is lowered in danger [mA]: `target_ma`, or less if less is acknowledged.

    To be called only in danger, for an offer that is lowered. Where the charger has acknowledged less, a
    raise is still on its way to it, or was refused. It must not take effect now, while the others have not
    yet obeyed their lower offers. The result is no less than the minimum. Source: load-management 9.3a.
    """
    acknowledged_ma = (
        None if participant.observation is None else participant.observation.acknowledged_ma
    )
    if acknowledged_ma is None or acknowledged_ma >= target_ma:
        return target_ma
    return max(acknowledged_ma, participant.settings.minimum_ma)


def _phases_reduced_in_vain(cycle: CycleState, danger: Sequence["Danger"]) -> set[int]:
    """Return the phases (0 to 2) whose offers clearly exceed the room again soon after a safety reduction.

    That reduction made the offers fit, so it seems to have freed nothing: a vehicle that draws less than
    its offer releases nothing when the offer is lowered a little, and without measurement nobody knows
    which vehicle does. `danger`: of each phase. Source: load-management 9.3j.
    """
    # soon: until the vehicles must have obeyed, and the meter has shown it in two sets
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
    """Return the phases (0 to 2) on which the meter shows more than the rated current of the fuse.

    There unmeasured vehicles go to their minimum at once: there is no time to see whether lowering them by
    the excess alone helps. Source: load-management 9.3j.
    """
    return _phases_shown_above(cycle, cycle.settings.fuse_ma)


def _phases_just_shown_above_limit(cycle: CycleState) -> set[int]:
    """Return the phases (0 to 2) of which the meter has just shown clearly more than the limit.

    The offers may seem to fit there already, because others were lowered for the same load on another phase,
    a moment ago. Whether these use this phase is only assumed where they do not measure, so what is lowered
    now may be what the line needs. Source: load-management 9.3a.
    """
    clearly_above_ma = cycle.settings.limit_ma + cycle.settings.lower_from_ma
    return _phases_shown_above(cycle, clearly_above_ma, within_s=JUST_SHOWN_S)


def _phases_shown_above(cycle: CycleState, current_ma: int, *, within_s: float = inf) -> set[int]:
    """Return the phases (0 to 2) of which the meter's last value is above a current, and no older than that."""
    return {
        index
        for index, value in enumerate(cycle.state.meter.values[: len(cycle.phases)])
        if value is not None
        and value.current_ma > current_ma
        and cycle.now_s - value.arrived_at < within_s
    }


def _last_lowering_at(cycle: CycleState, index: int, reduced_at: float, soon_s: float) -> float:
    """Return when a vehicle on a phase was last lowered, in a safety reduction or soon after it [monotonic s].

    While vehicles follow a further lowering, the meter cannot show yet whether the reduction has helped:
    the time to wait begins again. `reduced_at`: when the last safety reduction was; `soon_s`: how long
    after it a lowering still counts.
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
    """Return the phases (0 to 2) whose meter is over range, although vehicles have obeyed a safety reduction.

    That is so if the value was sampled between 5 s (`LOWERED_WITHIN_S`) and 60 s (`SAME_LOAD_WITHIN_S`) after
    the last safety reduction; the end of a meter fault counts as one. Over range means above what the datapoint
    type can express: nobody knows by how much the phase carries too much, and lowering by a computed excess may
    never be enough. So vehicles that are lowered there go to their minimum at once. Source: load-management
    3.1b.
    """
    found = set()
    for index, phase in enumerate(cycle.phases):
        value = cycle.state.meter.values[index]
        if value is not None and value.is_over_range:
            sampled_at = value.arrived_at - cycle.settings.meter_delay_s
            since_reduction_s = sampled_at - phase.reduced_at
            # earlier, vehicles need not have obeyed yet; later, the reduction was for another load
            if LOWERED_WITHIN_S <= since_reduction_s <= SAME_LOAD_WITHIN_S:
                found.add(index)
    return found


def lower_for_newcomer(
    cycle: CycleState,
    running: list[Participant],
    newcomer: Participant,
    allocated_ma: Mapping[int, int],
) -> None:
    """Lower participants that run on a newcomer's phases, so that its minimum fits (in place).

    To be called only while the minimum does not fit. Each goes to its allocation, by however little.
    `allocated_ma`: by number, with the newcomer among those that share. Source: load-management 9.3c.
    """
    for participant in running:
        target_ma = allocated_ma[participant.settings.number]
        shares_phase = not set(participant.phases).isdisjoint(newcomer.phases)
        if target_ma < participant.offer_ma and shares_phase:
            cycle.set_offer(participant, target_ma)


class Danger(Enum):
    """How clearly the offers on a phase exceed its room: they must be lowered, or the line carries too much."""

    NONE = "not"
    SMALL = "a little, but for a while"
    LARGE = "clearly: lowering them is a safety reduction, after which raises wait"


def _update_dangers(cycle: CycleState, running: list[Participant]) -> list[Danger]:
    """Return for each phase how clearly the offers of `running` exceed the room that all others leave them.

    The others keep what they draw; one that draws while its charger interrupts keeps its offer. Also noted,
    in the state of each phase: since when it has had an excess (`excess_since`).
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

    LARGE: by more than `lower_from_ma`. SMALL: by less, but for 10 s (`LOW_EXCESS_S`). NONE: not at all,
    not for so long yet, or nothing is offered, so that there is nothing to lower. `offered_ma`: the sum of
    the offers. Source: load-management 9.3a, 9.3b.
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
    """Note a safety reduction on a phase; begin or lengthen a back-off if a raise has led to it.

    That is so for a load that comes and goes: offers were raised while it was away, and it came back less
    than a minute after the last raise. Backing off doubles the time until the next raise and the window of
    the peak-hold: they are 2**k times as long (`back_off` is k). It helps only if the load had been away
    (`level_absent_s`) for longer than the present window; otherwise the window still held the load when the
    raise was made. Source: load-management 9.4e.
    """
    now_s = cycle.now_s
    if phase.reduced_at == now_s:
        return  # it was noted for another participant that was lowered in this cycle
    phase.reduced_at = now_s
    level_absent_s, window = phase.level_absent_s, peak_hold_s(cycle.state.meter)
    if level_absent_s is None or now_s - phase.raised_at > BACK_OFF_AFTER_RAISE_S:
        return  # the load is a new one, or no raise has led to this reduction
    if window * 2**phase.back_off < level_absent_s:
        phase.back_off = min(phase.back_off + 1, MOST_BACK_OFF)
        phase.back_off_useful_at = now_s
