"""One cycle of load management: what every participant may draw now, and why. Pure: a state in, one out.

*The problem.* The line must not carry more than its limit, but neither the building nor a vehicle can be
commanded: a vehicle follows a lower offer within T_ev (6 s), and may take less than it is offered, or stop.
The controller sees the result late (tau_m, and the periods of the meter and of the polls). A controller
that divides what is free at each moment oscillates: it raises into the gap that a vehicle leaves while it
still ramps, or that a heater leaves between two cycles of its thermostat.

*The answer.*
 - *Lower at once, raise slowly.* Lowering uses the latest base load (`room_now_ma`), acts in the same cycle
   and takes as much as is needed. Raising uses the highest base load of the peak-hold window with its
   uncertainty (`room_to_raise_ma`), needs a complete and recent set of the meter, and gives at most 2 A each
   5 s. Too low costs a few minutes of charging; too high costs the fuse.
 - *Commitment.* A participant holds the larger of its offer and its draw (`committed_ma`): a lowered
   vehicle that still draws, and a raised one that does not yet, both count. A raise gives only what has
   been released, so the sum of what is held never exceeds what there is, whatever the vehicles do
   meanwhile.
 - *Back-off.* If a load comes back within a minute of a raise, and a longer window would have kept it in mind,
   the window was too short for this building: it becomes 2, 4 or 8 times as long, until it has been of no use
   for 10 min.
 - *Fair.* Each participant gets its minimum first (6 A, below it nothing flows), then the prioritised one
   its maximum, then all the rest in equal increments (`allocation`).

*The order of a cycle*, and what each step may assume:
 1. *Observe* (`observe`, `use`). Each participant is brought up to date, and what moved between the base load
    and the participants is moved. No later step takes an observation.
 2. *Re-examine* samples of the meter that readings have reached by now (`base_load`). B is final.
 3. *Supervise the meter*: silent, or not following the chargers (`follows`): the emergency begins or ends.
 4. *Find room* (`CycleState.find_room`): `room_now_ma`, `room_to_raise_ma`, `estimated_room_ma` per phase.
    Where the meter does not follow the chargers, `room_to_raise_ma` is lowered again. From then on no room
    changes.
 5. *Supervise overcurrent*: it may interrupt all of them, or shed some with the queue. With a static limit stop
    those whose minimum does not fit (`static_limit`). One whose charger was lost and is back may have to wait
    (`returned`).
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
from knxgw.dlm.commitment import (
    claim_from_free_points,
    fits_now,
    has_room,
    has_room_for_commitments,
    withdrawn_from_others_ma,
)
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.finish import finish
from knxgw.dlm.follows import Answer
from knxgw.dlm.observe import note_reading_time, observe, says_nothing_new
from knxgw.dlm.overcurrent_step import supervise_overcurrent
from knxgw.dlm.participant import Observation, Participant, Phases
from knxgw.dlm.returned import let_returned_ones_wait
from knxgw.dlm.settings import LONG_AGO, PEAK_HOLD_S, Settings
from knxgw.dlm.share_out import share_out
from knxgw.dlm.state import LoadManagement
from knxgw.dlm.static_limit import stop_what_does_not_fit
from knxgw.dlm.use import update_use


def cycle(
    state: LoadManagement,
    settings: Settings,
    observations: Mapping[int, Observation],
    now_s: float,
    *,
    new_phases: Sequence[int] = (),
) -> LoadManagement:
    """Return the state after a cycle, with the offers that hold now.

    `observations`: the present one of each charging point, by number. `new_phases`: those (0 to 2) with a
    meter value that no cycle has seen yet; a severe overcurrent is confirmed by counting them.
    Source: load-management 9.1.
    """
    cycle = CycleState(state, settings, now_s)  # a copy, which the steps change
    # the order matters: each step relies on those before it (see the head of this module)
    _observe(cycle, observations)
    _reexamine_samples(cycle)
    _supervise_meter_age(cycle)
    _check_meter_follows(cycle)
    cycle.find_room()
    _limit_room_where_meter_is_wrong(cycle)
    if cycle.is_static:
        stop_what_does_not_fit(cycle)
    else:
        supervise_overcurrent(cycle, new_phases)
        let_returned_ones_wait(cycle)
    _stop_those_that_may_not_charge(cycle)
    if cycle.is_held_at_minimum:
        _hold_at_minimum(cycle)
    else:
        share_out(cycle)
    _offer_to_free_points(cycle)
    return finish(cycle)


# --- observe -------------------------------------------------------------------------------------


def _observe(cycle: CycleState, observations: Mapping[int, Observation]) -> None:
    """Update every participant from its observation; set or clear the fault of invalid currents.

    A draw that became known leaves the base load, and one that is not known any more becomes part of it. The
    fault is present while a charger that can be reached has invalid currents. Where an observation says
    nothing new, only the instant of its reading is noted. `observations`: by number of the charging point.
    """
    has_invalid = False
    for number, participant in cycle.participants.items():
        # never skipped with invalid currents (`use.next_change_at` is now then), so `has_invalid` misses none
        if says_nothing_new(participant, observations[number], cycle.now_s):
            note_reading_time(participant, observations[number])
            continue
        _update_participant(cycle, participant, observations[number])
        has_invalid = has_invalid or (
            participant.is_reachable and not participant.has_valid_currents
        )
    cycle.set_fault(FaultCode.DLM_INVALID_CURRENT, has_invalid)


def _update_participant(
    cycle: CycleState, participant: Participant, observation: Observation
) -> None:
    """Update a participant from an observation, and the base load by a draw that moved (in place).

    A draw that becomes unknown moves into the base load, and once it is known again the draw that is read then
    is taken out of it. An assumed draw that ends moves into it, until the meter shows that it has gone. For a
    participant that begins to take part, now is noted as its last raise, so that it is not raised at once.
    """
    took_part, was_draw_known = participant.takes_part, participant.is_draw_known
    was_lost = not participant.is_reachable and participant.reachable_since != LONG_AGO
    lost_draw_ma = observe(participant, observation, cycle.settings, cycle.now_s)
    if not took_part and participant.takes_part:
        # what it is offered already counts as its start, after which the next raise must wait
        participant.last_raise = cycle.raise_in_this_cycle
    if was_lost and participant.is_reachable:
        cycle.returned.append(participant)
    if lost_draw_ma is not None:
        _add_to_base_load(cycle, lost_draw_ma)
    elif not was_draw_known and participant.is_draw_known:
        _take_from_base_load(cycle, participant.draw_ma)
    update_use(participant, cycle.settings, cycle.now_s)


def _reexamine_samples(cycle: CycleState) -> None:
    """Update each phase's base load by meter samples that had to wait until the chargers were read.

    Where no sample waits, a meter that sends changes only can still make the base load exact: while it is
    silent its last value holds, and once no charger moves the rest of it is the building's
    (`examine_at_rest`). Not so in an emergency, when the silence may mean that the meter has failed. A base
    load that has changed enters the history. Source: load-management 7.2f, 7.2g.
    """
    participants, peak_hold_s = cycle.participants.values(), meters.peak_hold_s(cycle.state.meter)
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
                long_at_rest_since=cycle.now_s - peak_hold_s,
            )
        if phase.base_ma != before_ma:
            note_base_load(phase, cycle.now_s, peak_hold_s)


def _add_to_base_load(cycle: CycleState, draw_ma: Phases) -> None:
    """Count a draw [mA per grid phase] that is not known any more as the building's, now and in the past.

    Nothing changes with a static limit.
    """
    if cycle.is_static:
        return  # no building is measured; what a lost charger may take is held back for it
    add_draw(cycle.phases, draw_ma)


def _take_from_base_load(cycle: CycleState, draw_ma: Phases) -> None:
    """Subtract a draw [mA per grid phase] that is known again from the base load, which contained it.

    The history keeps the higher base loads of before, so no offer is raised at once by what was subtracted.
    """
    if cycle.is_static:
        return  # the draw was never added (`_add_to_base_load`)
    for index, phase in enumerate(cycle.phases):
        if phase.base_ma is not None:
            phase.base_ma -= draw_ma[index]
            phase.possible_base_ma = phase.possible_base_ma.shifted(-draw_ma[index])
            value = cycle.state.meter.values[index]
            if value is not None:  # the lower base load is in force since that value came
                note_base_load(phase, value.arrived_at, meters.peak_hold_s(cycle.state.meter))


def _supervise_meter_age(cycle: CycleState) -> None:
    """Begin the emergency, with its fault, when the meter has been silent for too long (`timeout_s`).

    Mostly a complete set of values ends it as it comes (`inputs`). Here it ends only for a meter that sends
    In-operation telegrams, once these have shown for long enough that the last values hold. Also noted: the
    phases that are now requested from the bus because their telegram was lost. Source: load-management 3.2,
    11.
    """
    if cycle.is_static:
        return  # there is no meter
    meter, settings, now_s = cycle.meter, cycle.settings, cycle.now_s
    alive_at = meters.alive_at(meter, settings)
    last_at = meter.supervised_since if alive_at is None else alive_at
    is_silent = now_s - last_at >= settings.timeout_s
    if is_silent:
        cycle.is_emergency = True
    elif cycle.is_emergency and meters.are_values_valid_again(meter, settings, now_s):
        cycle.is_emergency = False
    lost_phases = meters.phases_to_request(meter, settings, now_s)
    cycle.meter = meters.with_values_requested(meter, lost_phases, now_s)
    # a meter that answers again in part is not enough: the fault lasts as long as the emergency
    is_lasting = cycle.is_emergency and FaultCode.SMART_METER_TIMEOUT in cycle.faults
    cycle.set_fault(FaultCode.SMART_METER_TIMEOUT, is_silent or is_lasting)


def _check_meter_follows(cycle: CycleState) -> None:
    """Begin the emergency, with its faults, while the meter does not follow the chargers on some phase.

    When the chargers draw more or less, the meter has to show it. If it stands still, it is frozen; if it
    goes the wrong way, its transformers are reversed. A complete set of values ends an emergency, but each
    cycle begins it again until the finding has gone. Source: load-management 13.5.
    """
    findings = {phase.follow_check.finding for phase in cycle.phases} - {None}
    cycle.set_fault(FaultCode.CT_DIRECTION, Answer.WRONG_WAY in findings)
    cycle.set_fault(FaultCode.METER_FROZEN, Answer.STILL in findings)
    if findings:
        cycle.is_emergency = True


def _limit_room_where_meter_is_wrong(cycle: CycleState) -> None:
    """Lower the room for starts and raises on phases where the meter does not follow the chargers.

    There its base load cannot be believed, and the absolute value of the meter takes its place: if only the
    sign is wrong, that is the load of the whole line, and so no less than the building's. The room is not
    simply 0, because some vehicle must be able to start, or nothing would ever show that the meter is right
    again. Must run after `find_room`, which sets the room. Source: load-management 13.5d.
    """
    for index, phase in enumerate(cycle.phases):
        value = cycle.state.meter.values[index]
        if phase.follow_check.finding is not None and value is not None:
            room_ma = cycle.settings.limit_ma - abs(value.current_ma)
            cycle.room_to_raise_ma[index] = min(cycle.room_to_raise_ma[index], room_ma)
            cycle.room_to_grant_ma[index] = min(cycle.room_to_grant_ma[index], room_ma)


# --- zero, minimum -------------------------------------------------------------------------------


def _stop_those_that_may_not_charge(cycle: CycleState) -> None:
    """Offer 0 A at once where nothing may flow: lock-out, outside constraint, invalid currents, cap too low.

    A charger that cannot be reached keeps its offer if none of these holds; its reason says that it is not
    reached. For outside constraints and caps no reason is noted here: they bring their own. Source:
    load-management 6, 13.2.
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
    """Lower every eligible participant to its minimum; one with 0 A gets the minimum only where that fits.

    For an emergency (the meter is silent or wrong) and a high-power window (a large consumer is about to
    start). Notes the reason of each offer. Just after a start of the gateway, before the base loads are
    known, nothing need fit (`_may_start_at_minimum`). Source: load-management 10, 11.
    """
    reason = Reason.METER_LOST if cycle.is_emergency else Reason.HIGH_POWER
    # in an emergency the room for starts, by the last values and their peak; in the window, in which peaks
    # are forgotten (10.5), the room by the highest base load that is possible now (10.3)
    room_ma = cycle.room_to_grant_ma if cycle.is_emergency else cycle.least_room_now_ma
    for participant in cycle.eligible:
        number = participant.settings.number
        if participant.offer_ma > participant.settings.minimum_ma:
            cycle.set_offer(participant, participant.settings.minimum_ma)
        elif participant.offer_ma == 0:
            fits = False
            if not _may_unmeasured_still_rise(cycle, participant):
                fits = fits_now(cycle, room_ma, participant)
                if not fits:
                    claim_from_free_points(cycle, room_ma, participant)
            if not _may_start_at_minimum(cycle, fits=fits):
                # in the window the reason is the lack of room, as at any other time
                cycle.reasons[number] = reason if cycle.is_emergency else Reason.WAITING_FOR_CURRENT
                continue
            cycle.start(participant)
        cycle.reasons[number] = reason


