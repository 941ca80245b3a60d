"""Chargers without measurement: which phases a vehicle uses is found by what the meter shows."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.config.model import Monitoring
from knxgw.dlm.inputs import after_in_operation
from knxgw.dlm.phase_test import note_test
from knxgw.dlm.used_phases import UNCHANGED_MA, LineAtRest, find_used_phases
from tests.dlm.houses import HOUSE, Car, House, participant

BIG = replace(HOUSE, fuse_ma=50_000, reserve_ma=4000)
AT_REST_S, COUNTS_AFTER_S = 40, 62


def house_without_measurement(*terminals: int, base_a: float = 4.0) -> House:
    """Return a house where the vehicle at each charging point uses so many phases; none is plugged in."""
    numbers = range(1, len(terminals) + 1)
    wired = ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 1, 2))  # by rotation
    blind = (participant(n, wired[n - 1], measures=False) for n in numbers)
    house = House(*blind, settings=BIG, base_a=base_a)
    house.cars = {
        n: Car(terminals=used, connected=False) for n, used in zip(numbers, terminals, strict=True)
    }
    house.live(20)
    return house


def plug_in(house: House, number: int) -> None:
    house.cars[number].connected = True


@pytest.mark.proves("D4.7a")
def test_a_vehicle_that_starts_on_one_phase_counts_on_that_phase_only_after_a_minute() -> None:
    house = house_without_measurement(1)
    plug_in(house, 1)
    house.live(AT_REST_S + 45)
    assert house.participant().phases == (0, 1, 2)
    house.live(17)
    assert house.participant().phases == (0,)
    assert house.participant().draw_ma == (16_000, 0, 0)
    assert [phase.base_ma for phase in house.state.phases] == [4000, 4000, 4000]


@pytest.mark.proves("D4.7a")
def test_a_vehicle_that_starts_on_three_phases_keeps_them() -> None:
    house = house_without_measurement(3)
    plug_in(house, 1)
    house.live(AT_REST_S + COUNTS_AFTER_S)
    assert house.participant().phases == (0, 1, 2)
    assert house.participant().phase_evidence.found is not None


@pytest.mark.proves("D4.7b")
def test_two_phases_must_be_found_twice() -> None:
    house = house_without_measurement(2)
    plug_in(house, 1)
    house.live(AT_REST_S + COUNTS_AFTER_S)
    assert house.participant().phases == (0, 1, 2), "the building may have hidden one phase"
    house.cars[1].allowed = False
    house.live(30)
    house.cars[1].allowed = True
    house.live(AT_REST_S + COUNTS_AFTER_S)
    assert house.participant().phases == (0, 1)


@pytest.mark.proves("D4.7b")
def test_what_one_start_shows_counts_once_however_often_the_meter_says_that_its_values_hold() -> (
    None
):
    on_change = replace(BIG, monitoring=Monitoring.VALUES_AND_IN_OPERATION, interval_s=60.0)
    house = House(participant(1, measures=False), settings=on_change)
    house.cars[1] = Car(terminals=2, connected=False)
    house.meter_s = 0
    house.tell(0, 1, 2)
    hold(house, 20)
    plug_in(house, 1)
    for _ in range(10):
        house.live(1)
        house.tell(0, 1, 2)  # the values change while the vehicle is raised
    for _ in range(6):
        hold(house, 20)
        assert house.participant().phases == (0, 1, 2)
    found = house.participant().phase_evidence.found
    assert found is not None
    assert found.times == 1


def hold(house: House, seconds: int) -> None:
    """Let the meter say for some time, every 5 s, that its values hold."""
    for _ in range(seconds // 5):
        house.live(5)
        seen = {number: house.observation(number) for number in house.cars}
        house.state = after_in_operation(house.state, house.settings, house.now_s, seen)


@pytest.mark.proves("D4.7a", "D3.1b")
def test_a_phase_over_range_answers_to_nothing() -> None:
    house = house_without_measurement(3)
    house.settings = replace(BIG, saturating=True)
    plug_in(house, 1)
    house.live(30)
    house.meter_s = 0
    house.live(10)
    line = house.state.meter.line_at_rest
    house.tell(1, 2)
    house.tell_that(0, 65_535, saturating=True)
    house.live(20)
    for phase, current_ma in ((0, 65_535), (1, 10_000), (2, 10_000)):
        house.tell_that(phase, current_ma, saturating=True)
    assert house.state.meter.line_at_rest is line


@pytest.mark.proves("D4.7c")
def test_a_vehicle_that_adds_phases_later_counts_on_all_of_them_again() -> None:
    house = house_without_measurement(1)
    plug_in(house, 1)
    house.live(AT_REST_S + COUNTS_AFTER_S)
    assert house.participant().phases == (0,)
    house.cars[1].terminals = 3
    house.live(6)
    assert house.participant().phases == (0, 1, 2)


@pytest.mark.proves("D4.7c")
def test_a_vehicle_that_adds_phases_within_the_minute_is_never_taken_to_use_one() -> None:
    house = house_without_measurement(1)
    plug_in(house, 1)
    house.live(AT_REST_S + 10)
    house.cars[1].terminals = 3
    for _ in range(120):
        house.live(1)
        assert house.participant().phases == (0, 1, 2)


@pytest.mark.proves("D4.7c")
def test_a_large_consumer_on_all_phases_brings_none_back() -> None:
    house = house_without_measurement(1)
    plug_in(house, 1)
    house.live(AT_REST_S + COUNTS_AFTER_S)
    house.live(30, base_a=20)
    assert house.participant().phases == (0,)


@pytest.mark.proves("D4.7a")
def test_another_vehicle_at_the_charging_point_counts_on_all_phases_at_first() -> None:
    house = house_without_measurement(1)
    plug_in(house, 1)
    house.live(AT_REST_S + COUNTS_AFTER_S)
    house.cars[1].connected = False
    house.live(5)
    assert house.participant().phases == (0, 1, 2)


@pytest.mark.proves("D4.7a")
def test_what_a_measuring_charger_takes_when_it_is_reached_again_is_no_answer() -> None:
    wired = ((0, 1, 2), (0, 1, 2))
    house = House(participant(1, wired[0], measures=False), participant(2, wired[1]), settings=BIG)
    house.cars = {1: Car(terminals=3, connected=False), 2: Car(terminals=1)}
    house.live(60)
    house.cars[2].reachable = False
    house.live(30)
    plug_in(house, 1)
    house.live(1)
    house.cars[2].reachable = True
    house.live(AT_REST_S + COUNTS_AFTER_S)
    assert house.participant(1).phases == (0, 1, 2)


@pytest.mark.proves("D4.7e")
def test_a_load_that_goes_out_on_two_phases_while_a_vehicle_starts_on_three_hides_none() -> None:
    house = house_without_measurement(3)
    house.live(20, base_a=(4, 20, 20))
    plug_in(house, 1)
    while not house.offers_ma[0]:
        house.live(1)
    house.live(AT_REST_S + COUNTS_AFTER_S, base_a=4)
    assert max(house._loads_ma[-1]) == 20_000, "in the end L2 and L3 carry what they did before"
    assert house.participant().phases == (0, 1, 2)


@pytest.mark.long
@pytest.mark.proves("D4.7d")
def test_vehicles_that_start_together_are_tested_once_their_line_has_seemed_full_for_five_minutes() -> (
    None
):
    house = house_without_measurement(3, 1, 1, 3, base_a=0.0)
    for number in house.cars:
        plug_in(house, number)
    house.live(60)
    assert house.offers_ma == [11_500] * 4, "46 A for four, all taken to use three phases"
    lowered_at = []
    for _ in range(1800):
        before_ma = house.offers_ma
        house.live(1)
        lowered_at += [
            house.now_s for was, now in zip(before_ma, house.offers_ma, strict=True) if now < was
        ]
        load_ma = max(house._loads_ma[-1])
        assert load_ma <= 46_500
    assert lowered_at[0] >= 20 + 300
    assert [set(house.participant(n).phases) for n in house.cars] == [
        {0, 1, 2}, {1}, {2}, {0, 1, 2},
    ]  # fmt: skip
    assert min(house.offers_ma) >= 15_300, "three share L2, and three share L3"


@pytest.mark.proves("D4.7d")
def test_vehicles_that_take_what_they_are_offered_are_never_tested() -> None:
    house = house_without_measurement(3, 3, 3, 3, base_a=0.0)
    for number in house.cars:
        plug_in(house, number)
    house.live(60)
    for _ in range(900):
        house.live(1)
        assert house.offers_ma == [11_500] * 4


@pytest.mark.long
@pytest.mark.proves("D4.7d")
def test_what_stays_unclear_is_tested_ever_more_seldom() -> None:
    """Vehicles that take 6 A whatever they are offered never answer."""
    house = house_without_measurement(3, 3, 3, base_a=0.0)
    for number, car in house.cars.items():
        car.most_ma = 6000
        plug_in(house, number)
    tested_at = []
    for _ in range(5000):
        house.live(1)
        tested_at += (
            [house.now_s] if house.participant(1).phase_evidence.tested_at == house.now_s else []
        )
    waits_s = [later - at for at, later in pairwise(tested_at)]
    assert waits_s
    assert all(wait_s >= min(60 * 2**n, 900) for n, wait_s in enumerate(waits_s))
    assert house.participant(1).phases == (0, 1, 2)


@pytest.mark.proves("D4.7d")
def test_each_test_of_a_vehicle_makes_the_next_one_wait_twice_as_long() -> None:
    vehicle = house_without_measurement(3).participant(1)
    waits_s = []
    for _ in range(6):
        note_test(vehicle, 100.0)
        waits_s.append(vehicle.phase_evidence.test_wait_s)
    assert waits_s == [60, 120, 240, 480, 900, 900]


amperes = st.integers(0, 16).map(lambda a: a * 1000)
used_phases = st.sampled_from([(0,), (1,), (0, 1), (0, 1, 2)])
noise = st.integers(-UNCHANGED_MA // 2, UNCHANGED_MA // 2)


def line_of(draws: list[tuple[tuple[int, ...], int]], base_ma: list[int]) -> tuple[int, ...]:
    """Return what the line carries per phase [mA]: draws on the phases that they use, and a base load."""
    return tuple(
        base_ma[phase] + sum(drawn_ma for used, drawn_ma in draws if phase in used)
        for phase in range(3)
    )


@settings(max_examples=300)
@given(
    st.lists(st.tuples(used_phases, amperes, amperes), min_size=1, max_size=4),
    st.lists(noise, min_size=3, max_size=3),
)
def test_while_the_building_rests_no_phase_is_left_out_that_a_vehicle_uses(
    vehicles: list[tuple[tuple[int, ...], int, int]], building_ma: list[int]
) -> None:
    """Vehicles take all that they are offered; any of them start, stop, rise and fall at once."""
    participants = {
        n: House(participant(n, measures=False)).participant(n) for n in range(1, len(vehicles) + 1)
    }
    before = LineAtRest(
        line_of([(used, drew_ma) for used, drew_ma, _ in vehicles], [0, 0, 0]),
        {n: drew_ma for n, (_, drew_ma, _) in enumerate(vehicles, 1)},
        (0, 0, 0),
    )
    after = LineAtRest(
        line_of([(used, draws_ma) for used, _, draws_ma in vehicles], building_ma),
        {n: draws_ma for n, (_, _, draws_ma) in enumerate(vehicles, 1)},
        (0, 0, 0),
    )
    for number, changed in find_used_phases(before, after, participants, 100.0).items():
        used, _, _ = vehicles[number - 1]
        assert changed.phase_evidence.found is not None
        assert set(changed.phase_evidence.found.phases) == set(used)
