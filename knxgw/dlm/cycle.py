"""One cycle of load management: what every participant may draw now, and why. Pure: a state in, one out.

*The problem.* The line must not carry more than its limit, but neither the building nor a vehicle can be
commanded: a vehicle follows a lower offer within T_ev (6 s), and may take less than it is offered, or stop.
The controller sees the result late (tau_m, and the periods of the meter and of the polls). A controller
that divides what is free at each moment oscillates: it raises into the gap that a vehicle leaves while it
still ramps, or that a heater leaves between two cycles of its thermostat.

*The answer.*
 - *Lower at once, raise slowly.* Lowering uses the latest base load (`room_now_ma`), acts in the same cycle and
   takes as much as is needed. Raising uses the highest base load of the peak-hold window with its
   uncertainty (`room_to_raise_ma`), needs a complete and recent set of the meter, and gives at most 2 A each 5 s.
   Too low costs a few minutes of charging; too high costs the fuse.
 - *Commitment.* A participant holds the larger of its offer and its draw (`committed_ma`): a lowered
   vehicle that still draws, and a raised one that does not yet, both count. A raise gives only what has
   been released, so the sum of what is held never exceeds what there is, whatever the vehicles do
   meanwhile.
 - *Back-off.* If a reduction for safety follows a raise, the window was too short for this building: it
   doubles, up to 8 times, and returns after 10 min.
 - *Fair.* Each participant gets its minimum first (6 A, below it nothing flows), then the prioritised one
   its maximum, then all the rest in equal increments (`allocation`).

*The order of a cycle*, and what each step may assume:
 1. *Observe* (`observe`, `use`). Each participant is brought up to date, and what moved between the base load
    and the participants is moved. No later step takes an observation.
 2. *Re-examine* samples of the meter that readings have reached by now (`base_load`). B is final.
 3. *Supervise the meter*: silent, or not following the chargers (`follows`): the emergency begins or ends.
 4. *Find room* (`CycleState.find_room`): `room_now_ma`, `room_to_raise_ma`, `certain_room_ma` per phase. Where the
    meter does not follow the chargers, `room_to_raise_ma` is lowered again. From then on no room changes.
 5. *Supervise overcurrent*: it may interrupt all of them, or shed some with the queue.
 6. *Stop* participants that may not charge.
 7. *Share out* (`share_out`), or hold all at the minimum in an emergency or a high-power window.
 8. *Stand by*: offer a free charging point what a newcomer would get at once.
 9. *Finish*: the new state, and when the next cycle is due.

Source: load-management 6 to 14.
"""

from collections.abc import Mapping, Sequence

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.dlm import meter as meters
from knxgw.dlm.base_load import AT_REST_S, add_draw, examine_at_rest, note_base_load, reexamine
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.follows import Answer
from knxgw.dlm.observe import note_reading_time, observe, says_nothing_new
from knxgw.dlm.overcurrent_step import supervise_overcurrent
from knxgw.dlm.participant import Observation, Participant, Phases
from knxgw.dlm.settings import Settings
from knxgw.dlm.share_out import share_out
from knxgw.dlm.state import LoadManagement
from knxgw.dlm.use import update_use


def cycle(
    state: LoadManagement,
    settings: Settings,
    observations: Mapping[int, Observation],
    now_s: float,
    *,
    new_phases: Sequence[int] = (),
) -> LoadManagement:
    """Return the state after a cycle, with the offers that hold now. Pure.

    `observations`: the present one of each charging point, by number. `new_phases`: those (0 to 2) with a
    meter value that no cycle has taken yet; an overcurrent counts samples. Source: load-management 9.1.
    """
    cycle = CycleState(state, settings, now_s)
    # in the order that stands at the head of this module: each step relies on those before it
    _observe(cycle, observations)
    _reexamine_reports(cycle)
    _supervise_meter_age(cycle)
    _check_meter_follows(cycle)
    cycle.find_room()
    _limit_by_absolute_value(cycle)
    supervise_overcurrent(cycle, new_phases)
    _stop_those_that_may_not_charge(cycle)
    if cycle.is_held_at_minimum:
        _hold_at_minimum(cycle)
    else:
        share_out(cycle)
    _offer_to_free_points(cycle)
    return cycle.finish()


