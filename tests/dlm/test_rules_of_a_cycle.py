"""Rules of a cycle one by one: raising, overcurrent, the queue, idle points, when nothing is due."""

from dataclasses import replace
from itertools import pairwise

import pytest

from knxgw.charging.faults import FaultCode
from knxgw.dlm.base_load import look_again
from knxgw.dlm.cycle import cycle
from knxgw.dlm.inputs import high_power, in_operation, is_urgent, look, meter_value
from knxgw.dlm.meter import Meter, MeterReading, take
from knxgw.dlm.settings import Supervision
from knxgw.dlm.state import LONG_AGO_S, LoadManagement
from tests.dlm.houses import HOUSE, Car, House, member

QUEUE = replace(HOUSE, queue=True)


# --- a newcomer ----------------------------------------------------------------------------------


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
    points = [replace(member(number), resolution_ma=resolution_ma) for number in (1, 2)]
    house = House(*points, base_a=base_a[0])
    house.cars[2].connected = False
    house.live(60)
    house.cars[2].connected = True
    house.live(10)
    assert house.offers_ma == before_ma
    house.live(40, base_a=base_a[1])
    assert house.offers_ma == after_ma


# --- what the chargers drew when the meter looked ------------------------------------------------


def test_one_without_measurement_may_still_draw_what_it_was_told_two_raises_ago() -> None:
    house = House(member(1, measures=False), base_a=22)
    house.live(60)
    assert house.offers_ma == [10_000]
    house.live(10, base_a=12)
    while house.offers_ma[0] < 14_000:
        house.live(1)
    house.meter_s = 0
    house.live(1)
    for phase in range(3):
        house.tell_that(phase, 22_000)  # 12 A of the building, and 10 A
    assert all((one.base_ma or 0) + one.doubt_ma >= 12_000 for one in house.state.phases)


def test_a_value_that_readings_reach_late_counts_though_the_meter_has_told_others_since() -> None:
    house = House(member(1), member(2), base_a=20)
    house.live(60)
    state, start_s = house.state, house.now_s
    assert [one.base_ma for one in state.phases] == [20_000] * 3
    read_s = {1: start_s, 2: start_s}
    for second in range(1, 31):
        now_s = start_s + second
        for number, period_s in ((1, 5), (2, 7)):
            read_s[number] = now_s if second % period_s == 0 else read_s[number]
        seen = {n: replace(house.seen(n), read_s=read_s[n], fresh_s=40.0) for n in (1, 2)}
        for phase in range(3):
            reading = MeterReading(phase=phase, current_ma=32_400)  # 0.4 A more: no danger
            state = meter_value(state, house.settings, reading, now_s, seen)
            state = cycle(state, house.settings, seen, now_s, new_phases=(phase,))
    assert [one.base_ma for one in state.phases] == [20_400] * 3


# --- raising needs a complete set ----------------------------------------------------------------


def test_a_set_is_complete_with_its_last_phase_and_a_new_one_begins_with_the_next() -> None:
    meter = Meter(spacing_s=10.0)
    for phase, now_s in ((0, 1.0), (1, 1.2), (2, 1.4)):
        meter, _ = take(meter, HOUSE, MeterReading(phase=phase, current_ma=5000), now_s)
    assert not meter.fresh
    meter, _ = take(meter, HOUSE, MeterReading(phase=0, current_ma=5000), 11.0)
    assert meter.fresh == {0}, "L2 and L3 are still of the time before"
    for phase in (1, 2):
        meter, _ = take(meter, HOUSE, MeterReading(phase=phase, current_ma=5000), 11.4)
    assert not meter.fresh


