"""Answers without a number: which one belongs to which request."""

from hypothesis import given
from hypothesis import strategies as st

from knxgw.links.modbus_stale_answers import LATEST_S, MARGIN_S, StaleAnswerGuard

UNIT = 7


def test_an_answer_in_time_is_believed() -> None:
    guard = StaleAnswerGuard(numbered=False)
    guard.requested(UNIT, 0.0)
    assert guard.answered(UNIT, 0.1)
    assert guard.free_at(UNIT) < 0.1


def test_the_first_answer_after_a_silence_is_not_used_the_next_one_is() -> None:
    guard = StaleAnswerGuard(numbered=False)
    guard.requested(UNIT, 0.0)
    guard.unanswered(UNIT, 2.0)
    guard.requested(UNIT, 3.0)
    assert not guard.answered(UNIT, 3.5)
    assert guard.free_at(UNIT) == 3.0 + 3.5 + MARGIN_S, "it may have been the first one's"
    guard.requested(UNIT, 7.0)
    assert guard.answered(UNIT, 7.1)


def test_only_the_unit_that_timed_out_is_affected() -> None:
    guard = StaleAnswerGuard(numbered=False)
    guard.requested(UNIT, 0.0)
    guard.unanswered(UNIT, 2.0)
    guard.requested(8, 2.1)
    assert guard.answered(8, 2.2)


def test_an_answer_with_a_transaction_number_is_accepted() -> None:
    guard = StaleAnswerGuard(numbered=True)
    guard.requested(UNIT, 0.0)
    guard.unanswered(UNIT, 2.0)
    guard.requested(UNIT, 3.0)
    assert guard.answered(UNIT, 3.1)


def test_what_was_asked_long_ago_is_not_answered_any_more() -> None:
    guard = StaleAnswerGuard(numbered=False)
    guard.requested(UNIT, 0.0)
    guard.unanswered(UNIT, 2.0)
    guard.requested(UNIT, LATEST_S + 5.0)
    assert guard.answered(UNIT, LATEST_S + 5.1)


def test_any_answer_will_do_when_only_one_thing_was_asked() -> None:
    guard = StaleAnswerGuard(numbered=False)
    guard.requested(UNIT, 0.0)
    guard.unanswered(UNIT, 1.0)
    guard.requested(UNIT, 1.1)
    assert guard.answered(UNIT, 1.5, same_request=True)
    assert guard.free_at(UNIT) > 1.1 + 1.5, "the answer to the repeated one may be on its way"


@given(st.floats(0.0, LATEST_S - 3.0), st.floats(0.1, 3.0), st.floats(0.05, 4.0))
def test_a_unit_that_is_always_equally_late_is_never_misunderstood(
    late_s: float, timeout_s: float, pause_s: float
) -> None:
    """Each request is answered `late_s` after it; the next is made after `pause_s`."""
    guard, now_s, on_its_way = StaleAnswerGuard(numbered=False), 0.0, list[tuple[float, int]]()
    for number in range(40):
        now_s = max(now_s, guard.free_at(UNIT))
        on_its_way = [one for one in on_its_way if one[0] > now_s]  # nobody waited for those
        guard.requested(UNIT, now_s)
        on_its_way.append((now_s + late_s, number))
        came_s, whose = min(on_its_way)
        if came_s > now_s + timeout_s:
            now_s += timeout_s
            guard.unanswered(UNIT, now_s)
        else:
            on_its_way.remove((came_s, whose))
            now_s = came_s
            assert not guard.answered(UNIT, now_s) or whose == number
        now_s += pause_s