# --- observe -------------------------------------------------------------------------------------


def _observe(cycle: CycleState, observations: Mapping[int, Observation]) -> None:
    """Update every participant from its observation, and move draws into or out of the base load.

    Participants about which nothing is new are skipped, but for the instant of their reading. The fault of
    invalid currents is present while any reachable participant has them; such a participant is due in
    every cycle (`next_change_at`), so none of them is skipped here.
    """
    has_invalid = False
    for number, participant in cycle.participants.items():
        if says_nothing_new(participant, observations[number], cycle.now_s):
            note_reading_time(participant, observations[number])
            continue
        took_part = participant.takes_part
        was_known = participant.has_valid_currents and participant.is_reachable
        moved_ma = observe(participant, observations[number], cycle.settings, cycle.now_s)
        if not took_part and participant.takes_part:
            # what it was offered as a free point is its start: it waits for its next raise
            participant.raised_at = cycle.now_s
            participant.raised_in_set = cycle.state.meter.sets.count
        if moved_ma is not None:
            _add_to_base_load(cycle, moved_ma)
        elif not was_known and participant.has_valid_currents and participant.is_reachable:
            _take_from_base_load(cycle, participant.draw_ma)
        update_use(participant, cycle.settings, cycle.now_s)
        has_invalid = has_invalid or (
            participant.is_reachable and not participant.has_valid_currents
        )
    cycle.set_fault(FaultCode.DLM_INVALID_CURRENT, has_invalid)


def _reexamine_reports(cycle: CycleState) -> None:
    """Examine samples of the meter again that the chargers' readings cover by now.

    Where no sample waits and the meter sends changes only, its value in force says more once no charger
    moves any more, but not in an emergency. A base load that has changed is noted in the history.
    Source: load-management 7.2f, 7.2g.
    """
    participants, window_s = cycle.participants.values(), meters.window_s(cycle.state.meter)
    for index, phase in enumerate(cycle.phases):
        before_ma = phase.base_ma
        if phase.pending_samples:
            reexamine(phase, index, participants, cycle.settings, cycle.now_s)
        elif cycle.has_meter_on_change and not cycle.is_emergency:
            examine_at_rest(
                phase,
                index,
                participants,
                at_rest_since=cycle.now_s - cycle.settings.meter_delay_s - AT_REST_S,
                long_at_rest_since=cycle.now_s - window_s,
            )
        if phase.base_ma != before_ma:
            note_base_load(phase, cycle.now_s, meters.window_s(cycle.state.meter))


def _add_to_base_load(cycle: CycleState, draw_ma: Phases) -> None:
    """Count a draw per grid phase [mA] that is not known any more as the building's, now and in the past."""
    if cycle.is_static:  # no building is measured: the current held back stands for the whole draw
        return
    add_draw(cycle.phases, draw_ma)


def _take_from_base_load(cycle: CycleState, draw_ma: Phases) -> None:
    """Take a draw per grid phase [mA] that is known again out of the base load.

    The peaks with it stay in the history, so no offer is raised at once by what was taken out.
    """
    if cycle.is_static:
        return  # the draw was never added (`_add_to_base_load`)
    for index, phase in enumerate(cycle.phases):
        if phase.base_ma is not None:
            phase.base_ma -= draw_ma[index]
            phase.possible_base_ma = phase.possible_base_ma.shifted(-draw_ma[index])
            value = cycle.state.meter.values[index]
            if value is not None:  # the lower base load is in force since that value came
                note_base_load(phase, value.arrived_at, meters.window_s(cycle.state.meter))


