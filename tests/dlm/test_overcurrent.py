"""Too much current although everybody is at the minimum."""

import math
from dataclasses import replace

import pytest

from knxgw.catalogue.codes import FaultCode
from knxgw.dlm.overcurrent import Overcurrent, PhaseLoad, supervise, without_silent_phases
from knxgw.dlm.settings import Settings
from tests.dlm.houses import Car, House, participant, slow_cars

HOUSE = Settings(fuse_ma=35_000)
CALM = PhaseLoad(
    phase=1,
    carried_ma=20_000,
    base_ma=8000,
    minimums_ma=12_000,
    are_all_at_minimum=True,
    is_new=True,
)
ABOVE_FUSE = replace(CALM, carried_ma=38_000, base_ma=26_000)
ABOVE_LIMIT = replace(CALM, carried_ma=33_000, base_ma=21_000)
SEVERE = replace(CALM, carried_ma=52_000, base_ma=40_000)
OTHERS = (replace(CALM, phase=0), replace(CALM, phase=2))


def watched(
    known: Overcurrent,
    load: PhaseLoad,
    start_s: int,
    end_s: int,
    settings: Settings = HOUSE,
    *,
    may_restart: bool | None = None,
) -> Overcurrent:
    """Return what is known after one phase was like that every second, the others calm."""
    fits = load is CALM if may_restart is None else may_restart
    for now_s in range(start_s, end_s + 1):
        known = supervise(known, settings, (*OTHERS, load), now_s, may_restart=fits)
    return known


@pytest.mark.proves("D12.2a", "7.62")
def test_above_the_fuse_is_confirmed_after_6_s() -> None:
    known = watched(Overcurrent(), ABOVE_FUSE, 1, 6)
    assert not known.is_locked_out
    assert watched(known, ABOVE_FUSE, 7, 7).is_locked_out


def test_an_excess_from_the_first_instant_of_a_clock_is_timed_as_any_other() -> None:
    assert watched(Overcurrent(), ABOVE_FUSE, 0, 0).needs_supervision
    assert watched(Overcurrent(), ABOVE_FUSE, 0, 6).is_locked_out


@pytest.mark.proves("D12.2b")
def test_above_the_limit_only_is_confirmed_after_a_minute_or_never() -> None:
    known = watched(Overcurrent(), ABOVE_LIMIT, 1, 60)
    assert not known.is_locked_out
    assert watched(known, ABOVE_LIMIT, 61, 61).is_locked_out
    never = replace(HOUSE, overcurrent_limit_s=math.inf)
    assert not watched(Overcurrent(), ABOVE_LIMIT, 1, 2000, never).is_locked_out


@pytest.mark.proves("D12.2d")
@pytest.mark.parametrize(
    "good", [CALM, replace(ABOVE_FUSE, are_all_at_minimum=False, base_ma=20_000)]
)
def test_the_time_starts_anew_when_the_excess_or_the_minimum_ends(good: PhaseLoad) -> None:
    known = watched(Overcurrent(), ABOVE_FUSE, 1, 6)
    known = watched(known, good, 7, 7)
    assert not watched(known, ABOVE_FUSE, 8, 13).is_locked_out
    assert watched(known, ABOVE_FUSE, 8, 14).is_locked_out


@pytest.mark.proves("D12.2d")
def test_one_that_comes_back_with_more_than_the_minimum_does_not_begin_the_time_again() -> None:
    known = watched(Overcurrent(), ABOVE_FUSE, 1, 6)
    assert watched(known, replace(ABOVE_FUSE, are_all_at_minimum=False), 7, 7).is_locked_out
    moving = replace(ABOVE_FUSE, are_all_at_minimum=False)
    assert not watched(Overcurrent(), moving, 1, 60).is_locked_out, "it begins when all are there"


