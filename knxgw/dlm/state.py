"""The state of load management: what a cycle starts from and what it leaves. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knxgw.charging.faults import FaultCode
from knxgw.charging.words import Decision, Reason
from knxgw.dlm import follows
from knxgw.dlm.member import Member, Phases
from knxgw.dlm.meter import Meter
from knxgw.dlm.overcurrent import Overcurrent

LONG_AGO_S = -1e9
IN_FORCE = float("inf")
METER_FAULTS = frozenset(  # while one of them is there, nobody knows what the line carries
    {FaultCode.SMART_METER_TIMEOUT, FaultCode.CT_DIRECTION, FaultCode.METER_FROZEN}
)
BaseHistory = tuple[
    tuple[float, int], ...
]  # until when [monotonic s] a base load [mA] was in force


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A value of the smart meter that has to be looked at again, when readings have reached it."""

    current_ma: int
    at_s: float  # when it was taken, by the delay that was told [monotonic s]
    arrived_s: float  # it is not newer than this
    is_seldom: bool = False  # the next one comes later than the next raise might


@dataclass(slots=True)
class PhaseState:
    """What load management remembers of one phase of the mains connection."""

    base_ma: int | None = None  # B_p of the last meter value; None: there was none
    doubt_ma: int = 0  # by how much B_p may be higher, because currents moved when it was measured
    history: BaseHistory = ()  # B_p over the peak-hold window, falling
    reduced_s: float = LONG_AGO_S  # last safety reduction
    raised_s: float = LONG_AGO_S  # last raise
    excess_s: float | None = None  # since when the offers are above what there is
    back_off: int = 0  # k
    back_off_s: float = LONG_AGO_S  # when k was last of use: it was raised, or kept a peak in mind
    gone_s: float | None = None  # for how long the level to which the load rose last had been left
    value_ma: int = 0  # what was told last
    open_ma: tuple[int, int] = (0, 0)  # between what B_p lies by that
    samples: tuple[Sample, ...] = ()  # the last ones, while readings of their moments are missing
    trail: follows.Trail = follows.NEW  # whether its meter follows the chargers

    def clone(self) -> "PhaseState":
        """Return a copy that can be changed without changing this one."""
        return PhaseState(
            self.base_ma,
            self.doubt_ma,
            self.history,
            self.reduced_s,
            self.raised_s,
            self.excess_s,
            self.back_off,
            self.back_off_s,
            self.gone_s,
            self.value_ma,
            self.open_ma,
            self.samples,
            self.trail,
        )


@dataclass(frozen=True, kw_only=True)  # no slots: see knxgw.frozen
class LoadManagement:
    """Everything between two cycles; only the functions of this room make a new one."""

    members: Mapping[int, Member]
    meter: Meter = field(default_factory=Meter)
    phases: tuple[PhaseState, ...] = ()
    emergency: bool = True  # until the first complete set
    high_power_until_s: float = LONG_AGO_S
    overcurrent: Overcurrent = field(default_factory=Overcurrent)
    faults: frozenset[FaultCode] = frozenset()  # general ones
    reasons: Mapping[int, Reason] = field(default_factory=dict)
    available_ma: Phases | None = None  # A_now, None: not known
    coming: int | None = None  # for whom another one has just yielded (queue)
    coming_s: float = LONG_AGO_S  # when that was
    due_s: float = LONG_AGO_S  # until then the next cycle would change nothing

    def decision_of(self, number: int) -> Decision:
        """Return what a charging point may have, and why."""
        reason = self.reasons.get(number, Reason.WAITING_FOR_CURRENT)
        return Decision(offer_ma=self.members[number].offer_ma, reason=reason)
