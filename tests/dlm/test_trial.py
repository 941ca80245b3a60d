"""Chargers without measurement: what lowering them frees is seen by trying, and not over and over."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.dlm.houses import HOUSE, Car, House, participant


def house_of_small_cars() -> House:
    """Return a house where two cars take less than they are offered, and a third one waits."""
    blind = [
        participant(number, minimum_ma=minimum_ma, measures=False)
        for number, minimum_ma in ((1, 8000), (2, 8000), (3, 6000))
    ]
    blind = [replace(one, maximum_ma=32_000) for one in blind]
    house = House(*blind, settings=replace(HOUSE, priority=2), base_a=16)
    house.cars = {1: Car(connected=False), 2: Car(most_ma=6000), 3: Car(most_ma=6000)}
    for car in house.cars.values():
        car.cap_ma = 32_000
    return house


@pytest.mark.long
@pytest.mark.proves("D9.2e")
def test_others_that_gave_way_in_vain_do_so_again_after_a_minute_then_after_twice_as_long() -> None:
    house = house_of_small_cars()
    house.live(60)
    house.cars[1] = Car(most_ma=6000, cap_ma=32_000)
    failed: list[tuple[float, float]] = []  # when a trial failed, and how long the next one waits
    for _ in range(2400):
        house.live(1)
        wait_s = house.participant(1).trial.retry_wait_s
        if wait_s != (failed[-1][1] if failed else 0.0):
            failed.append((house.now_s, wait_s))
        assert house.offers_ma[0] == 0, "its 8 A are not there: 16 A, and twice 6 A, of 32"
    assert [wait_s for _, wait_s in failed] == [60, 120, 240, 480, 900]
    for (at, wait_s), (later, _) in pairwise(failed):
        assert later - at >= wait_s


@pytest.mark.proves("D9.2e")
def test_a_failed_trial_is_forgotten_when_the_vehicle_leaves() -> None:
    house = house_of_small_cars()
    house.live(60)
    house.cars[1] = Car(most_ma=6000, cap_ma=32_000)
    while not house.participant(1).trial.retry_wait_s:
        house.live(1)
    house.cars[1].connected = False
    house.live(1)
    assert house.participant(1).trial.retry_wait_s == 0
    house.cars[1].connected = True
    house.live(60, base_a=8)
    assert house.offers_ma[0] >= 8000, "the building has become smaller"


def house_whose_second_car_just_fits() -> House:
    """Return a house where 6 A of a car that charges and 10 A of another one are exactly the room."""
    measured = participant(1), participant(2, minimum_ma=10_000)
    house = House(*measured, base_a=16)
    house.cars[1].obeys_s = 5
    house.cars[2].connected = False
    house.live(60)
    assert house.offers_ma == [16_000, 0]
    house.cars[2].connected = True
    return house


@pytest.mark.proves("D9.2f")
def test_a_vehicle_whose_minimum_fits_exactly_is_started() -> None:
    house = house_whose_second_car_just_fits()
    house.live(30)
    assert house.offers_ma == [6000, 10_000]


@pytest.mark.proves("D9.2f")
def test_others_give_way_again_for_what_did_not_fit_by_a_rounding_once_more_fits() -> None:
    house = house_whose_second_car_just_fits()
    lowered_at, before_ma = [], house.offers_ma[0]
    for _ in range(840):
        # the meter rounds: up beside the lower offer, down beside the higher one
        house.live(1, base_a=16.01 if house.offers_ma[0] <= 6000 else 16.0)
        if house.offers_ma[0] < before_ma:
            lowered_at.append(house.now_s)
        before_ma = house.offers_ma[0]
    assert len(lowered_at) == 1, lowered_at
    assert house.offers_ma[1] == 0
    house.live(40, base_a=15.6)
    assert house.offers_ma[1] == 10_000


@pytest.mark.proves("D9.2f")
def test_what_only_just_fits_is_tried_again_after_a_quarter_of_an_hour() -> None:
    house = house_whose_second_car_just_fits()
    while house.offers_ma[0] > 6000:
        house.live(1)
    house.live(20, base_a=16.01)
    house.live(840, base_a=16)
    assert house.offers_ma[1] == 0
    house.live(100)
    assert house.offers_ma == [6000, 10_000]


@pytest.mark.proves("D9.4h")
def test_who_was_lowered_is_not_raised_before_the_meter_has_shown_what_that_freed() -> None:
    house = house_of_small_cars()
    house.meter_s = 10
    house.live(60)
    house.cars[1] = Car(most_ma=6000, cap_ma=32_000)
    lowered_s, raises = -100.0, 0
    for _ in range(1500):
        before_ma = house.offers_ma[1]
        house.live(1)
        if house.offers_ma[1] < before_ma:
            lowered_s = house.now_s
        elif house.offers_ma[1] > before_ma:
            raises += 1
            sampled_s = house.now_s // 10 * 10 - HOUSE.meter_delay_s
            assert sampled_s >= lowered_s + HOUSE.obey_s
    assert raises > 4
