"""The series of days: what the house, its meter, its chargers and its vehicles are like in each.

Building and vehicles of a seed are the same in every series, but for what a series says of them.
Source: load-management 22, 24. Currents are mA per phase, times s.
What section 24 leaves open, and what is taken here: a further series differs from the first one (2 s
meter, no faults) only in what its name says; the house behind 35 A has the same reserve of 4 A; an
outage takes all telegrams of two minutes; values on change are sent from 0.5 A on, with In operation
each 20 s and a monitoring interval of 60 s. With a monitoring interval of 30 s one telegram of the
10 s meter that is lost is no lost meter; with one of 10 s it is, unless the meter answers a read, which
it does there, as it does with values on change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knxgw.sim.bench.scenario import MeterModel, PointModel

RESERVE_MA = 4000
SEEDS, FURTHER_SEEDS = 20, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the days of a series must reach, as far as series differ in it."""

    utilisation_mean: float
    utilisation_each: float
    locked_out_s: float | None = None  # a day, everybody has 0 A for an overcurrent


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One way to run the days."""

    name: str  # on the command line, and of files
    title: str
    about: str  # what is different, for the page
    marks: Marks
    days: int = FURTHER_SEEDS
    is_main: bool = False  # shown in detail, compared with other ways to decide
    fuse_ma: int = 50_000
    building: float = 1.0  # of what the building of the seed draws
    queue: bool = True
    meter: MeterModel
    outage_s: float = 0.0  # of the meter, in each hour
    faults: bool = (
        False  # telegrams and writes get lost, chargers cannot be reached, the clock jumps
    )
    charger: PointModel = field(default_factory=PointModel)
    unruly: bool = False  # chargers restart, ignore and refuse what they are told
    overdraw_ma: int = 0  # vehicles draw so much more than they are told

    def __hash__(self) -> int:
        """Return what tells it from others: no two have the same name."""
        return hash(self.name)


_MAIN = Marks(utilisation_mean=0.975, utilisation_each=0.96)
_WITH_FAULTS = Marks(utilisation_mean=0.97, utilisation_each=0.95)
_FURTHER = Marks(utilisation_mean=0.95, utilisation_each=0.95)
_DEFAULT_MODE = Marks(utilisation_mean=0.95, utilisation_each=0.95, locked_out_s=300.0)
_2_S = MeterModel(sample_s=2.0, delay_s=(1.0, 1.0, 1.0), monitoring_s=10.0)
_10_S = MeterModel(sample_s=10.0, delay_s=(2.0, 2.0, 2.0), told_delay_s=1.0, monitoring_s=30.0)
_10_S_DEFAULT = MeterModel(
    sample_s=10.0,
    delay_s=(2.0, 2.0, 2.0),
    told_delay_s=1.0,
    monitoring_s=10.0,
    answers_s=(0.2, 0.2, 0.2),
)
_1_S = MeterModel(sample_s=1.0, delay_s=(0.1, 0.1, 0.1), told_delay_s=1.0, monitoring_s=10.0)
_ON_CHANGE = MeterModel(
    sample_s=2.0,
    delay_s=(1.0, 1.0, 1.0),
    monitoring_s=60.0,
    min_change_ma=500,
    answers_s=(0.2, 0.2, 0.2),
    in_operation_s=20.0,
)

MAIN_SERIES = (
    Series(
        name="2s",
        title="2 s meter",
        about="the meter samples every 2 s and reports 1 s later",
        marks=_MAIN,
        days=SEEDS,
        is_main=True,
        meter=_2_S,
    ),
    Series(
        name="10s",
        title="10 s meter",
        about="the meter samples every 10 s and reports 2 s later",
        marks=_MAIN,
        days=SEEDS,
        is_main=True,
        meter=_10_S,
    ),
    Series(
        name="2s-faults",
        title="2 s meter, with faults",
        about="the first, and faults",
        marks=_WITH_FAULTS,
        days=SEEDS,
        is_main=True,
        meter=_2_S,
        faults=True,
    ),
    Series(
        name="10s-faults",
        title="10 s meter, with faults",
        about="the second, and faults",
        marks=_WITH_FAULTS,
        days=SEEDS,
        is_main=True,
        meter=_10_S,
        faults=True,
    ),
)
FURTHER_SERIES = (
    Series(
        name="default-mode-50a",
        title="without the queue, 50 A",
        about="no turns: an overcurrent at the minimum interrupts all charging points",
        marks=_DEFAULT_MODE,
        queue=False,
        meter=_2_S,
    ),
    Series(
        name="default-mode-35a",
        title="without the queue, 35 A house",
        about="the same behind 35 A, with a building of 0.55 times the size",
        marks=_DEFAULT_MODE,
        queue=False,
        fuse_ma=35_000,
        building=0.55,
        meter=_2_S,
    ),
    Series(
        name="10s-monitored-10s",
        title="10 s meter, monitored each 10 s, with faults",
        about="the monitoring interval is unchanged: the gateway must read the value of a lost telegram",
        marks=_FURTHER,
        meter=_10_S_DEFAULT,
        faults=True,
    ),
    Series(
        name="1a-chargers",
        title="1 A chargers",
        about="chargers that take whole amperes only",
        marks=_FURTHER,
        meter=_2_S,
        charger=PointModel(resolution_ma=1000),
    ),
    Series(
        name="unmeasured",
        title="chargers without a meter",
        about="chargers that report no currents",
        marks=_FURTHER,
        meter=_2_S,
        charger=PointModel(is_measured=False),
    ),
    Series(
        name="overdraw",
        title="0.3 A more than offered",
        about="vehicles that draw 0.3 A more than they are offered",
        marks=_FURTHER,
        meter=_2_S,
        overdraw_ma=300,
    ),
    Series(
        name="1s",
        title="1 s meter",
        about="the meter samples every second and reports 0.1 s later; the gateway does not know this delay",
        marks=_FURTHER,
        meter=_1_S,
    ),
    Series(
        name="polls-3s",
        title="chargers read each 3 s",
        about="chargers that are read every 3 s",
        marks=_FURTHER,
        meter=_2_S,
        charger=PointModel(poll_s=3.0),
    ),
    Series(
        name="on-change",
        title="values on change",
        about="the meter reports only changes of 0.5 A, and In operation every 20 s",
        marks=_FURTHER,
        meter=_ON_CHANGE,
    ),
    Series(
        name="outages",
        title="meter silent for 2 min each hour",
        about="for two minutes of every hour no telegram of the meter arrives",
        marks=_FURTHER,
        meter=_2_S,
        outage_s=120.0,
    ),
    Series(
        name="unruly-chargers",
        title="chargers that forget, ignore and refuse",
        about="every hour one charger restarts at 16 A, one ignores all commands for 40 s, and 2 % of the writes are refused",
        marks=_FURTHER,
        meter=_2_S,
        unruly=True,
    ),
)
EVERY_SERIES = (*MAIN_SERIES, *FURTHER_SERIES)
BY_NAME: Mapping[str, Series] = {one.name: one for one in EVERY_SERIES}
