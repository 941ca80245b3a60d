"""The smart meter: plausible values, complete sets, supervision."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.charging.events import GridMeterReading
from knxgw.config.model import Monitoring
from knxgw.dlm.meter import (
    CompleteSets,
    Meter,
    age_s,
    alive_at,
    current_of_power,
    peak_hold_s,
    phases_to_request,
    with_in_operation,
    with_reading,
    with_values_requested,
)
from knxgw.dlm.settings import Settings

HOUSE = Settings(fuse_ma=35_000)
LARGE = Settings(fuse_ma=63_000)
ON_CHANGE = Settings(fuse_ma=35_000, monitoring=Monitoring.VALUES_AND_IN_OPERATION, interval_s=60)


def report(meter: Meter, now_s: float, *phases: int, settings: Settings = HOUSE) -> Meter:
    """Return the meter after a telegram of each of some phases."""
    for phase in phases:
        meter, plausible = with_reading(
            meter, settings, GridMeterReading(phase=phase, value=5000), now_s
        )
        assert plausible
    return meter


@pytest.mark.proves("D3.1f")
@pytest.mark.parametrize(
    "current_ma", [math.nan, math.inf, -math.inf, -52_501, 700_001, 1e30], ids=str
)
def test_what_cannot_be_is_dropped_and_counted_and_proves_no_life(current_ma: float) -> None:
    meter = report(Meter(), 1.0, 0, 1, 2)
    after, plausible = with_reading(meter, HOUSE, GridMeterReading(phase=0, value=current_ma), 9.0)
    assert not plausible
    assert after.implausible_values == 1
    assert alive_at(after, HOUSE) == 1.0
    assert after.values == meter.values


def test_a_set_is_complete_when_every_phase_came() -> None:
    meter = report(Meter(), 1.0, 0, 1)
    assert meter.sets.count == 0
    assert alive_at(meter, HOUSE) is None
    assert report(meter, 1.5, 2).sets.count == 1
    assert report(meter, 1.5, 2).sets.completed_at == 1.5
    late = report(meter, 13.0, 2)
    assert late.sets.count == 0, "the first two are too old to be of one set with the third"
    assert report(late, 13.5, 0, 1).sets.count == 1


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_after_a_lost_telegram_sets_are_of_one_moment_again(lost: int) -> None:
    meter = Meter()
    for now_s in (0.0, 10.0, 20.0, 30.0):
        meter = report(meter, now_s, 0, 1, 2)
    meter = report(meter, 40.0, *(phase for phase in range(3) if phase != lost))
    assert meter.sets.completed_at == 30.0
    for phase in (0, 1):
        meter = report(meter, 50.0, phase)
        assert meter.sets.completed_at == 30.0, "the value of another phase is of the moment before"
    assert report(meter, 50.0, 2).sets.completed_at == 50.0


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_after_a_lost_telegram_phases_told_apart_make_sets_of_one_moment_again(lost: int) -> None:
    meter = Meter()
    for at_s in range(0, 10, 2):
        for phase in range(3):
            if (at_s, phase) != (8, lost):
                meter = report(meter, at_s + phase / 2, phase)
    assert report(report(meter, 10.0, 0), 10.5, 1).sets.count == meter.sets.count
    assert report(report(report(meter, 10.0, 0), 10.5, 1), 11.0, 2).sets.completed_at == 11.0


@pytest.mark.proves("D2.3", "D3.1h")
@pytest.mark.parametrize("apart_s", [0.0, 0.2], ids=["at once", "0.2 s apart"])
def test_answers_among_the_first_telegrams_do_not_keep_sets_from_becoming_complete_for_good(
    apart_s: float,
) -> None:
    meter = Meter()
    for now_s in (0.0, 0.0, 0.0, 1.0):  # telegrams, and answers to reads at the same instant
        meter = report(meter, now_s, 0, 1, 2)
    assert meter.spacing_s < 0.1
    for second in range(2, 60):
        for phase in range(3):
            meter = report(meter, second + phase * apart_s, phase)
    assert meter.spacing_s == pytest.approx(1.0)
    assert meter.sets.completed_at == pytest.approx(59 + 2 * apart_s)


def test_a_phase_that_was_lost_for_a_while_does_not_change_the_spacing() -> None:
    meter = Meter()
    for second in range(0, 80, 2):
        meter = report(meter, float(second), *((0, 2) if 40 <= second < 66 else (0, 1, 2)))
    assert meter.spacing_s == 2.0
    assert len(meter.sets.spacings_s) == 9


@pytest.mark.proves("D3.1i")
@pytest.mark.parametrize(("gap_s", "sets"), [(0, 1), (80, 0)], ids=["no gap", "a gap"])
def test_the_first_set_of_changes_gathers_while_in_operation_comes(gap_s: int, sets: int) -> None:
    meter = report(Meter(), 1.0, 0, settings=ON_CHANGE)
    for now_s in (5, 15, *range(25 + gap_s, 290 + gap_s, 10)):
        meter = with_in_operation(meter, ON_CHANGE, float(now_s))
    meter = report(meter, 286.0 + gap_s, 1, settings=ON_CHANGE)
    assert meter.sets.count == 0
    assert report(meter, 290.0 + gap_s, 2, settings=ON_CHANGE).sets.count == sets


def test_phases_that_are_told_in_turn_make_a_set_each_round_although_one_is_lost() -> None:
    meter = Meter()
    for place in range(30):
        if place != 14:
            meter = report(meter, place * 10 / 3, place % 3)
    assert meter.spacing_s == pytest.approx(10.0)
    assert meter.sets.count == 9


def test_one_phase_is_enough_for_a_connection_with_one() -> None:
    one = Settings(fuse_ma=35_000, phases=1)
    assert report(Meter(), 1.0, 0, settings=one).sets.count == 1
    assert not with_reading(Meter(), one, GridMeterReading(phase=1, value=0), 1.0)[1]


@pytest.mark.proves("D2.3")
def test_the_spacing_is_the_median_of_the_last_ones() -> None:
    meter = Meter()
    assert meter.spacing_s == 10.0, "not known yet"
    for now_s in (0, 2, 4, 11, 13, 15):
        meter = report(meter, float(now_s), 0, 1, 2)
    assert meter.spacing_s == 2.0


@pytest.mark.proves("D2.3")
@pytest.mark.parametrize(("spacing_s", "kept_s"), [(2.0, 15.0), (10.0, 15.0), (30.0, 45.0)])
def test_peaks_are_kept_for_one_and_a_half_spacings_and_at_least_15_s(
    spacing_s: float, kept_s: float
) -> None:
    assert peak_hold_s(Meter(sets=CompleteSets(spacing_s=spacing_s))) == kept_s


@pytest.mark.proves("D3.2a")
def test_each_phase_must_be_heard_where_values_are_the_sign_of_life() -> None:
    meter = report(Meter(), 1.0, 0, 1, 2)
    meter = report(meter, 9.0, 0, 1)
    assert alive_at(meter, HOUSE) == 1.0
    assert age_s(meter, HOUSE, 11.0) == 10.0
    assert HOUSE.timeout_s == 12.0


@pytest.mark.proves("D3.2b")
def test_in_operation_counts_after_one_complete_set() -> None:
    assert alive_at(with_in_operation(Meter(), ON_CHANGE, 5.0), ON_CHANGE) is None
    meter = report(Meter(), 1.0, 0, 1, 2, settings=ON_CHANGE)
    assert alive_at(with_in_operation(meter, ON_CHANGE, 50.0), ON_CHANGE) == 50.0
    assert alive_at(report(meter, 60.0, 1, settings=ON_CHANGE), ON_CHANGE) == 60.0
    assert ON_CHANGE.timeout_s == 72.0


@pytest.mark.proves("D3.1b", "D3.1c")
@pytest.mark.parametrize("settings", [HOUSE, LARGE])
def test_a_value_at_the_end_of_its_range_counts_as_65_5_a(settings: Settings) -> None:
    reading = GridMeterReading(phase=0, value=65_535, may_saturate=True)
    value = with_reading(Meter(), settings, reading, 1.0)[0].values[0]
    assert value is not None
    assert value.is_over_range
    assert value.current_ma == 65_500
    other = with_reading(Meter(), settings, GridMeterReading(phase=0, value=65_535), 1.0)[0].values[
        0
    ]
    assert other is not None
    assert not other.is_over_range, "another datapoint type goes on"


@pytest.mark.proves("D3.1b")
def test_with_7012_the_limit_in_force_is_well_inside_its_range() -> None:
    assert Settings(fuse_ma=80_000, saturating=True).limit_ma == 60_000
    assert replace(HOUSE, saturating=True).limit_ma == HOUSE.limit_ma


@pytest.mark.proves("D11.5")
def test_a_phase_whose_telegram_alone_was_lost_is_asked_for_once() -> None:
    meter = report(report(Meter(), 1.0, 0, 1, 2), 10.0, 0, 2)
    assert phases_to_request(meter, HOUSE, 11.9) == []
    assert phases_to_request(meter, HOUSE, 12.0) == [1]
    assert phases_to_request(with_values_requested(meter, [1], 12.0), HOUSE, 12.5) == [], "once"
    assert phases_to_request(report(meter, 12.1, 1), HOUSE, 12.5) == [], "it has answered"
    silent = report(Meter(), 1.0, 0, 1, 2)
    assert phases_to_request(silent, HOUSE, 12.5) == [], "all are silent: nobody is there to ask"


@pytest.mark.proves("D2.1")
def test_values_that_come_on_change_say_nothing_about_how_often_the_meter_looks() -> None:
    meter = Meter()
    for turn in range(8):
        meter = report(meter, 100.0 * turn, 0, 1, 2, settings=ON_CHANGE)
    assert meter.spacing_s == 10.0


@pytest.mark.proves("D3.1e")
def test_power_is_divided_by_voltage_and_power_factor_and_keeps_its_sign() -> None:
    settings = Settings(fuse_ma=35_000, power_factor=0.95)
    assert current_of_power(settings, 6900) == pytest.approx(31_579, abs=1)
    assert current_of_power(HOUSE, -2300) == pytest.approx(-10_000)
    assert current_of_power(HOUSE, 14_490) == pytest.approx(63_000, abs=50)


@given(st.integers(-52_500, 700_000))
def test_everything_plausible_is_taken_as_it_is(current_ma: int) -> None:
    meter, plausible = with_reading(
        Meter(), HOUSE, GridMeterReading(phase=2, value=current_ma), 1.0
    )
    value = meter.values[2]
    assert plausible
    assert value is not None
    assert value.current_ma == current_ma
