"""From start to end: what holds while the gateway starts, stops, or cannot handle something."""

import logging
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.charging.events import ChargerConditionChanged, GridMeterReading, LinkCondition
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import DEVICE, PointNumber, Scope, point_scope
from knxgw.config.devices import charger_id
from knxgw.dlm.overcurrent import LockOut, Overcurrent
from knxgw.station.initial import BUS_ANSWER_S, LONGEST_BUS_WAIT_S
from knxgw.station.limits import ends_in_s
from knxgw.station.model import (
    BusAsked,
    ClockSet,
    ClockSource,
    Effect,
    Event,
    FaultChanged,
    GridControlCommanded,
    InternalErrorFound,
    InterruptionCommanded,
    SetpointCommanded,
    Started,
    Station,
    Stopping,
    Tick,
)
from knxgw.station.owner import Inbox, Owner
from knxgw.station.show import view
from tests.charging.points import CHARGING, NOON, at
from tests.station.sites import (
    CP1,
    CP2,
    LEFT,
    after,
    charger,
    new_station,
    offers,
    published,
    started,
    without_clock,
)

GRID_LINKED = "group_objects: {1: [1/0/1]}\n"
PAUSING = "grid_supporting_control: {setpoint_a: '0'}\n"
LINKED = "group_objects: {10: [1/0/10], 11: [1/0/11], 12: [1/0/12]}\n"
DYNAMIC = "load_management: {mode: dynamic, fuse_a: 35}\n"


def reason(station: Station, point: PointNumber = CP1) -> Reason:
    decision = station.points[point].control.decision
    assert decision is not None
    return decision.reason


# --- restore


@pytest.mark.proves("D16.64", "D16.12")
def test_nobody_gets_more_than_the_minimum_until_the_bus_has_answered_or_had_its_time() -> None:
    station, effects = after(new_station(more=GRID_LINKED), Started(), BusAsked(), now_s=0.0)
    assert offers(effects) == [6000]
    assert reason(station) is Reason.RESTORING
    station, effects = after(station, Tick(), now_s=BUS_ANSWER_S - 0.1)
    assert offers(effects) == []
    station, effects = after(station, Tick(), now_s=BUS_ANSWER_S)
    assert offers(effects) == [16_000], "nobody answered: what was stored holds"
    assert reason(station) is Reason.NOT_READ_YET


@pytest.mark.proves("D16.11", "D16.41")
@pytest.mark.parametrize(("active", "offer_ma"), [(False, [16_000]), (True, [])])
def test_the_answer_of_the_bus_ends_the_restore(active: bool, offer_ma: list[int]) -> None:  # noqa: FBT001 - a parameter
    station = after(new_station(more=GRID_LINKED), Started(), now_s=0.0)[0]
    station, effects = after(station, GridControlCommanded(is_active=active), now_s=0.4)
    assert offers(effects) == offer_ma
    assert reason(station) is (Reason.GRID_CONTROL if active else Reason.NOT_READ_YET)


def test_there_is_nothing_to_wait_for_without_an_address_or_without_knx() -> None:
    assert offers(after(new_station(), Started(), now_s=0.0)[1]) == [16_000]


def test_a_pause_that_was_stored_holds_during_the_restore() -> None:
    station = after(new_station(more=GRID_LINKED), Started(), now_s=0.0)[0]
    station, effects = after(station, SetpointCommanded(point=CP1, setpoint_ma=0), now_s=1.0)
    assert offers(effects) == [0]
    _, effects = after(station, Tick(), now_s=LONGEST_BUS_WAIT_S)
    assert offers(effects) == [], "no raise in between"


# --- stopping


@pytest.mark.proves("D16.62")
def test_without_load_management_the_end_changes_nothing() -> None:
    station = after(started(), SetpointCommanded(point=CP1, setpoint_ma=9000))[0]
    assert offers(after(station, Stopping())[1]) == []


