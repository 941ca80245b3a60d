"""What a charging point makes of its offer: too much, less than it may, or nothing at all. Pure.

Source: load-management 13.4, 14.
"""

from knxgw.charging.limits import DRAWS_FROM_MA, OVERDRAW_FROM_MA
from knxgw.dlm.draw_history import must_be_obeyed_at
from knxgw.dlm.participant import (
    NO_CURRENT,
    UNUSED_AFTER_S,
    Participant,
    age_counts_from,
    stale_after_s,
)
from knxgw.dlm.settings import SMALL_RAISE_S, Settings

UNDER_USE_FROM_MA = 500
CAP_STEP_MA, CAP_STEP_S = 3000, 10.0
NARROW_S, NARROW_MA = (
    300.0,
    500,
)  # what of the headroom stays when others have lacked it for so long
WIDE_EACH_S, TRY_S = 900.0, 45.0  # all of it is offered again now and then, for a while
NEVER = float("inf")


def set_offer(participant: Participant, offer_ma: int, settings: Settings, now_s: float) -> None:
    """Give it another offer."""
    if offer_ma == participant.offer_ma:
        return
    if offer_ma < participant.offer_ma and max(participant.overdraw_ma) <= OVERDRAW_FROM_MA:
        participant.obey_by_at = now_s + settings.obey_s
    if offer_ma > participant.offer_ma:
        participant.raised_to_ma, participant.rises_until = offer_ma, now_s + settings.obey_s
    if offer_ma == 0:
        participant.waiting_since = now_s
    if now_s > participant.offer_changed_at:  # else nobody has heard of the offer in between
        is_obeyed = now_s >= must_be_obeyed_at(participant, settings)
        participant.second_last_offer_ma = (
            participant.offer_ma if is_obeyed else participant.previous_offer_ma
        )
        participant.previous_offer_ma, participant.draw_at_change_ma = (
            participant.offer_ma,
            participant.highest_draw_ma,
        )
    participant.offer_ma, participant.offer_changed_at = offer_ma, now_s
    participant.unchanged_until = now_s
    participant.short_since = None


def update_use(participant: Participant, settings: Settings, now_s: float) -> None:
    """Learn from what it draws: more than offered, less than offered, or nothing at all.

    One that measures nothing is taken to draw its offer while it charges, else nothing.
    """
    _update_overdraw(participant, settings, now_s)
    if not participant.takes_part or participant.offer_ma > 0:
        participant.waiting_since = None
    elif participant.waiting_since is None:
        participant.waiting_since = now_s
    if not participant.takes_part or participant.offer_ma < participant.settings.minimum_ma:
        participant.offered_since = participant.idle_since = participant.under_use_since = None
        participant.is_idle = False
        return
    if participant.offered_since is None:
        participant.offered_since = now_s
        participant.has_charged = False
    _update_idle(participant, settings, now_s)
    _update_under_use(participant, settings, now_s)


