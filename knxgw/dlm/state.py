"""The state of load management: what a cycle starts from and what it leaves. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.charging.precedence import Decision
from knxgw.dlm import follows
from knxgw.dlm.meter import Meter
from knxgw.dlm.overcurrent import Overcurrent
from knxgw.dlm.participant import Participant, Phases
from knxgw.dlm.settings import LONG_AGO

IN_FORCE = float("inf")  # the end of a base load that has not ended
METER_FAULTS = frozenset(  # while one is present, what the line carries is not known
    {FaultCode.SMART_METER_TIMEOUT, FaultCode.CT_DIRECTION, FaultCode.METER_FROZEN}
)


class PastBase(NamedTuple):
    """A base load, and until when it was in force."""

    until: float  # [monotonic s]; IN_FORCE: it still is in force
    base_ma: int


BaseHistory = tuple[PastBase, ...]  # the oldest and highest first


class BaseRange(NamedTuple):
    """The range within which a base load lies [mA]."""

    least_ma: int
    most_ma: int

    @property
    def is_exact(self) -> bool:
        """Tell whether the base load is known exactly."""
        return self.least_ma == self.most_ma

    def shifted(self, by_ma: int) -> "BaseRange":
        """Return the range of a base load that is higher by `by_ma`; negative: lower."""
        return BaseRange(self.least_ma + by_ma, self.most_ma + by_ma)


UNKNOWN_BASE = BaseRange(0, 0)  # before the first value of the meter


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A meter value of one phase, to be compared with what the chargers drew when it was taken."""

    current_ma: int
    sampled_at: float  # when it was taken, if the configured delay is right [monotonic s]
    arrived_at: float  # when its telegram came: it was taken no later [monotonic s]
    is_from_slow_meter: bool = False  # the next sample comes later than the next raise might


@dataclass(slots=True)
class PhaseState:
    """What load management remembers of one phase of the mains connection."""

    base_ma: int | None = None  # B_p by the last meter value; None: there was none
    # by how much B_p may be higher, because currents moved when it was measured
    uncertainty_ma: int = 0
    history: BaseHistory = ()  # B_p over the longest peak-hold window, falling
    # the last safety reduction, or later the end of a fault of the meter by a complete set
    reduced_at: float = LONG_AGO
    raised_at: float = LONG_AGO  # last raise
    excess_since: float | None = None  # since when the offers exceed the room; None: they do not
    back_off: int = 0  # k: hold and window are 2**k times as long
    # when k was last of use: it was increased, or the longer window kept a peak in mind
    back_off_useful_at: float = LONG_AGO
    # at its last rise: for how long B_p had been lower than the level it rose to; None: longer than is known
    level_absent_s: float | None = None
    reported_ma: int = 0  # what the meter reported last
    # the range of B_p by the sample that was examined last
    possible_base_ma: BaseRange = UNKNOWN_BASE
    # the last samples, while readings of the chargers from after them are missing; the oldest first
    pending_samples: tuple[Sample, ...] = ()
    follow_check: follows.FollowCheck = follows.NEW  # whether its meter follows the chargers

    def clone(self) -> "PhaseState":
        """Return a copy that can be changed without changing this one; all values in it are immutable."""
        # all fields in their order: faster than `replace`, and made for each meter value
        return PhaseState(
            self.base_ma,
            self.uncertainty_ma,
            self.history,
            self.reduced_at,
            self.raised_at,
            self.excess_since,
            self.back_off,
            self.back_off_useful_at,
            self.level_absent_s,
            self.reported_ma,
            self.possible_base_ma,
            self.pending_samples,
            self.follow_check,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the last cycle found, beside the offers."""

    faults: frozenset[FaultCode] = frozenset()  # of the whole device
    reasons: Mapping[int, Reason] = field(default_factory=dict)  # by number of the charging point
    available_ma: Phases | None = None  # A_now per grid phase; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whose turn it is: the charging point for which another one has just yielded (queue)."""

    number: int
    since: float  # when the other one yielded [monotonic s]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadManagement:
    """Everything between two cycles; only the functions of this room make a new one."""

    participants: Mapping[int, Participant]
    meter: Meter = field(default_factory=Meter)
    phases: tuple[PhaseState, ...] = ()
    # at first, until a complete set; later while the meter is silent or wrong
    is_emergency: bool = True
    # since a start of the gateway, not since a change of the configuration: then a vehicle may start before
    # the first complete set (11.4, 11.7)
    starts_unmeasured: bool = False
    high_power_until: float = LONG_AGO
    overcurrent: Overcurrent = field(default_factory=Overcurrent)
    turn: Turn | None = None  # None: no turn was given
    outcome: Outcome = field(default_factory=Outcome)
    due_at: float = LONG_AGO  # until then the next cycle would change nothing (see below)

    # What is remembered so that nothing is computed twice. Each says "nothing has changed", none of
    # them decides: `tests/station/test_quiet_times.py` runs what the first two left out, and finds no
    # difference. Run time of the whole bench, simulated plant included, without each of them:
    # - `due_at` (1.20): no cycle runs before it, unless a reading or the meter says something new.
    # - `Participant.unchanged_until` with `Observation.differs_only_in_age` (1.05): of a reading that
    #   shows the same only the time is noted; after that instant time itself tells (idle, stale, ...).
    # - `FollowCheck.rest` (1.04): while the chargers rest, values of the meter are kept, not compared.
    # Five vehicles that charge cost 0.3 to 1.2 ms per second with all of them, 2.6 to 2.9 ms without.
    # Not of this kind are `inputs.is_urgent` and `inputs.observe_charger`: they are the rule that only
    # what makes the line too full runs a cycle between two seconds.

    def with_meter_value(
        self, meter: Meter, phases: tuple[PhaseState, ...], due_at: float
    ) -> "LoadManagement":
        """Return the state after a value of the meter, which has changed meter and phases.

        Built directly, because that is faster than `replace` and done for each value. `due_at`: when the
        next cycle is due.
        """
        return LoadManagement(
            participants=self.participants,
            meter=meter,
            phases=phases,
            is_emergency=self.is_emergency,
            starts_unmeasured=self.starts_unmeasured,
            high_power_until=self.high_power_until,
            overcurrent=self.overcurrent,
            turn=self.turn,
            outcome=self.outcome,
            due_at=due_at,
        )

    def decision_of(self, number: int) -> Decision:
        """Return the offer of a charging point by its number, with the reason noted by the last cycle.

        One without a reason, such as one that was added since, is waiting for current.
        """
        reason = self.outcome.reasons.get(number, Reason.WAITING_FOR_CURRENT)
        return Decision(offer_ma=self.participants[number].offer_ma, reason=reason)
