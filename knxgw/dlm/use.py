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

# a vehicle that draws no more does not charge: it may be idle instead (14.1a)
UNDER_USE_FROM_MA = 500
# a cap that is used rises by so much, at most once in that time (14.1b)
CAP_STEP_MA, CAP_STEP_S = 3000, 10.0
NARROW_AFTER_S = 180.0  # others have lacked current for so long: then the headroom is narrowed
NARROW_HEADROOM_MA = 500  # or one step of the charger, if that is more
WIDE_AGAIN_AFTER_S = 900.0  # a narrow headroom has lasted for so long: the whole one is tried again
WIDE_FOR_S = 45.0  # the whole headroom is kept for so long at least
NEVER = float("inf")


def set_offer(participant: Participant, offer_ma: int, settings: Settings, now_s: float) -> None:
    """Change the offer of a participant (in place), and note what follows; the same offer changes nothing.

    Noted are by when its vehicle must obey, until when it may ramp up, since when it waits, and what it was
    offered and drew before.
    """
    if offer_ma == participant.offer_ma:
        return
    # a vehicle that ignores its offer gets no new time to obey a lower one (13.3a)
    ignores_offer = max(participant.overdraw_ma) > OVERDRAW_FROM_MA
    if offer_ma < participant.offer_ma and not ignores_offer:
        participant.obey_by_at = now_s + settings.obey_s
    if offer_ma > participant.offer_ma:
        participant.raised_to_ma, participant.rises_until = offer_ma, now_s + settings.obey_s
    if offer_ma == 0:
        participant.waiting_since = now_s
    # an offer that is replaced at the same instant was never sent, so it is no previous one
    if now_s > participant.offer_changed_at:
        _note_previous_offer(participant, settings, now_s)
    participant.offer_ma, participant.offer_changed_at = offer_ma, now_s
    participant.unchanged_until = now_s  # the next cycle must look at it again
    participant.short_since = None  # what it lacks is timed again by the new offer


def _note_previous_offer(participant: Participant, settings: Settings, now_s: float) -> None:
    """Note as `previous_offer_ma` the offer that ends now, and what the vehicle draws now (in place).

    If that offer need not have been obeyed yet, the one before it may still flow: that is kept as
    `second_last_offer_ma`. Otherwise both fields hold the offer that ends now.
    """
    is_obeyed = now_s >= must_be_obeyed_at(participant, settings)
    participant.second_last_offer_ma = (
        participant.offer_ma if is_obeyed else participant.previous_offer_ma
    )
    participant.previous_offer_ma = participant.offer_ma
    participant.draw_at_change_ma = participant.highest_draw_ma


def update_use(participant: Participant, settings: Settings, now_s: float) -> None:
    """Update what a participant makes of its offer (in place): draws more, nothing (idle), or less.

    Also noted are since when it waits (`waiting_since`), and since when it has had its minimum or more
    (`offered_since`). Without the minimum a vehicle cannot charge, so its use is not timed.
    """
    _update_overdraw(participant, settings, now_s)
    if not participant.takes_part or participant.offer_ma > 0:
        participant.waiting_since = participant.tried_since = None  # it does not wait
    elif participant.waiting_since is None:
        participant.waiting_since = now_s
    if not participant.takes_part or participant.offer_ma < participant.settings.minimum_ma:
        participant.offered_since = participant.idle_since = participant.under_use_since = None
        participant.is_idle = False
        return
    if participant.offered_since is None:
        participant.offered_since = now_s
        participant.has_charged = False  # its vehicle has T_wait again to begin (`_update_idle`)
    _update_idle(participant, settings, now_s)
    _update_under_use(participant, settings, now_s)


