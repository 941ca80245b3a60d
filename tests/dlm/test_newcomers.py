"""What a vehicle that comes finds: a minimum that is kept for it, or others that give way."""

from dataclasses import replace

import pytest

from knxgw.dlm.inputs import after_high_power
from tests.dlm.houses import HOUSE, Car, House, participant

# --- a newcomer ---


@pytest.mark.parametrize(
    ("resolution_ma", "base_a", "before_ma", "after_ma"),
    [
        (100, (25.4, 19.7), [6600, 0], [6100, 6000]),
        (1000, (24.5, 19.5), [7000, 0], [6000, 6000]),
    ],
)
def test_a_newcomer_whose_minimum_fits_makes_others_give_way_by_however_little(
    resolution_ma: int, base_a: tuple[float, float], before_ma: list[int], after_ma: list[int]
) -> None:
    points = [replace(participant(number), resolution_ma=resolution_ma) for number in (1, 2)]
    house = House(*points, base_a=base_a[0])
    house.cars[2].connected = False
    house.live(60)
    house.cars[2].connected = True
    house.live(10)
    assert house.offers_ma == before_ma
    house.live(40, base_a=base_a[1])
    assert house.offers_ma == after_ma


@pytest.mark.proves("D3.1k")
@pytest.mark.parametrize(
    ("spacing_s", "reported_after_s"),
    [(1, (0.3, 0.1, 0.7)), (2, (1.2, 0.7, 1.6))],
    ids=["each second", "each 2 s"],
)
def test_a_newcomer_starts_although_the_phases_are_told_over_more_than_half_a_second(
    spacing_s: int, reported_after_s: tuple[float, float, float]
) -> None:
    house = House(participant(1))
    house.cars[1].allowed = False
    house.meter_s = 0
    reported = sorted((after_s, phase) for phase, after_s in enumerate(reported_after_s))
    for second in range(0, 60, spacing_s):
        house.cars[1].allowed = second >= 40
        for after_s, phase in reported:
            while house.now_s < int(second + after_s):
                house.live(1)
            tick_s, house.now_s = house.now_s, second + after_s
            house.tell(phase)
            house.now_s = tick_s
        house.live(int(second + spacing_s - house.now_s))
    assert house.offers_ma[0] >= 6000


# --- points without a vehicle ---


@pytest.mark.proves("D5.5")
@pytest.mark.parametrize(
    ("base_a", "offers_ma"), [(4, [6000, 6000]), (21, [6000, 0]), (27, [0, 0])], ids=str
)
def test_idle_points_are_offered_the_minimum_as_often_as_it_fits(
    base_a: int, offers_ma: list[int]
) -> None:
    house = House(participant(1), participant(2), base_a=base_a)
    house.cars = {1: Car(connected=False), 2: Car(connected=False)}
    house.live(30)
    assert house.offers_ma == offers_ma


@pytest.mark.proves("D5.5")
@pytest.mark.parametrize("is_seen", [False, True], ids=["not seen", "seen before it draws"])
def test_what_a_free_point_has_lost_is_offered_to_another_once_a_car_must_have_obeyed(
    *, is_seen: bool
) -> None:
    """A car may have been plugged in at the first one a moment before its offer was withdrawn."""
    house = House(participant(1, minimum_ma=8000), participant(2), base_a=19)
    house.cars[1].connected = house.cars[2].connected = False
    house.live(30)
    assert house.offers_ma == [8000, 0]
    house.live(1, base_a=25)
    while house.offers_ma[0]:
        house.live(1)
    if is_seen:
        house.cars[1].connected, house.cars[1].most_ma = True, 0
    house.live(5)
    assert house.offers_ma == [0, 0]
    house.live(2)
    assert house.offers_ma == [0, 6000]


def test_a_free_point_does_not_lose_its_offer_to_another_free_one() -> None:
    house = House(participant(1), participant(2), base_a=21)
    house.cars[1].connected = house.cars[2].connected = house.cars[1].allowed = False
    house.live(30)
    assert house.offers_ma == [0, 6000]
    house.cars[1].allowed = True
    house.live(30)
    assert house.offers_ma == [0, 6000]


def test_idle_points_on_different_phases_take_nothing_from_each_other() -> None:
    house = House(participant(1, (0,)), participant(2, (1,)), base_a=24)
    house.cars = {1: Car(connected=False), 2: Car(connected=False)}
    house.live(30)
    assert house.offers_ma == [6000, 6000]


# --- large consumers ---


@pytest.mark.proves("D10.4", "D10.5")
def test_when_the_window_ends_only_loads_since_its_start_count() -> None:
    settings = replace(HOUSE, high_power_s=5.0)
    house = House(participant(1), settings=settings, base_a=25)
    house.live(60)
    assert house.offers_ma == [7000]
    house.live(3, base_a=4)
    house.state = after_high_power(house.state, settings, house.now_s)
    house.live(9)
    assert house.offers_ma == [6000]
    house.live(2)
    assert house.offers_ma == [8000], "5 s are too few: the spacing of the meter and 8 s"


