"""Sessions: start, end, duration and energy, with a meter or without."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.charging.counter import EnergyCounter
from knxgw.charging.events import LinkCondition
from knxgw.charging.link import link_changed
from knxgw.charging.point import ChargingPoint
from knxgw.charging.power_counter import PowerCounter
from knxgw.charging.publication import point_values
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.readings import observe_charger
from knxgw.charging.session import Session
from knxgw.charging.session_dates import needs_new_times, with_new_times
from tests.charging.points import AVAILABLE, CHARGING, IDLE, WAITING, at, make_point, seen, seen_for


def session_of(point: ChargingPoint) -> Session:
    assert point.session.latest is not None
    return point.session.latest


def charged(model: str = "goe_charger") -> ChargingPoint:
    """Return a point that charges since 10 s, at 30 s."""
    point = seen(make_point(model=model), WAITING, 5)
    return seen_for(point, CHARGING, 10, 30)


@pytest.mark.proves("3.49")
def test_a_session_starts_when_charging_begins_and_not_at_plug_in() -> None:
    assert seen(make_point(), WAITING, 5).session.latest is None
    assert session_of(charged()).started_at == at(10)


@pytest.mark.proves("3.50", "3.52", "3.56")
def test_the_end_is_the_last_moment_above_the_threshold() -> None:
    point = seen_for(charged(), IDLE, 31, 60)
    point = seen(point, AVAILABLE, 100)
    session = session_of(point)
    assert not session.is_open
    assert session.ended_at == at(30)
    assert session.duration_s == 20


@pytest.mark.proves("3.51")
def test_a_pause_and_a_resume_belong_to_the_same_session() -> None:
    point = seen_for(charged(), IDLE, 31, 60)
    point = seen(point, CHARGING, 61)
    assert session_of(point).started_at == at(10)
    assert session_of(point).duration_s == 51


def test_a_new_plug_in_starts_a_new_session() -> None:
    point = seen(seen(charged(), AVAILABLE, 40), WAITING, 50)
    assert not session_of(point).is_open, "the last one is still shown"
    point = seen(point, CHARGING, 60)
    assert session_of(point).started_at == at(60)
    assert session_of(point).energy_mwh == 0


def test_an_unplugging_during_a_lost_link_ends_the_session() -> None:
    point = link_changed(charged(), LinkCondition.NOT_REACHABLE)
    point = seen(link_changed(point, LinkCondition.GOOD), AVAILABLE, 100)
    assert not session_of(point).is_open


def test_a_session_of_a_charger_that_told_no_plug_before_ends_at_unplugging() -> None:
    unknown: dict[Quantity, Value] = {
        q: v for q, v in CHARGING.items() if q is not Quantity.CONNECTED
    }
    point = seen(make_point(), unknown, 1)
    assert session_of(point).is_open
    assert not session_of(seen(point, AVAILABLE, 2)).is_open


@pytest.mark.proves("2.35", "3.56")
def test_without_valid_time_there_is_a_duration_but_no_start_and_end() -> None:
    point = make_point()
    for now_s in range(10, 31):
        point = observe_charger(point, CHARGING, now_s, None)
    point = observe_charger(point, AVAILABLE, 40, None)
    values = point_values(point, 40)
    assert values["session_start"] is None
    assert values["session_end"] is None
    assert values["session_duration"] == 20


def test_the_start_is_known_later_when_the_clock_is_set_during_the_session() -> None:
    point = make_point()
    for now_s in range(10, 31):
        point = observe_charger(point, CHARGING, now_s, None)
    assert session_of(observe_charger(point, IDLE, 40, at(40))).started_at == at(10)


def test_the_end_is_right_when_the_clock_was_set_after_the_car_was_full() -> None:
    point = make_point()
    for now_s in range(10, 31):
        point = observe_charger(point, CHARGING, now_s, None)
    assert session_of(observe_charger(point, AVAILABLE, 90, at(90))).ended_at == at(30)


@pytest.mark.proves("3.54")
def test_the_energy_comes_from_the_meter_reading() -> None:
    point = seen(make_point(model="alfen_eve"), {Quantity.ENERGY: 1_000_000}, 1)
    point = seen(point, CHARGING, 2)
    point = seen(point, {Quantity.ENERGY: 1_250_000}, 3)
    assert session_of(point).energy_mwh == 250_000
    assert point.energy.lifetime_mwh == 1_250_000


def test_the_last_reading_before_unplugging_counts() -> None:
    point = seen(make_point(model="alfen_eve"), {Quantity.ENERGY: 1_000_000}, 1)
    point = seen(point, CHARGING, 2)
    point = seen(point, {**AVAILABLE, Quantity.ENERGY: 1_100_000}, 3)
    assert session_of(point).energy_mwh == 100_000


@pytest.mark.proves("2.32", "3.53")
def test_the_charger_s_own_session_energy_is_the_one_that_is_kept() -> None:
    point = seen(charged("abb_terra_ac"), {Quantity.SESSION_ENERGY: 5_000_000}, 31)
    point = seen(point, {**AVAILABLE, Quantity.SESSION_ENERGY: 0}, 32)
    assert session_of(point).energy_mwh == 5_000_000
    assert point_values(point, 32)["energy_last_charge"] == 5_000_000


def test_the_energy_of_the_session_before_is_not_taken_for_the_new_one() -> None:
    point = seen(make_point(), {**CHARGING, Quantity.SESSION_ENERGY: 9_000_000}, 1)
    assert session_of(point).energy_mwh == 0


def test_a_current_that_was_not_read_yet_does_not_move_the_end() -> None:
    point = link_changed(charged(), LinkCondition.NOT_REACHABLE)
    state_only: dict[Quantity, Value] = {
        q: v for q, v in CHARGING.items() if q is not Quantity.CURRENT_L1
    }
    point = seen(link_changed(point, LinkCondition.GOOD), state_only, 500)
    assert session_of(point).ended_at == at(30)


def test_a_running_session_is_not_told_while_the_charger_is_gone() -> None:
    point = link_changed(charged(), LinkCondition.NOT_REACHABLE)
    values = point_values(point, 31)
    assert values["energy_last_charge"] is None
    assert values["session_duration"] is None
    assert values["energy_lifetime"] is None
    assert values["session_start"] == at(10)


def test_a_finished_session_is_told_while_the_charger_is_gone() -> None:
    point = link_changed(seen(charged(), AVAILABLE, 40), LinkCondition.NOT_REACHABLE)
    assert point_values(point, 41)["session_duration"] == 20
    assert point_values(point, 41)["session_end"] == at(30)


# --- counting energy


@pytest.mark.proves("3.54")
def test_power_is_counted_where_there_is_no_reading() -> None:
    counter, added = PowerCounter().add_power(3600, 0)
    assert added == 0
    _, added = counter.add_power(3600, 10)
    assert added == 10_000


def test_a_gap_in_the_power_counts_nothing() -> None:
    counter, _ = PowerCounter().add_power(11_000, 0)
    assert counter.add_power(11_000, 61)[1] == 0


@pytest.mark.parametrize("wrong_w", [PowerCounter().most_w + 1, -PowerCounter().most_w - 1])
def test_a_power_that_cannot_be_takes_no_energy_away(wrong_w: int) -> None:
    counter, _ = PowerCounter().add_power(3600, 0)
    counter, added = counter.add_power(wrong_w, 5)
    assert added == 0
    assert counter.add_power(3600, 10)[1] == 10_000


@pytest.mark.proves("2.33")
def test_a_replaced_meter_adds_nothing() -> None:
    counter, _ = EnergyCounter().add_reading(5_000_000, 0.0)
    counter, added = counter.add_reading(100, 0.0)
    assert added == 0
    assert counter.add_reading(300, 0.0)[1] == 200


@pytest.mark.proves("2.33")
def test_a_meter_replaced_by_one_that_has_counted_more_adds_nothing() -> None:
    counter, _ = EnergyCounter().add_reading(5_000_000, 0.0)
    counter, added = counter.add_reading(900_000_000, 5.0)
    assert added == 0
    assert counter.add_reading(900_020_000, 10.0)[1] == 20_000


def test_what_flowed_while_a_charger_was_away_counts() -> None:
    counter, _ = EnergyCounter().add_reading(5_000_000, 0.0)
    assert counter.add_reading(27_000_000, 7200.0)[1] == 22_000_000


def test_a_meter_that_says_zero_for_a_moment_adds_only_what_flowed() -> None:
    counter, _ = EnergyCounter().add_reading(5_000_000, 0.0)
    counter, _ = counter.add_reading(0, 0.0)
    assert counter.add_reading(5_000_100, 0.0)[1] == 100


@settings(max_examples=100)
@given(st.lists(st.integers(0, 10**9), min_size=2))
def test_counted_energy_never_falls_and_never_exceeds_the_highest_reading(
    readings: list[int],
) -> None:
    counter, total = EnergyCounter(), 0
    for reading in readings:
        counter, added = counter.add_reading(reading, 0.0)
        assert added >= 0
        total += added
    rises = sum(max(0, b - a) for a, b in itertools.pairwise(readings))
    assert total <= rises


@pytest.mark.parametrize("power_w", [0, 1, 22_000])
def test_constant_power_gives_the_energy_it_must(power_w: int) -> None:
    counter, total = PowerCounter(), 0
    for second in range(0, 3601, 5):
        counter, added = counter.add_power(power_w, second)
        total += added
    assert total == pytest.approx(power_w * 1000, abs=720)


# --- the clock is corrected ----------------------------------------------------------------------


@pytest.mark.parametrize(("off_s", "follows"), [(5, False), (10_800, True)])
def test_a_session_that_is_over_follows_only_a_clock_that_was_wrong(
    off_s: int,
    follows: bool,  # noqa: FBT001 - a parameter
) -> None:
    point = seen(charged(), AVAILABLE, 40)
    off = timedelta(seconds=off_s)
    assert needs_new_times(point, off) is follows
    dated = with_new_times(point, at(100) + off, 100)
    assert session_of(dated).started_at == at(10) + off
    assert session_of(dated).ended_at == at(30) + off
    assert session_of(dated).duration_s == 20
