"""What a scenario file says: the bench, what happens, and what is expected. Frozen data.

The file format is described in `docs/bench.md`. Currents are mA per phase, times are seconds of
the scenario: 0 is where it begins, the gateway has then been running for `idle_s`.
Source: load-management 21, 23.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.limits import NOMINAL_V
from knxgw.sim.bench.expectation import Expectation
from knxgw.station.model import Event as StationEvent

Number = float | int | bool  # of load management


@dataclass(frozen=True, slots=True, kw_only=True)
class CarModel:
    """A vehicle and when it is there."""

    plug_s: float | None = 0.0  # None: it comes by an event, or never
    unplug_s: float | None = None
    phases: int = 3
    maximum_ma: int = 16_000  # it can use
    delay_s: float = 1.0  # from a changed limit until it reacts
    rise_ma_per_s: float = 3000.0
    fall_ma_per_s: float = 10_000.0
    settle_s: float | None = None  # given: it falls so that it is there so long after the change
    overdraw_ma: int = 0  # it draws so much more than the limit
    deaf_from_s: float | None = None  # from then on it keeps what it has
    contactor_s: float | None = None  # the charger opens so long after the command of 0 A


@dataclass(frozen=True, slots=True, kw_only=True)
class PointModel:
    """A charging point and its charger."""

    minimum_ma: int = 6000
    maximum_ma: int = 16_000
    resolution_ma: int = 100
    phases: int = 3  # wired
    rotation: str = "123"
    is_measured: bool = True  # the charger reports currents
    zero_pauses: bool = True  # a setpoint of 0 A is possible
    poll_s: float = 1.0
    poll_offset_s: float | None = None  # None: a tenth of a second for each number
    latency_s: float = 0.5  # from the command until the charger announces it
    car: CarModel = field(default_factory=CarModel)

    @property
    def wired(self) -> tuple[int, ...]:
        """Return the grid phases (0 to 2) of its terminals, in their order."""
        return tuple(int(phase) - 1 for phase in self.rotation[: self.phases])


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionModel:
    """The mains connection and how it is shared."""

    load_management: str = "dynamic"  # dynamic, static, off
    fuse_ma: int = 35_000
    reserve_ma: int = 3000
    feeder_ma: int | None = None
    phases: int = 3
    priority: int | None = None
    static_limit_ma: int | None = None
    grid_setpoint_ma: int = 6000  # 0, 6000
    voltage_v: float = NOMINAL_V
    power_factor: float = 1.0

    @property
    def limit_ma(self) -> int:
        """Return what the line may carry per phase (I_lim)."""
        if self.load_management == "static" and self.static_limit_ma is not None:
            return self.static_limit_ma
        return self.fuse_ma - self.reserve_ma


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From one moment to another, ends included."""

    begins_at: float
    ends_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSpan(Span):
    """The same on one phase, or on all."""

    phase: int | None = None  # 0 to 2; None: all


@dataclass(frozen=True, slots=True, kw_only=True)
class LostTelegrams(PhaseSpan):
    """Telegrams that arrive between two moments are lost, or late."""

    late_s: float | None = None  # None: lost


Answers = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterModel:
    """The smart meter at the mains connection."""

    sample_s: float = 2.0
    first_s: float = 0.0  # a moment of sampling
    delay_s: tuple[float, float, float] = (1.0, 1.0, 1.0)  # from sampling to telegram, per phase
    told_delay_s: float | None = None  # the delay that the gateway is told; None: that of L1
    jitter_s: float = 0.0  # each telegram comes up to so much sooner or later than its delay says
    jitter_seed: int = 1
    dpt: str = "14.019"
    monitoring_s: float = 10.0  # T_mon, the gateway is told
    min_change_ma: int | None = None  # given: values are sent on change only
    answers_s: Answers = (None, None, None)  # how long an answer to a read takes; None: no answer
    unanswered: tuple[PhaseSpan, ...] = ()  # reads in these times get no answer
    in_operation_s: float | None = None  # spacing of In-operation telegrams
    in_operation_until_s: float | None = None
    in_operation_pauses: tuple[Span, ...] = ()  # none comes in these times
    lost: tuple[LostTelegrams, ...] = ()
    slow: tuple[LostTelegrams, ...] = ()  # telegrams and answers then take so much longer
    reversed_phases: frozenset[int] = frozenset()  # 0 to 2: transformers the wrong way round
    reversed_from_s: float = float("-inf")
    reversed_until_s: float = float("inf")
    frozen: tuple[PhaseSpan, ...] = ()  # what it measures in these times is the last one before

    def is_reversed(self, phase: int, at_s: float) -> bool:
        """Tell whether the transformer of a phase is the wrong way round at a moment."""
        is_then = self.reversed_from_s <= at_s <= self.reversed_until_s
        return is_then and phase in self.reversed_phases

    def is_frozen(self, phase: int, at_s: float) -> bool:
        """Tell whether the values of a phase stand still at a moment."""
        return any(
            one.phase in (None, phase) and one.begins_at <= at_s <= one.ends_at
            for one in self.frozen
        )

    def is_wrong(self, phase: int, at_s: float) -> bool:
        """Tell whether it measures something else than the line carries."""
        return self.is_reversed(phase, at_s) or self.is_frozen(phase, at_s)

    @property
    def assumed_delay_s(self) -> float:
        """Return the delay that the gateway reckons with."""
        return self.delay_s[0] if self.told_delay_s is None else self.told_delay_s

    @property
    def longest_delay_s(self) -> float:
        """Return the longest a telegram takes that is neither lost nor late."""
        return max(self.delay_s) + self.jitter_s