@pytest.mark.proves("D12.2c")
def test_a_severe_overcurrent_needs_two_samples_in_a_row() -> None:
    moving = replace(SEVERE, are_all_at_minimum=False)
    known = watched(Overcurrent(), moving, 1, 1)
    same = watched(known, replace(moving, is_new=False), 2, 9)
    assert not same.is_locked_out, "the same sample looked at again is no second one"
    assert watched(same, moving, 10, 10).is_locked_out
    assert not watched(watched(known, CALM, 2, 2), moving, 3, 3).is_locked_out


@pytest.mark.proves("D12.2a")
@pytest.mark.parametrize("reserve_ma", [0, 400, 3000])
def test_a_line_just_above_the_fuse_is_timed_whatever_the_reserve(reserve_ma: int) -> None:
    settings = replace(HOUSE, reserve_ma=reserve_ma)
    load = replace(ABOVE_FUSE, carried_ma=35_300, base_ma=23_300, minimums_ma=12_000)
    known = Overcurrent()
    for now_s in range(1, 10):
        known = supervise(known, settings, (load,), float(now_s), may_restart=False)
    assert known.is_locked_out


@pytest.mark.proves("D12.4a")
def test_it_restarts_after_a_minute_of_room_without_a_break() -> None:
    locked = watched(Overcurrent(), ABOVE_FUSE, 1, 7)
    assert watched(locked, CALM, 8, 500, may_restart=False).is_locked_out, "nobody fits"
    waiting = watched(watched(locked, CALM, 8, 60), CALM, 61, 61, may_restart=False)
    assert watched(waiting, CALM, 62, 121).is_locked_out
    assert not watched(waiting, CALM, 62, 122).is_locked_out


@pytest.mark.proves("D12.4b")
def test_a_silent_meter_starts_the_minute_again() -> None:
    waiting = without_silent_phases(
        watched(watched(Overcurrent(), ABOVE_FUSE, 1, 7), CALM, 8, 60), [2]
    )
    assert waiting.is_locked_out
    assert watched(waiting, CALM, 61, 120).is_locked_out
    assert not watched(waiting, CALM, 61, 121).is_locked_out


@pytest.mark.proves("D12.2e")
def test_a_silent_phase_is_not_counted_and_does_not_stop_the_count_of_another() -> None:
    known = watched(Overcurrent(), ABOVE_FUSE, 1, 4)
    assert (
        without_silent_phases(known, [0]).excess.above_fuse_since == known.excess.above_fuse_since
    )
    assert without_silent_phases(known, [1]).excess.above_fuse_since == (None, None, None)
    for now_s in (5, 6):
        known = without_silent_phases(known, [0])
        known = supervise(known, HOUSE, (ABOVE_FUSE,), now_s, may_restart=False)
    assert watched(known, ABOVE_FUSE, 7, 7).is_locked_out


@pytest.mark.proves("D12.4c")
def test_it_waits_twice_as_long_when_it_comes_again_soon() -> None:
    known = watched(watched(Overcurrent(), ABOVE_FUSE, 1, 7), CALM, 8, 68)
    assert not known.is_locked_out
    again = watched(known, ABOVE_FUSE, 100, 106)
    assert again.restart_after_s == 120
    late = watched(known, ABOVE_FUSE, 700, 706)
    assert late.restart_after_s == 60
    for _ in range(8):
        again = watched(replace(again, lock_out=None), ABOVE_FUSE, 100, 106)
    assert again.restart_after_s == 900


# --- of a whole house ---


@pytest.mark.proves("D12.2f")
def test_a_value_from_before_the_cars_could_obey_confirms_no_overcurrent() -> None:
    house = House(participant(1), participant(2))
    house.meter_s = 10
    slow_cars(house)
    assert house.offers_ma == [14_000, 14_000]
    house.live(1, base_a=20)
    for _ in range(60):
        house.live(1)
        assert FaultCode.OVER_CURRENT not in house.state.outcome.faults
    assert house.offers_ma == [6000, 6000]


