"""Use: whether a vehicle draws more than its offer, less, or nothing. Pure.

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
NARROW_AFTER_S = 300.0  # others have lacked current for so long: then the headroom is narrowed
NARROW_HEADROOM_MA = 500
WIDE_AGAIN_AFTER_S = 900.0  # a narrow headroom has lasted for so long: the whole one is tried again
WIDE_FOR_S = 45.0  # for so long at least
NEVER = float("inf")


def set_offer(participant: Participant, offer_ma: int, settings: Settings, now_s: float) -> None:
    """Change the offer of a participant to `offer_ma`, and note what follows from the change.

    That is: by when its vehicle must obey, until when it may ramp up, since when it waits, and what it was
    offered and drew before. A vehicle that draws above its offer has no time to obey a lower one.
    """
    if offer_ma == participant.offer_ma:
        return
    if offer_ma < participant.offer_ma and max(participant.overdraw_ma) <= OVERDRAW_FROM_MA:
        participant.obey_by_at = now_s + settings.obey_s
    if offer_ma > participant.offer_ma:
        participant.raised_to_ma, participant.rises_until = offer_ma, now_s + settings.obey_s
    if offer_ma == 0:
        participant.waiting_since = now_s
    if now_s > participant.offer_changed_at:
        _note_previous_offer(participant, settings, now_s)
    participant.offer_ma, participant.offer_changed_at = offer_ma, now_s
    participant.unchanged_until = now_s
    participant.short_since = None


def _note_previous_offer(participant: Participant, settings: Settings, now_s: float) -> None:
    """Note the offer that ends now, and what its vehicle draws. It was sent, so it lasted for a moment.

    Of the offer before that one it is kept what may still flow: it need not have been obeyed yet.
    """
    is_obeyed = now_s >= must_be_obeyed_at(participant, settings)
    participant.second_last_offer_ma = (
        participant.offer_ma if is_obeyed else participant.previous_offer_ma
    )
    participant.previous_offer_ma = participant.offer_ma
    participant.draw_at_change_ma = participant.highest_draw_ma


def update_use(participant: Participant, settings: Settings, now_s: float) -> None:
    """Update what its draw says: whether it overdraws, is idle, or uses less than its offer.

    Noted is also since when it waits for an offer, and since when it has had its minimum: a vehicle that
    gets one has not charged yet. One without measurement is assumed to draw its offer while it charges, so
    it never uses less.
    """
    _update_overdraw(participant, settings, now_s)
    if not participant.takes_part or participant.offer_ma > 0:
        participant.waiting_since = participant.tried_since = None
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
    """Update what it draws above its offer per grid phase [mA] (D_i).

    It counts once the vehicle must have obeyed: on the way to a new offer it is known what it may draw. A
    vehicle that draws much more has not begun to obey, whatever it has been offered since. A little more is
    what this vehicle takes: that is remembered while it does not draw, until it leaves.
    Source: load-management 13.4.
    """
    offer_ma, actual = participant.offer_ma, participant.draw_ma
    ignores_offer = max(participant.overdraw_ma) > max(OVERDRAW_FROM_MA, offer_ma // 10)
    if not participant.takes_part or offer_ma == 0:
        if ignores_offer or not participant.is_connected or not participant.has_valid_currents:
            participant.overdraw_ma = NO_CURRENT
        return
    if not ignores_offer and not _has_had_time_to_obey(participant, settings, now_s):
        return  # it may still be on its way to the offer
    if max(actual) <= offer_ma:
        # while it draws nothing, what it takes above an offer stays remembered
        if ignores_offer or max(actual) > DRAWS_FROM_MA:
            participant.overdraw_ma = NO_CURRENT
        return
    found = (
        max(0, actual[0] - offer_ma),
        max(0, actual[1] - offer_ma),
        max(0, actual[2] - offer_ma),
    )
    if found != participant.overdraw_ma:
        participant.overdraw_ma = found


def _has_had_time_to_obey(participant: Participant, settings: Settings, now_s: float) -> bool:
    """Tell whether its draw was read after the vehicle must have followed its last offer.

    Until then a slow charger or a slow vehicle overdraws nothing. Source: load-management 13.4.
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
    """Update whether it is idle: for T_idle its vehicle has drawn nothing, or never began within T_wait.

    An idle vehicle has no cap by its use any more. Source: load-management 14.2.
    """
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
    """Cap what a vehicle is offered that has drawn less for T_obs; raise the cap once it draws more.

    While it keeps to its cap, the headroom that the cap leaves is updated. Source: load-management 14.1.
    """
    if not participant.settings.measures_current or participant.is_idle:
        return
    draw_ma, cap_ma = participant.highest_draw_ma, participant.use_cap_ma
    if cap_ma is not None:
        if draw_ma >= (participant.draw_at_cap_ma + cap_ma) / 2:
            _raise_use_cap(participant, cap_ma, now_s)
            return
        _update_headroom(participant, settings, now_s)
    if not UNDER_USE_FROM_MA < draw_ma < participant.offer_ma - settings.headroom_ma:
        participant.under_use_since = None
        return
    if participant.under_use_since is None:
        participant.under_use_since = now_s
    if now_s - participant.under_use_since >= settings.observe_s:
        _set_use_cap(participant, settings.headroom_ma, now_s)


