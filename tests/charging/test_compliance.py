"""A vehicle that draws more than it was offered: `NotFollowing`, then `NotStopping`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.charging.compliance import (
    NEW,
    OVER_S,
    RETRY_S,
    STOP_S,
    Compliance,
    LimitCompliance,
    observe_draw,
)
from knxgw.charging.limits import OBEY_S


def watched(
    known: LimitCompliance, offer_ma: int, current_ma: int | None, start_s: int, end_s: int
) -> LimitCompliance:
    """Return what is known after the same offer and current every second."""
    for now_s in range(start_s, end_s + 1):
        known = observe_draw(known, offer_ma, current_ma, now_s)
    return known


def lowered() -> LimitCompliance:
    """Return what is known when an offer was lowered to 8 A at 100 s."""
    return observe_draw(watched(NEW, 16_000, 16_000, 0, 99), 8000, 16_000, 100)


@pytest.mark.proves("D13.3a", "7.67")
def test_a_vehicle_that_goes_on_as_before_is_not_following() -> None:
    last_good_s = round(100 + OBEY_S + OVER_S)
    known = watched(lowered(), 8000, 16_000, 101, last_good_s - 1)
    assert known.verdict is Compliance.FOLLOWS, "it had 6 s to obey, then 10 s to be sure"
    assert observe_draw(known, 8000, 16_000, last_good_s).verdict is Compliance.EXCEEDS_OFFER


@pytest.mark.parametrize(("offer_ma", "tolerated_ma"), [(8000, 9500), (32_000, 35_200), (0, 1500)])
def test_a_little_more_than_offered_is_no_fault(offer_ma: int, tolerated_ma: int) -> None:
    assert watched(NEW, offer_ma, tolerated_ma, 0, 100).verdict is Compliance.FOLLOWS
    assert watched(NEW, offer_ma, tolerated_ma + 1, 0, 100).verdict is not Compliance.FOLLOWS


def test_one_reading_within_the_limit_starts_the_time_again() -> None:
    known = watched(lowered(), 8000, 16_000, 101, 114)
    known = observe_draw(known, 8000, 8000, 115)
    assert watched(known, 8000, 16_000, 116, 125).verdict is Compliance.FOLLOWS


def test_nothing_is_concluded_while_the_current_is_not_known() -> None:
    known = watched(lowered(), 8000, 16_000, 101, 114)
    known = watched(known, 8000, None, 115, 200)
    assert watched(known, 8000, 16_000, 201, 210).verdict is Compliance.FOLLOWS


@pytest.mark.proves("D13.3b", "7.66")
def test_a_vehicle_that_draws_on_after_0_a_is_not_stopping_until_it_stops() -> None:
    known = watched(NEW, 0, 16_000, 0, 16)
    assert known.verdict is Compliance.EXCEEDS_OFFER
    known = watched(known, 0, 16_000, 17, 16 + round(STOP_S) - 1)
    assert known.verdict is Compliance.EXCEEDS_OFFER
    known = observe_draw(known, 0, 1001, 16 + STOP_S)
    assert known.verdict is Compliance.DOES_NOT_STOP
    assert observe_draw(known, 0, 1000, 30).verdict is Compliance.EXCEEDS_OFFER


def test_a_vehicle_that_stopped_gets_another_chance_after_five_minutes() -> None:
    known = watched(NEW, 0, 16_000, 0, 16)
    known = watched(known, 0, 0, 17, 17 + round(RETRY_S) - 1)
    assert known.verdict is Compliance.EXCEEDS_OFFER
    assert observe_draw(known, 0, 0, 17 + RETRY_S) == NEW


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from((0, 6000, 16_000)), st.integers(0, 7500)), max_size=60))
def test_who_stays_within_the_smallest_offer_is_never_accused(
    steps: list[tuple[int, int]],
) -> None:
    known = NEW
    for now_s, (offer_ma, current_ma) in enumerate(steps):
        known = observe_draw(known, offer_ma, min(current_ma, 1500), now_s)
        assert known.verdict is Compliance.FOLLOWS
