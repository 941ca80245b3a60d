"""What chargers and vehicles do in the field, as a recording of the bench shows it."""

import pytest

from knxgw.catalogue.codes import ChargingState, FaultCode
from knxgw.modbus.commander import RETRY_S
from knxgw.modbus.compliance import LIMITED_REWRITE_S, REWRITE_AFTER_S
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import CarModel
from knxgw.sim.bench.vehicle import Input, Vehicle

STEP = "  - {at: 70.1, base_a: 14}\n"  # 14/14 A before, 9/9 A after
LATENCY_S = 0.5


def ran(events: str, points: str = "2", more: str = "", *, duration_s: int = 150) -> Recording:
    """Run two cars that have 14 A each from 21 s on, and something that happens to the second."""
    text = f"duration_s: {duration_s}\npoints: {points}\n{more}\nevents:\n{events}"
    return Run(parse_scenario(text)).run()


def limits_of_2(recording: Recording, from_s: float) -> list[tuple[float, int]]:
    return recording.points[1].limits.changes(from_s, recording.ended_at)


# --- chargers ------------------------------------------------------------------------------------


def test_without_an_end_a_trouble_lasts_until_the_charger_is_good() -> None:
    events = "  - {at: 60, point: 2, charger: unreachable}\n  - {at: 90, point: 2, charger: good}\n"
    assert ran(events).points[1].reached.changes(0.0, 150.0) == [(60.0, False), (90.0, True)]


def test_with_an_end_a_trouble_ends_by_itself() -> None:
    recording = ran("  - {at: 60, until: 90, point: 2, charger: unreachable}\n")
    assert recording.points[1].reached.changes(0.0, 150.0) == [(60.0, False), (90.0, True)]


def test_a_shorter_trouble_ends_and_a_longer_one_goes_on() -> None:
    events = (
        "  - {at: 60, until: 120, point: 2, charger: ignores}\n"
        "  - {at: 65, until: 80, point: 2, charger: unreachable}\n"
    )
    recording = ran(events + STEP)
    assert recording.points[1].reached.last
    assert not [at_s for at_s, _ in limits_of_2(recording, 60.0) if at_s < 120.0]


def test_a_charger_that_ignores_acknowledges_and_keeps_its_limit_until_it_is_written_again() -> (
    None
):
    recording = ran("  - {at: 60, until: 85, point: 2, charger: ignores}\n" + STEP)
    log = recording.points[1]
    assert log.offers.at(84.0) < 14_000
    assert log.limits.at(84.9) == 14_000
    assert recording.failed_writes == 0
    assert not recording.is_present(FaultCode.COMM, 2, 84.9)
    (taken_s, _), *_ = limits_of_2(recording, 60.0)
    assert 85.0 < taken_s <= 85.0 + 12.0 + LATENCY_S


def test_a_charger_that_refuses_is_written_again_as_the_driver_does_and_is_a_fault_meanwhile() -> (
    None
):
    recording = ran("  - {at: 60, until: 100, point: 2, charger: refuses}\n" + STEP)
    assert recording.failed_writes > 1
    first_s = next(at_s for at_s, ma in recording.points[1].offers.changes(60.0, 99.0) if ma) + 0.5
    comm = [(one.changed_at, one.present) for one in recording.faults if one.code is FaultCode.COMM]
    assert comm[0] == (first_s + RETRY_S, True)
    (taken_s, _), *_ = limits_of_2(recording, 60.0)
    assert 100.0 < taken_s <= 100.0 + RETRY_S
    assert comm[1] == (taken_s, False)
    assert (taken_s - first_s) % RETRY_S == pytest.approx(0.0)


def test_a_single_write_that_is_refused_is_no_fault() -> None:
    recording = ran("  - {at: 70, until: 74, point: 2, charger: refuses}\n" + STEP)
    assert recording.failed_writes == 1
    assert not [one for one in recording.faults if one.code is FaultCode.COMM]
    assert limits_of_2(recording, 60.0)[0] == (73.5 + RETRY_S, 9000)