def _raise_use_cap(participant: Participant, cap_ma: int, now_s: float) -> None:
    """Raise the cap of a vehicle that uses it by 3 A, at most once in 10 s, until none is needed.

    It need not reach the cap: some vehicles always stay a little below their offer. That it uses less is
    timed again from the start, and its headroom counts as wide. Source: load-management 14.1b.
    """
    participant.under_use_since = None
    if now_s - participant.cap_raised_at < CAP_STEP_S:
        return
    raised_ma = cap_ma + CAP_STEP_MA
    participant.cap_raised_at = participant.headroom_changed_at = now_s
    participant.draw_at_cap_ma, participant.has_narrow_headroom = participant.highest_draw_ma, False
    participant.use_cap_ma = None if raised_ma >= participant.settings.maximum_ma else raised_ma


def _set_use_cap(
    participant: Participant, headroom_ma: int, now_s: float, *, is_narrow: bool = False
) -> None:
    """Cap its offer at its draw and a headroom [mA] by which it can show that it wants more."""
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
    """Narrow the headroom of a vehicle that does not use it while others lack current, and widen it again.

    A vehicle that stays a little below any offer never shows that it would use a narrow headroom. So from
    time to time it is offered the whole headroom again, and at once when the others lack nothing any more.
    """
    if participant.highest_draw_ma <= UNDER_USE_FROM_MA:
        return
    lack_since, changed_at = participant.others_lack_since, participant.headroom_changed_at
    if participant.has_narrow_headroom:
        if lack_since is None or now_s >= changed_at + WIDE_AGAIN_AFTER_S:
            _set_use_cap(participant, settings.headroom_ma, now_s)
        return
    narrow_ma = max(NARROW_HEADROOM_MA, participant.settings.resolution_ma)
    if (
        lack_since is not None
        and now_s >= max(lack_since + NARROW_AFTER_S, changed_at + WIDE_FOR_S)
        and narrow_ma < settings.headroom_ma
    ):
        _set_use_cap(participant, narrow_ma, now_s, is_narrow=True)


def next_change_at(participant: Participant, settings: Settings, now_s: float) -> float:
    """Return from when on time alone may change something about a participant [monotonic s].

    `now_s`: something may change at any moment. Until then a cycle need not look at it again.
    """
    if not participant.is_reachable:
        # one that answers again without currents is waited for until they would be stale
        is_awaited = participant.observation is not None and participant.observation.is_reachable
        return age_counts_from(participant) + stale_after_s(participant) if is_awaited else NEVER
    if not participant.has_valid_currents or participant.highest_draw_ma > participant.offer_ma:
        return now_s  # it may overdraw, which a reading without news shows as well
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
    """Return all instants [monotonic s] at which time alone ends something about it."""
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
    """Return the instants [monotonic s] at which time alone may change its headroom or raise its cap."""
    moments = [participant.cap_raised_at + CAP_STEP_S]
    changed_at = participant.headroom_changed_at
    if participant.has_narrow_headroom:
        moments.append(changed_at + WIDE_AGAIN_AFTER_S)
    elif participant.others_lack_since is not None:
        narrow_at = participant.others_lack_since + NARROW_AFTER_S
        moments.append(max(narrow_at, changed_at + WIDE_FOR_S))
    return moments
