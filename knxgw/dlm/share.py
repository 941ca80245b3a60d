"""The part of a cycle that shares what there is: admit, lower, start, raise, explain.

Lowering is fast; raising is slow, needs a complete meter set, and gives only what was released
before (the sum of the larger of offer and draw never exceeds what there is).
Source: load-management 8, 9, 14, 18.1.
"""

from collections.abc import Container, Mapping, Sequence
from enum import Enum

from knxgw.charging.words import Reason
from knxgw.dlm import queue as queues
from knxgw.dlm.allocation import Share, of_mains, on_mains, rounded, solve
from knxgw.dlm.member import Member
from knxgw.dlm.meter import is_recent, window_s
from knxgw.dlm.settings import (
    BACK_OFF_AFTER_RAISE_S,
    LOW_EXCESS_S,
    MOST_BACK_OFF,
    SMALL_RAISE_MA,
    SMALL_RAISE_S,
)
from knxgw.dlm.state import PhaseState
from knxgw.dlm.work import Work

CLOCK_SLACK_S = 1e-6
METER_STEP_MA = 50  # 9.021 tells no less at 60 A: that is no excess
OBEYED_S = 5.0  # a vehicle follows a lower limit within this time (IEC 61851-1)
FUSES = (Reason.FUSE_L1, Reason.FUSE_L2, Reason.FUSE_L3)


def share(work: Work) -> None:
    """Admit, lower, start and raise."""
    taking_part = work.active
    active = [member for member in taking_part if not member.released]
    running = [member for member in active if member.offer_ma > 0]
    waiting = [member for member in active if member.offer_ma == 0]
    late = work.now_s - work.coming_s >= queues.COMING_S
    if late or all(member.settings.number != work.coming for member in waiting):
        work.coming = None  # it has come, does not want to any more, or there is no room after all
    admitted: list[Member] = []
    if waiting:
        waiting.sort(key=lambda member: _urgency(work, member))
        _turn(work, running, waiting)
        admitted = _admit(work, running, waiting, work.up_ma)
    shares = {m.settings.number: _share(work, m) for m in (*running, *admitted)}
    others_ma = _others_ma(work, shares)
    down_ma = _solved(work.now_ma, others_ma, shares)
    up_ma = down_ma if work.up_ma == work.now_ma else _solved(work.up_ma, others_ma, shares)
    _note_scarcity(work, running, up_ma)
    _lower(work, running, down_ma)
    least_ma = {number: min(ma, down_ma[number]) for number, ma in up_ma.items()}
    for member in admitted:
        if not work.has_room(work.clear_ma, member):
            _give_way(work, running, member, _solved(work.clear_ma, others_ma, shares))
        if work.may_start(work.up_ma, member):
            work.start(member)
    _raise(work, running, _kept_free(work, running, waiting, admitted, least_ma))
    _explain(work, running, waiting, up_ma)
    for member in taking_part:
        if member.released:
            work.set_offer(member, member.settings.minimum_ma)
            work.reasons[member.settings.number] = Reason.IDLE


def _share(work: Work, member: Member) -> Share:
    one = member.settings
    return Share(
        one.minimum_ma,
        max(one.minimum_ma, member.limit_ma),
        on_mains(member.phases),
        one.number == work.settings.priority,
        one.resolution_ma,
        member.offer_ma,
        member.energy_mwh,
    )


def _others_ma(work: Work, numbers: Container[int]) -> list[int]:
    """Return what those draw of each phase who take no part in the sharing.

    One that was just told to stop is leaving: its part is there again in a moment, and nobody
    gets it before it was released.
    """
    drawn_ma = [0] * len(work.phases)
    for number, member in work.members.items():
        if number in numbers or (member.offer_ma == 0 and work.now_s < member.settled_s):
            continue
        leaves = member.leaves
        for index in range(len(drawn_ma)):
            drawn_ma[index] += member.held_ma(index, counts=leaves)
    return drawn_ma


def _solved(
    available_ma: Sequence[int], others_ma: Sequence[int], shares: Mapping[int, Share]
) -> dict[int, int]:
    if not shares:
        return {}
    room = of_mains([ma - other_ma for ma, other_ma in zip(available_ma, others_ma, strict=True)])
    ordered = list(shares.values())
    return dict(zip(shares, rounded(room, ordered, solve(room, ordered)), strict=True))


def _note_scarcity(work: Work, running: Sequence[Member], up_ma: Mapping[int, int]) -> None:
    """Note since when what a capped member does not use is lacking elsewhere on its phases."""
    if all(member.use_cap_ma is None for member in running):
        return
    short = {
        index
        for member in running
        if up_ma[member.settings.number] < member.limit_ma - work.settings.raise_from_ma
        for index in member.phases
    }
    for member in running:
        if not short.intersection(member.phases):
            member.scarce_s = None
        elif member.scarce_s is None:
            member.scarce_s = work.now_s


