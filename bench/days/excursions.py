"""How long a line may be above a limit, and how much longer it was. Currents are mA, times s.

Source: load-management 22 (minima feasible), 24 (last lines: not).
The specification counts 5 s for a vehicle to obey and 3 s to stop. The vehicles of a day at random
may take longer: their own delay and slope are taken instead where these are longer. With faults, one
lost telegram and one repeated write may be added.
"""

from bisect import bisect_left, bisect_right

from knxgw.dlm.settings import Settings
from knxgw.sim.bench.invariants import REPEAT_S
from knxgw.sim.bench.metrics import EXCURSION_FROM_MA
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import (
    CarModel,
    CarMoved,
    ChargerReboots,
    ChargerTroubled,
    Scenario,
    Trouble,
)

OBEYS_S, STOPS_S = 5.0, 3.0
CYCLE_S = 1.0
STEP_MA = 500  # a rise of the building by more than this begins the time again
Times = tuple[float, float]
DEAF = (Trouble.IGNORES, Trouble.REFUSES)
DEFAULTS = Settings(fuse_ma=50_000)


def worst_overrun_s(scenario: Scenario, recording: Recording, limit_ma: float) -> float:
    """Return by how much the worst excursion above a limit is too long; 0: none is."""
    answers = _Answers(scenario, recording, limit_ma)
    return max((answers.worst_overrun_s(phase) for phase in range(len(recording.load))), default=0)


class _Answers:
    """How soon the gateway could answer what happened in a run."""

    def __init__(self, scenario: Scenario, recording: Recording, limit_ma: float) -> None:
        self._scenario = scenario
        self._recording = recording
        self._limit_ma = limit_ma
        moves = [one.car for one in scenario.happenings if isinstance(one, CarMoved)]
        self._cars = [point.car for point in scenario.points] + [car for car in moves if car]
        self._deaf = _deaf(scenario)

    def worst_overrun_s(self, phase: int) -> float:
        """Return by how much the worst excursion of a phase is too long."""
        worst_s = 0.0
        rises = self._rises(phase)
        load, end_s = self._recording.load[phase], self._recording.ended_at
        for times in load.above(self._limit_ma + EXCURSION_FROM_MA, 0.0, end_s):
            inside = rises[bisect_right(rises, times[0]) : bisect_left(rises, times[1])]
            helpless_s = self._helpless_until_s(phase, times)
            since_s = self._heard_s(max([times[0], *inside, helpless_s]))
            worst_s = max(worst_s, times[1] - since_s - self._allowed_s(phase, times))
        return worst_s

    def _rises(self, phase: int) -> list[float]:
        """Return when the building took clearly more, or a charger forgot what it was told."""
        recording, base = self._recording, self._recording.base[phase]
        rises = [
            at_s
            for at_s in recording.base_changes
            if base.at(at_s) - base.at(at_s - 1e-6) > STEP_MA
        ]
        reboots = [
            one.happens_at
            for one in self._scenario.happenings
            if isinstance(one, ChargerReboots)
            and phase in recording.points[one.point - 1].used.at(one.happens_at)
        ]
        return sorted(rises + reboots)

    def _helpless_until_s(self, phase: int, times: Times) -> float:
        """Return until when the building and those who can be told nothing are too much alone."""
        start_s, end_s = times
        held_ma, back_s = 0.0, start_s
        for index, log in enumerate(self._recording.points):
            if phase not in log.used.at(start_s):
                continue
            until_s = [
                to_s
                for from_s, to_s in self._deaf.get(index, ())
                if from_s <= end_s and start_s < to_s
            ]
            if not log.reached.at(start_s):
                returns = [at_s for at_s, reached in log.reached.changes(start_s, end_s) if reached]
                until_s.append(min(returns, default=end_s))
            if until_s:
                held_ma += log.draw.highest(start_s, end_s)
                back_s = max(back_s, *until_s)
        alone_ma = self._recording.base[phase].highest(start_s, end_s) + held_ma
        return back_s if alone_ma > self._limit_ma else start_s

    def _heard_s(self, since_s: float) -> float:
        """Return from when on the meter could tell it: not before its silence is over."""
        meter = self._scenario.meter
        for lost in sorted(meter.lost, key=lambda one: one.begins_at):
            first_s = lost.begins_at - meter.sample_s - meter.longest_delay_s
            if lost.late_s is None and first_s <= since_s <= lost.ends_at:
                since_s = lost.ends_at
        return since_s

    def _allowed_s(self, phase: int, times: Times) -> float:
        """Return how long the line may be above the limit after a rise of the building."""
        meter = self._scenario.meter
        reported_by_s = meter.sample_s + meter.longest_delay_s + CYCLE_S
        if self._scenario.disturbance is not None:
            reported_by_s += meter.sample_s + REPEAT_S
        obeys_s, stops_s = self._slowest_s()
        if self._minima_fit(phase, times):
            return reported_by_s + obeys_s
        is_fuse = self._limit_ma >= self._scenario.connection.fuse_ma
        confirm_s = DEFAULTS.overcurrent_fuse_s if is_fuse else DEFAULTS.overcurrent_limit_s
        return reported_by_s + obeys_s + confirm_s + stops_s

    def _minima_fit(self, phase: int, times: Times) -> bool:
        """Tell whether the minima of those who charge fit beside the building all the time.

        A vehicle that draws more than it is told has a higher minimum.
        """
        start_s, end_s = times
        held_ma, overdraw_ma = 0.0, max(car.overdraw_ma for car in self._cars)
        for model, log in zip(self._scenario.points, self._recording.points, strict=True):
            if phase not in log.used.at(start_s):
                continue
            if not log.reached.at(start_s):
                held_ma += log.draw.at(start_s)
            elif log.offers.before(start_s) > 0 or log.offers.changes(start_s, end_s):
                held_ma += model.minimum_ma + overdraw_ma  # also of one just admitted
        highest_ma = self._recording.base[phase].highest(start_s, end_s)
        return highest_ma + held_ma <= self._scenario.connection.limit_ma

    def _slowest_s(self) -> tuple[float, float]:
        """Return how long the slowest vehicle takes to obey and to stop."""
        points, cars = self._scenario.points, self._cars
        latency_s = max(point.latency_s for point in points)
        minimum_ma = min(point.minimum_ma for point in points)
        obeys_s = max(latency_s + car.delay_s + _fall_s(car, minimum_ma) for car in cars)
        stops_s = max(latency_s + car.delay_s + minimum_ma / car.fall_ma_per_s for car in cars)
        return max(OBEYS_S, obeys_s), max(STOPS_S, stops_s)


def _deaf(scenario: Scenario) -> dict[int, list[Times]]:
    """Return when chargers (by index) can be reached and do nothing of what they are told."""
    found: dict[int, list[Times]] = {}
    for one in scenario.happenings:
        if isinstance(one, ChargerTroubled) and one.trouble in DEAF and one.holds_until is not None:
            found.setdefault(one.point - 1, []).append((one.happens_at, one.holds_until))
    return found


def _fall_s(car: CarModel, to_ma: int) -> float:
    return max(0, car.maximum_ma - to_ma) / car.fall_ma_per_s
