"""The smart meter of the bench: when telegrams come, what a read gets, what a type makes of export."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xknx.dpt import DPTArray, DPTBase

from knxgw.catalogue.codes import FaultCode
from knxgw.charging.events import GridMeterReading
from knxgw.errors import ConfigError
from knxgw.objects.codec import decode_meter_value
from knxgw.sim.bench.false_alarms import false_alarms
from knxgw.sim.bench.metrics import utilisation
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.recording import Fault, Recording
from knxgw.sim.bench.report import run_scenario
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.telegrams import HIGHEST_F16, TYPES, on_the_bus, two_byte_float
from knxgw.station.model import InOperationSeen
from tests.sim.bench_listener import Heard, Listener

NO_CAR = "points: [{car: none}]\n"


def heard(text: str) -> list[Heard]:
    """Return what a scenario's smart meter tells: when, and what."""
    scenario = parse_scenario(text)
    listener = Listener(scenario)
    Run(scenario, controller=listener).run()
    return [one for one in listener.heard if isinstance(one[1], GridMeterReading)]


def times(text: str, phase: int = 0) -> list[float]:
    found = heard(f"idle_s: 0\n{NO_CAR}{text}")
    return [round(at_s, 3) for at_s, one in found if one.phase == phase]


def ran(text: str) -> Recording:
    return Run(parse_scenario(text)).run()


# --- when telegrams come -----------------------------------------------------------------------


def test_jitter_moves_each_telegram_by_up_to_so_much() -> None:
    moments = times("duration_s: 60\nmeter: {jitter_s: 0.4}")
    off_s = [at_s - (2 * index + 1.0) for index, at_s in enumerate(moments)]
    assert len(moments) >= 29
    assert max(map(abs, off_s)) <= 0.4
    assert min(off_s) < -0.2 < 0.2 < max(off_s)


def test_jitter_is_the_same_each_time_and_another_one_with_another_seed() -> None:
    text = "duration_s: 20\nmeter: {jitter_s: 0.4, jitter_seed: %d}"
    assert times(text % 7) == times(text % 7)
    assert times(text % 7) != times(text % 8)


def test_no_telegram_comes_before_its_sample_or_overtakes_the_one_before() -> None:
    moments = times("duration_s: 60\nmeter: {sample_s: 1, delay_s: 0.1, jitter_s: 3}")
    assert moments == sorted(moments)
    assert all(at_s >= index for index, at_s in enumerate(moments))


def test_in_slow_times_telegrams_take_longer_and_keep_their_order() -> None:
    text = "duration_s: 20\nmeter: {slow: [{from: 5, to: 7, phase: 1, late_s: 3}]}"
    assert times(text, 0) == [1, 3, 8, 10, 10, 11, 13, 15, 17, 19]
    assert times(text, 1) == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]


def test_the_gateway_may_be_told_another_delay_than_there_is() -> None:
    reported = Run(parse_scenario("meter: {delay_s: 2.5, told_delay_s: 0.5}"))
    assert reported.controller.station is not None
    settings = reported.controller.station.load_management_settings
    assert settings is not None
    assert settings.meter_delay_s == 0.5
    assert parse_scenario("meter: {delay_s: 2.5}").meter.assumed_delay_s == 2.5


# --- reads --------------------------------------------------------------------------------------

ON_CHANGE = "min_change_a: 0.5, monitoring_s: 20, in_operation_s: 10"


def test_a_gateway_that_starts_reads_the_values() -> None:
    text = "duration_s: 9\nevents: [{at: 4.3, gateway: restart, off_s: 1}]\n"
    text += f"meter: {{{ON_CHANGE}, answers_s: [0.2, 0.3, never]}}"
    at_start, after_restart = [0.2, 0.2], [5.5]  # at the start In operation comes as well
    assert times(text, 0) == at_start + after_restart
    assert times(text, 1) == [0.3, 0.3, 5.6]
    assert times(text, 2) == [1.0]  # the first sample


def test_no_answer_comes_in_the_times_in_which_reads_get_none() -> None:
    text = "duration_s: 9\nevents: [{at: 4.3, gateway: restart, off_s: 1}]\n"
    text += f"meter: {{{ON_CHANGE}, answers_s: 0.2, unanswered: [{{from: 5, to: 6, phase: 2}}]}}"
    assert times(text, 0) == [0.2, 0.2, 5.5]
    assert times(text, 1) == [0.2, 0.2]


def test_a_slow_answer_takes_longer() -> None:
    text = "duration_s: 9\nevents: [{at: 4.3, gateway: restart, off_s: 1}]\n"
    text += f"meter: {{{ON_CHANGE}, answers_s: 0.2, slow: [{{from: 5, to: 6, late_s: 2}}]}}"
    assert times(text) == [0.2, 0.2, 7.5]


RETURN = (
    "duration_s: 300\npoints: 2\nevery_car: {phases: 1}\n"
    "meter: {%s, answers_s: %s, in_operation_pauses: [{from: 100.5, to: 170}]}"
)