def _may_unmeasured_still_rise(cycle: CycleState, newcomer: Participant) -> bool:
    """Tell whether an unmeasured vehicle on a newcomer's phases may still be rising to its offer.

    Asked in a high-power window, where no peak of the base load is remembered. Such a vehicle is taken to
    draw its offer after 6 s (`obey_s`), but an onboard charger may take longer: up to 15 s after a raise or
    start (`PEAK_HOLD_S`). Until then the building seems smaller than it is, and a start would use that. False
    in an emergency, in which peaks count. Source: load-management 10.3.
    """
    if cycle.is_emergency:
        return False
    return any(
        participant is not newcomer
        and participant.offer_ma > 0
        and not participant.settings.measures_current
        and cycle.now_s - participant.last_raise.at < PEAK_HOLD_S
        and not set(participant.phases).isdisjoint(newcomer.phases)
        for participant in cycle.participants.values()
    )


def _may_start_at_minimum(cycle: CycleState, *, fits: bool) -> bool:
    """Tell whether a participant with 0 A gets its minimum: mostly `fits` says so, by the room that there is.

    Just after a start of the gateway the base load is not known, and there is no room to judge by. Then
    each may have its minimum, since the configuration was checked for the sum of all minima; but none
    starts once the meter is late, and none after a change of the configuration (`starts_unmeasured` is
    false). Source: load-management 11.3, 11.4, 11.7.
    """
    if cycle.is_emergency and not cycle.is_base_known:
        is_meter_late = FaultCode.SMART_METER_TIMEOUT in cycle.faults
        return cycle.state.starts_unmeasured and not is_meter_late
    return fits


