"""What there is to share, and that nobody gets it before it is there."""

from dataclasses import replace

import pytest

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.charging.events import GridMeterReading
from knxgw.dlm.cycle import cycle
from knxgw.dlm.inputs import after_meter_value, initial_state
from knxgw.dlm.settings import LONG_AGO
from tests.dlm.houses import HOUSE, LIMIT_MA, Car, House, participant

LARGE = replace(HOUSE, fuse_ma=80_000)


@pytest.mark.proves("D1.1")
def test_as_many_charging_points_as_one_likes_share_a_line() -> None:
    settings = replace(HOUSE, fuse_ma=64 * 8000 + 3000)
    house = House(*(participant(number) for number in range(1, 65)), settings=settings, base_a=0)
    house.meter_s = 5
    house.live(40)
    assert house.offers_ma == [8000] * 64


@pytest.mark.proves("D1.2")
def test_a_connection_with_one_phase_is_shared_on_it() -> None:
    house = House(
        participant(1, (0,)), participant(2, (0,)), settings=replace(HOUSE, phases=1), base_a=8
    )
    house.live(60, base_a=(8, 99, 99))
    assert house.offers_ma == [12_000, 12_000]


@pytest.mark.proves("D3.1b")
def test_a_phase_over_range_counts_65_5_a_and_nothing_is_raised_on_it() -> None:
    house = House(
        participant(1, (0,)), participant(2, (1,)), settings=replace(LARGE, saturating=True)
    )
    house.live(40)
    assert house.offers_ma == [16_000, 16_000]
    house.tell_that(0, 65_535, saturating=True)
    assert house.offers_ma == [10_500, 16_000], "60 A at most, of which the building has 49.5 A"
    house.meter_s = 0
    for _ in range(30):
        house.live(1)
        house.tell_that(0, 65_535, saturating=True)
        house.tell(1, 2)
    assert house.offers_ma == [6000, 16_000]
    assert not house.state.outcome.faults


@pytest.mark.proves("D7.1b")
def test_export_raises_the_chargers_no_higher_than_their_own_line() -> None:
    settings = replace(HOUSE, feeder_ma=20_000)
    house = House(participant(1), participant(2), settings=settings, base_a=-15)
    house.live(60)
    assert house.offers_ma == [10_000, 10_000]
    house.live(60, base_a=18)
    assert house.offers_ma == [7000, 7000]


@pytest.mark.proves("D7.1a")
def test_what_chargers_draw_is_added_back() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    assert house.state.outcome.available_ma == (24_000, 24_000, 24_000)
    assert house.offers_ma == [12_000, 12_000]


@pytest.mark.proves("D9.2c")
def test_a_newcomer_starts_when_the_others_have_released_what_it_needs() -> None:
    house = House(participant(1), participant(2), base_a=12)
    house.cars[2] = Car(connected=False)
    house.live(60)
    assert house.offers_ma == [16_000, 0]
    house.cars[1].obeys_s = 5
    house.live(6)
    house.cars[2] = Car()
    given = []
    for _ in range(20):
        house.live(1)
        held = max(house.offers_ma[0], house.participant(1).highest_draw_ma)
        given.append(house.offers_ma[1])
        assert held + house.offers_ma[1] <= 20_000
    assert given[0] == 0, "the first one has been lowered, but draws what it drew"
    assert given[-1] >= 6000


@pytest.mark.proves("D9.2b", "D9.3c")
def test_who_had_everything_makes_room_for_a_newcomer_at_once() -> None:
    house = House(participant(1), participant(2), base_a=12)
    house.cars[2] = Car(connected=False)
    house.live(60)
    house.cars[2] = Car()
    house.live(1)
    assert house.offers_ma[0] == 10_000


@pytest.mark.proves("D9.3d")
def test_a_share_that_shrank_by_more_than_half_an_ampere_is_lowered() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    house.cars[1].most_ma = 8000
    house.live(80)
    assert house.offers_ma == [10_000, 14_000]
    house.cars[1].most_ma = 16_000
    house.live(1)
    assert house.offers_ma == [10_000, 12_000], "the first one may soon have 12 A again"
    assert house.state.phases[0].reduced_at == LONG_AGO, "the line was in no danger"


@pytest.mark.proves("D9.3e", "D12.1")
def test_where_not_even_the_minima_fit_everybody_on_the_phase_is_at_the_minimum() -> None:
    house = House(participant(1, (0,)), participant(2, (0,)), participant(3, (1,)))
    house.live(60)
    house.live(4, base_a=(22, 4, 4))
    assert house.offers_ma == [6000, 6000, 16_000]


@pytest.mark.proves("D11.1", "D11.3")
def test_while_the_meter_is_silent_nobody_starts_on_a_line_that_was_full() -> None:
    house = House(participant(1), participant(2), base_a=25)
    house.cars[2] = Car(connected=False)
    house.live(60)
    assert house.offers_ma == [7000, 0]
    house.meter_s = 0
    house.live(11)
    assert house.offers_ma == [7000, 0]
    house.live(2)
    assert house.offers_ma == [6000, 0]
    assert house.state.outcome.faults == {FaultCode.SMART_METER_TIMEOUT}
    house.cars[2] = Car()
    house.live(100)
    assert house.offers_ma == [6000, 0]
    assert set(house.state.outcome.reasons.values()) == {Reason.METER_LOST}


