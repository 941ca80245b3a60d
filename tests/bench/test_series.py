"""The series of days are what they say; load-management 24."""

from itertools import pairwise

import pytest

from bench.days.acceptance import criteria
from bench.days.building import HIGHEST_MA
from bench.days.day import HOUR_S, day
from bench.days.series import BY_NAME, EVERY_SERIES, FURTHER_SERIES, MAIN_SERIES, SEEDS
from bench.days.yardsticks.simple import FirstCome
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import (
    BaseChanged,
    ChargerReboots,
    ChargerTroubled,
    Scenario,
    Trouble,
)

HOURS = 0.3


def of(name: str, hours: float = HOURS) -> Scenario:
    return day(4, BY_NAME[name], hours)


def run(name: str, hours: float = HOURS) -> Recording:
    """Run the plant of a series with a simple loop, which is quick."""
    scenario = of(name, hours)
    return Run(scenario, controller=FirstCome(scenario)).run()


def test_names_tell_the_series_apart_and_name_files() -> None:
    assert len(BY_NAME) == len(EVERY_SERIES)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in BY_NAME)


def test_there_are_20_days_of_each_main_series_and_5_of_each_further_one() -> None:
    assert all(one.days >= SEEDS == 20 and one.is_main for one in MAIN_SERIES)
    assert all(one.days >= 5 and not one.is_main for one in FURTHER_SERIES)


@pytest.mark.parametrize(
    ("name", "fuse_ma"), [("default-mode-50a", 50_000), ("default-mode-35a", 35_000)]
)
def test_the_default_mode_has_no_queue(name: str, fuse_ma: int) -> None:
    scenario = of(name)
    assert scenario.settings == {"queue": False}
    assert scenario.connection.fuse_ma == fuse_ma
    assert all(of(one.name).settings["queue"] for one in EVERY_SERIES if one.queue)


def test_the_35_a_house_has_a_building_of_0_55_times_the_size() -> None:
    highest = [
        max(
            ma or 0
            for one in of(name, 12.0).happenings
            if isinstance(one, BaseChanged)
            for ma in one.load_ma
        )
        for name in ("default-mode-50a", "default-mode-35a")
    ]
    assert 0.9 * HIGHEST_MA < highest[0] <= HIGHEST_MA
    assert highest[1] == pytest.approx(0.55 * highest[0], abs=1)
    assert of("default-mode-35a").base_ma == (825, 550, 440)


def test_the_monitoring_interval_is_the_default_one_with_the_10_s_meter_and_faults() -> None:
    scenario = of("10s-monitored-10s")
    assert (scenario.meter.sample_s, scenario.meter.monitoring_s) == (10.0, 10.0)
    assert scenario.disturbance is not None
    assert None not in scenario.meter.answers_s


@pytest.mark.long
def test_chargers_of_1_a_take_whole_amperes() -> None:
    assert {one.resolution_ma for one in of("1a-chargers").points} == {1000}
    recording = Run(of("1a-chargers")).run()
    offers = {ma for log in recording.points for ma in log.offers.values}
    assert len(offers) > 3
    assert all(ma % 1000 == 0 for ma in offers)


def test_chargers_without_a_meter_report_no_currents() -> None:
    assert not any(one.is_measured for one in of("unmeasured").points)


def test_vehicles_draw_0_3_a_more_than_they_are_told() -> None:
    recording = run("overdraw", 0.5)
    drawn = [
        log.draw.highest(from_s + 5, to_s) - limit_ma
        for log in recording.points
        for (from_s, limit_ma), (to_s, _) in pairwise(
            zip(log.limits.times, log.limits.values, strict=True)
        )
        if to_s - from_s > 10
        and 6000 <= limit_ma < 10_000
        and log.used.at(from_s)
        and log.draw.at(to_s - 1e-6)
    ]
    assert drawn
    assert all(excess_ma == pytest.approx(300, abs=1) for excess_ma in drawn)


def test_a_1_s_meter_tells_it_0_1_s_later_and_the_gateway_believes_it_is_1_s() -> None:
    scenario, recording = of("1s"), run("1s")
    assert recording.telegrams == pytest.approx(3 * (scenario.duration_s + 60), abs=6)
    assert scenario.meter.delay_s == (0.1, 0.1, 0.1)
    assert scenario.meter.assumed_delay_s == 1.0


def test_chargers_are_read_each_3_s() -> None:
    assert {one.poll_s for one in of("polls-3s").points} == {3.0}
    assert {one.poll_s for one in of("2s").points} == {1.0}


def test_values_on_change_are_few_and_in_operation_comes_between() -> None:
    assert run("on-change").telegrams < run("2s").telegrams / 4
    assert of("on-change").meter.in_operation_s == 20.0


@pytest.mark.long
def test_the_meter_is_silent_for_2_min_of_each_hour() -> None:
    scenario = of("outages", 4.0)
    lost = scenario.meter.lost
    assert [int(one.begins_at // HOUR_S) for one in lost] == [0, 1, 2, 3]
    assert all(
        one.ends_at - one.begins_at == 120.0 and one.ends_at // HOUR_S == one.begins_at // HOUR_S
        for one in lost
    )
    assert run("outages", 2.0).telegrams == pytest.approx(
        run("2s", 2.0).telegrams - 2 * 3 * 60, abs=9
    )


def test_utilisation_must_be_higher_in_the_main_series() -> None:
    def accepted(name: str) -> list[float]:
        return [one.limit for one in criteria(BY_NAME[name]) if one.name.startswith("utilisation")]

    assert accepted("2s") == accepted("10s") == [0.975, 0.96]
    assert all(accepted(one.name) == [0.95, 0.95] for one in FURTHER_SERIES)


def test_the_time_in_lock_out_is_accepted_without_the_queue_only() -> None:
    marked = {
        series.name
        for series in EVERY_SERIES
        if any(one.name.startswith("locked out") for one in criteria(series))
    }
    assert marked == {"default-mode-50a", "default-mode-35a"}


@pytest.mark.long
def test_unruly_chargers_restart_and_ignore_once_in_each_hour_and_refuse_some_writes() -> None:
    scenario = of("unruly-chargers", 5.0)
    ignored = [one for one in scenario.happenings if isinstance(one, ChargerTroubled)]
    restarted = [one for one in scenario.happenings if isinstance(one, ChargerReboots)]
    for ones in (ignored, restarted):
        assert [int(one.happens_at // HOUR_S) for one in ones] == [0, 1, 2, 3, 4]
    assert all(one.trouble is Trouble.IGNORES for one in ignored)
    assert all(one.holds_until == one.happens_at + 40.0 for one in ignored)
    assert all(one.to_ma == 16_000 for one in restarted)
    assert Run(of("unruly-chargers", 1.0)).run().failed_writes > 0
