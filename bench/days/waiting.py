"""How long vehicles that want current have none. Currents are mA, times s.

*Wanting* is a charging point that can be reached, with a vehicle that can use current.

A wait may be as long as the turns of the others and a minute: with n that want and k that can be
served, n/k rounded up, less one, turns. n is the most that wanted at the same time during the wait, k
the mean number of those whose minima would have fitted beside what the building really drew, while
not all of them did; where all fitted all the time there is no turn to wait for.
Source: load-management 12.4, 18.1, 22, 24.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from knxgw.catalogue.codes import Reason
from knxgw.dlm.settings import Settings
from knxgw.sim.bench.oracle import available_ma
from knxgw.sim.bench.recording import PointLog, Recording
from knxgw.sim.bench.scenario import Scenario

SLACK_S = 60.0  # that a wait may be longer than the turns of the others
TURN_S = Settings(fuse_ma=50_000).rotation_s
Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A time in which a charging point wanted current and had none."""

    point: int  # index
    from_s: float
    to_s: float
    allowed_s: float  # how long it may be

    @property
    def length_s(self) -> float:
        """Return how long it was."""
        return self.to_s - self.from_s

    @property
    def overrun_s(self) -> float:
        """Return by how much it was too long."""
        return max(0.0, self.length_s - self.allowed_s)


def waits(scenario: Scenario, recording: Recording) -> list[Wait]:
    """Return every wait of every charging point."""
    return [
        Wait(
            point=index,
            from_s=from_s,
            to_s=to_s,
            allowed_s=_allowed_s(scenario, recording, from_s, to_s),
        )
        for index, log in enumerate(recording.points)
        for from_s, to_s in _waiting(log, recording.ended_at)
    ]


def _waiting(log: PointLog, end_s: float) -> list[Span]:
    return _spans(
        lambda at_s: _is_wanting(log, at_s) and log.offers.at(at_s) == 0,
        [log.offers.times, *_wanting_times(log)],
        end_s,
    )


def locked_out_s(recording: Recording) -> float:
    """Return how long some wanting charging point had 0 A because of an overcurrent."""
    spans = [
        span
        for number, log in enumerate(recording.points, 1)
        for span in _locked_out(recording, number, log)
    ]
    covered_s, until_s = 0.0, 0.0
    for from_s, to_s in sorted(spans):
        covered_s += max(0.0, to_s - max(from_s, until_s))
        until_s = max(until_s, to_s)
    return covered_s


def _locked_out(recording: Recording, number: int, log: PointLog) -> list[Span]:
    reasons = recording.objects.get((number, "reason"))
    if reasons is None:
        return []
    return _spans(
        lambda at_s: (
            _is_wanting(log, at_s)
            and log.offers.at(at_s) == 0
            and reasons.at(at_s) == Reason.LOCK_OUT
        ),
        [log.offers.times, reasons.times, *_wanting_times(log)],
        recording.ended_at,
    )


def _is_wanting(log: PointLog, at_s: float) -> bool:
    return bool(log.used.at(at_s)) and log.can_use.at(at_s) > 0 and log.reached.at(at_s)


def _wanting_times(log: PointLog) -> list[list[float]]:
    return [log.used.times, log.can_use.times, log.reached.times]


def _spans(
    is_so: Callable[[float], bool], lines: Iterable[list[float]], end_s: float
) -> list[Span]:
    """Return from when to when something is so, which changes only at some times."""
    moments = sorted({0.0, end_s, *(at_s for line in lines for at_s in line if 0 < at_s < end_s)})
    found: list[Span] = []
    for from_s, to_s in pairwise(moments):
        if not is_so(from_s):
            continue
        if found and found[-1][1] == from_s:
            found[-1] = (found[-1][0], to_s)
        else:
            found.append((from_s, to_s))
    return found


# --- how long a wait may be ------------------------------------------------------------------------


def _allowed_s(scenario: Scenario, recording: Recording, from_s: float, to_s: float) -> float:
    """Return how long a wait may be."""
    lines = [curve.times for curve in recording.base]
    lines += [line for log in recording.points for line in _wanting_times(log)]
    lines.append([at_s for at_s, _ in recording.configured])
    inside = {
        at_s
        for line in lines
        for at_s in line[bisect_right(line, from_s) : bisect_right(line, to_s)]
        if at_s < to_s
    }
    crowded_s = fitting_s = 0.0  # not all fit; a sum over those who do
    most = 0
    for start_s, end_s in pairwise([from_s, *sorted(inside), to_s]):
        one = recording.configuration_at(scenario, start_s)
        wanting = [index for index, log in enumerate(recording.points) if _is_wanting(log, start_s)]
        most = max(most, len(wanting))
        fitting = _fitting(one, recording, start_s, wanting)
        if fitting < len(wanting):
            crowded_s += end_s - start_s
            fitting_s += fitting * (end_s - start_s)
    return _turns(most, crowded_s, fitting_s) * _turn_s(scenario) + SLACK_S


def _turns(most: int, crowded_s: float, fitting_s: float) -> float:
    """Return how many turns of others one may have to wait for."""
    if not crowded_s:
        return 0
    return math.ceil(most * crowded_s / fitting_s - 1e-9) - 1 if fitting_s else math.inf


def _turn_s(scenario: Scenario) -> float:
    return float(scenario.settings.get("rotation_s", TURN_S))


def _fitting(scenario: Scenario, recording: Recording, at_s: float, wanting: list[int]) -> int:
    """Return how many minima fit at a moment."""
    rooms = [available_ma(scenario, base.at(at_s)) for base in recording.base]
    logs, count = recording.points, 0
    for index in sorted(wanting, key=lambda index: len(logs[index].used.at(at_s))):
        phases, need_ma = logs[index].used.at(at_s), scenario.points[index].minimum_ma
        if all(rooms[phase] >= need_ma for phase in phases):
            count += 1
            for phase in phases:
                rooms[phase] -= need_ma
    return count
