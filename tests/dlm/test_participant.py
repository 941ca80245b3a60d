"""What load management makes of one charging point: phases, readings, use of its offer."""

from dataclasses import replace

import pytest

from knxgw.catalogue.codes import ChargingState, FaultCode, Reason
from knxgw.dlm.cycle import cycle
from knxgw.dlm.draw_history import draw_at
from knxgw.dlm.participant import Claims, Participant, PastDraw
from knxgw.dlm.settings import Settings
from knxgw.dlm.use import set_offer
from tests.dlm.houses import FULL_MA, HOUSE, Car, House, participant

S = ChargingState
WANTING = {S.CANCELLED, S.CONNECTED, S.CHARGE, S.CHARGE_REDUCED, S.CHARGE_VENTILATION}


# --- who takes part ------------------------------------------------------------------------------


@pytest.mark.proves("D5.1", "D5.3")
@pytest.mark.parametrize("state", S)
def test_who_is_connected_or_charges_takes_part(state: ChargingState) -> None:
    """A "cancelled" of the charger itself is an idle vehicle; one by GO 54 is a zero source."""
    house = House(participant(1))
    house.cars[1].state = state
    house.live(40)
    assert house.participant().takes_part is (state in WANTING)
    assert house.offers_ma == [16_000 if state in WANTING else 6000]


@pytest.mark.proves("D5.2")
def test_who_is_held_at_0_a_or_capped_below_the_minimum_takes_no_part() -> None:
    for held in (Car(allowed=False), Car(cap_ma=5900)):
        house = House(participant(1), participant(2), base_a=8)
        house.cars[1] = held
        house.live(60)
        assert house.offers_ma == [0, 16_000]


@pytest.mark.proves("D5.4")
def test_one_that_interrupts_itself_still_counts_with_what_it_draws() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    assert house.offers_ma == [12_000, 12_000]
    house.cars[1].state = S.INTERRUPTION
    house.cars[1].read_ma = 12_000
    house.live(60)
    assert house.offers_ma[1] == 12_000
    house.cars[1].read_ma = house.cars[1].most_ma = 0
    house.live(60)
    assert house.offers_ma[1] == 16_000


@pytest.mark.proves("D5.4")
def test_what_was_offered_to_one_that_interrupts_itself_is_nobody_elses_while_it_draws() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    house.cars[1].state = S.INTERRUPTION
    house.cars[1].read_ma = house.cars[1].most_ma = 2000
    house.live(60)
    assert house.offers_ma == [12_000, 12_000]
    house.cars[1].read_ma = house.cars[1].most_ma = 900
    house.live(60)
    assert house.offers_ma == [6000, 16_000]


@pytest.mark.proves("D5.4")
def test_one_that_interrupts_itself_and_draws_on_falls_to_the_minimum_when_there_is_no_room() -> (
    None
):
    house = House(participant(1), participant(2), base_a=8)
    house.cars[2].cap_ma = 6000  # else the room would be for its raise
    house.live(60)
    assert house.offers_ma == [16_000, 6000]
    house.cars[1].state = S.INTERRUPTION
    house.live(4, base_a=18)
    assert house.offers_ma == [6000, 6000]


# --- a lower offer that is not taken -------------------------------------------------------------


@pytest.mark.proves("D9.3i")
def test_a_lower_offer_that_the_charger_has_not_taken_keeps_the_old_one_reserved() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.cars[1].most_ma = 7000  # it does not use what it may have, but could at any moment
    house.live(20)
    high_ma = house.offers_ma[0]
    house.cars[1].acknowledged_ma = high_ma
    house.cars[1].cap_ma = 6000
    house.cars[1].most_ma = 6000
    house.live(60)
    assert house.offers_ma == [6000, 24_000 - high_ma]
    house.cars[1].acknowledged_ma = 6000
    house.live(60)
    assert house.offers_ma == [6000, 16_000]


# --- phases --------------------------------------------------------------------------------------


def one_phase(most_ma: int = FULL_MA) -> House:
    house = House(participant(1))
    house.cars[1] = Car(terminals=1, most_ma=most_ma)
    return house


