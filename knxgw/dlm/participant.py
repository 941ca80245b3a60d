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
from knxgw.dlm.participant_values import (
    LastRaise,
    PhaseEvidence,
    Shedding,
    Transition,
    Trial,
    Use,
)
from knxgw.dlm.settings import LONG_AGO, Settings

# a phase without current for so long, while the vehicle charges, is not used (4.3)
UNUSED_AFTER_S = 15.0

ROTATIONS = ("123", "231", "312", "132", "213", "321")  # grid phases of terminals 1 to 3 (4.1)
Phases = tuple[int, int, int]
NO_CURRENT: Phases = (0, 0, 0)


class PastDraw(NamedTuple):
    """What a charging point drew at an instant."""

    read_at: float  # [monotonic s]
    draw_ma: Phases  # per grid phase


DrawHistory = tuple[PastDraw, ...]  # the oldest first


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantSettings:
    """What is fixed of a charging point."""

    number: int
    minimum_ma: int  # a current that the charger can express
    maximum_ma: int
    resolution_ma: int  # the steps in which the charger takes an offer
    wired_phases: tuple[int, ...]  # grid phases by wiring and rotation, by terminal
    measures_current: bool  # false: its draw is assumed, from its offer, while it charges
    # what its vehicle may draw when the charger does not hear from the gateway (F_i); 0: the charger has no
    # fail-safe, and keeps its last offer
    fail_safe_ma: int
    measures_every_phase: bool = True  # false: the current of some phases is assumed


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a charging point is like at the moment of a cycle."""

    state: ChargingState | None  # the charger's own, without the echo of our pause; None: unknown
    is_connected: bool
    is_reachable: bool
    constraints: tuple[Constraint, ...]  # beside load management, highest rank first
    currents_ma: tuple[int | None, ...] | None  # at the terminals; None: none was read
    read_at: float | None  # when the currents were read [monotonic s]; None: never
    # a reading is stale after this time: longer where polls are rare
    fresh_s: float = CURRENT_STALE_AFTER_S
    energy_mwh: int = 0  # of the session
    # the last offer that the charger acknowledged; None: it does not
    acknowledged_ma: int | None = None
    acknowledged_at: float | None = None  # when it acknowledged that offer [monotonic s]

    @property
    def period_s(self) -> float:
        """Return the longest time between two readings of the currents [s].

        A reading is fresh for five of these periods (`FRESH_PERIODS`).
        """
        return self.fresh_s / FRESH_PERIODS

    @property
    def may_charge(self) -> bool:
        """Tell whether no constraint from outside load management holds the charging point at 0 A."""
        return all(one.cap_ma for one in self.constraints)

    @property
    def external_cap(self) -> Constraint | None:
        """Return the outside constraint with the smallest cap above 0 A; None: there is none.

        Of equal caps it is the one with the highest rank. Caps of 0 A decide on `may_charge` instead.
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
        """Tell whether another observation has the same values, whenever they were read.

        If so a cycle need not take it in, except that the draw is known up to another instant.
        """
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
    """State of one charging point in the load management.

    Instants are monotonic seconds; `LONG_AGO` stands for one that never was. "It" in the comments is the
    charging point.
    """

    settings: ParticipantSettings
    begun_at: float = LONG_AGO  # when load management began with it
    offer_ma: int = 0  # s_i
    phases: tuple[int, ...] = ()  # grid phases it counts for
    draw_ma: Phases = NO_CURRENT  # a_i, per grid phase: measured or assumed
    history: DrawHistory = ()  # a_i over the last minute
    # at the terminals, as they were read last; None: forgotten
    currents_ma: tuple[int | None, ...] | None = None
    read_at: float | None = None  # when its currents were read last
    observation: Observation | None = None  # the last one that was taken
    unchanged_until: float = LONG_AGO  # until then the same observation changes nothing
    is_connected: bool = False  # a vehicle is plugged in
    is_reachable: bool = False  # it answers, and after a loss its currents have been read again
    reachable_since: float = LONG_AGO  # since when it answers
    has_valid_currents: bool = True  # they can be believed, and are not stale
    # since when its currents are plausible again after they were not; None: they are not
    plausible_since: float | None = None
    wants_to_charge: bool = False  # a vehicle is connected that charges or may begin to
    is_interrupting: bool = False  # the charger interrupts charging by itself (state 11)
    may_charge: bool = False  # nothing but load management keeps it at 0 A
    external_cap: Constraint | None = None  # the smallest cap from outside load management
    energy_mwh: int = 0  # of the session
    # D_i: what its vehicle draws above the offer although it has had time to obey, per grid phase; a small one
    # is kept while the vehicle is stopped
    overdraw_ma: Phases = NO_CURRENT
    # R_i: what it may take beyond offer and draw, because it cannot be lowered, per grid phase. No other one
    # gets it
    held_back_ma: Phases = NO_CURRENT
    # U_i: its last draw per grid phase, while that counts as the building's and may still flow. It takes room
    # from the chargers' own line only
    unread_draw_ma: Phases = NO_CURRENT
    transition: Transition = field(default_factory=Transition)
    last_raise: LastRaise = field(default_factory=LastRaise)
    # since when a raise too small to be worth a write has been possible
    small_raise_possible_since: float | None = None
    # since when it lacks what others have above their share (`even_out`)
    short_since: float | None = None
    waiting_since: float | None = None  # since when it wants to charge and has 0 A
    use: Use = field(default_factory=Use)
    phase_evidence: PhaseEvidence = field(default_factory=PhaseEvidence)
    trial: Trial = field(default_factory=Trial)
    shedding: Shedding = field(default_factory=Shedding)

    def clone(self) -> "Participant":
        """Return a copy that can be changed without changing this one."""
        # faster than `replace`; shallow is enough: all values are immutable, or replaced as a whole
        other = Participant.__new__(Participant)
        other.__dict__ = self.__dict__.copy()
        return other

    @property
    def takes_part(self) -> bool:
        """Tell whether the participant takes part: it wants to charge and may, is believed, and is reached.

        That is: a vehicle charges or may begin to, nothing outside load management holds it at 0 A, its
        currents are valid, and its charger answers. Whether its caps leave it the minimum is another
        question (`CycleState.eligible`). Source: load-management 5.
        """
        return (
            self.wants_to_charge
            and self.may_charge
            and self.has_valid_currents
            and self.is_reachable
        )

    @property
    def is_free(self) -> bool:
        """Tell whether the charging point is free: no vehicle wants to charge there, but one could take part.

        So it may be offered its minimum, or such an offer may be withdrawn. Source: load-management 5.5.
        """
        could_take_part = self.may_charge and self.has_valid_currents and self.is_reachable
        return could_take_part and not self.wants_to_charge

    @property
    def is_stopped_from_outside(self) -> bool:
        """Tell whether something outside load management holds a vehicle at 0 A that may have begun to charge.

        An interruption or a pause by the grid operator may come just after a start or a raise, which the
        vehicle still follows. Source: load-management 9.2c.
        """
        return self.is_draw_known and self.is_connected and not self.may_charge

    @property
    def is_draw_known(self) -> bool:
        """Tell whether the participant's draw is known: its currents can be believed, and its charger answers.

        While it is not, what it drew last counts as the building's, unless there is a static limit and so no
        measured building.
        """
        return self.has_valid_currents and self.is_reachable

    @property
    def draws_while_interrupting(self) -> bool:
        """Tell whether the vehicle still draws although the charger itself has interrupted charging.

        Then the participant takes no part any more, but its offer stays reserved until the draw ends.
        Source: load-management 5.4.
        """
        return self.is_interrupting and self.offer_ma > 0 and self.highest_draw_ma >= DRAWS_FROM_MA

    @property
    def holds_offer(self) -> bool:
        """Tell whether the participant's whole offer is reserved, even where its vehicle draws less.

        True while it takes part, unless it is idle, and while its vehicle still draws although the charger
        interrupts. Else only what it draws is reserved. Source: load-management 5.4, 14.2.
        """
        return (self.takes_part and not self.use.is_idle) or self.draws_while_interrupting

    def waits_since(self, now_s: float) -> float:
        """Return since when the participant has waited for current; since now if that was not noted yet."""
        return now_s if self.waiting_since is None else self.waiting_since

    def served_since(self, now_s: float) -> float:
        """Return since when the participant has had at least its minimum; since now if that was not noted yet."""
        return now_s if self.use.offered_since is None else self.use.offered_since

    @property
    def has_claims_beside_offer(self) -> bool:
        """Tell whether current is reserved for the participant beside its offer, which makes the room smaller.

        That is what a charger that cannot be lowered may take, what its vehicle draws above its offer, or
        what it drew before its currents were lost (`Claims`).
        """
        # `is`: what sets one of these to nothing uses this very tuple; another tuple of zeros does no harm
        return not (
            self.held_back_ma is NO_CURRENT
            and self.overdraw_ma is NO_CURRENT
            and self.unread_draw_ma is NO_CURRENT
        )

    def committed_ma(self, phase: int, *, holds_offer: bool) -> int:
        """Return what the participant may draw at once on a grid phase (0 to 2), beside its overdraw [mA].

        That is the larger of its offer and its draw: a draw that is still falling to a lowered offer counts
        in full. Not counted is its overdraw, which its vehicle goes on drawing above the offer after the time
        to obey, because `Claims` has taken that from the room already. Only the draw counts on a phase that
        the vehicle does not use, or if `holds_offer` is false: the offer is not reserved. Mostly that is the
        property of the same name; where only participants that do not run are added up, it is
        `draws_while_interrupting`. Source: load-management 7.1, 9.2.
        """
        # of a vehicle that is stopped the overdraw is only remembered, and no part of its draw
        draw_ma = max(0, self.draw_ma[phase] - self.overdraw_ma[phase])
        if holds_offer and self.offer_ma > draw_ma and phase in self.phases:
            return self.offer_ma
        return draw_ma

    def required_ma(self, phase: int) -> int:
        """Return how much room the participant needs on a grid phase (0 to 2) to start or to go on [mA].

        That is its minimum. While its vehicle is stopped, the overdraw that is remembered of it comes on top.
        Once it has an offer, the room is smaller by its overdraw already (`Claims`). Source: load-management
        13.4b.
        """
        only_remembered_ma = self.overdraw_ma[phase] - self.counted_overdraw_ma(phase)
        return self.settings.minimum_ma + only_remembered_ma

    def counted_overdraw_ma(self, phase: int) -> int:
        """Return the overdraw on a grid phase (0 to 2) that makes the room smaller now [mA].

        0 while the vehicle is stopped (no offer, and nothing drawn on that phase): then the overdraw is only
        remembered for its next start.
        """
        return self.overdraw_ma[phase] if self.offer_ma or self.draw_ma[phase] else 0

    @property
    def highest_draw_ma(self) -> int:
        """Return the participant's draw [mA] on the phase that carries most of it."""
        return max(self.draw_ma)

    @property
    def highest_offer_ma(self) -> int:
        """Return the highest offer that the participant may get [mA]: the lowest of its maximum and its caps.

        There is a cap from outside load management, and one by use, if its vehicle draws less than it was
        offered. If the result is below the minimum, only 0 A may be offered (6.13).
        """
        cap_ma = self.settings.maximum_ma
        if self.external_cap is not None:
            cap_ma = min(cap_ma, self.external_cap.cap_ma)
        return cap_ma if self.use.cap is None else min(cap_ma, self.use.cap.ma)


