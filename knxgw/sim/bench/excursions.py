"""How long a line may be above a limit, and how much longer it was. Currents are mA, times s.

Source: load management specification, sections 22 (minima feasible) and 24, last lines (not).
The specification counts 5 s for a vehicle to obey and 3 s to stop. The vehicles of a day at random
may take longer: their own delay and slope are taken instead where these are longer. With faults, one
lost telegram and one repeated write may be added.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

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
STEP_MA = 500  # a rise of the building by more than this begins the time anew
DEAF = (Trouble.IGNORES, Trouble.REFUSES)
DEFAULTS = Settings(fuse_ma=50_000)


def worst_overrun_s(scenario: Scenario, recording: Recording, limit_ma: float) -> float:
    """Return by how much the worst excursion above a limit is too long; 0: none is."""
    worst_s = 0.0
    deaf = _deaf(scenario)
    for phase, load in enumerate(recording.load):
        rises = _rises(scenario, recording, phase)
        for start_s, end_s in load.above(limit_ma + EXCURSION_FROM_MA, 0.0, recording.end_s):
            inside = rises[bisect_right(rises, start_s) : bisect_left(rises, end_s)]
            helpless_s = _helpless_until_s(recording, deaf, phase, (start_s, end_s), limit_ma)
            since_s = _heard_s(scenario, max([start_s, *inside, helpless_s]))
            allowed_s = _allowed_s(scenario, recording, phase, (start_s, end_s), limit_ma)
            worst_s = max(worst_s, end_s - since_s - allowed_s)
    return worst_s


def _rises(scenario: Scenario, recording: Recording, phase: int) -> list[float]:
    """Return when the building took clearly more, or a charger forgot what it was told."""
    base = recording.base[phase]
    rises = [
        at_s for at_s in recording.base_changes if base.at(at_s) - base.at(at_s - 1e-6) > STEP_MA
    ]
    reboots = [
        one.at_s
        for one in scenario.happenings
        if isinstance(one, ChargerReboots)
        and phase in recording.points[one.point - 1].used.at(one.at_s)
    ]
    return sorted(rises + reboots)


def _deaf(scenario: Scenario) -> dict[int, list[tuple[float, float]]]:
    """Return when chargers (by index) can be reached and do nothing of what they are told."""
    found: dict[int, list[tuple[float, float]]] = {}
    for one in scenario.happenings:
        if isinstance(one, ChargerTroubled) and one.trouble in DEAF and one.until_s is not None:
            found.setdefault(one.point - 1, []).append((one.at_s, one.until_s))
    return found


def _helpless_until_s(
    recording: Recording,
    deaf: Mapping[int, Sequence[tuple[float, float]]],
    phase: int,
    times: tuple[float, float],
    limit_ma: float,
) -> float:
    """Return until when the building and those who can be told nothing are too much by themselves."""
    start_s, end_s = times
    held_ma, back_s = 0.0, start_s
    for index, log in enumerate(recording.points):
        if phase not in log.used.at(start_s):
            continue
        until_s = [
            to_s for from_s, to_s in deaf.get(index, ()) if from_s <= end_s and start_s < to_s
        ]
        if not log.reached.at(start_s):
            returns = [at_s for at_s, reached in log.reached.changes(start_s, end_s) if reached]
            until_s.append(min(returns, default=end_s))
        if until_s:
            held_ma += log.draw.highest(start_s, end_s)
            back_s = max(back_s, *until_s)
    alone_ma = recording.base[phase].highest(start_s, end_s) + held_ma
    return back_s if alone_ma > limit_ma else start_s


def _heard_s(scenario: Scenario, since_s: float) -> float:
    """Return from when on the meter could tell it: not before its silence is over."""
    meter = scenario.meter
    for lost in sorted(meter.lost, key=lambda one: one.from_s):
        first_s = lost.from_s - meter.sample_s - meter.longest_delay_s
        if lost.late_s is None and first_s <= since_s <= lost.to_s:
            since_s = lost.to_s
    return since_s


def _allowed_s(
    scenario: Scenario,
    recording: Recording,
    phase: int,
    times: tuple[float, float],
    limit_ma: float,
) -> float:
    """Return how long the line may be above the limit after a rise of the building."""
    meter = scenario.meter
    told_s = meter.sample_s + meter.longest_delay_s + CYCLE_S
    if scenario.disturbance is not None:
        told_s += meter.sample_s + REPEAT_S
    obeys_s, stops_s = _slowest_s(scenario)
    if minima_fit(scenario, recording, phase, times):
        return told_s + obeys_s
    connection = scenario.connection
    is_fuse = limit_ma >= connection.fuse_ma
    confirm_s = DEFAULTS.overcurrent_fuse_s if is_fuse else DEFAULTS.overcurrent_limit_s
    return told_s + obeys_s + confirm_s + stops_s


def minima_fit(
    scenario: Scenario, recording: Recording, phase: int, times: tuple[float, float]
) -> bool:
    """Tell whether the minima of those who charge fit beside the building all the time."""
    start_s, end_s = times
    held_ma = 0.0
    for model, log in zip(scenario.points, recording.points, strict=True):
        if phase not in log.used.at(start_s):
            continue
        if not log.reached.at(start_s):
            held_ma += log.draw.at(start_s)
        elif log.offers.before(start_s) > 0 or log.offers.changes(start_s, end_s):
            held_ma += model.minimum_ma  # also of one that was admitted just then
    return recording.base[phase].highest(start_s, end_s) + held_ma <= scenario.connection.limit_ma


def _slowest_s(scenario: Scenario) -> tuple[float, float]:
    """Return how long the slowest vehicle takes to obey and to stop."""
    moves = [one.car for one in scenario.happenings if isinstance(one, CarMoved)]
    cars = [point.car for point in scenario.points] + [car for car in moves if car is not None]
    latency_s = max(point.latency_s for point in scenario.points)
    minimum_ma = min(point.minimum_ma for point in scenario.points)
    obeys_s = max(latency_s + car.delay_s + _fall_s(car, minimum_ma) for car in cars)
    stops_s = max(latency_s + car.delay_s + minimum_ma / car.fall_ma_per_s for car in cars)
    return max(OBEYS_S, obeys_s), max(STOPS_S, stops_s)


def _fall_s(car: CarModel, to_ma: int) -> float:
    return max(0, car.maximum_ma - to_ma) / car.fall_ma_per_s