@pytest.mark.proves("D4.2", "D4.3")
def test_a_phase_that_is_not_used_for_15_s_of_charging_does_not_count_any_more() -> None:
    house = one_phase()
    house.live(2)
    strong_s = house.now_s
    assert house.participant().highest_draw_ma > 3000
    house.live(13)
    assert house.participant().phases == (0, 1, 2)
    house.live(round(strong_s + 16 - house.now_s))
    assert house.participant().phases == (0,)


@pytest.mark.proves("D4.2", "D9.5f")
def test_a_phase_that_is_not_used_leaves_when_its_time_is_over_also_between_two_readings() -> None:
    house = one_phase()
    house.live(14)
    since_s = house.participant().phase_evidence.charges_clearly_since
    assert since_s is not None
    seen = {1: house.observation(1)}
    state = cycle(house.state, house.settings, seen, since_s + 14.9)
    assert state.participants[1].phases == (0, 1, 2)
    assert cycle(state, house.settings, seen, since_s + 15).participants[1].phases == (0,)


@pytest.mark.proves("D4.3")
def test_a_car_that_hardly_draws_tells_nothing_about_its_phases() -> None:
    house = one_phase(most_ma=2900)
    house.live(50)
    assert house.participant().phases == (0, 1, 2)


@pytest.mark.proves("D4.4")
def test_a_phase_that_is_used_counts_in_the_same_cycle() -> None:
    house = one_phase()
    house.live(60)
    assert house.participant().phases == (0,)
    house.cars[1].terminals = 3
    house.live(1)
    assert house.participant().phases == (0, 1, 2)


@pytest.mark.proves("D4.5")
@pytest.mark.parametrize("gone", [Car(connected=False), Car(reachable=False)], ids=["car", "line"])
def test_unplugged_or_not_to_be_reached_every_wired_phase_counts_again(gone: Car) -> None:
    house = one_phase()
    house.live(60)
    assert house.participant().phases == (0,)
    house.cars[1] = replace(gone)
    house.live(1)
    assert house.participant().phases == (0, 1, 2)


# --- readings ------------------------------------------------------------------------------------


@pytest.mark.proves("D3.3c")
@pytest.mark.parametrize(
    ("read_ma", "valid"), [(-1000, True), (-1001, False), (22_800, True), (22_801, False)], ids=str
)
def test_a_current_that_cannot_be_is_invalid(read_ma: int, *, valid: bool) -> None:
    house = House(participant(1))
    house.live(20)
    house.cars[1].read_ma = read_ma
    house.live(1)
    assert house.participant().has_valid_currents is valid
    assert (FaultCode.DLM_INVALID_CURRENT in house.state.outcome.faults) is not valid


@pytest.mark.proves("D3.3c")
def test_a_current_that_is_told_no_more_is_invalid_after_10_s() -> None:
    house = House(participant(1), participant(2))
    house.live(20)
    old = house.observation(1)
    for after_s, valid in ((10, True), (11, False)):
        house.now_s = 20.0 + after_s
        seen = {1: old, 2: house.observation(2)}
        house.state = cycle(house.state, HOUSE, seen, house.now_s)
        assert house.participant(1).has_valid_currents is valid
        assert house.participant(2).has_valid_currents


@pytest.mark.proves("D13.1c")
def test_with_a_static_limit_a_draw_that_is_not_believed_is_reserved_until_it_has_ended() -> None:
    static = Settings(fuse_ma=35_000, static_limit_ma=24_000, feeder_ma=40_000)
    house = House(participant(1), participant(2), settings=static)
    house.meter_s = 0
    house.live(300)
    assert house.offers_ma == [12_000, 12_000]
    one = house.cars[1]
    one.state, one.read_ma = ChargingState.CHARGE, 99_000  # nobody knows with how much it goes on
    house.live(300)
    assert house.offers_ma == [0, 12_000]
    one.state = ChargingState.CONNECTED  # it has stopped, and says so
    house.live(300)
    assert house.offers_ma == [0, 16_000]
    one.state = one.read_ma = None
    house.live(300)
    assert house.offers_ma == [12_000, 12_000]


@pytest.mark.proves("D13.1d")
def test_currents_must_be_good_for_5_s_before_they_are_believed_again() -> None:
    house = House(participant(1))
    house.live(20)
    house.cars[1].read_ma = 99_000
    house.live(5)
    assert house.offers_ma == [0]
    assert house.state.outcome.reasons[1] is Reason.INVALID_CURRENT
    house.cars[1].read_ma = None
    house.live(5)
    assert not house.participant().has_valid_currents
    house.live(1)
    assert house.participant().has_valid_currents
    house.live(20)
    assert house.offers_ma[0] >= 6000


