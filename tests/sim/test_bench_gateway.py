"""What happens to the gateway in a scenario: another configuration, another time of day."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from knxgw.cli import main
from knxgw.errors import ConfigError
from knxgw.sim.bench.controller import NOON
from knxgw.sim.bench.metrics import metrics
from knxgw.sim.bench.oracle import oracle_as
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import Reconfigured, Scenario, reconfigured
from knxgw.station.model import ClockSet, Started, Station, Stopping
from tests.scenarios.variations import Variation, broken, varied
from tests.sim.bench_listener import Listener


def ran(text: str) -> tuple[Scenario, Recording, Listener]:
    scenario = parse_scenario(text)
    listener = Listener(scenario)
    return scenario, Run(scenario, controller=listener).run(), listener


def station_of(listener: Listener) -> Station:
    assert listener.station is not None
    return listener.station


RELOAD = "duration_s: 300\npoints: 2\nevents: [{at: 120, configuration: {%s}}]\n"


# --- another configuration -----------------------------------------------------------------------


def test_the_gateway_says_goodbye_and_begins_anew_as_after_a_signal() -> None:
    _, recording, listener = ran(RELOAD % "fuse_a: 25")
    news = [(at_s, one) for at_s, one in listener.heard if isinstance(one, Stopping | Started)]
    assert news[1:] == [(120.0, Stopping()), (121.0, Started())]
    assert recording.points[0].offers.at(120.0) == 6000


def test_what_is_changed_holds_from_then_on_and_everything_else_stays() -> None:
    _, recording, listener = ran(RELOAD % "fuse_a: 25, reserve_a: 1, points: {2: {maximum_a: 9}}")
    assert [log.offers.at(119.0) for log in recording.points] == [14_000, 14_000]
    assert [log.offers.last for log in recording.points] == [11_000, 9000]
    settings = station_of(listener).load_management_settings
    assert settings is not None
    assert (settings.limit_ma, settings.queue, settings.priority) == (24_000, False, None)


def test_queue_priority_and_named_numbers_can_change() -> None:
    _, _, listener = ran(RELOAD % "queue: on, priority: 2, settings: {restart_s: 90}")
    settings = station_of(listener).load_management_settings
    assert settings is not None
    assert (settings.queue, settings.priority, settings.restart_s) == (True, 2, 90.0)


def test_later_changes_build_on_the_earlier_ones() -> None:
    text = "duration_s: 200\npoints: 2\nevents:\n"
    text += "  - {at: 90, configuration: {priority: none}, off_s: 3}\n"
    text += "  - {at: 60, configuration: {fuse_a: 25, priority: 1}}\n"
    scenario, recording, _ = ran(text)
    assert [at_s for at_s, _ in recording.configured] == [61.0, 93.0]
    last = recording.configuration_at(scenario, 100.0).connection
    assert (last.fuse_ma, last.priority) == (25_000, None)
    assert recording.configuration_at(scenario, 60.5).connection.fuse_ma == 35_000


def test_an_interruption_outlives_the_change_because_it_was_stored() -> None:
    text = "duration_s: 200\npoints: 2\nevents:\n  - {at: 60, point: 2, interruption: on}\n"
    text += "  - {at: 90, configuration: {fuse_a: 25}}\n"
    _, recording, _ = ran(text)
    assert [log.offers.last for log in recording.points] == [16_000, 0]


def test_figures_go_by_the_limit_in_force() -> None:
    text = "duration_s: 200\nbase_a: 20\npoints: [{car: none}]\nevents:\n"
    text += "  - {at: 100, configuration: {fuse_a: 22}, off_s: 0}\n"
    scenario, recording, _ = ran(text)
    found = metrics(scenario, recording)
    assert found["overcurrent_as"] == {"limit": 3 * 100.0, "fuse": 0.0}
    assert found["excursion_s"] == {"limit": 100.0, "fuse": 0.0}


def test_the_all_knowing_allocation_goes_by_the_limit_in_force() -> None:
    text = "duration_s: 200\nidle_s: 0\nbase_a: 20\nevents:\n"
    text += "  - {at: 100, configuration: {fuse_a: 30}, off_s: 0}\n"
    scenario, recording, _ = ran(text)
    assert oracle_as(scenario, recording, 0.0, 100.0) == pytest.approx(3 * 12 * 100)
    assert oracle_as(scenario, recording, 100.0, 200.0) == pytest.approx(3 * 7 * 100)


def test_a_change_goes_with_the_charging_point_when_numbers_are_others() -> None:
    text = RELOAD % "priority: 1, points: {2: {maximum_a: 9}}"
    text += "expect:\n  - {by: 200, offers_a: [16, 9]}\n  - {by: 60, offers_a: [14, 14]}\n"
    scenario = parse_scenario(text)
    (change,) = varied(scenario, Variation(order=(2, 1))).happenings
    assert isinstance(change, Reconfigured)
    assert (change.connection["priority"], dict(change.points)) == (2, {1: {"maximum_ma": 9000}})
    assert broken(scenario, Variation(order=(2, 1), shift_s=0.5)) == []


def test_a_lower_limit_is_answered_and_no_overload_is_blamed_on_the_building() -> None:
    scenario = parse_scenario(RELOAD % "fuse_a: 25")
    recording = Run(scenario).run()
    assert not recording.violations
    change = scenario.happenings[0]
    assert isinstance(change, Reconfigured)
    assert reconfigured(scenario, change).connection.limit_ma == 22_000


def test_a_command_that_comes_while_the_gateway_has_no_power_orders_nothing() -> None:
    text = "duration_s: 120\nevents:\n  - {at: 60, gateway: restart, off_s: 5}\n"
    text += "  - {at: 62, point: 1, interruption: on}\n"
    _, recording, _ = ran(text)
    assert recording.points[0].offers.last > 0
    assert not recording.violations


def test_a_charger_that_did_not_obey_before_a_restart_is_told_again_after_it() -> None:
    text = "duration_s: 200\nevents:\n  - {at: 60, until: 120, point: 1, charger: ignores}\n"
    text += "  - {at: 70, point: 1, interruption: on}\n"
    text += "  - {at: 80, gateway: restart, off_s: 1}\n"
    _, recording, _ = ran(text)
    assert recording.points[0].draw.at(119.0) == 16_000
    assert recording.points[0].draw.at(140.0) == 0, "its offer has not changed since the restart"


def test_a_fault_ends_with_the_gateway_and_is_raised_anew_if_it_still_holds() -> None:
    text = "duration_s: 200\nmeter: {lost: [{from: 60, to: 190}]}\n"
    text += "events: [{at: 100, gateway: restart, off_s: 5}]\n"
    _, recording, _ = ran(text)
    times = [(one.changed_at, one.present) for one in recording.faults if one.changed_at > 0]
    (began_s, _), (ended_s, _), (again_s, _), (gone_s, _) = times
    assert began_s < 75.0
    assert ended_s == 105.0
    assert 117.0 <= again_s <= 118.0  # the time-out of the meter, from the start on
    assert gone_s > 190.0
    assert [present for _, present in times] == [True, False, True, False]


# --- another time of day -------------------------------------------------------------------------


def test_a_step_of_the_clock_changes_the_time_of_day_and_nothing_else() -> None:
    text = "duration_s: 100\npoints: 2\nevents: [%s]\n"
    steps = "{at: 40, clock_step_s: 3600}, {at: 80, clock_step_s: -7200}"
    _, recording, listener = ran(text % steps)
    _, same, _ = ran(text % "")
    reported = [one.now for _, one in listener.heard if isinstance(one, ClockSet)]
    assert [round((now - NOON).total_seconds()) for now in reported] == [3640, -3520]
    assert [log.offers.changes(0, 100) for log in recording.points] == [
        log.offers.changes(0, 100) for log in same.points
    ]
    now = station_of(listener).now(listener.heard[-1][0] + 4096.0)
    assert now is not None
    assert now < datetime(2026, 6, 1, 9, 2, tzinfo=UTC)


def test_a_gateway_that_restarts_after_a_step_finds_the_clock_as_it_was_set() -> None:
    text = "duration_s: 100\nevents: [{at: 40, clock_step_s: 3600}, {at: 80, gateway: restart}]\n"
    _, _, listener = ran(text)
    now = station_of(listener).now(4096.0 + 100.0)
    assert now is not None
    assert (now - NOON).total_seconds() == pytest.approx(3700.0)


# --- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            "configuration: {fuse: 25}",
            "s.yaml:3: error: events[0].configuration.fuse: unknown key; did you mean 'fuse_a'?",
        ),
        (
            "configuration: {}",
            "s.yaml:3: error: events[0].configuration: nothing is changed; name one of fuse_a, ",
        ),
        (
            "configuration: {priority: 3}",
            "s.yaml:3: error: events[0].configuration.priority: 3 is out of range; allowed: 1 to 2",
        ),
        (
            "configuration: {points: {3: {maximum_a: 9}}}",
            "s.yaml:3: error: events[0].configuration.points.3: unknown key",
        ),
        (
            "configuration: {points: {2: {minimum_a: 9, maximum_a: 8}}}",
            "s.yaml:3: error: events[0].configuration.points.2: the minimum is above the maximum; "
            "lower minimum_a or raise maximum_a",
        ),
        (
            "configuration: {reserve_a: 31}",
            "s.yaml:3: error: events[0]: load_management.reserve_a: a reserve of 31 A leaves less "
            "than 6 A of the fuse; allowed with 35 A: 0 to 29 A",
        ),
        (
            "clock_step_s: back",
            "s.yaml:3: error: events[0].clock_step_s: expected a number, got 'back'",
        ),
    ],
)
def test_a_mistake_names_line_key_and_remedy(event: str, message: str) -> None:
    text = f"points: 2\nevents:\n  - {{at: 5, {event}}}"
    with pytest.raises(ConfigError) as caught:
        parse_scenario(text, "s.yaml")
    assert str(caught.value.findings[0]).startswith(message)


def test_a_site_that_no_gateway_would_run_is_a_faulty_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("connection: {fuse_a: 6, reserve_a: 5}\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["bench", str(path)])
    assert result.exit_code == 2
    assert "mine.yaml:1: error: connection: load_management.reserve_a: a reserve" in result.output
