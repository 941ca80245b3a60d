"""What an observation of a charging point changes: reachability, currents, phases, draw history. Pure.

An observation is what was last read of a charging point. Most functions change a participant (a charging
point as load management knows it) in place. Three words recur. The draw is *known* while the charger can be
reached and its currents are *valid*, which means believable and not stale. A draw that is no longer known
*moves into the base load*: it may still flow, and the meter cannot tell it from the building's. It is kept as
the *unread draw* (`unread_draw_ma`), because the chargers' own line still carries it. Of a charger
without measurement the draw is *assumed*: its offer, while it reports that a vehicle charges. What a charger
that cannot be lowered may take beyond its offer and draw is *held back* (`held_back_ma`): no other participant
gets it.

Source: load-management 3.3, 4, 13.
"""

from collections.abc import Callable
from dataclasses import replace

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.limits import highest_plausible_ma
from knxgw.dlm.participant import (
    NO_CURRENT,
    UNUSED_AFTER_S,
    DrawHistory,
    Observation,
    Participant,
    ParticipantSettings,
    PastDraw,
    Phases,
    age_counts_from,
    stale_after_s,
)
from knxgw.dlm.participant_values import PhaseEvidence, Use
from knxgw.dlm.settings import Settings
from knxgw.dlm.trial import forget_trials

CHARGES_CLEARLY_MA = 3000  # on some phase: then a phase without current is not used (4.3)
UNUSED_BELOW_MA = 1000  # a phase that stays below it while the vehicle charges clearly is not used
HISTORY_S = 70.0  # how far the history reaches back: 60 s at least (7.2a)
VALID_AGAIN_S = 5.0  # currents must be plausible for so long after implausible ones (13.1d)
LOWEST_PLAUSIBLE_MA = -1000  # a current between this and 0 counts as 0 (3.3c)
# no charger of any model draws more: 80 A, the highest offer of all, and 30 % and 2 A more
MOST_OF_ANY_CHARGER_MA = 106_000


def says_nothing_new(participant: Participant, observation: Observation, now_s: float) -> bool:
    """Tell whether a cycle may skip a participant: it is as before, and no time has run out for it.

    As before means that nothing but the time of reading differs. Up to `unchanged_until` no wait or age of
    the participant runs out. One without measurement is never skipped: each cycle adds its assumed draw to
    the history.
    """
    known = participant.observation
    if (
        known is None
        or now_s >= participant.unchanged_until
        or not participant.settings.measures_current
    ):
        return False
    return known.differs_only_in_age(observation)


def note_reading_time(participant: Participant, observation: Observation) -> None:
    """Note when a participant's currents were read again with the same values (in place).

    The reading proves that the draw has not changed up to then, so it is added to the history, except while
    the participant counts as unreachable: then its draw is not known. The same reading again changes nothing.
    """
    if observation.read_at is not None and observation.read_at != participant.read_at:
        participant.read_at = observation.read_at
        if participant.is_reachable:
            participant.history = _history_with_reading(
                participant.history, observation.read_at, participant.draw_ma
            )


def unread_participant(settings: ParticipantSettings, offer_ma: int, now_s: float) -> Participant:
    """Return a participant of which nothing has been read yet; it counts as unreachable until its charger answers.

    Until then the higher of its offer and its fail-safe (the current it takes without contact) is held back for
    it on all wired phases: it may draw as much. Source: load-management 13.2b.
    """
    may_take_ma = max(offer_ma, settings.fail_safe_ma)
    return Participant(
        settings=settings,
        begun_at=now_s,
        phases=settings.wired_phases,
        offer_ma=offer_ma,
        held_back_ma=_on_phases(settings.wired_phases, lambda _phase: may_take_ma),
    )


