"""One charging point: "complete", the shown state, commands, links."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState, FaultCode, Reason
from knxgw.charging.commands import (
    command_interruption,
    command_setpoint,
    command_start_stop,
    may_unlock,
)
from knxgw.charging.events import LinkCondition
from knxgw.charging.link import link_changed, meter_link_changed, offer_acknowledged
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import Decision
from knxgw.charging.publication import point_values
from knxgw.charging.quantities import Quantity
from knxgw.charging.readings import observe_meter
from knxgw.charging.shown_state import shown_state
from knxgw.charging.states import Process
from tests.charging.points import (
    AVAILABLE,
    CHARGING,
    IDLE,
    METER,
    WAITING,
    at,
    decided,
    make_point,
    seen,
    seen_for,
)

OWN_START = "start: manual"
COMPLETE = "complete: {threshold_a: 1, time_s: 60}"
ZERO = Decision(offer_ma=0, reason=Reason.SETPOINT)


def charged() -> ChargingPoint:
    """Return a point that has charged from 1 s to 10 s."""
    return seen_for(make_point(COMPLETE), CHARGING, 1, 10)


def good(point: ChargingPoint) -> ChargingPoint:
    return link_changed(point, LinkCondition.GOOD)


# --- charging complete


@pytest.mark.proves("3.35")
def test_charging_is_complete_after_the_whole_time_below_the_threshold() -> None:
    point = seen_for(charged(), IDLE, 11, 70)
    assert not point.process.is_complete
    assert seen(point, IDLE, 71).process.is_complete


@pytest.mark.proves("3.36")
def test_one_moment_above_the_threshold_starts_the_time_again() -> None:
    point = seen_for(charged(), IDLE, 11, 60)
    point = seen(point, CHARGING, 61)
    assert not seen_for(point, IDLE, 62, 121).process.is_complete


@pytest.mark.proves("3.38", "3.39")
def test_complete_falls_at_once_when_current_flows_and_on_unplugging() -> None:
    point = seen_for(charged(), IDLE, 11, 71)
    assert not seen(point, CHARGING, 72).process.is_complete
    assert not seen(point, AVAILABLE, 72).process.is_complete


@pytest.mark.proves("3.37")
def test_a_vehicle_that_never_charged_is_not_complete() -> None:
    assert not seen_for(
        make_point(COMPLETE), {**WAITING, Quantity.CURRENT_L1: 0}, 1, 200
    ).process.is_complete


def test_the_time_does_not_run_while_the_point_is_held_at_0_a() -> None:
    point = seen_for(charged(), IDLE, 11, 40)
    held = seen_for(decided(point, ZERO), IDLE, 41, 300)
    assert not held.process.is_complete
    free = decided(held, None)
    assert not seen_for(free, IDLE, 301, 330).process.is_complete
    assert seen_for(free, IDLE, 301, 332).process.is_complete


def test_values_without_currents_do_not_undo_complete() -> None:
    point = seen_for(charged(), IDLE, 11, 71)
    point = good(link_changed(point, LinkCondition.NOT_REACHABLE))
    assert seen(point, WAITING, 80).process.is_complete, "the state is polled before the currents"


# --- what is shown


def test_nothing_is_shown_before_the_first_poll_and_after_10_s_of_silence() -> None:
    assert shown_state(make_point(), 0) is None
    point = seen(make_point(), AVAILABLE, 0)
    assert shown_state(point, 10) is ChargingState.AVAILABLE
    assert shown_state(point, 10.1) is None


def test_an_interruption_shows_11_also_where_nothing_is_plugged() -> None:
    point = command_interruption(seen(make_point(), AVAILABLE, 0), is_active=True)
    assert shown_state(point, 1) is ChargingState.INTERRUPTION
    assert shown_state(command_interruption(point, is_active=False), 1) is ChargingState.AVAILABLE


@pytest.mark.proves("3.22")
def test_unplugged_during_an_interruption_shows_5_when_it_ends() -> None:
    point = command_interruption(seen(make_point(), CHARGING, 0), is_active=True)
    point = seen(point, AVAILABLE, 5)
    assert shown_state(point, 5) is ChargingState.INTERRUPTION
    assert shown_state(command_interruption(point, is_active=False), 6) is ChargingState.AVAILABLE


@pytest.mark.proves("3.18", "3.23")
def test_grid_control_with_0_a_shows_11_but_the_interruption_object_stays_0() -> None:
    values = point_values(seen(make_point(), CHARGING, 0), 1, is_site_paused=True)
    assert values["state"] == ChargingState.INTERRUPTION
    assert values["interruption_state"] is False
    assert values["charging"] is False


def test_an_error_of_the_charger_is_shown_before_anything_else() -> None:
    error = {Quantity.STATE: ChargingState.ERROR}
    point = command_interruption(seen(make_point(), error, 0), is_active=True)
    assert shown_state(point, 1) is ChargingState.ERROR
    assert point.faults.text == "ChargerError"
    assert not seen(point, AVAILABLE, 2).faults.is_present


@pytest.mark.parametrize("echo", [ChargingState.INTERRUPTION, ChargingState.MANUAL_START])
def test_the_echo_of_our_own_pause_is_shown_as_connected(echo: ChargingState) -> None:
    values = {Quantity.STATE: echo, Quantity.CONNECTED: 1}
    point = offer_acknowledged(decided(make_point(), ZERO), 0, 0)
    point = seen(point, values, 1)
    assert shown_state(point, 1) is ChargingState.CONNECTED
    point = decided(point, Decision(offer_ma=6000, reason=Reason.MINIMUM))
    for second in range(2, 101):
        point = seen(point, values, second)
    assert shown_state(point, 100) is ChargingState.CONNECTED, "the charger does not know it yet"
    point = offer_acknowledged(point, 6000, 101)
    for second in range(101, 110):
        point = seen(point, values, second)
    assert shown_state(point, 109) is ChargingState.CONNECTED
    assert shown_state(seen(point, values, 110), 110) is echo, "now it is the charger's own"


def test_the_echo_of_our_own_pause_lasts_for_two_polls_also_on_a_slow_line() -> None:
    values = {Quantity.STATE: ChargingState.INTERRUPTION, Quantity.CONNECTED: 1}
    point = offer_acknowledged(decided(make_point(), ZERO), 0, 0)
    for second in range(0, 97, 12):
        point = seen(point, values, second)
    point = decided(point, Decision(offer_ma=6000, reason=Reason.MINIMUM))
    point = offer_acknowledged(point, 6000, 97)
    point = seen(point, values, 120)
    assert shown_state(point, 97 + 6 + 2 * 12) is ChargingState.CONNECTED
    assert shown_state(point, 128) is ChargingState.INTERRUPTION


def test_our_pause_is_still_an_echo_when_the_charger_comes_back() -> None:
    own = {Quantity.STATE: ChargingState.INTERRUPTION, Quantity.CONNECTED: 1}
    point = offer_acknowledged(seen(make_point(), own, 0), 0, 0)
    point = link_changed(point, LinkCondition.NOT_REACHABLE)
    point = seen(good(point), own, 100)
    assert shown_state(point, 100) is ChargingState.CONNECTED


def test_the_charger_s_own_interruption_is_shown_as_such() -> None:
    own = {Quantity.STATE: ChargingState.INTERRUPTION, Quantity.CONNECTED: 1}
    assert shown_state(seen(make_point(), own, 0), 0) is ChargingState.INTERRUPTION


def test_the_plug_stays_known_while_the_charger_says_nothing_about_it() -> None:
    point = seen(make_point(), WAITING, 0)
    point = seen(point, {Quantity.STATE: ChargingState.ERROR}, 60)
    assert point_values(point, 60)["connected"] is True
    assert point_values(point, 71)["connected"] is None


def test_a_reading_counts_for_five_of_the_periods_it_really_has() -> None:
    point = make_point()
    for moment_s in (0, 12, 24, 36):
        point = seen(point, WAITING, moment_s)
    assert point_values(point, 36 + 60)["state"] is not None
    assert point_values(point, 36 + 61)["state"] is None


def test_one_long_gap_makes_no_reading_count_for_longer() -> None:
    point = seen(make_point(), WAITING, 0)
    for moment_s in (60, 61, 62, 63):
        point = seen(point, WAITING, moment_s)
        assert point_values(point, moment_s + 10)["state"] is not None
        assert point_values(point, moment_s + 11)["state"] is None, moment_s


def test_the_temperature_warns_from_its_threshold_on() -> None:
    point = seen(make_point("temperature: {warning_c: 70}"), {Quantity.TEMPERATURE: 6999}, 0)
    assert point_values(point, 0)["temperature_warning"] is False
    point = seen(point, {Quantity.TEMPERATURE: 7000}, 1)
    assert point_values(point, 1)["temperature_warning"] is True
    assert point_values(point, 200)["temperature_warning"] is None


# --- links


def test_values_are_withdrawn_when_the_charger_is_gone() -> None:
    point = seen(good(make_point()), {**CHARGING, Quantity.SERIAL: "123"}, 0)
    values = point_values(link_changed(point, LinkCondition.NOT_REACHABLE), 0)
    for key in ("state", "connected", "charging", "complete", "current_l1", "serial"):
        assert values[key] is None, key
    assert values["last_point_fault"] == "NotReachable"
    assert values["interruption_state"] is False


def test_wrong_answers_are_comm_and_a_good_one_resets_it() -> None:
    point = link_changed(make_point(), LinkCondition.COMM)
    assert point.faults.current is FaultCode.COMM
    point = good(point)
    assert not point.faults.is_present
    assert point.faults.text == "Comm"


def test_a_meter_stands_for_the_charger_s_own_figures_of_that_kind() -> None:
    point = seen(make_point(METER), {**CHARGING, Quantity.POWER: 1}, 0)
    assert point.number(Quantity.CURRENT_L1) is None
    point = observe_meter(point, {Quantity.CURRENT_L1: 5000, Quantity.SERIAL: "9"}, 1, at(1))
    assert point.number(Quantity.CURRENT_L1) == 5000
    assert point.value(Quantity.SERIAL) is None


def test_a_meter_stays_when_the_charger_goes_and_the_charger_when_the_meter_goes() -> None:
    point = observe_meter(seen(make_point(METER), CHARGING, 0), {Quantity.POWER: 3000}, 0, at(0))
    without_charger = link_changed(point, LinkCondition.NOT_REACHABLE)
    assert without_charger.number(Quantity.POWER) == 3000
    assert without_charger.value(Quantity.STATE) is None
    without_meter = meter_link_changed(point, LinkCondition.NOT_REACHABLE)
    assert without_meter.number(Quantity.POWER) is None
    assert without_meter.value(Quantity.STATE) == ChargingState.CHARGE
    assert without_meter.faults.text == "EMeterNotReach"


def test_a_fault_register_of_the_meter_is_its_own_fault() -> None:
    point = observe_meter(make_point(METER), {Quantity.FAULT_INFO_1: "0x0004"}, 0, at(0))
    assert point.faults.text == "EMeter Error"
    assert point.value(Quantity.FAULT_INFO_1) is None
    assert not observe_meter(point, {Quantity.FAULT_INFO_1: ""}, 1, at(1)).faults.is_present


# --- commands


def test_a_setpoint_outside_the_range_is_clamped_and_said() -> None:
    point = command_setpoint(make_point(), 20_000)
    assert point.control.setpoint_ma == 16_000
    assert point.faults.text == "ValOutOfRange"
    assert not point.faults.is_present


def test_a_setpoint_that_is_no_current_is_ignored_and_said() -> None:
    point = command_setpoint(command_setpoint(make_point(), 8000), None)
    assert point.control.setpoint_ma == 8000
    assert point.faults.text == "ValOutOfRange"


@pytest.mark.proves("3.45")
def test_a_setpoint_of_0_a_is_out_of_range_where_the_model_cannot_pause() -> None:
    point = command_setpoint(make_point(model="keba_p30"), 0)
    assert point.control.setpoint_ma == 6000
    assert point.faults.text == "ValOutOfRange"
    point = command_setpoint(make_point(), 0)
    assert point.control.setpoint_ma == 0
    assert point.faults.text == "No error"


def test_a_process_that_waits_is_started_once() -> None:
    point = seen(make_point(OWN_START, "goe_charger"), WAITING, 0)
    assert shown_state(point, 0) is ChargingState.MANUAL_START
    point = command_start_stop(point, 0, is_start=True)
    assert point.process.stage is Process.FREE
    assert point.faults.text == "No error"
    assert command_start_stop(point, 0, is_start=True).faults.text == "OpNotPossible"


def test_a_start_is_not_possible_while_interrupted_in_any_way() -> None:
    point = seen(make_point(OWN_START, "goe_charger"), WAITING, 0)
    interrupted = command_interruption(point, is_active=True)
    assert command_start_stop(interrupted, 0, is_start=True).process.stage is Process.WAITING
    paused = command_start_stop(point, 0, is_start=True, is_site_paused=True)
    assert paused.process.stage is Process.WAITING


def test_a_cancelled_process_waits_until_the_vehicle_was_replugged() -> None:
    point = command_start_stop(seen(make_point(), CHARGING, 0), 0, is_start=False)
    assert shown_state(point, 0) is ChargingState.CANCELLED
    again = command_start_stop(point, 0, is_start=True)
    assert again.process.stage is Process.CANCELLED
    assert again.faults.text == "OpNotPossible"
    assert command_start_stop(point, 0, is_start=False).faults.text == "OpNotPossible"
    assert seen(point, AVAILABLE, 1).process.stage is Process.NO_VEHICLE


def test_there_is_nothing_to_stop_without_a_vehicle() -> None:
    point = command_start_stop(seen(make_point(), AVAILABLE, 0), 0, is_start=False)
    assert point.process.stage is Process.NO_VEHICLE
    assert point.faults.text == "OpNotPossible"


@pytest.mark.proves("2.23", "2.24")
def test_the_cable_is_released_only_when_the_process_has_finished() -> None:
    charging = good(charged())
    assert not may_unlock(charging, 10)
    done = seen_for(charging, IDLE, 11, 71)
    assert may_unlock(done, 71)
    assert not may_unlock(command_interruption(done, is_active=True), 71)
    assert not may_unlock(link_changed(done, LinkCondition.NOT_REACHABLE), 71)
    assert not may_unlock(seen(done, {Quantity.STATE: ChargingState.CONNECTED}, 90), 90), "current?"
    cancelled = command_start_stop(charging, 10, is_start=False)
    assert not may_unlock(cancelled, 10), "current still flows"
    assert may_unlock(seen(cancelled, {**CHARGING, Quantity.CURRENT_L1: 0}, 11), 11)


@pytest.mark.proves("2.23", "2.24")
def test_without_measurement_the_cable_is_released_only_when_the_charger_says_that_it_rests() -> (
    None
):
    charging = {Quantity.STATE: ChargingState.CHARGE, Quantity.CONNECTED: 1}
    point = good(seen_for(make_point(model="evse_din"), charging, 0, 5))
    cancelled = command_start_stop(point, 5, is_start=False)
    assert not may_unlock(cancelled, 5)
    rests = seen(cancelled, WAITING, 6)
    assert may_unlock(rests, 6)
    assert not may_unlock(rests, 600), "its state is not fresh"


@settings(max_examples=100)
@given(
    st.lists(st.sampled_from(("interrupt", "free", "stop", "start", "plug", "unplug")), max_size=12)
)
def test_the_shown_state_is_5_or_11_without_a_vehicle(deeds: list[str]) -> None:
    point = seen(make_point(), AVAILABLE, 0)
    for deed in deeds:
        if deed in ("interrupt", "free"):
            point = command_interruption(point, is_active=deed == "interrupt")
        elif deed in ("start", "stop"):
            point = command_start_stop(point, 0, is_start=deed == "start")
        else:
            point = seen(point, CHARGING if deed == "plug" else AVAILABLE, 0)
    state = shown_state(point, 0)
    if point.control.is_interrupted:
        assert state is ChargingState.INTERRUPTION
    elif not point.process.is_connected:
        assert state is ChargingState.AVAILABLE
    else:
        cancelled = point.process.stage is Process.CANCELLED
        assert state is (ChargingState.CANCELLED if cancelled else ChargingState.CHARGE)