# --- who comes next ------------------------------------------------------------------------------


def _urgency(work: Work, member: Member) -> tuple[bool, bool, int, float, int]:
    """Return what decides who comes next; with the queue also who has waited longest.

    Whose turn has come gets the place that was made for it.
    """
    number = member.settings.number
    since_s = member.waits_s if work.settings.queue and member.waits_s is not None else 0.0
    first = number == work.settings.priority
    return not first, number != work.coming, member.energy_mwh, since_s, number


def _turn(work: Work, running: list[Member], waiting: list[Member]) -> None:
    """Let one who was served for a turn yield to who has waited longest, if that was a turn, too."""
    settings = work.settings
    if not settings.queue or work.coming is not None:
        return
    before_s = work.now_s - settings.rotation_s + queues.SLACK_S
    coming = min(waiting, key=lambda one: (one.waits_s or work.now_s, one.settings.number))
    if (coming.waits_s or work.now_s) > before_s or _admit(work, running, [coming], work.up_ma):
        return  # nobody has waited for a turn, or it fits without
    room = _room(work, work.up_ma, running, waiting)
    leaving = queues.yielding(running, coming, room, settings, work.now_s)
    if leaving is not None:
        work.set_offer(leaving, 0)
        queues.note_stop(leaving, work.now_s)
        work.coming, work.coming_s = coming.settings.number, work.now_s
        coming.was_shed = False  # the room it needs is made for it
        running.remove(leaving)
        work.reasons[leaving.settings.number] = Reason.WAITING_FOR_CURRENT


def _room(
    work: Work, available_ma: Sequence[int], running: list[Member], waiting: list[Member]
) -> list[int]:
    """Return what there is for these members, beside what others draw."""
    others_ma = _others_ma(work, {m.settings.number for m in (*running, *waiting)})
    return [ma - other_ma for ma, other_ma in zip(available_ma, others_ma, strict=True)]


def _admit(
    work: Work, running: list[Member], waiting: list[Member], available_ma: Sequence[int]
) -> list[Member]:
    """Return the waiting members whose minimum fits into `available_ma` when the others make room."""
    minimums = [
        sum(m.settings.minimum_ma for m in running if index in m.phases)
        for index in range(len(work.phases))
    ]
    room = _room(work, available_ma, running, waiting)
    room_now = _room(work, work.now_ma, running, waiting)
    admitted = []
    for member in waiting:
        need_ma = member.settings.minimum_ma
        if _may_come_back(work, member, minimums, room_now) and all(
            minimums[index] + need_ma <= room[index] for index in member.phases
        ):
            admitted.append(member)
            for index in member.phases:
                minimums[index] += need_ma
    return admitted


def _kept_free(
    work: Work,
    running: list[Member],
    waiting: list[Member],
    admitted: list[Member],
    least_ma: Mapping[int, int],
) -> Mapping[int, int]:
    """Return what everybody may rise to: not into what one who waits would get but for a doubt.

    A doubt ends within seconds; who is raised meanwhile would have to give way at once.
    """
    if len(admitted) == len(waiting) or work.clear_ma == work.up_ma:
        return least_ma
    hopeful = _admit(work, running, waiting, work.clear_ma)
    shares = {m.settings.number: _share(work, m) for m in (*running, *hopeful)}
    clear_ma = _solved(work.clear_ma, _others_ma(work, shares), shares)
    return {number: min(ma, clear_ma.get(number, ma)) for number, ma in least_ma.items()}


def _may_come_back(work: Work, member: Member, minimums: list[int], room: list[int]) -> bool:
    """Tell whether there has been room for one that was shed for long enough.

    What there is at each moment counts: that it lasts is what the time is for. One that was
    stopped often in this hour waits for the hour to end: its contactor and its vehicle wear.
    """
    if not member.was_shed:
        return True
    if queues.was_stopped_often(member, work.now_s):
        return False
    need_ma = member.settings.minimum_ma + queues.ROOM_MA
    if any(minimums[index] + need_ma > room[index] for index in member.phases):
        member.room_s = None
        return False
    if member.room_s is None:
        member.room_s = work.now_s
    if work.now_s - member.room_s < member.returns_after_s:
        return False
    member.was_shed, member.room_s, member.returned_s = False, None, work.now_s
    return True


# --- lower ---------------------------------------------------------------------------------------


