"""What load management knows of one charging point. Plain data.

All arithmetic is done in grid phases 0 to 2; currents are mA, times monotonic seconds. A `Participant`
that a cycle changes is a copy of its own: `clone()` it, change the copy, keep the copy.
Source: load-management 3.3, 4, 13, 14.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.limits import (
    CURRENT_STALE_AFTER_S,
    DRAWS_FROM_MA,
    FRESH_PERIODS,
)
from knxgw.charging.precedence import Constraint

UNUSED_AFTER_S = 15.0

ROTATIONS = ("123", "231", "312", "132", "213", "321")
Phases = tuple[int, int, int]
NO_CURRENT: Phases = (0, 0, 0)


class PastDraw(NamedTuple):
    """What a charging point drew at an instant."""

    read_at: float  # [monotonic s]
    draw_ma: Phases


DrawHistory = tuple[PastDraw, ...]  # the oldest first


class FoundPhases(NamedTuple):
    """On which phases the meter showed the start of a vehicle whose charger does not measure."""

    phases: tuple[int, ...]  # grid phases
    at: float  # when that was seen last [monotonic s]
    times: int  # at how many starts in a row


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantSettings:
    """What is fixed of a charging point."""

    number: int
    minimum_ma: int  # that the charger can express
    maximum_ma: int
    resolution_ma: int
    wired_phases: tuple[int, ...]  # grid phases by wiring and rotation, by terminal
    measures_current: bool  # false: the setpoint counts as the current while it charges
    fallback_ma: int  # what it may take without the gateway
    measures_every_phase: bool = True  # false: of some phases its current is assumed


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a charging point is like at the moment of a cycle."""

    state: ChargingState | None  # the charger's own, without the echo of our pause; None: unknown
    is_connected: bool
    is_reachable: bool
    constraints: tuple[Constraint, ...]  # beside load management, highest rank first
    currents_ma: tuple[int | None, ...] | None  # at the terminals; None: none was read
    read_at: float | None  # when they were read
    fresh_s: float = CURRENT_STALE_AFTER_S  # how long a reading counts, by how often there is one
    energy_mwh: int = 0  # of the session
    acknowledged_ma: int | None = None  # last offer the charger acknowledged
    acknowledged_at: float | None = None  # when it did

    @property
    def period_s(self) -> float:
        """Return the longest time [s] between two readings of the charger, as far as it is known."""
        return self.fresh_s / FRESH_PERIODS

    @property
    def may_charge(self) -> bool:
        """Tell whether no constraint from outside load management holds it at 0 A."""
        return all(one.cap_ma for one in self.constraints)

    @property
    def external_cap(self) -> Constraint | None:
        """Return the constraint from outside load management with the smallest cap above 0 A.

        Of equal caps the one with the highest rank; None: nothing caps its current.
        """
        caps = [one for one in self.constraints if one.cap_ma]
        return min(caps, key=lambda one: one.cap_ma, default=None)

    def read_again(self, read_at: float | None) -> "Observation":
        """Return the observation with the same values, read again at another instant [monotonic s].

        Most readings are of this kind, so it is built directly: five times as fast as `replace`.
        """
        return Observation(
            state=self.state,
            is_connected=self.is_connected,
            is_reachable=self.is_reachable,
            constraints=self.constraints,
            currents_ma=self.currents_ma,
            read_at=read_at,
            fresh_s=self.fresh_s,
            energy_mwh=self.energy_mwh,
            acknowledged_ma=self.acknowledged_ma,
            acknowledged_at=self.acknowledged_at,
        )

    def differs_only_in_age(self, other: "Observation") -> bool:
        """Tell whether another observation has the same values, whenever they were read."""
        return (
            self.currents_ma == other.currents_ma
            and self.fresh_s == other.fresh_s
            and self.state is other.state
            and self.is_connected is other.is_connected
            and self.is_reachable is other.is_reachable
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
    phases: tuple[int, ...] = ()  # grid phases it counts for
    draw_ma: Phases = NO_CURRENT  # a_i
    history: DrawHistory = ()  # a_i over the last minute
    currents_ma: tuple[int | None, ...] | None = None  # as they were read
    read_at: float | None = None
    observation: Observation | None = None  # the last one that was taken
    unchanged_until: float = -1e9  # until then the same observation changes nothing
    is_connected: bool = False
    is_reachable: bool = False
    reachable_since: float = -1e9  # since when it answers
    has_valid_currents: bool = True
    plausible_since: float | None = None  # since when its values are valid again
    wants_to_charge: bool = False  # a vehicle is connected and has not finished
    is_interrupting: bool = False  # the charger itself does
    may_charge: bool = False  # nothing but load management keeps it at 0 A
    external_cap: Constraint | None = None  # the smallest cap from outside load management
    energy_mwh: int = 0
    charges_clearly_since: float | None = None  # since when it charges clearly
    # phase -> since when it is not used
    unused_since: dict[int, float] = field(default_factory=dict)
    found_phases: FoundPhases | None = None  # by the meter, where it does not measure
    phases_tested_at: float = -1e9  # when it was lowered to see that
    phase_test_wait_s: float = 0.0  # how long the next such test waits
    offer_changed_at: float = -1e9  # last change of the offer
    previous_offer_ma: int = 0  # the offer before that
    second_last_offer_ma: int = 0  # and the one before, if it had not had to be obeyed by then
    draw_at_change_ma: int = 0  # what it drew when its offer changed
    obey_by_at: float = -1e9  # from when on the offer must be obeyed
    raised_to_ma: int = 0  # what it was raised to the last time
    rises_until: float = -1e9  # until then it may still be ramping up to the last raise
    overdraw_ma: Phases = NO_CURRENT  # D_i
    held_back_ma: Phases = NO_CURRENT  # R_i
    # U_i: the last draw of one whose draw counts as the building's now
    unread_draw_ma: Phases = NO_CURRENT
    raised_at: float = -1e9
    raised_in_set: int = -1  # meter set of the last raise
    # since when a raise too small to be worth it has been possible
    small_raise_possible_since: float | None = None
    short_since: float | None = None  # since when it lacks what others have above their share
    under_use_since: float | None = None  # since when it draws less than allowed
    use_cap_ma: int | None = None  # what a vehicle that takes less than its offer is offered
    draw_at_cap_ma: int = 0  # what it drew when it got this cap
    has_narrow_headroom: bool = False  # the cap leaves it hardly any headroom
    headroom_changed_at: float = -1e9  # when its headroom changed last
    # since when others on its phases have lacked what it does not use
    others_lack_since: float | None = None
    cap_raised_at: float = -1e9
    offered_since: float | None = None  # since when it has at least its minimum
    waiting_since: float | None = None  # since when it wants to charge and has nothing
    tried_since: float | None = None  # since when others give way for it, perhaps in vain
    retry_wait_s: float = 0.0  # how long it had to wait after the last trial that failed
    try_again_at: float = -1e9  # before that nobody gives way for it
    idle_since: float | None = None  # since when it has not drawn
    has_charged: bool = False
    is_idle: bool = False  # it draws nothing for so long that its offer is not reserved
    was_shed: bool = False  # it was stopped because the minima did not fit (queue)
    room_since: float | None = None  # since when there has been room for it again
    room_needed_s: float = 0.0  # how long there must be room before it may start again
    returned_at: float = -1e9  # when it was last admitted again after it was shed
    stopped_at: tuple[float, ...] = ()  # instants of its last stops (queue)

    def clone(self) -> "Participant":
        """Return a copy that can be changed without changing this one."""
        other = Participant.__new__(Participant)
        other.__dict__ = self.__dict__.copy()  # all values are immutable, or replaced as a whole
        return other

    @property
    def takes_part(self) -> bool:
        """Tell whether it takes part in the allocation (K): it wants to charge, may, and can be controlled.

        Source: load-management 5.
        """
        return (
            self.wants_to_charge
            and self.may_charge
            and self.has_valid_currents
            and self.is_reachable
        )

    @property
    def draws_while_interrupting(self) -> bool:
        """Tell whether its vehicle still draws although the charger itself has interrupted charging.

        It takes no part any more, but its offer stays reserved until the draw ends.
        """
        return self.is_interrupting and self.offer_ma > 0 and self.highest_draw_ma >= DRAWS_FROM_MA

    @property
    def holds_offer(self) -> bool:
        """Tell whether its whole offer is reserved, even where its vehicle draws less.

        An idle vehicle and one that takes no part hold only what they draw. Source: load-management 14.2.
        """
        return (self.takes_part and not self.is_idle) or self.draws_while_interrupting

    @property
    def has_claims_beside_offer(self) -> bool:
        """Tell whether current is reserved for it beside its offer: held back, overdrawn, or not read.

        The room on its phases is smaller by that (`room.Claims`).
        """
        return not (
            self.held_back_ma is NO_CURRENT
            and self.overdraw_ma is NO_CURRENT
            and self.unread_draw_ma is NO_CURRENT
        )

    def committed_ma(self, phase: int, *, holds_offer: bool) -> int:
        """Return its commitment on a grid phase [mA]: the larger of offer and draw.

        Without `holds_offer` only the draw counts. What it draws above its offer is not part of it: the
        room is smaller by that already. Source: load-management 7.1, 9.2.
        """
        draw_ma = self.draw_ma[phase] - self.overdraw_ma[phase]
        if holds_offer and self.offer_ma > draw_ma and phase in self.phases:
            return self.offer_ma
        return draw_ma

    @property
    def highest_draw_ma(self) -> int:
        """Return its draw [mA] on the phase that carries most."""
        return max(self.draw_ma)

    @property
    def highest_offer_ma(self) -> int:
        """Return the highest offer it may get [mA]: the smallest of its maximum and its caps."""
        cap_ma = self.settings.maximum_ma
        if self.external_cap is not None:
            cap_ma = min(cap_ma, self.external_cap.cap_ma)
        return cap_ma if self.use_cap_ma is None else min(cap_ma, self.use_cap_ma)


def age_counts_from(participant: Participant) -> float:
    """Return the instant [monotonic s] from which the age of a participant's currents counts.

    That is their last reading, or its return when it could not be reached since.
    """
    read_at = participant.read_at
    return (
        participant.reachable_since
        if read_at is None
        else max(read_at, participant.reachable_since)
    )


def stale_after_s(participant: Participant) -> float:
    """Return the age [s] from which a participant's currents are stale. Source: load-management 3.3."""
    return (
        CURRENT_STALE_AFTER_S
        if participant.observation is None
        else participant.observation.fresh_s
    )