def test_a_charger_that_reboots_announces_something_else_until_the_driver_reads_it_back() -> None:
    recording = ran("  - {at: 60, point: 2, charger: reboots, to_a: 12}\n")
    one, two = limits_of_2(recording, 59.0)
    assert one == (60.0, 12_000)
    assert two[1] == 14_000
    reported_s = recording.points[1].offers.changes(0.0, 60.0)[-1][0] + LATENCY_S
    waits_s = LIMITED_REWRITE_S  # it is less than it was told: there is no haste
    assert reported_s + waits_s < two[0] <= reported_s + waits_s + 1.0 + LATENCY_S


def test_more_than_it_was_told_is_written_again_at_once() -> None:
    recording = ran("  - {at: 60, point: 2, charger: reboots}\n")
    one, two, *_ = limits_of_2(recording, 59.0)
    assert one == (60.0, 16_000)  # its maximum
    assert two == (60.2 + LATENCY_S, 14_000)  # read at 60.2 s


def test_what_was_written_just_now_may_show_late_before_it_is_written_again() -> None:
    recording = ran("  - {at: 74, point: 2, charger: reboots}\n" + STEP)
    assert limits_of_2(recording, 70.0)[0] == (73.5, 9000)
    again_s = next(at_s for at_s, ma in limits_of_2(recording, 74.1) if ma <= 9000)
    assert again_s >= 73.5 + REWRITE_AFTER_S + LATENCY_S


def test_a_charger_without_power_cannot_be_reached_and_lets_nothing_flow() -> None:
    recording = ran("  - {at: 60, point: 2, charger: reboots, to_a: 16, off_s: 20}\n")
    log = recording.points[1]
    assert log.reached.changes(0.0, 150.0) == [(60.0, False), (80.0, True)]
    assert log.draw.highest(60.0, 80.0) == 0
    assert limits_of_2(recording, 59.0) == [(60.0, 0), (80.0, 16_000), (80.5, 14_000)]
    assert log.draw.at(100.0) == 14_000


def test_a_charger_that_is_paused_by_a_command_of_its_own_is_paused_again_after_a_reboot() -> None:
    events = (
        "  - {at: 50, until: 90, point: 2, interruption: on}\n"
        "  - {at: 60, point: 2, charger: reboots, to_a: 16}\n"
    )
    recording = ran(events, "[{}, {zero_pauses: no}]")
    at_s = [at_s for at_s, ma in limits_of_2(recording, 60.0) if ma == 0]
    assert at_s
    assert at_s[0] < 60.0 + 15.0
    assert recording.points[1].limits.at(120.0) > 6000


def test_a_charger_says_what_it_is_told_to_say_of_its_own_state() -> None:
    recording = ran("  - {at: 60, until: 90, point: 2, reports: 4}\n")
    assert recording.object_at(2, "state", 59.0) == ChargingState.CHARGE
    assert recording.object_at(2, "state", 62.0) == ChargingState.CANCELLED
    assert recording.object_at(2, "state", 95.0) == ChargingState.CHARGE
    assert recording.points[1].draw.at(60.5) == 14_000


# --- vehicles ------------------------------------------------------------------------------------


def test_a_deaf_car_keeps_what_it_draws_and_obeys_when_it_hears_again() -> None:
    recording = ran("  - {at: 60, until: 78, point: 2, car_deaf: on}\n" + STEP)
    log = recording.points[1]
    assert log.limits.at(77.9) == 9000
    assert log.draw.at(79.0) == 14_000  # its delay
    assert log.draw.at(80.0) == 9000


def test_an_overdraw_begins_and_ends() -> None:
    recording = ran("  - {at: 76, until: 95, point: 2, car_overdraw_a: 0.5}\n" + STEP)
    log = recording.points[1]
    assert log.draw.at(75.9) == 9000
    assert log.draw.at(77.0) == 9500
    assert log.draw.at(96.0) == log.limits.at(96.0)


def test_a_car_that_is_slow_to_obey_is_so_for_a_while() -> None:
    recording = ran("  - {at: 60, until: 90, point: 2, car_delay_s: 4}\n" + STEP)
    log = recording.points[1]
    assert log.draw.at(77.4) == 14_000  # told at 73.5 s
    assert log.draw.at(78.1) == 9000


