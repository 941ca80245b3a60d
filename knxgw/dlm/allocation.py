"""How much each participant gets: the minimum for all, then the prioritised one, the rest in equal increments.

A constraint is any limit that some participants share: a phase of the mains connection, a phase of a feeder,
a budget of power. The result is max-min fair in the increments above the minima, unique, and does not depend
on the order of the participants. Source: load-management 8.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple, NewType

Constraint = NewType("Constraint", str)  # its name: "L1", later one of a sub-distribution
MAINS = (Constraint("L1"), Constraint("L2"), Constraint("L3"))  # phases of the mains connection


@cache
def mains_constraints(phases: tuple[int, ...]) -> tuple[Constraint, ...]:
    """Return the constraints that a participant on these phases (0 to 2) of the mains connection loads."""
    return tuple(MAINS[phase] for phase in phases)


def room_by_mains_phase(available_ma: Sequence[int]) -> dict[Constraint, int]:
    """Return the room on each phase of the mains connection [mA], by constraint; `available_ma`: from L1 on."""
    return dict(zip(MAINS[: len(available_ma)], available_ma, strict=True))


class AllocationRequest(NamedTuple):
    """What one participant asks of an allocation: its limits [mA], and which constraints it loads."""

    minimum_ma: int
    cap_ma: int  # no lower than the minimum
    constraints: tuple[Constraint, ...]
    is_prioritised: bool = False
    resolution_ma: int = 100
    offer_ma: int = 0  # what it has now: a holder of an extra step keeps it
    energy_mwh: int = 0  # of its session: the lowest gets an extra step first


def solve(
    available_ma: Mapping[Constraint, int], requests: Sequence[AllocationRequest]
) -> list[int]:
    """Return the allocated current [mA] of each request, in their order, not rounded yet.

    Each gets its minimum, even where the minima do not fit; those on a constraint with nothing left get no
    more. Of the rest the prioritised one gets all it can use, and the others equal increments.
    `available_ma`: the room on each constraint. Source: load-management 8.
    """
    allocated = [request.minimum_ma for request in requests]
    # the room by the set of requests that share it: bit n of a set stands for request n
    rest_by_users = _available_by_users(available_ma, requests)
    free_bits = 0  # the requests that may still rise, as bits
    for number, request in enumerate(requests):
        if request.cap_ma > request.minimum_ma:
            free_bits |= 1 << number
        for users in rest_by_users:
            if users >> number & 1:
                rest_by_users[users] -= request.minimum_ma
    for users, rest_ma in rest_by_users.items():
        if rest_ma <= 0:  # nothing is left for any of its users
            free_bits &= ~users
    free_bits = _raise_prioritised(rest_by_users, requests, free_bits, allocated)
    _raise_equally(rest_by_users, requests, free_bits, allocated)
    return allocated


def _raise_prioritised(
    room_by_users: dict[int, int],
    requests: Sequence[AllocationRequest],
    free_bits: int,
    allocated_ma: list[int],
) -> int:
    """Raise the prioritised request as far as cap and room allow; return which others may still rise.

    Bit n of `free_bits` (may still rise), of the result, and of each key of `room_by_users` (those that share
    the room) stands for request n. Room and `allocated_ma` [mA] are changed in place.
    """
    for number, request in enumerate(requests):
        may_rise = free_bits >> number & 1
        if request.is_prioritised and may_rise:
            shared = [users for users in room_by_users if users >> number & 1]
            added_ma = min(
                request.cap_ma - request.minimum_ma, *(room_by_users[users] for users in shared)
            )
            allocated_ma[number] += added_ma
            for users in shared:
                room_by_users[users] -= added_ma
            free_bits &= ~(1 << number)
    return free_bits


def _available_by_users(
    available_ma: Mapping[Constraint, int], requests: Sequence[AllocationRequest]
) -> dict[int, int]:
    """Return the room [mA] by the set of requests that share it: bit n of a key stands for request n.

    Of constraints with the same users only the tightest matters, and one without users is left out. So
    mostly one entry is left, because all vehicles use the same phases. `available_ma`: the room on each
    constraint.
    """
    users_by_constraint = dict.fromkeys(available_ma, 0)
    for number, request in enumerate(requests):
        for constraint in request.constraints:
            users_by_constraint[constraint] |= 1 << number
    tightest_ma: dict[int, int] = {}
    for constraint, ma in available_ma.items():
        users = users_by_constraint[constraint]
        if users:
            tightest_ma[users] = min(ma, tightest_ma.get(users, ma))
    return tightest_ma


def _raise_equally(
    room_by_users: dict[int, int],
    requests: Sequence[AllocationRequest],
    free_bits: int,
    allocated_ma: list[int],
) -> None:
    """Raise requests by equal increments, each until its cap is reached or a constraint has no room left.

    In each round all that may still rise make the largest step that is possible for all of them. That ends
    at least one: it has reached its cap, or its constraint is full.

    Bit n of `free_bits` (may still rise), and of each key of `room_by_users` (those that share the room),
    stands for request n. Room and `allocated_ma` [mA] are changed in place.
    """
    numbers = [number for number in range(len(requests)) if free_bits >> number & 1]
    while numbers:
        # the largest step that all of them can make
        step_ma = min([requests[number].cap_ma - allocated_ma[number] for number in numbers])
        for users, rest_ma in room_by_users.items():
            if count := (users & free_bits).bit_count():
                step_ma = min(step_ma, rest_ma // count)
        if step_ma > 0:
            for number in numbers:
                allocated_ma[number] += step_ma
        ended_bits = 0
        for users, rest_ma in room_by_users.items():
            count = (users & free_bits).bit_count()
            room_by_users[users] = rest_ma - step_ma * count
            if room_by_users[users] < count:  # there is not 1 mA more for each of them
                ended_bits |= users
        for number in numbers:
            if allocated_ma[number] >= requests[number].cap_ma:
                ended_bits |= 1 << number
        free_bits &= ~ended_bits
        numbers = [number for number in numbers if free_bits >> number & 1]


def allocated_ma(
    room_ma: Sequence[int], others_ma: Sequence[int], requests: Mapping[int, AllocationRequest]
) -> dict[int, int]:
    """Return what each request gets [mA], by number, rounded to the steps of the chargers.

    `room_ma`: the room per phase. `others_ma`: what participants without a request hold of it.
    """
    if not requests:
        return {}
    rest_ma = [room - held for room, held in zip(room_ma, others_ma, strict=True)]
    available_ma = room_by_mains_phase(rest_ma)
    ordered = list(requests.values())
    exact_ma = solve(available_ma, ordered)
    return dict(zip(requests, rounded(available_ma, ordered, exact_ma), strict=True))


def rounded(
    available_ma: Mapping[Constraint, int],
    requests: Sequence[AllocationRequest],
    exact_ma: Sequence[int],
) -> list[int]:
    """Return exact currents [mA] rounded down to what the chargers can express, but never below a minimum.

    What rounding leaves is given back in whole steps. Chargers with steps above 0.1 A that were rounded
    down get one step each, as long as cap and constraints allow it: the prioritised one first, then those
    whose present offer has that step already, then those with the least energy. `available_ma`: the room on
    each constraint. Source: load-management 8.1.
    """
    result = [
        max(request.minimum_ma, exact // request.resolution_ma * request.resolution_ma)
        for request, exact in zip(requests, exact_ma, strict=True)
    ]
    coarse_numbers = [n for n, request in enumerate(requests) if request.resolution_ma > FINE_MA]
    if not coarse_numbers:
        return result  # mostly: less than 0.1 A each is left
    rest = dict(available_ma)  # what rounding leaves of each constraint
    for request, current_ma in zip(requests, result, strict=True):
        for constraint in request.constraints:
            rest[constraint] -= current_ma
    for number in sorted(
        coarse_numbers, key=lambda n: _order_of_extra_steps(n, requests[n], result[n])
    ):
        request = requests[number]
        step_ma = request.resolution_ma
        fits = all(rest[constraint] >= step_ma for constraint in request.constraints)
        was_rounded_down = exact_ma[number] > result[number]
        if fits and was_rounded_down and result[number] + step_ma <= request.cap_ma:
            result[number] += step_ma
            for constraint in request.constraints:
                rest[constraint] -= step_ma
    return result


# chargers with steps up to this lose so little by rounding that no step is given back
FINE_MA = 100


def _order_of_extra_steps(
    number: int, request: AllocationRequest, floor_ma: int
) -> tuple[bool, bool, int, int]:
    """Return the sort key of a request for one step beyond its rounded current `floor_ma`.

    First comes the prioritised one, then one whose present offer has that step already (so that offers stay
    as they are), then the least energy in the session, then the order of the requests.
    """
    has_step = request.offer_ma >= floor_ma + request.resolution_ma
    # `not`: false sorts first
    return not request.is_prioritised, not has_step, request.energy_mwh, number
