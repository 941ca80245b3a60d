"""What load management knows of one charging point, and what its readings mean.

All arithmetic is done in grid phases 0 to 2; currents are mA, times monotonic seconds. A `Member`
is the working copy of one cycle: `copy()` it, change the copy, keep the copy.
Source: load-management 3.3, 4, 13, 14.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from knxgw.charging.point import FRESH_PERIODS
from knxgw.charging.precedence import Constraint
from knxgw.charging.words import ChargingState
from knxgw.dlm.settings import Settings

STRONG_MA, WEAK_MA = 3000, 1000  # a phase below the weak one for a while is not used
SHRINK_S = 15.0
DRAWS_MA = 1000
HISTORY_S = 70.0
VALID_AGAIN_S = 5.0
ROTATIONS = ("123", "231", "312", "132", "213", "321")
Phases = tuple[int, int, int]
NONE: Phases = (0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSettings:
    """What is fixed of a charging point."""

    number: int
    minimum_ma: int  # that the charger can express
    maximum_ma: int
    resolution_ma: int
    wired: tuple[int, ...]  # grid phases by wiring and rotation, in the order of the terminals
    measures: bool  # false: the setpoint counts as the current while it charges
    fallback_ma: int  # what it may take without the gateway
    measures_each: bool = True  # false: of some phases its current is assumed


@dataclass(frozen=True, kw_only=True)  # no slots: see knxgw.frozen
class Seen:
    """What a charging point is like at the moment of a cycle."""

    state: ChargingState | None  # the charger's own, without the echo of our pause; None: unknown
    connected: bool
    reachable: bool
    constraints: tuple[Constraint, ...]  # beside load management, highest rank first
    currents_ma: tuple[int | None, ...] | None  # at the terminals; None: none was read
    read_s: float | None  # when they were read
    fresh_s: float = 10.0  # for how long a reading counts, by how often there is one
    energy_mwh: int = 0  # of the session
    taken_ma: int | None = None  # last offer the charger acknowledged
    taken_s: float | None = None  # when it did

    @property
    def period_s(self) -> float:
        """Return how long it may take at most until the next reading, as far as that is known."""
        return self.fresh_s / FRESH_PERIODS

    @property
    def allowed(self) -> bool:
        """Tell whether nobody but load management keeps it from charging."""
        return all(one.cap_ma for one in self.constraints)

    @property
    def cap(self) -> Constraint | None:
        """Return the smallest cap that lets it charge, of equal ones the highest rank."""
        caps = [one for one in self.constraints if one.cap_ma]
        return min(caps, key=lambda one: one.cap_ma, default=None)

    def says_the_same(self, other: "Seen") -> bool:
        """Tell whether the other one differs only in its age."""
        return (
            self.currents_ma == other.currents_ma
            and self.fresh_s == other.fresh_s
            and self.state is other.state
            and self.connected is other.connected
            and self.reachable is other.reachable
            and self.constraints == other.constraints
            and self.energy_mwh == other.energy_mwh
            and self.taken_ma == other.taken_ma
            and self.taken_s == other.taken_s
        )


@dataclass
class Member:
    """State of one charging point in the load management."""

    settings: MemberSettings
    offer_ma: int = 0  # s_i
    phases: tuple[int, ...] = ()  # it counts for
    actual_ma: Phases = NONE  # a_i
    history: tuple[tuple[float, Phases], ...] = ()  # a_i over the last minute
    currents_ma: tuple[int | None, ...] | None = None  # as they were read
    read_s: float | None = None
    seen: Seen | None = None  # what it was like when it was looked at last
    quiet_until_s: float = -1e9  # until then looking again at the same would change nothing
    connected: bool = False
    reachable: bool = False
    reached_s: float = -1e9  # since when it answers
    valid: bool = True
    good_s: float | None = None  # since when its values are valid again
    wants: bool = False
    interrupts: bool = False  # the charger itself does
    allowed: bool = False
    cap: Constraint | None = None  # of those that are not load management
    energy_mwh: int = 0
    strong_s: float | None = None  # since when it charges clearly
    weak_s: dict[int, float] = field(default_factory=dict)  # phase -> since when it is not used
    changed_s: float = -1e9  # last change of the offer
    before_ma: int = 0  # the offer before that
    earlier_ma: int = 0  # and the one before, if it had not had to be obeyed by then
    drawn_ma: int = 0  # what it drew when its offer changed
    settled_s: float = -1e9  # from when on the offer must be obeyed
    risen_ma: int = 0  # what it was raised to the last time
    rises_until_s: float = -1e9  # so long it may still follow that, whatever it is told since
    overdraw_ma: Phases = NONE  # D_i
    reserve_ma: Phases = NONE  # R_i
    hidden_ma: Phases = NONE  # U_i: the last draw of one whose draw counts as the building's now
    raised_s: float = -1e9
    raised_set: int = -1  # meter set of the last raise
    small_s: float | None = None  # since when a raise too small to be worth it has been possible
    under_s: float | None = None  # since when it draws less than allowed
    use_cap_ma: int | None = None
    use_ma: int = 0  # what it took of more when it got this cap
    is_narrow: bool = False  # the cap leaves it hardly any headroom
    headroom_s: float = -1e9  # when its headroom changed last
    scarce_s: float | None = None  # since when others on its phases lack what it does not use
    cap_raised_s: float = -1e9
    offered_s: float | None = None  # since when it has at least its minimum
    waits_s: float | None = None  # since when it wants to charge and has nothing
    idle_s: float | None = None  # since when it has not drawn
    has_charged: bool = False
    released: bool = False  # counts for nothing until it draws again
    was_shed: bool = False  # it had to go for too much current (queue)
    room_s: float | None = None  # since when there has been room for it again
    returns_after_s: float = 0.0  # how long that must last
    returned_s: float = -1e9  # when it came back the last time
    stops_s: tuple[float, ...] = ()  # when it was taken its current the last times (queue)

    def clone(self) -> "Member":
        """Return a copy that can be changed without changing this one."""
        other = Member.__new__(Member)
        other.__dict__ = self.__dict__.copy()  # all values are immutable, or replaced as a whole
        return other

    @property
    def is_member(self) -> bool:
        """Tell whether it takes part in the allocation (K)."""
        return self.wants and self.allowed and self.valid and self.reachable

    @property
    def leaves(self) -> bool:
        """Tell whether it still draws although its charger interrupts: its commitment stays."""
        return self.interrupts and self.offer_ma > 0 and self.draws_ma >= DRAWS_MA

    @property
    def holds(self) -> bool:
        """Tell whether its offer counts, drawn or not."""
        return (self.is_member and not self.released) or self.leaves

    @property
    def claims_more(self) -> bool:
        """Tell whether it takes anything of a phase beside its offer."""
        return not (self.reserve_ma is NONE and self.overdraw_ma is NONE and self.hidden_ma is NONE)

    def held_ma(self, phase: int, *, counts: bool) -> int:
        """Return what it holds of a phase: the larger of offer and draw if it `counts`, else the draw.

        What it overdraws is subtracted from what there is, and so counts once.

        Source: load-management 7.1, 9.2.
        """
        actual_ma = self.actual_ma[phase] - self.overdraw_ma[phase]
        if counts and self.offer_ma > actual_ma and phase in self.phases:
            return self.offer_ma
        return actual_ma

    @property
    def draws_ma(self) -> int:
        """Return the highest phase current."""
        return max(self.actual_ma)

    @property
    def limit_ma(self) -> int:
        """Return the smallest cap that holds for it."""
        cap_ma = self.settings.maximum_ma
        if self.cap is not None:
            cap_ma = min(cap_ma, self.cap.cap_ma)
        return cap_ma if self.use_cap_ma is None else min(cap_ma, self.use_cap_ma)


def is_quiet(member: Member, seen: Seen, now_s: float) -> bool:
    """Tell whether what is seen says nothing new, nor does the time; note how old it is.

    What a charger without measurement is taken to draw moves with time.
    """
    known = member.seen
    if known is None or now_s >= member.quiet_until_s or not member.settings.measures:
        return False
    if not known.says_the_same(seen):
        return False
    if seen.read_s is not None and seen.read_s != member.read_s:
        member.read_s = seen.read_s
        if member.reachable:
            member.history = _grown(member.history, seen.read_s, member.actual_ma)
    return True


def observe(member: Member, seen: Seen, settings: Settings, now_s: float) -> Phases | None:
    """Take what is seen; return what its draw adds to the base load of before, None: nothing.

    A charging point whose draw cannot be known any more moves, with its last draw, into the base. So
    does what one without measurement was taken to draw until it stopped: the meter has to show that
    it is there.
    """
    if seen.reachable and not (member.seen is not None and member.seen.reachable):
        member.reached_s = now_s
    member.seen, member.quiet_until_s = seen, now_s
    was_counted = member.valid and member.reachable
    before_ma = member.actual_ma
    if member.connected and not seen.connected:
        _unplugged(member)
    member.connected, member.allowed = seen.connected, seen.allowed
    member.cap, member.energy_mwh = seen.cap, seen.energy_mwh
    _follow_reach(member, seen, settings, now_s)
    _follow_currents(member, seen, settings, now_s)
    member.wants = _wants(seen)
    member.interrupts = member.connected and seen.state is ChargingState.INTERRUPTION
    if member.reachable:
        member.reserve_ma = _not_taken(member, seen, now_s)
    if was_counted and not (member.valid and member.reachable):
        member.actual_ma, member.currents_ma, member.overdraw_ma = NONE, None, NONE
        member.phases = member.settings.wired
        if settings.static_limit_ma is None:
            member.hidden_ma = before_ma
        return before_ma
    if member.reachable and (member.valid or _is_off(member, seen)):
        member.hidden_ma = NONE
    if not member.settings.measures and member.reachable and settings.static_limit_ma is None:
        return before_ma if any(before_ma) and not any(member.actual_ma) else None
    return None


def _is_off(member: Member, seen: Seen) -> bool:
    """Tell whether one whose currents cannot be believed was told 0 A and says that it does not charge."""
    is_charging = seen.state is not None and seen.state.is_charging
    return member.offer_ma == 0 and seen.state is not None and not is_charging


def _unplugged(member: Member) -> None:
    member.phases = member.settings.wired
    member.strong_s = None
    member.weak_s = {}
    member.use_cap_ma = member.under_s = member.scarce_s = None
    member.idle_s = member.offered_s = None
    member.has_charged = member.released = member.was_shed = False


def _follow_reach(member: Member, seen: Seen, settings: Settings, now_s: float) -> None:
    """Reserve what an unreachable charger may take, beside its draw that the meter shows.

    Without a meter nothing shows it: then all of it is reserved.
    """
    if member.reachable and not seen.reachable:
        stays_ma = max(member.offer_ma, member.settings.fallback_ma)
        actual = NONE if settings.static_limit_ma is not None else member.actual_ma
        member.reserve_ma = _phases(
            member.settings.wired, lambda phase: max(0, stays_ma - actual[phase])
        )
    member.reachable = seen.reachable and not _is_awaited(member, seen, now_s)


def _is_awaited(member: Member, seen: Seen, now_s: float) -> bool:
    """Tell whether one that answers again has still to tell what it draws.

    Its last draw counts as the building's until then: with its offer it would count twice, and
    everybody would be lowered for nothing.
    """
    if member.reachable or not member.settings.measures or not _is_unread(member, seen, now_s):
        return False
    return any(member.hidden_ma) and now_s - member.reached_s <= stale_s(member)


def _is_unread(member: Member, seen: Seen, now_s: float) -> bool:
    """Tell whether there is no reading of its currents, or one from long before."""
    if seen.read_s is None or seen.currents_ma is None:
        return True
    return now_s - seen.read_s > stale_s(member)


def _not_taken(member: Member, seen: Seen, now_s: float) -> Phases:
    """Return what a charger may take that should have taken a lower offer by now, and did not.

    Source: load-management 9.3.
    """
    taken_ma = seen.taken_ma
    if taken_ma is None or taken_ma <= member.offer_ma or now_s < member.settled_s:
        return NONE
    actual, offer_ma = member.actual_ma, member.offer_ma
    return _phases(member.phases, lambda phase: max(0, taken_ma - max(offer_ma, actual[phase])))


def _phases(used: tuple[int, ...], value: Callable[[int], int]) -> Phases:
    return (
        value(0) if 0 in used else 0,
        value(1) if 1 in used else 0,
        value(2) if 2 in used else 0,
    )


def _follow_currents(member: Member, seen: Seen, settings: Settings, now_s: float) -> None:
    if not member.reachable:
        member.good_s = None
        return
    if not member.settings.measures:
        member.actual_ma = _assumed(member, seen, settings, now_s)
        member.valid = True
    elif (
        seen.currents_ma is None
        or _is_unread(member, seen, now_s)
        or _is_left_over(member, seen.currents_ma, now_s)
    ):
        if now_s - last_heard_s(member) <= stale_s(member):
            return  # it has just come back: they will be read in a moment
        member.valid, member.good_s = False, None
    else:
        is_known = member.currents_ma is not None or not member.valid  # else it was out of sight
        if is_known and seen.read_s == member.read_s:
            if member.valid:
                _follow_phases(member, now_s)  # what time alone tells does not wait for a reading
            return
        same = member.valid and seen.currents_ma is member.currents_ma
        member.read_s, member.currents_ma = seen.read_s, seen.currents_ma
        if not same:
            _judge(member, seen.currents_ma, now_s)
        if member.valid and not same:
            member.actual_ma = _in_grid_phases(member.settings.wired, seen.currents_ma)
    if member.valid:
        at_s = seen.read_s if member.settings.measures and seen.read_s is not None else now_s
        member.history = _grown(member.history, at_s, member.actual_ma)
        _follow_phases(member, now_s)


def last_heard_s(member: Member) -> float:
    """Return from when on the age of its currents counts: their last reading, or its return."""
    read_s = member.read_s
    return member.reached_s if read_s is None else max(read_s, member.reached_s)


def last_read_s(member: Member) -> float | None:
    """Return when it was read last; a reading that showed nothing new is not in its history yet."""
    if not member.history:
        return None
    last_s = member.history[-1][0]
    return last_s if member.read_s is None else max(last_s, member.read_s)


def _grown(
    history: tuple[tuple[float, Phases], ...], at_s: float, actual: Phases
) -> tuple[tuple[float, Phases], ...]:
    """Return the history with one more reading; of equal ones in a row the ends are enough."""
    if len(history) >= 2 and history[-1][1] == actual == history[-2][1]:
        return (*history[:-1], (at_s, actual))
    start = 1 if history and len(history) > 1 and history[1][0] < at_s - HISTORY_S else 0
    return (*history[start:], (at_s, actual))


STALE_S = 10.0
BEGINS_MA = 106_000  # 80 A, 30 % and 2 A more: no charger can be told more
OFTEN_S = 2.0


def is_read_often(member: Member) -> bool:
    """Tell whether its current is read about as often as everything is decided anew."""
    if not member.settings.measures:
        return not member.connected
    return member.seen is None or member.seen.period_s <= OFTEN_S


def stale_s(member: Member) -> float:
    """Return after how long [s] a reading is none any more. Source: load-management 3.3."""
    return STALE_S if member.seen is None else member.seen.fresh_s


def _highest_ma(member: Member) -> int:
    """Return the highest current that can be. Source: load-management 3.3."""
    return member.settings.maximum_ma * 13 // 10 + 2000


def _is_left_over(member: Member, currents_ma: tuple[int | None, ...], now_s: float) -> bool:
    """Tell whether one that has just come into sight still draws what it was told before.

    That may have been by another configuration; what it draws is not believed, nor called impossible.
    """
    if now_s - member.reached_s > stale_s(member):
        return False
    most_ma = max((current or 0 for current in currents_ma), default=0)
    return _highest_ma(member) < most_ma <= BEGINS_MA


def _judge(member: Member, currents_ma: tuple[int | None, ...], now_s: float) -> None:
    """Note whether the values can be believed; after bad ones only when they are good for a while."""
    highest_ma = _highest_ma(member)
    good = all(current is not None and -1000 <= current <= highest_ma for current in currents_ma)
    if not good:
        member.valid, member.good_s = False, None
    elif not member.valid:
        member.good_s = now_s if member.good_s is None else member.good_s
        member.valid = now_s - member.good_s >= VALID_AGAIN_S


def _in_grid_phases(wired: tuple[int, ...], currents_ma: tuple[int | None, ...]) -> Phases:
    result = [0, 0, 0]
    for phase, current_ma in zip(wired, currents_ma, strict=False):
        result[phase] += max(0, current_ma or 0)
    return result[0], result[1], result[2]


def _assumed(member: Member, seen: Seen, settings: Settings, now_s: float) -> Phases:
    """Return what a charger without measurement is taken to draw: its setpoint while it charges.

    After a change the vehicle follows within a while: a straight line instead of a jump.
    """
    if seen.state is None or not seen.state.is_charging:
        return NONE
    share = min(1.0, max(0.0, (now_s - member.changed_s) / settings.obey_s))
    current_ma = round(member.drawn_ma + share * (member.offer_ma - member.drawn_ma))
    return _phases(member.phases, lambda _phase: current_ma)


def _follow_phases(member: Member, now_s: float) -> None:
    """Let unused phases leave, and used ones join at once."""
    actual = member.actual_ma
    if max(actual) < STRONG_MA:
        member.strong_s = None
    elif member.strong_s is None:
        member.strong_s = now_s
    weak = {p: member.weak_s.get(p, now_s) for p in member.settings.wired if actual[p] < WEAK_MA}
    member.weak_s = weak
    if not member.settings.measures or (not weak and member.phases == member.settings.wired):
        return
    joined = [p for p in member.settings.wired if p in member.phases or actual[p] > WEAK_MA]
    if member.strong_s is not None and now_s - member.strong_s >= SHRINK_S:
        joined = [p for p in joined if p not in weak or now_s - weak[p] < SHRINK_S]
    member.phases = tuple(joined)


def _wants(seen: Seen) -> bool:
    if not seen.connected or seen.state is None:
        return False
    return seen.state in _WANTING


_WANTING = (
    ChargingState.CANCELLED,  # the charger's own word for "finished": an idle vehicle
    ChargingState.CONNECTED,
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
)


def obeyed_s(member: Member, settings: Settings) -> float:
    """Return from when on the last offer must have been obeyed: T_ev after the charger took it."""
    taken_s = member.seen.taken_s if member.seen is not None else None
    changed_s = member.changed_s if taken_s is None else max(member.changed_s, taken_s)
    return changed_s + settings.obey_s


def steady_about(member: Member, moment_s: float) -> Phases | None:
    """Return what it drew all around a moment, None: that has changed about then."""
    history = member.history
    if len(history) < 2 or history[-2][0] > moment_s - EARLY_S:
        return None
    return history[-1][1] if history[-1][1] == history[-2][1] else None


def actual_at(member: Member, moment_s: float) -> Phases:
    """Return what it drew at a moment of the last minute, by straight lines between readings."""
    history = member.history
    later: tuple[float, Phases] | None = None
    for entry in reversed(history):
        if entry[0] <= moment_s:
            if later is None:
                return entry[1]
            share = (moment_s - entry[0]) / (later[0] - entry[0])
            one, two = entry[1], later[1]
            return (
                round(one[0] + share * (two[0] - one[0])),
                round(one[1] + share * (two[1] - one[1])),
                round(one[2] + share * (two[2] - one[2])),
            )
        later = entry
    return later[1] if later is not None else NONE


def range_about(member: Member, from_s: float, to_s: float, phase: int) -> tuple[int, int]:
    """Return between which currents [mA] it drew about a moment that lies between two others.

    Between two readings a current may have jumped at any time: from the last reading well before the
    earlier moment to the first one at the later moment or after it.
    """
    low_ma = high_ma = None
    for at_s, currents in reversed(member.history):
        current_ma = currents[phase]
        is_later = at_s >= to_s
        low_ma = current_ma if low_ma is None or is_later else min(low_ma, current_ma)
        high_ma = current_ma if high_ma is None or is_later else max(high_ma, current_ma)
        if at_s <= from_s - EARLY_S:
            break
    return low_ma or 0, high_ma or 0


EARLY_S = 1.0  # by how much a telegram's sample may be older than assumed
