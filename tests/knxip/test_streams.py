"""Which TCP connections are kept: few, and none that only hold a place."""

from knxgw.knxip.streams import EVICTED_AFTER_S, IDLE_S, Streams

NONE: frozenset[int] = frozenset()


def full(most: int = 3) -> Streams:
    """Return streams without room, the first from 0 s, the next ones a second later each."""
    streams = Streams(most)
    for number in range(most):
        assert streams.admit(float(number), NONE) == (number + 1, None)
    return streams


def test_the_one_that_was_silent_for_longest_makes_room() -> None:
    streams = full()
    streams.heard(1, 10.0)
    assert streams.admit(11.0, NONE) == (4, 2)
    assert streams.admit(11.0, frozenset({3})) == (None, None)  # the others have just spoken
    assert streams.admit(12.0, frozenset({3})) == (5, 1)


def test_who_has_a_connection_open_stays() -> None:
    streams = full()
    assert streams.admit(1000.0, {1, 2, 3}) == (None, None)
    assert streams.idle(1000.0, {1, 2, 3}) == []
    assert streams.due_at({1, 2, 3}) is None


def test_a_new_one_has_a_moment_to_say_something() -> None:
    streams = Streams(1)
    streams.admit(0.0, NONE)
    assert streams.admit(EVICTED_AFTER_S - 0.1, NONE) == (None, None)
    assert streams.admit(EVICTED_AFTER_S, NONE) == (2, 1)


def test_who_says_nothing_for_a_minute_goes() -> None:
    streams = full()
    streams.heard(3, 50.0)
    assert streams.due_at(NONE) == IDLE_S
    assert streams.idle(IDLE_S, NONE) == [1]
    assert streams.idle(IDLE_S + 1.0, {1}) == [2]
    streams.forget(1)
    streams.forget(2)
    assert streams.due_at(NONE) == 50.0 + IDLE_S


def test_numbers_never_come_twice_and_the_gone_are_not_heard() -> None:
    streams = full()
    for number in (1, 2, 3):
        streams.forget(number)
    assert len(streams) == 0
    assert streams.admit(100.0, NONE) == (4, None)
    streams.heard(1, 100.0)
    assert len(streams) == 1