@pytest.mark.proves("D7.2c", "D13.1c")
@pytest.mark.parametrize("what", ["invalid", "unreachable"])
def test_a_draw_that_is_known_no_more_is_the_building_s_now_and_in_the_past(
    what: str,
) -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    assert house.offers_ma == [12_000, 12_000]
    house.cars[1].read_ma = 99_000 if what == "invalid" else None
    house.cars[1].reachable = what == "invalid"
    house.live(1)
    for phase in house.state.phases:
        assert phase.base_ma == 20_000
        assert all(base_ma == 20_000 for _, base_ma in phase.history)
    assert house.offers_ma[1] == 12_000


@pytest.mark.proves("D13.2a")
def test_one_that_is_not_reachable_is_told_so_as_long_as_it_is_and_the_others_keep_theirs() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    house.cars[1].reachable = False
    house.live(1)
    assert house.state.outcome.reasons == {1: Reason.NOT_REACHABLE, 2: Reason.FUSE_L1}
    assert house.offers_ma == [12_000, 12_000]
    house.live(60)
    assert house.state.outcome.reasons == {1: Reason.NOT_REACHABLE, 2: Reason.FUSE_L1}
    house.cars[1].reachable = True
    house.live(30)
    assert house.state.outcome.reasons == {1: Reason.FUSE_L1, 2: Reason.FUSE_L1}


@pytest.mark.proves("D13.2b")
@pytest.mark.parametrize(
    ("wired", "reserve_ma"),
    [
        ((0, 1, 2), (1000, 8000, 8000)),
        ((1, 2, 0), (8000, 1000, 8000)),
        ((2, 0, 1), (8000, 8000, 1000)),
        ((1,), (0, 1000, 0)),
        ((2,), (0, 0, 1000)),
    ],
)
def test_what_an_unreachable_charger_may_take_is_reserved_on_every_wired_phase(
    wired: tuple[int, ...], reserve_ma: tuple[int, int, int]
) -> None:
    house = House(participant(1, wired, fail_safe_ma=8000), participant(2))
    house.cars[1] = Car(terminals=1, most_ma=7000, cap_ma=7000)
    house.live(60)
    assert (house.participant().phases, house.participant().offer_ma) == (wired[:1], 7000)
    house.cars[1].reachable = False
    house.live(1)
    assert house.participant().held_back_ma == reserve_ma, "8 A, less the draw the meter shows"
    house.cars[1].reachable = True
    house.live(1)
    assert house.participant().held_back_ma == (0, 0, 0)


@pytest.mark.proves("D13.2b")
def test_what_a_charger_may_take_that_was_never_reached_is_reserved_until_it_answers() -> None:
    house = House(participant(1), participant(2, fail_safe_ma=16_000), base_a=10)
    house.cars[2].reachable = False
    house.live(60)
    assert house.offers_ma[0] == 6000, "10 A, 6 A, and 16 A that it may fall back to"
    house.cars[2].reachable, house.cars[2].connected = True, False
    house.live(60)
    assert house.offers_ma[0] == 16_000


@pytest.mark.proves("D13.2b", "D9.3i")
def test_a_lower_offer_that_was_lost_with_the_connection_keeps_the_old_one_reserved() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.cars[1].most_ma = 7000
    house.live(20)
    high_ma = house.participant().offer_ma
    house.cars[1].acknowledged_ma = high_ma
    house.cars[1].cap_ma = 6000
    house.live(1)
    assert (house.participant().offer_ma, high_ma) == (6000, 12_000)
    house.cars[1].reachable = False
    for _ in range(2):
        house.live(30)
        assert house.participant().held_back_ma == (5000,) * 3, (
            "12 A, less the draw the meter shows"
        )


def test_a_draw_that_comes_back_into_sight_counts_once_whatever_is_read_first() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    house.cars[1].reachable = False
    house.live(20)
    house.cars[1].reachable, house.cars[1].is_read = True, False  # its state first
    for is_read in (False, False, True, True, True):
        house.cars[1].is_read = is_read
        house.live(1)
        assert house.offers_ma == [12_000, 12_000]
        assert house.participant().is_reachable is is_read
    assert [phase.base_ma for phase in house.state.phases] == [8000] * 3