@pytest.mark.proves("D10.3")
def test_during_the_window_a_newcomer_starts_if_there_is_room_now() -> None:
    for base_a, offers_ma in ((4, [6000, 6000]), (22, [6000, 0])):
        house = House(participant(1), participant(2), base_a=base_a)
        house.cars[2].allowed = False
        house.live(60)
        house.state = after_high_power(house.state, HOUSE, house.now_s)
        house.cars[2].allowed = True
        house.live(10)
        assert house.offers_ma == offers_ma


@pytest.mark.proves("D10.3")
@pytest.mark.parametrize("measures", [True, False], ids=["measured", "not measured"])
def test_in_the_window_nobody_starts_beside_an_unmeasured_vehicle_that_may_still_be_rising(
    *, measures: bool
) -> None:
    """The first one starts with 10 A and rises by 1 A in a second; 15 A of 32 A are the building's."""
    house = House(
        participant(1, minimum_ma=10_000, measures=measures),
        participant(2, minimum_ma=10_000, measures=measures),
        base_a=15,
    )
    house.cars[1].connected = house.cars[2].connected = False
    house.live(30)
    house.state = after_high_power(house.state, HOUSE, house.now_s)
    house.cars[1].connected = house.cars[2].connected = True
    for second in range(12):
        house.cars[1].most_ma = 1000 * second
        house.live(1)
        assert house.offers_ma == [10_000, 0], second


@pytest.mark.proves("D10.3")
def test_in_the_window_nobody_starts_on_what_the_uncertainty_of_the_base_load_may_take() -> None:
    for uncertainty_ma, offers_ma in ((2000, [6000, 6000]), (2100, [6000, 0])):
        house = House(participant(1), participant(2), base_a=18)
        house.cars[1].cap_ma, house.cars[2].allowed = 6000, False
        house.live(60)
        house.state = after_high_power(house.state, HOUSE, house.now_s)
        uncertain = house.state.phases[0].clone()
        uncertain.uncertainty_ma = uncertainty_ma
        house.state = replace(house.state, phases=(uncertain, *house.state.phases[1:]))
        house.cars[2].allowed = True
        house.decide()
        assert house.offers_ma == offers_ma


@pytest.mark.proves("D5.5", "D9.2c")
def test_nobody_starts_on_what_an_interruption_has_just_withdrawn_from_a_free_charging_point() -> (
    None
):
    house = House(participant(1), participant(2), base_a=22)
    for car in house.cars.values():
        car.connected = False
    house.live(100)
    assert house.offers_ma == [6000, 0]
    house.cars[1].allowed = False
    house.cars[2].connected = True
    house.live(6)
    assert house.offers_ma == [0, 0], "a vehicle may have come to charging point 1 unseen"
    house.live(1)
    assert house.offers_ma == [0, 6000]


@pytest.mark.proves("D9.2c")
def test_what_a_vehicle_was_raised_to_stays_reserved_when_it_is_interrupted_before_it_has_followed() -> (
    None
):
    house = House(participant(1), participant(2), base_a=18)
    house.cars[1].cap_ma = 6000
    house.live(60)
    assert house.offers_ma == [6000, 8000]
    house.cars[1].cap_ma = 16_000
    house.cars[2].cap_ma = 6000
    while house.offers_ma[0] == 6000:
        house.live(1)
    house.cars[1].allowed = False
    house.cars[2].cap_ma = 16_000
    house.live(1)
    raised_ma = house.participant(1).transition.raised_to_ma
    assert house.offers_ma[0] == 0
    while house.now_s < house.participant(1).transition.rises_until:
        assert house.offers_ma[1] + raised_ma <= 14_000
        house.live(1)
    house.live(20)
    assert house.offers_ma[1] == 14_000


@pytest.mark.proves("D5.5", "D9.5c")
def test_a_raise_waits_until_the_offer_to_a_free_charging_point_was_withdrawn_for_it() -> None:
    house = House(participant(1), participant(2), base_a=14.5)
    house.cars[2].connected = False
    house.cars[1].cap_ma = 10_000
    house.live(100)
    assert house.offers_ma == [10_000, 6000]
    house.cars[1].cap_ma = 16_000
    house.live(1)
    assert house.offers_ma == [10_000, 0], "a vehicle may have come that nobody has read yet"
    house.live(6)
    assert house.offers_ma == [12_000, 0]
    while house.offers_ma[0] < 16_000:
        house.live(1)
        assert house.offers_ma[1] == 0, "it is not offered again while another one still lacks"
    assert house.now_s <= 120.0


@pytest.mark.proves("D13.2c")
@pytest.mark.parametrize(("base_a", "do_both_fit"), [(14, True), (21, False)])
def test_a_charger_that_was_without_power_waits_if_its_current_is_another_ones_by_now(
    base_a: float, *, do_both_fit: bool
) -> None:
    house = House(participant(1), participant(2))
    house.cars[2].connected = False
    house.live(60, base_a=base_a)
    lost, newcomer = house.cars[1], house.cars[2]
    lost.reachable, lost.most_ma = False, 0
    newcomer.connected = True
    house.live(40)
    assert house.offers_ma[1] >= 6000
    lost.reachable = True
    house.live(1)
    assert bool(house.offers_ma[0]) is do_both_fit
    assert house.offers_ma[1] >= 6000