@pytest.mark.parametrize(
    ("answers", "ends_s"), [("0.3", (180.0, 181.0)), ("never", (195.0, 196.0))]
)
def test_when_in_operation_returns_answers_end_the_emergency_or_else_the_time_without_a_gap(
    answers: str, ends_s: tuple[float, float]
) -> None:
    """load-management 11: the answers, or the last values after T_hold."""
    recording = ran(RETURN % (ON_CHANGE, answers))
    lost = [one for one in recording.faults if one.code is FaultCode.SMART_METER_TIMEOUT]
    began, ended = (one.changed_at for one in lost if one.changed_at > 0)
    assert 122.0 <= began <= 125.0
    assert ends_s[0] <= ended <= ends_s[1]


def test_in_operation_pauses_and_ends() -> None:
    text = "duration_s: 60\nidle_s: 0\nmeter: {in_operation_s: 5, in_operation_until_s: 41, "
    text += "in_operation_pauses: [{from: 10, to: 20}]}"
    scenario = parse_scenario(text)
    listener = Listener(scenario)
    Run(scenario, controller=listener).run()
    moments = [at_s for at_s, one in listener.heard if isinstance(one, InOperationSeen)]
    assert moments == [0, 5, 25, 30, 35, 40]


# --- what the types make of a current ------------------------------------------------------------


@given(
    dpt=st.sampled_from(sorted(TYPES)),
    current_ma=st.integers(-60_000, 600_000),
    power_factor=st.sampled_from([0.8, 0.95, 1.0]),
)
def test_the_gateway_would_decode_the_same_from_the_bytes_on_the_bus(
    dpt: str, current_ma: int, power_factor: float
) -> None:
    value = on_the_bus(dpt, current_ma, voltage_v=230.0, power_factor=power_factor)
    transcoder = DPTBase.parse_transcoder(dpt)
    assert transcoder is not None
    payload = transcoder.to_knx(value / TYPES[dpt].unit)
    assert isinstance(payload, DPTArray)
    assert decode_meter_value(dpt, payload) == (value, TYPES[dpt].is_power)


def test_what_is_too_large_for_two_bytes_stops_before_the_value_that_means_invalid() -> None:
    assert two_byte_float(1e9) == HIGHEST_F16
    assert on_the_bus("9.021", -1e9, voltage_v=230.0, power_factor=1.0) == -671_088.64


EXPORT = """
duration_s: 90
idle_s: 10
base_a: -8
connection: {feeder_a: 40}
points: [{maximum_a: 32, car: {maximum_a: 32}}, {maximum_a: 12}]
meter: {dpt: "%s"}
"""


@pytest.mark.parametrize("dpt", ["9.021", "14.019", "9.024", "14.056"])
def test_export_is_room_for_the_chargers_where_the_type_has_a_sign(dpt: str) -> None:
    recording = ran(EXPORT % dpt)
    assert recording.points[0].offers.last == pytest.approx(28_000, abs=200)
    assert sum(one.draw.at(90.0) for one in recording.points) == pytest.approx(40_000, abs=400)
    assert not recording.violations


def test_export_looks_like_import_where_the_type_has_no_sign() -> None:
    """The first telegrams say 8 A of import: 24 A to share, until the cars turn it into import."""
    first = heard("idle_s: 0\nbase_a: -8\npoints: [{car: none}]\nmeter: {dpt: '7.012'}")[0][1]
    assert (first.value, first.may_saturate) == (8000, True)
    recording = ran(EXPORT % "7.012")
    assert recording.points[0].offers.at(0.9) == 6000
    assert max(load.highest(0.0, 90.0) for load in recording.load) <= 32_500
    assert not recording.violations


def test_what_the_building_exports_counts_in_the_yardstick_of_utilisation() -> None:
    text = "duration_s: 300\nbase_a: -8\npoints: 3\nconnection: {feeder_a: 48}\n"
    scenario = parse_scenario(text)
    share = utilisation(scenario, Run(scenario).run(), 100.0, 300.0)
    assert share == pytest.approx(40 / 40, abs=0.03)


def test_export_can_come_and_go_in_events_and_be_expected() -> None:
    text = """
duration_s: 300
points: [{car: {plug_s: 150}}]
periodic: [{from: 10.1, to: 100, on_s: 20, off_s: 20, add_a: -12}]
events:
  - {at: 110.1, base_a: -8, phase: 2}
  - {at: 120.1, base_a: [-8, -9, -10]}
  - {at: 130.1, until: 140.1, base_added_a: -2}
expect:
  - {at: 15, load_a: [-8, -8, -8]}
  - {at: 115, load_a: [4, -8, 4]}
  - {from: 121, to: 149, load_at_most_a: -8}
  - {at: 135, load_a: [-10, -11, -12]}
  - {at: 134, measured_a: [-10, -11, -12]}
  - {from: 220, utilisation_at_least: 0.99}
"""
    scenario = parse_scenario(text)
    result = run_scenario(scenario)
    assert result.failures == ()
    assert result.metrics["highest_load_a"] == [8.0, 7.0, 6.0]
    assert result.metrics["overcurrent_as"] == {"limit": 0, "fuse": 0}