@pytest.mark.proves("D16.61")
def test_with_load_management_the_minimum_or_0_a_is_what_is_left_behind() -> None:
    station = started(more=DYNAMIC + LINKED)
    station = after(station, InterruptionCommanded(point=CP2, is_active=True))[0]
    station, _ = after(station, Stopping())
    decisions = [point.control.decision for point in station.points.values()]
    assert [d.offer_ma for d in decisions if d] == [6000, 0]


@pytest.mark.proves("D16.61")
def test_a_car_that_charged_with_more_is_left_behind_with_the_minimum() -> None:
    station = started(more=DYNAMIC + LINKED)
    station = after(
        station, ChargerConditionChanged(device=charger_id(CP1), condition=LinkCondition.GOOD)
    )[0]
    for now_s in range(1, 60):
        offer_ma = (
            station.load_management.participants[1].offer_ma if station.load_management else 0
        )
        values = {**CHARGING, Quantity.CURRENT_L1: offer_ma, Quantity.CURRENT_L2: offer_ma}
        values[Quantity.CURRENT_L3] = offer_ma
        telegrams = [GridMeterReading(phase=p, value=4000 + offer_ma) for p in range(3)]
        station = after(station, charger(values), *telegrams, Tick(), now_s=float(now_s))[0]
    decision = station.points[CP1].control.decision
    assert decision is not None
    assert decision.offer_ma == 16_000
    station, effects = after(station, Stopping(), now_s=60.0)
    assert offers(effects) == [6000]
    assert reason(station) is Reason.STOPPING


# --- lock-out, configuration


def locked(station: Station, *, on: bool) -> Station:
    """Return the station after its load management has locked everybody out, or no longer."""
    assert station.load_management is not None
    lock_out = LockOut(locked_at=0.0) if on else None
    overcurrent = Overcurrent(lock_out=lock_out, restart_after_s=60.0)
    return replace(
        station, load_management=replace(station.load_management, overcurrent=overcurrent)
    )


@pytest.mark.proves("3.20", "D6.6")
def test_the_overcurrent_lock_out_interrupts_everybody_and_ends_with_what_holds() -> None:
    station = started(more=DYNAMIC + LINKED)
    good = [
        ChargerConditionChanged(device=charger_id(cp), condition=LinkCondition.GOOD)
        for cp in (CP1, CP2)
    ]
    station = after(station, *good, charger(CHARGING))[0]
    station, effects = after(locked(station, on=True), Tick())
    assert offers(effects, CP1) == [0]
    assert published(effects, "state") == [11]
    assert published(effects, "interruption_state") == []
    assert published(effects, "sharing_state", DEVICE) == [4]
    assert reason(station) is Reason.LOCK_OUT
    (lock_out,) = [one for one in view(station, 1.0).points[0].limits if one.is_effective]
    assert lock_out.since == NOON, "when it began, which is long before this step"
    station, effects = after(locked(station, on=False), Tick())
    assert offers(effects) == [6000]
    assert published(effects, "state") == [8]


@pytest.mark.proves("W20")
def test_a_lock_out_says_how_long_it_lasts_once_a_restart_is_possible() -> None:
    station = locked(started(more=DYNAMIC + LINKED), on=True)
    assert ends_in_s(station, Reason.LOCK_OUT, 10.0) is None, "nobody fits yet"
    assert station.load_management is not None
    known = station.load_management.overcurrent
    assert known.lock_out is not None
    possible = replace(known, lock_out=replace(known.lock_out, restart_possible_since=8.0))
    station = replace(
        station, load_management=replace(station.load_management, overcurrent=possible)
    )
    assert ends_in_s(station, Reason.LOCK_OUT, 10.0) == 58.0