def _lower(work: Work, running: list[Member], down_ma: Mapping[int, int]) -> None:
    """Lower at once who has too much; remember it where the line was in danger."""
    settings = work.settings
    danger = _dangers(work, running)
    again, still_over = _in_danger_again(work, danger), _still_over_range(work)
    for member in running:
        target_ma = down_ma[member.settings.number]
        if target_ma >= member.offer_ma:
            continue
        is_blind = not member.settings.measures and not again.isdisjoint(member.phases)
        if is_blind or not still_over.isdisjoint(member.phases):
            target_ma = member.settings.minimum_ma
        safety = any(danger[index] is not Danger.NONE for index in member.phases)
        step_ma = max(settings.lower_from_ma, member.settings.resolution_ma)
        shrunk = member.offer_ma - target_ma > step_ma
        capped = member.limit_ma < member.offer_ma
        if safety or shrunk or capped:
            work.set_offer(member, _not_raised(member, target_ma) if safety else target_ma)
            for index in member.phases:
                if danger[index] is Danger.CLEAR:
                    _note_reduction(work, work.phases[index])


def _not_raised(member: Member, target_ma: int) -> int:
    """Return no more than what a charger has taken: a raise it had not taken yet is taken back.

    It would be raised while the others have not obeyed yet.
    """
    taken_ma = None if member.seen is None else member.seen.taken_ma
    if taken_ma is None or taken_ma >= target_ma:
        return target_ma
    return max(taken_ma, member.settings.minimum_ma)


def _in_danger_again(work: Work, danger: Sequence["Danger"]) -> set[int]:
    """Return the phases on which a reduction for safety has not helped.

    A vehicle that takes less than it is told frees nothing when that is lowered, and without
    measurement nobody knows which one does: then only the minimum is certain.
    """
    soon_s = (
        work.settings.obey_s + 2 * work.state.meter.spacing_s + work.settings.meter_delay_s + 1.0
    )
    return {
        index
        for index, phase in enumerate(work.phases)
        if danger[index] is Danger.CLEAR and work.now_s - phase.reduced_s <= soon_s
    }


def _still_over_range(work: Work) -> set[int]:
    """Return the phases over range although a reduction was obeyed: by how much too high, nobody knows."""
    found = set()
    for index, phase in enumerate(work.phases):
        value = work.state.meter.values[index]
        if value is not None and value.over_range:
            after_s = value.at_s - work.settings.meter_delay_s - phase.reduced_s
            if OBEYED_S <= after_s <= BACK_OFF_AFTER_RAISE_S:
                found.add(index)
    return found


def _give_way(
    work: Work, running: list[Member], newcomer: Member, shares_ma: Mapping[int, int]
) -> None:
    """Lower those who leave a newcomer no room, by however little. Source: load-management 9.3c."""
    for member in running:
        target_ma = shares_ma[member.settings.number]
        if target_ma < member.offer_ma and not set(member.phases).isdisjoint(newcomer.phases):
            work.set_offer(member, target_ma)


class Danger(Enum):
    """How much too much the offers on a phase are."""

    NONE = "not"
    SMALL = "a little, but for a while"
    CLEAR = "clearly: lowering is for safety, and raising waits after it"


def _dangers(work: Work, running: list[Member]) -> list[Danger]:
    """Return for each phase whether the offers are too much."""
    room_ma = list(work.now_ma)
    offered_ma = [0] * len(room_ma)
    numbers = {member.settings.number for member in running}
    for number, member in work.members.items():
        if number in numbers:
            for index in member.phases:
                offered_ma[index] += member.offer_ma
            continue
        leaves = member.leaves
        for index in range(len(room_ma)):
            room_ma[index] -= member.held_ma(index, counts=leaves)
    return [
        _is_in_danger(work, phase, offered_ma[index], room_ma[index])
        for index, phase in enumerate(work.phases)
    ]


def _is_in_danger(work: Work, phase: PhaseState, offered_ma: int, room_ma: int) -> Danger:
    if offered_ma <= room_ma + METER_STEP_MA or not offered_ma:
        phase.excess_s = None
        return Danger.NONE
    if phase.excess_s is None:
        phase.excess_s = work.now_s
    if offered_ma - room_ma > work.settings.lower_from_ma:
        return Danger.CLEAR
    return Danger.SMALL if work.now_s - phase.excess_s >= LOW_EXCESS_S else Danger.NONE


def _note_reduction(work: Work, phase: PhaseState) -> None:
    """Remember a reduction for safety; a load that comes and goes makes the next raise wait longer.

    Waiting longer is of use only where the building had as much not long ago: then a longer window
    would have kept that in mind, and nobody had been raised.
    """
    now_s = work.now_s
    if phase.reduced_s == now_s:
        return
    phase.reduced_s = now_s
    gone_s, window = phase.gone_s, window_s(work.state.meter)
    if gone_s is None or now_s - phase.raised_s > BACK_OFF_AFTER_RAISE_S:
        return
    if window * 2**phase.back_off < gone_s:
        phase.back_off = min(phase.back_off + 1, MOST_BACK_OFF)
        phase.back_off_s = now_s


