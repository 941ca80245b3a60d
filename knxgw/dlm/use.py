"""What a charging point makes of its offer: too much, less than it may, or nothing at all. Pure.

Source: load-management 13.4, 14.
"""

from knxgw.dlm.member import DRAWS_MA, NONE, SHRINK_S, Member, last_heard_s, obeyed_s, stale_s
from knxgw.dlm.settings import SMALL_RAISE_S, Settings

UNDER_USE_FROM_MA = 500
DEAF_FROM_MA = 1500  # of overdraw. Source: load-management 13.3
CAP_STEP_MA, CAP_STEP_S = 3000, 10.0
NARROW_S, NARROW_MA = (
    300.0,
    500,
)  # what of the headroom stays when others have lacked it for so long
WIDE_EACH_S, TRY_S = 900.0, 45.0  # all of it is offered again now and then, for a while
NEVER_S = float("inf")


def set_offer(member: Member, offer_ma: int, settings: Settings, now_s: float) -> None:
    """Give it another offer."""
    if offer_ma == member.offer_ma:
        return
    if offer_ma < member.offer_ma and max(member.overdraw_ma) <= DEAF_FROM_MA:
        member.settled_s = now_s + settings.obey_s
    if offer_ma > member.offer_ma:
        member.risen_ma, member.rises_until_s = offer_ma, now_s + settings.obey_s
    if offer_ma == 0:
        member.waits_s = now_s
    if now_s > member.changed_s:  # else nobody has heard of the offer in between
        is_obeyed = now_s >= obeyed_s(member, settings)
        member.earlier_ma = member.offer_ma if is_obeyed else member.before_ma
        member.before_ma, member.drawn_ma = member.offer_ma, member.draws_ma
    member.offer_ma, member.changed_s = offer_ma, now_s
    member.quiet_until_s = now_s


def follow_use(member: Member, settings: Settings, now_s: float) -> None:
    """Learn from what it draws: more than offered, less than offered, or nothing at all.

    One that measures nothing is taken to draw its offer while it charges, else nothing.
    """
    _follow_overdraw(member, settings, now_s)
    if not member.is_member or member.offer_ma > 0:
        member.waits_s = None
    elif member.waits_s is None:
        member.waits_s = now_s
    if not member.is_member or member.offer_ma < member.settings.minimum_ma:
        member.offered_s = member.idle_s = member.under_s = None
        member.released = False
        return
    if member.offered_s is None:
        member.offered_s = now_s
        member.has_charged = False
    _follow_idle(member, settings, now_s)
    _follow_under_use(member, settings, now_s)