@pytest.mark.parametrize("silent_s", [1, 20], ids=["fresh", "stale"])
def test_a_reading_from_before_it_was_gone_makes_nobody_lower(silent_s: int) -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    house.cars[1].reachable, house.cars[1].read_at = False, house.now_s
    house.live(silent_s)
    house.cars[1].reachable = True
    house.live(2)
    assert (house.offers_ma, house.participant().has_valid_currents) == ([12_000, 12_000], True)
    house.cars[1].read_at = None
    house.live(20)
    assert (house.offers_ma, house.participant().has_valid_currents) == ([12_000, 12_000], True)


@pytest.mark.proves("D13.1c")
def test_one_that_comes_back_and_never_tells_its_currents_is_invalid() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    house.cars[1].reachable = False
    house.live(20)
    house.cars[1].reachable, house.cars[1].is_read = True, False
    house.live(12)
    assert (house.participant().is_reachable, house.participant().has_valid_currents) == (
        True,
        False,
    )
    assert house.state.outcome.reasons[1] is Reason.INVALID_CURRENT
    assert house.offers_ma[1] == 12_000, "what it drew counts as the building's until it is gone"


@pytest.mark.proves("D13.4")
def test_what_a_car_takes_beyond_its_offer_the_others_leave_to_it() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.cars[1].cap_ma = 8000
    house.live(60)
    assert house.offers_ma == [8000, 16_000]
    house.cars[1].read_ma = 8900
    house.live(20, base_a=8.9)  # the meter tells the 0.9 A, no reading says whose they are
    assert house.participant(1).overdraw_ma == (900, 900, 900)
    house.cars[1].read_ma = None
    house.live(1)
    assert house.participant(1).overdraw_ma == (0, 0, 0)


@pytest.mark.proves("D13.4b")
def test_what_a_car_takes_beyond_its_offer_is_remembered_while_it_is_stopped_until_it_leaves() -> (
    None
):
    house = House(participant(1), base_a=8)
    house.cars[1].cap_ma = 8000
    house.live(30)
    house.cars[1].read_ma = 8300
    house.live(10, base_a=8.3)
    assert house.participant().overdraw_ma == (300, 300, 300)
    house.cars[1].allowed, house.cars[1].read_ma = False, 0
    house.live(10)
    assert house.offers_ma == [0]
    assert house.participant().overdraw_ma == (300, 300, 300)
    house.cars[1].allowed = True
    house.live(20)
    assert house.offers_ma == [8000]
    assert house.participant().overdraw_ma == (300, 300, 300), "it has not begun to draw"
    house.cars[1].connected = False
    house.live(1)
    assert house.participant().overdraw_ma == (0, 0, 0)


@pytest.mark.proves("D13.4b")
def test_how_far_a_car_ignored_its_offer_is_not_remembered_when_it_has_stopped() -> None:
    house = House(participant(1), base_a=8)
    house.cars[1].cap_ma = 8000
    house.live(30)
    house.cars[1].read_ma = 12_000
    house.live(10, base_a=12)
    assert house.participant().overdraw_ma == (4000, 4000, 4000)
    house.cars[1].allowed, house.cars[1].read_ma = False, 0
    house.live(2)
    assert house.participant().overdraw_ma == (0, 0, 0)


@pytest.mark.proves("D13.3a")
@pytest.mark.parametrize(
    ("overdraw_ma", "has_new_time"), [(2000, True), (3200, True), (3300, False)]
)
def test_only_a_car_that_ignores_its_offer_has_no_new_time_to_obey_a_lower_one(
    overdraw_ma: int, *, has_new_time: bool
) -> None:
    """At 32 A up to a tenth more is how a vehicle is; with more it ignores its offer."""
    house = House(participant(1))
    house.live(30)
    car = house.participant()
    car.offer_ma, car.overdraw_ma = 32_000, (overdraw_ma,) * 3
    before_at, now_s = car.transition.obey_by_at, 1000.0
    set_offer(car, 10_000, HOUSE, now_s)
    expected_at = now_s + HOUSE.obey_s if has_new_time else before_at
    assert car.transition.obey_by_at == expected_at


# --- use of the offer ----------------------------------------------------------------------------


