"""Who may have more: never more than there is, step by step, once the meter has reported it all."""

from dataclasses import replace
from itertools import pairwise

import pytest

from knxgw.charging.events import GridMeterReading
from knxgw.config.model import Monitoring
from knxgw.dlm.inputs import after_in_operation
from knxgw.dlm.meter import CompleteSets, Meter, with_reading
from tests.dlm.houses import HOUSE, House, participant


def test_a_set_is_complete_with_its_last_phase_and_a_new_one_begins_with_the_next() -> None:
    meter = Meter(sets=CompleteSets(spacing_s=10.0))
    for phase, now_s in ((0, 1.0), (1, 1.2), (2, 1.4)):
        meter, _ = with_reading(meter, HOUSE, GridMeterReading(phase=phase, value=5000), now_s)
    assert not meter.sets.fresh_phases
    meter, _ = with_reading(meter, HOUSE, GridMeterReading(phase=0, value=5000), 11.0)
    assert meter.sets.fresh_phases == {0}, "L2 and L3 are still of the time before"
    for phase in (1, 2):
        meter, _ = with_reading(meter, HOUSE, GridMeterReading(phase=phase, value=5000), 11.4)
    assert not meter.sets.fresh_phases


def about_to_rise() -> House:
    """Return a house whose peak is forgotten in 1 s, when two phases of a new set have come."""
    house = House(participant(1), settings=replace(HOUSE, interval_s=30.0), base_a=22)
    house.meter_s = 10
    house.live(100)
    house.meter_s = 0
    house.live(6)
    house.tell(0, 1, 2)
    house.live(6, base_a=4)
    house.tell(0, 1, 2)
    house.live(14)
    house.tell(0, 1)
    assert house.offers_ma == [10_000]
    return house


@pytest.mark.proves("D3.1h")
def test_a_raise_waits_until_every_phase_has_told_its_new_value() -> None:
    house = about_to_rise()
    house.live(4)
    assert house.offers_ma == [10_000], "L3 has reported nothing new"
    house.tell(2)
    assert house.offers_ma == [12_000]


def test_one_lost_telegram_does_not_keep_anybody_from_rising_for_good() -> None:
    house = about_to_rise()
    house.live(9)
    assert house.offers_ma == [10_000], "the telegram of L3 was lost"
    house.live(1)
    house.tell(0, 1, 2)
    assert house.offers_ma == [12_000]


@pytest.mark.proves("D3.1i")
def test_with_in_operation_the_last_values_are_enough_to_rise() -> None:
    settings = replace(HOUSE, monitoring=Monitoring.VALUES_AND_IN_OPERATION)
    house = House(participant(1), settings=settings)
    house.live(4)
    house.meter_s = 0
    for _ in range(8):
        house.live(5)
        house.state = after_in_operation(house.state, settings, house.now_s)
    assert house.offers_ma == [16_000]
    silent = House(participant(1))
    silent.live(4)
    silent.meter_s = 0
    silent.live(7)
    assert silent.offers_ma[0] <= 8000, (
        "where values are the sign of life each raise needs new ones"
    )


def between_two_telegrams(monitoring: Monitoring) -> House:
    """Return a house in which something takes more on L1 and L2, and only L1 has been told yet."""
    settings = replace(HOUSE, monitoring=monitoring)
    house = House(participant(1), participant(2, (1,)), participant(3, (1,)), settings=settings)
    house.cars[2].cap_ma, house.cars[3].allowed = 10_000, False
    house.live(61, base_a=(20, 4, 4))
    assert house.offers_ma == [12_000, 10_000, 0]
    house.cars[2].cap_ma, house.cars[3].allowed = 16_000, True
    house.tell_that(0, 36_000)
    return house


@pytest.mark.proves("D3.1k")
@pytest.mark.parametrize("monitoring", list(Monitoring))
def test_between_the_telegrams_of_one_moment_nothing_is_started_or_raised(
    monitoring: Monitoring,
) -> None:
    house = between_two_telegrams(monitoring)
    assert house.offers_ma == [8000, 10_000, 0]
    house.tell_that(1, 42_000)  # 20 A more
    assert house.offers_ma == [6000, 6000, 0], "12 A are left"


@pytest.mark.proves("D3.1k")
@pytest.mark.parametrize("monitoring", list(Monitoring))
def test_a_phase_that_tells_nothing_new_delays_a_start_for_a_second_at_most(
    monitoring: Monitoring,
) -> None:
    house = between_two_telegrams(monitoring)
    house.meter_s = 0
    house.base_ma[0] = 24_000
    house.live(1)
    assert house.offers_ma[2] == 6000


@pytest.mark.proves("D9.4a")
def test_a_raise_is_2_a_at_most_and_5_s_after_the_one_before() -> None:
    house = House(participant(1))
    offers: list[int] = []
    for _ in range(60):
        house.live(1)
        offers.append(house.offers_ma[0])
    steps = [
        (second, after - before)
        for second, (before, after) in enumerate(pairwise(offers))
        if after != before
    ]
    assert offers[-1] == 16_000
    assert all(0 < step <= 2000 for _, step in steps)
    assert all(two - one >= 5 for (one, _), (two, _) in pairwise(steps))


@pytest.mark.proves("D9.4g")
def test_a_small_raise_is_given_after_it_was_possible_for_30_s() -> None:
    house = House(participant(1), base_a=20)
    house.live(60)
    assert house.offers_ma == [12_000]
    house.live(40, base_a=19.7)
    assert house.offers_ma == [12_000], "15 s until the peak is forgotten, and not yet 30 s more"
    house.live(10)
    assert house.offers_ma == [12_300]
    house.live(200, base_a=19.6)
    assert house.offers_ma == [12_300], "0.1 A is never worth a write"


@pytest.mark.proves("D9.4f")
def test_half_an_ampere_is_worth_a_raise_at_once() -> None:
    house = House(participant(1), base_a=20)
    house.live(60)
    house.live(22, base_a=19.5)
    assert house.offers_ma == [12_500]