def _offer_to_free_points(cycle: CycleState) -> None:
    """Offer each free charging point (no vehicle wants to charge) its minimum where that fits, else 0 A.

    What is offered at one free point is not available to the next, because two vehicles may be plugged in
    at the same moment. So those that have an offer come first, and what one of them has lost is offered to
    no other until a vehicle must have obeyed.

    A new offer needs as much room as a start (`room_to_grant_ma`), beside what participants that run still lack:
    a raise would have to wait until it is withdrawn again. One that is there stays while it fits
    `room_to_raise_ma`: what only the last sample leaves in doubt does not take it away. In a high-power
    window both must fit beside the highest base load that is possible now (`least_room_now_ma`). Must run
    after newcomers have claimed their minima, which are left out of the room. Source: load-management 5.4,
    5.5, 7.2d.
    """
    # as in `_hold_at_minimum`: the emergency counts before the window
    is_in_window = cycle.is_in_high_power_window and not cycle.is_emergency
    room_to_keep_ma = _unclaimed_ma(
        cycle, cycle.least_room_now_ma if is_in_window else cycle.room_to_raise_ma
    )
    room_to_offer_ma = _unclaimed_ma(
        cycle, cycle.least_room_now_ma if is_in_window else cycle.room_to_grant_ma
    )
    room_to_offer_ma = [
        ma - lacked for ma, lacked in zip(room_to_offer_ma, cycle.lacked_ma, strict=True)
    ]
    free_points = [one for one in cycle.participants.values() if _may_be_offered(cycle, one)]
    # false sorts first: those that have an offer come before those that get a new one
    for participant in sorted(free_points, key=lambda one: one.offer_ma == 0):
        number = participant.settings.number
        if _may_keep_whole_offer(cycle, participant):
            cycle.set_offer(participant, min(participant.offer_ma, participant.highest_offer_ma))
            cycle.reasons[number] = Reason.MINIMUM
            continue
        room_ma = room_to_keep_ma if participant.offer_ma else room_to_offer_ma
        is_offered = _decide_on_free_offer(cycle, room_ma, participant)
        if is_offered:  # an offer to a free point is no commitment, so no room knows of it yet
            for index in participant.phases:
                room_to_keep_ma[index] -= participant.settings.minimum_ma
                room_to_offer_ma[index] -= participant.settings.minimum_ma
        cycle.set_offer(participant, participant.settings.minimum_ma if is_offered else 0)
        cycle.reasons[number] = Reason.MINIMUM if is_offered else Reason.WAITING_FOR_CURRENT