@pytest.mark.proves("D12.2a")
def test_a_value_from_after_they_could_obey_confirms_it() -> None:
    house = House(participant(1), participant(2))
    house.meter_s = 10
    slow_cars(house)
    house.live(40, base_a=25.5)
    assert FaultCode.OVER_CURRENT in house.state.outcome.faults
    assert house.offers_ma == [0, 0]


class Overdrawing(Car):
    """A vehicle that takes 0.8 A more than it is offered."""

    @property
    def current_ma(self) -> int:
        drawn_ma = super().current_ma
        return drawn_ma + 800 if drawn_ma else 0


@pytest.mark.proves("D12.2f")
def test_new_offers_on_another_phase_do_not_hold_up_a_lock_out() -> None:
    house = House(participant(1, (0,)), participant(2, (1,)))
    house.cars[1] = Overdrawing()
    house.live(60)
    house.live(10, base_a=[26.4, 4, 4])  # with the minimum it would fit: 32.4 A
    excess_s = house.now_s
    while FaultCode.OVER_CURRENT not in house.state.outcome.faults and house.now_s < 300:
        house.cars[2].cap_ma = 10_000 if house.now_s % 8 < 4 else 12_000
        house.live(1)
    assert house.now_s - excess_s < 75
    assert house.offers_ma == [0, 0]


@pytest.mark.proves("D12.4d")
def test_who_fitted_all_the_time_comes_back_as_soon_as_the_meter_has_seen_all_stop() -> None:
    house = House(participant(1), participant(2))
    house.live(60)
    house.live(1, base_a=24)  # 8 A: enough for one of them, and the line carries 36 A with both
    while FaultCode.OVER_CURRENT not in house.state.outcome.faults:
        house.live(1)
    assert house.offers_ma == [0, 0]
    locked_s = house.now_s
    while FaultCode.OVER_CURRENT in house.state.outcome.faults:
        house.live(1)
    assert 5 <= house.now_s - locked_s <= 10
    house.live(30)
    assert sorted(house.offers_ma) == [0, 8000]


@pytest.mark.proves("D12.4a")
def test_who_did_not_fit_comes_back_after_a_minute_of_room() -> None:
    house = House(participant(1), participant(2))
    house.live(60)
    house.live(40, base_a=26)
    assert house.offers_ma == [0, 0]
    house.live(59, base_a=4)
    assert house.offers_ma == [0, 0]
    house.live(10)
    assert min(house.offers_ma) >= 6000


@pytest.mark.proves("D12.4e")
def test_a_large_minimum_that_never_fits_keeps_a_smaller_one_away_for_five_minutes_only() -> None:
    house = House(participant(1, minimum_ma=12_000), participant(2))
    house.cars[2].allowed = False
    house.live(60)
    house.live(20, base_a=25)  # 25 A and 12 A are too much: 7 A are left
    assert FaultCode.OVER_CURRENT in house.state.outcome.faults
    house.cars[2].allowed = True
    house.live(270)
    assert house.offers_ma == [0, 0], "the one that was interrupted does not fit"
    house.live(120, base_a=24.5)
    assert FaultCode.OVER_CURRENT not in house.state.outcome.faults
    assert house.offers_ma[0] == 0
    assert house.offers_ma[1] >= 6000


@pytest.mark.proves("D12.2a")
def test_a_house_without_reserve_does_not_stay_above_its_fuse() -> None:
    house = House(participant(1), settings=replace(HOUSE, reserve_ma=0), base_a=20)
    house.live(60)
    house.live(20, base_a=29.3)
    assert house.offers_ma == [0], "29.3 A and the minimum are 35.3 A"


def test_without_any_charging_point_a_line_above_its_fuse_is_no_overcurrent_of_the_gateways() -> (
    None
):
    house = House(settings=HOUSE, base_a=40.0)
    house.live(20)
    assert house.state.outcome.available_ma == (-8000, -8000, -8000)
    assert FaultCode.OVER_CURRENT not in house.state.outcome.faults