@pytest.mark.proves("D14.1a", "D14.1b")
def test_a_car_keeps_2_a_more_than_it_takes_and_when_it_takes_them_3_a_more_each_10_s() -> None:
    house = House(participant(1))
    house.cars[1].most_ma = 8000
    house.live(80)
    assert house.use_cap_ma() == 10_000
    house.cars[1].most_ma = 16_000
    caps: dict[int | None, float] = {}
    for _ in range(40):
        house.live(1)
        caps.setdefault(house.use_cap_ma(), house.now_s)
    assert list(caps) == [13_000, None]
    assert caps[None] - caps[13_000] >= 10


@pytest.mark.proves("D14.1b")
@pytest.mark.parametrize(("draw_ma", "raised_cap_ma"), [(8900, 10_000), (9000, 13_000)])
def test_the_cap_rises_once_half_of_the_headroom_is_taken(draw_ma: int, raised_cap_ma: int) -> None:
    house = House(participant(1))
    house.cars[1].most_ma = 8000
    house.live(80)
    assert house.use_cap_ma() == 10_000
    house.cars[1].most_ma = draw_ma
    house.live(5)
    assert house.use_cap_ma() == raised_cap_ma


@pytest.mark.proves("D14.2a")
def test_a_finished_car_keeps_its_minimum_but_nothing_is_reserved_for_it() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    house.cars[1].most_ma = 0
    house.live(60)
    assert not house.participant(1).use.is_idle
    house.live(40)
    assert house.participant(1).use.is_idle
    assert house.state.outcome.reasons[1] is Reason.IDLE
    assert house.offers_ma == [6000, 16_000]


@pytest.mark.proves("D14.2b")
def test_one_that_draws_again_counts_in_the_same_cycle() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.live(60)
    house.cars[1].most_ma = 0
    house.live(120)
    house.cars[1].read_ma = 1001
    house.live(1)
    assert not house.participant(1).use.is_idle
    assert house.offers_ma[1] < 16_000


@pytest.mark.proves("D14.2c")
def test_a_car_that_never_started_has_5_minutes_from_each_new_offer_on() -> None:
    house = House(participant(1))
    house.cars[1].most_ma = 0
    house.live(200)
    house.cars[1].allowed = False
    house.live(10)
    house.cars[1].allowed = True
    house.live(298)
    assert not house.participant().use.is_idle
    house.live(4)
    assert house.participant().use.is_idle


@pytest.mark.proves("D3.3b", "4.7")
def test_without_a_meter_of_its_own_a_charger_draws_its_offer_while_it_charges() -> None:
    house = House(participant(1, measures=False))
    house.cars[1].state = S.CONNECTED
    house.live(40)
    assert house.participant().draw_ma == (0, 0, 0)
    house.cars[1].state = S.CHARGE
    house.live(40)
    assert house.participant().draw_ma == (16_000, 16_000, 16_000)


@pytest.mark.proves("D3.3b")
def test_after_a_change_it_is_taken_to_follow_within_6_s_in_a_straight_line() -> None:
    house = House(participant(1, measures=False))
    house.live(60)
    house.cars[1].cap_ma = 10_000
    house.live(1)
    found = []
    for _ in range(7):
        found.append(house.participant().draw_ma[0])
        house.live(1)
    assert found == [16_000, 15_000, 14_000, 13_000, 12_000, 11_000, 10_000]


@pytest.mark.proves("D3.3b")
def test_the_line_begins_with_what_it_was_taken_to_draw_before() -> None:
    house = House(participant(1, measures=False))
    house.live(60)
    house.cars[1].cap_ma = 10_000
    house.live(3)
    drawn_ma = house.participant().draw_ma[0]
    assert 12_000 < drawn_ma < 16_000
    house.cars[1].cap_ma = 9000
    house.live(1)
    assert drawn_ma - 2500 < house.participant().draw_ma[0] <= drawn_ma


def test_an_offer_that_another_one_replaces_in_the_same_moment_was_never_in_force() -> None:
    known = Participant(settings=participant(1, measures=False), draw_ma=(16_000, 16_000, 16_000))
    for at_s, offer_ma in ((0.0, 16_000), (60.0, 9000), (60.0, 8000), (60.0, 7000)):
        set_offer(known, offer_ma, HOUSE, at_s)
    transition = known.transition
    assert (transition.second_last_offer_ma, transition.previous_offer_ma, known.offer_ma) == (
        16_000,
        16_000,
        7000,
    )
    assert transition.draw_at_change_ma == 16_000