@pytest.mark.proves("7.60")
def test_without_the_objects_that_load_management_needs_nobody_charges() -> None:
    station, effects = after(new_station(more=DYNAMIC), Started(), now_s=0.0)
    assert published(effects, "last_fault", DEVICE) == ["DLMAssociation"]
    assert published(effects, "fault", DEVICE) == [True]
    assert (offers(effects, CP1), offers(effects, CP2)) == ([0], [0])
    assert reason(station) is Reason.CONFIGURATION


# --- precedence in every nesting order

_SWITCHES: Mapping[str, tuple[Event, Event]] = {
    "interruption": (
        InterruptionCommanded(point=CP1, is_active=True),
        InterruptionCommanded(point=CP1, is_active=False),
    ),
    "grid control": (GridControlCommanded(is_active=True), GridControlCommanded(is_active=False)),
}


@pytest.mark.proves("5.1", "5.6", "5.7", "5.8", "5.11", "5.13", "5.14", "D15.1")
@settings(max_examples=200)
@given(
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from(sorted(_SWITCHES)), st.booleans())
        | st.integers(0, 40_000).map(lambda ma: ("setpoint", ma)),
        max_size=14,
    ),
)
def test_any_nesting_of_sources_and_setpoints_gives_what_holds_now(
    pausing: bool,  # noqa: FBT001 - drawn by hypothesis
    deeds: list[tuple[str, int]],
) -> None:
    station = after(started(more=PAUSING if pausing else ""), charger(CHARGING))[0]
    active = dict.fromkeys(_SWITCHES, False)
    setpoint_ma = 16_000
    for name, value in deeds:
        if name == "setpoint":
            event: Event = SetpointCommanded(point=CP1, setpoint_ma=value)
            setpoint_ma = station.points[CP1].limits.clamp_setpoint(value)
        else:
            active[name] = bool(value)
            event = _SWITCHES[name][0 if value else 1]
        station, _ = after(station, event)
        decision = station.points[CP1].control.decision
        assert decision is not None
        zero = active["interruption"] or (active["grid control"] and pausing)
        cap_ma = 6000 if active["grid control"] else 80_000
        assert decision.offer_ma == (0 if zero else min(setpoint_ma, cap_ma))
        state = station.last_published(point_scope(1), "state")
        assert state == (11 if zero else 8)
        assert (
            station.last_published(point_scope(1), "interruption_state") == active["interruption"]
        )
        assert (
            station.last_published(DEVICE, "grid_supporting_control_state")
            == active["grid control"]
        )


# --- faults of the whole device, and the history


def test_a_device_that_is_not_configured_any_more_says_nothing() -> None:
    effects: list[Effect] = []
    owner = Owner(started(), Inbox(), effects.append)
    gone = ChargerConditionChanged(device=charger_id(PointNumber(4)), condition=LinkCondition.GOOD)
    owner.handle(gone, 1.0)
    assert effects == []


def changes(effects: list[Effect]) -> list[tuple[Scope, FaultCode, bool]]:
    return [(e.scope, e.code, e.is_present) for e in effects if isinstance(e, FaultChanged)]


@pytest.mark.proves("7.8")
def test_the_history_has_general_faults_and_those_of_the_configuration_with_their_time() -> None:
    again = LEFT.replace("number: 1", "number: 2")
    _, effects = after(new_station(LEFT, again), Started())
    found = changes(effects)
    assert (DEVICE, FaultCode.CONF_CHARGER, True) in found
    assert (point_scope(2), FaultCode.CONF_CHARGER, True) in found
    assert all(e.at == at(1) for e in effects if isinstance(e, FaultChanged))


class BrokenError(Exception):
    """Stands for a mistake in our own rules."""