def test_telegrams_that_are_lost_without_an_end_never_come_again() -> None:
    text = "duration_s: 200\nmeter: {lost: [{from: 60, phase: 3}]}\nexpect:\n"
    text += "  - {becomes: [70, 75], to: 200, fault: SmartMeterTOut}\n"
    assert run_scenario(parse_scenario(text)).failures == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "meter: {jiter_s: 1}",
            "s.yaml:1: error: meter.jiter_s: unknown key; did you mean 'jitter_s'?",
        ),
        (
            "meter: {jitter_seed: 3}",
            "s.yaml:1: error: meter.jitter_seed: this has no effect without jitter_s; "
            "add `jitter_s: …`",
        ),
        (
            "meter:\n  slow:\n    - {from: 5, to: 9}",
            "s.yaml:3: error: meter.slow[0]: key 'late_s' is missing; add `late_s: …`",
        ),
        (
            "meter:\n  slow:\n    - {from: 9, to: 5, late_s: 1}",
            "s.yaml:3: error: meter.slow[0].to: it ends before it begins; "
            "let `to` be no earlier than `from`",
        ),
        (
            "meter:\n  lost:\n    - {from: 9, to: 5}",
            "s.yaml:3: error: meter.lost[0].to: it ends before it begins; "
            "let `to` be no earlier than `from`",
        ),
        (
            "meter: {answers_s: [1, never]}",
            "s.yaml:1: error: meter.answers_s: expected 3 values, got 2; write L1, L2 and L3",
        ),
        (
            "meter: {unanswered: [{from: 1, to: 2}]}",
            "s.yaml:1: error: meter.unanswered: this has no effect without answers_s; "
            "add `answers_s: …`",
        ),
        (
            "meter: {in_operation_pauses: [{from: 1, to: 2}]}",
            "s.yaml:1: error: meter.in_operation_pauses: this has no effect without "
            "in_operation_s; add `in_operation_s: …`",
        ),
        (
            "meter: {told_delay_s: soon}",
            "s.yaml:1: error: meter.told_delay_s: expected a number, got 'soon'",
        ),
    ],
)
def test_a_mistake_of_the_meter_names_line_key_and_remedy(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scenario(text, "s.yaml")
    assert str(caught.value.findings[0]).startswith(message)


# --- a meter that is wrong -----------------------------------------------------------------------


def amperes(text: str, phase: int = 0) -> list[tuple[float, float]]:
    """Return when which current is told."""
    found = heard(f"idle_s: 0\n{NO_CAR}{text}")
    return [(round(at_s, 3), one.value / 1000) for at_s, one in found if one.phase == phase]


def test_a_transformer_the_wrong_way_round_turns_the_sign_of_its_phase_for_its_time() -> None:
    text = (
        "duration_s: 14\nbase_a: [4, 5, -6]\n"
        "meter: {reversed: [1, 3], reversed_from_s: 4, reversed_until_s: 8}"
    )
    reported = [4.0, 4.0, -4.0, -4.0, -4.0, 4.0, 4.0]
    assert [value for _, value in amperes(text)] == pytest.approx(reported)
    assert {round(value, 3) for _, value in amperes(text, 1)} == {5.0}
    assert {round(value, 3) for _, value in amperes(text, 2)} == {-6.0, 6.0}


def test_a_frozen_meter_repeats_what_it_measured_last() -> None:
    text = (
        "duration_s: 20\nbase_a: 4\nmeter: {frozen: [{from: 5, to: 12, phase: 1}]}\n"
        "events: [{at: 3, base_a: 7}, {at: 5.5, base_a: 11}]"
    )
    assert [value for at_s, value in amperes(text) if at_s <= 13] == pytest.approx(
        [4, 4, 7, 7, 7, 7, 7]
    )
    assert [value for at_s, value in amperes(text) if at_s > 13] == pytest.approx([11, 11, 11])
    assert amperes(text, 1)[3][1] == pytest.approx(11)


def test_without_an_end_a_meter_stays_frozen_also_when_it_is_asked() -> None:
    text = (
        "duration_s: 30\nbase_a: 4\nmeter: {frozen: [{from: 5}], answers_s: 0.1}\n"
        "events: [{at: 10, base_a: 20}, {at: 20, gateway: restart, off_s: 1}]"
    )
    assert {value for _, value in amperes(text)} == {4.0}


def test_a_meter_that_is_right_and_said_to_be_wrong_is_a_violation() -> None:
    scenario = parse_scenario("duration_s: 5")
    recording = Run(scenario).run()
    assert false_alarms(scenario, recording) == []
    recording.faults.append(
        Fault(changed_at=3.0, point=0, code=FaultCode.METER_FROZEN, present=True)
    )
    (one,) = false_alarms(scenario, recording)
    assert (one.found_at, one.invariant) == (3.0, "13.5")
    frozen = parse_scenario("duration_s: 5\nmeter: {frozen: [{from: 1}]}")
    assert false_alarms(frozen, recording) == []
