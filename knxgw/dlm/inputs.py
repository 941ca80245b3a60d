"""What load management is told between two cycles: meter values, readings of a charger. Pure.

Only what makes the line too full is urgent; everything else waits for the next cycle.
Source: load management specification, sections 3, 7 and 10.
"""

from collections.abc import Iterable

from knxgw.charging.faults import FaultCode
from knxgw.dlm import meter as meters
from knxgw.dlm.member import (
    Member,
    MemberSettings,
    Phases,
    Seen,
    actual_at,
    observe,
    range_at,
    steady_about,
)
from knxgw.dlm.meter import Meter, MeterReading, window_s
from knxgw.dlm.settings import MOST_BACK_OFF, Settings
from knxgw.dlm.state import LoadManagement, PhaseState
from knxgw.frozen import replace


def new(settings: Settings, members: Iterable[MemberSettings], now_s: float) -> LoadManagement:
    """Return load management as it is before anything was measured: an emergency."""
    static = settings.static_limit_ma is not None
    return LoadManagement(
        members={
            one.number: Member(
                settings=one,
                phases=one.wired,
                cap_ma=one.maximum_ma,
                offer_ma=one.minimum_ma,  # a car that charges goes on while everything starts
            )
            for one in members
        },
        meter=Meter(since_s=now_s),
        phases=tuple(PhaseState(base_ma=0 if static else None) for _ in range(settings.phases)),
        emergency=not static,
    )


def meter_value(
    state: LoadManagement, settings: Settings, reading: MeterReading, now_s: float
) -> LoadManagement:
    """Take a telegram of the smart meter."""
    sets = state.meter.sets
    meter, plausible = meters.take(state.meter, settings, reading, now_s)
    if not plausible:
        return replace(state, meter=meter)
    phase, current_ma = reading.phase, reading.current_ma
    phases = list(state.phases)
    one = phases[phase] = phases[phase].clone()
    sampled_s = now_s - settings.meter_delay_s
    one.base_ma, one.doubt_ma = _base_ma(
        state, phase, round(current_ma), sampled_s, tolerance_ma=settings.lower_from_ma
    )
    one.history = _with_peak(one.history, one.base_ma, now_s - window_s(meter) * 2**MOST_BACK_OFF)
    one.history = (*one.history, (now_s, one.base_ma))
    before = state.phases[phase]
    moved = (one.base_ma, one.doubt_ma) != (before.base_ma, before.doubt_ma)
    due_s = now_s if moved else state.due_s
    state = replace(state, meter=meter, phases=tuple(phases), due_s=due_s)
    if state.emergency and meter.sets > sets:
        return _emergency_ends(state, now_s)
    return state


def _with_peak(
    history: tuple[tuple[float, int], ...], base_ma: int, from_s: float
) -> tuple[tuple[float, int], ...]:
    """Return what must still be remembered beside a new value: what is newer than `from_s` and higher.

    A lower one that is older can never be the peak of any window again.
    """
    return tuple(entry for entry in history if entry[1] > base_ma and entry[0] >= from_s)


def _base_ma(
    state: LoadManagement, phase: int, measured_ma: int, sampled_s: float, *, tolerance_ma: int
) -> tuple[int, int]:
    """Return the load of the building on a phase, and by how much it may be higher.

    It is what is measured, less what chargers drew then. While a charger's current moves, its draw at
    the very instant of the sample is uncertain; then the base changes only as much as the measurement
    demands. Otherwise every step of a vehicle would look like one of the building. What certainly rose
    is the building's load; when that is more than the tolerance, what the chargers most likely drew
    counts, because the least that is possible would be too little.
    """
    drawn_ma = low_ma = high_ma = 0
    for member in state.members.values():
        if not (member.valid and member.reachable):
            continue
        steady = steady_about(member, sampled_s)
        if steady is not None:
            least_ma = likely_ma = most_ma = steady[phase]
        else:
            least_ma, most_ma = range_at(member, sampled_s, phase)
            most_ma = max(most_ma, _between_readings_ma(member, phase, sampled_s))
            likely_ma = actual_at(member, sampled_s)[phase]
        low_ma, drawn_ma, high_ma = low_ma + least_ma, drawn_ma + likely_ma, high_ma + most_ma
    before_ma = state.phases[phase].base_ma
    if before_ma is None:
        return measured_ma - drawn_ma, 0
    most_ma = measured_ma - low_ma
    least_ma = measured_ma - high_ma
    if least_ma > before_ma + tolerance_ma:
        base_ma = max(least_ma, measured_ma - drawn_ma)
    elif least_ma > before_ma:
        base_ma = least_ma
    else:
        base_ma = min(before_ma, most_ma)
    return base_ma, most_ma - base_ma


