"""What the line would have carried had the gateway left every setpoint as it was.

An excess counts as caused by the controller as far as it would not have occurred had the setpoints
stayed unchanged since the last meter sample at which the line was within the limit.

That takes in what nobody can know: a raise that was right by every sample the gateway had, and a
building that takes more before the next one. So each excess also says what is left of it when the
building is taken as the gateway knew it at its last raise, `foreseeable_as`: that is its own fault.
Source: load management specification, section 22.
"""

from bisect import bisect_right
from copy import copy
from dataclasses import dataclass
from itertools import pairwise

from knxgw.dlm.settings import PEAK_HOLD_S
from knxgw.sim.bench.curve import Curve
from knxgw.sim.bench.recording import PointLog, Recording
from knxgw.sim.bench.scenario import PointModel, Scenario
from knxgw.sim.bench.vehicle import Input, Vehicle

LEAST_MAS = 1e-3  # less is how numbers are rounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """A time in which a phase carried more than a limit, and from when on nothing is changed."""

    frozen_s: float
    start_s: float
    end_s: float
    phase: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caused:
    """What of an excess the controller caused."""

    excess: Excess
    caused_as: float  # [A·s]
    foreseeable_as: float  # of it, with the building as it was known [A·s]


def controller_caused_as(scenario: Scenario, recording: Recording, limit_ma: float) -> float:
    """Return the excess above a limit that the controller caused, of all phases [A·s]."""
    return sum(one.caused_as for one in controller_caused(scenario, recording, limit_ma))


def controller_caused(scenario: Scenario, recording: Recording, limit_ma: float) -> list[Caused]:
    """Return each excess above a limit that the controller had a part in, in order of time."""
    decided = sorted(
        decided_s
        for log in recording.points
        for _, word, _, decided_s in log.inputs
        if word is Input.LIMIT
    )
    raised = [
        sorted(at_s for log in recording.points for at_s in _raises(log, phase))
        for phase in range(len(recording.load))
    ]
    replays = [
        _Replay(model, log) for model, log in zip(scenario.points, recording.points, strict=True)
    ]
    found = []
    for one in sorted(_excesses(recording, limit_ma), key=lambda one: one.frozen_s):
        if bisect_right(decided, one.frozen_s) == bisect_right(decided, one.end_s):
            continue  # nothing was changed in the meantime
        other = _without_changes(recording, replays, one)
        load, times = recording.load[one.phase], (one.start_s, one.end_s)
        area = _caused(load, load, other, limit_ma, times)
        if area < LEAST_MAS:
            continue
        known_ma = _known_ma(scenario, recording, one, raised[one.phase])
        as_known = _with_building_at_most(recording, one, known_ma)
        own = _caused(as_known, load, other, limit_ma, times)
        found.append(Caused(excess=one, caused_as=area / 1000, foreseeable_as=own / 1000))
    return found


def _raises(log: PointLog, phase: int) -> list[float]:
    """Return when the raises of a charging point were decided that the phase felt.

    Of commands that arrive at the same moment only the last one is felt.
    """
    limits = {
        at_s: (value, sent_s) for at_s, word, value, sent_s in log.inputs if word is Input.LIMIT
    }
    return [
        sent_s
        for (before, _), (value, sent_s) in pairwise([(0, 0.0), *limits.values()])
        if value > before and phase in log.used.at(sent_s)
    ]


def _known_ma(
    scenario: Scenario, recording: Recording, excess: Excess, raised: list[float]
) -> float:
    """Return the highest load of the building the meter had told in a while at the last raise."""
    index = bisect_right(raised, excess.end_s) - 1
    raised_s = raised[index] if index >= 0 else excess.frozen_s
    meter = scenario.meter
    last_s = raised_s - meter.longest_delay_s  # what was sampled later had not been told yet
    first_s = last_s - max(PEAK_HOLD_S, 1.5 * meter.sample_s)
    samples = recording.samples
    seen = samples[bisect_right(samples, first_s) : bisect_right(samples, last_s)]
    return max((recording.base[excess.phase].at(at_s) for at_s in seen), default=0.0)


def _with_building_at_most(recording: Recording, excess: Excess, known_ma: float) -> Curve:
    """Return the load without what the building took more than was known."""
    phase, start_s, end_s = excess.phase, excess.start_s, excess.end_s
    load = recording.load[phase].between(start_s, end_s)
    base = recording.base[phase].between(start_s, end_s)
    result = Curve(load.times[0], load.values[0])
    for at_s in sorted({*load.times, *(at_s for at_s in base.times if at_s > load.times[0])}):
        unknown_ma = max(0.0, base.at(at_s) - known_ma)
        result.add(at_s, load.at(at_s) - unknown_ma, _slope(load, at_s))
    return result


