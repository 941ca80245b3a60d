"""With a static limit the minima of those that charge always fit: nothing would notice that they do not."""

from dataclasses import replace

import pytest

from knxgw.dlm.participant import ParticipantSettings
from knxgw.dlm.settings import Settings
from tests.dlm.houses import HOUSE, House, participant

STATIC = replace(HOUSE, static_limit_ma=14_000)


def started(*participants: ParticipantSettings, settings: Settings = STATIC) -> House:
    """Return a house without a meter, at the start of the gateway."""
    house = House(*participants, settings=settings)
    house.meter_s = 0
    return house


def house_of(count: int, *, priority: int | None = None, queue: bool = False) -> House:
    """Return a house with room for two of so many vehicles, a minute after the start."""
    house = started(
        *(participant(number, fail_safe_ma=10_000) for number in range(1, count + 1)),
        settings=replace(STATIC, priority=priority, queue=queue),
    )
    house.live(60)
    return house


def drawn_ma(house: House) -> int:
    return sum(car.current_ma for car in house.cars.values())


@pytest.mark.proves("D17.6")
@pytest.mark.parametrize("queue", [False, True])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_no_more_start_with_the_gateway_than_fit(count: int, *, queue: bool) -> None:
    house = house_of(count, queue=queue)
    assert sorted(house.offers_ma) == [0] * (count - 2) + [7000, 7000]


@pytest.mark.proves("D17.6")
def test_of_two_the_one_with_more_energy_stops_for_a_vehicle_that_resumes() -> None:
    house = started(*(participant(number) for number in (1, 2, 3)))
    house.cars[3].connected = False
    house.live(60)
    resting, house.cars[3].connected = house.cars[1], True
    resting.most_ma = 0
    house.live(100)
    assert house.participant().use.is_idle
    assert all(house.offers_ma), "its place was taken, and it may precondition"
    house.cars[2].energy_mwh = 5
    resting.most_ma = 16_000
    house.live(2)
    assert house.offers_ma[1] == 0
    assert drawn_ma(house) <= 14_000


@pytest.mark.proves("D17.5", "D17.6")
def test_a_lost_charger_that_may_take_more_stops_the_other_one_until_it_is_back() -> None:
    house = house_of(2)
    house.cars[1].reachable = False
    house.live(2)
    assert house.offers_ma[1] == 0, "without contact it may take 10 A"
    house.cars[1].reachable = True
    house.live(30)
    assert house.offers_ma == [7000, 7000]


@pytest.mark.proves("D17.6")
def test_the_prioritised_one_stops_last() -> None:
    house = house_of(3, priority=2)
    kept = house.offers_ma[1]
    house.settings = replace(house.settings, static_limit_ma=8000)
    house.live(2)
    assert kept
    assert [bool(ma) for ma in house.offers_ma] == [False, True, False]
    house.settings = replace(house.settings, static_limit_ma=5000)
    house.live(2)
    assert house.offers_ma == [0, 0, 0]


@pytest.mark.proves("D17.5", "D17.6")
def test_a_charger_that_is_never_read_stops_nobody_at_first_and_is_reserved_for_later() -> None:
    house = started(*(participant(number) for number in (1, 2, 3)))
    house.cars[3].reachable = False
    house.live(29)
    assert house.offers_ma[:2] == [6000, 6000], "it will be read in a moment"
    house.live(3)
    assert sorted(house.offers_ma[:2]) == [0, 8000], "it may charge with 6 A, and nobody sees it"


@pytest.mark.proves("D17.6")
def test_only_those_on_a_full_phase_stop() -> None:
    settings = replace(STATIC, static_limit_ma=8000)
    house = started(
        participant(1, (0,)), participant(2, (0,)), participant(3, (1,)), settings=settings
    )
    house.live(60)
    assert house.offers_ma[2] == 8000
    assert sorted(house.offers_ma[:2]) == [0, 8000]


@pytest.mark.proves("D17.5")
def test_what_a_lost_vehicle_takes_beyond_its_offer_is_reserved_too() -> None:
    house = started(
        participant(1), participant(2), settings=replace(STATIC, static_limit_ma=20_000)
    )
    house.cars[1].read_ma = 10_000
    house.live(60)
    assert house.offers_ma[0] < 10_000, "it takes more than its offer"
    house.cars[1].reachable = False
    house.live(60)
    assert house.offers_ma[1] == 10_000
