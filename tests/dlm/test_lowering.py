"""Who has too much is lowered, at once where it is for safety, and how long nobody is raised then."""

from dataclasses import replace

import pytest

from knxgw.dlm.inputs import after_high_power
from knxgw.dlm.settings import LONG_AGO
from tests.dlm.houses import HOUSE, House, participant


@pytest.mark.proves("D9.3b")
def test_a_small_excess_is_lowered_after_10_s_and_does_not_delay_raising() -> None:
    house = House(participant(1), participant(2))
    house.live(60)
    assert house.offers_ma == [14_000, 14_000]
    house.live(10, base_a=4.3)
    assert house.offers_ma == [14_000, 14_000]
    house.live(6)
    assert house.offers_ma == [13_800, 13_800]
    phase = house.state.phases[0]
    assert (phase.reduced_at, phase.back_off) == (LONG_AGO, 0)


@pytest.mark.proves("D9.3a")
def test_a_clear_excess_is_lowered_with_its_telegram_and_delays_raising() -> None:
    house = House(participant(1), participant(2))
    house.live(60)
    house.live(4, base_a=4.8)
    assert house.offers_ma == [13_600, 13_600]
    assert house.state.phases[0].reduced_at == 62.0


@pytest.mark.proves("D9.3a", "D9.4b")
def test_what_is_lowered_on_a_phase_that_is_shown_above_the_limit_is_lowered_for_safety() -> None:
    # On L2 the offers seem to fit once those on L1 were lowered: vehicle 3, which nobody measures, is
    # taken to use L2 as well.
    house = House(
        participant(1, measures=False),
        participant(2, (1,), measures=False),
        participant(3, (2, 0, 1), measures=False),
        participant(4, (1, 2, 0), measures=False),
        settings=replace(HOUSE, fuse_ma=50_000, reserve_ma=4000),
    )
    for number, car in house.cars.items():
        car.is_read, car.obeys_s = False, 2
        car.terminals = 1 if number in (2, 3) else 3
    house.live(300, base_a=(9.7, 1.2, 0.8))
    assert house.offers_ma == [11_500] * 4
    house.live(2, base_a=(35.9, 27.2, 26.9))
    assert house.offers_ma == [6000] * 4
    assert [phase.reduced_at for phase in house.state.phases[:2]] == [house.now_s] * 2
    house.live(14)
    assert house.offers_ma == [6000] * 4


@pytest.mark.proves("D9.4b")
def test_after_a_reduction_nothing_is_raised_for_15_s_even_if_the_peak_is_forgotten_before() -> (
    None
):
    settings = replace(HOUSE, high_power_s=5.0)
    house = House(participant(1), participant(2), settings=settings)
    house.live(200)
    house.live(2, base_a=16)
    reduced_s = house.now_s
    assert house.offers_ma == [8000, 8000]
    house.state = after_high_power(house.state, settings, house.now_s)
    house.live(14, base_a=4)
    assert house.now_s > house.state.high_power_until
    assert house.state.phases[0].reduced_at == reduced_s
    assert house.offers_ma == [6000, 6000]
    house.live(3)
    assert house.offers_ma == [8000, 8000]


@pytest.mark.proves("D9.4e")
def test_a_load_that_comes_back_after_each_raise_doubles_the_hold_up_to_eight_times() -> None:
    house = House(participant(1), participant(2))
    house.live(60)
    holds = []
    for _ in range(5):
        house.live(4, base_a=8)
        reduced_s, low = house.now_s, house.offers_ma
        house.base_ma = [4000] * 3
        while house.offers_ma == low:
            house.live(1)
        holds.append(house.now_s - reduced_s)
        house.live(20)
    assert [round(hold_s / 15) for hold_s in holds] == [1, 2, 4, 8, 8]


@pytest.mark.proves("D9.4e")
def test_the_longer_hold_is_over_10_minutes_after_the_load_came_back_for_the_last_time() -> None:
    house = comes_back(House(participant(1), participant(2)))
    phase = house.state.phases[0]
    assert phase.back_off == 1
    assert phase.back_off_useful_at == phase.reduced_at
    house.live(20, base_a=4)
    house.live(4, base_a=8)  # it is still kept in mind, so nobody was raised
    again_s = house.state.phases[0].back_off_useful_at
    assert again_s > phase.back_off_useful_at
    house.live(round(again_s + 600 - house.now_s), base_a=4)
    assert house.state.phases[0].back_off == 1
    house.live(1)
    assert house.state.phases[0].back_off == 0


def comes_back(house: House) -> House:
    """Let a load of 4 A go, and come back 24 s later, when the vehicles have been raised."""
    house.live(60, base_a=8)
    house.live(24, base_a=4)
    house.live(4, base_a=8)
    return house


@pytest.mark.proves("D9.4e")
def test_a_load_that_was_not_there_before_makes_no_later_raise_wait_longer() -> None:
    house = House(participant(1), participant(2))
    house.live(60)
    house.live(4, base_a=8)
    assert house.state.phases[0].reduced_at == house.now_s - 2
    assert house.state.phases[0].back_off == 0, "no window would have known of it"
    house.live(24, base_a=4)
    house.live(4, base_a=12)
    assert house.state.phases[0].back_off == 0, "and of this one neither: it is another load"


@pytest.mark.proves("D9.3a")
def test_who_has_not_taken_its_raise_yet_is_not_raised_while_the_line_carries_too_much() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    assert house.offers_ma == [12_000, 12_000]
    house.cars[2].acknowledged_ma = 10_000
    house.live(4, base_a=10)
    assert house.offers_ma == [11_000, 10_000]
