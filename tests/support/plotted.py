"""A site of which three minutes were recorded, with a peak of the mains connection of half a minute."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from knxgw.monitoring.plot_sample import BASE, LIMIT, MEASURED, Sample, Trace, of_point, offer_of
from knxgw.monitoring.recorder import Recorder
from knxgw.station.view import InstalledView, LoadManagementView, PhaseView, PointView, SiteView
from tests.support.website import NOON

START_S, STEP_S = 90_000.0, 2.0  # a whole minute of the monotonic clock
STEPS = 95  # three minutes, and what follows until now
PEAK_MA = 41_200
PEAK_STEPS = range(40, 55)  # of the second minute
FIRST_POINT, THIRD_POINT = 1, 3  # there is no second one
OFFER_MA = 16_000


def sample(step: int) -> Sample:
    """Return what is known in a step: on L1 all that there is, on L2 one charging point."""
    peak_ma = PEAK_MA - 20_000 if step in PEAK_STEPS else 0
    return {
        Trace(LIMIT, 0): 46_000,
        Trace(MEASURED, 0): 20_000 + peak_ma,
        Trace(BASE, 0): 4_000 + 10 * step + peak_ma,
        Trace(of_point(FIRST_POINT), 0): 9_900,
        Trace(of_point(THIRD_POINT), 1): 6_000 + step,
        Trace(offer_of(THIRD_POINT), 0): OFFER_MA,
    }


@dataclass
class Plotted:
    """What was recorded, with a clock that tests move."""

    known: Callable[[int], Sample] = sample
    steps: int = 0
    recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        """Record."""
        self.recorder = Recorder(self.wall_clock, self.now_s)
        for _ in range(STEPS):
            self.record()

    def record(self) -> None:
        """Record one step more."""
        self.steps += 1
        self.recorder.plot.put(self.known(self.steps - 1), self.now_s())

    def now_s(self) -> float:
        """Return the begin of the step that was recorded last."""
        return START_S + STEP_S * (self.steps - 1)

    def wall_clock(self) -> datetime:
        """Return the time of day then."""
        return NOON + timedelta(seconds=self.now_s() - START_S)


def site(point: PointView, *, is_managed: bool = True) -> SiteView:
    """Return the site: charging points 1 and 3, of which the third is wired to L2 only."""
    third = replace(
        point, number=THIRD_POINT, name="Right", installed=InstalledView(mains_phases=(2,))
    )
    phase = PhaseView(
        name="L1", measured_ma=20_000, base_ma=4_000, available_ma=42_000, allocated_ma=OFFER_MA
    )
    shared = LoadManagementView(
        state_words="normal",
        limit_ma=46_000,
        meter_age_s=1.4,
        phases=tuple(replace(phase, name=name) for name in ("L1", "L2", "L3")),
    )
    return SiteView(
        load_management=shared if is_managed else None,
        name="Garage", grid_control=False, fault="No error", fault_present=False, messages=(),
        points=(replace(point, number=FIRST_POINT), third),
    )  # fmt: skip