def _update_overdraw(participant: Participant, settings: Settings, now_s: float) -> None:
    """Follow what it draws above its offer when it must have obeyed; on the way to another one it is known.

    One that draws much more has not begun to obey, whatever it is report since.
    """
    if (
        not participant.has_valid_currents
        or not participant.takes_part
        or participant.offer_ma == 0
    ):
        participant.overdraw_ma = NO_CURRENT
        return
    offer_ma, actual = participant.offer_ma, participant.draw_ma
    ignores_offer = max(participant.overdraw_ma) > max(OVERDRAW_FROM_MA, offer_ma // 10)
    if not ignores_offer and not _must_have_obeyed(participant, settings, now_s):
        return
    if max(actual) <= offer_ma:
        participant.overdraw_ma = NO_CURRENT
        return
    found = (
        max(0, actual[0] - offer_ma),
        max(0, actual[1] - offer_ma),
        max(0, actual[2] - offer_ma),
    )
    if found != participant.overdraw_ma:
        participant.overdraw_ma = found


def _must_have_obeyed(participant: Participant, settings: Settings, now_s: float) -> bool:
    """Tell whether what it draws was read when it must have followed its offer, a raise or a lowering.

    Until then a slow charger and a slow vehicle overdraw nothing.
    Source: load-management 13.4.
    """
    observation = participant.observation
    if (
        observation is None
        or observation.acknowledged_ma is None
        or observation.acknowledged_at is None
    ):
        return now_s >= max(participant.obey_by_at, participant.offer_changed_at + settings.obey_s)
    read_at = now_s if participant.read_at is None else participant.read_at
    return (
        observation.acknowledged_ma == participant.offer_ma
        and read_at >= observation.acknowledged_at + settings.obey_s
    )


def _update_idle(participant: Participant, settings: Settings, now_s: float) -> None:
    if participant.highest_draw_ma > DRAWS_FROM_MA:
        participant.has_charged = True
        participant.idle_since = None
        participant.is_idle = False
        return
    if participant.idle_since is None:
        participant.idle_since = now_s
    limit_s = settings.idle_s if participant.has_charged else settings.wait_s
    if now_s - participant.idle_since >= limit_s:
        participant.is_idle = True
        participant.use_cap_ma = participant.under_use_since = None


def _update_under_use(participant: Participant, settings: Settings, now_s: float) -> None:
    """Keep little more for a vehicle than it takes; give it more as soon as it takes some of that."""
    if not participant.settings.measures_current or participant.is_idle:
        return
    cap_ma = participant.use_cap_ma
    if (
        cap_ma is not None
        and participant.highest_draw_ma >= (participant.draw_at_cap_ma + cap_ma) / 2
    ):
        _raise_use_cap(participant, cap_ma, now_s)
        return
    if cap_ma is not None:
        _update_headroom(participant, settings, now_s)
    if (
        not UNDER_USE_FROM_MA
        < participant.highest_draw_ma
        < participant.offer_ma - settings.headroom_ma
    ):
        participant.under_use_since = None
        return
    if participant.under_use_since is None:
        participant.under_use_since = now_s
    if now_s - participant.under_use_since >= settings.observe_s:
        _set_use_cap(participant, settings.headroom_ma, now_s)


def _raise_use_cap(participant: Participant, cap_ma: int, now_s: float) -> None:
    """Give it more, step by step until there is no cap any more.

    Some vehicles stay a little below any offer: half of the headroom is enough to tell.
    """
    participant.under_use_since = None
    if now_s - participant.cap_raised_at < CAP_STEP_S:
        return
    cap_ma += CAP_STEP_MA
    participant.cap_raised_at = participant.headroom_changed_at = now_s
    participant.draw_at_cap_ma, participant.has_narrow_headroom = participant.highest_draw_ma, False
    participant.use_cap_ma = None if cap_ma >= participant.settings.maximum_ma else cap_ma


def _set_use_cap(
    participant: Participant, headroom_ma: int, now_s: float, *, is_narrow: bool = False
) -> None:
    """Keep so much more for it than it takes."""
    participant.draw_at_cap_ma, participant.under_use_since, participant.headroom_changed_at = (
        participant.highest_draw_ma,
        None,
        now_s,
    )
    participant.has_narrow_headroom = is_narrow
    participant.use_cap_ma = max(
        participant.settings.minimum_ma, participant.highest_draw_ma + headroom_ma
    )


def _update_headroom(participant: Participant, settings: Settings, now_s: float) -> None:
    """Take most of its headroom from a vehicle that does not use it, while others want it.

    One that stays a little below any offer would never show that it uses a small one: so all of it is
    offered again now and then.
    """
    if participant.highest_draw_ma <= UNDER_USE_FROM_MA:
        return
    narrow_ma = max(NARROW_MA, participant.settings.resolution_ma)
    narrow_from = NEVER if participant.scarce_since is None else participant.scarce_since + NARROW_S
    if participant.has_narrow_headroom:
        if (
            now_s >= participant.headroom_changed_at + WIDE_EACH_S
            or participant.scarce_since is None
        ):
            _set_use_cap(participant, settings.headroom_ma, now_s)
    elif (
        now_s >= max(narrow_from, participant.headroom_changed_at + TRY_S)
        and narrow_ma < settings.headroom_ma
    ):
        _set_use_cap(participant, narrow_ma, now_s, is_narrow=True)


def next_change_at(participant: Participant, settings: Settings, now_s: float) -> float:
    """Return until when nothing is learned about it by waiting; `now_s`: something is."""
    if not participant.is_reachable:
        is_awaited = participant.observation is not None and participant.observation.is_reachable
        return age_counts_from(participant) + stale_after_s(participant) if is_awaited else NEVER
    if not participant.has_valid_currents or participant.highest_draw_ma > participant.offer_ma:
        return now_s  # it may overdraw, and a reading that shows nothing else tells
    if (
        not participant.settings.measures_current
        and now_s < participant.offer_changed_at + settings.obey_s
    ):
        return now_s  # what it is taken to draw moves with time
    soonest_at = NEVER
    for at in _instants_of_change(participant, settings):
        if now_s <= at < soonest_at:
            soonest_at = at
    return soonest_at


def _instants_of_change(participant: Participant, settings: Settings) -> list[float]:
    """Return when something that is being waited for will be known."""
    moments = [participant.obey_by_at, participant.rises_until]
    if participant.settings.measures_current:
        moments.append(age_counts_from(participant) + stale_after_s(participant))
    if participant.idle_since is not None and not participant.is_idle:
        limit_s = settings.idle_s if participant.has_charged else settings.wait_s
        moments.append(participant.idle_since + limit_s)
    if participant.small_raise_possible_since is not None:
        moments.append(participant.small_raise_possible_since + SMALL_RAISE_S)
    if participant.under_use_since is not None:
        moments.append(participant.under_use_since + settings.observe_s)
    if participant.use_cap_ma is not None:
        moments += _instants_of_headroom_change(participant)
    if participant.charges_clearly_since is not None and participant.unused_since:
        unused = [since for p, since in participant.unused_since.items() if p in participant.phases]
        moments += [
            max(participant.charges_clearly_since, since) + UNUSED_AFTER_S for since in unused
        ]
    return moments


def _instants_of_headroom_change(participant: Participant) -> list[float]:
    moments = [participant.cap_raised_at + CAP_STEP_S]
    if participant.has_narrow_headroom:
        moments.append(participant.headroom_changed_at + WIDE_EACH_S)
    elif participant.scarce_since is not None:
        moments.append(
            max(participant.scarce_since + NARROW_S, participant.headroom_changed_at + TRY_S)
        )
    return moments
