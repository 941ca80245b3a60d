"""What the line would have carried had the gateway left every setpoint as it was.

An excess counts as caused by the controller as far as it would not have occurred had the setpoints
stayed unchanged since the last meter sample at which the line was within the limit.
Source: load management specification, section 22.
"""

from bisect import bisect_right
from itertools import pairwise

from knxgw.sim.bench.curve import Curve
from knxgw.sim.bench.recording import PointLog, Recording
from knxgw.sim.bench.scenario import PointModel, Scenario
from knxgw.sim.bench.vehicle import Vehicle


def controller_caused_as(scenario: Scenario, recording: Recording, limit_ma: float) -> float:
    """Return the excess above a limit that the controller caused, of all phases [A·s]."""
    total = 0.0
    for phase, load in enumerate(recording.load):
        for start_s, end_s in load.above(limit_ma, 0.0, recording.end_s):
            frozen_s = _last_good_sample(recording, phase, limit_ma, start_s)
            other = _without_changes(scenario, recording, phase, (frozen_s, start_s, end_s))
            total += _caused(load, other, limit_ma, (start_s, end_s))
    return total / 1000


def _last_good_sample(recording: Recording, phase: int, limit_ma: float, before_s: float) -> float:
    """Return the last moment at which the meter saw the line within the limit."""
    index = bisect_right(recording.samples, before_s) - 1
    while index >= 0:
        at_s = recording.samples[index]
        if recording.load[phase].at(at_s) <= limit_ma:
            return at_s
        index -= 1
    return recording.start_s


def _without_changes(
    scenario: Scenario, recording: Recording, phase: int, times: tuple[float, float, float]
) -> Curve:
    """Return what the phase would have carried with the setpoints of `times[0]`."""
    frozen_s, start_s, end_s = times
    parts = [recording.base[phase]]
    for model, log in zip(scenario.points, recording.points, strict=True):
        parts.append(_draw(model, log, phase, frozen_s, end_s))
    moments = {start_s} | {at_s for part in parts for at_s in part.times if start_s < at_s < end_s}
    result = Curve(start_s, 0.0)
    for at_s in sorted(moments):
        result.add(at_s, sum(part.at(at_s) for part in parts), sum(_slope(p, at_s) for p in parts))
    return result


def _slope(curve: Curve, at_s: float) -> float:
    return curve.slopes[max(0, bisect_right(curve.times, at_s) - 1)]


def _draw(model: PointModel, log: PointLog, phase: int, frozen_s: float, end_s: float) -> Curve:
    """Return what a vehicle would have drawn of a phase; commands after `frozen_s` are left out."""
    vehicle = Vehicle(model=model.car)
    curve = Curve(log.draw.times[0], 0.0)
    limit_ma = 0
    for at_s, word, value, decided_s in log.inputs:
        if at_s > end_s:
            break
        _follow(vehicle, curve, phase, model, at_s)
        if word == "limit":
            if decided_s <= frozen_s:
                limit_ma = value
                vehicle.offer(at_s, value)
        else:
            _tell(vehicle, word, value, at_s, limit_ma)
        _note(vehicle, curve, phase, model, at_s)
    _follow(vehicle, curve, phase, model, end_s)
    return curve


def _tell(vehicle: Vehicle, word: str, value: int, at_s: float, limit_ma: int) -> None:
    if word == "plug":
        vehicle.plug(at_s, limit_ma)
    elif word == "unplug":
        vehicle.unplug(at_s)
    else:
        is_maximum = word == "maximum"
        vehicle.can_use(
            at_s, maximum_ma=value if is_maximum else None, phases=None if is_maximum else value
        )


def _follow(vehicle: Vehicle, curve: Curve, phase: int, model: PointModel, to_s: float) -> None:
    """Let the vehicle go on until a moment."""
    while vehicle.next_s <= to_s:
        at_s = vehicle.next_s
        vehicle.advance(at_s)
        _note(vehicle, curve, phase, model, at_s)


def _note(vehicle: Vehicle, curve: Curve, phase: int, model: PointModel, at_s: float) -> None:
    uses = vehicle.plugged and phase in model.wired[: vehicle.phases]
    if uses:
        curve.add(at_s, vehicle.draw_ma(at_s), vehicle.slope)
    else:
        curve.add(at_s, 0.0, 0.0)


def _caused(load: Curve, other: Curve, limit_ma: float, times: tuple[float, float]) -> float:
    """Return the area by which the load is above both the limit and what it would have been."""
    start_s, end_s = times
    moments = {start_s, end_s}
    for curve in (load, other):
        moments |= {at_s for at_s in curve.times if start_s < at_s < end_s}
    ordered = sorted(moments)
    total = 0.0
    for from_s, to_s in pairwise(ordered):
        slope, other_slope = _slope(load, from_s), _slope(other, from_s)
        excess = (load.at(from_s) - limit_ma, slope)
        added = (load.at(from_s) - other.at(from_s), slope - other_slope)
        total += _area_of_lower(excess, added, to_s - from_s)
    return total


def _area_of_lower(one: tuple[float, float], two: tuple[float, float], length_s: float) -> float:
    """Return the area below the lower of two straight lines (value, slope), where it is positive."""
    cuts = [0.0, length_s]
    if one[1] != two[1]:
        cuts.append((two[0] - one[0]) / (one[1] - two[1]))
    inside = sorted(cut for cut in cuts if 0.0 <= cut <= length_s)
    total = 0.0
    for from_s, to_s in pairwise(inside):
        first = min(one[0] + one[1] * from_s, two[0] + two[1] * from_s)
        last = min(one[0] + one[1] * to_s, two[0] + two[1] * to_s)
        total += _positive_area(first, last, to_s - from_s)
    return total


def _positive_area(first: float, last: float, length_s: float) -> float:
    if first <= 0 and last <= 0:
        return 0.0
    if first >= 0 and last >= 0:
        return (first + last) / 2 * length_s
    highest = max(first, last)
    return highest / 2 * length_s * highest / abs(last - first)
