"""What of a charging point survives a restart."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.charging.faults import FaultCode
from knxgw.charging.point import (
    ChargingPoint,
    command_setpoint,
    command_start_stop,
    offer_taken,
    shown_state,
)
from knxgw.charging.records import from_record, to_record
from knxgw.charging.session import EnergyCounter, Session
from knxgw.charging.states import Process
from knxgw.charging.words import ChargingState, Quantity
from tests.charging.points import AVAILABLE, CHARGING, IDLE, at, make_point, seen, seen_for

sessions = st.none() | st.builds(
    Session,
    started_at=st.none() | st.integers(0, 10**6).map(at),
    ended_at=st.none() | st.integers(0, 10**6).map(at),
    duration_s=st.integers(0, 10**6),
    energy_mwh=st.integers(0, 10**12),
    is_open=st.booleans(),
)


def restarted(
    point: ChargingPoint, now_s: float, new: ChargingPoint | None = None
) -> ChargingPoint:
    """Return the point as a gateway that starts at `now_s` makes it of what was stored."""
    record = json.loads(json.dumps(to_record(point)))
    return from_record(new or make_point(), record, at(now_s), now_s)


@settings(max_examples=100)
@given(st.booleans(), st.booleans(), st.booleans(), st.integers(6000, 16_000), sessions)
def test_a_record_says_everything_that_must_survive(
    interruption: bool,  # noqa: FBT001 - drawn by hypothesis
    cancelled: bool,  # noqa: FBT001 - drawn by hypothesis
    connected: bool,  # noqa: FBT001 - drawn by hypothesis
    setpoint_ma: int,
    session: Session | None,
) -> None:
    plugged = Process.CANCELLED if cancelled else Process.FREE
    process = plugged if connected else Process.NO_VEHICLE
    point = replace(
        make_point(),
        interruption=interruption,
        process=process,
        connected=connected,
        setpoint_ma=setpoint_ma,
        setpoint_given=True,
        session=session,
        lifetime_mwh=77,
        lifetime_counter=EnergyCounter(reading_mwh=50, dropped_mwh=60),
    )
    assert to_record(restarted(point, 10)) == to_record(point)


def test_a_restart_in_the_middle_of_a_session_keeps_it_going() -> None:
    point = seen(make_point(model="alfen_eve"), {Quantity.ENERGY: 1_000_000}, 0)
    point = seen_for(point, {**CHARGING, Quantity.ENERGY: 1_200_000}, 1, 20)
    again = restarted(point, 100, make_point(model="alfen_eve"))
    again = seen(again, {**CHARGING, Quantity.ENERGY: 1_500_000}, 110)
    assert again.session is not None
    assert again.session.started_at == at(1)
    assert again.session.duration_s == 109
    assert again.session.energy_mwh == 300_000
    assert again.lifetime_mwh == 1_500_000


def test_a_vehicle_that_left_during_the_restart_ends_its_session() -> None:
    again = seen(restarted(seen_for(make_point(), CHARGING, 1, 20), 100), AVAILABLE, 101)
    assert again.session is not None
    assert not again.session.is_open
    assert again.session.ended_at == at(20)


@pytest.mark.proves("3.34", "D16.4")
def test_cancelled_survives_a_restart_until_replugged() -> None:
    point = command_start_stop(seen(make_point(), CHARGING, 0), 0, start=False)
    again = seen(restarted(point, 10), CHARGING, 11)
    assert shown_state(again, 11) is ChargingState.CANCELLED
    assert seen(again, AVAILABLE, 12).process is Process.NO_VEHICLE


def test_complete_survives_a_restart() -> None:
    point = seen_for(make_point("complete: {time_s: 60}"), CHARGING, 1, 5)
    point = seen_for(point, IDLE, 6, 70)
    again = restarted(point, 100, make_point("complete: {time_s: 60}"))
    states_only = {Quantity.STATE: ChargingState.CONNECTED, Quantity.CONNECTED: 1}
    assert seen(seen(again, states_only, 101), IDLE, 102).complete


def test_a_pause_of_ours_is_still_known_as_ours_after_a_restart() -> None:
    paused = {Quantity.STATE: ChargingState.INTERRUPTION, Quantity.CONNECTED: 1}
    point = offer_taken(seen(make_point(), CHARGING, 0), 0, 1)
    assert shown_state(seen(restarted(point, 60), paused, 61), 61) is ChargingState.CONNECTED


@pytest.mark.proves("D16.42")
def test_a_given_setpoint_is_kept_and_clamped_anew() -> None:
    point = command_setpoint(make_point(), 14_000)
    assert restarted(point, 1, make_point("maximum_a: 20")).setpoint_ma == 14_000
    assert restarted(point, 1, make_point("maximum_a: 10")).setpoint_ma == 10_000


def test_a_setpoint_that_was_never_given_follows_the_maximum() -> None:
    assert restarted(make_point(), 1, make_point("maximum_a: 32")).setpoint_ma == 32_000


@pytest.mark.proves("7.7")
def test_faults_do_not_survive_a_restart() -> None:
    point = make_point()
    point = replace(point, faults=point.faults.set(FaultCode.COMM, present=True))
    assert restarted(point, 1).faults.text == "No error"


def test_a_record_of_an_earlier_build_is_read() -> None:
    record = to_record(command_setpoint(make_point(), 9000))
    del record["paused"], record["dropped_mwh"]
    assert from_record(make_point(), record, None, 0).setpoint_ma == 9000


def test_energy_that_flowed_while_the_gateway_was_off_is_the_session_s() -> None:
    point = seen_for(make_point(model="goe_charger"), CHARGING, 1, 5)
    again = restarted(point, 3600, make_point(model="goe_charger"))
    again = seen(again, {**CHARGING, Quantity.SESSION_ENERGY: 11_000_000}, 3601)
    again = seen(again, AVAILABLE, 3602)
    assert again.session is not None
    assert again.session.energy_mwh == 11_000_000
