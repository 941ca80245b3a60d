"""Odd moments: a slow bus at the start, a wrong clock, a charger that goes away in an error."""

import json

import pytest

from knxgw.catalogue.codes import ChargingState, Reason
from knxgw.charging.events import ChargerConditionChanged, LinkCondition, MeterConditionChanged
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import DEVICE
from knxgw.charging.states import Process
from knxgw.config.devices import charger_id, point_meter_id
from knxgw.station.initial import BUS_ANSWER_S, LONGEST_BUS_WAIT_S, initial
from knxgw.station.model import (
    BusAsked,
    ClockSet,
    ClockSource,
    Effect,
    GridControlCommanded,
    InterruptionCommanded,
    Remember,
    SetpointCommanded,
    Started,
    Station,
    Stopping,
    Tick,
)
from tests.charging.points import AVAILABLE, CHARGING, WAITING, at
from tests.config.sites import configuration, points
from tests.station.sites import (
    CP1,
    LEFT,
    RIGHT,
    after,
    charger,
    new_station,
    offers,
    published,
    started,
    without_clock,
)
from tests.station.test_restore import GRID_LINKED, reason

LINKED = "group_objects: {1: [1/0/1], 55: [1/1/55], 60: [1/1/60]}\n"
GOOD = ChargerConditionChanged(device=charger_id(CP1), condition=LinkCondition.GOOD)


def again(effects: list[Effect], *entries: str, more: str = LINKED) -> Station:
    """Return the station after a restart with what was stored."""
    stored = {
        e.scope: json.loads(json.dumps(dict(e.record))) for e in effects if isinstance(e, Remember)
    }
    return initial(configuration(points(*(entries or (LEFT, RIGHT))) + more), stored, 0.0, at(100))


# --- restore


@pytest.mark.proves("D16.64", "D16.11")
def test_the_time_to_answer_begins_when_the_bus_was_asked() -> None:
    station = after(new_station(more=GRID_LINKED), Started(), now_s=0.0)[0]
    station = after(station, BusAsked(), now_s=3.0)[0]
    station, effects = after(station, Tick(), now_s=3.0 + BUS_ANSWER_S - 0.1)
    assert offers(effects) == []
    assert offers(after(station, Tick(), now_s=3.0 + BUS_ANSWER_S)[1]) == [16_000]


def test_a_bus_that_cannot_be_asked_does_not_hold_the_chargers_for_ever() -> None:
    station = after(new_station(more=GRID_LINKED), Started(), now_s=0.0)[0]
    station, effects = after(station, Tick(), now_s=LONGEST_BUS_WAIT_S - 0.1)
    assert offers(effects) == []
    station, effects = after(station, Tick(), now_s=LONGEST_BUS_WAIT_S)
    assert offers(effects) == [16_000]
    station, effects = after(station, BusAsked(), now_s=20.0)
    assert offers(effects) == [], "a link that comes later does not begin it again"
    assert offers(after(station, GridControlCommanded(is_active=True), now_s=20.2)[1]) == [6000]


@pytest.mark.proves("D16.12")
def test_stored_grid_control_holds_when_nobody_answers() -> None:
    effects = after(started(more=LINKED), GridControlCommanded(is_active=True))[1]
    station, effects = after(again(effects), Started(), now_s=0.0)
    assert offers(effects) == [6000]
    station, effects = after(station, Tick(), now_s=LONGEST_BUS_WAIT_S)
    assert offers(effects) == []
    assert reason(station) is Reason.GRID_CONTROL


@pytest.mark.proves("D16.62")
def test_the_end_in_the_middle_of_a_restore_leaves_the_setpoint() -> None:
    station = after(new_station(more=GRID_LINKED), Started(), now_s=0.0)[0]
    assert offers(after(station, Stopping(), now_s=1.0)[1]) == [16_000]


def test_what_no_telegram_could_end_is_not_restored() -> None:
    effects = after(
        started(more=LINKED),
        InterruptionCommanded(point=CP1, is_active=True),
        GridControlCommanded(is_active=True),
        SetpointCommanded(point=CP1, setpoint_ma=0),
    )[1]
    assert offers(after(again(effects), Started())[1]) == [0]
    assert offers(after(again(effects, more=""), Started())[1]) == [16_000]


