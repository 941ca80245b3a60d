"""What a vehicle makes of its offer: whether it draws more (overdraw), less (under-use), or nothing (idle). Pure.

A vehicle has T_ev (`obey_s`) to follow an offer; a `Transition` says how far it may be from the offer before
to the present one. A vehicle that draws less for long gets a *cap by use*: its draw plus a headroom, by which
it can show that it wants more. The rest goes to others.

Source: load-management 13.4, 14.
"""

from dataclasses import replace

from knxgw.charging.limits import DRAWS_FROM_MA, OVERDRAW_FROM_MA
from knxgw.dlm.draw_history import last_read_at, must_be_obeyed_at
from knxgw.dlm.participant import (
    NO_CURRENT,
    UNUSED_AFTER_S,
    Participant,
    age_counts_from,
    stale_after_s,
)
from knxgw.dlm.participant_values import Transition, UseCap
from knxgw.dlm.settings import FIRST_READ_WITHIN_S, LONG_AGO, SMALL_RAISE_S, Settings

# a vehicle that draws no more does not charge: it may be idle instead (14.1a)
UNDER_USE_FROM_MA = 500
# a cap by use that its vehicle uses rises by 3 A, at most once in 10 s (14.1b)
CAP_STEP_MA, CAP_STEP_S = 3000, 10.0
NARROW_AFTER_S = 180.0  # the headroom is narrowed once others have lacked current for so long
NARROW_HEADROOM_MA = 500  # or one step of the charger, if that is more
# the whole headroom is offered again once it has been narrow for so long
WIDE_AGAIN_AFTER_S = 900.0
WIDE_FOR_S = 45.0  # then it stays whole for at least so long
NEVER = float("inf")  # an instant that does not come


def set_offer(participant: Participant, offer_ma: int, settings: Settings, now_s: float) -> None:
    """Set the offer of a participant, and note what follows (in place); the same offer changes nothing.

    Noted are its transition (by when the vehicle must obey, until when it may rise, and what it was offered
    and drew before) and, for 0 A, since when it waits. The next cycle does not skip it, and what it lacks of
    what others keep (`even_out`) is timed again.
    """
    if offer_ma == participant.offer_ma:
        return
    participant.transition = _transition_to(participant, offer_ma, settings, now_s)
    if offer_ma == 0:
        participant.waiting_since = now_s
    participant.offer_ma = offer_ma
    participant.unchanged_until = now_s  # the next cycle must look at it again
    participant.short_since = None


def _transition_to(
    participant: Participant, offer_ma: int, settings: Settings, now_s: float
) -> Transition:
    """Return the transition that begins now with an offer of `offer_ma` [mA]: from which offers, and until when.

    To be called only with another offer than the present one. That becomes the previous one, unless it was
    made at this very instant and so never sent. After a raise the vehicle may rise until `rises_until`. If no
    reading has shown yet what it made of the lower offer before the raise, it may have dipped to that unseen
    (`dips_until`). After a lowering it has to obey by `obey_by_at`; a vehicle that ignores its offer is given
    no more time for a lower one. Source: load-management 7.2h, 13.3a.
    """
    transition = participant.transition
    may_have_dipped = offer_ma > participant.offer_ma and _was_lowered_unseen(
        participant, settings, now_s
    )
    if now_s > transition.changed_at:
        transition = _with_previous_offer(participant, settings, now_s)
    obeyed_at = now_s + settings.obey_s
    if offer_ma > participant.offer_ma:
        if may_have_dipped:
            transition = _with_unseen_dip(transition, participant.offer_ma, obeyed_at, now_s)
        return replace(transition, changed_at=now_s, raised_to_ma=offer_ma, rises_until=obeyed_at)
    obey_by_at = transition.obey_by_at if _ignores_offer(participant) else obeyed_at
    return replace(transition, changed_at=now_s, obey_by_at=obey_by_at)


