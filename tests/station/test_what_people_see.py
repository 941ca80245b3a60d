"""What the view says of limits, actions and times."""

from dataclasses import replace
from datetime import timedelta

import pytest

from knxgw.catalogue.codes import ChargingState, FaultCode, Reason
from knxgw.charging.events import (
    ChargerConditionChanged,
    GridMeterReading,
    LinkCondition,
)
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import DEVICE
from knxgw.config.devices import charger_id
from knxgw.station.actions import Action, command_of, possible_actions
from knxgw.station.model import (
    GridControlCommanded,
    InterruptionCommanded,
    SetpointCommanded,
    Started,
    StartStopCommanded,
    StateLost,
    Tick,
    UnlockCommanded,
)
from knxgw.station.show import FaultTimes, view
from tests.charging.points import NOON
from tests.station.sites import (
    CP1,
    SCOPE1,
    after,
    charger,
    new_station,
    published,
    started,
    without_clock,
)

CHARGES = {Quantity.STATE: ChargingState.CHARGE, Quantity.CONNECTED: 1, Quantity.CURRENT_L1: 9000}
MANUAL = "number: 1, model: goe_charger, start: manual, connection: {host: 192.168.1.31}"


def test_the_effective_limit_is_the_reason_on_the_bus_and_comes_first() -> None:
    station, _ = after(started(), charger(CHARGES), GridControlCommanded(is_active=True))
    point = view(station, 1.0).points[0]
    first = point.limits[0]
    assert first.is_effective
    assert first.reason == station.last_published(SCOPE1, "reason") == point.reason_code
    assert first.words == point.reason
    assert first.cap_ma == point.offer_ma
    assert [one.is_effective for one in point.limits].count(True) == 1
    assert Reason.MAXIMUM in [one.reason for one in point.limits]


def test_every_limit_that_holds_is_listed() -> None:
    station, _ = after(
        started(),
        charger(CHARGES),
        GridControlCommanded(is_active=True),
        InterruptionCommanded(point=CP1, is_active=True),
    )
    reasons = [one.reason for one in view(station, 1.0).points[0].limits]
    assert reasons[0] == Reason.INTERRUPTION
    assert Reason.GRID_CONTROL in reasons[1:]


def test_each_limit_is_listed_once_with_what_it_alone_allows() -> None:
    whole_amperes = "number: 1, model: goe_charger, minimum_a: 8, connection: {host: 192.168.1.31}"
    station, _ = after(
        started(whole_amperes),
        charger(CHARGES),
        SetpointCommanded(point=CP1, setpoint_ma=10_900),
        GridControlCommanded(is_active=True),
        InterruptionCommanded(point=CP1, is_active=True),
    )
    limits = view(station, 1.0).points[0].limits
    assert [(one.reason, one.cap_ma) for one in limits] == [
        (Reason.INTERRUPTION, 0),
        (Reason.GRID_CONTROL, 0),  # 6 A are less than the minimum
        (Reason.SETPOINT, 10_000),
        (Reason.MAXIMUM, 16_000),
    ]
    free, _ = after(
        station,
        InterruptionCommanded(point=CP1, is_active=False),
        GridControlCommanded(is_active=False),
    )
    first = view(free, 1.0).points[0].limits[0]
    assert (first.reason, first.cap_ma) == (Reason.SETPOINT, 10_000)
    assert first.cap_ma == view(free, 1.0).points[0].offer_ma


@pytest.mark.parametrize(
    ("entry", "values", "expected"),
    [
        (MANUAL, {Quantity.STATE: ChargingState.AVAILABLE, Quantity.CONNECTED: 0}, set()),
        (MANUAL, {**CHARGES, Quantity.STATE: ChargingState.CONNECTED}, {Action.START, Action.STOP}),
        (MANUAL.replace(", start: manual", ""), CHARGES, {Action.STOP}),
    ],
)
def test_only_what_is_possible_can_be_done(
    entry: str, values: dict[Quantity, int], expected: set[Action]
) -> None:
    station, _ = after(new_station(entry), Started(), charger(values))
    actions = set(possible_actions(station, station.points[CP1], 1.0))
    assert actions & {Action.START, Action.STOP} == expected
    assert Action.INTERRUPT in actions
    assert Action.SETPOINT in actions, "load management is off"


def test_what_is_offered_as_an_action_raises_no_fault() -> None:
    station, _ = after(new_station(MANUAL), Started(), charger(CHARGES))
    for action in possible_actions(station, station.points[CP1], 1.0):
        done, _ = after(station, command_of(action, CP1, 10_000))
        assert done.points[CP1].faults.last_transient is not FaultCode.OPERATION_NOT_POSSIBLE, (
            action
        )


