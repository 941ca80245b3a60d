"""What of a charging point survives a restart."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState, FaultCode
from knxgw.charging.commands import command_setpoint, command_start_stop
from knxgw.charging.counter import EnergyCounter, Reading
from knxgw.charging.link import offer_acknowledged
from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import Quantity
from knxgw.charging.records import read_record, restored, to_record
from knxgw.charging.session import Session
from knxgw.charging.shown_state import shown_state
from knxgw.charging.states import Process
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
    return restored(new or make_point(), record, at(now_s), now_s)


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
    new = make_point()
    point = replace(
        new,
        process=replace(new.process, is_connected=connected, stage=process),
        session=replace(new.session, latest=session),
        energy=replace(
            new.energy,
            lifetime_mwh=77,
            lifetime_counter=EnergyCounter(reading=Reading(50), previous_meter_mwh=60),
        ),
        control=replace(
            new.control,
            is_interrupted=interruption,
            setpoint_ma=setpoint_ma,
            is_setpoint_given=True,
        ),
    )
    assert to_record(restarted(point, 10)) == to_record(point)


def test_a_restart_in_the_middle_of_a_session_keeps_it_going() -> None:
    point = seen(make_point(model="alfen_eve"), {Quantity.ENERGY: 1_000_000}, 0)
    point = seen_for(point, {**CHARGING, Quantity.ENERGY: 1_200_000}, 1, 20)
    again = restarted(point, 100, make_point(model="alfen_eve"))
    again = seen(again, {**CHARGING, Quantity.ENERGY: 1_500_000}, 110)
    assert again.session.latest is not None
    assert again.session.latest.started_at == at(1)
    assert again.session.latest.duration_s == 109
    assert again.session.latest.energy_mwh == 300_000
    assert again.energy.lifetime_mwh == 1_500_000


def test_a_vehicle_that_left_during_the_restart_ends_its_session() -> None:
    again = seen(restarted(seen_for(make_point(), CHARGING, 1, 20), 100), AVAILABLE, 101)
    assert again.session.latest is not None
    assert not again.session.latest.is_open
    assert again.session.latest.ended_at == at(20)


@pytest.mark.proves("3.34", "D16.4")
def test_cancelled_survives_a_restart_until_replugged() -> None:
    point = command_start_stop(seen(make_point(), CHARGING, 0), 0, is_start=False)
    again = seen(restarted(point, 10), CHARGING, 11)
    assert shown_state(again, 11) is ChargingState.CANCELLED
    assert seen(again, AVAILABLE, 12).process.stage is Process.NO_VEHICLE


def test_complete_survives_a_restart() -> None:
    point = seen_for(make_point("complete: {time_s: 60}"), CHARGING, 1, 5)
    point = seen_for(point, IDLE, 6, 70)
    again = restarted(point, 100, make_point("complete: {time_s: 60}"))
    states_only = {Quantity.STATE: ChargingState.CONNECTED, Quantity.CONNECTED: 1}
    assert seen(seen(again, states_only, 101), IDLE, 102).process.is_complete


def test_a_pause_of_ours_is_still_known_as_ours_after_a_restart() -> None:
    paused = {Quantity.STATE: ChargingState.INTERRUPTION, Quantity.CONNECTED: 1}
    point = offer_acknowledged(seen(make_point(), CHARGING, 0), 0, 1)
    assert shown_state(seen(restarted(point, 60), paused, 61), 61) is ChargingState.CONNECTED


@pytest.mark.proves("D16.42")
def test_a_given_setpoint_is_kept_and_clamped_again() -> None:
    point = command_setpoint(make_point(), 14_000)
    assert restarted(point, 1, make_point("maximum_a: 20")).control.setpoint_ma == 14_000
    assert restarted(point, 1, make_point("maximum_a: 10")).control.setpoint_ma == 10_000


def test_a_setpoint_that_was_never_given_follows_the_maximum() -> None:
    assert restarted(make_point(), 1, make_point("maximum_a: 32")).control.setpoint_ma == 32_000


@pytest.mark.proves("7.7")
def test_faults_do_not_survive_a_restart() -> None:
    point = make_point()
    point = replace(point, faults=point.faults.set(FaultCode.COMM, is_present=True))
    assert restarted(point, 1).faults.text == "No error"


def test_a_record_of_an_earlier_build_is_read() -> None:
    record = to_record(command_setpoint(make_point(), 9000))
    del record["paused"], record["dropped_mwh"]
    assert restored(make_point(), record, None, 0).control.setpoint_ma == 9000


def test_energy_that_flowed_while_the_gateway_was_off_is_the_session_s() -> None:
    point = seen_for(make_point(model="goe_charger"), CHARGING, 1, 5)
    again = restarted(point, 3600, make_point(model="goe_charger"))
    again = seen(again, {**CHARGING, Quantity.SESSION_ENERGY: 11_000_000}, 3601)
    again = seen(again, AVAILABLE, 3602)
    assert again.session.latest is not None
    assert again.session.latest.energy_mwh == 11_000_000


# --- records that cannot be read, or not all of it -----------------------------------------------

FIELDS = tuple(to_record(make_point()))
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["2026-07-01T12:00:00+00:00", "0001-01-01T00:00:00+00:00", "2026-07-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
session_like = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("started_at", "ended_at", "duration_s", "energy_mwh", "is_open"), anything
    ),
)
records = anything | st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(FIELDS, anything),
        "schema": st.just(1) | anything,
        "session": session_like | anything,
    },
)


@pytest.mark.long
@settings(max_examples=200)
@given(records, st.sampled_from(["keba_p30", "alfen_eve", "goe_charger"]))
def test_whatever_is_stored_is_read(record: object, model: str) -> None:
    point = restored(make_point(model=model), record, at(0), 0.0)  # type: ignore[arg-type]
    for second in (1, 20):
        point = seen(point, {**CHARGING, Quantity.ENERGY: 1_000_000}, second)
    point = seen(point, AVAILABLE, 30)
    json.dumps(to_record(point))
    assert read_record(to_record(point)).unknown_fields == ()


@settings(max_examples=100)
@given(records)
def test_nobody_gets_more_current_than_the_record_can_have_allowed(record: object) -> None:
    """A field counts only as what it can be read as; else it holds the charging point back."""
    point = restored(make_point(), record, at(0), 0.0)  # type: ignore[arg-type]
    fields = record if isinstance(record, dict) and record.get("schema") == 1 else {}
    schema = fields.get("schema")
    if isinstance(schema, bool) or not isinstance(schema, int):
        fields = {}
    assert point.control.is_interrupted is (fields.get("interruption") is not False)
    setpoint = fields.get("setpoint_ma", "missing")
    if not (setpoint is None or (isinstance(setpoint, int) and not isinstance(setpoint, bool))):
        assert point.control.setpoint_ma == point.limits.clamp_setpoint(0)


def test_a_record_of_a_newer_version_is_not_believed() -> None:
    record = to_record(make_point()) | {"schema": 99, "interruption": False}
    point = restored(make_point(), record, None, 0)
    assert point.control.is_interrupted
    assert point.control.setpoint_ma == 0
    assert read_record(record).unknown_fields[0] == "schema"


@pytest.mark.parametrize(
    "field",
    [one for one in FIELDS if one not in ("paused", "dropped_mwh", "counters", "session_untold")],
)
def test_a_field_that_is_missing_takes_no_other_with_it(field: str) -> None:
    new, counter = make_point(), EnergyCounter(reading=Reading(50))
    full = replace(
        new,
        process=replace(new.process, is_connected=True, stage=Process.FREE),
        energy=replace(new.energy, lifetime_mwh=77, lifetime_counter=counter),
        control=replace(new.control, setpoint_ma=9000, is_setpoint_given=True),
    )
    record = to_record(full)
    del record[field]
    point = restored(make_point(), record, None, 0)
    assert field in read_record(record).unknown_fields
    if field != "schema":
        assert point.control.is_interrupted is (field == "interruption")
        assert point.control.setpoint_ma == (0 if field == "setpoint_ma" else 9000)
        assert point.energy.lifetime_mwh == (None if field == "lifetime_mwh" else 77)
        assert point.energy.lifetime_counter.reading_mwh == (None if field == "reading_mwh" else 50)


def test_what_no_object_can_let_go_is_not_held_back() -> None:
    point = restored(make_point(), {}, None, 0, linked_keys=())
    assert not point.control.is_interrupted
    assert point.control.setpoint_ma == point.limits.maximum_ma
    assert not point.control.is_setpoint_given
    assert seen(point, CHARGING, 1).process.stage is Process.FREE


def test_a_process_that_may_have_been_cancelled_waits_for_a_start_or_another_vehicle() -> None:
    def lost() -> ChargingPoint:
        point = restored(make_point(model="bender_cc612_mennekes_professional"), {}, None, 0)
        assert "start_stop" in point.settings.capabilities
        return replace(point, control=replace(point.control, is_interrupted=False))

    waiting = seen(lost(), CHARGING, 1)
    assert shown_state(waiting, 1) is ChargingState.MANUAL_START
    started = command_start_stop(waiting, 1, is_start=True)
    assert started.process.stage is Process.FREE
    assert seen(lost(), AVAILABLE, 1).process.stage is Process.NO_VEHICLE
    assert seen(seen(lost(), AVAILABLE, 1), CHARGING, 2).process.stage is Process.FREE
