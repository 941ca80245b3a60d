"""One cycle of load management: what everybody may draw now, and why. Pure: a state in, one out.

Lowering is fast and acts on every meter telegram; raising is slow, needs a complete set, and gives
only what was released before (the sum of the larger of offer and draw never exceeds what there is).
Source: load management specification, sections 6 to 14.
"""

from collections.abc import Iterable, Mapping, Sequence

from knxgw.charging.faults import FaultCode
from knxgw.charging.words import Reason
from knxgw.dlm import meter as meters
from knxgw.dlm import overcurrent as overcurrents
from knxgw.dlm import queue as queues
from knxgw.dlm.allocation import Share, rounded, solve
from knxgw.dlm.member import (
    Member,
    MemberSettings,
    Phases,
    Seen,
    actual_at,
    follow_use,
    observe,
    range_at,
    set_offer,
)
from knxgw.dlm.meter import Meter, MeterReading
from knxgw.dlm.overcurrent import Load
from knxgw.dlm.settings import (
    BACK_OFF_AFTER_RAISE_S,
    BACK_OFF_ENDS_S,
    LOW_EXCESS_S,
    MOST_BACK_OFF,
    PEAK_HOLD_S,
    Settings,
    Supervision,
)
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


# --- inputs ------------------------------------------------------------------------------------


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
    one.base_ma = _base_ma(state, phase, round(current_ma), sampled_s)
    one.history = _with_peak(one.history, one.base_ma, now_s - _window_s(meter) * 2**MOST_BACK_OFF)
    one.history = (*one.history, (now_s, one.base_ma))
    state = replace(state, meter=meter, phases=tuple(phases))
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


def _base_ma(state: LoadManagement, phase: int, measured_ma: int, sampled_s: float) -> int:
    """Return the load of the building on a phase: what is measured, less what chargers drew then.

    While a charger's current moves, its draw at the very instant of the sample is uncertain; then
    the base changes only as much as the measurement demands. Otherwise every step of a vehicle
    would look like one of the building.
    """
    drawn_ma = low_ma = high_ma = 0
    for member in state.members.values():
        if member.valid and member.reachable:
            least_ma, most_ma = range_at(member, sampled_s, phase)
            low_ma, high_ma = low_ma + least_ma, high_ma + most_ma
            drawn_ma += actual_at(member, sampled_s)[phase]
    before_ma = state.phases[phase].base_ma
    if before_ma is None:
        return measured_ma - drawn_ma
    return min(max(before_ma, measured_ma - high_ma), measured_ma - low_ma)


def _emergency_ends(state: LoadManagement, now_s: float) -> LoadManagement:
    phases = [phase.clone() for phase in state.phases]
    was_raised = FaultCode.SMART_METER_TIMEOUT in state.faults
    for phase in phases:
        if was_raised:  # not after a start: then there is nothing to be careful about
            phase.reduced_s = now_s
    return replace(state, emergency=False, phases=tuple(phases))


def in_operation(state: LoadManagement, now_s: float) -> LoadManagement:
    """Take an In-operation telegram of the smart meter."""
    return replace(state, meter=meters.in_operation(state.meter, now_s))


def high_power(state: LoadManagement, settings: Settings, now_s: float) -> LoadManagement:
    """Take the message that a large consumer starts: everybody to the minimum for a while."""
    lasts_s = max(settings.high_power_s, state.meter.spacing_s + 8.0)
    phases = [phase.clone() for phase in state.phases]
    for phase in phases:
        phase.history = ()
    return replace(state, phases=tuple(phases), high_power_until_s=now_s + lasts_s)


# --- the cycle ---------------------------------------------------------------------------------


def cycle(
    state: LoadManagement,
    settings: Settings,
    seen: Mapping[int, Seen],
    now_s: float,
    *,
    new_phases: Sequence[int] = (),
) -> LoadManagement:
    """Return the state with the offers that hold now; `new_phases` have a new meter value."""
    work = _Cycle(state, settings, now_s)
    work.observe(seen)
    work.supervise_meter()
    work.find_room()
    work.supervise_overcurrent(new_phases)
    work.stop()
    if work.at_minimum_only:
        work.hold_at_minimum()
    else:
        work.share()
    work.stand_by()
    return work.finish()