def _supervise_meter_age(cycle: CycleState) -> None:
    """Begin the emergency when the meter has been silent for too long; end it when its values hold again.

    It ends here only by In-operation telegrams; a complete set ends it as it comes (`inputs`). Also note
    which phases are read from the bus now, and set or clear the fault of the silent meter. With a static
    limit there is no meter to supervise. Source: load-management 3.2, 11.
    """
    if cycle.is_static:
        return
    # `cycle.meter` is `cycle.state.meter` until the requests are noted in it below
    alive_at = meters.alive_at(cycle.state.meter, cycle.settings)
    last_at = cycle.state.meter.supervised_since if alive_at is None else alive_at
    is_silent = cycle.now_s - last_at >= cycle.settings.timeout_s
    if is_silent:
        cycle.is_emergency = True
    elif cycle.is_emergency and meters.are_values_valid_again(
        cycle.meter, cycle.settings, cycle.now_s
    ):
        cycle.is_emergency = False
    cycle.meter = meters.note_request(
        cycle.meter, meters.phases_to_request(cycle.meter, cycle.settings, cycle.now_s), cycle.now_s
    )
    # a meter that answers again in part is not enough: the fault lasts as long as the emergency
    is_lasting = cycle.is_emergency and FaultCode.SMART_METER_TIMEOUT in cycle.faults
    cycle.set_fault(FaultCode.SMART_METER_TIMEOUT, is_silent or is_lasting)


def _check_meter_follows(cycle: CycleState) -> None:
    """Begin the emergency while the meter of any phase does not follow the chargers; set or clear its faults.

    A complete set ends an emergency, but this begins it again in each cycle until the finding has gone.
    Source: load-management 13.5.
    """
    found = {phase.follow_check.finding for phase in cycle.phases}
    cycle.set_fault(FaultCode.CT_DIRECTION, Answer.WRONG_WAY in found)
    cycle.set_fault(FaultCode.METER_FROZEN, Answer.STILL in found)
    if found != _NOTHING_WRONG:
        cycle.is_emergency = True


_NOTHING_WRONG = {None}


def _limit_by_absolute_value(cycle: CycleState) -> None:
    """Lower the room for starts and raises where the meter does not follow: its absolute value is the base load.

    To be called after `find_room`, which sets that room.
    If only the sign is wrong, that value is the whole load of the line, so never less than the building's.
    The room does not become 0: some vehicle must be able to start, because without steps of the chargers
    nothing would ever show that the meter is right again. Source: load-management 13.5d.
    """
    for index, phase in enumerate(cycle.phases):
        value = cycle.state.meter.values[index]
        if phase.follow_check.finding is not None and value is not None:
            room_ma = cycle.settings.limit_ma - abs(value.current_ma)
            cycle.room_to_raise_ma[index] = min(cycle.room_to_raise_ma[index], room_ma)
            cycle.room_to_grant_ma[index] = min(cycle.room_to_grant_ma[index], room_ma)


# --- zero, minimum -------------------------------------------------------------------------------


def _stop_those_that_may_not_charge(cycle: CycleState) -> None:
    """Offer 0 A at once where nothing may flow: lock-out, constraint, invalid currents, cap too low.

    That a participant cannot be reached is noted as its reason, but does not stop it (13.2). Other reasons
    are noted where load management itself is the cause: constraints and caps bring their own.
    Source: load-management 6, 13.2.
    """
    is_locked_out = cycle.overcurrent.is_locked_out
    for number, participant in cycle.participants.items():
        if not participant.is_reachable:
            cycle.reasons[number] = Reason.NOT_REACHABLE
        is_cap_too_low = participant.highest_offer_ma < participant.settings.minimum_ma
        if (
            is_locked_out
            or not participant.may_charge
            or not participant.has_valid_currents
            or is_cap_too_low
        ):
            cycle.set_offer(participant, 0)
            if not participant.has_valid_currents:
                cycle.reasons[number] = Reason.INVALID_CURRENT
            elif is_locked_out:
                cycle.reasons[number] = Reason.LOCK_OUT