def _was_lowered_unseen(participant: Participant, settings: Settings, now_s: float) -> bool:
    """Tell whether a participant that is about to be raised was lowered before, and may have followed unseen.

    So it is while no reading was taken after its vehicle must have obeyed (`must_be_obeyed_at`, which may
    still be ahead): none shows how far the draw fell. False if the charger was never read, or if it was
    lowered at this very instant: the raise takes the place of that offer before it is sent.
    """
    transition, read_at = participant.transition, last_read_at(participant)
    was_lowered = participant.offer_ma < transition.previous_offer_ma
    if not was_lowered or now_s == transition.changed_at or read_at is None:
        return False
    return read_at < must_be_obeyed_at(participant, settings)


def _with_unseen_dip(
    transition: Transition, lowered_to_ma: int, until: float, now_s: float
) -> Transition:
    """Return the transition with the lowest offer that a vehicle may have followed without any reading showing it.

    `lowered_to_ma`: the lower offer, which is now raised again [mA]. If an earlier dip may still last and was
    lower, that counts. `until`: by when the vehicle must have followed the raise [monotonic s]. Source:
    load-management 7.2h.
    """
    if now_s < transition.dips_until:
        lowered_to_ma = min(lowered_to_ma, transition.dips_to_ma)
    return replace(transition, dips_to_ma=lowered_to_ma, dips_until=until)


