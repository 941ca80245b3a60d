"""What waits to be sent: answers at once, the rest at a calm pace."""

import pytest
from xknx.telegram.address import GroupAddress

from knxgw.catalogue.objects import ObjectKind
from knxgw.objects.outbox import (
    SPONTANEOUS_BURST,
    SPONTANEOUS_PER_S,
    Outbox,
    OutgoingTelegram,
    ResponseLimits,
)
from tests.objects.objects import group_object

A, B = GroupAddress("1/1/1"), GroupAddress("1/1/2")
ONE = group_object(50, "state", "1/1/1")
MANY = [group_object(50 + n, "state", f"1/1/{n}") for n in range(100)]
MOVING = group_object(62, "current", "1/1/62", kind=ObjectKind.CURRENT)


def all_due(outbox: Outbox, now_s: float) -> list[OutgoingTelegram]:
    found = []
    while (due := outbox.next_due(now_s)) is not None:
        found.append(due)
    return found


@pytest.mark.proves("2.71")
def test_a_burst_goes_at_once_and_the_rest_at_the_pace() -> None:
    outbox = Outbox(ResponseLimits())
    for one in MANY:
        outbox.add_value(one)
    assert len(all_due(outbox, 0.0)) == SPONTANEOUS_BURST
    assert len(all_due(outbox, 1.0)) == SPONTANEOUS_BURST, "the bucket holds no more"
    sent = sum(len(all_due(outbox, 1.0 + n / 100)) for n in range(1, 201))
    assert abs(sent - 2 * SPONTANEOUS_PER_S) <= 1


def test_the_wait_is_long_enough_for_the_next_telegram() -> None:
    outbox = Outbox(ResponseLimits())
    for one in MANY:
        outbox.add_value(one)
    now_s = 12_345.678
    for _ in range(80):
        all_due(outbox, now_s)
        now_s += outbox.wait_s(now_s)
        assert outbox.next_due(now_s) is not None


@pytest.mark.proves("H.12")
def test_answers_are_not_held_back_and_cost_nothing() -> None:
    outbox = Outbox(ResponseLimits())
    for one in MANY:
        outbox.add_value(one)
    all_due(outbox, 0.0)
    for _ in range(50):
        outbox.add_response(ONE, A, 0.0)
    due = all_due(outbox, 0.0)
    assert len(due) == 50
    assert all(one.is_response for one in due)


def test_reads_go_before_states_and_states_before_moving_values() -> None:
    outbox = Outbox(ResponseLimits())
    outbox.add_value(MOVING)
    outbox.add_value(ONE)
    outbox.add_read(ONE)
    order = [(due.group_object.key, due.is_read) for due in all_due(outbox, 0.0)]
    assert order == [("state", True), ("state", False), ("current", False)]


def test_an_object_has_one_place_only() -> None:
    outbox = Outbox(ResponseLimits())
    for _ in range(5):
        outbox.add_value(ONE)
    assert len(all_due(outbox, 0.0)) == 1


def test_a_withdrawn_value_leaves_its_place() -> None:
    outbox = Outbox(ResponseLimits())
    outbox.add_value(ONE)
    outbox.withdraw(ONE)
    assert not outbox.has_spontaneous()
    assert outbox.wait_s(0.0) == float("inf")


def test_equal_answers_are_merged_when_many_wait() -> None:
    outbox = Outbox(ResponseLimits(merge_at=3, most=5))
    assert all(outbox.add_response(ONE, A, 0.0) for _ in range(3))
    assert not outbox.add_response(ONE, A, 0.0)
    assert outbox.merged_responses == 1
    assert outbox.add_response(ONE, B, 0.0), "nobody answers this one yet"


def test_what_does_not_fit_is_counted() -> None:
    outbox = Outbox(ResponseLimits(merge_at=8, most=8))
    for one in MANY[:20]:
        outbox.add_response(one, one.sending_address, 0.0)
    assert outbox.waiting_responses == 8
    assert outbox.dropped_responses == 12


def test_an_answered_address_is_answered_again_when_read_again() -> None:
    outbox = Outbox(ResponseLimits(merge_at=1, most=5))
    outbox.add_response(ONE, A, 0.0)
    all_due(outbox, 0.0)
    assert outbox.add_response(ONE, A, 0.0)


def test_answers_are_forgotten_with_the_link() -> None:
    outbox = Outbox(ResponseLimits(merge_at=1, most=5))
    outbox.add_response(ONE, A, 0.0)
    outbox.drop_responses()
    assert outbox.waiting_responses == 0
    assert outbox.add_response(ONE, A, 0.0)
