"""Single rules of a cycle that no scenario shows by itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState, FaultCode, Reason
from knxgw.charging.events import GridMeterReading
from knxgw.dlm.cycle import cycle
from knxgw.dlm.inputs import after_meter_value, initial_state
from knxgw.dlm.participant import Observation, ParticipantSettings
from knxgw.dlm.settings import Settings
from knxgw.dlm.state import LoadManagement
from tests.dlm.houses import House, limited

HOUSE = Settings(fuse_ma=35_000)
LIMIT_MA = 32_000


def participant(number: int, wired: tuple[int, ...] = (0, 1, 2)) -> ParticipantSettings:
    return ParticipantSettings(
        number=number,
        minimum_ma=6000,
        maximum_ma=16_000,
        resolution_ma=100,
        wired_phases=wired,
        measures_current=True,
        fail_safe_ma=6000,
    )


def plugged(
    current_ma: int, now_s: float, *, allowed: bool = True, cap_ma: int = 16_000
) -> Observation:
    return Observation(
        state=ChargingState.CHARGE if current_ma else ChargingState.CONNECTED,
        is_connected=True,
        is_reachable=True,
        constraints=limited(allowed=allowed, cap_ma=cap_ma),
        currents_ma=(current_ma,) * 3,
        read_at=now_s,
    )


EMPTY = Observation(
    state=ChargingState.AVAILABLE,
    is_connected=False,
    is_reachable=True,
    constraints=limited(),
    currents_ma=(0, 0, 0),
    read_at=0.0,
)


def lived(
    state: LoadManagement,
    base_ma: int | Sequence[int],
    start_s: int,
    end_s: int,
    *,
    cars: int,
    **more: Any,
) -> LoadManagement:
    """Return the state after some seconds with cars that obey at once, and a meter every 2 s."""
    base = [base_ma] * 3 if isinstance(base_ma, int) else list(base_ma)
    for now_s in range(start_s, end_s + 1):
        seen = {
            n: plugged(m.offer_ma, float(now_s), **more)
            if n <= cars
            else replace(EMPTY, read_at=float(now_s))
            for n, m in state.participants.items()
        }
        drawn = sum(m.offer_ma for n, m in state.participants.items() if n <= cars)
        state = cycle(state, HOUSE, seen, float(now_s))
        if now_s % 2 == 0:
            for phase in range(3):
                reading = GridMeterReading(phase=phase, value=base[phase] + drawn)
                state = after_meter_value(state, HOUSE, reading, now_s + 0.5)
                state = cycle(state, HOUSE, seen, now_s + 0.5, new_phases=(phase,))
    return state


def offers(state: LoadManagement) -> list[int]:
    return [m.offer_ma for m in state.participants.values()]


@pytest.mark.proves("D11.4")
def test_before_the_first_complete_set_everybody_is_at_the_minimum() -> None:
    state = initial_state(HOUSE, [participant(1)], 0.0)
    state = cycle(state, HOUSE, {1: plugged(6000, 1.0)}, 1.0)
    assert offers(state) == [6000]
    assert state.outcome.reasons[1] is Reason.METER_LOST
    assert not state.outcome.faults, "the meter still has time"
    state = cycle(state, HOUSE, {1: plugged(6000, 12.0)}, 12.0)
    assert state.outcome.faults == {FaultCode.SMART_METER_TIMEOUT}


@pytest.mark.proves("D9.2d")
def test_those_who_only_wait_do_not_count_as_overcurrent() -> None:
    state = lived(
        initial_state(HOUSE, [participant(n) for n in range(1, 6)], 0.0), 30_000, 0, 30, cars=0
    )
    state = lived(state, 30_000, 31, 150, cars=5)
    assert offers(state) == [0] * 5, "2 A are left"
    assert FaultCode.OVER_CURRENT not in state.outcome.faults
    assert set(state.outcome.reasons.values()) == {Reason.WAITING_FOR_CURRENT}


@pytest.mark.proves("D5.2")
def test_a_cap_below_the_minimum_is_0_a() -> None:
    state = lived(initial_state(HOUSE, [participant(1)], 0.0), 2000, 0, 30, cars=1, cap_ma=5900)
    assert offers(state) == [0]


@pytest.mark.proves("7.63")
def test_impossible_currents_are_a_fault_and_no_current_is_offered() -> None:
    state = lived(initial_state(HOUSE, [participant(1), participant(2)], 0.0), 2000, 0, 40, cars=2)
    wrong = {1: plugged(99_900, 41.0), 2: plugged(15_000, 41.0)}
    state = cycle(state, HOUSE, wrong, 41.0)
    assert offers(state)[0] == 0
    assert state.outcome.faults == {FaultCode.DLM_INVALID_CURRENT}
    assert state.outcome.reasons[1] is Reason.INVALID_CURRENT


@pytest.mark.proves("D9.5b", "D9.5e")
@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(-5000, 45_000), min_size=3, max_size=3), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_the_building_does_offers_are_zero_or_in_range_and_obey_zero_sources(
    story: list[tuple[list[int], bool]],
) -> None:
    state = initial_state(HOUSE, [participant(1), participant(2, (1,)), participant(3)], 0.0)
    now_s = 0
    for base, allowed in story:
        state = lived(state, base, now_s, now_s + 7, cars=3, allowed=allowed)
        now_s += 8
        for offer_ma in offers(state):
            assert offer_ma == 0 or 6000 <= offer_ma <= 16_000
        if not allowed:
            assert offers(state) == [0, 0, 0]


@pytest.mark.proves("D9.5a")
@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(0, 18_000), min_size=3, max_size=3), min_size=1, max_size=10))
def test_two_seconds_after_a_telegram_the_offers_fit_wherever_the_minima_do(
    bases: list[list[int]],
) -> None:
    state = initial_state(HOUSE, [participant(1), participant(2, (1,))], 0.0)
    now_s = 0
    for base in bases:
        state = lived(state, base, now_s, now_s + 5, cars=2)
        now_s += 6
        for phase in range(3):
            offered_ma = sum(m.offer_ma for m in state.participants.values() if phase in m.phases)
            assert offered_ma + base[phase] <= LIMIT_MA + HOUSE.lower_from_ma


@pytest.mark.proves("D13.2b", "D17.5")
def test_without_a_meter_an_unreachable_charger_keeps_all_it_may_take() -> None:
    static = Settings(fuse_ma=35_000, static_limit_ma=24_000)
    state = initial_state(static, [participant(1), participant(2)], 0.0)
    for now_s in range(60):
        seen = {n: plugged(m.offer_ma, float(now_s)) for n, m in state.participants.items()}
        state = cycle(state, static, seen, float(now_s))
    assert offers(state) == [12_000, 12_000], "what they drew at the start is no room"
    for now_s in range(60, 120):
        gone = replace(plugged(12_000, 59.0), is_reachable=False)
        seen = {1: gone, 2: plugged(state.participants[2].offer_ma, float(now_s))}
        state = cycle(state, static, seen, float(now_s))
    assert offers(state)[1] == 12_000
    for now_s in range(120, 160):
        seen = {1: plugged(12_000, now_s), 2: plugged(state.participants[2].offer_ma, float(now_s))}
        state = cycle(state, static, seen, float(now_s))
    assert sum(offers(state)) <= 24_000


def test_a_cycle_changes_nothing_it_was_given() -> None:
    state = lived(initial_state(HOUSE, [participant(1), participant(2)], 0.0), 4000, 0, 20, cars=2)
    before = repr(state)
    cycle(state, HOUSE, {1: plugged(0, 21.0, allowed=False), 2: plugged(16_000, 21.0)}, 21.0)
    assert repr(state) == before


def test_the_prioritised_one_is_no_reason_where_it_shares_no_phase() -> None:
    first_on_l1 = replace(HOUSE, priority=1)
    house = House(
        participant(1, (0,)), participant(2, (0,)), participant(3, (1,)), settings=first_on_l1
    )
    house.live(100, base_a=[8, 20, 4])
    assert house.offers_ma == [16_000, 8000, 12_000]
    assert house.state.outcome.reasons[2] is Reason.PRIORITY
    assert house.state.outcome.reasons[3] is Reason.FUSE_L2
