"""The queue with rotation: who yields when not all minima fit. Pure.

Off by default; then everybody who came first stays, and too much current at the minimum interrupts
all. Source: load-management 18.1.
"""

from collections.abc import Sequence

from knxgw.dlm.member import Member
from knxgw.dlm.overcurrent import LONGEST_RESTART_S, RECURS_S
from knxgw.dlm.settings import Settings
from knxgw.dlm.use import NEVER_S

SLACK_S = 0.5  # a turn may end with the next cycle, not a second later
NEARLY = 0.98  # energies that differ less are equal
ROOM_S = 60.0  # room for a member that was shed must last this long
ROOM_MA = 1000  # and be this much more than its minimum
COMING_S = 120.0  # after that nobody waits any longer for one whose turn came and who has no room
HOUR_S = 3600.0
MOST_STOPS = 4  # of one charging point in an hour. Source: load-management 22


def yielding(
    running: Sequence[Member],
    first: Member,
    room_ma: Sequence[int],
    settings: Settings,
    now_s: float,
) -> Member | None:
    """Return who yields to the first of those who wait, None: nobody.

    The one with the most energy in this session, if it was served for a turn and the other one
    can be served in its place; of equal ones who was served longest, then the lowest number. One
    that was stopped often in this hour only if there is no other.
    """
    turned = [
        member
        for member in running
        if member.offered_s is not None
        and now_s - member.offered_s >= settings.rotation_s - SLACK_S
        and member.settings.number != settings.priority
        and _can_replace(running, member, first, room_ma)
    ]
    calm = [member for member in turned if not was_stopped_often(member, now_s)] or turned
    most_mwh = max((member.energy_mwh for member in calm), default=0)
    equals = [member for member in calm if member.energy_mwh >= most_mwh * NEARLY]
    return min(equals, key=_served_order, default=None)


def shed(
    running: Sequence[Member], room_ma: Sequence[int], settings: Settings, now_s: float
) -> list[Member]:
    """Return who must go so that the minima of the others fit on every phase."""
    leaving: list[Member] = []
    staying = list(running)
    order = sorted(running, key=lambda one: (was_stopped_often(one, now_s), *_shed_order(one)))
    for member in order:
        full = {p for p in range(len(room_ma)) if minimums_ma(staying, p) > room_ma[p]}
        if not full:
            break
        if full.intersection(member.phases) and member.settings.number != settings.priority:
            leaving.append(member)
            staying.remove(member)
    return leaving


def note_shed(member: Member, now_s: float) -> None:
    """Remember that it had to go; one that has to go again soon waits twice as long.

    The same as after an overcurrent that interrupts all. Source: load-management 12.4.
    """
    again = now_s - member.returned_s <= RECURS_S
    after_s = min(2 * member.returns_after_s, LONGEST_RESTART_S) if again else ROOM_S
    member.was_shed, member.room_s, member.returns_after_s = True, None, after_s
    note_stop(member, now_s)


def note_stop(member: Member, now_s: float) -> None:
    """Remember that it was taken its current."""
    member.stops_s = (*member.stops_s[1 - MOST_STOPS :], now_s)


def was_stopped_often(member: Member, now_s: float) -> bool:
    """Tell whether another stop would be one too many in an hour."""
    return len(member.stops_s) == MOST_STOPS and now_s - member.stops_s[0] <= HOUR_S


def may_return_s(member: Member, now_s: float) -> float:
    """Return when time alone may bring back one that was shed; infinite: only more room can."""
    if was_stopped_often(member, now_s):
        return member.stops_s[0] + HOUR_S
    return NEVER_S if member.room_s is None else member.room_s + member.returns_after_s


def fit(members: Sequence[Member], room_ma: Sequence[int]) -> bool:
    """Tell whether the minima of these fit on every phase."""
    return all(minimums_ma(members, phase) <= ma for phase, ma in enumerate(room_ma))


def _shed_order(member: Member) -> tuple[int, float, int]:
    return (-member.energy_mwh, *_served_order(member))


def _served_order(member: Member) -> tuple[float, int]:
    served_s = member.offered_s if member.offered_s is not None else float("inf")
    return served_s, member.settings.number


def _can_replace(
    running: Sequence[Member], leaving: Member, coming: Member, room_ma: Sequence[int]
) -> bool:
    others = [member for member in running if member is not leaving]
    need_ma = coming.settings.minimum_ma
    return all(minimums_ma(others, phase) + need_ma <= room_ma[phase] for phase in coming.phases)


def minimums_ma(members: Sequence[Member], phase: int) -> int:
    """Return the sum of the minima on a phase."""
    return sum(m.settings.minimum_ma for m in members if phase in m.phases)