@pytest.mark.proves("D7.2a")
def test_between_two_readings_a_draw_is_on_a_straight_line() -> None:
    history = (PastDraw(10.0, (6000, 0, 9000)), PastDraw(12.0, (10_000, 2000, 3000)))
    known = Participant(settings=participant(1), history=history)
    assert draw_at(known, 10.5) == (7000, 500, 7500)
    assert draw_at(known, 11.0) == (8000, 1000, 6000)
    assert draw_at(known, 12.5) == (10_000, 2000, 3000)
    assert draw_at(known, 5.0) == (6000, 0, 9000)


@pytest.mark.proves("D2.1")
def test_the_named_numbers_are_those_of_the_specification() -> None:
    found = Settings(fuse_ma=35_000)
    expected = {
        "reserve_ma": 3000, "feeder_ma": None, "phases": 3, "priority": None, "voltage_v": 230,
        "power_factor": 1, "interval_s": 10, "timeout_s": 12, "meter_delay_s": 1,
        "high_power_s": 30, "raise_ma": 2000, "raise_spacing_s": 5, "lower_from_ma": 500,
        "raise_from_ma": 500, "obey_s": 6, "overcurrent_fuse_s": 6, "overcurrent_limit_s": 60,
        "severe_factor": 1.25, "restart_s": 60, "headroom_ma": 2000, "observe_s": 30,
        "idle_s": 60, "wait_s": 300, "rotation_s": 900, "queue": False,
        "limit_ma": 32_000, "chargers_ma": 32_000,
    }  # fmt: skip
    assert {name: getattr(found, name) for name in expected} == expected
    assert replace(found, interval_s=3.0).timeout_s == 4.0
    assert replace(found, interval_s=60.0).timeout_s == 72.0


# --- currents that nobody reads ------------------------------------------------------------------


@pytest.mark.proves("D3.3c")
def test_currents_that_were_never_read_become_invalid_like_old_ones() -> None:
    house = House(participant(1), participant(2), base_a=8)
    house.cars[1].is_read = False
    house.live(9)
    assert FaultCode.DLM_INVALID_CURRENT not in house.state.outcome.faults, (
        "they may come in a moment"
    )
    house.live(5)
    assert FaultCode.DLM_INVALID_CURRENT in house.state.outcome.faults
    house.live(60)
    assert house.offers_ma == [0, 16_000]
    house.cars[1].is_read = True
    house.live(60)
    assert house.offers_ma == [12_000, 12_000]


@pytest.mark.proves("D14.2a", "D3.3b")
def test_a_finished_vehicle_is_released_also_where_nobody_measures() -> None:
    house = House(participant(1, measures=False), participant(2), base_a=8)
    house.live(60)
    assert min(house.offers_ma) > 11_000
    house.cars[1].most_ma, house.cars[1].state = 0, S.CONNECTED
    house.live(70)
    assert house.participant().use.is_idle
    assert house.offers_ma == [6000, 16_000]
    house.cars[1].most_ma, house.cars[1].state = FULL_MA, S.CHARGE
    house.live(2)
    assert not house.participant().use.is_idle


@pytest.mark.proves("D13.4b")
def test_a_vehicle_that_is_stopped_does_not_give_others_what_it_once_took_too_much() -> None:
    stopped = Participant(settings=participant(1), phases=(0, 1, 2), overdraw_ma=(300, 300, 300))
    assert stopped.committed_ma(0, holds_offer=False) == 0
    drawing = replace(stopped, offer_ma=8000, draw_ma=(8300, 8300, 8300))
    assert drawing.committed_ma(0, holds_offer=True) == 8000


@pytest.mark.proves("D13.4b")
def test_what_a_stopped_vehicle_takes_too_much_counts_at_its_next_start_and_for_nobody_else() -> (
    None
):
    stopped = Participant(settings=participant(1), phases=(0, 1, 2), overdraw_ma=(300, 300, 300))
    claims = Claims()
    claims.add(stopped, 0)
    assert claims.overdraw_ma == 0
    assert stopped.required_ma(0) == 6300
    started = replace(stopped, offer_ma=6000)
    claims.add(started, 0)
    assert claims.overdraw_ma == 300
    assert started.required_ma(0) == 6000
