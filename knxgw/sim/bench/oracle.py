"""What an all-knowing allocation without ramps would have given: the yardstick of utilisation.

It applies solve() to the true base load at every moment, with the true limits of the vehicles, and
can do no more than the plant can: a charger that cannot be reached keeps what its vehicle draws, one
that takes whole amperes is told whole amperes. It needs no time: no ramp, no delay, no wait.

Where not all minima fit, *possible* is what is given when those the run itself served at that moment are
admitted first, then the others by their number: it is judged how well the current is used, not who
waits. *Fair* is what is given when those are admitted first who had the least since they were plugged
in, for each moment from scratch: by that it is judged who waits.
Source: load-management 22. Currents are mA per phase, times s.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from knxgw.config.model import SMART_METER_7012_MA
from knxgw.dlm.allocation import (
    FINE_MA,
    AllocationRequest,
    mains_constraints,
    room_by_mains_phase,
    rounded,
    solve,
)
from knxgw.sim.bench.recording import PointLog, Recording
from knxgw.sim.bench.scenario import PointModel, Scenario
from knxgw.sim.bench.telegrams import TYPES

TURN_S = 10.0  # a fair oracle lets them take turns as short as this


@dataclass(frozen=True, slots=True, kw_only=True)
class Ideal:
    """What each charging point would have been given [A·s of all phases]."""

    possible_as: list[float]
    fair_as: list[float]


def oracle_as(scenario: Scenario, recording: Recording, from_s: float, to_s: float) -> float:
    """Return what all charging points together would have been given [A·s of all phases]."""
    return sum(ideal(scenario, recording, from_s, to_s).possible_as)


def ideal(scenario: Scenario, recording: Recording, from_s: float, to_s: float) -> Ideal:
    """Return what the charging points would have been given."""
    possible, fair = ([0.0] * len(recording.points) for _ in range(2))
    stays = [0.0] * len(recording.points)  # what each had, fairly, since it was plugged in
    for start_s, end_s in pairwise(_moments(recording, from_s, to_s)):
        moment = _Moment(recording.configuration_at(scenario, start_s), recording, start_s)
        given = moment.given(_served_first(recording, start_s))
        for index, log in enumerate(recording.points):
            if not log.used.at(start_s):
                stays[index] = 0.0
        _add(possible, given, end_s - start_s)
        left_s = end_s - start_s
        while left_s > 0:
            turn_s = min(left_s, TURN_S) if moment.is_crowded else left_s
            turns = moment.given(moment.least_first(stays)) if moment.is_crowded else given
            _add(fair, turns, turn_s)
            _add(stays, turns, turn_s)
            left_s -= turn_s
        for index in moment.held:
            held_as = _held_as(recording.points[index], start_s, end_s)
            for total in (possible, fair, stays):
                total[index] += held_as
    return Ideal(possible_as=possible, fair_as=fair)


def _add(total: list[float], given: dict[int, int], length_s: float) -> None:
    for index, current_ma in given.items():
        total[index] += current_ma * length_s / 1000


def _moments(recording: Recording, from_s: float, to_s: float) -> list[float]:
    """Return when anything that decides what is possible changes."""
    lines: list[Sequence[float]] = [curve.times for curve in recording.base]
    for log in recording.points:
        lines += [log.used.times, log.can_use.times, log.reached.times, _turns(log)]
        lines.append(list(_moves_while_unreachable(log)))
    lines.append([at_s for at_s, _ in recording.configured])
    inside = {
        at_s
        for line in lines
        for at_s in line[bisect_right(line, from_s) :]
        if from_s < at_s < to_s
    }
    return [from_s, *sorted(inside), to_s]


def _turns(log: PointLog) -> list[float]:
    """Return when a charging point got current or lost it."""
    offers = zip(log.offers.times, log.offers.values, strict=True)
    return [at_s for (_, one), (at_s, two) in pairwise(offers) if (one > 0) != (two > 0)]


def _moves_while_unreachable(log: PointLog) -> Iterable[float]:
    """Give when the draw of a vehicle changed whose charger could not be reached, in order."""
    if len(log.reached.times) > 1:
        yield from (at_s for at_s in log.draw.times if not log.reached.at(at_s))


def _served_first(recording: Recording, at_s: float) -> list[int]:
    """Return in which order they are admitted: first whom the run served."""
    waits = [log.offers.at(at_s) == 0 for log in recording.points]
    return sorted(range(len(waits)), key=waits.__getitem__)


def _held_as(log: PointLog, from_s: float, to_s: float) -> float:
    """Return what a vehicle drew on all phases whose charger could not be told anything."""
    return len(log.used.at(from_s)) * log.draw.integral(from_s, to_s) / 1000


class _Moment:
    """The plant at a moment: what there is, who wants, and who keeps what it has."""

    def __init__(self, scenario: Scenario, recording: Recording, at_s: float) -> None:
        self._scenario = scenario
        self._available = [available_ma(scenario, base.at(at_s)) for base in recording.base]
        self.wanting: dict[int, tuple[tuple[int, ...], int]] = {}  # phases, what it can use
        self.held: list[int] = []
        for index, log in enumerate(recording.points):
            used, maximum_ma = log.used.at(at_s), log.can_use.at(at_s)
            if not used or not maximum_ma:
                continue
            if log.reached.at(at_s):
                self.wanting[index] = used, maximum_ma
                continue
            self.held.append(index)
            for phase in used:
                self._available[phase] -= round(log.draw.at(at_s))
        self.is_crowded = False

    def given(self, order: Iterable[int]) -> dict[int, int]:
        """Return what each gets, on all its phases; they are admitted in an order [mA]."""
        room = list(self._available)
        shares: dict[int, AllocationRequest] = {}
        for index in order:
            if index not in self.wanting:
                continue
            model, (used, maximum_ma) = self._scenario.points[index], self.wanting[index]
            if any(room[phase] < model.minimum_ma for phase in used):
                self.is_crowded = True
                continue
            for phase in used:
                room[phase] -= model.minimum_ma
            shares[index] = _share(
                model, maximum_ma, used, first=index + 1 == self._scenario.connection.priority
            )
        given = _solved(self._available, list(shares.values())) if shares else []
        return {
            index: min(ma, self.wanting[index][1]) * len(share.constraints)
            for (index, share), ma in zip(shares.items(), given, strict=True)
        }

    def least_first(self, stays: list[float]) -> list[int]:
        """Return who wants, those first who had the least."""
        return sorted(self.wanting, key=lambda index: (stays[index], index))


def _solved(available: list[int], shares: list[AllocationRequest]) -> list[int]:
    """Return what everybody gets; where chargers take whole amperes, whole amperes."""
    room = room_by_mains_phase(available)
    exact = solve(room, shares)
    if any(share.resolution_ma > FINE_MA for share in shares):
        return rounded(room, shares, exact)
    return exact


def _share(
    model: PointModel, maximum_ma: int, used: tuple[int, ...], *, first: bool
) -> AllocationRequest:
    return AllocationRequest(
        minimum_ma=model.minimum_ma,
        cap_ma=max(model.minimum_ma, min(model.maximum_ma, maximum_ma)),
        constraints=mains_constraints(used),
        is_prioritised=first,
        resolution_ma=model.resolution_ma,
    )


def available_ma(scenario: Scenario, base_ma: float) -> int:
    """Return what there is for all chargers on a phase, beside what the building draws."""
    connection = scenario.connection
    limit_ma = connection.limit_ma
    if connection.load_management == "static":
        base_ma = 0.0  # nobody looks at it
    elif TYPES[scenario.meter.dpt].saturating:  # it has a limit of its own (load-management 3.1)
        limit_ma = min(limit_ma, SMART_METER_7012_MA)
    feeder_ma = limit_ma if connection.feeder_ma is None else connection.feeder_ma
    return round(min(limit_ma - base_ma, feeder_ma))
