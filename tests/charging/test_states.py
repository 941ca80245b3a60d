"""The state machine: complete tables, and the running charging point follows them."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.commands import command_interruption, command_start_stop
from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import Quantity
from knxgw.charging.shown_state import shown_state
from knxgw.charging.states import PROCESS_TABLE, SHOWN_TABLE, Hold, Process, ProcessInput
from tests.charging.points import AVAILABLE, WAITING, make_point, seen
from tools.pages.charging_point import (
    INTERRUPTIONS,
    Input,
    after,
    shown_in,
    situations,
    transitions,
)

MANUAL = "start: manual"


@pytest.mark.proves("3.30", "3.31", "3.32", "3.33")
def test_every_process_has_an_answer_to_every_input() -> None:
    assert set(PROCESS_TABLE) == set(Process)
    for process, row in PROCESS_TABLE.items():
        assert tuple(row) == tuple(ProcessInput)
        assert row[ProcessInput.UNPLUGGED] is Process.NO_VEHICLE
        if process is not Process.NO_VEHICLE:
            assert row[ProcessInput.PLUGGED_IN] is process, "a vehicle that is there stays"
    possible = {p for p, row in PROCESS_TABLE.items() if row[ProcessInput.START] is not None}
    assert possible == {Process.WAITING}
    assert all(row[ProcessInput.START_OTHERWISE] is None for row in PROCESS_TABLE.values())


@pytest.mark.proves("3.1", "3.2", "3.4", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.14", "3.19")
def test_without_a_hold_the_charger_s_own_word_is_shown() -> None:
    assert set(SHOWN_TABLE) == set(ChargingState)
    for reported, row in SHOWN_TABLE.items():
        assert tuple(row) == tuple(Hold)
        assert row[Hold.NONE] is reported


@pytest.mark.proves("3.3", "3.5", "3.12", "3.21", "D6.2", "D6.4", "D6.6")
def test_what_each_hold_shows() -> None:
    for reported, row in SHOWN_TABLE.items():
        error = reported is ChargingState.ERROR
        assert (row[Hold.INTERRUPTION] is ChargingState.INTERRUPTION) is not error
        assert (row[Hold.CANCELLED] is ChargingState.CANCELLED) is not error
        assert (row[Hold.WAITING] is ChargingState.MANUAL_START) is not error
        waits = reported in (ChargingState.MANUAL_START, ChargingState.INTERRUPTION)
        assert row[Hold.PAUSE] is (ChargingState.CONNECTED if waits else reported)
        assert row[Hold.PAUSE_NO_VEHICLE] is (ChargingState.AVAILABLE if waits else reported)


@pytest.mark.proves("3.17", "3.18", "3.20", "3.22", "5.6", "5.7", "5.8")
def test_interruptions_end_in_any_order_with_the_state_that_holds_then() -> None:
    for situation in situations():
        reported, process, held, paused = situation
        free = shown_in((reported, process, frozenset(), paused))
        for begins, ends in INTERRUPTIONS.items():
            on = after(situation, begins, manual=False)
            assert on is not None
            expected = free if reported is ChargingState.ERROR else ChargingState.INTERRUPTION
            assert shown_in(on) is expected
            off = after(on, ends, manual=False)
            assert off is not None
            still = held - {begins}
            assert shown_in(off) is (shown_in(on) if still else free)


def test_the_drawn_table_has_every_state_and_every_input() -> None:
    table = transitions()
    assert [int(state) for state in table] == list(range(12))
    assert all(tuple(row) == tuple(Input) for row in table.values())
    assert table[ChargingState.CHARGE][Input.STOP] == (ChargingState.CANCELLED,)
    assert table[ChargingState.CHARGE][Input.START] == (None,)
    assert table[ChargingState.AVAILABLE][Input.STOP] == (None,)
    starts = {state for state, row in table.items() if row[Input.START] != (None,)}
    assert starts == {ChargingState.MANUAL_START}


def _real(point: ChargingPoint, given: Input, *, manual: bool) -> ChargingPoint:
    """Do to a charging point what an input of the machine stands for."""
    del manual
    match given:
        case Input.PLUGGED_IN:
            return point if point.process.is_connected else seen(point, WAITING, 0)
        case Input.UNPLUGGED:
            return seen(point, AVAILABLE, 0) if point.process.is_connected else point
        case Input.START | Input.STOP:
            return command_start_stop(point, 0, is_start=given is Input.START)
        case _:
            return command_interruption(point, is_active=given is Input.INTERRUPTED)


_GIVEN = (
    Input.PLUGGED_IN,
    Input.UNPLUGGED,
    Input.START,
    Input.STOP,
    Input.INTERRUPTED,
    Input.RELEASED,
)


@settings(max_examples=200)
@given(st.booleans(), st.lists(st.sampled_from(_GIVEN), max_size=15))
def test_a_running_charging_point_follows_the_tables(
    manual: bool,  # noqa: FBT001 - drawn by hypothesis
    inputs: list[Input],
) -> None:
    more = MANUAL if manual else ""
    point = seen(make_point(more, "goe_charger"), AVAILABLE, 0)
    situation = (ChargingState.AVAILABLE, Process.NO_VEHICLE, frozenset[Input](), False)
    for given_input in inputs:
        following = after(situation, given_input, manual=manual)
        before = point.faults.transient_count
        point = _real(point, given_input, manual=manual)
        assert (point.faults.transient_count > before) is (following is None), "OpNotPossible"
        situation = following or situation
        assert point.process.stage is situation[1]
        assert shown_state(point, 0) is shown_in(situation)


@pytest.mark.parametrize(
    ("reported", "process"), list(product(ChargingState, (Process.FREE, Process.WAITING)))
)
def test_every_reported_state_of_a_plugged_point_is_shown_as_the_table_says(
    reported: ChargingState, process: Process
) -> None:
    more = MANUAL if process is Process.WAITING else ""
    point = seen(make_point(more, "goe_charger"), AVAILABLE, 0)
    point = seen(point, {Quantity.STATE: reported, Quantity.CONNECTED: 1}, 1)
    assert point.process.stage is process
    hold = Hold.WAITING if process is Process.WAITING else Hold.NONE
    assert shown_state(point, 1) is SHOWN_TABLE[reported][hold]
    interrupted = command_interruption(point, is_active=True)
    assert shown_state(interrupted, 1) is SHOWN_TABLE[reported][Hold.INTERRUPTION]
