"""How often someone may try to log in."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.website.access.throttle import (
    FORGET_S,
    MINUTE_S,
    MOST_A_MINUTE,
    MOST_KEPT,
    MOST_OF_A_NETWORK,
    Throttle,
    network_of,
    pause_s,
)

HERE = "192.168.1.20"


def test_three_failures_are_free_then_the_pause_doubles_up_to_a_minute() -> None:
    assert [pause_s(n) for n in range(12)] == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pause_s(100_000) == 60


def test_an_early_try_is_refused_with_the_time_to_wait_and_does_not_count() -> None:
    throttle = Throttle()
    assert [throttle.take("owner", HERE, 0.0) for _ in range(3)] == [0.0] * 3
    for at_s in (0.0, 0.25, 0.999):
        assert throttle.take("owner", HERE, at_s) == pytest.approx(1.0 - at_s)
    assert throttle.take("owner", HERE, 1.0) == 0.0
    assert throttle.take("owner", HERE, 1.0) == pytest.approx(2.0)


def test_a_good_one_begins_again_and_one_that_was_not_judged_does_not_count() -> None:
    throttle = Throttle()
    for _ in range(3):
        throttle.take("owner", HERE, 0.0)
    throttle.give_back("owner", HERE)
    assert throttle.take("owner", HERE, 0.0) == 0.0
    throttle.succeeded("owner", HERE)
    assert [throttle.take("owner", HERE, 0.0) for _ in range(4)][:3] == [0.0] * 3


def test_another_account_and_another_network_have_pauses_of_their_own() -> None:
    throttle = Throttle()
    for _ in range(3):
        throttle.take("owner", HERE, 0.0)
    assert throttle.take("owner", "192.168.1.99", 0.0) > 0, "the same network"
    assert throttle.take("owner", "192.168.2.20", 0.0) == 0
    assert throttle.take("anna", HERE, 0.0) == 0


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.168.1.1", "192.168.1.254", True),
        ("192.168.1.1", "192.168.2.1", False),
        ("::ffff:192.168.1.1", "192.168.1.2", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "no address", False),
    ],
)
def test_a_network_is_24_bits_of_ipv4_and_64_of_ipv6(
    one: str,
    other: str,
    is_same: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert (network_of(one) == network_of(other)) == is_same


def test_all_together_have_thirty_tries_a_minute_and_one_network_twenty_of_them() -> None:
    throttle = Throttle()
    taken = [throttle.take(f"name {n}", HERE, 0.0) == 0 for n in range(50)]
    assert taken == [n < MOST_OF_A_NETWORK for n in range(50)]
    others = [throttle.take(f"name {n}", f"10.0.{n}.1", 1.0) == 0 for n in range(50)]
    assert sum(others) == MOST_A_MINUTE - MOST_OF_A_NETWORK
    assert throttle.take("x", "10.1.0.1", 2.0) == pytest.approx(MINUTE_S - 2.0)
    assert throttle.take("x", "10.1.0.1", MINUTE_S) == 0.0


def test_it_forgets_what_is_long_ago_and_never_grows() -> None:
    throttle = Throttle()
    now_s = 0.0
    for n in range(3 * MOST_KEPT):
        now_s += 3.0
        throttle.take(f"name {n}", HERE, now_s)
        assert len(throttle._failures) <= MOST_KEPT
        assert len(throttle._minute) <= MOST_A_MINUTE
    throttle.take("last", HERE, now_s + FORGET_S)
    assert len(throttle._failures) == 1


names = st.sampled_from(["owner", "anna", "x"])
places = st.sampled_from([HERE, "192.168.1.9", "10.0.0.1", "2001:db8::1"])


@given(st.lists(st.tuples(names, places, st.floats(0.0, 90.0)), max_size=120))
def test_whoever_guesses_gets_few_tries_whatever_the_rhythm(
    tries: Sequence[tuple[str, str, float]],
) -> None:
    throttle = Throttle()
    now_s = 0.0
    taken: list[tuple[float, str, str]] = []
    for name, place, later_s in tries:
        now_s += later_s
        wait_s = throttle.take(name, place, now_s)
        assert 0.0 <= wait_s <= 60.0
        if wait_s == 0.0:
            taken.append((now_s, name, network_of(place)))
        else:
            assert throttle.take(name, place, now_s + wait_s - 0.001) > 0.0, "not a moment early"
    for at_s, _, _ in taken:
        minute = [one for one in taken if at_s <= one[0] < at_s + MINUTE_S]
        assert len(minute) <= MOST_A_MINUTE
    for pair in {(name, network) for _, name, network in taken}:
        own = [at_s for at_s, name, network in taken if (name, network) == pair]
        for n, at_s in enumerate(own[3:], start=3):
            if own[n] - own[n - 1] < FORGET_S:
                assert at_s - own[n - 1] >= 1.0 - 1e-6, "after three it pauses"


@given(st.integers(3, 40), places)
def test_waiting_as_long_as_it_says_is_always_enough(count: int, place: str) -> None:
    throttle = Throttle()
    now_s = 0.0
    for _ in range(count):
        wait_s = throttle.take("owner", place, now_s)
        if wait_s:
            now_s += wait_s + 1e-6
            assert throttle.take("owner", place, now_s) == 0.0
