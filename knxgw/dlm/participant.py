"""What load management knows of one charging point, and what its readings mean.

All arithmetic is done in grid phases 0 to 2; currents are mA, times monotonic seconds. A `Participant`
is the working copy of one cycle: `copy()` it, change the copy, keep the copy.
Source: load-management 3.3, 4, 13, 14.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from knxgw.charging.limits import (
    CURRENT_STALE_AFTER_S,
    DRAWS_FROM_MA,
    FRESH_PERIODS,
    highest_plausible_ma,
)
from knxgw.charging.precedence import Constraint
from knxgw.charging.words import ChargingState
from knxgw.dlm.settings import Settings

CHARGES_CLEARLY_MA, UNUSED_BELOW_MA = (
    3000,
    1000,
)  # a phase below the weak one for a while is not used
UNUSED_AFTER_S = 15.0
HISTORY_S = 70.0
VALID_AGAIN_S = 5.0
ROTATIONS = ("123", "231", "312", "132", "213", "321")
Phases = tuple[int, int, int]
NO_CURRENT: Phases = (0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantSettings:
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
class Observation:
    """What a charging point is like at the moment of a cycle."""

    state: ChargingState | None  # the charger's own, without the echo of our pause; None: unknown
    connected: bool
    reachable: bool
    constraints: tuple[Constraint, ...]  # beside load management, highest rank first
    currents_ma: tuple[int | None, ...] | None  # at the terminals; None: none was read
    read_at: float | None  # when they were read
    fresh_s: float = (
        CURRENT_STALE_AFTER_S  # for how long a reading counts, by how often there is one
    )
    energy_mwh: int = 0  # of the session
    acknowledged_ma: int | None = None  # last offer the charger acknowledged
    acknowledged_at: float | None = None  # when it did

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

    def differs_only_in_age(self, other: "Observation") -> bool:
        """Tell whether the other one differs only in its age."""
        return (
            self.currents_ma == other.currents_ma
            and self.fresh_s == other.fresh_s
            and self.state is other.state
            and self.connected is other.connected
            and self.reachable is other.reachable
            and self.constraints == other.constraints
            and self.energy_mwh == other.energy_mwh
            and self.acknowledged_ma == other.acknowledged_ma
            and self.acknowledged_at == other.acknowledged_at
        )


@dataclass
class Participant:
    """State of one charging point in the load management."""

    settings: ParticipantSettings
    offer_ma: int = 0  # s_i
    phases: tuple[int, ...] = ()  # it counts for
    actual_ma: Phases = NO_CURRENT  # a_i
    history: tuple[tuple[float, Phases], ...] = ()  # a_i over the last minute
    currents_ma: tuple[int | None, ...] | None = None  # as they were read
    read_at: float | None = None
    observation: Observation | None = None  # what it was like when it was looked at last
    unchanged_until: float = -1e9  # until then looking again at the same would change nothing
    connected: bool = False
    reachable: bool = False
    reachable_since: float = -1e9  # since when it answers
    valid: bool = True
    plausible_since: float | None = None  # since when its values are valid again
    wants_to_charge: bool = False
    interrupts: bool = False  # the charger itself does
    allowed: bool = False
    cap: Constraint | None = None  # of those that are not load management
    energy_mwh: int = 0
    charges_clearly_since: float | None = None  # since when it charges clearly
    unused_since: dict[int, float] = field(
        default_factory=dict
    )  # phase -> since when it is not used
    offer_changed_at: float = -1e9  # last change of the offer
    previous_offer_ma: int = 0  # the offer before that
    second_last_offer_ma: int = 0  # and the one before, if it had not had to be obeyed by then
    draw_at_change_ma: int = 0  # what it drew when its offer changed
    obey_by_at: float = -1e9  # from when on the offer must be obeyed
    raised_to_ma: int = 0  # what it was raised to the last time
    rises_until: float = -1e9  # until then it may still be ramping up to the last raise
    overdraw_ma: Phases = NO_CURRENT  # D_i
    held_back_ma: Phases = NO_CURRENT  # R_i
    unread_draw_ma: Phases = (
        NO_CURRENT  # U_i: the last draw of one whose draw counts as the building's now
    )
    raised_at: float = -1e9
    raised_in_set: int = -1  # meter set of the last raise
    small_raise_possible_since: float | None = (
        None  # since when a raise too small to be worth it has been possible
    )
    under_use_since: float | None = None  # since when it draws less than allowed
    use_cap_ma: int | None = None
    draw_at_cap_ma: int = 0  # what it took of more when it got this cap
    is_narrow: bool = False  # the cap leaves it hardly any headroom
    headroom_changed_at: float = -1e9  # when its headroom changed last
    scarce_since: float | None = None  # since when others on its phases lack what it does not use
    cap_raised_at: float = -1e9
    offered_since: float | None = None  # since when it has at least its minimum
    waiting_since: float | None = None  # since when it wants to charge and has nothing
    idle_since: float | None = None  # since when it has not drawn
    has_charged: bool = False
    is_idle: bool = False  # counts for nothing until it draws again
    was_shed: bool = False  # it had to go for too much current (queue)
    room_since: float | None = None  # since when there has been room for it again
    room_must_last_s: float = 0.0  # how long that must last
    returned_at: float = -1e9  # when it came back the last time
    stopped_at: tuple[float, ...] = ()  # instants of its last stops (queue)

    def clone(self) -> "Participant":
        """Return a copy that can be changed without changing this one."""
        other = Participant.__new__(Participant)
        other.__dict__ = self.__dict__.copy()  # all values are immutable, or replaced as a whole
        return other

    @property
    def takes_part(self) -> bool:
        """Tell whether it takes part in the allocation (K)."""
        return self.wants_to_charge and self.allowed and self.valid and self.reachable

    @property
    def leaves(self) -> bool:
        """Tell whether it still draws although its charger interrupts: its commitment stays."""
        return self.interrupts and self.offer_ma > 0 and self.draws_ma >= DRAWS_FROM_MA

    @property
    def holds(self) -> bool:
        """Tell whether its offer counts, drawn or not."""
        return (self.takes_part and not self.is_idle) or self.leaves

    @property
    def takes_beside_offer(self) -> bool:
        """Tell whether it takes anything of a phase beside its offer."""
        return not (
            self.held_back_ma is NO_CURRENT
            and self.overdraw_ma is NO_CURRENT
            and self.unread_draw_ma is NO_CURRENT
        )

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


def is_quiet(participant: Participant, observation: Observation, now_s: float) -> bool:
    """Tell whether neither an observation nor the time says anything new.

    The assumed draw of a charger without measurement changes with time.
    """
    known = participant.observation
    if known is None or now_s >= participant.unchanged_until or not participant.settings.measures:
        return False
    return known.differs_only_in_age(observation)


def note_age(participant: Participant, observation: Observation) -> None:
    """Note when the currents were read, after a reading that showed nothing new."""
    if observation.read_at is not None and observation.read_at != participant.read_at:
        participant.read_at = observation.read_at
        if participant.reachable:
            participant.history = _grown(
                participant.history, observation.read_at, participant.actual_ma
            )


def observe(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> Phases | None:
    """Take what is seen; return what its draw adds to the base load of before, None: nothing.

    A charging point whose draw cannot be known any more moves, with its last draw, into the base. So
    does what one without measurement was taken to draw until it stopped: the meter has to show that
    it is there.
    """
    if observation.reachable and not (
        participant.observation is not None and participant.observation.reachable
    ):
        participant.reachable_since = now_s
    participant.observation, participant.unchanged_until = observation, now_s
    was_counted = participant.valid and participant.reachable
    before_ma = participant.actual_ma
    if participant.connected and not observation.connected:
        _unplugged(participant)
    participant.connected, participant.allowed = observation.connected, observation.allowed
    participant.cap, participant.energy_mwh = observation.cap, observation.energy_mwh
    _update_reachability(participant, observation, settings, now_s)
    _update_currents(participant, observation, settings, now_s)
    participant.wants_to_charge = _wants_to_charge(observation)
    participant.interrupts = (
        participant.connected and observation.state is ChargingState.INTERRUPTION
    )
    if participant.reachable:
        participant.held_back_ma = _not_acknowledged_ma(participant, observation, now_s)
    if was_counted and not (participant.valid and participant.reachable):
        participant.actual_ma, participant.currents_ma, participant.overdraw_ma = (
            NO_CURRENT,
            None,
            NO_CURRENT,
        )
        participant.phases = participant.settings.wired
        if settings.static_limit_ma is None:
            participant.unread_draw_ma = before_ma
        return before_ma
    if participant.reachable and (participant.valid or _is_off(participant, observation)):
        participant.unread_draw_ma = NO_CURRENT
    if (
        not participant.settings.measures
        and participant.reachable
        and settings.static_limit_ma is None
    ):
        return before_ma if any(before_ma) and not any(participant.actual_ma) else None
    return None


def _is_off(participant: Participant, observation: Observation) -> bool:
    """Tell whether one whose currents cannot be believed was offered 0 A and reports that it does not charge."""
    is_charging = observation.state is not None and observation.state.is_charging
    return participant.offer_ma == 0 and observation.state is not None and not is_charging


def _unplugged(participant: Participant) -> None:
    participant.phases = participant.settings.wired
    participant.charges_clearly_since = None
    participant.unused_since = {}
    participant.use_cap_ma = participant.under_use_since = participant.scarce_since = None
    participant.idle_since = participant.offered_since = None
    participant.has_charged = participant.is_idle = participant.was_shed = False


def _update_reachability(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> None:
    """Reserve what an unreachable charger may take, beside its draw that the meter shows.

    Without a meter nothing shows it: then all of it is reserved.
    """
    if participant.reachable and not observation.reachable:
        stays_ma = max(participant.offer_ma, participant.settings.fallback_ma)
        actual = NO_CURRENT if settings.static_limit_ma is not None else participant.actual_ma
        participant.held_back_ma = _on_phases(
            participant.settings.wired, lambda phase: max(0, stays_ma - actual[phase])
        )
    participant.reachable = observation.reachable and not _is_awaited(
        participant, observation, now_s
    )


def _is_awaited(participant: Participant, observation: Observation, now_s: float) -> bool:
    """Tell whether one that answers again has still to tell what it draws.

    Its last draw counts as the building's until then: with its offer it would count twice, and
    everybody would be lowered for nothing.
    """
    if (
        participant.reachable
        or not participant.settings.measures
        or not _is_unread(participant, observation, now_s)
    ):
        return False
    return any(participant.unread_draw_ma) and now_s - participant.reachable_since <= stale_after_s(
        participant
    )


def _is_unread(participant: Participant, observation: Observation, now_s: float) -> bool:
    """Tell whether there is no reading of its currents, or one from long before."""
    if observation.read_at is None or observation.currents_ma is None:
        return True
    return now_s - observation.read_at > stale_after_s(participant)


def _not_acknowledged_ma(
    participant: Participant, observation: Observation, now_s: float
) -> Phases:
    """Return what a charger may take that should have taken a lower offer by now, and did not.

    Source: load-management 9.3.
    """
    acknowledged_ma = observation.acknowledged_ma
    if (
        acknowledged_ma is None
        or acknowledged_ma <= participant.offer_ma
        or now_s < participant.obey_by_at
    ):
        return NO_CURRENT
    actual, offer_ma = participant.actual_ma, participant.offer_ma
    return _on_phases(
        participant.phases, lambda phase: max(0, acknowledged_ma - max(offer_ma, actual[phase]))
    )


def _on_phases(used: tuple[int, ...], value: Callable[[int], int]) -> Phases:
    return (
        value(0) if 0 in used else 0,
        value(1) if 1 in used else 0,
        value(2) if 2 in used else 0,
    )


def _update_currents(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> None:
    if not participant.reachable:
        participant.plausible_since = None
        return
    if not participant.settings.measures:
        participant.actual_ma = _assumed(participant, observation, settings, now_s)
        participant.valid = True
    elif (
        observation.currents_ma is None
        or _is_unread(participant, observation, now_s)
        or _is_left_over(participant, observation.currents_ma, now_s)
    ):
        if now_s - age_counts_from(participant) <= stale_after_s(participant):
            return  # it has just come back: they will be read in a moment
        participant.valid, participant.plausible_since = False, None
    else:
        is_known = (
            participant.currents_ma is not None or not participant.valid
        )  # else it was out of sight
        if is_known and observation.read_at == participant.read_at:
            if participant.valid:
                _update_phases(
                    participant, now_s
                )  # what time alone tells does not wait for a reading
            return
        same = participant.valid and observation.currents_ma is participant.currents_ma
        participant.read_at, participant.currents_ma = observation.read_at, observation.currents_ma
        if not same:
            _update_validity(participant, observation.currents_ma, now_s)
        if participant.valid and not same:
            participant.actual_ma = _in_grid_phases(
                participant.settings.wired, observation.currents_ma
            )
    if participant.valid:
        at_s = (
            observation.read_at
            if participant.settings.measures and observation.read_at is not None
            else now_s
        )
        participant.history = _grown(participant.history, at_s, participant.actual_ma)
        _update_phases(participant, now_s)


def age_counts_from(participant: Participant) -> float:
    """Return from when on the age of its currents counts: their last reading, or its return."""
    read_s = participant.read_at
    return (
        participant.reachable_since if read_s is None else max(read_s, participant.reachable_since)
    )


def last_read_at(participant: Participant) -> float | None:
    """Return when it was read last; a reading that showed nothing new is not in its history yet."""
    if not participant.history:
        return None
    last_s = participant.history[-1][0]
    return last_s if participant.read_at is None else max(last_s, participant.read_at)


def _grown(
    history: tuple[tuple[float, Phases], ...], at_s: float, actual: Phases
) -> tuple[tuple[float, Phases], ...]:
    """Return the history with one more reading; of equal ones in a row the ends are enough."""
    if len(history) >= 2 and history[-1][1] == actual == history[-2][1]:
        return (*history[:-1], (at_s, actual))
    start = 1 if history and len(history) > 1 and history[1][0] < at_s - HISTORY_S else 0
    return (*history[start:], (at_s, actual))


BEGINS_MA = 106_000  # 80 A, 30 % and 2 A more: no charger can be offered more
OFTEN_S = 2.0


def is_read_often(participant: Participant) -> bool:
    """Tell whether its current is read about as often as everything is decided anew."""
    if not participant.settings.measures:
        return not participant.connected
    return participant.observation is None or participant.observation.period_s <= OFTEN_S


def stale_after_s(participant: Participant) -> float:
    """Return after how long [s] a reading is none any more. Source: load-management 3.3."""
    return (
        CURRENT_STALE_AFTER_S
        if participant.observation is None
        else participant.observation.fresh_s
    )


def _is_left_over(
    participant: Participant, currents_ma: tuple[int | None, ...], now_s: float
) -> bool:
    """Tell whether one that has just come into sight still draws what it was offered before.

    That may have been by another configuration; what it draws is not believed, nor called impossible.
    """
    if now_s - participant.reachable_since > stale_after_s(participant):
        return False
    most_ma = max((current or 0 for current in currents_ma), default=0)
    return highest_plausible_ma(participant.settings.maximum_ma) < most_ma <= BEGINS_MA


def _update_validity(
    participant: Participant, currents_ma: tuple[int | None, ...], now_s: float
) -> None:
    """Note whether the values can be believed; after bad ones only when they are good for a while."""
    highest_ma = highest_plausible_ma(participant.settings.maximum_ma)
    good = all(current is not None and -1000 <= current <= highest_ma for current in currents_ma)
    if not good:
        participant.valid, participant.plausible_since = False, None
    elif not participant.valid:
        participant.plausible_since = (
            now_s if participant.plausible_since is None else participant.plausible_since
        )
        participant.valid = now_s - participant.plausible_since >= VALID_AGAIN_S


def _in_grid_phases(wired: tuple[int, ...], currents_ma: tuple[int | None, ...]) -> Phases:
    result = [0, 0, 0]
    for phase, current_ma in zip(wired, currents_ma, strict=False):
        result[phase] += max(0, current_ma or 0)
    return result[0], result[1], result[2]


def _assumed(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> Phases:
    """Return what a charger without measurement is taken to draw: its setpoint while it charges.

    After a change the vehicle follows within a while: a straight line instead of a jump.
    """
    if observation.state is None or not observation.state.is_charging:
        return NO_CURRENT
    fraction = min(1.0, max(0.0, (now_s - participant.offer_changed_at) / settings.obey_s))
    current_ma = round(
        participant.draw_at_change_ma
        + fraction * (participant.offer_ma - participant.draw_at_change_ma)
    )
    return _on_phases(participant.phases, lambda _phase: current_ma)


def _update_phases(participant: Participant, now_s: float) -> None:
    """Let unused phases leave, and used ones join at once."""
    actual = participant.actual_ma
    if max(actual) < CHARGES_CLEARLY_MA:
        participant.charges_clearly_since = None
    elif participant.charges_clearly_since is None:
        participant.charges_clearly_since = now_s
    weak = {
        p: participant.unused_since.get(p, now_s)
        for p in participant.settings.wired
        if actual[p] < UNUSED_BELOW_MA
    }
    participant.unused_since = weak
    if not participant.settings.measures or (
        not weak and participant.phases == participant.settings.wired
    ):
        return
    joined = [
        p
        for p in participant.settings.wired
        if p in participant.phases or actual[p] > UNUSED_BELOW_MA
    ]
    if (
        participant.charges_clearly_since is not None
        and now_s - participant.charges_clearly_since >= UNUSED_AFTER_S
    ):
        joined = [p for p in joined if p not in weak or now_s - weak[p] < UNUSED_AFTER_S]
    participant.phases = tuple(joined)


def _wants_to_charge(observation: Observation) -> bool:
    if not observation.connected or observation.state is None:
        return False
    return observation.state in _WANTING


_WANTING = (
    ChargingState.CANCELLED,  # the charger's own word for "finished": an idle vehicle
    ChargingState.CONNECTED,
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
)


def obeyed_at(participant: Participant, settings: Settings) -> float:
    """Return from when on the last offer must have been obeyed: T_ev after the charger took it."""
    acknowledged_at = (
        participant.observation.acknowledged_at if participant.observation is not None else None
    )
    changed_s = (
        participant.offer_changed_at
        if acknowledged_at is None
        else max(participant.offer_changed_at, acknowledged_at)
    )
    return changed_s + settings.obey_s


def steady_about(participant: Participant, moment_s: float) -> Phases | None:
    """Return what it drew all around a moment, None: that has changed about then."""
    history = participant.history
    if len(history) < 2 or history[-2][0] > moment_s - EARLY_S:
        return None
    return history[-1][1] if history[-1][1] == history[-2][1] else None


def draw_at(participant: Participant, moment_s: float) -> Phases:
    """Return what it drew at a moment of the last minute, by straight lines between readings."""
    history = participant.history
    later: tuple[float, Phases] | None = None
    for entry in reversed(history):
        if entry[0] <= moment_s:
            if later is None:
                return entry[1]
            fraction = (moment_s - entry[0]) / (later[0] - entry[0])
            one, two = entry[1], later[1]
            return (
                round(one[0] + fraction * (two[0] - one[0])),
                round(one[1] + fraction * (two[1] - one[1])),
                round(one[2] + fraction * (two[2] - one[2])),
            )
        later = entry
    return later[1] if later is not None else NO_CURRENT


def range_about(
    participant: Participant, from_s: float, to_s: float, phase: int
) -> tuple[int, int]:
    """Return between which currents [mA] it drew about a moment that lies between two others.

    Between two readings a current may have jumped at any time: from the last reading well before the
    earlier moment to the first one at the later moment or after it.
    """
    low_ma = high_ma = None
    for at_s, currents in reversed(participant.history):
        current_ma = currents[phase]
        is_later = at_s >= to_s
        low_ma = current_ma if low_ma is None or is_later else min(low_ma, current_ma)
        high_ma = current_ma if high_ma is None or is_later else max(high_ma, current_ma)
        if at_s <= from_s - EARLY_S:
            break
    return low_ma or 0, high_ma or 0


EARLY_S = 1.0  # by how much a telegram's sample may be older than assumed
