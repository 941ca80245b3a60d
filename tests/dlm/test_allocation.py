"""Minimum for everyone, the prioritised one first, the rest in equal increments."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.dlm.allocation import (
    MAINS,
    AllocationRequest,
    Constraint,
    mains_constraints,
    room_by_mains_phase,
    rounded,
    solve,
)

THREE = (0, 1, 2)
L1, CARPORT, GARAGE = MAINS[0], Constraint("carport"), Constraint("garage")


def share(minimum_a: int = 6, cap_a: int = 16, *, on: tuple[int, ...] = THREE) -> AllocationRequest:
    return AllocationRequest(
        minimum_ma=minimum_a * 1000, cap_ma=cap_a * 1000, constraints=mains_constraints(on)
    )


def prioritised(one: AllocationRequest) -> AllocationRequest:
    return one._replace(is_prioritised=True)


def amperes(available_a: int | list[int], *shares: AllocationRequest) -> list[float]:
    room = available_a if isinstance(available_a, list) else [available_a] * 3
    return [ma / 1000 for ma in solve(room_by_mains_phase([a * 1000 for a in room]), shares)]


@pytest.mark.proves("6.7", "D8b")
def test_the_rest_is_shared_in_equal_increments_above_the_minima() -> None:
    assert amperes(24, share(), share()) == [12, 12]
    assert amperes(24, share(6, 32), share(10, 32)) == [10, 14]


@pytest.mark.proves("D8d")
def test_caps_hold_and_what_one_does_not_need_goes_to_the_others() -> None:
    assert amperes(42, share(), share(cap_a=10), share(cap_a=32)) == [16, 10, 16]


@pytest.mark.proves("6.5", "6.6", "D8a")
def test_the_prioritised_one_is_filled_before_the_others_get_more_than_their_minimum() -> None:
    assert amperes(30, prioritised(share()), share(), share()) == [16, 7, 7]
    assert amperes(22, prioritised(share()), share(), share()) == [10, 6, 6]


@pytest.mark.proves("D8e")
def test_each_phase_limits_only_those_on_it() -> None:
    found = amperes([12, 24, 30], share(), share(on=(1,)), share(on=(2,)))
    assert found == [12, 12, 16]


@pytest.mark.proves("D8c")
def test_who_cannot_be_helped_stays_at_the_minimum_and_the_others_are_served() -> None:
    assert amperes([5, 24, 24], share(), share(on=(1,)), share(on=(2,))) == [6, 16, 16]


def test_any_set_of_constraints_can_be_given() -> None:
    room_ma = {L1: 40_000, CARPORT: 14_000, GARAGE: 32_000}
    places = (CARPORT, CARPORT, GARAGE)
    feeder = [share()._replace(constraints=(L1, place)) for place in places]
    assert solve(room_ma, feeder) == [7000, 7000, 16_000]


def test_a_constraint_that_nobody_counts_for_limits_nobody() -> None:
    assert solve({L1: 40_000, CARPORT: -5000}, [share(on=(0,))]) == [16_000]


@pytest.mark.proves("D8.1b")
def test_a_left_over_ampere_goes_to_one_who_keeps_it() -> None:
    room, coarse = room_by_mains_phase([25_000] * 3), share()._replace(resolution_ma=1000)
    exact = solve(room, [coarse, coarse])
    assert rounded(room, [coarse, coarse], exact) == [13_000, 12_000]
    second = [coarse._replace(offer_ma=12_000), coarse._replace(offer_ma=13_000)]
    assert rounded(room, second, exact) == [12_000, 13_000], "no swapping"
    three = [coarse] * 3
    room = room_by_mains_phase([32_000] * 3)
    assert rounded(room, three, solve(room, three)) == [11_000, 11_000, 10_000]


phases = st.sampled_from(((0,), (1,), (2,), (0, 1), (0, 1, 2)))


@st.composite
def all_shares(draw: st.DrawFn) -> list[AllocationRequest]:
    shares = []
    for _ in range(draw(st.integers(1, 12))):
        minimum_ma = draw(st.integers(6000, 10_000))
        shares.append(
            AllocationRequest(
                minimum_ma=minimum_ma,
                cap_ma=minimum_ma + draw(st.integers(0, 26_000)),
                constraints=mains_constraints(draw(phases)),
                resolution_ma=draw(st.sampled_from((100, 1000))),
                offer_ma=draw(st.integers(0, 32_000)),
                energy_mwh=draw(st.integers(0, 3)),
            )
        )
    if draw(st.booleans()):
        shares[0] = prioritised(shares[0])
    return shares


rooms = st.lists(st.integers(-20_000, 120_000), min_size=3, max_size=3).map(room_by_mains_phase)


@pytest.mark.proves("D8d", "D8.1a")
@settings(max_examples=200)
@given(rooms, all_shares())
def test_nobody_is_below_the_minimum_or_above_the_cap_and_no_constraint_is_overdrawn(
    room: dict[Constraint, int], shares: list[AllocationRequest]
) -> None:
    exact = solve(room, shares)
    for found in (exact, rounded(room, shares, exact)):
        for one, current_ma in zip(shares, found, strict=True):
            assert one.minimum_ma <= current_ma <= one.cap_ma
        for name, available_ma in room.items():
            users = [n for n, one in enumerate(shares) if name in one.constraints]
            minima = sum(shares[n].minimum_ma for n in users)
            assert sum(found[n] for n in users) <= max(minima, available_ma)


@pytest.mark.proves("D8f", "D9.5f")
@settings(max_examples=200)
@given(rooms, all_shares(), st.randoms(use_true_random=False))
def test_the_order_of_the_members_does_not_matter(
    room: dict[Constraint, int], shares: list[AllocationRequest], dice: random.Random
) -> None:
    order = list(range(len(shares)))
    dice.shuffle(order)
    found = solve(room, [shares[n] for n in order])
    expected = solve(room, shares)
    assert found == [expected[n] for n in order]


@pytest.mark.proves("D8f")
@settings(max_examples=200)
@given(rooms, all_shares())
def test_nobody_could_have_more_without_somebody_having_less(
    room: dict[Constraint, int], shares: list[AllocationRequest]
) -> None:
    found = solve(room, shares)
    users = {name: sum(name in one.constraints for one in shares) for name in room}
    for one, current_ma in zip(shares, found, strict=True):
        full = [
            name
            for name in one.constraints
            if room[name]
            - sum(ma for s, ma in zip(shares, found, strict=True) if name in s.constraints)
            < users[name]
        ]
        assert current_ma == one.cap_ma or full, "less than 1 mA for each is left on a phase of it"


@settings(max_examples=200)
@given(rooms, all_shares())
def test_equal_members_get_equal_increments(
    room: dict[Constraint, int], shares: list[AllocationRequest]
) -> None:
    twins = [shares[-1]._replace(is_prioritised=False)] * 2
    found = solve(room, [*shares, *twins])
    assert found[-1] == found[-2]
