"""What a charging point may draw, whatever is wished."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import Reason
from knxgw.charging.precedence import (
    Constraint,
    ControlInputs,
    Decision,
    Limits,
    caps_to_show,
    constraints_by_rank,
    decide,
    requested_by_setpoint,
)

LIMITS = Limits(minimum_ma=6000, maximum_ma=16_000, resolution_ma=100, is_zero_allowed=True)
NOTHING = ControlInputs()
ZERO_SOURCES = {
    "is_misconfigured": Reason.CONFIGURATION,
    "has_charger_error": Reason.FAULT,
    "is_not_following": Reason.NOT_FOLLOWING,
    "is_interrupted": Reason.INTERRUPTION,
    "is_locked_out": Reason.LOCK_OUT,
    "is_cancelled": Reason.CANCELLED,
    "is_waiting_for_start": Reason.WAITING_FOR_START,
}

all_limits = st.builds(
    Limits,
    minimum_ma=st.integers(6000, 32_000),
    maximum_ma=st.integers(6000, 80_000),
    resolution_ma=st.sampled_from((1, 10, 100, 1000)),
    is_zero_allowed=st.booleans(),
).filter(lambda limits: limits.minimum_ma <= limits.maximum_ma)
all_inputs = st.builds(
    ControlInputs,
    is_misconfigured=st.booleans(),
    has_charger_error=st.booleans(),
    is_not_following=st.booleans(),
    is_interrupted=st.booleans(),
    is_locked_out=st.booleans(),
    grid_control_ma=st.sampled_from((None, 0, 6000)),
    is_cancelled=st.booleans(),
    is_waiting_for_start=st.booleans(),
    minimum_reason=st.sampled_from((None, Reason.RESTORING, Reason.STOPPING)),
)


def inputs(**changes: Any) -> ControlInputs:
    return NOTHING._replace(**changes)


def decided(limits: Limits, limiting: ControlInputs, setpoint_ma: int = 16_000) -> Decision:
    return decide(
        limits, constraints_by_rank(limits, limiting), requested_by_setpoint(limits, setpoint_ma)
    )


@pytest.mark.proves("3.48", "H.21", "D6.15")
@settings(max_examples=100)
@given(all_limits, all_inputs)
def test_an_offer_is_zero_or_within_the_limits_and_sayable(
    limits: Limits, limiting: ControlInputs
) -> None:
    offer_ma = decided(limits, limiting).offer_ma
    assert offer_ma == 0 or limits.minimum_ma <= offer_ma <= limits.maximum_ma
    assert offer_ma % limits.resolution_ma == 0


@pytest.mark.proves("5.1")
@settings(max_examples=100)
@given(all_limits, all_inputs)
def test_any_zero_source_wins(limits: Limits, limiting: ControlInputs) -> None:
    zero = any(getattr(limiting, name) for name in ZERO_SOURCES) or limiting.grid_control_ma == 0
    if zero:
        assert decided(limits, limiting).offer_ma == 0


@pytest.mark.proves("5.2")
@settings(max_examples=100)
@given(all_limits, all_inputs)
def test_grid_control_is_never_exceeded(limits: Limits, limiting: ControlInputs) -> None:
    if limiting.grid_control_ma is not None:
        assert decided(limits, limiting).offer_ma <= limiting.grid_control_ma


@pytest.mark.parametrize(("name", "reason"), ZERO_SOURCES.items())
def test_each_zero_source_is_named(name: str, reason: Reason) -> None:
    assert decided(LIMITS, inputs(**{name: True})) == Decision(offer_ma=0, reason=reason)


@pytest.mark.proves("D6.1")
def test_the_highest_rank_is_named_when_several_hold() -> None:
    limiting = inputs(is_interrupted=True, grid_control_ma=0, is_cancelled=True)
    assert decided(LIMITS, limiting).reason is Reason.INTERRUPTION
    assert (
        decided(LIMITS, inputs(grid_control_ma=0, is_cancelled=True)).reason is Reason.GRID_CONTROL
    )


@pytest.mark.proves("5.3")
def test_the_setpoint_decides_when_nothing_else_holds() -> None:
    assert decided(LIMITS, NOTHING, setpoint_ma=10_000) == Decision(
        offer_ma=10_000, reason=Reason.SETPOINT
    )
    assert decided(LIMITS, NOTHING).reason is Reason.MAXIMUM
    assert decided(LIMITS, NOTHING, setpoint_ma=6000).reason is Reason.MINIMUM


@pytest.mark.proves("D6.14", "3.43")
def test_a_setpoint_outside_the_range_is_clamped() -> None:
    assert decided(LIMITS, NOTHING, setpoint_ma=99_000).offer_ma == 16_000
    assert decided(LIMITS, NOTHING, setpoint_ma=1).offer_ma == 6000


@pytest.mark.proves("3.44", "3.45")
def test_a_setpoint_of_zero_pauses_only_where_the_model_allows_it() -> None:
    other = Limits(minimum_ma=6000, maximum_ma=16_000, resolution_ma=100, is_zero_allowed=False)
    assert decided(LIMITS, NOTHING, setpoint_ma=0) == Decision(offer_ma=0, reason=Reason.SETPOINT)
    assert decided(other, NOTHING, setpoint_ma=0).offer_ma == 6000
    assert LIMITS.allows_setpoint(0)
    assert not other.allows_setpoint(0)


@pytest.mark.proves("5.2")
def test_grid_control_caps_at_6_a_and_leaves_less_alone() -> None:
    assert decided(LIMITS, inputs(grid_control_ma=6000)) == Decision(
        offer_ma=6000, reason=Reason.GRID_CONTROL
    )
    assert decided(LIMITS, inputs(grid_control_ma=6000), setpoint_ma=0).offer_ma == 0


@pytest.mark.proves("D6.13", "D15.4")
def test_a_minimum_above_6_a_gives_0_a_under_grid_control_with_6_a() -> None:
    limits = Limits(minimum_ma=8000, maximum_ma=16_000, resolution_ma=100, is_zero_allowed=True)
    assert decided(limits, inputs(grid_control_ma=6000)) == Decision(
        offer_ma=0, reason=Reason.GRID_CONTROL
    )


def test_whole_amperes_are_rounded_down_but_not_below_the_minimum() -> None:
    limits = Limits(minimum_ma=6500, maximum_ma=16_900, resolution_ma=1000, is_zero_allowed=True)
    assert decided(limits, NOTHING, setpoint_ma=10_900).offer_ma == 10_000
    assert decided(limits, NOTHING, setpoint_ma=6600).offer_ma == 7000
    assert decided(limits, NOTHING, setpoint_ma=16_900).offer_ma == 16_000


def test_a_range_in_which_the_charger_can_say_nothing_gives_0_a() -> None:
    limits = Limits(minimum_ma=6200, maximum_ma=6900, resolution_ma=1000, is_zero_allowed=True)
    assert decided(limits, NOTHING) == Decision(offer_ma=0, reason=Reason.CONFIGURATION)


def test_no_more_than_the_minimum_while_the_state_is_restored() -> None:
    limiting = inputs(minimum_reason=Reason.RESTORING)
    assert decided(LIMITS, limiting) == Decision(offer_ma=6000, reason=Reason.RESTORING)
    paused = inputs(minimum_reason=Reason.RESTORING)
    assert decided(LIMITS, paused, setpoint_ma=0) == Decision(offer_ma=0, reason=Reason.SETPOINT)


@pytest.mark.proves("D6.1")
def test_of_two_caps_that_give_the_same_the_higher_rank_is_named() -> None:
    limiting = inputs(minimum_reason=Reason.RESTORING, grid_control_ma=6000)
    assert decided(LIMITS, limiting) == Decision(offer_ma=6000, reason=Reason.GRID_CONTROL)


@settings(max_examples=100)
@given(all_limits, all_inputs)
def test_interruption_and_grid_control_commute(limits: Limits, limiting: ControlInputs) -> None:
    interrupted = limiting._replace(is_interrupted=True)
    limited = limiting._replace(grid_control_ma=0)
    both = interrupted._replace(grid_control_ma=0)
    assert both == limited._replace(is_interrupted=True)
    assert decided(limits, both).offer_ma == decided(limits, interrupted).offer_ma == 0
    assert decided(limits, limited).offer_ma == 0


@given(all_limits, all_inputs, st.integers(0, 80_000))
def test_the_first_of_the_ranked_limits_is_the_one_that_is_followed(
    limits: Limits, limiting: ControlInputs, setpoint_ma: int
) -> None:
    found, requested = (
        constraints_by_rank(limits, limiting),
        requested_by_setpoint(limits, setpoint_ma),
    )
    decision = decide(limits, found, requested)
    first, *others = caps_to_show(limits, found, requested)
    assert first == Constraint(*decision), "the deciding limit alone gives what all of them give"
    assert all(one.cap_ma >= first.cap_ma for one in others)
    shown = [one.reason for one in (first, *others)]
    assert len(shown) == len(set(shown)), "each reason once"
    assert set(shown) == {one.reason for one in found} | {requested.reason, Reason.MAXIMUM}


@given(all_limits, all_inputs, st.integers(0, 80_000))
def test_a_limit_is_shown_as_what_the_charging_point_would_get_by_it_alone(
    limits: Limits, limiting: ControlInputs, setpoint_ma: int
) -> None:
    found = constraints_by_rank(limits, limiting)
    for shown in caps_to_show(limits, found, requested_by_setpoint(limits, setpoint_ma)):
        alone = tuple(one for one in found if one.reason is shown.reason)
        only = setpoint_ma if not alone and shown.reason is not Reason.MAXIMUM else 80_000
        if limits.lowest_ma <= limits.maximum_ma:  # else the charger can be set to no offer at all
            expected = decide(limits, alone, requested_by_setpoint(limits, only))
            assert shown.cap_ma == expected.offer_ma
        else:
            assert shown.cap_ma == 0


def shown_caps(limits: Limits, limiting: ControlInputs, setpoint_ma: int) -> list[tuple[int, str]]:
    found, requested = (
        constraints_by_rank(limits, limiting),
        requested_by_setpoint(limits, setpoint_ma),
    )
    return [(one.cap_ma, one.reason.name) for one in caps_to_show(limits, found, requested)]


def test_caps_are_shown_in_steps_of_the_charger() -> None:
    limits = Limits(minimum_ma=6200, maximum_ma=16_500, resolution_ma=1000, is_zero_allowed=True)
    assert shown_caps(limits, NOTHING, 10_900) == [(10_000, "SETPOINT"), (16_000, "MAXIMUM")]
    lowest = [(7000, "MINIMUM"), (16_000, "MAXIMUM")]
    assert shown_caps(limits, NOTHING, 6200) == lowest, "a setpoint is raised to the lowest offer"


def test_grid_control_below_the_minimum_is_shown_once_and_with_0_a() -> None:
    limits = Limits(minimum_ma=10_000, maximum_ma=16_000, resolution_ma=100, is_zero_allowed=True)
    limiting = inputs(is_interrupted=True, grid_control_ma=6000)
    assert shown_caps(limits, limiting, 16_000) == [
        (0, "INTERRUPTION"), (0, "GRID_CONTROL"), (16_000, "MAXIMUM"),
    ]  # fmt: skip


def test_an_allocation_that_follows_a_cap_is_not_listed_beside_it() -> None:
    found = constraints_by_rank(LIMITS, inputs(grid_control_ma=6000))
    allocated = Decision(offer_ma=6000, reason=Reason.GRID_CONTROL)
    caps = caps_to_show(LIMITS, found, allocated)
    assert [(one.cap_ma, one.reason) for one in caps] == [
        (6000, Reason.GRID_CONTROL), (16_000, Reason.MAXIMUM),
    ]  # fmt: skip