# --- raise ---------------------------------------------------------------------------------------


def _raise(work: Work, running: list[Member], up_ma: Mapping[int, int]) -> None:
    """Give more to those who may have it, as much as was released."""
    wants = _wants(work, running, up_ma)
    if not wants:
        return
    held_ma = work.committed_ma()
    head = of_mains([up - held for up, held in zip(work.up_ma, held_ma, strict=True)])
    shares = [
        Share(
            minimum_ma=0,
            cap_ma=want_ma,
            constraints=on_mains(member.phases),
            prioritised=member.settings.number == work.settings.priority,
        )
        for member, want_ma in wants
    ]
    for (member, _), grant_ma in zip(wants, solve(head, shares), strict=True):
        step_ma = member.settings.resolution_ma
        granted_ma = grant_ma // step_ma * step_ma
        if granted_ma > 0:
            work.set_offer(member, member.offer_ma + granted_ma)
            member.raised_s, member.raised_set = work.now_s, work.state.meter.sets
            member.small_s = None
            for index in member.phases:
                work.phases[index].raised_s = work.now_s


def _wants(work: Work, running: list[Member], up_ma: Mapping[int, int]) -> list[tuple[Member, int]]:
    """Return who may rise now, and by how much at most [mA]."""
    settings = work.settings
    wants: list[tuple[Member, int]] = []
    for member in running:
        want_ma = min(up_ma[member.settings.number] - member.offer_ma, settings.raise_ma)
        step_ma = max(settings.raise_from_ma, member.settings.resolution_ma)
        if want_ma >= step_ma or _is_worth_it_now(work, member, want_ma):
            work.is_settled = False
            if _may_rise(work, member):
                wants.append((member, want_ma))
    return wants


def _is_worth_it_now(work: Work, member: Member, want_ma: int) -> bool:
    """Tell whether a small raise has been possible for so long that it is worth a write.

    Otherwise each of many vehicles would leave almost the smallest raise unused, for hours.
    """
    if want_ma < max(SMALL_RAISE_MA, member.settings.resolution_ma):
        member.small_s = None
        return False
    if member.small_s is None:
        member.small_s = work.now_s
    return work.now_s - member.small_s >= SMALL_RAISE_S


def _may_rise(work: Work, member: Member) -> bool:
    if work.now_s - member.raised_s < work.settings.raise_spacing_s - CLOCK_SLACK_S:
        return False
    meter = work.state.meter
    just_complete = meter.set_s == work.now_s
    complete = meter.sets > member.raised_set and (just_complete or not meter.fresh)
    recent = complete and is_recent(meter, work.settings, work.now_s)
    seen = work.is_on_change or work.is_static or recent
    return seen and all(_may_raise(work, work.phases[index]) for index in member.phases)


def _may_raise(work: Work, phase: PhaseState) -> bool:
    hold_s = window_s(work.state.meter) * 2**phase.back_off
    return work.is_static or work.now_s - phase.reduced_s >= hold_s


# --- why -----------------------------------------------------------------------------------------


def _explain(
    work: Work, running: list[Member], waiting: list[Member], up_ma: Mapping[int, int]
) -> None:
    for member in running:
        work.reasons[member.settings.number] = _why(work, member, up_ma)
    for member in waiting:
        started = member.offer_ma > 0
        reason = _why(work, member, up_ma) if started else Reason.WAITING_FOR_CURRENT
        work.reasons[member.settings.number] = reason


def _why(work: Work, member: Member, up_ma: Mapping[int, int]) -> Reason:
    """Return what keeps a running member from having more."""
    one = member.settings
    if member.offer_ma >= one.maximum_ma:
        return Reason.MAXIMUM
    if member.cap is not None and member.offer_ma >= member.cap.cap_ma:
        return member.cap.reason
    if member.use_cap_ma is not None and member.offer_ma >= member.use_cap_ma:
        return Reason.UNDER_USE
    if up_ma.get(one.number, 0) > member.offer_ma + work.settings.raise_from_ma:
        return Reason.RAISING
    priority = work.settings.priority
    if priority is not None and priority != one.number:
        first = work.members.get(priority)
        if first is not None and first.is_member and first.offer_ma > first.settings.minimum_ma:
            return Reason.PRIORITY
    tightest = min(member.phases, key=lambda index: work.up_ma[index], default=0)
    return FUSES[tightest]