def test_an_action_is_the_command_of_the_bus() -> None:
    assert command_of(Action.STOP, CP1) == StartStopCommanded(point=CP1, is_start=False)
    assert command_of(Action.RESUME, CP1) == InterruptionCommanded(point=CP1, is_active=False)
    assert command_of(Action.UNLOCK, CP1) == UnlockCommanded(point=CP1)


def test_a_card_is_shown_with_its_last_four_characters_only() -> None:
    waits = {Quantity.STATE: ChargingState.MANUAL_START, Quantity.CONNECTED: 1}
    seen = [charger(waits), charger({**CHARGES, Quantity.RFID: "04A1B2C3D4"})]
    station, _ = after(started(), *seen)
    assert view(station, 1.0).points[0].detail.card in (None, "C3D4")
    assert "04A1B2" not in repr(view(station, 1.0))


def test_a_fault_says_since_when_it_is_present() -> None:
    station, _ = after(started(), StateLost())
    times: FaultTimes = {(DEVICE, FaultCode.STATE_LOST): NOON}
    (fault,) = view(station, 1.0, "de", times).faults
    assert fault.since == NOON


def test_of_equally_severe_faults_the_list_begins_with_the_one_of_the_fault_text() -> None:
    station, _ = after(started())
    for code in (FaultCode.COMM, FaultCode.NOT_FOLLOWING, FaultCode.NOT_STOPPING):
        point = station.points[CP1]
        changed = replace(point, faults=point.faults.set(code, is_present=True))
        station = replace(station, points={**station.points, CP1: changed})
        seen = view(station, 1.0).points[0]
        assert seen.faults[0].code == seen.fault


@pytest.mark.proves("W20")
def test_a_limit_that_comes_from_a_fault_holds_since_it_is_present() -> None:
    station, _ = after(started(), charger({**CHARGES, Quantity.STATE: ChargingState.ERROR}))
    times: FaultTimes = {(SCOPE1, FaultCode.CHARGER_ERROR): NOON}
    limits = view(station, 1.0, "en", times).points[0].limits
    assert (limits[0].reason, limits[0].since) == (Reason.FAULT, NOON)
    assert limits[-1].since is None, "of the maximum nobody asks since when"
    other = view(station, 1.0, "en", {(SCOPE1, FaultCode.NOT_REACHABLE): NOON}).points[0]
    assert other.limits[0].since is None, "another fault is not behind it"


@pytest.mark.proves("W20")
def test_a_vehicle_that_draws_too_much_is_held_back_since_that_was_found() -> None:
    good = ChargerConditionChanged(device=charger_id(CP1), condition=LinkCondition.GOOD)
    station = after(started(), good, SetpointCommanded(point=CP1, setpoint_ma=8000), now_s=0.0)[0]
    too_much = charger({**CHARGES, Quantity.CURRENT_L1: 16_000})
    for second in range(1, 40):
        station = after(station, too_much, Tick(), now_s=float(second))[0]
    found_at = station.points[CP1].control.compliance.fault_at
    assert 1 < found_at < 39
    limit = view(station, 39.0).points[0].limits[0]
    assert limit.reason == Reason.NOT_FOLLOWING
    assert limit.since == NOON + timedelta(seconds=found_at)
    unknown = view(without_clock(station), 39.0).points[0].limits[0]
    assert unknown.since is None


def test_a_phase_that_carries_too_much_has_nothing_available_as_its_group_object_says() -> None:
    more = (
        "load_management: {mode: dynamic, fuse_a: 35}\n"
        "group_objects: {10: [1/0/10], 11: [1/0/11], 12: [1/0/12]}\n"
    )
    station = started(more=more)
    readings = [GridMeterReading(phase=phase, value=40_000.0) for phase in range(3)]
    station, effects = after(station, *readings)
    load_management = view(station, 1.0).load_management
    assert load_management is not None
    assert [one.available_ma for one in load_management.phases] == [0, 0, 0]
    assert published(effects, "available_l3", DEVICE)[-1] == 0


def test_the_wiring_is_told_by_the_terminals() -> None:
    turned = (
        "number: 1, model: goe_charger, phase_rotation: '231', connection: {host: 192.168.1.31}"
    )
    point = view(started(turned), 1.0).points[0]
    assert point.installed.mains_phases == (2, 3, 1)


def test_a_second_socket_is_named_by_its_connector_as_its_form_names_it() -> None:
    second = "number: 1, model: alfen_eve, connection: {host: 192.168.1.31, unit: 1, connector: 2}"
    installed = view(started(second), 1.0).points[0].installed
    assert installed.address == "192.168.1.31:502, unit 1, connector 2"
    assert (installed.host, installed.unit, installed.connector) == ("192.168.1.31:502", 1, 2)