def test_a_car_that_waited_for_a_start_still_waits_after_a_restart() -> None:
    manual = "number: 1, model: goe_charger, connection: {host: 192.168.1.31}, start: manual"
    station, effects = after(started(manual, more=LINKED), GOOD, charger(WAITING))
    station = again(effects, manual)
    assert station.points[CP1].process.stage is Process.WAITING
    station, effects = after(station, Started(), GOOD, charger(WAITING), now_s=10.0)
    assert set(offers(effects)) == {0}
    assert reason(station) is Reason.WAITING_FOR_START


# --- the clock


def test_a_corrected_clock_takes_the_running_session_along() -> None:
    station = without_clock(started())
    station = after(station, ClockSet(now=at(-10_800), source=ClockSource.SYSTEM), now_s=0.0)[0]
    for now_s in range(10, 30):
        station = after(station, charger(CHARGING), now_s=float(now_s))[0]
    station = after(station, ClockSet(now=at(30), source=ClockSource.NTP), now_s=30.0)[0]
    station = after(station, charger(AVAILABLE), now_s=31.0)[0]
    session = station.points[CP1].session.latest
    assert session is not None
    assert (session.started_at, session.ended_at, session.duration_s) == (at(10), at(29), 19)


def test_a_session_from_before_a_restart_keeps_its_start_and_gets_its_true_duration() -> None:
    station = started(more=LINKED)
    effects: list[Effect] = []
    for now_s in range(1, 20):
        station, some = after(station, charger(CHARGING), now_s=float(now_s))
        effects += some
    stored = again(effects)
    stored = after(stored, Started(), now_s=0.0)[0]
    stored = after(stored, ClockSet(now=at(3601), source=ClockSource.NTP), now_s=5.0)[0]
    stored = after(stored, charger(CHARGING), now_s=6.0)[0]
    session = stored.points[CP1].session.latest
    assert session is not None
    assert (session.started_at, session.duration_s) == (at(1), 3601)


# --- faults


@pytest.mark.proves("D6.2")
def test_a_charger_that_goes_away_in_an_error_is_offered_nothing_when_it_returns() -> None:
    error = {Quantity.STATE: ChargingState.ERROR, Quantity.CONNECTED: 1}
    station = after(started(), GOOD, charger(error))[0]
    gone = ChargerConditionChanged(device=charger_id(CP1), condition=LinkCondition.NOT_REACHABLE)
    station, effects = after(station, gone, GOOD, now_s=20.0)
    assert offers(effects) == []
    assert station.points[CP1].faults.text == "ChargerError", "nobody has said that it is over"
    station, effects = after(station, charger(WAITING), now_s=21.0)
    assert offers(effects) == [16_000]
    assert not station.points[CP1].faults.is_present


@pytest.mark.proves("7.17")
def test_a_fault_for_information_is_shown_for_a_moment_beside_a_lesser_one() -> None:
    meter = "meter: {model: eastron_sdm630, connection: {host: 192.168.1.41}}"
    lost = MeterConditionChanged(device=point_meter_id(CP1), condition=LinkCondition.NOT_REACHABLE)
    station = after(started(f"{LEFT}, {meter}"), GOOD, lost)[0]
    station, effects = after(station, SetpointCommanded(point=CP1, setpoint_ma=99_000))
    assert published(effects, "last_point_fault") == ["ValOutOfRange"]
    _, effects = after(station, Tick(), now_s=2.0)
    assert published(effects, "last_point_fault") == ["EMeterNotReach"]
    assert published(effects, "point_fault") == []


def test_a_fault_that_came_before_the_start_is_told_once() -> None:
    gone = ChargerConditionChanged(device=charger_id(CP1), condition=LinkCondition.NOT_REACHABLE)
    station, effects = after(new_station(), gone, Started())
    changes = [e for e in effects if type(e).__name__ == "FaultChanged"]
    assert len(changes) == 1
    assert station.last_published(DEVICE, "fault") is False