def _follow_overdraw(member: Member, settings: Settings, now_s: float) -> None:
    """Follow what it draws above its offer when it must have obeyed; on the way to another one it is known.

    One that draws much more has not begun to obey, whatever it is told since.
    """
    if not member.valid or not member.is_member or member.offer_ma == 0:
        member.overdraw_ma = NONE
        return
    offer_ma, actual = member.offer_ma, member.actual_ma
    is_deaf = max(member.overdraw_ma) > max(DEAF_FROM_MA, offer_ma // 10)
    if not is_deaf and not _has_settled(member, settings, now_s):
        return
    if max(actual) <= offer_ma:
        member.overdraw_ma = NONE
        return
    found = (
        max(0, actual[0] - offer_ma),
        max(0, actual[1] - offer_ma),
        max(0, actual[2] - offer_ma),
    )
    if found != member.overdraw_ma:
        member.overdraw_ma = found


def _has_settled(member: Member, settings: Settings, now_s: float) -> bool:
    """Tell whether what it draws was read when it must have followed its offer, a raise or a lowering.

    Until then a slow charger and a slow vehicle overdraw nothing.
    Source: load-management 13.4.
    """
    seen = member.seen
    if seen is None or seen.taken_ma is None or seen.taken_s is None:
        return now_s >= max(member.settled_s, member.changed_s + settings.obey_s)
    read_s = now_s if member.read_s is None else member.read_s
    return seen.taken_ma == member.offer_ma and read_s >= seen.taken_s + settings.obey_s


def _follow_idle(member: Member, settings: Settings, now_s: float) -> None:
    if member.draws_ma > DRAWS_MA:
        member.has_charged = True
        member.idle_s = None
        member.released = False
        return
    if member.idle_s is None:
        member.idle_s = now_s
    limit_s = settings.idle_s if member.has_charged else settings.wait_s
    if now_s - member.idle_s >= limit_s:
        member.released = True
        member.use_cap_ma = member.under_s = None


def _follow_under_use(member: Member, settings: Settings, now_s: float) -> None:
    """Keep little more for a vehicle than it takes; give it more as soon as it takes some of that."""
    if not member.settings.measures or member.released:
        return
    cap_ma = member.use_cap_ma
    if cap_ma is not None and member.draws_ma >= (member.use_ma + cap_ma) / 2:
        _lift_cap(member, cap_ma, now_s)
        return
    if cap_ma is not None:
        _follow_headroom(member, settings, now_s)
    if not UNDER_USE_FROM_MA < member.draws_ma < member.offer_ma - settings.headroom_ma:
        member.under_s = None
        return
    if member.under_s is None:
        member.under_s = now_s
    if now_s - member.under_s >= settings.observe_s:
        _cap(member, settings.headroom_ma, now_s)


def _lift_cap(member: Member, cap_ma: int, now_s: float) -> None:
    """Give it more, step by step until there is no cap any more.

    Some vehicles stay a little below any offer: half of the headroom is enough to tell.
    """
    member.under_s = None
    if now_s - member.cap_raised_s < CAP_STEP_S:
        return
    cap_ma += CAP_STEP_MA
    member.cap_raised_s = member.headroom_s = now_s
    member.use_ma, member.is_narrow = member.draws_ma, False
    member.use_cap_ma = None if cap_ma >= member.settings.maximum_ma else cap_ma


def _cap(member: Member, headroom_ma: int, now_s: float, *, is_narrow: bool = False) -> None:
    """Keep so much more for it than it takes."""
    member.use_ma, member.under_s, member.headroom_s = member.draws_ma, None, now_s
    member.is_narrow = is_narrow
    member.use_cap_ma = max(member.settings.minimum_ma, member.draws_ma + headroom_ma)


def _follow_headroom(member: Member, settings: Settings, now_s: float) -> None:
    """Take most of its headroom from a vehicle that does not use it, while others want it.

    One that stays a little below any offer would never be seen to use a small one: so all of it is
    offered again now and then.
    """
    if member.draws_ma <= UNDER_USE_FROM_MA:
        return
    narrow_ma = max(NARROW_MA, member.settings.resolution_ma)
    wanted_s = NEVER_S if member.scarce_s is None else member.scarce_s + NARROW_S
    if member.is_narrow:
        if now_s >= member.headroom_s + WIDE_EACH_S or member.scarce_s is None:
            _cap(member, settings.headroom_ma, now_s)
    elif now_s >= max(wanted_s, member.headroom_s + TRY_S) and narrow_ma < settings.headroom_ma:
        _cap(member, narrow_ma, now_s, is_narrow=True)


def patience_until_s(member: Member, settings: Settings, now_s: float) -> float:
    """Return until when nothing is learned about it by waiting; `now_s`: something is."""
    if not member.reachable:
        is_awaited = member.seen is not None and member.seen.reachable
        return last_heard_s(member) + stale_s(member) if is_awaited else NEVER_S
    if not member.valid or member.draws_ma > member.offer_ma:
        return now_s  # it may overdraw, and a reading that shows nothing else tells
    if not member.settings.measures and now_s < member.changed_s + settings.obey_s:
        return now_s  # what it is taken to draw moves with time
    soonest_s = NEVER_S
    for at_s in _moments(member, settings):
        if now_s <= at_s < soonest_s:
            soonest_s = at_s
    return soonest_s


def _moments(member: Member, settings: Settings) -> list[float]:
    """Return when something that is being waited for will be known."""
    moments = [member.settled_s, member.rises_until_s]
    if member.settings.measures:
        moments.append(last_heard_s(member) + stale_s(member))
    if member.idle_s is not None and not member.released:
        limit_s = settings.idle_s if member.has_charged else settings.wait_s
        moments.append(member.idle_s + limit_s)
    if member.small_s is not None:
        moments.append(member.small_s + SMALL_RAISE_S)
    if member.under_s is not None:
        moments.append(member.under_s + settings.observe_s)
    if member.use_cap_ma is not None:
        moments += _headroom_moments(member)
    if member.strong_s is not None and member.weak_s:
        unused = [since_s for p, since_s in member.weak_s.items() if p in member.phases]
        moments += [max(member.strong_s, since_s) + SHRINK_S for since_s in unused]
    return moments


def _headroom_moments(member: Member) -> list[float]:
    moments = [member.cap_raised_s + CAP_STEP_S]
    if member.is_narrow:
        moments.append(member.headroom_s + WIDE_EACH_S)
    elif member.scarce_s is not None:
        moments.append(max(member.scarce_s + NARROW_S, member.headroom_s + TRY_S))
    return moments