def _between_readings_ma(member: Member, phase: int, sampled_s: float) -> int:
    """Return what it may have had between two readings that show less: raised, and lowered again."""
    turned = member.offer_ma < member.risen_ma and sampled_s < member.rises_until_s
    return member.risen_ma if turned and phase in member.phases else 0


def _emergency_ends(state: LoadManagement, now_s: float) -> LoadManagement:
    phases = [phase.clone() for phase in state.phases]
    was_raised = FaultCode.SMART_METER_TIMEOUT in state.faults
    for phase in phases:
        if was_raised:  # not after a start: then there is nothing to be careful about
            phase.reduced_s = now_s
    return replace(state, emergency=False, phases=tuple(phases), due_s=now_s)


def in_operation(state: LoadManagement, now_s: float) -> LoadManagement:
    """Take an In-operation telegram of the smart meter."""
    return replace(state, meter=meters.in_operation(state.meter, now_s))


def high_power(state: LoadManagement, settings: Settings, now_s: float) -> LoadManagement:
    """Take the message that a large consumer starts: everybody to the minimum for a while."""
    lasts_s = max(settings.high_power_s, state.meter.spacing_s + 8.0)
    phases = [phase.clone() for phase in state.phases]
    for phase in phases:
        phase.history = ()
    return replace(state, phases=tuple(phases), high_power_until_s=now_s + lasts_s, due_s=now_s)


def look(
    state: LoadManagement, settings: Settings, number: int, seen: Seen, now_s: float
) -> LoadManagement | None:
    """Take a reading of a charging point; None: it needs a whole cycle, because its part changed."""
    before = state.members[number]
    member = before.clone()
    lost = observe(member, seen, settings, now_s)
    if lost is not None or _part(member) != _part(before):
        return None
    moved = member.actual_ma != before.actual_ma
    members = {**state.members, number: member}
    return replace(state, members=members, due_s=now_s if moved else state.due_s)


def _part(member: Member) -> tuple[bool, bool, bool, bool, bool, bool, int, Phases]:
    """Return what decides which part a charging point has, beside what it draws."""
    return (
        member.wants,
        member.interrupts,
        member.allowed,
        member.valid,
        member.reachable,
        member.connected,
        member.cap_ma,
        member.reserve_ma,
    )


def is_urgent(state: LoadManagement, settings: Settings, phase: int, now_s: float) -> bool:
    """Tell whether a new value of a phase must be acted on at once.

    A phase on which everybody's offer fits, and on which nothing is counted, can wait for the
    regular cycle: raising is never urgent.
    """
    value, base_ma = state.meter.values[phase], state.phases[phase].base_ma
    if value is None or base_ma is None or state.emergency or now_s < state.high_power_until_s:
        return True
    over = value.over_range or value.current_ma > settings.limit_ma
    if over or state.overcurrent.is_counting or state.phases[phase].excess_s is not None:
        return True
    held_ma = minimums_ma = 0
    for member in state.members.values():
        held_ma += member.held_ma(phase, counts=member.holds)
        held_ma += member.reserve_ma[phase] + member.overdraw_ma[phase]
        minimums_ma += member.settings.minimum_ma
    severe = base_ma + minimums_ma > settings.severe_factor * settings.fuse_ma
    return severe or held_ma > min(settings.limit_ma - base_ma, settings.chargers_ma)
