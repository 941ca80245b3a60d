"""A day at random: a building, five charging points, vehicles that come and go. Same seed, same day.

Source: load-management 24. Currents are mA per phase, times s.
What that section leaves open, and what is taken here: a day begins somewhere within a gap or a stay
of each charging point; every stay is another vehicle; the wall clock jumps each 4 to 8 h by an hour,
in either direction; an outage of the meter comes at any time of its hour.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from heapq import merge
from math import ceil
from random import Random

from bench.days.building import STILL_MA, base_load
from bench.days.series import RESERVE_MA, Series
from knxgw.sim.bench.controller import NOON
from knxgw.sim.bench.scenario import (
    CarModel,
    CarMoved,
    ChargerReboots,
    ChargerTroubled,
    ConnectionModel,
    Disturbance,
    Happening,
    LostTelegrams,
    Scenario,
    Told,
    Trouble,
)
from knxgw.station.model import ClockSet, ClockSource

HOUR_S = 3600.0
HOURS = 24.0
ROTATIONS = ("123", "231", "312", "123", "231")
POINTS = range(1, len(ROTATIONS) + 1)
GAP_S, STAY_S = (1 * HOUR_S, 4 * HOUR_S), (2 * HOUR_S, 10 * HOUR_S)
CAR_PHASES, CAR_MAXIMA_MA = (1, 3, 3), (16_000, 16_000, 16_000, 10_000)
RISE_MA_PER_S, FALL_MA_PER_S, DELAY_S = (800.0, 4000.0), (2500.0, 10_000.0), (0.5, 2.5)
LOST_TELEGRAMS, FAILED_WRITES = 0.01, 0.005
REFUSED_WRITES, IGNORED_S, RESTARTS_AT_MA = 0.02, 40.0, 16_000  # of unruly chargers
OFFLINE_S = 300.0  # of each hour, one charging point
JUMP_SPACING_S = (4 * HOUR_S, 8 * HOUR_S)


def day(seed: int, series: Series, hours: float = HOURS) -> Scenario:
    """Return the day of a seed; building and vehicles are the same in every series."""
    duration_s = hours * HOUR_S
    parts: list[Iterator[Happening]] = [base_load(seed, duration_s, series.building)]
    parts += [_vehicles(seed, number, series, duration_s) for number in POINTS]
    if series.faults:
        parts += [_offline(seed, duration_s), _clock_jumps(seed, duration_s)]
    if series.unruly:
        parts.append(_unruly(seed, duration_s))
    charger = replace(series.charger, car=CarModel(plug_s=None))
    still_ma = [round(ma * series.building) for ma in STILL_MA]
    return Scenario(
        name=f"day of seed {seed}, {series.title}",
        about="A day at random.",
        duration_s=duration_s,
        idle_s=60.0,
        connection=ConnectionModel(fuse_ma=series.fuse_ma, reserve_ma=RESERVE_MA),
        settings={"queue": series.queue},
        meter=replace(series.meter, lost=_outages(seed, series.outage_s, duration_s)),
        base_ma=(still_ma[0], still_ma[1], still_ma[2]),
        points=tuple(replace(charger, rotation=one) for one in ROTATIONS),
        happenings=tuple(merge(*parts, key=lambda one: one.happens_at)),
        expectations=(),
        disturbance=_disturbance(seed, series),
    )


def _disturbance(seed: int, series: Series) -> Disturbance | None:
    if series.unruly:
        return Disturbance(seed=seed, failed_writes=REFUSED_WRITES)
    if series.faults:
        return Disturbance(seed=seed, lost_telegrams=LOST_TELEGRAMS, failed_writes=FAILED_WRITES)
    return None


def _luck(what: str, seed: int, number: int = 0) -> Random:
    """Return the chance of one thing, so that no other one changes it."""
    return Random(f"{what} {seed} {number}")  # noqa: S311 - to be the same each time


def _vehicles(seed: int, number: int, series: Series, duration_s: float) -> Iterator[Happening]:
    """Give the vehicles that come to a charging point and leave it."""
    luck = _luck("vehicles", seed, number)
    gap_s, stay_s = luck.uniform(*GAP_S), luck.uniform(*STAY_S)
    at_s = -luck.uniform(0.0, gap_s + stay_s)  # how much of the first gap and stay is over
    while at_s < duration_s:
        plug_s, unplug_s = round(max(0.0, at_s + gap_s), 2), round(at_s + gap_s + stay_s, 2)
        vehicle = replace(car(luck), overdraw_ma=series.overdraw_ma)
        yield CarMoved(happens_at=plug_s, point=number, plugged=True, car=vehicle)
        yield CarMoved(happens_at=unplug_s, point=number, plugged=False)
        at_s = unplug_s
        gap_s, stay_s = luck.uniform(*GAP_S), luck.uniform(*STAY_S)


def car(luck: Random) -> CarModel:
    """Draw a vehicle; it wants as much as it can get for as long as it is there."""
    return CarModel(
        plug_s=None,
        phases=luck.choice(CAR_PHASES),
        maximum_ma=luck.choice(CAR_MAXIMA_MA),
        rise_ma_per_s=luck.uniform(*RISE_MA_PER_S),
        fall_ma_per_s=luck.uniform(*FALL_MA_PER_S),
        delay_s=luck.uniform(*DELAY_S),
    )


def _outages(seed: int, outage_s: float, duration_s: float) -> tuple[LostTelegrams, ...]:
    """Return when nothing of the meter arrives: once in each hour."""
    luck = _luck("outages", seed)
    hours = range(ceil(duration_s / HOUR_S)) if outage_s else ()
    begins = [round(hour * HOUR_S + luck.uniform(0.0, HOUR_S - outage_s), 2) for hour in hours]
    return tuple(LostTelegrams(begins_at=from_s, ends_at=from_s + outage_s) for from_s in begins)


def _offline(seed: int, duration_s: float) -> Iterator[Happening]:
    """Give one charging point in each hour that cannot be reached for a while."""
    luck = _luck("offline", seed)
    for hour in range(ceil(duration_s / HOUR_S)):
        point = luck.randint(1, len(ROTATIONS))
        from_s = round(hour * HOUR_S + luck.uniform(0.0, HOUR_S - OFFLINE_S), 2)
        yield ChargerTroubled(happens_at=from_s, point=point, trouble=Trouble.UNREACHABLE)
        yield ChargerTroubled(happens_at=from_s + OFFLINE_S, point=point, trouble=Trouble.GOOD)


def _unruly(seed: int, duration_s: float) -> Iterator[Happening]:
    """Give in each hour one charger that restarts, and one that ignores what it is told."""
    luck = _luck("unruly", seed)
    for hour in range(ceil(duration_s / HOUR_S)):
        ignores, restarts = (
            round(hour * HOUR_S + luck.uniform(0.0, HOUR_S - IGNORED_S), 2) for _ in range(2)
        )
        troubled: Happening = ChargerTroubled(
            happens_at=ignores,
            point=luck.randint(1, len(ROTATIONS)),
            trouble=Trouble.IGNORES,
            holds_until=ignores + IGNORED_S,
        )
        restarted: Happening = ChargerReboots(
            happens_at=restarts, point=luck.randint(1, len(ROTATIONS)), to_ma=RESTARTS_AT_MA
        )
        yield from (troubled, restarted) if ignores < restarts else (restarted, troubled)


def _clock_jumps(seed: int, duration_s: float) -> Iterator[Happening]:
    """Give the times the wall clock is set an hour wrong, or right again; no other clock jumps."""
    luck = _luck("clock", seed)
    wrong = timedelta()
    at_s = luck.uniform(*JUMP_SPACING_S)
    while at_s < duration_s:
        wrong += timedelta(hours=luck.choice((-1, 1)))
        now = NOON + timedelta(seconds=at_s) + wrong
        yield Told(happens_at=at_s, event=ClockSet(now=now, source=ClockSource.NTP))
        at_s += luck.uniform(*JUMP_SPACING_S)
