"""With the queue nobody waits longer than the turns of the others, and a minute."""

from dataclasses import replace

import pytest

from tests.dlm.houses import HOUSE, Car, House, participant

TURN_S, TURNS = 120, 8
QUEUE = replace(HOUSE, queue=True, rotation_s=float(TURN_S))


def longest_wait_s(count: int, base_a: float) -> int:
    """Return how long anybody waits when so many vehicles are plugged in at the same moment."""
    house = House(*(participant(number) for number in range(1, count + 1)), settings=QUEUE)
    house.cars = {number: Car(connected=False) for number in house.cars}
    house.live(20, base_a=base_a)
    house.cars = {number: Car() for number in house.cars}
    waited, longest = dict.fromkeys(house.cars, 0), 0
    for _ in range(TURN_S * TURNS):
        house.live(1)
        for number, car in house.cars.items():
            car.energy_mwh += car.current_ma
            waited[number] = 0 if house.offers_ma[number - 1] else waited[number] + 1
        longest = max(longest, *waited.values())
    return longest


@pytest.mark.proves("D18.1i")
@pytest.mark.parametrize(("count", "base_a", "fit"), [(2, 24, 1), (3, 18, 2), (5, 18, 2)])
def test_nobody_waits_longer_than_the_turns_of_the_others(
    count: int, base_a: float, fit: int
) -> None:
    assert longest_wait_s(count, base_a) <= (-(-count // fit) - 1) * TURN_S + 60


@pytest.mark.proves("D18.1i")
def test_one_that_was_shed_has_its_turn_too() -> None:
    house = House(participant(1), participant(2), settings=QUEUE)
    house.live(100)
    house.live(60, base_a=24)
    assert house.offers_ma == [0, 8000]
    had_current = False
    for _ in range(TURN_S + 60):
        house.live(1)
        had_current = had_current or house.offers_ma[0] > 0
    assert had_current


@pytest.mark.long
@pytest.mark.proves("D18.1m")
def test_nobody_is_stopped_more_than_four_times_in_an_hour() -> None:
    house = House(
        participant(1), participant(2), settings=replace(HOUSE, queue=True, rotation_s=900.0)
    )
    house.live(100)
    stops: dict[int, list[int]] = {1: [], 2: []}
    before = list(house.offers_ma)
    for second in range(4000):
        house.live(1, base_a=24 if second % 240 < 45 else 14)
        for number, offer_ma in enumerate(house.offers_ma, 1):
            if offer_ma == 0 < before[number - 1]:
                stops[number].append(second)
        before = list(house.offers_ma)
    assert sum(map(len, stops.values())) > 4
    for moments in stops.values():
        assert all(sum(at <= other < at + 3600 for other in moments) <= 4 for at in moments)
