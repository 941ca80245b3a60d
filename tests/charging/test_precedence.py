"""What a charging point may draw, whatever is wished."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.charging.precedence import Limits, Wishes, decide
from knxgw.charging.words import Decision, Reason

LIMITS = Limits(minimum_ma=6000, maximum_ma=16_000, resolution_ma=100, zero_allowed=True)
NOTHING = Wishes(setpoint_ma=16_000)
ZERO_SOURCES = {
    "configuration": Reason.CONFIGURATION,
    "charger_error": Reason.FAULT,
    "not_following": Reason.NOT_FOLLOWING,
    "interruption": Reason.INTERRUPTION,
    "lock_out": Reason.LOCK_OUT,
    "cancelled": Reason.CANCELLED,
    "waiting_for_start": Reason.WAITING_FOR_START,
}

all_limits = st.builds(
    Limits,
    minimum_ma=st.integers(6000, 32_000),
    maximum_ma=st.integers(6000, 80_000),
    resolution_ma=st.sampled_from((1, 10, 100, 1000)),
    zero_allowed=st.booleans(),
).filter(lambda limits: limits.minimum_ma <= limits.maximum_ma)
all_wishes = st.builds(
    Wishes,
    configuration=st.booleans(),
    charger_error=st.booleans(),
    not_following=st.booleans(),
    interruption=st.booleans(),
    lock_out=st.booleans(),
    grid_control_ma=st.sampled_from((None, 0, 6000)),
    cancelled=st.booleans(),
    waiting_for_start=st.booleans(),
    minimum_because=st.sampled_from((None, Reason.RESTORING, Reason.STOPPING)),
    setpoint_ma=st.none() | st.integers(0, 100_000),
)


def wishes(**changes: Any) -> Wishes:
    return NOTHING._replace(**changes)


@pytest.mark.proves("3.48", "H.21", "D6.15")
@settings(max_examples=100)
@given(all_limits, all_wishes)
def test_an_offer_is_zero_or_within_the_limits_and_sayable(limits: Limits, wish: Wishes) -> None:
    offer_ma = decide(limits, wish).offer_ma
    assert offer_ma == 0 or limits.minimum_ma <= offer_ma <= limits.maximum_ma
    assert offer_ma % limits.resolution_ma == 0


@pytest.mark.proves("5.1")
@settings(max_examples=100)
@given(all_limits, all_wishes)
def test_any_zero_source_wins(limits: Limits, wish: Wishes) -> None:
    zero = any(getattr(wish, name) for name in ZERO_SOURCES) or wish.grid_control_ma == 0
    if zero:
        assert decide(limits, wish).offer_ma == 0


@pytest.mark.proves("5.2")
@settings(max_examples=100)
@given(all_limits, all_wishes)
def test_grid_control_is_never_exceeded(limits: Limits, wish: Wishes) -> None:
    if wish.grid_control_ma is not None:
        assert decide(limits, wish).offer_ma <= wish.grid_control_ma


@pytest.mark.parametrize(("name", "reason"), ZERO_SOURCES.items())
def test_each_zero_source_is_named(name: str, reason: Reason) -> None:
    assert decide(LIMITS, wishes(**{name: True})) == Decision(offer_ma=0, reason=reason)


@pytest.mark.proves("D6.1")
def test_the_highest_rank_is_named_when_several_hold() -> None:
    wish = wishes(interruption=True, grid_control_ma=0, cancelled=True)
    assert decide(LIMITS, wish).reason is Reason.INTERRUPTION
    assert decide(LIMITS, wishes(grid_control_ma=0, cancelled=True)).reason is Reason.GRID_CONTROL


@pytest.mark.proves("5.3")
def test_the_setpoint_decides_when_nothing_else_holds() -> None:
    assert decide(LIMITS, wishes(setpoint_ma=10_000)) == Decision(
        offer_ma=10_000, reason=Reason.SETPOINT
    )
    assert decide(LIMITS, NOTHING).reason is Reason.MAXIMUM
    assert decide(LIMITS, wishes(setpoint_ma=6000)).reason is Reason.MINIMUM


@pytest.mark.proves("D6.14", "3.43")
def test_a_setpoint_outside_the_range_is_clamped() -> None:
    assert decide(LIMITS, wishes(setpoint_ma=99_000)).offer_ma == 16_000
    assert decide(LIMITS, wishes(setpoint_ma=1)).offer_ma == 6000


@pytest.mark.proves("3.44", "3.45")
def test_a_setpoint_of_zero_pauses_only_where_the_model_allows_it() -> None:
    other = Limits(minimum_ma=6000, maximum_ma=16_000, resolution_ma=100, zero_allowed=False)
    assert decide(LIMITS, wishes(setpoint_ma=0)) == Decision(offer_ma=0, reason=Reason.SETPOINT)
    assert decide(other, wishes(setpoint_ma=0)).offer_ma == 6000
    assert LIMITS.contains(0)
    assert not other.contains(0)


@pytest.mark.proves("5.2")
def test_grid_control_caps_at_6_a_and_leaves_less_alone() -> None:
    assert decide(LIMITS, wishes(grid_control_ma=6000)) == Decision(
        offer_ma=6000, reason=Reason.GRID_CONTROL
    )
    assert decide(LIMITS, wishes(grid_control_ma=6000, setpoint_ma=0)).offer_ma == 0


@pytest.mark.proves("D6.13", "D15.4")
def test_a_minimum_above_6_a_gives_0_a_under_grid_control_with_6_a() -> None:
    limits = Limits(minimum_ma=8000, maximum_ma=16_000, resolution_ma=100, zero_allowed=True)
    assert decide(limits, wishes(grid_control_ma=6000)) == Decision(
        offer_ma=0, reason=Reason.GRID_CONTROL
    )


def test_whole_amperes_are_rounded_down_but_not_below_the_minimum() -> None:
    limits = Limits(minimum_ma=6500, maximum_ma=16_900, resolution_ma=1000, zero_allowed=True)
    assert decide(limits, wishes(setpoint_ma=10_900)).offer_ma == 10_000
    assert decide(limits, wishes(setpoint_ma=6600)).offer_ma == 7000
    assert decide(limits, wishes(setpoint_ma=16_900)).offer_ma == 16_000


def test_a_range_in_which_the_charger_can_say_nothing_gives_0_a() -> None:
    limits = Limits(minimum_ma=6200, maximum_ma=6900, resolution_ma=1000, zero_allowed=True)
    assert decide(limits, NOTHING) == Decision(offer_ma=0, reason=Reason.CONFIGURATION)


def test_no_more_than_the_minimum_while_the_state_is_restored() -> None:
    wish = wishes(minimum_because=Reason.RESTORING)
    assert decide(LIMITS, wish) == Decision(offer_ma=6000, reason=Reason.RESTORING)
    paused = wishes(minimum_because=Reason.RESTORING, setpoint_ma=0)
    assert decide(LIMITS, paused) == Decision(offer_ma=0, reason=Reason.SETPOINT)


@pytest.mark.proves("D6.1")
def test_of_two_caps_that_give_the_same_the_higher_rank_is_named() -> None:
    wish = wishes(minimum_because=Reason.RESTORING, grid_control_ma=6000)
    assert decide(LIMITS, wish) == Decision(offer_ma=6000, reason=Reason.GRID_CONTROL)


@settings(max_examples=100)
@given(all_limits, all_wishes)
def test_interruption_and_grid_control_commute(limits: Limits, wish: Wishes) -> None:
    interrupted = wish._replace(interruption=True)
    limited = wish._replace(grid_control_ma=0)
    both = interrupted._replace(grid_control_ma=0)
    assert both == limited._replace(interruption=True)
    assert decide(limits, both).offer_ma == decide(limits, interrupted).offer_ma == 0
    assert decide(limits, limited).offer_ma == 0