def observe(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> Phases | None:
    """Update a participant from an observation (in place); return a draw that moves into the base load, or None.

    A draw moves there when it is no longer known, or when an assumed draw has ended: only the meter can show
    whether it is gone. The result is in mA per grid phase. With a static limit there is no base load: then a
    cycle adds the result to nothing (`cycle._add_to_base_load`). Source: load-management 7.2, 13.1, 13.2.
    """
    was_known, last_draw_ma = participant.is_draw_known, participant.draw_ma
    # the order matters: each step uses what the one before it has updated
    _take_over_observed(participant, observation, now_s)
    _update_reachability(participant, observation, settings, now_s)
    _update_currents(participant, observation, settings, now_s)
    participant.wants_to_charge = _wants_to_charge(observation)
    participant.is_interrupting = (
        participant.is_connected and observation.state is ChargingState.INTERRUPTION
    )
    if participant.is_reachable:  # else what is held back for it since it was lost stays
        participant.held_back_ma = _held_back_until_acknowledged_ma(participant, observation, now_s)
    if was_known and not participant.is_draw_known:
        _forget_draw(participant, settings)
        return last_draw_ma
    if participant.is_draw_known or _reports_no_charging(participant, observation):
        # its draw is read again, or nothing flows: no unread draw burdens the chargers' own line (7.1d)
        participant.unread_draw_ma = NO_CURRENT
    return last_draw_ma if _has_assumed_draw_ended(participant, last_draw_ma, settings) else None


def _has_assumed_draw_ended(
    participant: Participant, last_draw_ma: Phases, settings: Settings
) -> bool:
    """Tell whether an assumed draw has just ended: it falls from `last_draw_ma` to nothing.

    Then it moves into the base load, since only the meter can show that the current is really gone. False
    with a static limit: there is no meter, and no base load.
    """
    is_assumed = participant.is_reachable and not participant.settings.measures_current
    has_ended = any(last_draw_ma) and not any(participant.draw_ma)
    return is_assumed and has_ended and settings.static_limit_ma is None


def _take_over_observed(participant: Participant, observation: Observation, now_s: float) -> None:
    """Take over from an observation what needs no check: plug, constraints, energy (in place).

    If the charger answers again, the time is noted. When the vehicle is unplugged, what was learnt about it
    is forgotten. `unchanged_until` becomes now, so that the next cycle does not skip the participant.
    """
    was_answering = participant.observation is not None and participant.observation.is_reachable
    if observation.is_reachable and not was_answering:
        participant.reachable_since = now_s
    participant.observation, participant.unchanged_until = observation, now_s
    if participant.is_connected and not observation.is_connected:
        _forget_vehicle(participant)
    participant.is_connected = observation.is_connected
    participant.may_charge = observation.may_charge
    participant.external_cap = observation.external_cap
    participant.energy_mwh = observation.energy_mwh


def _forget_draw(participant: Participant, settings: Settings) -> None:
    """Forget a participant's draw, which is no longer known; all its wired phases count again (in place).

    The last draw is kept as `unread_draw_ma`, because it may still flow over the chargers' own line, and
    leaves less room there. Not of a lost charger with a static limit: then what it may take is held back as a
    whole (`_update_reachability`), which already makes the room smaller.
    """
    if settings.static_limit_ma is None or participant.is_reachable:
        participant.unread_draw_ma = participant.draw_ma
    participant.draw_ma = participant.overdraw_ma = NO_CURRENT
    participant.currents_ma = None
    participant.phase_evidence = replace(participant.phase_evidence, found=None)
    participant.phases = participant.settings.wired_phases


def _reports_no_charging(participant: Participant, observation: Observation) -> bool:
    """Tell whether nothing can flow: the charger answers, is offered 0 A, and reports a state without charging.

    Then nothing flows even if its currents cannot be believed, and its unread draw is forgotten. False while
    its state is not known.
    """
    state = observation.state
    return (
        participant.is_reachable
        and participant.offer_ma == 0
        and state is not None
        and not state.is_charging
    )


def _forget_vehicle(participant: Participant) -> None:
    """Forget what was learnt about a vehicle that was unplugged: its phases, use and trials (in place).

    All wired phases count again, until the next vehicle shows which it uses. It is also forgotten that the
    vehicle was shed; but when the charging point was stopped is kept. Source: load-management 4.5, 18.1m.
    """
    participant.phases = participant.settings.wired_phases
    # only the instant of the last test is kept, by which a test may still count as open. How long the next
    # one has to wait is forgotten: that was about the vehicle that has left
    participant.phase_evidence = PhaseEvidence(tested_at=participant.phase_evidence.tested_at)
    participant.use = Use()
    participant.shedding = replace(participant.shedding, is_shed=False)
    forget_trials(participant)


def _update_reachability(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> None:
    """Update whether a charger can be reached; if it is lost, hold back what it may take without contact (in place).

    That is the highest of its offer, the offer it acknowledged last, its fail-safe, and what it draws. Its last
    draw moves into the base load, so only the rest is held back. With a static limit there is no base load, and
    all of it is held back. One that answers again may have to wait for its first reading (`_is_first_reading_awaited`).
    Source: load-management 13.2.
    """
    if participant.is_reachable and not observation.is_reachable:
        acknowledged_ma = observation.acknowledged_ma or 0  # a lower offer may not have arrived
        may_take_ma = max(participant.offer_ma, acknowledged_ma, participant.settings.fail_safe_ma)
        in_base_ma = NO_CURRENT if settings.static_limit_ma is not None else participant.draw_ma
        participant.held_back_ma = _on_phases(
            participant.settings.wired_phases,
            lambda phase: max(may_take_ma, participant.draw_ma[phase]) - in_base_ma[phase],
        )
    participant.is_reachable = observation.is_reachable and not _is_first_reading_awaited(
        participant, observation, now_s
    )


def _is_first_reading_awaited(
    participant: Participant, observation: Observation, now_s: float
) -> bool:
    """Tell whether a lost charger that answers again still counts as unreachable, since its currents are unread.

    It counts so because its last draw is still in the base load (`unread_draw_ma`): if its offer counted as
    well, its current would count twice, and others would be lowered for nothing. After the time in which
    currents become stale it is reachable in any case.
    """
    if (
        participant.is_reachable  # it was not lost
        or not participant.settings.measures_current  # no currents will be read
        or not _are_currents_stale(participant, observation, now_s)
    ):
        return False
    answers_since_s = now_s - participant.reachable_since
    return any(participant.unread_draw_ma) and answers_since_s <= stale_after_s(participant)


def _are_currents_stale(participant: Participant, observation: Observation, now_s: float) -> bool:
    """Tell whether an observation has no currents, or only ones that were read too long ago (`stale_after_s`)."""
    if observation.read_at is None or observation.currents_ma is None:
        return True
    return now_s - observation.read_at > stale_after_s(participant)


def _held_back_until_acknowledged_ma(
    participant: Participant, observation: Observation, now_s: float
) -> Phases:
    """Return what a charger may still take because it has not acknowledged a lower offer [mA per grid phase].

    It may still take what it acknowledged last. Offer and draw count anyway, so only what is above the larger
    of them is returned. 0 until the lower offer must have been obeyed: up to then no more is reserved than the
    offer, the draw, and an offer to which it was raised in the last T_ev (`commitment.committed_ma`). Source:
    load-management 9.3i.
    """
    acknowledged_ma, offer_ma = observation.acknowledged_ma, participant.offer_ma
    if (
        acknowledged_ma is None
        or acknowledged_ma <= offer_ma
        or now_s < participant.transition.obey_by_at
    ):
        return NO_CURRENT
    draw_ma = participant.draw_ma
    return _on_phases(
        participant.phases, lambda phase: max(0, acknowledged_ma - max(offer_ma, draw_ma[phase]))
    )


def _on_phases(used_phases: tuple[int, ...], value: Callable[[int], int]) -> Phases:
    """Return a value [mA] per grid phase: `value(phase)` on `used_phases` (of 0 to 2), 0 on the others."""
    return (
        value(0) if 0 in used_phases else 0,
        value(1) if 1 in used_phases else 0,
        value(2) if 2 in used_phases else 0,
    )


def _update_currents(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> None:
    """Update a participant's draw, history and phases by its currents, if they can be believed (in place).

    Nothing is taken from a charger that cannot be reached. Without measurement the draw is assumed, and
    always valid. If there are no currents that can be used, they become invalid after a time. That also holds
    if a charger that has just answered draws more than its maximum: an earlier configuration may have allowed
    that, so it is no fault yet. `is_reachable` must be up to date. Source: load-management 3.3, 13.1.
    """
    currents_ma = observation.currents_ma
    if not participant.is_reachable:
        # once reached, its currents must prove plausible from scratch
        participant.plausible_since = None
    elif not participant.settings.measures_current:
        participant.draw_ma = _assumed_draw_ma(participant, observation, settings, now_s)
        participant.has_valid_currents = True
        _note_draw(participant, now_s, now_s)
    elif (
        currents_ma is None
        or _are_currents_stale(participant, observation, now_s)
        or _may_draw_by_earlier_maximum(participant, currents_ma, now_s)
    ):
        _invalidate_currents_if_stale(participant, now_s)
    elif not _is_reading_processed(participant, observation):
        _take_in_currents(participant, currents_ma, observation.read_at, now_s)
    elif participant.has_valid_currents:
        # there is no new reading, but an unused phase may be due to leave
        _update_phases(participant, now_s)


def _invalidate_currents_if_stale(participant: Participant, now_s: float) -> None:
    """Make a participant's currents invalid if none could be used for as long as a reading counts (in place).

    To be called in each cycle without usable currents. The time runs from the last reading. If the charger
    was lost and has answered again since, it runs from then, because it will be read in a moment.
    """
    if now_s - age_counts_from(participant) > stale_after_s(participant):
        participant.has_valid_currents, participant.plausible_since = False, None


def _is_reading_processed(participant: Participant, observation: Observation) -> bool:
    """Tell whether the reading in this observation has been processed already, and is still remembered.

    When a charger is lost its currents are forgotten (None, though `has_valid_currents` stays true): the same
    reading as before then has to be processed again. Currents that are None because they are invalid are not
    forgotten: only a new reading makes them valid.
    """
    is_forgotten = participant.currents_ma is None and participant.has_valid_currents
    return observation.read_at == participant.read_at and not is_forgotten


def _take_in_currents(
    participant: Participant,
    currents_ma: tuple[int | None, ...],
    read_at: float | None,
    now_s: float,
) -> None:
    """Take in a reading of a participant's currents; if they are valid, update its draw and phases (in place).

    To be called only with a reading that was not taken in yet. `currents_ma`: at the terminals of the
    charger, which may be wired to the grid phases in another order. `read_at`: when they were read; None:
    now.
    """
    participant.read_at, participant.currents_ma = read_at, currents_ma
    _update_validity(participant, currents_ma, now_s)
    if participant.has_valid_currents:
        participant.draw_ma = _in_grid_phases(participant.settings.wired_phases, currents_ma)
        _note_draw(participant, now_s if read_at is None else read_at, now_s)


def _note_draw(participant: Participant, drawn_at: float, now_s: float) -> None:
    """Add a participant's draw to its history, as of `drawn_at` (in place).

    Then update which phases its vehicle seems to use (`phases`): only these count in the allocation.
    """
    participant.history = _history_with_reading(participant.history, drawn_at, participant.draw_ma)
    _update_phases(participant, now_s)


def _history_with_reading(history: DrawHistory, read_at: float, draw_ma: Phases) -> DrawHistory:
    """Return the history of a draw with one more reading; what is no longer needed goes as it grows.

    The history tells what was drawn when the smart meter took a sample (`draw_history`). Of equal readings in a
    row only the first and the last are kept: the draw stayed the same between them. It reaches back at least
    `HISTORY_S` (70 s), as far as there were readings.
    """
    reading = PastDraw(read_at, draw_ma)
    if len(history) >= 2 and history[-1].draw_ma == draw_ma == history[-2].draw_ma:
        return (*history[:-1], reading)
    # the draw between the two oldest readings is needed until the second of them is older than `HISTORY_S`
    is_oldest_needed = len(history) < 2 or history[1].read_at >= read_at - HISTORY_S
    return (*history, reading) if is_oldest_needed else (*history[1:], reading)


def _may_draw_by_earlier_maximum(
    participant: Participant, currents_ma: tuple[int | None, ...], now_s: float
) -> bool:
    """Tell whether a charger draws more than its maximum perhaps only because an earlier configuration allowed it.

    That is possible only shortly after it has answered, until it has followed the new maximum; the time is
    the one in which currents become stale. It is not possible for more than any model of charger can draw.
    Then, or later, such a current is a fault.
    """
    if now_s - participant.reachable_since > stale_after_s(participant):
        return False
    highest_ma = max((current or 0 for current in currents_ma), default=0)
    plausible_ma = highest_plausible_ma(participant.settings.maximum_ma)
    return plausible_ma < highest_ma <= MOST_OF_ANY_CHARGER_MA


def _update_validity(
    participant: Participant, currents_ma: tuple[int | None, ...], now_s: float
) -> None:
    """Update whether a participant's currents are valid, from a new reading (`has_valid_currents`, in place).

    They are not once a current is missing, below -1 A, or higher than the charger can draw. They are valid
    again when all have been plausible for `VALID_AGAIN_S` (5 s). Source: load-management 3.3c, 13.1d.
    """
    highest_ma = highest_plausible_ma(participant.settings.maximum_ma)
    is_plausible = all(
        current is not None and LOWEST_PLAUSIBLE_MA <= current <= highest_ma
        for current in currents_ma
    )
    if not is_plausible:
        participant.has_valid_currents, participant.plausible_since = False, None
    elif not participant.has_valid_currents:
        participant.plausible_since = (
            now_s if participant.plausible_since is None else participant.plausible_since
        )
        participant.has_valid_currents = now_s - participant.plausible_since >= VALID_AGAIN_S


def _in_grid_phases(wired: tuple[int, ...], currents_ma: tuple[int | None, ...]) -> Phases:
    """Return currents at the terminals of a charger as currents per grid phase [mA].

    `wired`: the grid phase (0 to 2) of each terminal. Negative and missing currents count as 0.
    """
    result = [0, 0, 0]
    for phase, current_ma in zip(wired, currents_ma, strict=False):
        result[phase] += max(0, current_ma or 0)
    return result[0], result[1], result[2]


def _assumed_draw_ma(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> Phases:
    """Return what a charger without measurement is assumed to draw per grid phase [mA].

    To be called only for such a charger, while it can be reached. That is its offer on each phase that counts
    for it while it reports that a vehicle charges, else nothing. After a change of the offer the assumed draw
    moves to it linearly, within the time that a vehicle has to follow (T_ev, `obey_s`). Source:
    load-management 3.3b.
    """
    if observation.state is None or not observation.state.is_charging:
        return NO_CURRENT
    transition = participant.transition
    # how far the draw has moved to the new offer: from 0 (not at all) to 1 (all the way)
    moved = min(1.0, max(0.0, (now_s - transition.changed_at) / settings.obey_s))
    before_ma = transition.draw_at_change_ma
    current_ma = round(before_ma + moved * (participant.offer_ma - before_ma))
    return _on_phases(participant.phases, lambda _phase: current_ma)


def _update_phases(participant: Participant, now_s: float) -> None:
    """Update which wired phases count for a participant: those that its vehicle seems to use (in place).

    A phase that carries more than 1 A counts at once. One that carries less stops counting after 15 s
    (`UNUSED_AFTER_S`), if the vehicle has charged clearly (3 A on some phase) for as long: a vehicle that
    hardly draws says nothing about its phases. Without measurement only the times are noted, and the meter
    finds the phases (`used_phases`). Source: load-management 4.3, 4.4.
    """
    draw_ma, wired = participant.draw_ma, participant.settings.wired_phases
    known = participant.phase_evidence
    # since when the vehicle charges clearly, and since when each phase carries too little to be used
    clearly_since = known.charges_clearly_since
    if max(draw_ma) < CHARGES_CLEARLY_MA:
        clearly_since = None
    elif clearly_since is None:
        clearly_since = now_s
    unused_since = {
        phase: known.unused_since.get(phase, now_s)
        for phase in wired
        if draw_ma[phase] < UNUSED_BELOW_MA
    }
    if clearly_since != known.charges_clearly_since or unused_since != known.unused_since:
        participant.phase_evidence = replace(
            known, charges_clearly_since=clearly_since, unused_since=unused_since
        )
    all_count_and_are_used = not unused_since and participant.phases == wired
    if not participant.settings.measures_current or all_count_and_are_used:
        return
    counted_phases = [
        phase for phase in wired if phase in participant.phases or draw_ma[phase] > UNUSED_BELOW_MA
    ]
    if clearly_since is not None and now_s - clearly_since >= UNUSED_AFTER_S:
        counted_phases = [
            phase
            for phase in counted_phases
            if phase not in unused_since or now_s - unused_since[phase] < UNUSED_AFTER_S
        ]
    participant.phases = tuple(counted_phases)


def _wants_to_charge(observation: Observation) -> bool:
    """Tell whether a vehicle is connected that charges or may begin to; False if the charger's state is unknown.

    Source: load-management 5.
    """
    if not observation.is_connected or observation.state is None:
        return False
    return observation.state in _WANTING


_WANTING = (
    ChargingState.CANCELLED,  # the charger's own state for "finished": the vehicle is only idle
    ChargingState.CONNECTED,
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
)