@pytest.mark.proves("7.50")
def test_an_internal_error_is_contact_support_and_leaves_everybody_at_the_minimum(
    caplog: pytest.LogCaptureFixture,
) -> None:
    effects: list[Effect] = []
    owner = Owner(started(), Inbox(), effects.append)
    nobody = InterruptionCommanded(point=PointNumber(4), is_active=True)
    for _ in range(3):
        owner.handle(nobody, 1.0)
    assert published(effects, "last_fault", DEVICE) == ["ContactSupport"]
    assert (offers(effects, CP1), offers(effects, CP2)) == ([6000], [6000])
    assert reason(owner.station) is Reason.INTERNAL_ERROR
    owner.handle(InterruptionCommanded(point=CP1, is_active=True), 2.0)
    assert offers(effects, CP1) == [6000, 0], "everyone is served further"
    assert len(caplog.records) == 1, "said once"
    assert caplog.records[0].levelno == logging.ERROR
    caplog.clear()


def test_an_effect_that_fails_does_not_keep_the_others_from_their_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[Effect] = []

    def carry_out(effect: Effect) -> None:
        if not done:
            done.append(effect)
            raise BrokenError
        done.append(effect)

    Owner(new_station(), Inbox(), carry_out).handle(Started(), 0.0)
    assert offers(done, CP1)[-1] == 6000
    assert offers(done, CP2)[-1] == 6000
    caplog.clear()


def test_an_error_while_an_error_is_handled_ends_the_gateway() -> None:
    def carry_out(_effect: Effect) -> None:
        raise BrokenError

    with pytest.raises(BrokenError):
        Owner(started(), Inbox(), carry_out).handle(InternalErrorFound(), 0.0)


# --- a vehicle that does not follow


@pytest.mark.proves("7.36", "7.35", "7.66", "7.67")
def test_a_vehicle_that_does_not_follow_is_paused_and_then_not_stopping() -> None:
    good = ChargerConditionChanged(device=charger_id(CP1), condition=LinkCondition.GOOD)
    setpoint = SetpointCommanded(point=CP1, setpoint_ma=8000)
    station = after(started(), good, setpoint, now_s=0.0)[0]
    effects: list[Effect] = []
    for now_s in range(1, 40):
        station, more = after(station, charger(CHARGING), Tick(), now_s=float(now_s))
        effects += more
    assert offers(effects) == [0]
    assert reason(station) is Reason.NOT_FOLLOWING
    texts = published(effects, "last_point_fault")
    assert texts == ["NotFollowing", "NotStopping"]
    assert station.severity == 80


# --- the clock


@pytest.mark.proves("2.35")
def test_a_time_of_the_bus_counts_until_a_time_server_is_there() -> None:
    def clock(seconds: float, source: ClockSource) -> ClockSet:
        return ClockSet(now=at(seconds), source=source)

    station = without_clock(started())
    station = after(station, clock(500, ClockSource.KNX), now_s=10)[0]
    assert station.now(11) == at(501)
    station = after(station, clock(0, ClockSource.SYSTEM), now_s=20)[0]
    assert station.now(20) == at(510), "a clock that nobody sets does not count any more"
    station = after(station, clock(600, ClockSource.KNX), now_s=30)[0]
    assert station.now(30) == at(600)
    station = after(station, clock(30, ClockSource.NTP), now_s=30)[0]
    assert station.now(30) == at(30)
    station = after(station, clock(700, ClockSource.KNX), now_s=40)[0]
    assert station.now(40) == at(40), "a time server is believed more than the bus"


# --- our own objects


@pytest.mark.proves("5.15")
@pytest.mark.parametrize(("language", "text"), [("en", "Interruption"), ("de", "Unterbrechung")])
def test_offer_and_reason_are_told_in_the_language_of_the_bus(language: str, text: str) -> None:
    station = new_station(more=f"device: {{language: {language}}}\n")
    station, effects = after(station, Started())
    assert published(effects, "offer") == [16_000]
    assert published(effects, "reason") == [Reason.NOT_READ_YET]
    _, effects = after(station, InterruptionCommanded(point=CP1, is_active=True))
    assert published(effects, "offer") == [0]
    assert published(effects, "reason") == [Reason.INTERRUPTION]
    assert published(effects, "reason_text") == [text]
