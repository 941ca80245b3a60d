"""Chargers without measurement: what a vehicle takes at most is found by how the line responds."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState
from knxgw.dlm.line_response import examine_response
from knxgw.dlm.participant import Participant
from knxgw.dlm.use import WIDE_AGAIN_AFTER_S
from knxgw.dlm.used_phases import UNCHANGED_MA, LineAtRest
from tests.dlm.houses import HOUSE, Car, House, participant

SHOWN_AFTER_S = 700  # T_wait, then what a phase test shows


def house_without_measurement(*most_a: int, base_a: float = 4.0) -> House:
    """Return a house with a charging point up to 32 A for each vehicle that comes, and what it takes at most."""
    blind = [
        replace(participant(number, measures=False), maximum_ma=32_000)
        for number in range(1, len(most_a) + 1)
    ]
    house = House(*blind, settings=replace(HOUSE, fuse_ma=63_000, reserve_ma=3000), base_a=base_a)
    house.meter_s = 10  # between two raises
    house.cars = {n: Car(connected=False) for n in range(1, len(most_a) + 1)}
    house.live(20)
    house.cars = {n: Car(most_ma=a * 1000, cap_ma=32_000) for n, a in enumerate(most_a, 1)}
    return house


def house_that_was_limited_for_a_while(takes_a: int) -> House:
    """Return a house whose vehicle was held at 16 A for a minute, long after it had begun to charge."""
    house = house_without_measurement(takes_a)
    house.live(400)
    assert house.offers_ma == [32_000]
    house.cars[1].cap_ma = 16_000
    house.live(60)
    house.cars[1].cap_ma = 32_000
    house.live(200)
    return house


@pytest.mark.proves("D14.1d")
def test_a_vehicle_that_takes_less_than_it_is_offered_keeps_a_headroom_only() -> None:
    house = house_that_was_limited_for_a_while(10)
    assert house.offers_ma == [18_000], "the line has not moved between 32 A and 16 A"


@pytest.mark.proves("D14.1d")
def test_it_is_offered_more_again_after_a_quarter_of_an_hour() -> None:
    house = house_that_was_limited_for_a_while(10)
    house.cars[1].most_ma = 32_000
    house.live(round(WIDE_AGAIN_AFTER_S) + 200)
    assert house.offers_ma == [32_000]


def test_one_that_takes_more_than_that_is_not_held_down() -> None:
    assert house_that_was_limited_for_a_while(22).offers_ma[0] >= 22_000


def test_a_vehicle_that_takes_what_it_is_offered_is_not_held_down() -> None:
    house = house_without_measurement(32)
    house.live(SHOWN_AFTER_S)
    assert house.offers_ma == [32_000]
    assert house.use_cap_ma() is None


def test_what_is_known_of_a_vehicle_is_forgotten_when_it_leaves() -> None:
    house = house_without_measurement(10)
    house.live(SHOWN_AFTER_S)
    house.cars[1].connected = False
    house.live(20)
    house.cars[1] = Car(most_ma=32_000, cap_ma=32_000)
    house.live(SHOWN_AFTER_S)
    assert house.offers_ma == [32_000]


def test_a_line_that_moves_by_a_part_proves_nothing() -> None:
    """The building may have taken less meanwhile: a wrong cap cost a hundredth of a day's energy."""
    participants = {1: charging(1)}
    references = {1: line_of((6000, 6000, 6000), [6000])}
    part = line_of((8000, 8000, 8000), [16_000])
    assert examine_response(references, part, participants, HOUSE, 400.0)[1] == {}
    still = line_of((6900, 6000, 6000), [16_000])
    capped = examine_response(references, still, participants, HOUSE, 400.0)[1]
    assert capped[1].use.cap is not None
    assert capped[1].use.cap.ma == 8000


def test_a_vehicle_that_begins_late_is_not_taken_for_one_that_takes_little() -> None:
    house = house_without_measurement(32)
    house.cars[1].most_ma = 0
    house.cars[1].state = ChargingState.CHARGE
    house.live(SHOWN_AFTER_S)
    assert house.use_cap_ma() is None
    house.cars[1].most_ma = 32_000
    house.live(SHOWN_AFTER_S)
    assert house.offers_ma == [32_000]


def test_while_the_building_takes_less_nothing_is_concluded() -> None:
    house = house_without_measurement(32, base_a=30)
    house.live(2)
    for base_a in range(29, 3, -1):
        house.live(3, base_a=base_a)  # ampere by ampere, as the vehicle takes more
    assert house.use_cap_ma() is None


def charging(number: int) -> Participant:
    """Return a participant that has been offered current for longer than T_wait when 400 s are over."""
    one = House(participant(number, measures=False)).participant(number)
    one.use = replace(one.use, offered_since=0.0)
    return one


def line_of(rest_ma: tuple[int, ...], assumed_ma: list[int]) -> LineAtRest:
    return LineAtRest(rest_ma, dict(enumerate(assumed_ma, 1)), rest_ma)


amperes = st.integers(6, 32).map(lambda a: a * 1000)
noise = st.integers(-UNCHANGED_MA // 2, UNCHANGED_MA // 2)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 3]), st.just(0) | amperes, amperes, amperes), max_size=4
    ),
    st.lists(noise, min_size=3, max_size=3),
)
def test_while_the_building_rests_no_vehicle_gets_less_than_it_takes(
    vehicles: list[tuple[int, int, int, int]], building_ma: list[int]
) -> None:
    """Each uses some phases, and takes all up to its own limit; offers change at once in any way."""
    participants = {n: charging(n) for n in range(1, len(vehicles) + 1)}

    def rest_ma(which: int, base_ma: list[int]) -> tuple[int, ...]:
        return tuple(
            base_ma[phase] + sum(min(one[which], one[3]) for one in vehicles if phase < one[0])
            for phase in range(3)
        )

    before = line_of(rest_ma(1, [0, 0, 0]), [one[1] for one in vehicles])
    after = line_of(rest_ma(2, building_ma), [one[2] for one in vehicles])
    references = dict.fromkeys(participants, before)
    _, capped = examine_response(references, after, participants, HOUSE, 400.0)
    for number, changed in capped.items():
        _, before_ma, after_ma, most_ma = vehicles[number - 1]
        assert changed.use.cap is not None
        takes_ma = min(most_ma, max(before_ma, after_ma))
        assert changed.use.cap.ma >= takes_ma, "what noise hides is less than the headroom"
