"""What load management is told between two cycles: meter values, readings of a charger. Pure.

Only what makes the line too full is urgent; everything else waits for the next cycle.
Source: load-management 3, 7, 10.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from knxgw.charging.events import GridMeterReading
from knxgw.charging.precedence import Constraint
from knxgw.config.model import Monitoring
from knxgw.dlm import follows
from knxgw.dlm import meter as meters
from knxgw.dlm.base_load import remember, take_sample
from knxgw.dlm.member import Member, MemberSettings, Phases, Seen, observe
from knxgw.dlm.meter import Meter, window_s
from knxgw.dlm.room import Claims
from knxgw.dlm.settings import Settings
from knxgw.dlm.state import METER_FAULTS, LoadManagement, PhaseState, Sample
from knxgw.frozen import replace


def new(settings: Settings, members: Iterable[MemberSettings], now_s: float) -> LoadManagement:
    """Return load management as it is before anything was measured: an emergency."""
    static = settings.static_limit_ma is not None
    return LoadManagement(
        members={
            one.number: Member(
                settings=one,
                phases=one.wired,
                offer_ma=one.minimum_ma,  # a car that charges goes on while everything starts
            )
            for one in members
        },
        meter=Meter(since_s=now_s),
        phases=tuple(PhaseState(base_ma=0 if static else None) for _ in range(settings.phases)),
        emergency=not static,
    )


def meter_value(
    state: LoadManagement,
    settings: Settings,
    reading: GridMeterReading,
    now_s: float,
    seen: Mapping[int, Seen] = MappingProxyType({}),
) -> LoadManagement:
    """Take a telegram of the smart meter; `seen`: the charging points as they were read last."""
    sets = state.meter.sets
    meter, plausible = meters.take(state.meter, settings, reading, now_s)
    if not plausible:
        return replace(state, meter=meter)
    phase, value = reading.phase, meter.values[reading.phase]
    phases = list(state.phases)
    one = phases[phase] = phases[phase].clone()
    sample = Sample(
        current_ma=value.current_ma if value else 0,
        at_s=now_s - settings.meter_delay_s,
        arrived_s=now_s,
        is_seldom=meter.spacing_s > settings.raise_spacing_s,
    )
    members = [_read_again(member, seen.get(number)) for number, member in state.members.items()]
    take_sample(one, phase, sample, members, settings)
    remember(one, now_s, window_s(meter))
    if value and not value.over_range:
        told = follows.Told(now_s, value.current_ma, meter.total_ma)
        one.trail = follows.hear(one.trail, phase, told, members, meter.spacing_s)
    before = state.phases[phase]
    moved = (one.base_ma, one.doubt_ma) != (before.base_ma, before.doubt_ma)
    moved = moved or one.trail.finding is not before.trail.finding
    due_s = now_s if moved or one.samples else state.due_s
    state = replace(state, meter=meter, phases=tuple(phases), due_s=due_s)
    if state.emergency and meter.sets > sets:
        return _emergency_ends(state, now_s)
    return state


def _read_again(member: Member, seen: Seen | None) -> Member:
    """Return a member with the time of a reading that showed nothing new, so that it had no cycle."""
    known = member.seen
    if seen is None or known is None or seen.read_s == member.read_s or not member.reachable:
        return member
    if not known.says_the_same(seen):
        return member
    other = member.clone()
    other.read_s = seen.read_s
    return other


def _emergency_ends(state: LoadManagement, now_s: float) -> LoadManagement:
    phases = [phase.clone() for phase in state.phases]
    was_raised = not state.faults.isdisjoint(METER_FAULTS)
    for phase in phases:
        if was_raised:  # not after a start: then there is nothing to be careful about
            phase.reduced_s = now_s
    return replace(state, emergency=False, phases=tuple(phases), due_s=now_s)


def in_operation(
    state: LoadManagement,
    settings: Settings,
    now_s: float,
    seen: Mapping[int, Seen] = MappingProxyType({}),
) -> LoadManagement:
    """Take an In-operation telegram of the smart meter; after a silence its values are read.

    What it told last is in force: whether that follows the chargers is looked at as well.
    """
    meter = meters.in_operation(state.meter, settings, now_s)
    state = _heard_again(state, settings, now_s, seen)
    if state.emergency and meter.operation_since_s == now_s:
        meter = meters.asked(meter, range(settings.phases), now_s)
    return replace(state, meter=meter)


def _heard_again(
    state: LoadManagement, settings: Settings, now_s: float, seen: Mapping[int, Seen]
) -> LoadManagement:
    """Return the state after the meter said that the values it told last are in force."""
    if settings.monitoring is Monitoring.VALUES:
        return state
    members = [_read_again(member, seen.get(number)) for number, member in state.members.items()]
    phases = [phase.clone() for phase in state.phases]
    for index, phase in enumerate(phases):
        value = state.meter.values[index]
        if value is not None and not value.over_range:
            told = follows.Told(now_s, value.current_ma, state.meter.total_ma)
            phase.trail = follows.hear(phase.trail, index, told, members, state.meter.spacing_s)
    found = any(
        one.trail.finding is not two.trail.finding
        for one, two in zip(phases, state.phases, strict=True)
    )
    return replace(state, phases=tuple(phases), due_s=now_s if found else state.due_s)


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


def _part(member: Member) -> tuple[bool, bool, bool, bool, bool, bool, Constraint | None, Phases]:
    """Return what decides which part a charging point has, beside what it draws."""
    return (
        member.wants,
        member.interrupts,
        member.allowed,
        member.valid,
        member.reachable,
        member.connected,
        member.cap,
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
    claims = Claims()
    for member in state.members.values():
        held_ma += member.held_ma(phase, counts=member.holds)
        claims.add(member, phase)
        minimums_ma += member.settings.minimum_ma
    severe = base_ma + minimums_ma > settings.severe_factor * settings.fuse_ma
    return severe or held_ma > claims.room_ma(settings, base_ma)