@pytest.mark.proves("D11.3")
def test_while_the_meter_is_silent_a_newcomer_starts_where_the_last_set_left_room() -> None:
    house = House(*(participant(number) for number in range(1, 5)), base_a=13)
    for number in (2, 3, 4):
        house.cars[number] = Car(connected=False)
    house.live(60)
    house.meter_s = 0
    house.live(13)
    assert house.state.outcome.faults == {FaultCode.SMART_METER_TIMEOUT}
    for number in (2, 3, 4):
        house.cars[number] = Car()
    house.live(30)
    assert house.offers_ma == [6000, 6000, 6000, 0], "19 A were free"


@pytest.mark.proves("D11.4")
def test_nobody_is_started_once_the_meter_should_have_spoken() -> None:
    house = House(participant(1), participant(2))
    house.cars[2] = Car(connected=False)
    house.meter_s = 0
    house.live(5)
    assert house.offers_ma[0] == 6000, "nothing is known yet"
    house.live(10)
    house.cars[2] = Car()
    house.live(30)
    assert house.offers_ma == [6000, 0]


@pytest.mark.proves("D11.2")
def test_one_complete_set_ends_the_emergency_and_raising_begins_15_s_later() -> None:
    house = House(participant(1))
    house.live(60)
    house.meter_s = 0
    house.live(20)
    house.tell(0, 1)
    house.decide()
    assert house.state.outcome.faults == {FaultCode.SMART_METER_TIMEOUT}, "L3 is missing"
    house.tell(2)
    house.live(1)
    assert house.state.outcome.faults == set()
    house.meter_s = 2
    house.live(13)
    assert house.offers_ma == [6000]
    house.live(3)
    assert house.offers_ma == [8000]


@pytest.mark.proves("D12.2e")
def test_no_overcurrent_is_confirmed_while_the_meter_is_silent() -> None:
    house = House(participant(1), participant(2))
    house.live(60)
    house.live(4, base_a=21)
    assert house.state.overcurrent.needs_supervision
    house.meter_s = 0
    house.live(200)
    assert house.state.outcome.faults == {FaultCode.SMART_METER_TIMEOUT}
    assert not house.state.overcurrent.needs_supervision


@pytest.mark.proves("D9.3f", "D9.5b")
def test_an_offer_is_never_above_a_cap_or_below_the_minimum() -> None:
    house = House(participant(1, minimum_ma=8000))
    house.live(40)
    for cap_ma, offer_ma in ((9000, 9000), (8000, 8000), (7900, 0)):
        house.cars[1].cap_ma = cap_ma
        house.live(1)
        assert house.offers_ma == [offer_ma]


@pytest.mark.proves("D13.1b")
def test_one_with_impossible_currents_leaves_the_others_theirs() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    house.cars[1].read_ma = 99_000
    house.live(1)
    assert house.offers_ma == [0, 12_000]


def test_what_is_measured_before_any_charger_was_read_is_the_building() -> None:
    state = initial_state(HOUSE, [participant(1)], 0.0)
    for phase in range(3):
        reading = GridMeterReading(phase=phase, value=20_000)
        state = after_meter_value(state, HOUSE, reading, 1.0)
    state = cycle(
        state, HOUSE, {1: House(participant(1)).observation(1)}, 1.5, new_phases=(0, 1, 2)
    )
    assert state.outcome.available_ma == (LIMIT_MA - 20_000,) * 3


@pytest.mark.proves("D9.3j")
@pytest.mark.parametrize(
    ("measures", "base_a", "offer_a"),
    [(False, 26, 6), (False, 24, 14), (True, 26, 6), (True, 24, 8)],
    ids=["above the fuse", "below it", "measured, above", "measured, below"],
)
def test_above_the_fuse_who_does_not_measure_goes_to_the_minimum_at_once(
    *, measures: bool, base_a: int, offer_a: int
) -> None:
    """The vehicle takes 10 of 16 A, so the line carries 36 or 34 A, of 32 A and a fuse of 35 A."""
    house = House(participant(1, measures=measures))
    house.cars[1].most_ma = 10_000
    house.live(60)
    house.live(4, base_a=base_a)
    assert house.offers_ma == [offer_a * 1000]


@pytest.mark.proves("D9.3j")
def test_that_a_reduction_has_not_helped_is_seen_although_somebody_was_lowered_since() -> None:
    """One of two vehicles takes 10 of 15.7 A, so lowering both to 14.8 A frees 0.9 of the 1.7 A."""
    settings = replace(HOUSE, fuse_ma=50_000, reserve_ma=4000)
    house = House(*(participant(n, measures=False) for n in (1, 2)), settings=settings, base_a=14)
    house.cars[1].most_ma = 10_000
    house.live(60)
    assert house.offers_ma == [15_700, 15_700]
    house.live(6, base_a=22)
    assert house.offers_ma == [14_800, 14_800]
    house.cars[2].cap_ma = 14_600  # from the bus
    house.live(10)
    assert house.offers_ma == [6000, 6000]
