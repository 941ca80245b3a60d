"""Who gets how much: minimum for everyone, the prioritised one first, the rest in equal increments.

A constraint is any limit that some members share: a phase of the mains connection, of a feeder, a
budget of power. The result is max-min fair in the increments above the minima, unique, and does
not depend on the order of the members.
Source: load management specification, section 8.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One member: its limits [mA] and the constraints it counts for, by index."""

    minimum_ma: int
    cap_ma: int
    constraints: tuple[int, ...]
    prioritised: bool = False
    resolution_ma: int = 100
    current_ma: int = 0  # what it has now: who holds an extra step keeps it
    energy_mwh: int = 0  # of its session: who has less gets an extra step first


def solve(available_ma: Sequence[int], shares: Sequence[Share]) -> list[int]:
    """Return the current [mA] of each share, in their order, before rounding.

    A share on a constraint that not even the minima fit into stays at its minimum.
    """
    rest = list(available_ma)
    result = [share.minimum_ma for share in shares]
    for share in shares:
        for index in share.constraints:
            rest[index] -= share.minimum_ma
    free = [
        number
        for number, share in enumerate(shares)
        if share.cap_ma > share.minimum_ma and all(rest[index] > 0 for index in share.constraints)
    ]
    for number in [number for number in free if shares[number].prioritised]:
        share = shares[number]
        added_ma = min(share.cap_ma - result[number], *(rest[index] for index in share.constraints))
        result[number] += added_ma
        for index in share.constraints:
            rest[index] -= added_ma
        free.remove(number)
    _fill(rest, shares, free, result)
    return result


def _fill(rest: list[int], shares: Sequence[Share], free: list[int], result: list[int]) -> None:
    """Raise all free shares by equal increments until caps and constraints end it."""
    users = [0] * len(rest)
    for number in free:
        for index in shares[number].constraints:
            users[index] += 1
    while free:
        step_ma = _common_step(rest, users, shares, free, result)
        if step_ma > 0:
            for number in free:
                result[number] += step_ma
            for index, count in enumerate(users):
                rest[index] -= step_ma * count
        staying = [
            number for number in free if _may_rise(rest, users, shares[number], result[number])
        ]
        for number in set(free).difference(staying):
            for index in shares[number].constraints:
                users[index] -= 1
        free = staying


def _common_step(
    rest: list[int], users: list[int], shares: Sequence[Share], free: list[int], result: list[int]
) -> int:
    """Return by how much all free shares can rise together."""
    step_ma = min(shares[number].cap_ma - result[number] for number in free)
    return min(step_ma, *(rest[index] // count for index, count in enumerate(users) if count))


def _may_rise(rest: list[int], users: list[int], share: Share, has_ma: int) -> bool:
    """Tell whether there is at least 1 mA more for everybody on its constraints."""
    return has_ma < share.cap_ma and all(rest[index] >= users[index] for index in share.constraints)


def rounded(
    available_ma: Sequence[int], shares: Sequence[Share], exact_ma: Sequence[int]
) -> list[int]:
    """Return currents the chargers can express: rounded down, whole left-over steps given away.

    Only chargers with a coarse resolution get a left-over step, in the order: prioritised, who
    holds it now, least energy in this session, first of the list.
    """
    result = [
        max(share.minimum_ma, exact // share.resolution_ma * share.resolution_ma)
        for share, exact in zip(shares, exact_ma, strict=True)
    ]
    coarse = [n for n, share in enumerate(shares) if share.resolution_ma > FINE_MA]
    if not coarse:
        return result
    rest = list(available_ma)
    for share, current_ma in zip(shares, result, strict=True):
        for index in share.constraints:
            rest[index] -= current_ma
    for number in sorted(coarse, key=lambda n: _step_order(n, shares[n], result[n])):
        share = shares[number]
        step_ma = share.resolution_ma
        fits = all(rest[index] >= step_ma for index in share.constraints)
        if fits and result[number] + step_ma <= share.cap_ma and exact_ma[number] > result[number]:
            result[number] += step_ma
            for index in share.constraints:
                rest[index] -= step_ma
    return result


FINE_MA = 100


def _step_order(number: int, share: Share, floor_ma: int) -> tuple[bool, bool, int, int]:
    holds = share.current_ma >= floor_ma + share.resolution_ma
    return not share.prioritised, not holds, share.energy_mwh, number