def _update_overdraw(participant: Participant, settings: Settings, now_s: float) -> None:
    """Update by how much a vehicle draws more than its offer, per grid phase [mA] (`overdraw_ma`, in place).

    A new overdraw counts only once the vehicle must have obeyed its offer. A small one (up to 1.5 A, or a
    tenth of the offer) is how this vehicle is: it is remembered while nothing is drawn, and up to 1.5 A also
    while the vehicle is stopped, until it leaves, draws no more than its offer, or its currents are lost.
    With a larger one it ignores its offer: that is updated at once, and forgotten when it is stopped.
    Source: load-management 13.4.
    """
    offer_ma, draw_ma = participant.offer_ma, participant.draw_ma
    ignores_offer = max(participant.overdraw_ma) > max(OVERDRAW_FROM_MA, offer_ma // 10)
    if not participant.takes_part or offer_ma == 0:  # it is stopped
        if ignores_offer or not participant.is_connected or not participant.has_valid_currents:
            participant.overdraw_ma = NO_CURRENT
        return
    if not ignores_offer and not _has_had_time_to_obey(participant, settings, now_s):
        return  # it may still be on its way to the offer
    if max(draw_ma) <= offer_ma:
        # a vehicle that draws nothing does not show whether its small overdraw has gone
        if ignores_offer or max(draw_ma) > DRAWS_FROM_MA:
            participant.overdraw_ma = NO_CURRENT
        return
    overdraw_ma = (
        max(0, draw_ma[0] - offer_ma),
        max(0, draw_ma[1] - offer_ma),
        max(0, draw_ma[2] - offer_ma),
    )
    if overdraw_ma != participant.overdraw_ma:
        participant.overdraw_ma = overdraw_ma


def _has_had_time_to_obey(participant: Participant, settings: Settings, now_s: float) -> bool:
    """Tell whether a participant's draw was read after its vehicle must have followed its last offer.

    Until then a slow charger or vehicle does not count as overdrawing. The vehicle has T_ev (`obey_s`) from
    when the charger acknowledged that offer; false until it has. Where a charger acknowledges nothing, T_ev
    runs from when the offer was made, whenever the draw was read. Source: load-management 13.4.
    """
    observation = participant.observation
    if (
        observation is None
        or observation.acknowledged_ma is None
        or observation.acknowledged_at is None
    ):
        # the charger acknowledges nothing. `obey_by_at`: T_ev after the offer was last lowered
        return now_s >= max(participant.obey_by_at, participant.offer_changed_at + settings.obey_s)
    read_at = now_s if participant.read_at is None else participant.read_at
    return (
        observation.acknowledged_ma == participant.offer_ma
        and read_at >= observation.acknowledged_at + settings.obey_s
    )


def _update_idle(participant: Participant, settings: Settings, now_s: float) -> None:
    """Update whether a vehicle is idle (in place): it has not drawn for T_idle (60 s), despite its offer.

    If it has not drawn at all since it was offered its minimum, it has T_wait (5 min) to begin. Once it draws
    it is not idle. An idle vehicle loses its cap by use. Source: load-management 14.2.
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
    """Update the cap by use, the highest offer to a vehicle that draws less than it may (in place).

    A vehicle that has drawn less than its offer, by more than the headroom, for T_obs (30 s) is offered only
    its draw and that headroom, so that others get the rest. Once it uses half of the headroom, the cap is
    raised. Nothing changes for an idle vehicle, nor without measurement. Source: load-management 14.1.
    """
    if not participant.settings.measures_current or participant.is_idle:
        return
    draw_ma, cap_ma = participant.highest_draw_ma, participant.use_cap_ma
    if cap_ma is not None:
        # half way from its draw when the cap was set to the cap: some vehicles stay a little below any offer
        if draw_ma >= (participant.draw_at_cap_ma + cap_ma) / 2:
            _raise_use_cap(participant, cap_ma, now_s)
            return
        _update_headroom(participant, settings, now_s)
    # from here on with or without a cap: one that is too high for the present draw is set again
    draws_clearly_less = draw_ma < participant.offer_ma - settings.headroom_ma
    if draw_ma <= UNDER_USE_FROM_MA or not draws_clearly_less:
        participant.under_use_since = None  # it does not charge, or uses its offer
        return
    if participant.under_use_since is None:
        participant.under_use_since = now_s
    if now_s - participant.under_use_since >= settings.observe_s:
        _set_use_cap(participant, settings.headroom_ma, now_s)


def _raise_use_cap(participant: Participant, cap_ma: int, now_s: float) -> None:
    """Raise the cap of a vehicle that uses it, `cap_ma`, by 3 A, at most once in 10 s (in place).

    A cap that would reach the maximum of the charging point is removed. In any case the vehicle does not
    count as drawing less than its offer any more (`under_use_since`), and a new cap leaves it the whole
    headroom. Source: load-management 14.1b.
    """
    participant.under_use_since = None
    if now_s - participant.cap_raised_at < CAP_STEP_S:
        return  # it was raised a moment ago
    raised_ma = cap_ma + CAP_STEP_MA
    participant.cap_raised_at = participant.headroom_changed_at = now_s
    participant.draw_at_cap_ma, participant.has_narrow_headroom = participant.highest_draw_ma, False
    participant.use_cap_ma = None if raised_ma >= participant.settings.maximum_ma else raised_ma


def _set_use_cap(
    participant: Participant, headroom_ma: int, now_s: float, *, is_narrow: bool = False
) -> None:
    """Cap a participant's offers at its draw plus a headroom [mA], but no lower than its minimum (in place).

    By the headroom the vehicle can show that it wants more; `is_narrow`: it gets hardly any, because others
    lack current. The time for which it draws still less (`under_use_since`) begins again.
    """
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
    """Narrow the headroom of a vehicle with a cap by use while others lack current; widen it (in place).

    Headroom is what it is offered beyond its draw. It is narrowed once others have lacked current for 3 min.
    The whole headroom is offered again when they lack nothing any more, and every 15 min for at least 45 s: a
    vehicle that stays a little below any offer could not show otherwise that it wants more. Source:
    load-management 14.1.
    """
    if participant.highest_draw_ma <= UNDER_USE_FROM_MA:
        return  # it does not charge: a cap by this draw would say nothing
    lack_since, changed_at = participant.others_lack_since, participant.headroom_changed_at
    if participant.has_narrow_headroom:
        if lack_since is None or now_s >= changed_at + WIDE_AGAIN_AFTER_S:
            _set_use_cap(participant, settings.headroom_ma, now_s)
        return
    # one step of the charger at least
    narrow_ma = max(NARROW_HEADROOM_MA, participant.settings.resolution_ma)
    if (
        lack_since is not None
        and now_s >= max(lack_since + NARROW_AFTER_S, changed_at + WIDE_FOR_S)
        and narrow_ma < settings.headroom_ma  # else there is nothing to narrow
    ):
        _set_use_cap(participant, narrow_ma, now_s, is_narrow=True)


def next_change_at(participant: Participant, settings: Settings, now_s: float) -> float:
    """Return from when on time alone may change something about a participant [monotonic s].

    Until then a cycle need not look at it without a new reading. `now_s` itself: something may change in any
    cycle. `NEVER` (infinite): nothing changes by time.
    """
    if not participant.is_reachable:
        # one that answers again counts as unreachable until its currents are read, or should have been
        answers = participant.observation is not None and participant.observation.is_reachable
        return age_counts_from(participant) + stale_after_s(participant) if answers else NEVER
    if not participant.has_valid_currents or participant.highest_draw_ma > participant.offer_ma:
        return now_s  # readings with the same values may make currents valid again, or show an overdraw
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
    """Return the instants [monotonic s], also past ones, at which time alone changes a participant.

    Each belongs to a rule of this module, of `observe` or of `raising`: a new rule that times something needs
    its instant here.
    """
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
        moments += _instants_of_use_cap_change(participant)
    if participant.charges_clearly_since is not None and participant.unused_since:
        moments += [
            max(participant.charges_clearly_since, unused_since) + UNUSED_AFTER_S
            for phase, unused_since in participant.unused_since.items()
            if phase in participant.phases
        ]
    return moments


def _instants_of_use_cap_change(participant: Participant) -> list[float]:
    """Return the instants [monotonic s], also past ones, at which time alone may change a cap by use.

    The cap may be raised again, and its headroom is widened again, or narrowed because others lack current.
    """
    moments = [participant.cap_raised_at + CAP_STEP_S]
    changed_at = participant.headroom_changed_at
    if participant.has_narrow_headroom:
        moments.append(changed_at + WIDE_AGAIN_AFTER_S)
    elif participant.others_lack_since is not None:
        narrow_at = participant.others_lack_since + NARROW_AFTER_S
        moments.append(max(narrow_at, changed_at + WIDE_FOR_S))
    return moments
