"""What the building draws, by the meter and by what the chargers drew when it looked."""

from dataclasses import replace

import pytest

from knxgw.charging.events import GridMeterReading
from knxgw.dlm.base_load import add_sample, examine_at_rest, reexamine
from knxgw.dlm.cycle import cycle
from knxgw.dlm.inputs import after_meter_value, observe_charger
from knxgw.dlm.participant import Participant, PastDraw
from knxgw.dlm.state import BaseRange, LoadManagement, PhaseState, Sample
from knxgw.dlm.use import set_offer
from tests.dlm.houses import HOUSE, House, participant

# --- what the chargers drew when the meter looked ---


def test_one_without_measurement_may_still_draw_what_it_was_told_two_raises_ago() -> None:
    house = House(participant(1, measures=False), base_a=22)
    house.live(60)
    assert house.offers_ma == [10_000]
    house.live(10, base_a=12)
    while house.offers_ma[0] < 14_000:
        house.live(1)
    house.meter_s = 0
    house.live(1)
    for phase in range(3):
        house.tell_that(phase, 22_000)  # 12 A of the building, and 10 A
    assert all((one.base_ma or 0) + one.uncertainty_ma >= 12_000 for one in house.state.phases)


def test_a_value_that_readings_reach_late_counts_though_the_meter_has_told_others_since() -> None:
    house = House(participant(1), participant(2), base_a=20)
    house.live(60)
    state, start_s = house.state, house.now_s
    assert [one.base_ma for one in state.phases] == [20_000] * 3
    read_s = {1: start_s, 2: start_s}
    for second in range(1, 31):
        now_s = start_s + second
        for number, period_s in ((1, 5), (2, 7)):
            read_s[number] = now_s if second % period_s == 0 else read_s[number]
        seen = {n: replace(house.observation(n), read_at=read_s[n], fresh_s=40.0) for n in (1, 2)}
        for phase in range(3):
            reading = GridMeterReading(phase=phase, value=32_400)  # 0.4 A more: no danger
            state = after_meter_value(state, house.settings, reading, now_s, seen)
            state = cycle(state, house.settings, seen, now_s, new_phases=(phase,))
    assert [one.base_ma for one in state.phases] == [20_400] * 3


# --- the load of the building ---


def base_after_a_step(measured_ma: int) -> int | None:
    """Return the base when a car was read with 6 A at 11 and 12 s, with 10 A at 13 s.

    The smart meter looked at 12 s; the building took 4 A until then.
    """
    house = House(participant(1))
    house.live(1)
    state = house.state

    def read(current_ma: int, now_s: float) -> LoadManagement:
        seen = replace(house.observation(1), currents_ma=(current_ma,) * 3, read_at=now_s)
        looked = observe_charger(state, HOUSE, 1, seen, now_s)
        assert looked is not None
        return looked

    for now_s in range(2, 12):
        state = read(6000, float(now_s))
    state = after_meter_value(state, HOUSE, GridMeterReading(phase=0, value=10_000), 11.0)
    assert state.phases[0].base_ma == 4000
    state = read(6000, 12.0)
    state = read(10_000, 13.0)
    state = after_meter_value(state, HOUSE, GridMeterReading(phase=0, value=measured_ma), 13.0)
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
    house = House(participant(1))
    house.live(20)
    one = house.participant().clone()
    one.offer_ma = 9000
    one.transition = replace(one.transition, raised_to_ma=risen_ma, rises_until=house.now_s + 6)
    state = replace(house.state, participants={1: one})
    seen = house.observation(1)
    for current_ma, at_s in ((12_800, 1.0), (10_000, 2.0)):
        now_s = house.now_s + at_s
        seen = replace(house.observation(1), currents_ma=(current_ma,) * 3, read_at=now_s)
        looked = observe_charger(state, HOUSE, 1, seen, now_s)
        assert looked is not None
        state = looked
    reading = GridMeterReading(phase=0, value=17_000)  # one second ago
    state = after_meter_value(state, HOUSE, reading, house.now_s + 2.2)
    assert state.phases[0].base_ma == 4000, "no reading is as new as the sample"
    looked = observe_charger(
        state, HOUSE, 1, replace(seen, read_at=house.now_s + 3), house.now_s + 3
    )
    assert looked is not None
    phase = looked.phases[0].clone()
    reexamine(phase, 0, looked.participants.values(), HOUSE, house.now_s + 3)
    assert phase.base_ma == base_ma


@pytest.mark.proves("D7.2h")
@pytest.mark.parametrize(("raised_after_s", "base_ma"), [(2.0, 4000), (8.0, -6000)])
def test_a_car_that_was_lowered_and_raised_again_may_have_had_less_than_two_readings_show(
    raised_after_s: float, base_ma: int
) -> None:
    """It was read with 16 A before and after; once it was read to ignore its 6 A nothing was hidden."""
    house = House(participant(1))
    house.live(60)
    one = house.participant().clone()
    set_offer(one, 6000, HOUSE, house.now_s + 0.5)
    state = replace(house.state, participants={1: one})
    raised_at = house.now_s + 0.5 + raised_after_s

    def read(at_s: float) -> LoadManagement:
        seen = replace(house.observation(1), currents_ma=(16_000,) * 3, read_at=at_s)
        looked = observe_charger(state, HOUSE, 1, seen, at_s)
        assert looked is not None
        return looked

    for at_s in range(1, int(raised_after_s), 3):
        state = read(house.now_s + at_s)
    one = state.participants[1].clone()
    set_offer(one, 16_000, HOUSE, raised_at)
    state = replace(state, participants={1: one})
    state = after_meter_value(
        state, HOUSE, GridMeterReading(phase=0, value=10_000), raised_at + 1.5
    )
    state = read(raised_at + 2)
    seen = {1: replace(house.observation(1), currents_ma=(16_000,) * 3, read_at=raised_at + 2)}
    assert cycle(state, HOUSE, seen, raised_at + 2).phases[0].base_ma == base_ma


