"""Load management in the station: what scenarios of the catalogue leave open, told as scenarios."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from knxgw.catalogue.codes import ChargingState, LoadManagementState
from knxgw.charging.events import GridMeterReading
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import DEVICE, PointNumber, Scope, point_scope
from knxgw.dlm.follows import Answer
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.report import run_scenario
from knxgw.station.initial import initial
from knxgw.station.load_management import (
    load_management_settings,
    participant_settings,
)
from knxgw.station.load_management_values import load_management_state
from knxgw.station.model import BusAsked, Remember, Started, Station, Tick
from knxgw.station.show import view
from tests.charging.points import NOON, make_point
from tests.config.sites import configuration, points
from tests.station.sites import LEFT, RIGHT, after, offers
from tests.station.test_quiet_times import Site


def goes(scenario: str) -> list[str]:
    """Return what did not go as a scenario expects it."""
    return list(run_scenario(parse_scenario(scenario)).failures)


# --- holds and what comes after them -------------------------------------------------------------


@pytest.mark.proves("D15.2", "D6.10")
def test_after_grid_control_with_0_a_everybody_restarts_at_the_minimum() -> None:
    assert not goes("""
connection: {grid_setpoint_a: 0}
duration_s: 180
points: 2
events: [{at: 60, grid_control: on}, {at: 120, grid_control: off}]
expect:
  - {at: 59, offers_a: 14}
  - {from: 60.1, to: 119.9, offers_a: 0}
  - {from: 61, to: 119.9, states: 11}
  - {from: 61, to: 119.9, reasons: grid_control}
  - rise_a: [[120, 6], [121, 6], [126, 8], [131, 10], [136, 12], [141, 14]]
  - {by: 160, offers_a: 14}
""")


@pytest.mark.proves("5.9")
def test_after_an_interruption_a_charging_point_continues_at_its_minimum_and_is_raised() -> None:
    assert not goes("""
duration_s: 180
events: [{at: 60, point: 1, interruption: on}, {at: 120, point: 1, interruption: off}]
expect:
  - {at: 59, offers_a: [16]}
  - {from: 60.1, to: 119.9, offers_a: [0]}
  - rise_a: [[120, [6]], [121, [6]], [126, [8]], [131, [10]], [136, [12]], [141, [14]], [146, [16]]]
  - {by: 165, offers_a: [16]}
""")


@pytest.mark.proves("D15.5")
def test_after_grid_control_with_6_a_raising_goes_on_from_there() -> None:
    assert not goes("""
duration_s: 140
events: [{at: 60, grid_control: on}, {at: 80, grid_control: off}]
expect:
  - {from: 60.1, to: 79.9, offers_a: [6]}
  - rise_a: [[80, [6]], [81, [8]], [86, [10]], [91, [12]], [96, [14]], [101, [16]]]
    late_s: 4
  - {by: 110, offers_a: [16]}
""")


@pytest.mark.proves("D16.15", "D16.16")
def test_after_a_restart_of_the_gateway_everybody_starts_at_the_minimum_priority_as_before() -> (
    None
):
    assert not goes("""
connection: {priority: 2}
base_a: 10
duration_s: 200
points: 2
events: [{at: 100, gateway: restart, off_s: 5}]
expect:
  - {at: 99, offers_a: [6, 16]}
  - {at: 105.5, offers_a: 6}
  - {from: 160, to: 200, offers_a: [6, 16]}
""")


@pytest.mark.proves("6.3", "D1.2")
def test_a_connection_with_one_phase_is_shared_on_it() -> None:
    assert not goes("""
connection: {phases: 1}
base_a: [8, 99, 99]
points: 2
every_point: {phases: 1}
every_car: {phases: 1}
expect: [{by: 40, offers_a: 12}, {from: 40, to: 60, offers_a: 12}]
""")


# --- why -----------------------------------------------------------------------------------------

REASONS = {
    "priority elsewhere": """
connection: {priority: 1}
base_a: 2
points: 3
expect: [{from: 40, to: 60, reasons: [maximum, priority, priority]}]
""",
    "fuse and reserve on the phase that is full": """
base_a: [4, 8, 4]
points: 2
expect: [{from: 40, to: 60, reasons: fuse_l2}]
""",
    "waiting for current": """