def age_counts_from(participant: Participant) -> float:
    """Return the instant [monotonic s] from which the age of a participant's currents counts.

    That is their last reading, or when the charger began to answer (for the first time, or after a loss),
    whichever is later: a charger that has just come back gets the time that one reading takes before its
    currents count as stale.
    """
    read_at = participant.read_at
    return (
        participant.reachable_since
        if read_at is None
        else max(read_at, participant.reachable_since)
    )


def stale_after_s(participant: Participant) -> float:
    """Return the age [s] beyond which a participant's currents are stale: it is longer where polls are rare.

    Before the first observation it is that of a charger which is read often. Source: load-management 3.3c.
    """
    return (
        CURRENT_STALE_AFTER_S
        if participant.observation is None
        else participant.observation.fresh_s
    )


@dataclass(slots=True)
class Claims:
    """Current on one phase [mA] that is reserved for charging points beside their offers.

    Source: load-management 7.1.
    """

    held_back_ma: int = 0  # R_p: what chargers that cannot be lowered may take in addition
    overdraw_ma: int = 0  # D_p: what vehicles take above their offers
    # U_p: draws that are in the base load, but come over the chargers' own line
    unread_draw_ma: int = 0

    def add(self, participant: Participant, phase: int) -> None:
        """Add what is reserved for a participant on the grid phase (0 to 2) of these claims (in place)."""
        self.held_back_ma += participant.held_back_ma[phase]
        self.overdraw_ma += participant.counted_overdraw_ma(phase)
        self.unread_draw_ma += participant.unread_draw_ma[phase]

    def room_ma(self, settings: Settings, base_ma: int) -> int:
        """Return what all offers may add up to on this phase [mA] beside a base load; it may be negative.

        The mains and the chargers' own line (`chargers_ma`) each leave some room: the smaller one counts.
        Draws that are no longer read are part of the base load, so they take room from the own line only; but
        with a static limit there is no base load, and they take room from both.
        """
        mains_ma = settings.limit_ma - base_ma
        if settings.static_limit_ma is not None:
            mains_ma -= self.unread_draw_ma
        feeder_ma = settings.chargers_ma - self.unread_draw_ma
        return min(mains_ma, feeder_ma) - self.held_back_ma - self.overdraw_ma