def _hold_at_minimum(cycle: CycleState) -> None:
    """Hold every eligible participant at its minimum, and start one with 0 A only where its minimum fits.

    In a high-power window the room will soon be less. In an emergency it is that of the last values of the
    meter, of which no peak is forgotten; before there were any, `_may_start_at_minimum` decides without it.
    The reason of one that stays at 0 A is the emergency, but in the window the room.
    Source: load-management 10, 11.
    """
    reason = Reason.METER_LOST if cycle.is_emergency else Reason.HIGH_POWER
    # in the window peaks are forgotten (10.5), so the highest base load that is possible counts (10.3)
    room_ma = cycle.room_to_grant_ma if cycle.is_emergency else cycle.least_room_now_ma
    for participant in cycle.eligible:
        number = participant.settings.number
        if participant.offer_ma > participant.settings.minimum_ma:
            cycle.set_offer(participant, participant.settings.minimum_ma)
        elif participant.offer_ma == 0:
            has_room = cycle.try_to_claim_start(room_ma, participant)
            if not _may_start_at_minimum(cycle, has_room=has_room):
                cycle.reasons[number] = reason if cycle.is_emergency else Reason.WAITING_FOR_CURRENT
                continue
            cycle.start(participant)
        cycle.reasons[number] = reason


def _may_start_at_minimum(cycle: CycleState, *, has_room: bool) -> bool:
    """Tell whether a participant with 0 A may have its minimum; `has_room`: it fits by the last set.

    Once the base load is known, `has_room` decides, in an emergency as well. Before the first complete set
    there is no room to judge by: then a participant may start only after a start of the gateway (not after
    a change of the configuration), and only until the meter should have sent a value.
    Source: load-management 11.3, 11.4, 11.7.
    """
    if cycle.is_emergency and not cycle.is_base_known:
        return cycle.state.starts_unmeasured and FaultCode.SMART_METER_TIMEOUT not in cycle.faults
    return has_room


def _offer_to_free_points(cycle: CycleState) -> None:
    """Offer each free charging point what a newcomer would get there at once: its minimum, or 0 A.

    What is offered at one free point is not available to the next: two vehicles may be plugged in at the
    same moment. A vehicle that still draws although its charger interrupts keeps its offer while all
    commitments fit, and no emergency or high-power window holds all at the minimum; else the point is
    treated as any free one. A new offer must fit `room_to_grant_ma`, as a start must; one that is there stays
    as long as it fits `room_to_raise_ma`. To be called after newcomers have claimed their minima (`claimed_ma`).
    Source: load-management 5.4, 5.5, 7.2d.
    """
    # as in `_hold_at_minimum`: the emergency counts before the window
    is_in_window = cycle.is_in_high_power_window and not cycle.is_emergency
    room_to_keep_ma = _unclaimed_ma(
        cycle, cycle.least_room_now_ma if is_in_window else cycle.room_to_raise_ma
    )
    room_to_offer_ma = _unclaimed_ma(
        cycle, cycle.least_room_now_ma if is_in_window else cycle.room_to_grant_ma
    )
    for number, participant in cycle.participants.items():
        if not _is_free_point(cycle, participant):
            continue
        if (
            participant.draws_while_interrupting
            and not cycle.is_held_at_minimum
            and cycle.has_room_for_commitments(participant)
        ):
            cycle.set_offer(participant, min(participant.offer_ma, participant.highest_offer_ma))
            cycle.reasons[number] = Reason.MINIMUM
            continue
        room_ma = room_to_keep_ma if participant.offer_ma else room_to_offer_ma
        fits = _may_start_at_minimum(cycle, has_room=cycle.has_room(room_ma, participant))
        if fits:
            for index in participant.phases:
                room_to_keep_ma[index] -= participant.settings.minimum_ma
                room_to_offer_ma[index] -= participant.settings.minimum_ma
        cycle.set_offer(participant, participant.settings.minimum_ma if fits else 0)
        cycle.reasons[number] = Reason.MINIMUM if fits else Reason.WAITING_FOR_CURRENT


def _unclaimed_ma(cycle: CycleState, available_ma: Sequence[int]) -> list[int]:
    """Return the room per phase [mA] that newcomers have not claimed."""
    return [ma - claimed for ma, claimed in zip(available_ma, cycle.claimed_ma, strict=True)]


def _is_free_point(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether no vehicle takes part at a charging point to which its minimum may be offered.

    False in a lock-out.
    """
    if participant.takes_part or cycle.overcurrent.is_locked_out:
        return False
    return (
        participant.may_charge
        and participant.has_valid_currents
        and participant.is_reachable
        and participant.highest_offer_ma >= participant.settings.minimum_ma
    )