base_a: 23
points: 2
expect: [{from: 40, to: 60, reasons: [fuse_l1, waiting_for_current]}, {at: 50, states: [8, 6]}]
""",
    "smart meter lost": """
meter: {lost: [{from: 20, to: 60}]}
points: 1
expect: [{from: 40, to: 60, reasons: [meter_lost]}]
""",
    "being raised": """
points: 1
expect: [{from: 8, to: 20, reasons: [raising]}, {from: 40, to: 60, reasons: [maximum]}]
""",
}


@pytest.mark.proves("5.17", "3.21", "D9.2d")
@pytest.mark.parametrize("scenario", REASONS.values(), ids=list(REASONS))
def test_the_reason_of_load_management_is_told(scenario: str) -> None:
    assert not goes(scenario)


# --- complete ------------------------------------------------------------------------------------


@pytest.mark.proves("3.42")
def test_the_time_of_complete_does_not_run_while_load_management_holds_the_point_at_0_a() -> None:
    site = Site()  # charging point 2: complete after 20 s below 1 A
    site.seen[2][Quantity.STATE] = ChargingState.CHARGE

    def live(seconds: int, current_ma: int) -> bool:
        for quantity in (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3):
            site.seen[2][quantity] = current_ma
        for _ in range(seconds):
            site.second()
        return bool(site.station.last_published(point_scope(2), "complete"))

    assert not live(10, 6000)
    site.base_ma = [50_000] * 3
    live(10, 6000)
    assert load_management_state(site.station, site.now_s) is LoadManagementState.LOCK_OUT
    assert not live(100, 0), "held at 0 A"
    site.base_ma = [4000] * 3
    live(70, 0)
    assert load_management_state(site.station, site.now_s) is LoadManagementState.NORMAL
    assert live(25, 0), "it may charge, and does not"


# --- start and settings --------------------------------------------------------------------------

LINKED = "group_objects: {10: [1/0/10], 11: [1/0/11], 12: [1/0/12]}\n"


def shared(priority: int, *entries: str) -> str:
    more = f"load_management: {{mode: dynamic, fuse_a: 35, priority: {priority}}}\n"
    return points(*(entries or (LEFT, RIGHT))) + more + LINKED


@pytest.mark.proves("D16.44", "D16.45", "D16.15", "D16.16")
def test_with_changed_parameters_load_management_starts_at_the_minimum_with_their_priority() -> (
    None
):
    station = initial(configuration(shared(1)), {}, 0.0, NOON)
    station, effects = after(station, Started(), now_s=0.0)
    stored: dict[Scope, Mapping[str, Any]] = {
        one.scope: one.record for one in effects if isinstance(one, Remember)
    }
    assert DEVICE in stored
    changed = shared(2, LEFT, RIGHT + ", minimum_a: 8, maximum_a: 20")
    station, effects = after(initial(configuration(changed), stored, 0.0, NOON), Started())
    assert [offers(effects, PointNumber(number)) for number in (1, 2)] == [[6000], [8000]]
    assert station.load_management_settings is not None
    assert station.load_management_settings.priority == 2


def steady() -> Site:
    """Return a site on which two cars draw the 14 A each that the building leaves them."""
    site = Site()
    for values in site.seen.values():
        values[Quantity.STATE] = ChargingState.CHARGE
    for _ in range(60):
        assert site.station.load_management is not None
        for number, values in site.seen.items():
            for quantity in (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3):
                values[quantity] = site.station.load_management.participants[number].offer_ma
        site.second()
    assert offers_of(site.station) == [14_000, 14_000]
    return site


def offers_of(station: Station) -> list[int]:
    assert station.load_management is not None
    return [one.offer_ma for one in station.load_management.participants.values()]


@pytest.mark.proves("D3.1g", "D9.1a")
@pytest.mark.parametrize("phase", [0, 1, 2])
def test_a_telegram_of_one_phase_lowers_at_once_without_waiting_for_the_next_tick(
    phase: int,
) -> None:
    site = steady()
    telegram = GridMeterReading(phase=phase, value=42_000)
    _, effects = after(site.station, telegram, now_s=site.now_s + 0.1)
    assert [offers(effects, PointNumber(number)) for number in (1, 2)] == [[9000], [9000]]


@pytest.mark.proves("D9.1b")
def test_a_telegram_that_leaves_room_is_only_noted_until_the_next_tick() -> None:
    site = steady()
    telegram = GridMeterReading(phase=0, value=30_000)
    station, effects = after(site.station, telegram, now_s=site.now_s + 0.1)
    assert effects == []
    assert station.load_management is not None
    assert station.load_management.phases[0].base_ma == 2000


def test_currents_that_stand_still_stay_fresh_while_something_else_of_the_charger_moves() -> None:
    site = steady()
    for second in range(30):
        site.seen[1][Quantity.TEMPERATURE] = 2000 + second
        site.second()
    assert offers_of(site.station) == [14_000, 14_000]
    assert site.station.points[PointNumber(1)].faults.present == ()


@pytest.mark.proves("D16.24")
def test_the_return_of_the_bus_leaves_load_management_as_it_is() -> None:
    site = steady()
    station, effects = after(site.station, BusAsked(), Tick(), now_s=site.now_s)
    assert [offers(effects, PointNumber(number)) for number in (1, 2)] == [[], []]
    assert offers_of(station) == [14_000, 14_000]
    assert station.load_management is not None
    assert not station.load_management.is_emergency


@pytest.mark.proves("D4.1")
@pytest.mark.parametrize(
    ("rotation", "wired"),
    [
        ("123", (0, 1, 2)), ("231", (1, 2, 0)), ("312", (2, 0, 1)),
        ("132", (0, 2, 1)), ("213", (1, 0, 2)), ("321", (2, 1, 0)),
    ],
)  # fmt: skip
def test_the_terminals_are_on_the_grid_phases_of_the_rotation(
    rotation: str, wired: tuple[int, ...]
) -> None:
    for phases in (1, 2, 3):
        point = make_point(f'phases: {phases}, phase_rotation: "{rotation}"')
        assert participant_settings(point.settings, point.limits, 3).wired_phases == wired[:phases]
        assert participant_settings(point.settings, point.limits, 1).wired_phases == (0,), (
            "there is only L1"
        )


@pytest.mark.proves("6.1", "D1.3")
def test_the_limit_is_the_fuse_less_the_reserve() -> None:
    text = shared(1).replace("fuse_a: 35", "fuse_a: 50, reserve_a: 8")
    settings = load_management_settings(configuration(text))
    assert settings is not None
    assert settings.limit_ma == settings.chargers_ma == 42_000
    assert replace(settings, feeder_ma=20_000).chargers_ma == 20_000


# --- the meter must follow the chargers ----------------------------------------------------------


@pytest.mark.parametrize(
    ("capabilities", "phases", "measures_each"),
    [
        ({"current_l1", "current_l2", "current_l3"}, 3, True),
        ({"current_l1"}, 3, False),
        ({"current"}, 3, False),
        ({"current"}, 1, True),
        ({"current_l1"}, 1, True),
        (set(), 1, False),
    ],
)
def test_who_measures_each_of_its_phases_is_known(
    capabilities: set[str], phases: int, measures_each: object
) -> None:
    point = make_point()
    settings = replace(
        point.settings,
        phases=phases,
        phase_rotation="123",
        capabilities=frozenset(capabilities),
    )
    assert participant_settings(settings, point.limits, 3).measures_every_phase is measures_each


@pytest.mark.parametrize(
    ("answer", "english", "german"),
    [
        (Answer.WRONG_WAY, "the wrong way round", "Stromwandler sitzt verkehrt herum"),
        (Answer.STILL, "repeats an old value", "wiederholt einen alten Wert"),
    ],
)
def test_the_status_page_names_phases_cause_and_remedy_of_a_meter_that_does_not_follow(
    answer: Answer, english: str, german: str
) -> None:
    station = Site().station
    assert station.load_management is not None
    assert view(station, 1.0).messages == ()
    phases = [one.clone() for one in station.load_management.phases]
    for index in (0, 2):
        phases[index].follow_check = replace(phases[index].follow_check, finding=answer)
    station = replace(
        station, load_management=replace(station.load_management, phases=tuple(phases))
    )
    (message,) = view(station, 1.0).messages
    assert "L1, L3" in message
    assert english in message
    (message,) = view(station, 1.0, "de").messages
    assert german in message
