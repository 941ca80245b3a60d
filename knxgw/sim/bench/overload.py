"""Overloads that the gateway begins, or adds to: I3 in an emergency, in a lock-out, at the minima.

While the smart meter is silent, or not all minima fit, the line may carry too much and nobody can help
it. What the gateway can help is that it does not give more then. So the building counts here as far as
the meter has told it, and an overload may begin with a value of the meter only: after the time its
answer takes, what all vehicles together draw must not rise before the line is within its limit again.
What a vehicle takes that was started or raised before that value is no answer to it: it may still rise.
Source: load-management 9.2, 9.5, 11, 12. Currents are mA per phase, times s.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise

from knxgw.sim.bench.curve import Curve, Steps
from knxgw.sim.bench.invariants import (
    SLACK_MA,
    answer_s,
    is_obedient,
    noise_ma,
    slack_ma,
    times_of,
)
from knxgw.sim.bench.recording import MeterValue, PointLog, Recording, Violation
from knxgw.sim.bench.scenario import (
    CarChanged,
    PointModel,
    Reconfigured,
    Restarted,
    Scenario,
)
from knxgw.sim.bench.telegrams import current_ma

RISE_MA = SLACK_MA  # less is rounding
Span = tuple[float, float]


def overloads_begun(scenario: Scenario, recording: Recording) -> list[Violation]:
    """Return the first overload that the gateway begins or adds to, if there is one.

    Not looked at: the times in which a vehicle does not obey, or resumes or adds phases by itself.
    """
    if scenario.connection.load_management != "dynamic" or not is_obedient(scenario):
        return []
    found = []
    for phase, load in enumerate(recording.load):
        looked: _Phase | None = None
        spans = recording.configurations(scenario, recording.started_at, recording.ended_at)
        for from_s, to_s, configured in spans:
            limit_ma = configured.connection.limit_ma + slack_ma(scenario)
            for over in load.above(limit_ma, from_s, to_s):
                looked = looked or _Phase(scenario, recording, phase)
                at_s = looked.added_s(limit_ma, over)
                if at_s is not None:
                    found.append(_violation(looked, phase, at_s))
    return sorted(found, key=lambda one: one.found_at)[:1]


def _violation(looked: "_Phase", phase: int, at_s: float) -> Violation:
    carried = f"L{phase + 1} carries {looked.known_load_ma(at_s) / 1000:.1f} A"
    words = f"{carried} by the meter's reports, and vehicles get more"
    return Violation(found_at=at_s, invariant="I3", words=words)


class _Phase:
    """One phase of a run: the line, and the building as far as it was told."""

    def __init__(self, scenario: Scenario, recording: Recording, phase: int) -> None:
        self._load = recording.load[phase]
        self._base = recording.base[phase]
        self._known = Steps(recording.started_at, 0.0)
        self._excused: list[Span] = []
        self._rises = [
            _rises(model, log) for model, log in zip(scenario.points, recording.points, strict=True)
        ]
        self._grace_s = answer_s(scenario) + scenario.meter.sample_s
        self._from_ma = RISE_MA + noise_ma(scenario)  # a smaller rise of the building is none
        moments: list[tuple[float, MeterValue | None]] = [
            (one.arrived_at, one) for one in recording.reported if one.phase == phase
        ]
        begun = list(_begun_again(scenario))
        moments += [(at_s, None) for at_s in begun]
        for at_s, value in sorted(moments, key=lambda one: one[0]):
            self._take(scenario, at_s, value)
        for one in scenario.happenings:
            if isinstance(one, CarChanged):
                self._excuse(one.happens_at)
                self._excuse(one.happens_at if one.holds_until is None else one.holds_until)
        for at_s, _ in recording.configured:
            self._excuse(at_s)
        taken_s = _taken_s(scenario)
        begun += [at_s for log in recording.points for at_s in _returns(log)]
        begun += [at_s for log in recording.points for at_s in _plugged_in_unreached(log)]
        for at_s in begun:  # a minimum that is offered before the meter reports may still be taken
            self._excuse(at_s, at_s + taken_s)
        for log in recording.points:
            for from_s, to_s in times_of(log.strays, recording.ended_at):
                self._excuse(from_s, to_s)
        self._excused = _merged(self._excused)

    def _take(self, scenario: Scenario, at_s: float, value: MeterValue | None) -> None:
        """Take a value of the meter; None: the gateway begins again and knows nothing."""
        known_ma = 0.0
        if value is not None:
            sampled_at = value.sampled_at
            draws_ma = self._load.at(sampled_at) - self._base.at(sampled_at)
            known_ma = _reported_ma(scenario, value) - draws_ma
        if known_ma > self._known.last + self._from_ma:
            self._excuse(at_s)
            self._excused += [(at_s, _rise_ends_at(rises, at_s)) for rises in self._rises]
        self._known.add(at_s, known_ma)

    def _excuse(self, from_s: float, to_s: float | None = None) -> None:
        self._excused.append((from_s, (from_s if to_s is None else to_s) + self._grace_s))

    def known_load_ma(self, at_s: float) -> float:
        """Return what the line carries, without what the building draws more than was told."""
        return self._load.at(at_s) - self._unknown_ma(at_s)

    def _unknown_ma(self, at_s: float) -> float:
        return max(0.0, self._base.at(at_s) - self._known.at(at_s))

    def added_s(self, limit_ma: float, over: Span) -> float | None:
        """Return when vehicles got more although the line was known to carry too much."""
        least_ma: float | None = None  # the least that vehicles drew since then
        for from_s, to_s in pairwise(self._moments(over)):
            first = self._load.at(from_s)
            last = first + _slope(self._load, from_s) * (to_s - from_s)
            known_limit_ma = limit_ma + self._unknown_ma(from_s)
            if max(first, last) <= known_limit_ma or self._is_excused(from_s):
                least_ma = None
                continue
            base_ma = self._base.at(from_s)
            first = max(first, known_limit_ma) if last > first else first
            draws = (first - base_ma, last - base_ma)
            least_ma = draws[0] if least_ma is None else least_ma
            if max(draws) > least_ma + RISE_MA:
                return from_s
            least_ma = min(least_ma, *draws)
        return None

    def _moments(self, over: Span) -> list[float]:
        """Return the moments at which anything changes in a time, and its ends."""
        start_s, end_s = over
        ends = [at_s for span in self._excused for at_s in span]
        lines = (self._load.times, self._known.times, ends)
        inside = {at_s for line in lines for at_s in _inside(line, start_s, end_s)}
        return [start_s, *sorted(inside), end_s]

    def _is_excused(self, at_s: float) -> bool:
        index = bisect_right(self._excused, (at_s, float("inf"))) - 1
        return index >= 0 and at_s < self._excused[index][1]


def _begun_again(scenario: Scenario) -> Iterator[float]:
    for one in scenario.happenings:
        if isinstance(one, Restarted | Reconfigured):
            yield one.happens_at + one.off_s


def _returns(log: PointLog) -> Iterator[float]:
    """Give the times at which a charger can be reached again: it takes the offer that waits for it."""
    for at_s, (was_reached, is_reached) in zip(
        log.reached.times[1:], pairwise(log.reached.values), strict=True
    ):
        if is_reached and not was_reached:
            yield at_s


def _plugged_in_unreached(log: PointLog) -> Iterator[float]:
    """Give the times at which a vehicle is plugged in at a charger that cannot be reached.

    It takes what the charger was offered before: nobody can withdraw that.
    """
    for at_s, (before, used) in zip(log.used.times[1:], pairwise(log.used.values), strict=True):
        if used and not before and not log.reached.at(at_s):
            yield at_s


def _rises(model: PointModel, log: PointLog) -> list[Span]:
    """Return from when to when a vehicle may rise to what it was given, the earliest first.

    Given: its offer was raised, or it was plugged in where one was waiting for it.
    """
    offers, plugs = pairwise(log.offers.values), pairwise(log.used.values)
    times_s = [t for t, (old, new) in zip(log.offers.times[1:], offers, strict=True) if new > old]
    times_s += [
        t for t, (old, new) in zip(log.used.times[1:], plugs, strict=True) if new and not old
    ]
    begins_s = model.latency_s + model.car.delay_s
    return [
        (at_s, at_s + begins_s + log.offers.at(at_s) / model.car.rise_ma_per_s)
        for at_s in sorted(times_s)
    ]


def _rise_ends_at(rises: list[Span], at_s: float) -> float:
    """Return when a vehicle has risen to what it was given last before a moment; that moment at least."""
    index = bisect_right(rises, (at_s, float("inf"))) - 1
    return at_s if index < 0 else max(at_s, rises[index][1])


def _taken_s(scenario: Scenario) -> float:
    """Return how long a vehicle may take to rise to the minimum of its charger."""
    return max(
        (
            one.poll_s + one.car.delay_s + one.minimum_ma / one.car.rise_ma_per_s
            for one in scenario.points
        ),
        default=0.0,
    )


def _reported_ma(scenario: Scenario, value: MeterValue) -> float:
    """Return the current that a telegram tells; negative: export."""
    connection = scenario.connection
    return current_ma(
        scenario.meter.dpt,
        value.value,
        voltage_v=connection.voltage_v,
        power_factor=connection.power_factor,
    )


def _merged(spans: list[Span]) -> list[Span]:
    """Return the same times, in order, each of them once."""
    merged: list[Span] = []
    for from_s, to_s in sorted(spans):
        if merged and from_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], to_s))
        else:
            merged.append((from_s, to_s))
    return merged


def _inside(times: list[float], start_s: float, end_s: float) -> list[float]:
    return times[bisect_right(times, start_s) : bisect_left(times, end_s)]


def _slope(curve: Curve, at_s: float) -> float:
    return curve.slopes[max(0, bisect_right(curve.times, at_s) - 1)]
