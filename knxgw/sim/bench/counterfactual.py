"""What of an overload the controller caused.

*Counted* are the decisions to give more (a limit raised, a vehicle started, a limit left waiting where
a vehicle was plugged in) since the last telegram that had arrived and showed the phase within the
limit, and those that were still in flight then: told, and not drawn yet. What the line carried above
the limit and would not have carried without any of them is what they had a part in, `part_as`.
Whatever was lowered stays lowered.

That takes in what nobody can know: a raise that was right by all that was told, and a building that
takes more before the meter tells it. So each counted decision answers for what it added itself, as
far as that was too much by what was known when it was taken: with a building that draws no more than
the highest load the meter had told within the window of the peak-hold, with nobody raised later, and
no vehicle that takes more by its own wish later, or so shortly before that nobody could have read it. The sum of that is `caused_as`. Nothing is excused
to one who raises on values that are too old.
Source: load-management 22.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from knxgw.sim.bench.curve import Curve
from knxgw.sim.bench.decisions import Given, More, all_given, first_counted, without
from knxgw.sim.bench.knowledge import Knowledge
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import Scenario

Signed = list[tuple[Curve, int]]  # curves to be added, with their signs
LEAST_MAS = 1e-3  # less is how numbers are rounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """A time in which a phase carried more than a limit, and since when decisions count."""

    counts_since: float
    begins_at: float
    ends_at: float
    phase: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """What of an excess one decision caused."""

    decided_at: float
    building_ma: float  # the most the building was known to draw; infinite: nobody knew
    caused_as: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Caused:
    """What of an excess the controller caused."""

    excess: Excess
    part_as: float  # would not be there without the counted decisions [A·s]
    blames: tuple[Blame, ...]

    @property
    def caused_as(self) -> float:
        """Return what was wrong by what was known [A·s]."""
        return sum(one.caused_as for one in self.blames)


def controller_caused_as(scenario: Scenario, recording: Recording, limit_ma: float) -> float:
    """Return the excess above a limit that the controller caused, of all phases [A·s]."""
    return sum(one.caused_as for one in controller_caused(scenario, recording, limit_ma))


def controller_caused(scenario: Scenario, recording: Recording, limit_ma: float) -> list[Caused]:
    """Return each excess above a limit that decisions to give more had a part in, in order of time."""
    points = [
        all_given(model, log) for model, log in zip(scenario.points, recording.points, strict=True)
    ]
    found = []
    for phase in range(len(recording.load)):
        knowledge = Knowledge(scenario, recording, phase)
        for start_s, end_s in recording.load[phase].above(limit_ma, 0.0, recording.ended_at):
            since_s = knowledge.within_limit_at(start_s)
            excess = Excess(counts_since=since_s, begins_at=start_s, ends_at=end_s, phase=phase)
            case = _Case(recording, points, excess)
            if (caused := case.caused(knowledge, limit_ma)) is not None:
                found.append(caused)
    return sorted(found, key=lambda one: (one.excess.begins_at, one.excess.phase))


class _Case:
    """One excess, and which decisions had a part in it."""

    def __init__(
        self, recording: Recording, points: Sequence[Sequence[Given]], excess: Excess
    ) -> None:
        self._excess, self._logs, self._points = excess, recording.points, points
        times = (excess.begins_at, excess.ends_at)
        self._load = recording.load[excess.phase].between(*times)
        self._base = recording.base[excess.phase].between(*times)
        firsts = [first_counted(given, excess.counts_since, excess.ends_at) for given in points]
        self._firsts = {index: one for index, one in enumerate(firsts) if one is not None}
        self._actual = {index: self._actual_draw(index) for index in range(len(points))}

    def caused(self, knowledge: Knowledge, limit_ma: float) -> Caused | None:
        """Return what was caused; None: no decision had a part in it."""
        decisions = self._decisions()
        if not decisions:
            return None
        less: Signed = [
            (self._draw(index, one, wishes=True), -1) for index, one in self._firsts.items()
        ]
        given: Signed = [(self._actual[index], 1) for index in self._firsts]
        part = self._lower_area([(self._load, 1)], limit_ma, [*given, *less])
        if part < LEAST_MAS:
            return None
        blames = (
            self._blame(at_s, knowledge, limit_ma, starts=starts) for at_s, starts in decisions
        )
        return Caused(
            excess=self._excess,
            part_as=part / 1000,
            blames=tuple(one for one in blames if one.caused_as > LEAST_MAS / 1000),
        )

    def _decisions(self) -> list[tuple[float, bool]]:
        """Return when something that counts was decided, and whether it only started somebody."""
        found: dict[float, bool] = {}
        for index, first in self._firsts.items():
            for one in self._points[index]:
                if (
                    not first.reached_at <= one.reached_at <= self._excess.ends_at
                    or one.kind is More.OWN
                ):
                    continue
                if self._excess.phase in one.phases:
                    starts = one.kind is More.STANDING or one.before.vehicle.offered_ma == 0
                    found[one.decided_at] = starts and found.get(one.decided_at, True)
        return sorted(found.items())

    def _blame(
        self, decided_at: float, knowledge: Knowledge, limit_ma: float, *, starts: bool
    ) -> Blame:
        """Return what a decision added that was too much by what was known then."""
        known_ma = knowledge.building_ma(decided_at, starts=starts)
        line: Signed = [(self._load, 1), (self._unknown(known_ma), -1)]
        added: Signed = []
        for index, given in enumerate(self._points):
            own = _given_after(given, decided_at, self._excess.ends_at, and_then=True)
            if own is None:
                continue  # nothing was given then or later
            later = _given_after(given, decided_at, self._excess.ends_at, and_then=False)
            with_it = self._actual[index] if later is None else self._draw(index, later)
            line += [(with_it, 1), (self._actual[index], -1)]
            if own is not later:
                added += [(with_it, 1), (self._draw(index, own), -1)]
        area = self._lower_area(line, limit_ma, added)
        return Blame(decided_at=decided_at, building_ma=known_ma, caused_as=area / 1000)

    def _unknown(self, known_ma: float) -> Curve:
        """Return by how much the building drew more than was known."""
        values = [max(0.0, value - known_ma) for value in self._base.values]
        result = Curve(self._base.times[0], values[0])
        for at_s, value in zip(self._base.times, values, strict=True):
            result.add(at_s, value, 0.0)
        return result

    def _draw(self, index: int, given: Given, *, wishes: bool = False) -> Curve:
        """Return what a vehicle had drawn of the phase without something it was given."""
        excess = self._excess
        curve = without(given, excess.phase, excess.ends_at, wishes=wishes)
        if given.reached_at <= excess.begins_at:
            return curve
        actual = self._actual[index]
        before = Curve(excess.begins_at, 0.0)
        for part in (actual, curve):
            until_s = given.reached_at if part is actual else excess.ends_at
            for at_s, value, slope in zip(part.times, part.values, part.slopes, strict=True):
                if at_s < until_s:
                    before.add(at_s, value, slope)
        return before

    def _actual_draw(self, index: int) -> Curve:
        """Return what a vehicle drew of the phase."""
        log, (start_s, end_s) = self._logs[index], (self._excess.begins_at, self._excess.ends_at)
        draw = log.draw.between(start_s, end_s)
        moments = {start_s, *draw.times, *(at_s for at_s, _ in log.used.changes(start_s, end_s))}
        result = Curve(start_s, 0.0)
        for at_s in sorted(at_s for at_s in moments if at_s >= start_s):
            uses = self._excess.phase in log.used.at(at_s)
            result.add(at_s, draw.at(at_s) if uses else 0.0, _slope(draw, at_s) if uses else 0.0)
        return result

    def _lower_area(self, line: Signed, limit_ma: float, added: Signed) -> float:
        """Return the area where a line is above the limit, as far as something was added."""
        start_s, end_s = self._excess.begins_at, self._excess.ends_at
        moments = {start_s, end_s}
        for curve, _ in (*line, *added):
            moments |= {at_s for at_s in curve.times if start_s < at_s < end_s}
        total = 0.0
        for from_s, to_s in pairwise(sorted(moments)):
            over_ma, over_slope = _sum(line, from_s)
            total += _area_of_lower(
                (over_ma - limit_ma, over_slope), _sum(added, from_s), to_s - from_s
            )
        return total


def _given_after(
    given: Iterable[Given], decided_at: float, until_s: float, *, and_then: bool
) -> Given | None:
    """Return the first time a vehicle was given more after a decision, or by that itself."""
    for one in given:
        if one.reached_at > until_s:
            return None
        by_it = and_then and one.decided_at == decided_at and one.kind is not More.OWN
        if one.decided_at > decided_at or by_it:
            return one
    return None


def _sum(curves: Signed, at_s: float) -> tuple[float, float]:
    """Return value and slope of a sum."""
    values = [(sign * curve.at(at_s), sign * _slope(curve, at_s)) for curve, sign in curves]
    return sum(value for value, _ in values), sum(slope for _, slope in values)


def _slope(curve: Curve, at_s: float) -> float:
    return curve.slopes[max(0, bisect_right(curve.times, at_s) - 1)]


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