# --- what happens ------------------------------------------------------------------------------


class Trouble(StrEnum):
    """How a charger misbehaves."""

    GOOD = "good"
    UNREACHABLE = "unreachable"  # it keeps its limit
    INVALID = "invalid"  # it reports currents that cannot be
    IGNORES = "ignores"  # it acknowledges every write and keeps its limit, which it reports
    REFUSES = "refuses"  # it answers every write with an exception


class Habit(StrEnum):
    """How a vehicle may behave for a while."""

    DEAF = "deaf"  # 1: it keeps what it draws
    OVERDRAW = "overdraw"  # it draws so much more than its limit [mA]
    DELAY = "delay"  # from a changed limit until it reacts [ms]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChanged:
    """The building draws something else on (L1, L2, L3); None: as before."""

    happens_at: float
    load_ma: tuple[int | None, int | None, int | None]
    is_added: bool = False  # to what it draws now
    is_noise: bool = False  # the small unrest of a building: no event of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class CarMoved:
    """A vehicle is plugged in or out."""

    happens_at: float
    point: int
    plugged: bool
    car: CarModel | None = None  # another vehicle than the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class CarChanged:
    """A vehicle can use more or less from now on, or until a moment."""

    happens_at: float
    point: int
    maximum_ma: int | None = None
    phases: int | None = None
    holds_until: float | None = None  # given: then as much as before


@dataclass(frozen=True, slots=True, kw_only=True)
class CarBehaves:
    """The vehicle at a charging point, whichever it is, has a habit."""

    happens_at: float
    point: int
    habit: Habit
    value: int | None  # as the habit has it; None: as the vehicle is by itself
    holds_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerTroubled:
    """A charger misbehaves, or works again.

    With an end several troubles may hold at once. One without takes the place of the last such one.
    GOOD ends all.
    """

    happens_at: float
    point: int
    trouble: Trouble
    holds_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerReboots:
    """A charger restarts: it forgets what it was told and announces something else.

    While it is off it cannot be reached and its contactor is open.
    """

    happens_at: float
    point: int
    to_ma: int
    off_s: float = 0.0  # 0: nobody notices but by what it announces


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerReports:
    """A charger says of itself that it is in this state, whatever its vehicle does."""

    happens_at: float
    point: int
    state: ChargingState | None  # None: the truth
    holds_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The station is told something over KNX."""

    happens_at: float
    event: StationEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """The gateway loses its power and is up again after a while."""

    happens_at: float
    off_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigured:
    """The configuration file was changed and is read again: the gateway begins again with it."""

    happens_at: float
    off_s: float  # from its goodbye to the chargers until it begins
    connection: Mapping[str, int | None]  # fields of `ConnectionModel` that change
    settings: Mapping[str, Number]
    points: Mapping[int, Mapping[str, int]]  # by number: fields of `PointModel` that change


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped:
    """The wall clock of the gateway's machine is set; monotonic time goes on."""

    happens_at: float
    step_s: float  # negative: back


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """What goes wrong at random; the same seed gives the same misfortune."""

    seed: int
    lost_telegrams: float = 0.0  # share of the meter's telegrams that never arrive
    failed_writes: float = 0.0  # share of the writes that chargers do not take


Happening = (
    BaseChanged
    | CarMoved
    | CarChanged
    | CarBehaves
    | ChargerTroubled
    | ChargerReboots
    | ChargerReports
    | ClockStepped
    | Reconfigured
    | Restarted
    | Told
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One file."""

    name: str
    about: str
    duration_s: float
    idle_s: float
    connection: ConnectionModel
    settings: Mapping[str, Number]  # named numbers of load management
    meter: MeterModel
    base_ma: tuple[int, int, int]
    points: tuple[PointModel, ...]
    happenings: tuple[Happening, ...]
    expectations: tuple[Expectation, ...]
    disturbance: Disturbance | None = None


def reconfigured(scenario: Scenario, change: Reconfigured) -> Scenario:
    """Return the scenario with the configuration that holds after a change."""
    points = list(scenario.points)
    for number, changed in change.points.items():
        points[number - 1] = replace(points[number - 1], **changed)  # type: ignore[arg-type]  # checked by the reader
    return replace(
        scenario,
        connection=replace(scenario.connection, **change.connection),  # type: ignore[arg-type]  # the same
        settings={**scenario.settings, **change.settings},
        points=tuple(points),
    )