def about_to_rise() -> House:
    """Return a house whose peak is forgotten in 1 s, when two phases of a new set have come."""
    house = House(member(1), settings=replace(HOUSE, interval_s=30.0), base_a=22)
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
    assert house.offers_ma == [10_000], "L3 has told nothing new"
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
    settings = replace(HOUSE, supervision=Supervision.VALUES_AND_IN_OPERATION)
    house = House(member(1), settings=settings)
    house.live(4)
    house.meter_s = 0
    for _ in range(8):
        house.live(5)
        house.state = in_operation(house.state, settings, house.now_s)
    assert house.offers_ma == [16_000]
    silent = House(member(1))
    silent.live(4)
    silent.meter_s = 0
    silent.live(7)
    assert silent.offers_ma[0] <= 8000, (
        "where values are the sign of life each raise needs new ones"
    )


@pytest.mark.proves("D9.4a")
def test_a_raise_is_2_a_at_most_and_5_s_after_the_one_before() -> None:
    house = House(member(1))
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
    house = House(member(1), base_a=20)
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
    house = House(member(1), base_a=20)
    house.live(60)
    house.live(22, base_a=19.5)
    assert house.offers_ma == [12_500]


# --- lowering ------------------------------------------------------------------------------------


@pytest.mark.proves("D9.3b")
def test_a_small_excess_is_lowered_after_10_s_and_does_not_delay_raising() -> None:
    house = House(member(1), member(2))
    house.live(60)
    assert house.offers_ma == [14_000, 14_000]
    house.live(10, base_a=4.3)
    assert house.offers_ma == [14_000, 14_000]
    house.live(6)
    assert house.offers_ma == [13_800, 13_800]
    phase = house.state.phases[0]
    assert (phase.reduced_s, phase.back_off) == (LONG_AGO_S, 0)


@pytest.mark.proves("D9.3a")
def test_a_clear_excess_is_lowered_with_its_telegram_and_delays_raising() -> None:
    house = House(member(1), member(2))
    house.live(60)
    house.live(4, base_a=4.8)
    assert house.offers_ma == [13_600, 13_600]
    assert house.state.phases[0].reduced_s == 62.0


@pytest.mark.proves("D9.4b")
def test_after_a_reduction_nothing_is_raised_for_15_s_even_if_the_peak_is_forgotten_before() -> (
    None
):
    settings = replace(HOUSE, high_power_s=5.0)
    house = House(member(1), member(2), settings=settings)
    house.live(200)
    house.live(2, base_a=16)
    reduced_s = house.now_s
    assert house.offers_ma == [8000, 8000]
    house.state = high_power(house.state, settings, house.now_s)
    house.live(14, base_a=4)
    assert house.now_s > house.state.high_power_until_s
    assert house.state.phases[0].reduced_s == reduced_s
    assert house.offers_ma == [6000, 6000]
    house.live(3)
    assert house.offers_ma == [8000, 8000]


@pytest.mark.proves("D9.4e")
def test_a_load_that_comes_back_after_each_raise_doubles_the_hold_up_to_eight_times() -> None:
    house = House(member(1), member(2))
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
    house = comes_back(House(member(1), member(2)))
    phase = house.state.phases[0]
    assert phase.back_off == 1
    assert phase.back_off_s == phase.reduced_s
    house.live(20, base_a=4)
    house.live(4, base_a=8)  # it is still kept in mind, so nobody was raised
    again_s = house.state.phases[0].back_off_s
    assert again_s > phase.back_off_s
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
    house = House(member(1), member(2))
    house.live(60)
    house.live(4, base_a=8)
    assert house.state.phases[0].reduced_s == house.now_s - 2
    assert house.state.phases[0].back_off == 0, "no window would have told of it"
    house.live(24, base_a=4)
    house.live(4, base_a=12)
    assert house.state.phases[0].back_off == 0, "and of this one neither: it is another load"


# --- overcurrent and the queue -------------------------------------------------------------------


def slow_cars(house: House, obeys_s: int = 5) -> House:
    for car in house.cars.values():
        car.obeys_s = obeys_s
    house.live(100)
    return house