def _ignores_offer(participant: Participant) -> bool:
    """Tell whether a vehicle ignores its offer: it draws more by over 1.5 A, and by over a tenth of the offer.

    That goes by its overdraw (`Participant.overdraw_ma`). Asked before a lower offer gives the vehicle new
    time to obey, and to tell whether the overdraw is remembered: a smaller one is how some vehicles are.
    Source: load-management 13.3a.
    """
    highest_small_overdraw_ma = max(OVERDRAW_FROM_MA, participant.offer_ma // 10)
    return max(participant.overdraw_ma) > highest_small_overdraw_ma


def _with_previous_offer(participant: Participant, settings: Settings, now_s: float) -> Transition:
    """Return the transition with the offer that ends now as the previous one, and with the present draw.

    The previous offer of until now becomes `second_last_offer_ma` if the vehicle need not have left it yet,
    because current by it may still flow. Otherwise that field holds the offer that ends now, too.
    """
    is_obeyed = now_s >= must_be_obeyed_at(participant, settings)
    transition = participant.transition
    return replace(
        transition,
        second_last_offer_ma=participant.offer_ma if is_obeyed else transition.previous_offer_ma,
        previous_offer_ma=participant.offer_ma,
        draw_at_change_ma=participant.highest_draw_ma,
    )


def update_use(participant: Participant, settings: Settings, now_s: float) -> None:
    """Update what a participant makes of its offer: draws more, less, or nothing (in place).

    It also notes since when it waits (`waiting_since`), and since when it has had at least its minimum
    (`offered_since`). Once it does not wait any more, a trial for it ends. Without its minimum a vehicle
    cannot charge, so it counts neither as idle nor as drawing less.
    """
    _update_overdraw(participant, settings, now_s)
    if not participant.takes_part or participant.offer_ma > 0:
        participant.waiting_since = None  # it does not wait
        if participant.trial.since is not None:
            participant.trial = replace(participant.trial, since=None)
    elif participant.waiting_since is None:
        participant.waiting_since = now_s
    use = participant.use
    if not participant.takes_part or participant.offer_ma < participant.settings.minimum_ma:
        if use.offered_since is not None:
            participant.use = replace(
                use, offered_since=None, not_drawing_since=None, is_idle=False, under_use_since=None
            )
        return
    if use.offered_since is None:
        # its vehicle has the longer time to begin again (T_wait, `_update_idle`)
        participant.use = replace(use, offered_since=now_s, has_charged=False)
    _update_idle(participant, settings, now_s)
    _update_under_use(participant, settings, now_s)


def _update_overdraw(participant: Participant, settings: Settings, now_s: float) -> None:
    """Update by how much a vehicle draws more than its offer, per grid phase [mA] (`overdraw_ma`, in place).

    A new overdraw counts only once the vehicle must have obeyed its offer. A small one (up to 1.5 A, or a
    tenth of the offer) is how this vehicle is, so it is remembered while nothing is drawn, and up to 1.5 A
    also while the vehicle is stopped; until it leaves, draws no more than its offer, or its currents are
    lost. With a larger one the vehicle ignores its offer: that is updated in each cycle, and forgotten once
    it is stopped. Source: load-management 13.4.
    """
    offer_ma, draw_ma = participant.offer_ma, participant.draw_ma
    ignores_offer = _ignores_offer(participant)
    is_stopped = not participant.takes_part or offer_ma == 0
    if is_stopped:
        if ignores_offer or not participant.is_connected or not participant.has_valid_currents:
            participant.overdraw_ma = NO_CURRENT
        return
    if not ignores_offer and not _has_had_time_to_obey(participant, settings, now_s):
        return  # its draw may still be falling to the offer
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
    when its charger acknowledged that offer; false while an earlier one is acknowledged. If the charger has
    not acknowledged any offer, T_ev runs from the offer itself, and the time of reading does not matter.
    Source: load-management 13.4.
    """
    observation = participant.observation
    if (
        observation is None
        or observation.acknowledged_ma is None
        or observation.acknowledged_at is None
    ):
        # `obey_by_at`: T_ev after the offer was last lowered for a vehicle that obeys
        transition = participant.transition
        return now_s >= max(transition.obey_by_at, transition.changed_at + settings.obey_s)
    read_at = now_s if participant.read_at is None else participant.read_at
    return (
        observation.acknowledged_ma == participant.offer_ma
        and read_at >= observation.acknowledged_at + settings.obey_s
    )


def _update_idle(participant: Participant, settings: Settings, now_s: float) -> None:
    """Update whether a vehicle is idle: it has drawn no more than 1 A (`DRAWS_FROM_MA`) for a time (in place).

    To be called only while it has at least its minimum. The time is T_idle (60 s), or T_wait (5 min) if it
    has not drawn more since it was offered the minimum, because some vehicles begin late. A draw above 1 A
    ends it. An idle vehicle loses its cap by use. Source: load-management 14.2.
    """
    use = participant.use
    if participant.highest_draw_ma > DRAWS_FROM_MA:
        if not use.has_charged or use.not_drawing_since is not None:
            participant.use = replace(use, has_charged=True, not_drawing_since=None, is_idle=False)
        return
    not_drawing_since = now_s if use.not_drawing_since is None else use.not_drawing_since
    idle_after_s = settings.idle_s if use.has_charged else settings.wait_s
    if now_s - not_drawing_since >= idle_after_s:
        participant.use = replace(
            use,
            not_drawing_since=not_drawing_since,
            is_idle=True,
            under_use_since=None,
            cap=None,
        )
    elif use.not_drawing_since is None:
        participant.use = replace(use, not_drawing_since=not_drawing_since)


def _update_under_use(participant: Participant, settings: Settings, now_s: float) -> None:
    """Update the cap by use: the highest offer to a vehicle that draws less than it may (in place).

    To be called only while it has at least its minimum. A vehicle that has drawn less than its offer less the
    headroom for T_obs (30 s) is capped at its draw plus the headroom, so that others get the rest. Once it
    uses half of that headroom, the cap is raised; else the headroom may be narrowed, or made whole again.
    Nothing changes while the vehicle is idle. Without measurement the meter shows what it takes
    (`line_response`); here that cap ends after 15 min. Source: load-management 14.1.
    """
    draw_ma, cap = participant.highest_draw_ma, participant.use.cap
    if not participant.settings.measures_current:
        # it may show once more what it takes
        if cap is not None and now_s >= cap.headroom_changed_at + WIDE_AGAIN_AFTER_S:
            participant.use = replace(participant.use, cap=None)
        return
    if participant.use.is_idle:
        return
    if cap is not None:
        # `cap.draw_ma` is what it drew when it got the cap. Half of the headroom is enough, because some
        # vehicles stay a little below any offer
        uses_half_of_headroom = draw_ma >= (cap.draw_ma + cap.ma) / 2
        if uses_half_of_headroom:
            _raise_use_cap(participant, cap, now_s)
            return
        _update_headroom(participant, cap, settings, now_s)
    # there may be a cap already: if the draw has fallen well below it, a lower one is set
    draws_clearly_less = draw_ma < participant.offer_ma - settings.headroom_ma
    under_use_since = participant.use.under_use_since
    if draw_ma <= UNDER_USE_FROM_MA or not draws_clearly_less:
        _note_under_use_since(participant, None)  # it does not charge, or uses its offer
    elif under_use_since is None:
        _note_under_use_since(participant, now_s)
    elif now_s - under_use_since >= settings.observe_s:
        _cap_at_draw(participant, settings.headroom_ma, now_s)


def _note_under_use_since(participant: Participant, since: float | None) -> None:
    """Note since when a vehicle has drawn less than its offer minus the headroom; None: it does not (in place)."""
    if participant.use.under_use_since != since:
        participant.use = replace(participant.use, under_use_since=since)


def _raise_use_cap(participant: Participant, cap: UseCap, now_s: float) -> None:
    """Raise by 3 A the cap by use (`cap`) of a vehicle that uses its headroom, at most once in 10 s (in place).

    To be called only while the vehicle uses half of the headroom. If the cap would reach the maximum of the
    charging point, it is removed. In any case the vehicle no longer counts as drawing less than its offer,
    and a raised cap does not count as narrow. Source: load-management 14.1b.
    """
    _note_under_use_since(participant, None)
    if now_s - cap.raised_at < CAP_STEP_S:
        return  # it was raised a moment ago
    raised = UseCap(
        ma=cap.ma + CAP_STEP_MA,
        draw_ma=participant.highest_draw_ma,
        headroom_changed_at=now_s,
        raised_at=now_s,
    )
    is_removed = raised.ma >= participant.settings.maximum_ma
    participant.use = replace(participant.use, cap=None if is_removed else raised)


def _cap_at_draw(
    participant: Participant, headroom_ma: int, now_s: float, *, is_narrow: bool = False
) -> None:
    """Cap a participant's offers at its draw plus a headroom [mA], but not below its minimum (in place).

    With the headroom the vehicle can show that it wants more. `is_narrow`: it is a small headroom, because
    others lack current. The time for which it draws less (`under_use_since`) begins again.
    """
    draw_ma, before = participant.highest_draw_ma, participant.use.cap
    cap = UseCap(
        ma=max(participant.settings.minimum_ma, draw_ma + headroom_ma),
        draw_ma=draw_ma,
        is_narrow=is_narrow,
        headroom_changed_at=now_s,
        raised_at=LONG_AGO if before is None else before.raised_at,
    )
    participant.use = replace(participant.use, cap=cap, under_use_since=None)


def _update_headroom(
    participant: Participant, cap: UseCap, settings: Settings, now_s: float
) -> None:
    """Narrow the headroom of a vehicle with a cap by use while others lack current; else make it whole (in place).

    To be called only while the vehicle uses less than half of the headroom. That is narrowed once others have
    lacked current for 3 min. It is made whole once they lack nothing, and otherwise after 15 min, for at
    least 45 s: a vehicle that stays a little below any offer cannot show with a narrow headroom that it wants
    more. Nothing changes while the vehicle draws 0.5 A at most. Source: load-management 14.1.
    """
    if participant.highest_draw_ma <= UNDER_USE_FROM_MA:
        return  # it does not charge, so its draw says nothing of what it will use
    lack_since, changed_at = participant.use.scarce_since, cap.headroom_changed_at
    if cap.is_narrow:
        if lack_since is None or now_s >= changed_at + WIDE_AGAIN_AFTER_S:
            _cap_at_draw(participant, settings.headroom_ma, now_s)
        return
    # no less than one step of the charger, else the offer would not be above the draw at all
    narrow_ma = max(NARROW_HEADROOM_MA, participant.settings.resolution_ma)
    if (
        lack_since is not None
        and now_s >= max(lack_since + NARROW_AFTER_S, changed_at + WIDE_FOR_S)
        and narrow_ma < settings.headroom_ma  # else there is nothing to narrow
    ):
        _cap_at_draw(participant, narrow_ma, now_s, is_narrow=True)


def next_change_at(participant: Participant, settings: Settings, now_s: float) -> float:
    """Return the earliest instant at which the passage of time alone may change a participant [monotonic s].

    Until then no cycle need run for it, and a cycle may skip it, while nothing new is observed; one without
    measurement is looked at in every cycle all the same (`observe.says_nothing_new`). `now_s`: the next cycle
    has to look at it. `NEVER` (infinite): time alone changes nothing. Only waits and transitions of this
    participant itself count: those that concern others too (trial, shed, turn, phase test) are in `finish`.
    """
    if not participant.is_reachable:
        answers = participant.observation is not None and participant.observation.is_reachable
        if answers:
            # it counts as unreachable until its currents are read again, or should have been
            return age_counts_from(participant) + stale_after_s(participant)
        first_read_by = participant.begun_at + FIRST_READ_WITHIN_S
        is_awaited = settings.static_limit_ma is not None and first_read_by >= now_s
        return first_read_by if is_awaited else NEVER
    if not participant.has_valid_currents or participant.highest_draw_ma > participant.offer_ma:
        # each reading counts, even with the same values: currents become valid, an overdraw is confirmed
        return now_s
    if (
        any(participant.overdraw_ma)
        and participant.takes_part
        and participant.highest_draw_ma > DRAWS_FROM_MA
    ):
        return now_s  # the next reading after it must have obeyed shows that its overdraw has gone
    if (
        not participant.settings.measures_current
        and now_s < participant.transition.changed_at + settings.obey_s
    ):
        return now_s  # its assumed draw moves towards the new offer
    soonest_at = NEVER
    for at in _instants_of_change(participant, settings):
        if now_s <= at < soonest_at:
            soonest_at = at
    return soonest_at


def _instants_of_change(participant: Participant, settings: Settings) -> list[float]:
    """Return the instants [monotonic s] at which time alone changes a participant; some may be past.

    Each is the end of a wait or transition of this one participant, by a rule of this module, of `observe`,
    `commitment` or `raising`. A new rule that times such a thing must add its instant here, else a cycle may
    come too late. Waits that concern others too (trial, shed, turn, phase test) are in `finish`.
    """
    use, evidence = participant.use, participant.phase_evidence
    instants = [participant.transition.obey_by_at, participant.transition.rises_until]
    if participant.settings.measures_current:
        instants.append(age_counts_from(participant) + stale_after_s(participant))
    if use.not_drawing_since is not None and not use.is_idle:
        idle_after_s = settings.idle_s if use.has_charged else settings.wait_s
        instants.append(use.not_drawing_since + idle_after_s)
    if participant.small_raise_possible_since is not None:
        instants.append(participant.small_raise_possible_since + SMALL_RAISE_S)
    if use.under_use_since is not None:
        instants.append(use.under_use_since + settings.observe_s)
    if use.cap is not None:
        instants += (
            _instants_of_use_cap_change(use.cap, use.scarce_since)
            if participant.settings.measures_current
            else [use.cap.headroom_changed_at + WIDE_AGAIN_AFTER_S]
        )
    if evidence.charges_clearly_since is not None and evidence.unused_since:
        instants += [
            max(evidence.charges_clearly_since, unused_since) + UNUSED_AFTER_S
            for phase, unused_since in evidence.unused_since.items()
            if phase in participant.phases
        ]
    return instants


def _instants_of_use_cap_change(cap: UseCap, scarce_since: float | None) -> list[float]:
    """Return the instants [monotonic s] at which time alone may change a cap by use; some may be past.

    From these on the cap may be raised again, and its headroom made whole, or narrowed because others lack
    current (`scarce_since`; None: they do not).
    """
    raisable_at, changed_at = cap.raised_at + CAP_STEP_S, cap.headroom_changed_at
    if cap.is_narrow:
        return [raisable_at, changed_at + WIDE_AGAIN_AFTER_S]
    if scarce_since is None:
        return [raisable_at]
    return [raisable_at, max(scarce_since + NARROW_AFTER_S, changed_at + WIDE_FOR_S)]