def _excesses(recording: Recording, limit_ma: float) -> list[Excess]:
    return [
        Excess(
            frozen_s=_last_good_sample(recording, phase, limit_ma, start_s),
            start_s=start_s,
            end_s=end_s,
            phase=phase,
        )
        for phase, load in enumerate(recording.load)
        for start_s, end_s in load.above(limit_ma, 0.0, recording.end_s)
    ]


def _last_good_sample(recording: Recording, phase: int, limit_ma: float, before_s: float) -> float:
    """Return the last moment at which the meter saw the line within the limit."""
    index = bisect_right(recording.samples, before_s) - 1
    while index >= 0:
        at_s = recording.samples[index]
        if recording.load[phase].at(at_s) <= limit_ma:
            return at_s
        index -= 1
    return recording.start_s


def _without_changes(recording: Recording, replays: list["_Replay"], excess: Excess) -> Curve:
    """Return what the phase would have carried with the setpoints of `frozen_s`."""
    start_s, end_s = excess.start_s, excess.end_s
    parts = [recording.base[excess.phase].between(excess.frozen_s, end_s)]
    parts += [replay.frozen(excess) for replay in replays]
    moments = {start_s} | {at_s for part in parts for at_s in part.times if start_s < at_s < end_s}
    result = Curve(start_s, 0.0)
    for at_s in sorted(moments):
        result.add(at_s, sum(part.at(at_s) for part in parts), sum(_slope(p, at_s) for p in parts))
    return result


def _slope(curve: Curve, at_s: float) -> float:
    return curve.slopes[max(0, bisect_right(curve.times, at_s) - 1)]


class _Replay:
    """A vehicle that lives through its inputs once more; it only goes forward in time."""

    def __init__(self, model: PointModel, log: PointLog) -> None:
        self._model, self._log = model, log
        self._vehicle = Vehicle(model=model.car)
        self._next = 0  # input
        self._cars = 0  # that were plugged in

    def frozen(self, excess: Excess) -> Curve:
        """Return what it would have drawn of a phase without the commands after `frozen_s`."""
        self._advance(excess.frozen_s)
        return copy(self).ahead(excess)

    def __copy__(self) -> "_Replay":
        """Return one that can go ahead without this one."""
        other = _Replay.__new__(_Replay)
        other.__dict__.update(self.__dict__, _vehicle=copy(self._vehicle))
        other.__dict__["_vehicle"].pending = list(self._vehicle.pending)
        return other

    def _advance(self, to_s: float) -> None:
        inputs = self._log.inputs
        while self._next < len(inputs) and inputs[self._next][0] <= to_s:
            self._vehicle.advance(inputs[self._next][0])
            self._take()
        self._vehicle.advance(to_s)

    def _take(self) -> None:
        """Take the next input."""
        at_s, what, value, _ = self._log.inputs[self._next]
        self._next += 1
        if what is Input.PLUG:
            cars = self._log.cars
            self._vehicle.model = cars[self._cars] if cars else self._vehicle.model
            self._cars += 1
        self._vehicle.take(at_s, what, value)

    def ahead(self, excess: Excess) -> Curve:
        """Go on to the end of the excess without new commands."""
        curve = Curve(excess.frozen_s, 0.0)
        self._note(curve, excess.phase, excess.frozen_s)
        inputs = self._log.inputs
        while self._next < len(inputs) and inputs[self._next][0] <= excess.end_s:
            at_s, word, _, decided_s = inputs[self._next]
            self._follow(curve, excess.phase, at_s)
            if word is Input.LIMIT and decided_s > excess.frozen_s:
                self._next += 1
                continue
            self._take()
            self._note(curve, excess.phase, at_s)
        self._follow(curve, excess.phase, excess.end_s)
        return curve

    def _follow(self, curve: Curve, phase: int, to_s: float) -> None:
        """Let the vehicle go on until a moment."""
        while self._vehicle.next_s <= to_s:
            at_s = self._vehicle.next_s
            self._vehicle.advance(at_s)
            self._note(curve, phase, at_s)

    def _note(self, curve: Curve, phase: int, at_s: float) -> None:
        vehicle = self._vehicle
        uses = vehicle.plugged and phase in self._model.wired[: vehicle.phases]
        if uses:
            curve.add(at_s, vehicle.draw_ma(at_s), vehicle.slope)
        else:
            curve.add(at_s, 0.0, 0.0)


def _caused(
    line: Curve, load: Curve, other: Curve, limit_ma: float, times: tuple[float, float]
) -> float:
    """Return the area where `line` is above the limit, as far as `load` is above what it would be."""
    start_s, end_s = times
    line, load, other = (curve.between(start_s, end_s) for curve in (line, load, other))
    moments = {start_s, end_s}
    for curve in (line, load, other):
        moments |= {at_s for at_s in curve.times if start_s < at_s < end_s}
    total = 0.0
    for from_s, to_s in pairwise(sorted(moments)):
        excess = (line.at(from_s) - limit_ma, _slope(line, from_s))
        added = (
            load.at(from_s) - other.at(from_s),
            _slope(load, from_s) - _slope(other, from_s),
        )
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