@pytest.mark.proves("D12.2f")
def test_a_value_from_before_the_cars_could_obey_confirms_no_overcurrent() -> None:
    house = House(member(1), member(2))
    house.meter_s = 10
    slow_cars(house)
    assert house.offers_ma == [14_000, 14_000]
    house.live(1, base_a=20)
    for _ in range(60):
        house.live(1)
        assert FaultCode.OVER_CURRENT not in house.state.faults
    assert house.offers_ma == [6000, 6000]


@pytest.mark.proves("D12.2a")
def test_a_value_from_after_they_could_obey_confirms_it() -> None:
    house = House(member(1), member(2))
    house.meter_s = 10
    slow_cars(house)
    house.live(40, base_a=25.5)
    assert FaultCode.OVER_CURRENT in house.state.faults
    assert house.offers_ma == [0, 0]


@pytest.mark.proves("D12.4d")
def test_who_fitted_all_the_time_comes_back_as_soon_as_the_meter_has_seen_all_stop() -> None:
    house = House(member(1), member(2))
    house.live(60)
    house.live(1, base_a=24)  # 8 A: enough for one of them, and the line carries 36 A with both
    while FaultCode.OVER_CURRENT not in house.state.faults:
        house.live(1)
    assert house.offers_ma == [0, 0]
    locked_s = house.now_s
    while FaultCode.OVER_CURRENT in house.state.faults:
        house.live(1)
    assert 7 <= house.now_s - locked_s <= 12
    house.live(30)
    assert sorted(house.offers_ma) == [0, 8000]


@pytest.mark.proves("D12.4a")
def test_who_did_not_fit_comes_back_after_a_minute_of_room() -> None:
    house = House(member(1), member(2))
    house.live(60)
    house.live(40, base_a=26)
    assert house.offers_ma == [0, 0]
    house.live(59, base_a=4)
    assert house.offers_ma == [0, 0]
    house.live(10)
    assert min(house.offers_ma) >= 6000


@pytest.mark.proves("D18.1d")
def test_with_the_queue_one_is_shed_and_nobody_is_locked_out() -> None:
    house = slow_cars(House(member(1), member(2), settings=QUEUE))
    house.live(1, base_a=24)
    served = set()
    for _ in range(120):
        house.live(1)
        assert FaultCode.OVER_CURRENT not in house.state.faults
        served.add(sum(offer_ma > 0 for offer_ma in house.offers_ma))
    assert served == {2, 1}, "never less than one"
    assert sorted(house.offers_ma) == [0, 8000]


@pytest.mark.proves("D18.1f")
def test_who_was_shed_comes_back_after_a_minute_of_room_for_1_a_more() -> None:
    house = slow_cars(House(member(1), member(2), settings=QUEUE))
    house.live(60, base_a=24)
    assert sorted(house.offers_ma) == [0, 8000]
    house.live(300, base_a=19.5)
    assert 0 in house.offers_ma, "12.5 A are not 13"
    house.live(50, base_a=18.9)
    assert 0 in house.offers_ma
    house.live(30)
    assert 0 not in house.offers_ma


@pytest.mark.proves("D18.1f")
def test_the_room_for_a_return_is_what_is_available_at_each_moment() -> None:
    house = slow_cars(House(member(1), member(2), settings=QUEUE))
    house.live(60, base_a=24)
    house.live(70, base_a=18)
    assert 0 not in house.offers_ma, "the peak of before is remembered for 15 s, the minute is not"


def test_one_that_was_shed_is_no_reason_to_yield_before_it_has_waited_for_a_turn() -> None:
    settings = replace(QUEUE, rotation_s=100.0)
    house = slow_cars(House(member(1), member(2), settings=settings))
    house.live(30, base_a=24)
    served = [offer_ma > 0 for offer_ma in house.offers_ma]
    assert sorted(served) == [False, True]
    for _ in range(60):
        house.live(1)
        assert [offer_ma > 0 for offer_ma in house.offers_ma] == served


