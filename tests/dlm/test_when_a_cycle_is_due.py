"""Which telegram is urgent, and when a cycle is due though nothing happens."""

from dataclasses import replace

import pytest

from knxgw.catalogue.codes import FaultCode
from knxgw.charging.events import GridMeterReading
from knxgw.dlm.inputs import after_high_power, after_meter_value, is_urgent
from knxgw.dlm.state import LoadManagement
from tests.dlm.houses import HOUSE, Car, House, participant
from tests.support.one_of_each import one_of_each


def quiet() -> House:
    """Return a house in which nothing happens: one car has all it can use."""
    house = House(participant(1))
    house.live(100)
    assert house.offers_ma == [16_000]
    return house


def report(house: House, current_ma: float, *, saturating: bool = False) -> LoadManagement:
    reading = GridMeterReading(phase=0, value=current_ma, may_saturate=saturating)
    return after_meter_value(house.state, house.settings, reading, house.now_s)


@pytest.mark.proves("D9.1b")
def test_a_telegram_that_leaves_room_for_everybody_needs_no_cycle() -> None:
    house = quiet()
    for current_ma in (10_000, 20_000, 32_000):
        assert not is_urgent(report(house, current_ma), HOUSE, 0, house.now_s)


@pytest.mark.proves("D9.1a")
def test_a_telegram_that_leaves_too_little_room_is_urgent() -> None:
    house = quiet()
    assert is_urgent(report(house, 32_001), HOUSE, 0, house.now_s), "the line carries too much"
    idle = House(participant(1))
    idle.cars[1].most_ma = 6000
    idle.live(20)
    assert idle.participant().offer_ma > 6000
    assert is_urgent(report(idle, 30_000), HOUSE, 0, idle.now_s), "the offer would be too much"
    two = House(participant(1), participant(2), base_a=32)
    two.live(30)
    assert is_urgent(report(two, 31_900), HOUSE, 0, two.now_s), "severe for the minima of all"


@pytest.mark.proves("D9.1a")
def test_while_something_is_counted_or_everybody_is_at_the_minimum_each_telegram_is_urgent() -> (
    None
):
    house = quiet()
    silent = replace(house.state, is_emergency=True)
    window = after_high_power(house.state, HOUSE, house.now_s)
    for state in (silent, window):
        assert is_urgent(state, HOUSE, 0, house.now_s)
    small = House(participant(1), participant(2))
    small.live(60)
    small.live(4, base_a=4.3)
    assert small.state.phases[0].excess_since is not None
    assert is_urgent(report(small, 30_000), HOUSE, 0, small.now_s), "an excess lasts"
    over = House(participant(1), participant(2))
    over.live(60)
    over.live(20, base_a=21)
    assert over.state.overcurrent.needs_supervision
    assert is_urgent(report(over, 30_000), HOUSE, 0, over.now_s), "an overcurrent is confirmed"


@pytest.mark.proves("D9.1b")
def test_where_nothing_happens_the_next_cycle_is_due_when_the_meter_is_silent_too_long() -> None:
    house = quiet()
    assert house.state.due_at == pytest.approx(house.now_s + 10, abs=2.0), "values grow old"
    house.meter_s = 0
    heard_s = house.now_s
    house.live(10)
    assert house.state.due_at == heard_s + 11.0, "the telegram of one phase may have been lost"
    house.live(1)
    assert house.state.due_at == heard_s + 12.0
    house.live(1)
    assert FaultCode.SMART_METER_TIMEOUT in house.state.outcome.faults


@pytest.mark.proves("D9.1b")
def test_a_cycle_is_due_when_a_peak_leaves_the_window() -> None:
    house = House(participant(1))
    house.cars[1].cap_ma = 6000
    house.live(60)
    house.live(3, base_a=10)
    high_s = house.now_s  # its last sample; it is in force until the next one is reported
    house.live(12, base_a=4)
    assert house.state.due_at == pytest.approx(high_s + 2 + 1 + 15)
    assert house.state.outcome.available_ma is not None


@pytest.mark.proves("D9.1b")
def test_a_cycle_is_due_when_an_idle_time_ends() -> None:
    house = quiet()
    house.cars[1].most_ma = 0
    house.live(1)
    idle_s = house.now_s
    house.live(59)
    assert house.state.due_at == idle_s + 60
    assert not house.participant().use.is_idle
    house.live(1)
    assert house.participant().use.is_idle


@pytest.mark.proves("D9.1b")
def test_a_cycle_is_due_when_an_under_use_ends() -> None:
    house = quiet()
    house.cars[1].most_ma = 8000
    house.live(1)
    under_s = house.now_s
    house.live(29)
    assert house.state.due_at == under_s + 30
    assert house.use_cap_ma() is None
    house.live(1)
    assert house.use_cap_ma() == 10_000


@pytest.mark.proves("D9.2c")
@pytest.mark.parametrize("moment_s", one_of_each(range(40), lambda moment_s: moment_s // 3))
def test_one_that_was_raised_a_moment_ago_is_not_taken_for_one_that_has_released(
    moment_s: int,
) -> None:
    """It follows what it is offered with a delay: it may still rise when it is lowered again."""
    house = House(participant(1), participant(2), base_a=19.4)
    house.cars = {1: Car(obeys_s=4), 2: Car(allowed=False)}
    house.live(6 + moment_s)
    house.cars[2].allowed = True
    for _ in range(60):
        house.live(1)
        assert house._load_ma(0) <= 32_500, house.now_s
    assert all(house.offers_ma)
