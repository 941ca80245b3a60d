"""What the rules cost: one step of the station, one allocation, a simulated day (in a process of its own)."""

import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from time import perf_counter, process_time

from bench.days.day import HOUR_S, day
from bench.days.day_run import collect_seldom
from bench.days.series import MAIN_SERIES
from bench.figures import Figures
from bench.site import site_text
from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.load import catalogue
from knxgw.charging.events import (
    ChargerConditionChanged,
    ChargerSeen,
    GridMeterReading,
    LinkCondition,
)
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity
from knxgw.charging.scope import PointNumber
from knxgw.config.devices import charger_id
from knxgw.config.load import parse_configuration
from knxgw.dlm.allocation import AllocationRequest, mains_constraints, room_by_mains_phase, solve
from knxgw.sim.bench.controller import Gateway
from knxgw.sim.bench.runner import Run
from knxgw.station.initial import initial
from knxgw.station.model import Event, Started, Station, Tick
from knxgw.station.step import step

SEED = 1
WARM_UP_S, MEASURED_S = 60, 2000
BASE_MA, NOISE_MA = 30_000, 200
DAY_HOURS = 2.0
SOLVED_TIMES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFigures:
    """What the rules cost."""

    step: Figures
    solve_5_us: float
    solve_64_us: float
    day_speed: float  # times real time, one core


def measure() -> RuleFigures:
    """Measure all of them; needs nothing."""
    return RuleFigures(
        step=_steps(),
        solve_5_us=_solving_us(5),
        solve_64_us=_solving_us(64),
        day_speed=_in_own_process(_day_speed),
    )


def _steps() -> Figures:
    """Time each step while five vehicles charge, read each second, and a meter that tells each 2 s."""
    text = site_text(
        knx="link: none", modbus_port=1, website_port=1, with_meters=False, shared=True
    )
    loaded = parse_configuration(text, catalogue(), name="bench")
    assert loaded.configuration is not None, loaded.findings
    station = initial(loaded.configuration, {}, 0.0, None)
    chance = random.Random(SEED)  # noqa: S311 - no secret
    station, _ = step(station, Started(), 0.0)
    for number in station.points:
        good = ChargerConditionChanged(device=charger_id(number), condition=LinkCondition.GOOD)
        station, _ = step(station, good, 0.0)
    delays_s: list[float] = []
    started_s = perf_counter()
    for second in range(1, WARM_UP_S + MEASURED_S):
        for event, at_s in _second(station, second, chance):
            before_s = perf_counter()
            station, _ = step(station, event, at_s)
            if second > WARM_UP_S:
                delays_s.append(perf_counter() - before_s)
    return Figures.of(delays_s, count=len(delays_s), duration_s=perf_counter() - started_s)


def _second(station: Station, second: int, chance: random.Random) -> list[tuple[Event, float]]:
    """Return what happens in a second: polls of vehicles that take their offer, telegrams, a tick."""
    offers = {
        number: point.control.decision.offer_ma if point.control.decision else 0
        for number, point in station.points.items()
    }
    events: list[tuple[Event, float]] = [
        (_seen(number, offer_ma), second + number / 10) for number, offer_ma in offers.items()
    ]
    if second % 2:
        for phase in range(3):
            current_ma = BASE_MA + sum(offers.values()) + chance.randint(-NOISE_MA, NOISE_MA)
            events.append((GridMeterReading(phase=phase, value=current_ma), second + 0.7))
    return [*events, (Tick(), second + 0.9)]


def _seen(number: PointNumber, current_ma: int) -> ChargerSeen:
    values = {
        Quantity.STATE: ChargingState.CHARGE,
        Quantity.CONNECTED: 1,
        Quantity.SETPOINT: current_ma,
        **dict.fromkeys(PHASE_CURRENTS, current_ma),
    }
    return ChargerSeen(device=charger_id(number), values=values)


def _solving_us(count: int) -> float:
    """Return what one allocation to vehicles of all kinds of connections takes [µs]."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    shares = [
        AllocationRequest(
            minimum_ma=6000,
            cap_ma=chance.randint(10_000, 32_000),
            constraints=mains_constraints(chance.choice(((0, 1, 2), (0,), (1,), (2,), (0, 1)))),
        )
        for _ in range(count)
    ]
    room_ma = room_by_mains_phase([count * 9000, count * 10_000, count * 11_000])
    started_s = process_time()
    for _ in range(SOLVED_TIMES):
        solve(room_ma, shares)
    return (process_time() - started_s) / SOLVED_TIMES * 1e6


def _in_own_process(measured: Callable[[], float]) -> float:
    """Return a figure that is measured in a process as those that run days are."""
    with ProcessPoolExecutor(1, initializer=collect_seldom) as pool:
        return pool.submit(measured).result()


def _day_speed() -> float:
    """Return how much faster than real time a day at random runs."""
    scenario = day(SEED, MAIN_SERIES[0], DAY_HOURS)
    started_s = process_time()
    Run(scenario, controller=Gateway(scenario)).run()
    return DAY_HOURS * HOUR_S / (process_time() - started_s)
