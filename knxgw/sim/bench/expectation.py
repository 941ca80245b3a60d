"""What a scenario expects: a subject, and when. Frozen data; `judge.py` compares it with a run."""

import math
from dataclasses import dataclass
from enum import StrEnum

from knxgw.catalogue.codes import FaultCode

Amounts = tuple[int | None, ...]  # mA, one for each charging point or phase; None: any


class When(StrEnum):
    """How the moment of an expectation is meant."""

    AT = "at"  # after everything that happens at this moment
    BY = "by"  # no later than; for offers: the charger announces it as well
    BETWEEN = "between"  # not before the one moment, no later than the other
    BECOMES = "becomes"  # the same, and it stays so
    DURING = "from"  # all the time from the one moment to the other


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersAre:
    """Each charging point is offered this much."""

    offers_ma: Amounts
    tolerance_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersWithin:
    """Each charging point is offered something within this range."""

    low_ma: Amounts
    high_ma: Amounts
    tolerance_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersConstant:
    """No offer changes."""

    points: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersRise:
    """Offers rise no faster than these lines of steps, one step ahead at most, and get there."""

    steps: tuple[tuple[float, Amounts], ...]  # from when on, how much
    step_ma: int
    late_s: float  # how much later the last one may be
    tolerance_ma: int
    stays: bool = False  # what was reached stays so until the end of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class StatesAre:
    """GO 50 of each charging point shows this."""

    states: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonsAre:
    """The reason of each charging point is this one, by number."""

    reasons: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultIs:
    """A fault is present, or not."""

    code: FaultCode
    point: int  # 0: of the whole device
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSeen:
    """A fault was raised, perhaps for information only."""

    code: FaultCode
    point: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectIs:
    """A group object says this."""

    point: int
    key: str
    value: bool | int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedAre:
    """Current is, or is not, kept for each charging point (None: any)."""

    reserved: tuple[bool | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadIs:
    """The line carries this much on each phase."""

    load_ma: Amounts
    tolerance_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAtMost:
    """The line carries no more than this on any phase."""

    load_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayMeasures:
    """The gateway takes this for the current of each phase."""

    load_ma: Amounts
    tolerance_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayHas:
    """The gateway takes this for available on each phase."""

    available_ma: Amounts
    tolerance_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcursionsAtMost:
    """Excursions above a limit are few and short."""

    above_ma: int
    count: int | None
    longest_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WritesAtMost:
    """No charging point gets more new offers than this."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyEqual:
    """The charging points got the same energy since the start, within a share of the mean."""

    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessAtLeast:
    """Jain's index of the energies is at least this."""

    index: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UtilisationAtLeast:
    """The share of the oracle's energy is at least this."""

    share: float


Subject = (
    OffersAre
    | OffersWithin
    | OffersConstant
    | OffersRise
    | StatesAre
    | ReasonsAre
    | FaultIs
    | FaultSeen
    | ObjectIs
    | ReservedAre
    | LoadIs
    | LoadAtMost
    | GatewayMeasures
    | GatewayHas
    | ExcursionsAtMost
    | WritesAtMost
    | EnergyEqual
    | FairnessAtLeast
    | UtilisationAtLeast
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A subject, when it must hold, and the line of the file that says so."""

    line: int
    when: When
    begins_at: float
    ends_at: float
    subject: Subject
    words: str  # as the file has it
    stays_until: float = math.inf  # what becomes so stays so until then
    early_s: float = 0.0  # so much earlier what is stated may happen
    late_s: float = 0.0  # so much later
