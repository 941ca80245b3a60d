"""What differs between the setpoints chargers really held and those the bench predicted. Pure.

*Differ by at most one step* is taken to mean this, at each second and at each charging point:

- One step is the most that load management raises at a time (2 A, `raise_ma`). An offer that begins,
  or ends, is more than one step away from 0 A.
- The two have clocks that nobody has set by each other: the smart meter looks each so many seconds,
  chargers are polled each second, and the gateway looks each second. The same decision may so be made
  a meter period, a poll and a cycle sooner or later (2 + 1 + 1 = 4 s). What was held at a moment is
  therefore compared with all that was predicted from 4 s before until 4 s after it, and what was
  predicted with all that was held in that time: the larger of the two distances counts. A step that
  only one of them made is found in this way, as is one that comes later than that.
- After a charger fell silent, or speaks again, its link needs its own time to notice: two requests
  without an answer, or the longest pause after which it is asked again. The bench knows at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from knxgw.catalogue.points import PollClass
from knxgw.charging.scope import PointNumber
from knxgw.config.model import Configuration
from knxgw.modbus.health import BACK_OFF_LAST_S, SILENT_LIMIT
from knxgw.modbus.plan import PERIODS_S
from knxgw.sim.bench.curve import Steps
from knxgw.sim.bench.runner import TICK_S
from knxgw.sim.bench.scenario import ChargerTroubled, Scenario, Trouble
from knxgw.station.load_management import load_management_settings

Setpoints = Mapping[PointNumber, Steps[int]]  # of each charging point over time [mA]
SPACING_S = 1.0
SAME_MA = 100  # no coarser than the finest setpoint of most chargers


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where one charging point was further away than one step, for a while without a break."""

    point: int
    from_s: float
    to_s: float
    largest_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well what was held and what was predicted agree."""

    step_ma: int
    seconds: int  # that were compared, at each charging point
    largest_ma: int  # with the time that clocks may differ by
    same_share: float  # of all seconds and charging points: within 0.1 A at that very second
    near_share: float  # the same, with the time that clocks may differ by
    differences: tuple[Difference, ...]  # of more than one step

    @property
    def is_good(self) -> bool:
        """Tell whether nothing was ever further away than one step."""
        return self.seconds > 0 and not self.differences


def compare(
    scenario: Scenario,
    configuration: Configuration,
    held: Setpoints,
    predicted: Setpoints,
) -> Agreement:
    """Return how the setpoints of a scenario that was played agree with the predicted ones [mA]."""
    settings = load_management_settings(configuration)
    assert settings is not None
    moments = [n * SPACING_S for n in range(int(scenario.duration_s / SPACING_S) + 1)]
    slack = _Slack(scenario, max(one.model.response_timeout_s for one in configuration.points))
    differences: list[Difference] = []
    largest_ma = same = near = 0
    for number, real in held.items():
        bench = predicted[number]
        distances = [_distance_ma(real, bench, at_s, slack.at(at_s)) for at_s in moments]
        largest_ma = max(largest_ma, *distances)
        near += sum(one <= SAME_MA for one in distances)
        same += sum(abs(real.at(at_s) - bench.at(at_s)) <= SAME_MA for at_s in moments)
        differences += _further_than(settings.raise_ma, number, moments, distances)
    count = len(moments) * len(held)
    return Agreement(
        step_ma=settings.raise_ma,
        seconds=len(moments),
        largest_ma=largest_ma,
        same_share=same / count,
        near_share=near / count,
        differences=tuple(sorted(differences, key=lambda one: one.from_s)),
    )


class _Slack:
    """How much sooner or later the same may happen, at any moment."""

    def __init__(self, scenario: Scenario, response_timeout_s: float) -> None:
        self.usual_s = scenario.meter.sample_s + PERIODS_S[PollClass.FAST] + TICK_S
        notices_s = SILENT_LIMIT * response_timeout_s + PERIODS_S[PollClass.FAST]
        asks_s = BACK_OFF_LAST_S + response_timeout_s
        self._longer = [
            (one.happens_at, notices_s if one.trouble is Trouble.UNREACHABLE else asks_s)
            for one in scenario.happenings
            if isinstance(one, ChargerTroubled)
        ]

    def at(self, at_s: float) -> float:
        """Return the time [s] by which the two may differ at a moment."""
        extra_s = (
            needs_s
            for from_s, needs_s in self._longer
            if from_s <= at_s <= from_s + needs_s + self.usual_s
        )
        return self.usual_s + max(extra_s, default=0.0)


def _distance_ma(one: Steps[int], other: Steps[int], at_s: float, slack_s: float) -> int:
    """Return how far each is from all that the other was around a moment; the larger distance."""
    return max(_outside_ma(one, other, at_s, slack_s), _outside_ma(other, one, at_s, slack_s))


def _outside_ma(one: Steps[int], other: Steps[int], at_s: float, slack_s: float) -> int:
    from_s, to_s = at_s - slack_s, at_s + slack_s
    around = [other.at(from_s), *(value for _, value in other.changes(from_s, to_s))]
    value = one.at(at_s)
    return max(0, min(around) - value, value - max(around))


def _further_than(
    step_ma: int, point: int, moments: Sequence[float], distances: Sequence[int]
) -> Iterator[Difference]:
    """Give the times without a break in which the distance was more than a step."""
    far = [index for index, one in enumerate(distances) if one > step_ma]
    if not far:
        return
    begins = [far[0], *(after for before, after in pairwise(far) if after > before + 1)]
    ends = [*(before for before, after in pairwise(far) if after > before + 1), far[-1]]
    for first, last in zip(begins, ends, strict=True):
        yield Difference(
            point=point,
            from_s=moments[first],
            to_s=moments[last],
            largest_ma=max(distances[first : last + 1]),
        )
