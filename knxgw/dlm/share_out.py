"""The part of a cycle that shares out what there is: admit, lower, start, raise, explain.

`admit` finds which waiting participants get a minimum if the others give way; the allocation is solved for
them and those that run, twice: for the room there is now, and for the room there is with peak-hold. Lowering
follows the first at once. Raising follows the smaller of both, needs a complete set of the meter, and gives
only what has been released (the sum of the larger of offer and draw never exceeds the room).

Source: load-management 8, 9, 14, 18.1.
"""

from collections.abc import Container, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from knxgw.catalogue.codes import Reason
from knxgw.dlm import queue as queues
from knxgw.dlm.allocation import AllocationRequest, of_mains, on_mains, rounded, solve
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.even_out import even_out
from knxgw.dlm.meter import are_values_recent, is_moment_complete, window_s
from knxgw.dlm.participant import Participant
from knxgw.dlm.phase_test import next_to_test, note_test
from knxgw.dlm.reasons import note_reasons
from knxgw.dlm.settings import (
    BACK_OFF_AFTER_RAISE_S,
    LOW_EXCESS_S,
    MOST_BACK_OFF,
    SMALL_RAISE_MA,
    SMALL_RAISE_S,
)
from knxgw.dlm.state import PhaseState, Turn
from knxgw.dlm.trial import may_try, note_failure, note_trial

CLOCK_SLACK_S = 1e-6
METER_STEP_MA = 50  # the resolution of 9.021 at 60 A: no excess
OBEYED_S = 5.0  # a vehicle follows a lower limit within this time (IEC 61851-1)


def share_out(cycle: CycleState) -> None:
    """Allocate the room: admit newcomers, lower, start, raise, and note the reason of each offer.

    An idle participant has its minimum, and no part in the allocation. Source: load-management 8, 9.
    """
    eligible = cycle.eligible
    active = [participant for participant in eligible if not participant.is_idle]
    running = [participant for participant in active if participant.offer_ma > 0]
    waiting = [participant for participant in active if participant.offer_ma == 0]
    _end_turn(cycle, waiting)
    admitted = _admit_newcomers(cycle, running, waiting) if waiting else []
    requests = {
        participant.settings.number: _allocation_request(cycle, participant)
        for participant in (*running, *admitted)
    }
    others_ma = _committed_by_others_ma(cycle, requests)
    down_ma = _allocated(cycle.room_now_ma, others_ma, requests)
    target_ma = (
        down_ma
        if cycle.room_to_raise_ma == cycle.room_now_ma
        else _allocated(cycle.room_to_raise_ma, others_ma, requests)
    )
    _update_scarcity(cycle, running, target_ma)
    _lower(cycle, running, down_ma)
    least_ma = {number: min(ma, down_ma[number]) for number, ma in target_ma.items()}
    even_out(cycle, running, down_ma, least_ma)
    for participant in admitted:
        if not cycle.has_room(cycle.certain_room_ma, participant):
            certain_ma = _allocated(cycle.certain_room_ma, others_ma, requests)
            _lower_for_newcomer(cycle, running, participant, certain_ma)
        _start_if_possible(cycle, running, participant)
    _raise(cycle, running, _targets_beside_hopeful(cycle, running, waiting, admitted, least_ma))
    _test_phases(cycle)
    note_reasons(cycle, running, waiting, target_ma)
    for participant in eligible:
        if participant.is_idle:
            cycle.set_offer(participant, participant.settings.minimum_ma)
            cycle.reasons[participant.settings.number] = Reason.IDLE


def _admit_newcomers(
    cycle: CycleState, running: list[Participant], waiting: list[Participant]
) -> list[Participant]:
    """Return the waiting participants that get a minimum if the others give way.

    `waiting` is put into the order of admission. With the queue one of `running` may be stopped for one
    that waits, and is taken out. It is noted for whom others gave way in vain.
    """
    waiting.sort(key=lambda participant: _admission_order(cycle, participant))
    _rotate_if_due(cycle, running, waiting)
    admitted = _admit(cycle, running, waiting, cycle.room_to_raise_ma)
    _note_failures(cycle, running, waiting, admitted)
    return admitted


