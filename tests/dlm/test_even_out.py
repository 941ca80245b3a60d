"""Who keeps a step above its share gives it back when another one is short by as much, and then it rests."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dlm.houses import HOUSE, House, participant


@pytest.mark.proves("D9.3k")
@pytest.mark.parametrize("resolution_ma", [100, 1000])
def test_many_small_surpluses_go_to_the_prioritised_one_that_lacks_them(resolution_ma: int) -> None:
    # three that each keep a step of 1 A, or 0.5 A, above their share
    cap_ma = 11_000 if resolution_ma == 1000 else 9500
    coarse = [replace(participant(number), resolution_ma=resolution_ma) for number in (2, 3, 4)]
    house = House(participant(1), *coarse, settings=replace(HOUSE, priority=1), base_a=0)
    house.cars[1].cap_ma = 8000
    house.live(60)
    assert house.offers_ma == [8000, 8000, 8000, 8000]
    house.cars[1].cap_ma = cap_ma
    house.live(10)
    assert house.offers_ma == [8000, 8000, 8000, 8000], "it may pass"
    house.live(20)
    share_ma = (32_000 - cap_ma) // 3 // resolution_ma * resolution_ma
    assert house.offers_ma == [cap_ma, share_ma, share_ma, share_ma]


@pytest.mark.proves("D9.3k")
def test_of_two_that_take_whole_amperes_none_stays_two_steps_below_the_other() -> None:
    coarse = [replace(participant(number), resolution_ma=1000) for number in (1, 2)]
    house = House(*coarse, base_a=18)
    house.cars[1].cap_ma = 6000
    house.live(60)
    assert house.offers_ma == [6000, 8000]
    house.cars[1].cap_ma = 16_000
    house.live(30)
    assert house.offers_ma == [7000, 7000]


@pytest.mark.proves("D9.4i")
def test_one_ampere_that_is_left_for_two_is_given_to_one_of_them() -> None:
    coarse = [replace(participant(number), resolution_ma=1000) for number in (1, 2, 3)]
    house = House(*coarse, base_a=11)
    house.cars[1].cap_ma = 8000
    house.cars[2].cap_ma = house.cars[3].cap_ma = 6000
    house.live(60)
    assert house.offers_ma == [8000, 6000, 6000]
    for car in house.cars.values():
        car.cap_ma = 16_000
    house.live(60)
    assert house.offers_ma == [7000, 7000, 7000]


@pytest.mark.proves("D9.3k")
def test_who_takes_nothing_from_the_one_that_is_short_keeps_its_step() -> None:
    wired = [(0,), (0,), (1,), (1,)]
    points = [participant(number, phases) for number, phases in enumerate(wired, start=1)]
    points = [replace(one, resolution_ma=1000) for one in points[:3]] + points[3:]
    house = House(*points)
    house.cars[1].cap_ma, house.cars[4].cap_ma = 6000, 7000
    house.live(60, base_a=(18, 17, 0))
    assert house.offers_ma == [6000, 8000, 8000, 7000]
    house.cars[1].cap_ma = house.cars[4].cap_ma = 16_000
    house.live(30)
    assert house.offers_ma == [7000, 7000, 8000, 7000]


house_members = st.lists(
    st.tuples(
        st.sampled_from([100, 1000, 1000]),
        st.sampled_from([6000, 6000, 8000, 10_000]),
        st.sampled_from([(0, 1, 2), (0, 1, 2), (0,), (1,)]),
        st.sampled_from([6000, 8000, 10_000, 16_000, 16_000]),
    ),
    min_size=2,
    max_size=4,
)
bases_a = st.tuples(*[st.integers(0, 220).map(lambda tenths: tenths / 10)] * 3)


@pytest.mark.long
@given(house_members, st.sampled_from([None, 1]), bases_a, bases_a)
@settings(max_examples=15, deadline=None)
def test_with_a_constant_building_all_offers_come_to_rest(
    members: list[tuple[int, int, tuple[int, ...], int]],
    priority: int | None,
    before_a: tuple[float, float, float],
    base_a: tuple[float, float, float],
) -> None:
    points = [
        replace(participant(number, wired, minimum_ma=minimum_ma), resolution_ma=resolution_ma)
        for number, (resolution_ma, minimum_ma, wired, _) in enumerate(members, start=1)
    ]
    house = House(*points, settings=replace(HOUSE, priority=priority), base_a=0)
    for car, (_, minimum_ma, _, cap_ma) in zip(house.cars.values(), members, strict=True):
        car.cap_ma = max(minimum_ma, cap_ma)
    house.live(40, base_a=before_a)
    for car in house.cars.values():
        car.cap_ma = 16_000
    house.live(220, base_a=base_a)
    resting = house.offers_ma
    for _ in range(60):
        house.live(1)
        assert house.offers_ma == resting
