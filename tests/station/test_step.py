"""The one step: events in, effects out, and nothing else."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState, FaultCode, Reason
from knxgw.charging.events import (
    ChargerConditionChanged,
    LinkCondition,
    MeterConditionChanged,
    MeterSeen,
    OfferAcknowledged,
)
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import DEVICE, Scope, point_scope
from knxgw.charging.states import Process
from knxgw.config.devices import charger_id, point_meter_id
from knxgw.station.initial import initial
from knxgw.station.model import (
    ClockSet,
    ClockSource,
    Effect,
    Event,
    FaultChanged,
    GridControlCommanded,
    InterruptionCommanded,
    Note,
    Offer,
    Remember,
    SessionClosed,
    SetpointCommanded,
    Started,
    StartStopCommanded,
    Station,
    Tick,
    Unlock,
    UnlockCommanded,
)
from knxgw.station.show import view
from knxgw.station.step import step
from tests.charging.points import AVAILABLE, CHARGING, NOON, WAITING, at
from tests.config.sites import configuration, points
from tests.station.sites import (
    CP1,
    CP2,
    LEFT,
    RIGHT,
    SCOPE1,
    SCOPE2,
    after,
    charger,
    new_station,
    offers,
    published,
    started,
)

PAUSING = "grid_supporting_control: {setpoint_a: '0'}\n"
COLLIDING = (LEFT, LEFT.replace("number: 1", "number: 2"))

METER = "meter: {model: eastron_sdm630, connection: {host: 192.168.1.41, unit: "
METERED = (f"{LEFT}, {METER}1}}}}", f"{RIGHT}, {METER}2}}}}")

numbers = st.sampled_from((CP1, CP2))
chargers, meters = numbers.map(charger_id), numbers.map(point_meter_id)
readings = st.fixed_dictionaries(
    {},
    optional={
        Quantity.STATE: st.sampled_from(ChargingState),
        Quantity.CONNECTED: st.integers(0, 1),
        Quantity.CURRENT_L1: st.integers(-1000, 40_000),
        Quantity.ENERGY: st.integers(0, 10**9),
        Quantity.SESSION_ENERGY: st.integers(0, 10**8),
        Quantity.FAULT_INFO_1: st.sampled_from(("", "0x01")),
    },
)
without_meters: st.SearchStrategy[Event] = st.one_of(
    st.just(Started()),
    st.just(Tick()),
    st.builds(ClockSet, now=st.just(NOON)),
    st.builds(GridControlCommanded, is_active=st.booleans()),
    st.builds(InterruptionCommanded, point=numbers, is_active=st.booleans()),
    st.builds(SetpointCommanded, point=numbers, setpoint_ma=st.none() | st.integers(0, 100_000)),
    st.builds(StartStopCommanded, point=numbers, is_start=st.booleans()),
    st.builds(UnlockCommanded, point=numbers),
    st.builds(charger, readings, numbers),
    st.builds(ChargerConditionChanged, device=chargers, condition=st.sampled_from(LinkCondition)),
    st.builds(OfferAcknowledged, device=chargers, offer_ma=st.sampled_from((0, 6000, 16_000))),
)
events: st.SearchStrategy[Event] = st.one_of(
    without_meters,
    st.builds(MeterSeen, device=meters, values=readings),
    st.builds(MeterConditionChanged, device=meters, condition=st.sampled_from(LinkCondition)),
)
histories = st.lists(st.tuples(events, st.floats(0.0, 60.0)), max_size=15)
BOTH = new_station(*METERED)
PAUSED = new_station(*METERED, more=PAUSING)


# --- properties


@settings(max_examples=60)
@given(histories)
def test_the_same_arguments_give_the_same_answer_and_change_nothing(
    history: list[tuple[Event, float]],
) -> None:
    station, now_s = BOTH, 0.0
    for event, elapsed_s in history:
        now_s += elapsed_s
        before = copy.copy(station)
        maps = (
            dict(station.points),
            dict(station.output.published),
            dict(station.output.remembered),
        )
        first, second = step(station, event, now_s), step(station, event, now_s)
        assert first == second
        assert station == before
        assert maps == (station.points, station.output.published, station.output.remembered)
        station = first[0]


@pytest.mark.proves("H.21", "3.48")
@settings(max_examples=60)
@given(st.sampled_from((BOTH, PAUSED)), histories)
def test_whatever_happens_an_offer_is_zero_or_within_the_limits(
    station: Station, history: list[tuple[Event, float]]
) -> None:
    now_s = 0.0
    for event, elapsed_s in history:
        now_s += elapsed_s
        station, effects = step(station, event, now_s)
        for offer in (e.offer_ma for e in effects if isinstance(e, Offer)):
            assert offer == 0 or 6000 <= offer <= 16_000
        for point in station.points.values():
            if point.control.is_interrupted and point.control.decision:
                assert point.control.decision.offer_ma == 0
        assert json.dumps([dict(e.record) for e in effects if isinstance(e, Remember)])
        view(station, 1.0)


@pytest.mark.proves("5.6")
@settings(max_examples=60)
@given(st.permutations([0, 1, 2, 3]), st.booleans())
def test_interruption_and_grid_control_run_independently_in_any_order(
    order: list[int],
    pausing: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    station = after(PAUSED if pausing else BOTH, Started(), charger(CHARGING))[0]
    deeds: list[Event] = [
        InterruptionCommanded(point=CP1, is_active=True),
        GridControlCommanded(is_active=True),
        SetpointCommanded(point=CP1, setpoint_ma=9000),
        InterruptionCommanded(point=CP2, is_active=True),
    ]
    for index in order:
        station, _ = after(station, deeds[index])
    point = station.points[CP1]
    assert point.control.decision is not None
    assert (point.control.decision.offer_ma, point.control.decision.reason) == (
        0,
        Reason.INTERRUPTION,
    )
    assert point.control.setpoint_ma == 9000
    station, effects = after(station, InterruptionCommanded(point=CP1, is_active=False))
    assert offers(effects) == ([] if pausing else [6000])
    station, effects = after(station, GridControlCommanded(is_active=False))
    assert offers(effects) == [9000]
    assert station.points[CP2].control.is_interrupted


# --- offers


def test_at_the_start_every_charger_is_told_what_holds() -> None:
    _, effects = after(new_station(), Started())
    assert offers(effects, CP1) == [16_000]
    assert offers(effects, CP2) == [16_000]


def test_an_offer_is_made_once_per_change() -> None:
    station, effects = after(started(), SetpointCommanded(point=CP1, setpoint_ma=8000))
    assert offers(effects) == [8000]
    _, effects = after(station, SetpointCommanded(point=CP1, setpoint_ma=8000), Tick())
    assert offers(effects) == []


@pytest.mark.proves("5.12", "D16.2")
def test_an_interruption_blocks_also_a_point_where_nothing_charges() -> None:
    station = after(started(), charger(AVAILABLE))[0]
    station, effects = after(station, InterruptionCommanded(point=CP1, is_active=True))
    assert offers(effects) == [0]
    assert published(effects, "interruption_state") == [True]
    assert published(effects, "state") == [ChargingState.INTERRUPTION]
    _, effects = after(station, charger(WAITING))
    assert offers(effects) == []


def test_a_setpoint_written_during_an_interruption_is_used_afterwards() -> None:
    station, effects = after(
        started(),
        InterruptionCommanded(point=CP1, is_active=True),
        SetpointCommanded(point=CP1, setpoint_ma=10_000),
    )
    assert offers(effects) == [0]
    assert offers(after(station, InterruptionCommanded(point=CP1, is_active=False))[1]) == [10_000]


def test_grid_control_reaches_every_point_and_is_undone() -> None:
    station, effects = after(started(more=PAUSING), GridControlCommanded(is_active=True))
    assert (offers(effects, CP1), offers(effects, CP2)) == ([0], [0])
    assert published(effects, "grid_supporting_control_state", DEVICE) == [True]
    assert published(effects, "interruption_state") == []
    _, effects = after(station, GridControlCommanded(is_active=False))
    assert (offers(effects, CP1), offers(effects, CP2)) == ([16_000], [16_000])


@pytest.mark.proves("D15.4")
def test_grid_control_with_6_a_pauses_a_point_with_a_higher_minimum_without_state_11() -> None:
    station = after(started(f"{LEFT}, minimum_a: 8"), charger(CHARGING))[0]
    station, effects = after(station, GridControlCommanded(is_active=True))
    assert offers(effects) == [0]
    assert published(effects, "state") == []
    paused = {**WAITING, Quantity.STATE: ChargingState.INTERRUPTION}
    assert published(after(station, charger(paused))[1], "state") == [ChargingState.CONNECTED]


def test_a_charger_with_an_error_is_offered_nothing_until_it_is_gone() -> None:
    station, effects = after(started(), charger({Quantity.STATE: ChargingState.ERROR}))
    assert offers(effects) == [0]
    assert offers(after(station, charger(AVAILABLE))[1]) == [16_000]


@pytest.mark.proves("5.5")
def test_a_configuration_fault_blocks_every_offer_to_the_points_concerned() -> None:
    station, effects = after(new_station(*COLLIDING), Started())
    blocked = [n for n, point in station.points.items() if point.installation.is_blocked]
    assert blocked
    for number in blocked:
        assert offers(effects, number) == []
        _, more = after(
            station,
            SetpointCommanded(point=number, setpoint_ma=8000),
            InterruptionCommanded(point=number, is_active=True),
            GridControlCommanded(is_active=True),
            UnlockCommanded(point=number),
        )
        assert not [e for e in more if isinstance(e, Offer | Unlock)]
        decision = station.points[number].control.decision
        assert decision is not None
        assert decision.reason is Reason.CONFIGURATION


# --- faults


def test_a_configuration_fault_stands_in_both_scopes() -> None:
    _, effects = after(new_station(*COLLIDING), Started())
    assert published(effects, "fault", DEVICE) == [True]
    assert published(effects, "last_fault", DEVICE) == ["Conf Charger"]
    marked = [n for n in (SCOPE1, SCOPE2) if published(effects, "point_fault", n) == [True]]
    assert marked
    assert all(published(effects, "last_point_fault", n) == ["Conf Charger"] for n in marked)


def fault_changes(effects: list[Effect]) -> list[tuple[Scope, FaultCode, bool]]:
    return [(e.scope, e.code, e.is_present) for e in effects if isinstance(e, FaultChanged)]


def test_a_fault_of_one_point_is_no_general_fault() -> None:
    gone = ChargerConditionChanged(device=charger_id(CP1), condition=LinkCondition.NOT_REACHABLE)
    station, effects = after(started(), gone, Tick())
    assert published(effects, "point_fault") == [True]
    assert published(effects, "last_point_fault") == ["NotReachable"]
    assert published(effects, "fault", DEVICE) == []
    assert published(effects, "point_fault", point_scope(2)) == []
    assert fault_changes(effects) == [(SCOPE1, FaultCode.NOT_REACHABLE, True)]
    back = ChargerConditionChanged(device=charger_id(CP1), condition=LinkCondition.GOOD)
    _, effects = after(station, back)
    assert published(effects, "point_fault") == [False]
    assert published(effects, "last_point_fault") == [], "the last one stays"
    assert fault_changes(effects) == [(SCOPE1, FaultCode.NOT_REACHABLE, False)]


def test_at_the_start_there_is_no_error() -> None:
    _, effects = after(new_station(), Started())
    assert published(effects, "fault", DEVICE) == [False]
    assert published(effects, "last_fault", DEVICE) == ["No error"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (StartStopCommanded(point=CP1, is_start=True), "OpNotPossible"),
        (SetpointCommanded(point=CP1, setpoint_ma=None), "ValOutOfRange"),
        (SetpointCommanded(point=CP1, setpoint_ma=17_000), "ValOutOfRange"),
    ],
)
def test_a_command_that_is_not_followed_is_said_but_is_no_present_fault(
    event: Event, code: str
) -> None:
    station = after(
        started(), ChargerConditionChanged(device=charger_id(CP1), condition=LinkCondition.GOOD)
    )[0]
    _, effects = after(station, event)
    assert published(effects, "last_point_fault") == [code]
    assert published(effects, "point_fault") == []
    changes = [(SCOPE1, FaultCode(code), True), (SCOPE1, FaultCode(code), False)]
    assert fault_changes(effects) == changes, "it stands in the history"
    assert [e for e in effects if isinstance(e, Note)]


# --- values


def test_values_are_published_on_change_only() -> None:
    station, effects = after(started(), charger(CHARGING))
    assert published(effects, "current_l1") == [16_000]
    assert published(after(station, charger(CHARGING))[1], "current_l1") == []


def test_stale_values_are_withdrawn_and_come_back() -> None:
    station = after(started(), charger(CHARGING))[0]
    assert published(after(station, Tick(), now_s=10.0)[1], "state") == []
    station, effects = after(station, Tick(), now_s=12.0)
    assert published(effects, "state") == [None]
    assert published(effects, "current_l1") == [None]
    assert published(after(station, charger(CHARGING), now_s=13.0)[1], "state") == [8]


def test_the_cable_is_released_when_the_process_was_cancelled() -> None:
    idle = {**CHARGING, Quantity.CURRENT_L1: 0}
    good = ChargerConditionChanged(device=charger_id(CP1), condition=LinkCondition.GOOD)
    station, effects = after(started(), good, charger(CHARGING), UnlockCommanded(point=CP1))
    assert not [e for e in effects if isinstance(e, Unlock)]
    stop = StartStopCommanded(point=CP1, is_start=False)
    _, effects = after(station, stop, charger(idle), UnlockCommanded(point=CP1))
    assert Unlock(point=CP1) in effects


def test_times_of_day_are_published_once_the_clock_is_set() -> None:
    station = initial(configuration(points(LEFT)), {}, 0.0, None)
    station, effects = after(station, Started(), charger(CHARGING), now_s=10.0)
    assert published(effects, "session_start") == []
    station, _ = after(station, ClockSet(now=at(30), source=ClockSource.SYSTEM), now_s=30.0)
    _, effects = after(station, charger(CHARGING), Tick(), now_s=31.0)
    assert published(effects, "session_start") == [at(10)]


# --- store


def stored(effects: list[Effect]) -> dict[Scope, dict[str, object]]:
    """Return the newest records as they come back from the disk."""
    records = {e.scope: e.record for e in effects if isinstance(e, Remember)}
    return {scope: json.loads(json.dumps(dict(record))) for scope, record in records.items()}


def test_a_restart_goes_on_with_everything_that_was_commanded() -> None:
    _, effects = after(
        new_station(),
        Started(),
        charger(CHARGING),
        charger(CHARGING, CP2),
        InterruptionCommanded(point=CP1, is_active=True),
        SetpointCommanded(point=CP1, setpoint_ma=9000),
        StartStopCommanded(point=CP2, is_start=False),
        GridControlCommanded(is_active=True),
    )
    linked = "group_objects: {1: [1/0/1], 55: [1/1/55]}\n"
    site = configuration(points(LEFT, RIGHT) + linked)
    again = initial(site, stored(effects), 0.0, at(100))
    again, effects = after(again, Started())
    assert (offers(effects, CP1), offers(effects, CP2)) == ([0], [0])
    assert published(effects, "interruption_state") == [True]
    assert published(effects, "grid_supporting_control_state", DEVICE) == [True]
    assert again.points[CP2].process.stage is Process.CANCELLED
    again, effects = after(again, InterruptionCommanded(point=CP1, is_active=False))
    assert offers(effects) == [6000]
    assert offers(after(again, GridControlCommanded(is_active=False))[1]) == [9000]


def test_a_command_is_stored_at_once_and_a_counter_every_10_s() -> None:
    energy = {**CHARGING, Quantity.ENERGY: 1_000_000}
    station, effects = after(started(LEFT, RIGHT), charger(energy, CP2), now_s=1.0)
    assert SCOPE2 in stored(effects)
    times = []
    for second in range(2, 32):
        more = charger({**energy, Quantity.ENERGY: 1_000_000 + second * 1000}, CP2)
        station, effects = after(station, more, now_s=float(second))
        if SCOPE2 in stored(effects):
            times.append(second)
    assert times == [11, 21, 31]
    station, effects = after(station, InterruptionCommanded(point=CP2, is_active=True), now_s=32.0)
    assert SCOPE2 in stored(effects)


def test_what_was_counted_last_is_stored_when_nothing_happens_any_more() -> None:
    energy = {**CHARGING, Quantity.ENERGY: 1_000_000}
    station = after(started(), charger(energy), now_s=1.0)[0]
    station, effects = after(station, charger({Quantity.ENERGY: 1_005_000}), now_s=2.0)
    assert not stored(effects)
    assert stored(after(station, Tick(), now_s=12.0)[1])[SCOPE1]["reading_mwh"] == 1_005_000


def test_a_session_that_ends_is_handed_to_the_store_once() -> None:
    station = started()
    for second in range(1, 21):
        station, _ = after(station, charger(CHARGING), now_s=float(second))
    station, effects = after(station, charger(AVAILABLE), now_s=30.0)
    closed = [e for e in effects if isinstance(e, SessionClosed)]
    assert [(e.point, e.session.started_at, e.session.duration_s) for e in closed] == [
        (CP1, at(1), 19)
    ]
    _, effects = after(station, charger(AVAILABLE), Tick(), now_s=31.0)
    assert not [e for e in effects if isinstance(e, SessionClosed)]


def test_a_tick_in_which_nothing_happened_has_no_effect() -> None:
    station = after(started(), charger(CHARGING))[0]
    assert after(station, Tick(), now_s=2.0)[1] == []


# --- view


def test_the_view_says_why_a_point_gets_what_it_gets() -> None:
    station = after(started(), InterruptionCommanded(point=CP1, is_active=True))[0]
    assert view(station, 1.0).points[0].reason == "interruption"
    assert view(station, 1.0, "de").points[0].reason == "Unterbrechung"
    assert view(station, 1.0).points[0].state_words == "not read yet"
    station = after(station, charger(CHARGING))[0]
    assert view(station, 1.0).points[0].state_words == "Interruption"
    assert view(station, 1.0).points[0].phases_ma == (16_000, None, None)