# --- points without a vehicle --------------------------------------------------------------------


@pytest.mark.proves("D5.5")
@pytest.mark.parametrize(
    ("base_a", "offers_ma"), [(4, [6000, 6000]), (21, [6000, 0]), (27, [0, 0])], ids=str
)
def test_idle_points_are_offered_the_minimum_as_often_as_it_fits(
    base_a: int, offers_ma: list[int]
) -> None:
    house = House(member(1), member(2), base_a=base_a)
    house.cars = {1: Car(connected=False), 2: Car(connected=False)}
    house.live(30)
    assert house.offers_ma == offers_ma


def test_idle_points_on_different_phases_take_nothing_from_each_other() -> None:
    house = House(member(1, (0,)), member(2, (1,)), base_a=24)
    house.cars = {1: Car(connected=False), 2: Car(connected=False)}
    house.live(30)
    assert house.offers_ma == [6000, 6000]


# --- the load of the building --------------------------------------------------------------------


def base_after_a_step(measured_ma: int) -> int | None:
    """Return the base when a car was read with 6 A at 11 and 12 s, with 10 A at 13 s.

    The smart meter looked at 12 s; the building took 4 A until then.
    """
    house = House(member(1))
    house.live(1)
    state = house.state

    def read(current_ma: int, now_s: float) -> LoadManagement:
        seen = replace(house.seen(1), currents_ma=(current_ma,) * 3, read_s=now_s)
        looked = look(state, HOUSE, 1, seen, now_s)
        assert looked is not None
        return looked

    for now_s in range(2, 12):
        state = read(6000, float(now_s))
    state = meter_value(state, HOUSE, MeterReading(phase=0, current_ma=10_000), 11.0)
    assert state.phases[0].base_ma == 4000
    state = read(6000, 12.0)
    state = read(10_000, 13.0)
    state = meter_value(state, HOUSE, MeterReading(phase=0, current_ma=measured_ma), 13.0)
    return state.phases[0].base_ma


@pytest.mark.proves("D7.2d")
@pytest.mark.parametrize("measured_ma", [10_000, 12_000, 14_000])
def test_what_a_car_s_step_may_explain_is_no_change_of_the_building(measured_ma: int) -> None:
    assert base_after_a_step(measured_ma) == 4000


@pytest.mark.proves("D7.2d")
def test_what_certainly_rose_is_taken_as_most_likely_and_what_fell_as_the_least() -> None:
    assert base_after_a_step(15_000) == 9000, "5 A at least, but the car was most likely at 6 A"
    assert base_after_a_step(9000) == 3000


@pytest.mark.proves("D7.2d")
def test_a_small_certain_rise_while_a_car_moves_is_taken_as_the_least() -> None:
    assert base_after_a_step(14_400) == 4400, "the car may have had its 10 A already"


@pytest.mark.proves("D7.2d")
@pytest.mark.parametrize(("risen_ma", "base_ma"), [(13_000, 4000), (9000, 4200)])
def test_a_car_that_was_raised_and_lowered_may_have_had_more_than_two_readings_show(
    risen_ma: int, base_ma: int
) -> None:
    """S11: at 13 A for a moment between a reading of 12.8 A and one of 10 A."""
    house = House(member(1))
    house.live(20)
    one = house.member().clone()
    one.offer_ma, one.risen_ma, one.rises_until_s = 9000, risen_ma, house.now_s + 6
    state = replace(house.state, members={1: one})
    seen = house.seen(1)
    for current_ma, at_s in ((12_800, 1.0), (10_000, 2.0)):
        now_s = house.now_s + at_s
        seen = replace(house.seen(1), currents_ma=(current_ma,) * 3, read_s=now_s, cap_ma=16_000)
        looked = look(state, HOUSE, 1, seen, now_s)
        assert looked is not None
        state = looked
    reading = MeterReading(phase=0, current_ma=17_000)  # one second ago
    state = meter_value(state, HOUSE, reading, house.now_s + 2.2)
    assert state.phases[0].base_ma == 4000, "no reading is as new as the sample"
    looked = look(state, HOUSE, 1, replace(seen, read_s=house.now_s + 3), house.now_s + 3)
    assert looked is not None
    phase = looked.phases[0].clone()
    look_again(phase, 0, looked.members.values(), HOUSE, house.now_s + 3)
    assert phase.base_ma == base_ma