class _Cycle:
    """The working copy of one cycle; lives as long as the call."""

    def __init__(self, state: LoadManagement, settings: Settings, now_s: float) -> None:
        self.state = state
        self.settings = settings
        self.now_s = now_s
        self.members = {number: member.clone() for number, member in state.members.items()}
        self.phases = [phase.clone() for phase in state.phases]
        self.emergency = state.emergency
        self.faults = set(state.faults)
        self.overcurrent = state.overcurrent
        self.reasons: dict[int, Reason] = {}
        self.rotated_s = state.rotated_s
        count = len(self.phases)
        self.now_ma = [0] * count  # A_now
        self.up_ma = [0] * count  # A_up
        self.over_range = [False] * count
        self.is_static = settings.static_limit_ma is not None
        self.in_window = now_s < state.high_power_until_s

    @property
    def at_minimum_only(self) -> bool:
        """Tell whether nobody may have more than the minimum."""
        return self.emergency or self.in_window

    # --- 1, 2: what is seen

    def observe(self, seen: Mapping[int, Seen]) -> None:
        """Take what is seen of every charging point."""
        for number, member in self.members.items():
            was_member, was_counted = member.is_member, member.valid and member.reachable
            moved = observe(member, seen[number], self.settings, self.now_s)
            if member.is_member and not was_member:  # what it had while it stood by is its start
                member.raised_s, member.raised_set = self.now_s, self.state.meter.sets
            if moved is not None:
                self._add_to_base(moved)
            elif not was_counted and member.valid and member.reachable:
                self._take_from_base(member.actual_ma)
            follow_use(member, self.settings, self.now_s)
        invalid = any(not m.valid and m.reachable for m in self.members.values())
        self._set_fault(FaultCode.DLM_INVALID_CURRENT, invalid)

    def _add_to_base(self, moved: Phases) -> None:
        """A draw that is not known any more counts as the building's, now and in the past."""
        if self.is_static:  # there is no building in it; the reserve stands for all of it
            return
        for index, phase in enumerate(self.phases):
            if phase.base_ma is not None and moved[index]:
                phase.base_ma += moved[index]
                phase.history = tuple((at, base + moved[index]) for at, base in phase.history)

    def _take_from_base(self, known: Phases) -> None:
        """A draw that is known again was the building's so far; its peaks stay for raising."""
        if self.is_static:
            return
        for index, phase in enumerate(self.phases):
            if phase.base_ma is not None:
                phase.base_ma -= known[index]

    def supervise_meter(self) -> None:
        """Begin the emergency when the meter has been silent for too long."""
        if self.is_static:
            return
        alive_s = meters.alive_s(self.state.meter, self.settings)
        last_s = self.state.meter.since_s if alive_s is None else alive_s
        silent = self.now_s - last_s >= self.settings.timeout_s
        if silent:
            self.emergency = True
        lasts = self.emergency and FaultCode.SMART_METER_TIMEOUT in self.faults  # until a full set
        self._set_fault(FaultCode.SMART_METER_TIMEOUT, silent or lasts)
        if self.emergency:
            self.overcurrent = overcurrents.suspended(self.overcurrent)

    def _set_fault(self, code: FaultCode, present: bool) -> None:  # noqa: FBT001 - a finding
        if present:
            self.faults.add(code)
        else:
            self.faults.discard(code)

    # --- 3: what there is

    def find_room(self) -> None:
        """Find what is available per phase, for lowering (now) and for raising (peak-hold)."""
        settings = self.settings
        window_s = _window_s(self.state.meter)
        for index, phase in enumerate(self.phases):
            if self.now_s - phase.reduced_s > BACK_OFF_ENDS_S:
                phase.back_off = 0
            base_ma = phase.base_ma or 0
            kept_s = self.now_s - window_s * 2**phase.back_off
            peak_ma = next((ma for at, ma in phase.history if at > kept_s), base_ma)  # falling
            taken_ma = sum(
                member.reserve_ma[index] + member.overdraw_ma[index]
                for member in self.members.values()
            )
            limit_ma, feeder_ma = settings.limit_ma, settings.chargers_ma
            self.now_ma[index] = min(limit_ma - base_ma, feeder_ma) - taken_ma
            self.up_ma[index] = min(limit_ma - max(peak_ma, base_ma), feeder_ma) - taken_ma
            value = self.state.meter.values[index]
            if value is not None and value.over_range:
                self.over_range[index] = True
                self.now_ma[index] = self.up_ma[index] = min(self.now_ma[index], 0)

    def supervise_overcurrent(self, new_phases: Sequence[int]) -> None:
        """Watch whether the minima alone are too much, and whether they fit again."""
        if self.is_static or self.emergency:
            return
        loads = []
        for index, phase in enumerate(self.phases):
            value = self.state.meter.values[index]
            here = [m for m in self.members.values() if m.is_member and index in m.phases]
            running = [m for m in here if m.offer_ma]
            counted = here if self.overcurrent.locked else running  # to restart: all who want
            minimums = sum(m.settings.minimum_ma for m in counted)
            at_minimum = all(m.offer_ma <= m.settings.minimum_ma for m in running)
            loads.append(
                Load(
                    measured_ma=value.current_ma if value else 0,
                    base_ma=phase.base_ma or 0,
                    minimums_ma=minimums,
                    at_minimum=bool(running) and at_minimum,
                    is_new=index in new_phases,
                    room_ma=self.now_ma[index],
                )
            )
        self.overcurrent = overcurrents.supervise(
            self.overcurrent, self.settings, loads, self.now_s
        )
        if self.settings.queue and self.overcurrent.locked and not self.state.overcurrent.locked:
            self._shed()
        self._set_fault(FaultCode.OVER_CURRENT, self.overcurrent.locked)

    def _shed(self) -> None:
        """Send away those who do not fit instead of interrupting everybody."""
        running = [m for m in self.members.values() if m.is_member and m.offer_ma > 0]
        leaving = queues.shed(running, self.now_ma, self.settings)
        for member in leaving:
            self._set(member, 0)
            member.was_shed, member.room_s = True, None
        if leaving:
            self.overcurrent = overcurrents.Overcurrent()

    # --- zero, minimum

    def stop(self) -> None:
        """Give 0 A at once to everybody who may not charge."""
        locked = self.overcurrent.locked
        for number, member in self.members.items():
            too_low = member.limit_ma < member.settings.minimum_ma
            if locked or not member.allowed or not member.valid or too_low:
                self._set(member, 0)
                if not member.valid:
                    self.reasons[number] = Reason.INVALID_CURRENT
                elif locked:
                    self.reasons[number] = Reason.LOCK_OUT

    def _set(self, member: Member, offer_ma: int) -> None:
        set_offer(member, offer_ma, self.settings, self.now_s)

    @property
    def active(self) -> list[Member]:
        """Return who takes part in the allocation."""
        if self.overcurrent.locked:
            return []
        return [
            m for m in self.members.values() if m.is_member and m.limit_ma >= m.settings.minimum_ma
        ]

    def hold_at_minimum(self) -> None:
        """Give everybody the minimum: nobody knows, or soon will not know, what there is."""
        reason = Reason.METER_LOST if self.emergency else Reason.HIGH_POWER
        for member in self.active:
            number = member.settings.number
            if member.offer_ma > member.settings.minimum_ma:
                self._set(member, member.settings.minimum_ma)
            elif member.offer_ma == 0:
                fits = self.emergency or self._has_room(self.now_ma, member)
                if not fits:
                    self.reasons[number] = Reason.WAITING_FOR_CURRENT
                    continue
                self._start(member)
            self.reasons[number] = reason

    def _start(self, member: Member) -> None:
        self._set(member, member.settings.minimum_ma)
        member.raised_s, member.raised_set = self.now_s, self.state.meter.sets

    def _commitment(self, member: Member, index: int) -> int:
        """Return what a member holds of a phase: the larger of offer and draw."""
        actual_ma = member.actual_ma[index]
        counts = member.is_member and not member.released and index in member.phases
        return max(member.offer_ma, actual_ma) if counts else actual_ma

    def _has_room(self, available_ma: Sequence[int], member: Member) -> bool:
        """Tell whether the minimum of a newcomer fits beside what everybody holds."""
        need_ma = member.settings.minimum_ma
        return all(
            available_ma[index]
            - sum(self._commitment(m, index) for m in self.members.values() if m is not member)
            >= need_ma
            for index in member.phases
        )

    # --- 4 to 9: share

    def share(self) -> None:
        """Admit, lower, start and raise."""
        active = [member for member in self.active if not member.released]
        running = [member for member in active if member.offer_ma > 0]
        waiting = sorted((m for m in active if m.offer_ma == 0), key=self._urgency)
        self._turn(running, waiting)
        admitted = self._admit(running, waiting)
        shares = {m.settings.number: self._share(m) for m in (*running, *admitted)}
        down_ma = self._solved(self.now_ma, shares)
        up_ma = self._solved(self.up_ma, shares)
        self._lower(running, down_ma)
        for member in admitted:
            if self._has_room(self.up_ma, member):
                self._start(member)
        self._raise(running, {number: min(ma, down_ma[number]) for number, ma in up_ma.items()})
        for member in running:
            self.reasons[member.settings.number] = self._why(member, up_ma)
        for member in waiting:
            started = member.offer_ma > 0
            reason = self._why(member, up_ma) if started else Reason.WAITING_FOR_CURRENT
            self.reasons[member.settings.number] = reason
        for member in self.active:
            if member.released:
                self._set(member, member.settings.minimum_ma)
                self.reasons[member.settings.number] = Reason.IDLE

    def _turn(self, running: list[Member], waiting: list[Member]) -> None:
        """Let one who was served for a turn yield to the first of those who wait."""
        settings = self.settings
        since_s = self.now_s - self.rotated_s
        if not settings.queue or not waiting or since_s < settings.rotation_s - queues.SLACK_S:
            return
        if self._admit(running, waiting[:1]):
            return  # it fits without
        room = self._room(running, waiting)
        leaving = queues.yielding(running, waiting[0], room, settings, self.now_s)
        if leaving is not None:
            self._set(leaving, 0)
            self.rotated_s = self.now_s
            running.remove(leaving)
            self.reasons[leaving.settings.number] = Reason.WAITING_FOR_CURRENT

    def _room(self, running: list[Member], waiting: list[Member]) -> list[int]:
        """Return what there is for these members, beside what others draw."""
        inside = {m.settings.number: m for m in (*running, *waiting)}
        return [up_ma - self._others(inside, index) for index, up_ma in enumerate(self.up_ma)]

    def _may_come_back(self, member: Member, minimums: list[int], room: list[int]) -> bool:
        """Tell whether there has been room for one that was shed for long enough."""
        if not member.was_shed:
            return True
        need_ma = member.settings.minimum_ma + queues.ROOM_MA
        if any(minimums[index] + need_ma > room[index] for index in member.phases):
            member.room_s = None
            return False
        if member.room_s is None:
            member.room_s = self.now_s
        if self.now_s - member.room_s < queues.ROOM_S:
            return False
        member.was_shed, member.room_s = False, None
        return True

    def _urgency(self, member: Member) -> tuple[bool, int, int]:
        number = member.settings.number
        return number != self.settings.priority, member.energy_mwh, number

    def _share(self, member: Member) -> Share:
        one = member.settings
        return Share(
            minimum_ma=one.minimum_ma,
            cap_ma=max(one.minimum_ma, member.limit_ma),
            constraints=member.phases,
            prioritised=one.number == self.settings.priority,
            resolution_ma=one.resolution_ma,
            current_ma=member.offer_ma,
            energy_mwh=member.energy_mwh,
        )

    def _others(self, numbers: Mapping[int, object], index: int) -> int:
        """Return what those draw who take no part in the sharing.

        One that was just told to stop is leaving: its part is there again in a moment, and nobody
        gets it before it was released.
        """
        return sum(
            m.actual_ma[index]
            for n, m in self.members.items()
            if n not in numbers and not (m.offer_ma == 0 and self.now_s < m.settled_s)
        )

    def _admit(self, running: list[Member], waiting: list[Member]) -> list[Member]:
        """Return the waiting members whose minimum fits when the others make room."""
        if not waiting:
            return []
        minimums = [
            sum(m.settings.minimum_ma for m in running if index in m.phases)
            for index in range(len(self.phases))
        ]
        room = self._room(running, waiting)
        admitted = []
        for member in waiting:
            need_ma = member.settings.minimum_ma
            if self._may_come_back(member, minimums, room) and all(
                minimums[index] + need_ma <= room[index] for index in member.phases
            ):
                admitted.append(member)
                for index in member.phases:
                    minimums[index] += need_ma
        return admitted

    def _solved(self, available_ma: Sequence[int], shares: Mapping[int, Share]) -> dict[int, int]:
        if not shares:
            return {}
        room = [ma - self._others(shares, index) for index, ma in enumerate(available_ma)]
        ordered = list(shares.values())
        exact = solve(room, ordered)
        return dict(zip(shares, rounded(room, ordered, exact), strict=True))

    def _lower(self, running: list[Member], down_ma: Mapping[int, int]) -> None:
        """Lower at once who has too much; remember it where the line was in danger."""
        settings = self.settings
        danger = [self._is_in_danger(running, index) for index in range(len(self.phases))]
        for member in running:
            target_ma = down_ma[member.settings.number]
            if target_ma >= member.offer_ma:
                continue
            safety = any(danger[index] for index in member.phases)
            shrunk = member.offer_ma - target_ma > settings.lower_from_ma
            capped = member.limit_ma < member.offer_ma
            if safety or shrunk or capped:
                self._set(member, target_ma)
                for index in member.phases:
                    if danger[index]:
                        self._note_reduction(self.phases[index])

    def _is_in_danger(self, running: list[Member], index: int) -> bool:
        offered_ma = sum(m.offer_ma for m in running if index in m.phases)
        excess_ma = offered_ma - (self.now_ma[index] - self._drawn_by_others(running, index))
        phase = self.phases[index]
        if excess_ma <= 0 or not offered_ma:
            phase.excess_s = None
            return False
        if phase.excess_s is None:
            phase.excess_s = self.now_s
        lasts = self.now_s - phase.excess_s >= LOW_EXCESS_S
        return lasts or excess_ma > self.settings.lower_from_ma

    def _drawn_by_others(self, running: list[Member], index: int) -> int:
        return sum(
            m.actual_ma[index]
            for m in self.members.values()
            if all(m is not one for one in running)
        )

    def _note_reduction(self, phase: PhaseState) -> None:
        if phase.reduced_s == self.now_s:
            return
        if self.now_s - phase.raised_s <= BACK_OFF_AFTER_RAISE_S:
            phase.back_off = min(phase.back_off + 1, MOST_BACK_OFF)
        phase.reduced_s = self.now_s

    def _raise(self, running: list[Member], up_ma: Mapping[int, int]) -> None:
        """Give more to those who may have it, as much as was released."""
        settings = self.settings
        allowed = [self._may_raise(phase) for phase in self.phases]
        wants: list[tuple[Member, int]] = []
        for member in running:
            want_ma = min(up_ma[member.settings.number] - member.offer_ma, settings.raise_ma)
            step_ma = max(settings.raise_from_ma, member.settings.resolution_ma)
            if member.settings.resolution_ma > settings.raise_from_ma:
                step_ma = member.settings.resolution_ma
            if want_ma >= step_ma and self._may_rise(member, allowed):
                wants.append((member, want_ma))
        if not wants:
            return
        head = [
            up - sum(self._commitment(m, index) for m in self.members.values())
            for index, up in enumerate(self.up_ma)
        ]
        shares = [
            Share(
                minimum_ma=0,
                cap_ma=want_ma,
                constraints=member.phases,
                prioritised=member.settings.number == settings.priority,
            )
            for member, want_ma in wants
        ]
        for (member, _), grant_ma in zip(wants, solve(head, shares), strict=True):
            step_ma = member.settings.resolution_ma
            granted_ma = grant_ma // step_ma * step_ma
            if granted_ma > 0:
                self._set(member, member.offer_ma + granted_ma)
                member.raised_s, member.raised_set = self.now_s, self.state.meter.sets
                for index in member.phases:
                    self.phases[index].raised_s = self.now_s

    def _may_raise(self, phase: PhaseState) -> bool:
        hold_s = _window_s(self.state.meter) * 2**phase.back_off
        return self.is_static or self.now_s - phase.reduced_s >= hold_s

    def _may_rise(self, member: Member, allowed: Sequence[bool]) -> bool:
        if self.now_s - member.raised_s < self.settings.raise_spacing_s - CLOCK_SLACK_S:
            return False
        on_change = self.settings.supervision is Supervision.VALUES_AND_IN_OPERATION
        seen = on_change or self.is_static or self.state.meter.sets > member.raised_set
        return seen and all(allowed[index] for index in member.phases)

    def _why(self, member: Member, up_ma: Mapping[int, int]) -> Reason:
        """Return what keeps a running member from having more."""
        one = member.settings
        if member.offer_ma >= one.maximum_ma:
            return Reason.MAXIMUM
        if member.offer_ma >= member.cap_ma:
            return Reason.GRID_CONTROL
        if member.use_cap_ma is not None and member.offer_ma >= member.use_cap_ma:
            return Reason.UNDER_USE
        if up_ma.get(one.number, 0) > member.offer_ma + self.settings.raise_from_ma:
            return Reason.RAISING
        priority = self.settings.priority
        if priority is not None and priority != one.number:
            first = self.members.get(priority)
            if first is not None and first.is_member and first.offer_ma > first.settings.minimum_ma:
                return Reason.PRIORITY
        tightest = min(member.phases, key=lambda index: self.up_ma[index], default=0)
        return (Reason.FUSE_L1, Reason.FUSE_L2, Reason.FUSE_L3)[tightest]

    # --- without a vehicle

    def stand_by(self) -> None:
        """Offer those without a vehicle what a newcomer would get at once."""
        for number, member in self.members.items():
            if member.is_member or not (member.allowed and member.valid and member.reachable):
                continue
            if self.overcurrent.locked or member.limit_ma < member.settings.minimum_ma:
                continue
            available_ma = self.now_ma if self.at_minimum_only else self.up_ma
            fits = self.emergency or self._has_room(available_ma, member)
            self._set(member, member.settings.minimum_ma if fits else 0)
            self.reasons[number] = Reason.MINIMUM if fits else Reason.WAITING_FOR_CURRENT

    def finish(self) -> LoadManagement:
        """Return the state that this cycle leaves."""
        known = not self.emergency and all(phase.base_ma is not None for phase in self.phases)
        padded = (*self.now_ma, 0, 0)
        return replace(
            self.state,
            members=self.members,
            phases=tuple(self.phases),
            emergency=self.emergency,
            overcurrent=self.overcurrent,
            faults=frozenset(self.faults),
            reasons=self.reasons,
            rotated_s=self.rotated_s,
            available_ma=(padded[0], padded[1], padded[2]) if known else None,
        )


CLOCK_SLACK_S = 1e-6


def _window_s(meter: Meter) -> float:
    """Return W: how long a peak of the base load is remembered."""
    return max(PEAK_HOLD_S, 1.5 * meter.spacing_s)
