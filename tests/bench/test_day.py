"""The generator of days at random; load-management 24."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from bench.days.building import HIGHEST_MA, KINDS, base_load, loads
from bench.days.day import GAP_S, HOUR_S, STAY_S, day
from bench.days.series import BY_NAME, EVERY_SERIES, Series
from knxgw.sim.bench.scenario import (
    BaseChanged,
    CarMoved,
    ChargerTroubled,
    Happening,
    Scenario,
    Told,
    Trouble,
)
from knxgw.station.model import ClockSet

SEEDS = range(1, 4)
DAY_S = 24 * HOUR_S


@cache
def whole_day(seed: int, *, faults: bool = False) -> Scenario:
    """Return a day, made once for all tests."""
    return day(seed, BY_NAME["2s-faults" if faults else "2s"])


def test_the_same_seed_gives_the_same_day_and_another_one_another() -> None:
    series = BY_NAME["2s-faults"]
    assert day(7, series, 2.0) == day(7, series, 2.0)
    assert day(7, series, 2.0).happenings != day(8, series, 2.0).happenings


@pytest.mark.long
def test_building_and_vehicles_are_the_same_in_every_series() -> None:
    """But for the factor of the house and what its vehicles draw too much."""
    days = {one.name: day(3, one, 3.0).happenings for one in EVERY_SERIES}
    kept = {name: list(_building_and_vehicles(happenings)) for name, happenings in days.items()}
    first = kept["2s"]
    for series in EVERY_SERIES:
        expected = [_as_in(series, one) for one in first]
        assert kept[series.name] == expected, series.name


def _building_and_vehicles(happenings: Iterable[Happening]) -> Iterator[BaseChanged | CarMoved]:
    return (one for one in happenings if isinstance(one, BaseChanged | CarMoved))


def _as_in(series: Series, one: BaseChanged | CarMoved) -> BaseChanged | CarMoved:
    if isinstance(one, CarMoved):
        vehicle = one.car and replace(one.car, overdraw_ma=series.overdraw_ma)
        return replace(one, car=vehicle)
    l1, l2, l3 = (round((ma or 0) * series.building) for ma in one.load_ma)
    return replace(one, load_ma=(l1, l2, l3))


def test_things_happen_in_order_of_time() -> None:
    times = [one.happens_at for one in whole_day(1, faults=True).happenings]
    assert times == sorted(times)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_building_alone_stays_within_40_a(seed: int) -> None:
    highest = max(max(ma or 0 for ma in one.load_ma) for one in base_load(seed, DAY_S))
    assert 30_000 < highest <= HIGHEST_MA


def test_loads_are_as_big_as_long_and_as_often_as_they_should_be() -> None:
    found = [load for seed in range(1, 31) for load in loads(seed, DAY_S)]
    appliances = [one for one in found if len(one.phases) == 1]
    heaters = [one for one in found if one.current_ma == 26_000]
    others = [one for one in found if len(one.phases) == 3 and one.current_ma < 26_000]
    for kind, ones in zip(KINDS, (appliances, others, heaters), strict=True):
        expected = 30 * DAY_S / kind.spacing_s
        assert 0.9 * expected < len(ones) < 1.1 * expected
        low_ma, high_ma = kind.current_ma
        low_s, high_s = kind.length_s
        assert all(low_ma <= one.current_ma <= high_ma for one in ones)
        assert all(low_s - 0.01 <= one.off_s - one.on_s <= high_s + 0.01 for one in ones)
    assert {one.phases for one in appliances} == {(0,), (1,), (2,)}


@pytest.mark.long
def test_vehicles_stay_and_are_missed_as_long_as_they_should() -> None:
    for seed in SEEDS:
        moves = [one for one in whole_day(seed).happenings if isinstance(one, CarMoved)]
        for number in range(1, 6):
            own = [one for one in moves if one.point == number]
            for one, two in pairwise(own):
                low_s, high_s = STAY_S if one.plugged else GAP_S
                assert one.plugged != two.plugged
                whole = one.happens_at > 0
                assert (
                    (low_s - 0.01 if whole else 0)
                    <= two.happens_at - one.happens_at
                    <= high_s + 0.01
                )


def test_every_stay_is_another_vehicle_within_the_ranges() -> None:
    cars = [
        one.car
        for seed in SEEDS
        for one in whole_day(seed).happenings
        if isinstance(one, CarMoved) and one.car is not None
    ]
    assert len({car.delay_s for car in cars}) == len(cars)
    assert {car.phases for car in cars} == {1, 3}
    assert {car.maximum_ma for car in cars} == {10_000, 16_000}
    assert all(0.5 <= car.delay_s <= 2.5 for car in cars)
    assert all(800 <= car.rise_ma_per_s <= 4000 for car in cars)
    assert all(2500 <= car.fall_ma_per_s <= 10_000 for car in cars)


def test_faults_take_one_charging_point_from_the_line_for_5_minutes_in_each_hour() -> None:
    moments = [
        one for one in whole_day(1, faults=True).happenings if isinstance(one, ChargerTroubled)
    ]
    gone = [one for one in moments if one.trouble is Trouble.UNREACHABLE]
    assert [int(one.happens_at // HOUR_S) for one in gone] == list(range(24))
    back = {(one.point, one.happens_at) for one in moments if one.trouble is Trouble.GOOD}
    assert all((one.point, one.happens_at + 300.0) in back for one in gone)


def test_only_the_wall_clock_jumps() -> None:
    jumps = [one for one in whole_day(1, faults=True).happenings if isinstance(one, Told)]
    assert 3 <= len(jumps) <= 6
    assert all(isinstance(one.event, ClockSet) for one in jumps)