def _test_phases(cycle: CycleState) -> None:
    """Lower a vehicle whose charger does not measure for a moment, to see which phases it uses.

    Source: load-management 4.7.
    """
    if cycle.is_static or cycle.is_answer_awaited:
        return
    line = cycle.state.line_at_rest
    participant = next_to_test(line, cycle.participants, cycle.settings, cycle.now_s)
    if participant is not None:
        cycle.set_offer(participant, participant.settings.minimum_ma)
        note_test(participant, cycle.now_s)


def _start_if_possible(
    cycle: CycleState, running: list[Participant], newcomer: Participant
) -> None:
    """Start an admitted newcomer if its minimum fits by now; else the others are still giving way.

    It waits for the other telegrams of a moment, because a phase may carry more than it reported last, and
    for the answer of the meter to a test.
    """
    if cycle.is_answer_awaited or not is_moment_complete(cycle.meter, newcomer.phases, cycle.now_s):
        cycle.is_at_target = False
    elif cycle.try_to_claim_start(cycle.room_to_raise_ma, newcomer):
        cycle.start(newcomer)
    else:
        note_trial(newcomer, running, cycle.now_s)


def _allocation_request(cycle: CycleState, participant: Participant) -> AllocationRequest:
    """Return what a participant asks of the allocation."""
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