@pytest.mark.proves("D7.2a")
@pytest.mark.parametrize("delay_s", [1.0, 4.0])
def test_the_base_is_what_was_measured_less_what_was_drawn_at_that_moment(delay_s: float) -> None:
    house = House(participant(1), settings=replace(HOUSE, meter_delay_s=delay_s))
    house.live(8)  # of the time before the first reading nobody knows what was drawn
    assert house.offers_ma[0] <= 8000
    for _ in range(40):
        house.live(1)
        bases = {phase.base_ma for phase in house.state.phases if phase.base_ma is not None}
        assert bases <= {4000}, "whatever the car did since the meter looked"
    assert house.offers_ma == [16_000]


@pytest.mark.proves("D3.3a", "D7.2b")
def test_between_two_meter_values_the_base_stays() -> None:
    house = House(participant(1))
    house.live(40)
    house.meter_s = 0
    house.cars[1].most_ma = 9000
    house.live(8)
    assert house.participant().draw_ma == (9000,) * 3
    assert [phase.base_ma for phase in house.state.phases] == [4000] * 3


@pytest.mark.proves("D7.3b")
def test_for_raising_the_highest_base_of_the_last_15_s_counts() -> None:
    house = House(participant(1), base_a=20)
    house.live(60)
    house.live(14, base_a=4)
    assert house.offers_ma == [12_000], "report for the last time 14 s ago"
    house.live(20)
    assert house.offers_ma == [16_000]


@pytest.mark.proves("D7.2f")
def test_what_a_vehicle_leaves_is_not_given_away_while_it_may_have_left_before_the_sample() -> None:
    """The building took 10 A and a vehicle left at about the same moment; not all were read since."""
    steady = tuple(PastDraw(at, (8800, 8800, 8800)) for at in (90.0, 99.0))
    seldom = replace(House(participant(1)).observation(1), fresh_s=15.0)  # read each 3 s
    leaving, *others = (
        Participant(
            settings=participant(number), is_reachable=True, is_connected=True, history=steady,
            observation=seldom,
        )
        for number in (1, 2, 3, 4, 5)
    )  # fmt: skip
    phase = PhaseState(base_ma=1400)
    sample = Sample(current_ma=46_600, sampled_at=100.5, arrived_at=101.5)
    add_sample(phase, 0, sample, [leaving, *others], HOUSE)
    assert (phase.base_ma or 0) + phase.uncertainty_ma == 46_600 - 5 * 8800
    gone = replace(leaving, history=(*steady, PastDraw(102.0, (0, 0, 0))), is_connected=False)
    reexamine(phase, 0, [gone, *others], HOUSE, 102.0)
    assert phase.base_ma == 46_600 - 5 * 8800, "nothing is believed yet"
    assert phase.base_ma + phase.uncertainty_ma == 46_600 - 4 * 8800


@pytest.mark.proves("D7.2f")
def test_what_a_slow_meter_told_while_a_car_rose_counts_at_its_highest_at_once() -> None:
    """The meter may have looked a second before the delay says, and the car may have risen since."""
    history = (
        PastDraw(80.0, (8700, 8700, 8700)),
        PastDraw(97.35, (8700, 8700, 8700)),
        PastDraw(98.35, (10_400, 10_400, 10_400)),
        PastDraw(99.35, (10_700, 10_700, 10_700)),
    )
    known = Participant(
        settings=participant(1), is_reachable=True, is_connected=True, history=history
    )
    phase = PhaseState(base_ma=32_200)
    sample = Sample(current_ma=44_000, sampled_at=99.0, arrived_at=100.0, is_from_slow_meter=True)
    add_sample(phase, 0, sample, [known], HOUSE)
    assert (phase.base_ma or 0) + phase.uncertainty_ma == 44_000 - 8700


@pytest.mark.parametrize(
    ("reported_ma", "base_ma"),
    [
        (45_700, 36_000),  # 0.3 A lower: a meter that tells changes does not tell that
        (44_000, 34_500),
        (46_300, 36_300),
        (40_000, 33_000),  # never lower than the sample itself allowed
    ],
)
def test_a_value_in_force_while_nothing_moves_is_known_to_half_an_ampere(
    reported_ma: int, base_ma: int
) -> None:
    drawn = (10_000, 10_000, 10_000)
    known = Participant(
        settings=participant(1),
        is_reachable=True,
        history=(PastDraw(0.0, drawn), PastDraw(100.0, drawn)),
    )
    phase = PhaseState(
        base_ma=36_000, reported_ma=reported_ma, possible_base_ma=BaseRange(33_000, 37_000)
    )
    examine_at_rest(phase, 0, [known], at_rest_since=97.0, long_at_rest_since=85.0)
    assert phase.base_ma == base_ma