def _may_keep_whole_offer(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether a free charging point keeps its offer, although that is above the minimum.

    True while its vehicle still draws although the charger interrupts charging, if all commitments fit. These
    contain its offer, so the room for other free points does not become smaller by it.
    """
    return (
        participant.draws_while_interrupting
        and not cycle.is_held_at_minimum
        and has_room_for_commitments(cycle, participant)
    )


def _decide_on_free_offer(
    cycle: CycleState, room_ma: Sequence[int], participant: Participant
) -> bool:
    """Decide whether a free charging point is offered its minimum in this cycle; true: it is.

    `room_ma`: the room per phase. A new offer may have to wait for what was just withdrawn from others; then
    the next cycle is needed, because time alone ends that wait.
    """
    fits = has_room(cycle, room_ma, participant)
    is_new_offer = not participant.offer_ma
    if fits and is_new_offer and _must_wait_for_withdrawn(cycle, room_ma, participant):
        fits = False
        cycle.is_next_cycle_needed = True
    return _may_start_at_minimum(cycle, fits=fits)


def _must_wait_for_withdrawn(
    cycle: CycleState, room_ma: Sequence[int], participant: Participant
) -> bool:
    """Tell whether a new offer to a free charging point must wait for offers that were withdrawn from others.

    A vehicle that was plugged in there unseen may draw by the withdrawn offer until it must have obeyed.
    True: beside that current the minimum does not fit. `room_ma`: the room per phase, in which the
    withdrawn current counts as free. Source: load-management 5.5.
    """
    # a vehicle that was read since, but has not charged, may begin to draw as well
    withdrawn_ma = withdrawn_from_others_ma(cycle, participant, includes_seen_vehicles=True)
    left_ma = [ma - withdrawn for ma, withdrawn in zip(room_ma, withdrawn_ma, strict=True)]
    return not has_room(cycle, left_ma, participant)


def _unclaimed_ma(cycle: CycleState, available_ma: Sequence[int]) -> list[int]:
    """Return the room per phase [mA] less the minima that newcomers claim (`CycleState.claimed_ma`).

    The newcomers start once the offers to free charging points have been withdrawn for them.
    """
    return [ma - claimed for ma, claimed in zip(available_ma, cycle.claimed_ma, strict=True)]


def _may_be_offered(cycle: CycleState, participant: Participant) -> bool:
    """Tell whether a charging point is free and could be offered its minimum, if that fits.

    No vehicle wants to charge there, and all else holds that a newcomer needs: no cap is below the minimum,
    and there is no lock-out (after an overcurrent nothing is offered).
    """
    return (
        participant.is_free
        and not cycle.overcurrent.is_locked_out
        and participant.highest_offer_ma >= participant.settings.minimum_ma
    )