def _committed_by_others_ma(cycle: CycleState, numbers: Container[int]) -> list[int]:
    """Return the commitments per phase [mA] of the participants that are not in `numbers`.

    One that was just offered 0 A is left out until it must have obeyed: its current is about to be
    released, and a raise waits for the meter anyway. One whose charger interrupts although its vehicle
    still draws holds its offer, the others hold what they draw.
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


def _allocated(
    room_ma: Sequence[int], others_ma: Sequence[int], requests: Mapping[int, AllocationRequest]
) -> dict[int, int]:
    """Return the allocation [mA] by number, in the room per phase beside what others hold (`others_ma`)."""
    if not requests:
        return {}
    room_ma = [free - held for free, held in zip(room_ma, others_ma, strict=True)]
    room = of_mains(room_ma)
    ordered = list(requests.values())
    return dict(zip(requests, rounded(room, ordered, solve(room, ordered)), strict=True))


def _update_scarcity(
    cycle: CycleState, running: Sequence[Participant], target_ma: Mapping[int, int]
) -> None:
    """Note since when others on the same phases lack what a vehicle with a cap by use does not use.

    Then its headroom is narrowed. Source: load-management 14.1.
    """
    if all(participant.use_cap_ma is None for participant in running):
        return
    scarce_phases = {
        index
        for participant in running
        if target_ma[participant.settings.number]
        < participant.highest_offer_ma - cycle.settings.raise_from_ma
        for index in participant.phases
    }
    for participant in running:
        if not scarce_phases.intersection(participant.phases):
            participant.others_lack_since = None
        elif participant.others_lack_since is None:
            participant.others_lack_since = cycle.now_s


# --- admit ---------------------------------------------------------------------------------------


def _admission_order(
    cycle: CycleState, participant: Participant
) -> tuple[bool, bool, int, float, int]:
    """Return the sort key of admission: prioritised first, then least energy in the session.

    With the queue the one that another one has yielded to comes before, and of equal energies the one that
    has waited longest. Source: load-management 9.2a, 18.1l.
    """
    number = participant.settings.number
    since = (
        participant.waiting_since
        if cycle.settings.queue and participant.waiting_since is not None
        else 0.0
    )
    is_first = number == cycle.settings.priority
    is_its_turn = cycle.turn is not None and cycle.turn.number == number
    return not is_first, not is_its_turn, participant.energy_mwh, since, number


def _end_turn(cycle: CycleState, waiting: Sequence[Participant]) -> None:
    """End the wait for the participant that another one has yielded to, once it is over or in vain.

    It has its current, does not want to charge any more, or there is no room for it after all.
    """
    turn = cycle.turn
    if turn is None:
        return
    is_late = cycle.now_s - turn.since >= queues.NEXT_WAITS_S
    if is_late or all(participant.settings.number != turn.number for participant in waiting):
        cycle.turn = None


def _rotate_if_due(
    cycle: CycleState, running: list[Participant], waiting: list[Participant]
) -> None:
    """Stop a participant that has had its turn, for the one that has waited for a turn or longer.

    Not if that one can be admitted without. The one that stops is taken out of `running`.
    Source: load-management 18.1g.
    """
    settings, now_s = cycle.settings, cycle.now_s
    if not settings.queue or cycle.turn is not None:
        return  # there is no queue, or it is already the turn of one that waits
    turn_began_by = now_s - settings.rotation_s + queues.SLACK_S
    next_one = min(waiting, key=lambda one: (one.waiting_since or now_s, one.settings.number))
    if (next_one.waiting_since or now_s) > turn_began_by:
        return  # none has waited for a whole turn
    if _admit(cycle, running, [next_one], cycle.room_to_raise_ma):
        return  # it fits beside all that run
    room = _room_beside_others_ma(cycle, cycle.room_to_raise_ma, running, waiting)
    leaving = queues.participant_to_yield(running, next_one, room, settings, now_s)
    if leaving is not None:
        _give_turn(cycle, leaving, next_one)
        running.remove(leaving)


def _give_turn(cycle: CycleState, leaving: Participant, next_one: Participant) -> None:
    """Stop a participant, and give its turn to another one, for which the room is made by that."""
    cycle.set_offer(leaving, 0)
    queues.note_stop(leaving, cycle.now_s)
    cycle.turn = Turn(number=next_one.settings.number, since=cycle.now_s)
    next_one.was_shed = False
    cycle.reasons[leaving.settings.number] = Reason.WAITING_FOR_CURRENT


def _room_beside_others_ma(
    cycle: CycleState,
    available_ma: Sequence[int],
    running: list[Participant],
    waiting: list[Participant],
) -> list[int]:
    """Return the room per phase [mA] for these participants: what is available less what others hold."""
    others_ma = _committed_by_others_ma(
        cycle, {participant.settings.number for participant in (*running, *waiting)}
    )
    return [ma - other_ma for ma, other_ma in zip(available_ma, others_ma, strict=True)]


def _admit(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    available_ma: Sequence[int],
) -> list[Participant]:
    """Return the waiting participants whose minimum fits into `available_ma` if the others make room.

    In their order, each beside the minima of those before it. Source: load-management 9.2b.
    """
    minimums = [
        sum(
            participant.settings.minimum_ma
            for participant in running
            if index in participant.phases
        )
        for index in range(len(cycle.phases))
    ]
    room = _room_beside_others_ma(cycle, available_ma, running, waiting)
    room_now = _room_beside_others_ma(cycle, cycle.room_now_ma, running, waiting)
    admitted = []
    for participant in waiting:
        need_ma = participant.settings.minimum_ma
        if not may_try(participant, cycle.now_s):
            continue
        if _try_to_readmit(cycle, participant, minimums, room_now) and all(
            minimums[index] + need_ma <= room[index] for index in participant.phases
        ):
            admitted.append(participant)
            for index in participant.phases:
                minimums[index] += need_ma
    return admitted


def _note_failures(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    admitted: list[Participant],
) -> None:
    """Note for whom others gave way in vain: the meter shows that its minimum does not fit."""
    tried = [one for one in waiting if one.tried_since is not None and one not in admitted]
    if tried:
        hopeful = _admit(cycle, running, waiting, cycle.certain_room_ma)
        for one in tried:
            if one not in hopeful:
                note_failure(one, cycle.now_s)


def _targets_beside_hopeful(
    cycle: CycleState,
    running: list[Participant],
    waiting: list[Participant],
    admitted: list[Participant],
    least_ma: Mapping[int, int],
) -> Mapping[int, int]:
    """Return to what each may rise [mA] without taking what one that waits is about to get.

    That one is kept from starting by the uncertainty of the base load alone. It ends within seconds, and
    one that was raised meanwhile would have to give way at once.
    """
    if len(admitted) == len(waiting) or cycle.certain_room_ma == cycle.room_to_raise_ma:
        return least_ma
    hopeful = _admit(cycle, running, waiting, cycle.certain_room_ma)
    requests = {
        participant.settings.number: _allocation_request(cycle, participant)
        for participant in (*running, *hopeful)
    }
    clear_ma = _allocated(cycle.certain_room_ma, _committed_by_others_ma(cycle, requests), requests)
    return {number: min(ma, clear_ma.get(number, ma)) for number, ma in least_ma.items()}


def _try_to_readmit(
    cycle: CycleState, participant: Participant, minimums: list[int], room: list[int]
) -> bool:
    """Readmit one that was shed, once there has been room for it for long enough; false: not yet.

    One that was not shed needs no readmission: true. The room at each moment counts, not the peak: that it
    lasts is what the time is for. One that was stopped often waits for the hour to end: contactor and
    vehicle wear. Source: load-management 18.1f.
    """
    if not participant.was_shed:
        return True
    if queues.was_stopped_often(participant, cycle.now_s):
        return False
    need_ma = participant.settings.minimum_ma + queues.ROOM_MA
    if any(minimums[index] + need_ma > room[index] for index in participant.phases):
        participant.room_since = None
        return False
    if participant.room_since is None:
        participant.room_since = cycle.now_s
    if cycle.now_s - participant.room_since < participant.room_needed_s:
        return False  # there is room, but it has not lasted for long enough
    participant.was_shed, participant.room_since, participant.returned_at = False, None, cycle.now_s
    return True


# --- lower ---------------------------------------------------------------------------------------


def _lower(cycle: CycleState, running: list[Participant], down_ma: Mapping[int, int]) -> None:
    """Lower the offers that are too high, at once; note it where the line was in danger.

    A share that is a little less lowers none, unless the line is in danger or a cap is below the offer.
    Source: load-management 9.3.
    """
    danger = _update_dangers(cycle, running)
    again, still_over = _phases_in_danger_again(cycle, danger), _phases_still_over_range(cycle)
    for participant in running:
        target_ma = down_ma[participant.settings.number]
        if target_ma >= participant.offer_ma:
            continue
        if _needs_minimum(participant, again, still_over):
            target_ma = participant.settings.minimum_ma
        is_safety = any(danger[index] is not Danger.NONE for index in participant.phases)
        step_ma = max(cycle.settings.lower_from_ma, participant.settings.resolution_ma)
        has_shrunk = participant.offer_ma - target_ma > step_ma
        is_capped = participant.highest_offer_ma < participant.offer_ma
        if is_safety:
            target_ma = _without_raise_in_flight(participant, target_ma)
        if is_safety or has_shrunk or is_capped:
            cycle.set_offer(participant, target_ma)
            for index in participant.phases:
                if danger[index] is Danger.LARGE:
                    _note_reduction(cycle, cycle.phases[index])


def _needs_minimum(
    participant: Participant, in_danger_again: set[int], still_over_range: set[int]
) -> bool:
    """Tell whether only the minimum is certain to help on one of its phases.

    By how much a phase over range carries too much is not known. Where a reduction has not helped, it is
    not known what a participant without measurement draws.
    """
    if not still_over_range.isdisjoint(participant.phases):
        return True
    is_measured = participant.settings.measures_current
    return not is_measured and not in_danger_again.isdisjoint(participant.phases)


def _without_raise_in_flight(participant: Participant, target_ma: int) -> int:
    """Return a lower target [mA] that takes a raise back which its charger has not acknowledged yet.

    Otherwise it would rise while the others have not obeyed yet.
    """
    acknowledged_ma = (
        None if participant.observation is None else participant.observation.acknowledged_ma
    )
    if acknowledged_ma is None or acknowledged_ma >= target_ma:
        return target_ma
    return max(acknowledged_ma, participant.settings.minimum_ma)


def _phases_in_danger_again(cycle: CycleState, danger: Sequence["Danger"]) -> set[int]:
    """Return the phases (0 to 2) on which a safety reduction has not helped.

    A vehicle that draws less than its offer releases nothing when that is lowered, and without measurement
    nobody knows which one does: then only the minimum is certain. Source: load-management 9.3j.
    """
    soon_s = (
        cycle.settings.obey_s + 2 * cycle.state.meter.spacing_s + cycle.settings.meter_delay_s + 1.0
    )
    return {
        index
        for index, phase in enumerate(cycle.phases)
        if danger[index] is Danger.LARGE and cycle.now_s - phase.reduced_at <= soon_s
    }


def _phases_still_over_range(cycle: CycleState) -> set[int]:
    """Return the phases (0 to 2) on which the meter is over range after a reduction was obeyed.

    By how much they carry too much is not known, so all on them go to the minimum.
    """
    found = set()
    for index, phase in enumerate(cycle.phases):
        value = cycle.state.meter.values[index]
        if value is not None and value.is_over_range:
            after_s = value.arrived_at - cycle.settings.meter_delay_s - phase.reduced_at
            if OBEYED_S <= after_s <= BACK_OFF_AFTER_RAISE_S:
                found.add(index)
    return found


def _lower_for_newcomer(
    cycle: CycleState,
    running: list[Participant],
    newcomer: Participant,
    allocated_ma: Mapping[int, int],
) -> None:
    """Lower running participants to their allocation where a newcomer needs room, by however little.

    Source: load-management 9.3c.
    """
    for participant in running:
        target_ma = allocated_ma[participant.settings.number]
        if target_ma < participant.offer_ma and not set(participant.phases).isdisjoint(
            newcomer.phases
        ):
            cycle.set_offer(participant, target_ma)


class Danger(Enum):
    """How much the offers on a phase exceed its room."""

    NONE = "not"
    SMALL = "a little, but for a while"
    LARGE = "clearly: lowering is for safety, and raising waits after it"


def _update_dangers(cycle: CycleState, running: list[Participant]) -> list[Danger]:
    """Return for each phase how much its offers exceed the room; time how long they do."""
    room_ma = list(cycle.room_now_ma)
    offered_ma = [0] * len(room_ma)
    numbers = {participant.settings.number for participant in running}
    for number, participant in cycle.participants.items():
        if number in numbers:
            for index in participant.phases:
                offered_ma[index] += participant.offer_ma
            continue
        leaves = participant.draws_while_interrupting
        for index in range(len(room_ma)):
            room_ma[index] -= participant.committed_ma(index, holds_offer=leaves)
    return [
        _update_danger(cycle, phase, offered_ma[index], room_ma[index])
        for index, phase in enumerate(cycle.phases)
    ]


def _update_danger(cycle: CycleState, phase: PhaseState, offered_ma: int, room_ma: int) -> Danger:
    """Return how much the offers on one phase exceed its room [mA]; note since when they do.

    Source: load-management 9.3a, 9.3b.
    """
    if offered_ma <= room_ma + METER_STEP_MA or not offered_ma:
        phase.excess_since = None
        return Danger.NONE
    if phase.excess_since is None:
        phase.excess_since = cycle.now_s
    if offered_ma - room_ma > cycle.settings.lower_from_ma:
        return Danger.LARGE
    has_lasted = cycle.now_s - phase.excess_since >= LOW_EXCESS_S
    return Danger.SMALL if has_lasted else Danger.NONE


def _note_reduction(cycle: CycleState, phase: PhaseState) -> None:
    """Note a safety reduction; if the same load came back after a raise, back off.

    Waiting longer is of use only where the building drew as much not long ago: then a longer window would
    have remembered that, and nothing would have been raised. Source: load-management 9.4e.
    """
    now_s = cycle.now_s
    if phase.reduced_at == now_s:
        return  # another participant on the phase was lowered in this cycle
    phase.reduced_at = now_s
    level_absent_s, window = phase.level_absent_s, window_s(cycle.state.meter)
    if level_absent_s is None or now_s - phase.raised_at > BACK_OFF_AFTER_RAISE_S:
        return  # the load was never as high, or no raise has led to this reduction
    if window * 2**phase.back_off < level_absent_s:
        phase.back_off = min(phase.back_off + 1, MOST_BACK_OFF)
        phase.back_off_useful_at = now_s


# --- raise ---------------------------------------------------------------------------------------


def _raise(cycle: CycleState, running: list[Participant], target_ma: Mapping[int, int]) -> None:
    """Raise offers as far as room has been released, by the ramp at most.

    `target_ma`: to what each may rise. Source: load-management 9.4.
    """
    possible = _possible_raises(cycle, running, target_ma)
    if not possible:
        return
    held_ma = cycle.committed_ma()
    room = of_mains([up - held for up, held in zip(cycle.room_to_raise_ma, held_ma, strict=True)])
    requests = [_raise_request(cycle, one) for one in possible]
    # rounded to what a charger can express; a whole step that is left over is given to one of them
    granted_rises_ma = rounded(room, requests, solve(room, requests))
    for one, rise_ma in zip(possible, granted_rises_ma, strict=True):
        if rise_ma > 0:
            _raise_offer(cycle, one.participant, rise_ma)


class PossibleRaise(NamedTuple):
    """A participant that may rise now, and by how much at most."""

    participant: Participant
    rise_ma: int


def _raise_request(cycle: CycleState, possible: PossibleRaise) -> AllocationRequest:
    """Return what a participant asks of the released room: nothing but its rise."""
    participant = possible.participant
    return AllocationRequest(
        minimum_ma=0,
        cap_ma=possible.rise_ma,
        constraints=on_mains(participant.phases),
        is_prioritised=participant.settings.number == cycle.settings.priority,
        resolution_ma=participant.settings.resolution_ma,
        energy_mwh=participant.energy_mwh,
    )


def _raise_offer(cycle: CycleState, participant: Participant, rise_ma: int) -> None:
    """Raise an offer by `rise_ma`; the next raise waits for its spacing and a new set of the meter."""
    cycle.set_offer(participant, participant.offer_ma + rise_ma)
    participant.raised_at = cycle.now_s
    participant.raised_in_set = cycle.state.meter.sets.count
    participant.small_raise_possible_since = None
    for index in participant.phases:
        cycle.phases[index].raised_at = cycle.now_s


def _possible_raises(
    cycle: CycleState, running: list[Participant], target_ma: Mapping[int, int]
) -> list[PossibleRaise]:
    """Return which participants may rise now, and by how much at most [mA].

    A raise that is too small to be made at once is timed; one that is due, but must wait for the meter,
    has the next cycle look again.
    """
    settings = cycle.settings
    possible: list[PossibleRaise] = []
    for participant in running:
        lacked_ma = target_ma[participant.settings.number] - participant.offer_ma
        rise_ma = min(lacked_ma, settings.raise_ma)
        if rise_ma < max(settings.raise_from_ma, participant.settings.resolution_ma):
            _time_small_raise(participant, rise_ma, cycle.now_s)
            if not _is_small_raise_due(participant, cycle.now_s):
                continue
        cycle.is_at_target = False
        if _may_participant_rise(cycle, participant):
            possible.append(PossibleRaise(participant, rise_ma))
    return possible


def _time_small_raise(participant: Participant, rise_ma: int, now_s: float) -> None:
    """Note since when a raise has been possible that is too small to be made at once."""
    if rise_ma < max(SMALL_RAISE_MA, participant.settings.resolution_ma):
        participant.small_raise_possible_since = None
    elif participant.small_raise_possible_since is None:
        participant.small_raise_possible_since = now_s


def _is_small_raise_due(participant: Participant, now_s: float) -> bool:
    """Tell whether a small raise has been possible for so long that it is worth a write.

    Otherwise each of many vehicles would leave almost the smallest raise unused, for hours.
    Source: load-management 9.4g.
    """
    since = participant.small_raise_possible_since
    return since is not None and now_s - since >= SMALL_RAISE_S


def _may_participant_rise(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether a participant may be raised now: spacing, a complete set of the meter, and the hold.

    Source: load-management 9.4a, 9.4d.
    """
    if cycle.now_s - participant.raised_at < cycle.settings.raise_spacing_s - CLOCK_SLACK_S:
        return False
    if cycle.is_answer_awaited:
        return False  # a raise would hide which phases a vehicle uses
    if cycle.is_awaiting_release(participant):
        return False  # a raise would hide that its last reduction has freed nothing
    if not cycle.is_static and not _has_new_measurement(cycle, participant):
        return False
    return all(_may_phase_rise(cycle, cycle.phases[index]) for index in participant.phases)


def _has_new_measurement(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether the meter has measured its phases since its last raise.

    That takes a complete set, and none that has begun since. A meter that sends changes only has no sets:
    there the other telegrams of a moment are waited for.
    """
    meter, sets = cycle.state.meter, cycle.state.meter.sets
    if cycle.has_meter_on_change:
        return is_moment_complete(meter, participant.phases, cycle.now_s)
    is_latest_set = sets.completed_at == cycle.now_s or not sets.fresh_phases
    return (
        sets.count > participant.raised_in_set
        and is_latest_set
        and are_values_recent(meter, cycle.settings, cycle.now_s)
    )


def _may_phase_rise(cycle: CycleState, phase: PhaseState) -> bool:
    """Tell whether T_hold has passed since the last safety reduction on a phase.

    Source: load-management 9.4b.
    """
    hold_s = window_s(cycle.state.meter) * 2**phase.back_off
    return cycle.is_static or cycle.now_s - phase.reduced_at >= hold_s
