"""Who gets how much: minimum for everyone, the prioritised one first, the rest in equal increments.

A constraint is any limit that some participants share: a phase of the mains connection, a phase of a feeder, a
budget of power. The result is max-min fair in the increments above the minima, unique, and does
not depend on the order of the participants.
Source: load-management 8.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple, NewType

Constraint = NewType("Constraint", str)  # its name: "L1", later one of a sub-distribution
MAINS = (Constraint("L1"), Constraint("L2"), Constraint("L3"))  # phases of the mains connection


@cache
def on_mains(phases: tuple[int, ...]) -> tuple[Constraint, ...]:
    """Return the constraints by name that a participant on these phases (0 to 2) of the mains has."""
    return tuple(MAINS[phase] for phase in phases)


def of_mains(available_ma: Sequence[int]) -> dict[Constraint, int]:
    """Return the room [mA] on each phase of the mains connection, by name of the constraint."""
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
    """Return the allocated current [mA] of each request, in their order, before rounding.

    `available_ma`: the room on each constraint. Each request gets its minimum, also where not even the minima
    fit: those on such a constraint stay at it. Source: load-management 8.
    """
    result = [request.minimum_ma for request in requests]
    rest = _available_by_users(available_ma, requests)
    free_bits = 0  # the requests that may still rise, as bits
    for number, request in enumerate(requests):
        if request.cap_ma > request.minimum_ma:
            free_bits |= 1 << number
        for users in rest:
            if users >> number & 1:
                rest[users] -= request.minimum_ma
    for users, rest_ma in rest.items():
        if rest_ma <= 0:  # nothing is left for any of its users
            free_bits &= ~users
    free_bits = _raise_prioritised(rest, requests, free_bits, result)
    _raise_equally(rest, requests, free_bits, result)
    return result


def _raise_prioritised(
    room_by_users: dict[int, int],
    requests: Sequence[AllocationRequest],
    free_bits: int,
    allocated_ma: list[int],
) -> int:
    """Raise the prioritised request as far as it goes, and return which requests may still rise, as bits.

    The prioritised one is not among these: it takes no part in the even split. If it may not rise
    (`free_bits`), nothing changes.
    The arguments are those of `_raise_equally`; room and `allocated_ma` are changed in place [mA].
    """
    for number, request in enumerate(requests):
        if request.is_prioritised and free_bits >> number & 1:
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
    """Return the room [mA] by the set of requests that share it: bit n stands for request n.

    Of several constraints with the same users only the tightest matters, and one without users is left out.
    Mostly all vehicles use the same phases; then one entry is left.
    """
    users = dict.fromkeys(available_ma, 0)
    for number, request in enumerate(requests):
        bit = 1 << number
        for constraint in request.constraints:
            users[constraint] |= bit
    tightest_ma: dict[int, int] = {}
    for constraint, ma in available_ma.items():
        if mask := users[constraint]:
            tightest_ma[mask] = min(ma, tightest_ma.get(mask, ma))
    return tightest_ma


def _raise_equally(
    room_by_users: dict[int, int],
    requests: Sequence[AllocationRequest],
    free_bits: int,
    allocated_ma: list[int],
) -> None:
    """Raise the free requests by equal increments, each until its cap or a constraint ends it.

    Bit n of `free_bits`, and of each key of `room_by_users`, stands for request n. The room and
    `allocated_ma` are changed in place [mA]. Each round ends at least one request.
    """
    numbers = [number for number in range(len(requests)) if free_bits >> number & 1]
    while numbers:
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
    """Return the allocation [mA] by number, rounded to the steps of the chargers.

    `room_ma`: the room per phase. `others_ma`: what participants without a request hold of it.
    """
    if not requests:
        return {}
    room_ma = [free - held for free, held in zip(room_ma, others_ma, strict=True)]
    room = of_mains(room_ma)
    ordered = list(requests.values())
    return dict(zip(requests, rounded(room, ordered, solve(room, ordered)), strict=True))


def rounded(
    available_ma: Mapping[Constraint, int],
    requests: Sequence[AllocationRequest],
    exact_ma: Sequence[int],
) -> list[int]:
    """Return exact currents [mA] rounded down to what the chargers can express, but never below a minimum.

    A whole step that is left goes to a charger with a coarse resolution, in this order: prioritised, the
    one that has such a step now, least energy in its session, first of the list. It gets a step only if it
    was rounded down, and its cap and all its constraints allow it. Source: load-management 8.1.
    """
    result = [
        max(request.minimum_ma, exact // request.resolution_ma * request.resolution_ma)
        for request, exact in zip(requests, exact_ma, strict=True)
    ]
    coarse_numbers = [n for n, request in enumerate(requests) if request.resolution_ma > FINE_MA]
    if not coarse_numbers:
        return result
    rest = dict(available_ma)
    for request, current_ma in zip(requests, result, strict=True):
        for constraint in request.constraints:
            rest[constraint] -= current_ma
    for number in sorted(
        coarse_numbers, key=lambda n: _order_of_extra_steps(n, requests[n], result[n])
    ):
        request = requests[number]
        step_ma = request.resolution_ma
        fits = all(rest[constraint] >= step_ma for constraint in request.constraints)
        if (
            fits
            and result[number] + step_ma <= request.cap_ma
            and exact_ma[number] > result[number]
        ):
            result[number] += step_ma
            for constraint in request.constraints:
                rest[constraint] -= step_ma
    return result


# chargers with steps up to this lose so little by rounding that no step is given back
FINE_MA = 100


def _order_of_extra_steps(
    number: int, request: AllocationRequest, floor_ma: int
) -> tuple[bool, bool, int, int]:
    """Return the sort key of a request for a step that is left.

    `floor_ma`: what the request has without that step.
    """
    has_step = request.offer_ma >= floor_ma + request.resolution_ma
    return not request.is_prioritised, not has_step, request.energy_mwh, number
