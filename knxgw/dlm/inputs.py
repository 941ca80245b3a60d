"""What load management learns between two cycles: meter values and readings of chargers. Pure.

*What is measured when.* The smart meter samples each phase of the mains connection and reports it up to
`meter_delay_s` (tau_m) later; each phase is a telegram of its own. A charger is polled: its currents are
known for the instant of the reading, and may have jumped at any time between two readings. Nothing is
measured at the same moment, and every value is old when it arrives.

*Base load and its uncertainty.* The building is not measured. Its load is what the meter shows less what
the chargers drew **at the moment of the sample**: B = M(t) - S(t - tau_m). S is known as a range, because
chargers move; so B is a range as well. `PhaseState.base_ma` is the value within that range that differs
least from the value before, `uncertainty_ma` is how much higher B may be. A sample that is newer than the
last reading of some charger is kept (`pending_samples`) and examined again when that reading has come.
Details: `base_load`.

*Peak-hold.* Every base load is remembered with the time until which it was in force
(`PhaseState.history`). Lowering uses the latest one; raising uses the highest one of a window, so that a
load that comes and goes is not answered with a raise each time.

*A participant whose draw is not known any more* moves into the base load, with its last draw
(`unread_draw_ma`), and out of it when its currents are read again. The sum stays right, and no other
participant is lowered because the cable of a charger was pulled.

*Sets.* A value of each phase, close together, is a complete set (`meter`). Raises need a complete set, and
one ends an emergency. Where a meter reports changes only, its In-operation telegram says that the values
still hold.

*Urgency.* A value that may make the line too full is urgent: then a cycle runs at once. So is each value
while all are held at their minimum, or while no base load is known yet. All else waits for the next second.
Each function here returns a new state, and puts `due_at` to now when the next cycle has something to do; the
station runs it.

What each function may assume: the previous state was left by a cycle or by a function of this module;
`now_s` never goes back; values may be missing, late, doubled or implausible.

Source: load-management 3, 7, 10.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from knxgw.charging.events import GridMeterReading
from knxgw.config.model import Monitoring
from knxgw.dlm import follows
from knxgw.dlm import meter as meters
from knxgw.dlm.base_load import AT_REST_S, add_draw, add_sample, note_base_load
from knxgw.dlm.line_response import examine_response, widened
from knxgw.dlm.meter import Meter, is_slow, peak_hold_s
from knxgw.dlm.observe import observe, unread_participant
from knxgw.dlm.paired_report import Report
from knxgw.dlm.participant import Claims, Observation, Participant, ParticipantSettings
from knxgw.dlm.phase_test import with_reason_to_test
from knxgw.dlm.settings import Settings
from knxgw.dlm.state import METER_FAULTS, LoadManagement, PhaseState, Sample
from knxgw.dlm.used_phases import (
    LineAtRest,
    find_used_phases,
    leave_out_unused,
    line_at_rest,
)

REPORTS_WITHIN_S = 8.0  # beside its spacing, the meter needs so long to report a new load (10.4)


def initial_state(
    settings: Settings, participants: Iterable[ParticipantSettings], now_s: float
) -> LoadManagement:
    """Return load management as it starts: each participant is offered its minimum, and nothing is measured yet.

    There is an emergency until the first complete set (a meter value of each phase). With a static limit
    there is no meter to wait for, so no emergency, and the base load is 0. Source: load-management 11.4.
    """
    is_static = settings.static_limit_ma is not None
    return LoadManagement(
        participants={
            # a vehicle that charges goes on with the minimum while the gateway starts
            one.number: unread_participant(one, offer_ma=one.minimum_ma, now_s=now_s)
            for one in participants
        },
        meter=Meter(supervised_since=now_s),
        phases=tuple(PhaseState(base_ma=0 if is_static else None) for _ in range(settings.phases)),
        is_emergency=not is_static,
        # a vehicle may start before the meter has sent a value; with a static limit there is none to wait for
        starts_unmeasured=not is_static,
    )


def after_meter_value(
    state: LoadManagement,
    settings: Settings,
    reading: GridMeterReading,
    now_s: float,
    observations: Mapping[int, Observation] = MappingProxyType({}),
) -> LoadManagement:
    """Return the state after a meter value of one phase.

    A cycle is due if it changes the base load, its uncertainty, or what is known to be wrong with the meter
    (`follows`); and while samples wait for readings. Of an implausible value only the number grows. A value
    that completes a set (one of each phase) also ends an emergency, and may show which phases vehicles use.
    `observations`: the last one of each charging point, by number; they show up to when draws are known.
    Source: load-management 3.1, 4.7, 7, 11.2.
    """
    meter, is_plausible = meters.with_reading(state.meter, settings, reading, now_s)
    if not is_plausible:
        return replace(state, meter=meter)
    participants = [
        _with_latest_reading_time(participant, observations.get(number))
        for number, participant in state.participants.items()
    ]
    phase = reading.phase
    before = state.phases[phase]
    after = before.clone()
    _update_phase(after, phase, meter, participants, settings)  # changes `after`
    has_news = (
        after.base_ma != before.base_ma
        or after.uncertainty_ma != before.uncertainty_ma
        or after.follow_check.finding is not before.follow_check.finding
    )
    # a pending sample waits for readings of chargers: each cycle looks whether they have come
    due_at = now_s if has_news or after.pending_samples else state.due_at
    phases = tuple(after if index == phase else one for index, one in enumerate(state.phases))
    has_new_set = meter.sets.count > state.meter.sets.count
    state = state.with_meter_value(meter, phases, due_at)
    if has_new_set:
        state = _with_used_phases(state, settings, now_s, in_force_since=_oldest_value_at(meter))
    return _with_emergency_ended(state, now_s) if state.is_emergency and has_new_set else state


def _update_phase(
    phase_state: PhaseState,
    phase: int,
    meter: Meter,
    participants: Sequence[Participant],
    settings: Settings,
) -> None:
    """Update the base load of a phase, and the check whether its meter follows the chargers, by its last value.

    In place. A meter that follows moves as the chargers do; one that does not is frozen, wired the wrong way
    round, or on another cable (`follows`). `phase`: 0 to 2. Without a value nothing changes. A value over range
    does not tell whether the meter follows, because the true current is not known.
    """
    value = meter.values[phase]
    if value is None:
        return
    sample = Sample(
        current_ma=value.current_ma,
        sampled_at=value.arrived_at - settings.meter_delay_s,
        arrived_at=value.arrived_at,
        is_from_slow_meter=is_slow(meter, settings),
    )
    add_sample(phase_state, phase, sample, participants, settings)
    note_base_load(phase_state, value.arrived_at, peak_hold_s(meter))
    if not value.is_over_range:
        report = Report(value.arrived_at, value.current_ma, meter.total_ma)
        phase_state.follow_check = follows.add_report(
            phase_state.follow_check, phase, report, participants, meter.spacing_s
        )


def _with_latest_reading_time(
    participant: Participant, observation: Observation | None
) -> Participant:
    """Return a participant with the time of its latest reading, if no cycle has taken that in yet.

    This matters for a reading that showed the same values as before: no cycle runs for it, but it proves the
    draw up to its time, and a meter value that comes now is compared with that draw. Otherwise the
    participant itself is returned.
    """
    known = participant.observation
    if (
        observation is None
        or known is None
        or observation.read_at == participant.read_at
        or not participant.is_reachable
        or not known.differs_only_in_age(observation)  # a cycle will take in the new values
    ):
        return participant
    other = participant.clone()
    other.read_at = observation.read_at
    return other


def _with_emergency_ended(state: LoadManagement, now_s: float) -> LoadManagement:
    """Return the state after a complete set (a value of each phase) has ended the emergency; a cycle is due.

    After a fault of the meter, raising waits as long as after a safety reduction (T_hold), because it is not
    known what the line carried meanwhile. After a mere start there was no fault, and raising need not wait.
    Source: load-management 11.2.
    """
    phases = [phase.clone() for phase in state.phases]
    if not state.outcome.faults.isdisjoint(METER_FAULTS):
        for phase in phases:
            phase.reduced_at = now_s  # T_hold runs from then
    return replace(state, is_emergency=False, phases=tuple(phases), due_at=now_s)


def after_in_operation(
    state: LoadManagement,
    settings: Settings,
    now_s: float,
    observations: Mapping[int, Observation] = MappingProxyType({}),
) -> LoadManagement:
    """Return the state after an In-operation telegram, by which the meter says that it works.

    A meter that sends its values cyclically says nothing about them by that. One that sends changes only says
    that its last values hold: by them it is examined again whether the meter follows the chargers
    (`follow_check`), and which phases vehicles use. The base load is not estimated again. In an emergency the
    very first such telegram, and the first one after a gap between them, requests the values of all phases
    from the bus. Source: load-management 3.2, 11.6.
    """
    state = _with_last_values_confirmed(state, settings, now_s, observations)
    # by the new state's meter, which has the present line at rest
    meter = meters.with_in_operation(state.meter, settings, now_s)
    is_first = meter.in_operation is not None and meter.in_operation.since == now_s
    if state.is_emergency and is_first:
        meter = meters.with_values_requested(meter, range(settings.phases), now_s)
    return replace(state, meter=meter)


def _with_last_values_confirmed(
    state: LoadManagement, settings: Settings, now_s: float, observations: Mapping[int, Observation]
) -> LoadManagement:
    """Return the state after the meter said that the values it reported last still hold.

    They are examined as if they had come now, for whether the meter follows the chargers (except values over
    range) and for which phases vehicles use. A cycle is due if a finding changes. Nothing changes for a meter
    that sends its values cyclically: its In-operation telegrams do not speak of values.
    """
    if settings.monitoring is Monitoring.VALUES:
        return state
    participants = [
        _with_latest_reading_time(participant, observations.get(number))
        for number, participant in state.participants.items()
    ]
    phases = [phase.clone() for phase in state.phases]
    for index, phase in enumerate(phases):
        value = state.meter.values[index]
        if value is not None and not value.is_over_range:
            report = Report(now_s, value.current_ma, state.meter.total_ma)
            phase.follow_check = follows.add_report(
                phase.follow_check, index, report, participants, state.meter.spacing_s
            )
    has_news = any(
        after.follow_check.finding is not before.follow_check.finding
        for after, before in zip(phases, state.phases, strict=True)
    )
    state = replace(state, phases=tuple(phases), due_at=now_s if has_news else state.due_at)
    # a change of the last 2 s may not have been reported yet: the values are sure to hold only up to then
    return _with_used_phases(state, settings, now_s, in_force_since=now_s - AT_REST_S)


def _oldest_value_at(meter: Meter) -> float:
    """Return when the oldest of the meter's present values came [monotonic s]: since then they have all been known.

    At least one phase must have a value.
    """
    return min(value.arrived_at for value in meter.values if value)


def _with_used_phases(
    state: LoadManagement, settings: Settings, now_s: float, *, in_force_since: float
) -> LoadManagement:
    """Return the state with what the meter shows of the phases that vehicles use at chargers without measurement.

    Meter values of all phases, taken while no vehicle moves, make a line at rest. It is compared with the one
    before: a phase that does not change with a vehicle is not used by it. What was assumed to flow there
    moves into the base load, and a cycle is due. `in_force_since`: since when the present values hold
    [monotonic s]. Source: load-management 4.7.
    """
    participants = state.participants
    # a value over range is left out: it would stay the same, whatever the vehicles do
    values_ma = [
        value.current_ma for value in state.meter.values if value and not value.is_over_range
    ]
    is_value_missing = len(values_ma) < len(state.phases)
    if is_value_missing or all(one.settings.measures_current for one in participants.values()):
        return state
    sampled_at = in_force_since - settings.meter_delay_s
    line = line_at_rest(values_ma, sampled_at, now_s, participants.values(), settings)
    before = state.meter.line_at_rest
    if line is not None:
        return _with_line_at_rest(state, line, settings, now_s)
    if before is None:
        return state
    # some vehicle moves: the values only widen what the meter has shown since the lines at rest before
    meter = replace(
        state.meter,
        line_at_rest=before.with_later_values(values_ma),
        response_lines=widened(state.meter.response_lines, values_ma),
    )
    return replace(state, meter=meter)


def _with_line_at_rest(
    state: LoadManagement, line: LineAtRest, settings: Settings, now_s: float
) -> LoadManagement:
    """Return the state with the present line at rest, and with what it shows compared with the one before.

    If it shows which phases some participants use, these change, and with them the base load: it gains what
    was assumed to flow on the other phases. If it shows that some take less than they are offered, these get a
    cap by use. A cycle is due then.
    """
    before, participants = state.meter.line_at_rest, state.participants
    changed = {} if before is None else find_used_phases(before, line, participants, now_s)
    phases = [phase.clone() for phase in state.phases] if changed else state.phases
    for participant in changed.values():
        add_draw(phases, leave_out_unused(participant))
    participants = {**participants, **changed}
    response_lines, capped = examine_response(
        widened(state.meter.response_lines, line.carried_ma), line, participants, settings, now_s
    )
    participants = {**participants, **capped}
    # since when a vehicle should be lowered to see which phases it uses (`phase_test`)
    line = with_reason_to_test(line, before, participants, settings, now_s)
    state = replace(
        state, meter=replace(state.meter, line_at_rest=line, response_lines=response_lines)
    )
    if not changed and not capped:
        return state
    return replace(state, participants=participants, phases=tuple(phases), due_at=now_s)


def after_high_power(state: LoadManagement, settings: Settings, now_s: float) -> LoadManagement:
    """Return the state after the message that a large consumer starts: a high-power window begins (again).

    During the window all are held at their minimum, until the meter has had time to show the consumer.
    Earlier base loads are forgotten, so that afterwards only those of the window count for the peak. Source:
    load-management 10.
    """
    lasts_s = max(settings.high_power_s, state.meter.spacing_s + REPORTS_WITHIN_S)
    phases = [phase.clone() for phase in state.phases]
    for phase in phases:
        phase.history = ()
    return replace(state, phases=tuple(phases), high_power_until=now_s + lasts_s, due_at=now_s)


def observe_charger(
    state: LoadManagement, settings: Settings, number: int, observation: Observation, now_s: float
) -> LoadManagement | None:
    """Return the state after a reading that leaves a charging point's part in the allocation as it was; else None.

    Such a reading changes the draw, the phases or the energy, what the charger has acknowledged, its state
    without a change of whether a vehicle wants to charge, or only when it was read. None means that a whole
    cycle has to take the reading in, because more has changed (`_part_in_allocation`) or a draw moves into the
    base load; nothing is taken in here. In the state returned a cycle is due if the draw has changed. `number`:
    of the charging point.
    """
    before = state.participants[number]
    participant = before.clone()
    moved_to_base_ma = observe(participant, observation, settings, now_s)
    has_other_part = _part_in_allocation(participant) != _part_in_allocation(before)
    if moved_to_base_ma is not None or has_other_part:
        return None
    has_moved = participant.draw_ma != before.draw_ma
    participants = {**state.participants, number: participant}
    return replace(state, participants=participants, due_at=now_s if has_moved else state.due_at)


def _part_in_allocation(participant: Participant) -> tuple[object, ...]:
    """Return what decides on a participant's part in the allocation, to be compared with that at another time.

    Its draw and energy are left out, and its phases and cap by use as well, because they follow from the
    draw.
    """
    return (
        participant.wants_to_charge,
        participant.is_interrupting,
        participant.may_charge,
        participant.has_valid_currents,
        participant.is_reachable,
        participant.is_connected,
        participant.external_cap,
        participant.held_back_ma,
    )


def is_urgent(state: LoadManagement, settings: Settings, phase: int, now_s: float) -> bool:
    """Tell whether a cycle must act at once on a new meter value of a phase (0 to 2), not only in the next second.

    It must if the line may carry too much: the value is above the limit, what all may draw at once does not
    fit, or an excess is being timed. It must if the value may be a severe sample, since two of them in a row
    begin a lock-out. And it must while all are held at their minimum (emergency, high-power window) or the
    base load is not known. A value that only allows raising is never urgent. Source: load-management 9.1,
    12.2c.
    """
    value, base_ma = state.meter.values[phase], state.phases[phase].base_ma
    if value is None or base_ma is None or state.is_emergency or now_s < state.high_power_until:
        return True
    is_above_limit = value.is_over_range or value.current_ma > settings.limit_ma
    is_excess_timed = (
        state.overcurrent.needs_supervision or state.phases[phase].excess_since is not None
    )
    if is_above_limit or is_excess_timed:
        return True
    committed_ma = all_minimums_ma = 0
    claims = Claims()
    for participant in state.participants.values():
        committed_ma += participant.committed_ma(phase, holds_offer=participant.holds_offer)
        claims.add(participant, phase)
        all_minimums_ma += participant.settings.minimum_ma
    # severe: base load and minima of those that charge exceed the fuse 1.25 times (`overcurrent.supervise`).
    # Here the minima of all count, so that none is missed
    may_be_severe = base_ma + all_minimums_ma > settings.severe_factor * settings.fuse_ma
    return may_be_severe or committed_ma > claims.room_ma(settings, base_ma)