def test_a_habit_belongs_to_the_charging_point_whichever_car_is_there() -> None:
    events = (
        "  - {at: 30, point: 2, car_overdraw_a: 0.5}\n"
        "  - {at: 40, until: 50, point: 2, car: unplug}\n"
    )
    log = ran(events).points[1]
    assert log.draw.at(120.0) == log.limits.at(120.0) + 500


def test_what_a_car_can_use_is_as_before_at_the_end() -> None:
    events = (
        "  - {at: 30, point: 2, car_maximum_a: 10}\n"
        "  - {at: 40, until: 80, point: 2, car_maximum_a: 0}\n"
    )
    log = ran(events).points[1]
    assert [log.can_use.at(at_s) for at_s in (35.0, 60.0, 90.0)] == [10_000, 0, 10_000]


def test_a_car_that_is_plugged_in_anew_can_use_what_it_can_by_itself() -> None:
    events = (
        "  - {at: 30, point: 2, car_maximum_a: 10}\n"
        "  - {at: 40, until: 50, point: 2, car: unplug}\n"
    )
    assert ran(events).points[1].can_use.at(60.0) == 16_000


# --- the invariants know of it -------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        "{at: 60, until: 100, point: 2, charger: ignores}",
        "{at: 60, until: 100, point: 2, charger: refuses}",
        "{at: 60, point: 2, charger: reboots, to_a: 32}",
        "{at: 60, until: 100, point: 2, car_deaf: on}",
        "{at: 60, until: 100, point: 2, car_delay_s: 10}",
        "{at: 60, until: 100, point: 2, car_overdraw_a: 0.7}",
    ],
)
def test_who_does_not_obey_is_no_broken_invariant(event: str) -> None:
    recording = ran(f"  - {event}\n  - {{at: 65, until: 120, point: 1, car: unplug}}\n" + STEP)
    assert not recording.violations


def test_a_charger_or_a_car_strays_no_longer_than_it_does() -> None:
    recording = ran(
        "  - {at: 60, until: 70, point: 2, charger: ignores}\n"
        "  - {at: 80, point: 2, charger: reboots}\n"
        "  - {at: 90, until: 95, point: 2, car_deaf: on}\n"
    )
    strays = recording.points[1].strays.changes(0.0, 150.0)
    assert [at_s for at_s, value in strays if value] == [60.0, 80.0, 90.0]
    assert [at_s for at_s, value in strays if not value] == [70.0, pytest.approx(80.7), 95.0]


# --- a replay ------------------------------------------------------------------------------------


def test_what_reached_a_vehicle_is_all_it_takes_to_live_through_it_again() -> None:
    recording = ran(
        "  - {at: 30, until: 50, point: 2, car_overdraw_a: 0.7}\n"
        "  - {at: 55, point: 2, charger: reboots, to_a: 16}\n"
        "  - {at: 60, until: 75, point: 2, car_deaf: on}\n"
        "  - {at: 65, until: 90, point: 2, car_delay_s: 5}\n"
        "  - {at: 80, until: 85, point: 2, car_maximum_a: 7}\n"
        "  - {at: 95, point: 2, charger: reboots, to_a: 10, off_s: 8}\n"
        "  - {at: 110, until: 115, point: 2, car: unplug}\n"
        "  - {at: 120, until: 130, point: 2, charger: ignores}\n" + STEP
    )
    log, cars = recording.points[1], iter(recording.points[1].cars)
    vehicle = Vehicle(model=CarModel())
    inputs = iter([*log.inputs, (1e9, Input.UNPLUG, 0, 0.0)])
    next_s, what, value, _ = next(inputs)
    for tenth in range(1500):
        at_s = tenth / 10
        while next_s <= at_s:
            vehicle.advance(next_s)
            vehicle.model = next(cars) if what is Input.PLUG else vehicle.model
            vehicle.take(next_s, what, value)
            next_s, what, value, _ = next(inputs)
        vehicle.advance(at_s)
        assert vehicle.draw_ma(at_s) == pytest.approx(log.draw.at(at_s)), at_s
