"""Connections to the device: every state and event of the connection-oriented server."""

import pytest
from xknx.telegram.address import IndividualAddress
from xknx.telegram.tpci import TAck, TConnect, TDataConnected, TDisconnect, TNak

from knxgw.device.transport_layer import (
    ACKNOWLEDGE_S,
    CONNECTION_S,
    MOST_REPETITIONS,
    MOST_WAITING,
    Tpdu,
    TransportLayer,
)

TOOL, OTHER = IndividualAddress("1.1.1"), IndividualAddress("1.1.2")


@pytest.fixture
def layer() -> TransportLayer:
    """Give a layer to which a tool is connected since 0 s."""
    found = TransportLayer()
    assert found.control(TOOL, TConnect(), 0.0) == []
    return found


def test_what_comes_without_a_connection_is_not_served() -> None:
    layer = TransportLayer()
    assert layer.data(TOOL, 0, 0.0) == (False, [])
    assert layer.control(TOOL, TAck(0), 0.0) == []
    assert layer.control(TOOL, TNak(0), 0.0) == []
    assert layer.respond(b"\1", 0.0) == []
    assert layer.due_at() == float("inf")


def test_what_comes_in_its_turn_is_acknowledged_and_served(layer: TransportLayer) -> None:
    for number in (*range(16), 0, 1):
        assert layer.data(TOOL, number, 1.0) == (True, [Tpdu(TOOL, TAck(number))])


def test_what_comes_again_is_acknowledged_and_not_served_again(layer: TransportLayer) -> None:
    layer.data(TOOL, 0, 0.0)
    assert layer.data(TOOL, 0, 0.0) == (False, [Tpdu(TOOL, TAck(0))])


def test_what_comes_out_of_turn_is_refused(layer: TransportLayer) -> None:
    assert layer.data(TOOL, 5, 0.0) == (False, [Tpdu(TOOL, TNak(5))])
    assert layer.peer == TOOL


def test_what_others_send_into_a_connection_is_ignored(layer: TransportLayer) -> None:
    assert layer.data(OTHER, 0, 0.0) == (False, [])
    assert layer.control(OTHER, TDisconnect(), 0.0) == []
    assert layer.peer == TOOL


def test_a_second_tool_is_told_that_it_has_no_connection(layer: TransportLayer) -> None:
    assert layer.control(OTHER, TConnect(), 0.0) == [Tpdu(OTHER, TDisconnect())]
    assert layer.peer == TOOL


def test_a_tool_that_connects_again_begins_with_0_and_gets_no_answer_of_before(
    layer: TransportLayer,
) -> None:
    layer.data(TOOL, 0, 0.0)
    layer.respond(b"\1", 0.0)
    layer.respond(b"\2", 0.0)
    assert layer.control(TOOL, TConnect(), 1.0) == []
    assert layer.data(TOOL, 0, 1.0)[0]
    assert layer.control(TOOL, TAck(0), 1.0) == [], "nothing of before waits"
    assert layer.respond(b"\3", 1.0) == [Tpdu(TOOL, TDataConnected(0), b"\3")]


def test_an_answer_waits_for_the_acknowledgement_of_the_one_before(layer: TransportLayer) -> None:
    assert layer.respond(b"\1", 0.0) == [Tpdu(TOOL, TDataConnected(0), b"\1")]
    assert layer.respond(b"\2", 0.0) == []
    assert layer.control(TOOL, TAck(0), 0.5) == [Tpdu(TOOL, TDataConnected(1), b"\2")]
    assert layer.control(TOOL, TAck(1), 0.6) == []


def test_a_tool_that_acknowledges_nothing_fills_no_memory(layer: TransportLayer) -> None:
    for _ in range(MOST_WAITING + 1):
        layer.respond(b"\1", 0.0)
    assert layer.respond(b"\1", 0.0) == [Tpdu(TOOL, TDisconnect())]
    assert layer.peer is None


def test_an_answer_without_acknowledgement_is_repeated_three_times(layer: TransportLayer) -> None:
    layer.respond(b"\1", 0.0)
    now_s = 0.0
    for _ in range(MOST_REPETITIONS):
        now_s = layer.due_at()
        assert layer.tick(now_s) == [Tpdu(TOOL, TDataConnected(0), b"\1")]
    assert now_s == MOST_REPETITIONS * ACKNOWLEDGE_S
    assert layer.tick(layer.due_at()) == [Tpdu(TOOL, TDisconnect())]
    assert layer.peer is None


def test_an_answer_that_is_refused_is_repeated_at_once_and_not_for_ever(
    layer: TransportLayer,
) -> None:
    layer.respond(b"\1", 0.0)
    assert layer.control(TOOL, TNak(3), 0.0) == [], "of another number"
    for _ in range(MOST_REPETITIONS):
        assert layer.control(TOOL, TNak(0), 0.0) == [Tpdu(TOOL, TDataConnected(0), b"\1")]
    assert layer.control(TOOL, TNak(0), 0.0) == [Tpdu(TOOL, TDisconnect())]


@pytest.mark.parametrize("tpci", [TAck(5), TNak(0)])
def test_a_wrong_acknowledgement_ends_the_connection(
    layer: TransportLayer, tpci: TAck | TNak
) -> None:
    if isinstance(tpci, TAck):
        layer.respond(b"\1", 0.0)
    assert layer.control(TOOL, tpci, 0.0) == [Tpdu(TOOL, TDisconnect())]
    assert layer.peer is None


def test_an_acknowledgement_that_nobody_waits_for_is_ignored(layer: TransportLayer) -> None:
    assert layer.control(TOOL, TAck(0), 0.0) == []
    assert layer.peer == TOOL


def test_a_connection_without_traffic_ends_after_six_seconds(layer: TransportLayer) -> None:
    layer.data(TOOL, 0, 4.0)
    assert layer.due_at() == 4.0 + CONNECTION_S
    assert layer.tick(9.9) == []
    assert layer.tick(10.0) == [Tpdu(TOOL, TDisconnect())]
    assert layer.tick(20.0) == []
    assert layer.control(OTHER, TConnect(), 20.0) == []
    assert layer.peer == OTHER