@pytest.mark.proves("D7.2a")
@pytest.mark.parametrize("delay_s", [1.0, 4.0])
def test_the_base_is_what_was_measured_less_what_was_drawn_at_that_moment(delay_s: float) -> None:
    house = House(member(1), settings=replace(HOUSE, meter_delay_s=delay_s))
    house.live(8)  # of the time before the first reading nobody knows what was drawn
    assert house.offers_ma[0] <= 8000
    for _ in range(40):
        house.live(1)
        bases = {phase.base_ma for phase in house.state.phases if phase.base_ma is not None}
        assert bases <= {4000}, "whatever the car did since the meter looked"
    assert house.offers_ma == [16_000]


@pytest.mark.proves("D3.3a", "D7.2b")
def test_between_two_meter_values_the_base_stays() -> None:
    house = House(member(1))
    house.live(40)
    house.meter_s = 0
    house.cars[1].most_ma = 9000
    house.live(8)
    assert house.member().actual_ma == (9000,) * 3
    assert [phase.base_ma for phase in house.state.phases] == [4000] * 3


@pytest.mark.proves("D7.3b")
def test_for_raising_the_highest_base_of_the_last_15_s_counts() -> None:
    house = House(member(1), base_a=20)
    house.live(60)
    house.live(14, base_a=4)
    assert house.offers_ma == [12_000], "told for the last time 14 s ago"
    house.live(20)
    assert house.offers_ma == [16_000]


# --- large consumers -----------------------------------------------------------------------------


@pytest.mark.proves("D10.4", "D10.5")
def test_when_the_window_ends_only_loads_since_its_start_count() -> None:
    settings = replace(HOUSE, high_power_s=5.0)
    house = House(member(1), settings=settings, base_a=25)
    house.live(60)
    assert house.offers_ma == [7000]
    house.live(3, base_a=4)
    house.state = high_power(house.state, settings, house.now_s)
    house.live(9)
    assert house.offers_ma == [6000]
    house.live(2)
    assert house.offers_ma == [8000], "5 s are too few: the spacing of the meter and 8 s"


@pytest.mark.proves("D10.3")
def test_during_the_window_a_newcomer_starts_if_there_is_room_now() -> None:
    for base_a, offers_ma in ((4, [6000, 6000]), (22, [6000, 0])):
        house = House(member(1), member(2), base_a=base_a)
        house.cars[2].allowed = False
        house.live(60)
        house.state = high_power(house.state, HOUSE, house.now_s)
        house.cars[2].allowed = True
        house.live(10)
        assert house.offers_ma == offers_ma


# --- what is urgent, and what is due -------------------------------------------------------------


def quiet() -> House:
    """Return a house in which nothing happens: one car has all it can use."""
    house = House(member(1))
    house.live(100)
    assert house.offers_ma == [16_000]
    return house


def told(house: House, current_ma: float, *, saturating: bool = False) -> LoadManagement:
    reading = MeterReading(phase=0, current_ma=current_ma, saturating=saturating)
    return meter_value(house.state, house.settings, reading, house.now_s)


@pytest.mark.proves("D9.1b")
def test_a_telegram_that_leaves_room_for_everybody_needs_no_cycle() -> None:
    house = quiet()
    for current_ma in (10_000, 20_000, 32_000):
        assert not is_urgent(told(house, current_ma), HOUSE, 0, house.now_s)


@pytest.mark.proves("D9.1a")
def test_a_telegram_that_leaves_too_little_room_is_urgent() -> None:
    house = quiet()
    assert is_urgent(told(house, 32_001), HOUSE, 0, house.now_s), "the line carries too much"
    idle = House(member(1))
    idle.cars[1].most_ma = 6000
    idle.live(20)
    assert idle.member().offer_ma > 6000
    assert is_urgent(told(idle, 30_000), HOUSE, 0, idle.now_s), "the offer would be too much"
    two = House(member(1), member(2), base_a=32)
    two.live(30)
    assert is_urgent(told(two, 31_900), HOUSE, 0, two.now_s), "severe for the minima of all"


@pytest.mark.proves("D9.1a")
def test_while_something_is_counted_or_everybody_is_at_the_minimum_each_telegram_is_urgent() -> (
    None
):
    house = quiet()
    silent = replace(house.state, emergency=True)
    window = high_power(house.state, HOUSE, house.now_s)
    for state in (silent, window):
        assert is_urgent(state, HOUSE, 0, house.now_s)
    small = House(member(1), member(2))
    small.live(60)
    small.live(4, base_a=4.3)
    assert small.state.phases[0].excess_s is not None
    assert is_urgent(told(small, 30_000), HOUSE, 0, small.now_s), "an excess lasts"
    over = House(member(1), member(2))
    over.live(60)
    over.live(20, base_a=21)
    assert over.state.overcurrent.is_counting
    assert is_urgent(told(over, 30_000), HOUSE, 0, over.now_s), "an overcurrent is confirmed"


@pytest.mark.proves("D9.1b")
def test_where_nothing_happens_the_next_cycle_is_due_when_the_meter_is_silent_too_long() -> None:
    house = quiet()
    assert house.state.due_s == pytest.approx(house.now_s + 10, abs=2.0), "values grow old"
    house.meter_s = 0
    heard_s = house.now_s
    house.live(11)
    assert house.state.due_s == heard_s + 12.0
    house.live(1)
    assert FaultCode.SMART_METER_TIMEOUT in house.state.faults


@pytest.mark.proves("D9.1b")
def test_a_cycle_is_due_when_a_peak_leaves_the_window() -> None:
    house = House(member(1))
    house.cars[1].cap_ma = 6000
    house.live(60)
    house.live(3, base_a=10)
    high_s = house.now_s  # its last sample; it is in force until the next one is told
    house.live(12, base_a=4)
    assert house.state.due_s == pytest.approx(high_s + 2 + 1 + 15)
    assert house.state.available_ma is not None


@pytest.mark.proves("D9.1b")
def test_a_cycle_is_due_when_an_idle_time_ends() -> None:
    house = quiet()
    house.cars[1].most_ma = 0
    house.live(1)
    idle_s = house.now_s
    house.live(59)
    assert house.state.due_s == idle_s + 60
    assert not house.member().released
    house.live(1)
    assert house.member().released


@pytest.mark.proves("D9.1b")
def test_a_cycle_is_due_when_an_under_use_ends() -> None:
    house = quiet()
    house.cars[1].most_ma = 8000
    house.live(1)
    under_s = house.now_s
    house.live(29)
    assert house.state.due_s == under_s + 30
    assert house.member().use_cap_ma is None
    house.live(1)
    assert house.member().use_cap_ma == 10_000


@pytest.mark.proves("D9.2c")
@pytest.mark.parametrize("moment_s", range(40))
def test_one_that_was_raised_a_moment_ago_is_not_taken_for_one_that_has_released(
    moment_s: int,
) -> None:
    """It follows what it was told with a delay: it may still rise when it is lowered again."""
    house = House(member(1), member(2), base_a=19.4)
    house.cars = {1: Car(obeys_s=4), 2: Car(allowed=False)}
    house.live(6 + moment_s)
    house.cars[2].allowed = True
    for _ in range(60):
        house.live(1)
        assert house._load_ma(0) <= 32_500, house.now_s
    assert all(house.offers_ma)
