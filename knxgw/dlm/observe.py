"""What an observation of a charging point changes: reach, currents, phases, history. Pure.

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
MOST_OF_ANY_CHARGER_MA = 106_000  # 80 A, the highest offer of all models, and 30 % and 2 A more


def says_nothing_new(participant: Participant, observation: Observation, now_s: float) -> bool:
    """Tell whether this cycle need not observe a participant: neither an observation nor the time has news.

    False without measurement: the history of such a participant takes the assumed draw of each cycle.
    `Participant.unchanged_until`: until then time alone changes nothing.
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
    """Note that the currents were read again with the same values (in place).

    A reading that was noted before changes nothing. A new one proves the draw up to its instant, so the draw
    enters the history with that instant, unless the participant counts as unreachable.
    """
    if observation.read_at is not None and observation.read_at != participant.read_at:
        participant.read_at = observation.read_at
        if participant.is_reachable:
            participant.history = _with_reading(
                participant.history, observation.read_at, participant.draw_ma
            )


def unread_participant(settings: ParticipantSettings, offer_ma: int) -> Participant:
    """Return a participant of which nothing has been read yet: all its wired phases count.

    Until its charger answers for the first time it counts as lost: what it may take without contact, the
    offer or its fallback, is reserved (`held_back_ma`). What it draws, if anything, is in the base load.
    Source: load-management 13.2b.
    """
    may_take_ma = max(offer_ma, settings.fallback_ma)
    return Participant(
        settings=settings,
        phases=settings.wired_phases,
        offer_ma=offer_ma,
        held_back_ma=_on_phases(settings.wired_phases, lambda _phase: may_take_ma),
    )


def observe(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> Phases | None:
    """Update a participant from an observation (in place); return a draw that now counts as the building's.

    That is the last draw of a participant whose draw has just become unknown (invalid or unreachable), or an
    assumed draw that has just ended (`_has_assumed_draw_ended`). In mA per grid phase; None: no draw moves.
    With a static limit no building is measured: the caller ignores a draw that has become unknown.
    Source: load-management 7.2, 13.1, 13.2.
    """
    was_known, before_ma = _is_draw_known(participant), participant.draw_ma
    # in this order: reachability needs since when it answers; currents are taken only while it is reachable
    _update_plug(participant, observation, now_s)
    _update_reachability(participant, observation, settings, now_s)
    _update_currents(participant, observation, settings, now_s)
    participant.wants_to_charge = _wants_to_charge(observation)
    participant.is_interrupting = (
        participant.is_connected and observation.state is ChargingState.INTERRUPTION
    )
    if participant.is_reachable:  # else what was held back at its loss stays
        participant.held_back_ma = _held_back_until_acknowledged_ma(participant, observation, now_s)
    if was_known and not _is_draw_known(participant):
        _forget_draw(participant, settings)
        return before_ma
    if _is_draw_known(participant) or _reports_no_charging(participant, observation):
        # its draw is read again, or nothing flows: no more comes over the chargers' own line (7.1d)
        participant.unread_draw_ma = NO_CURRENT
    return before_ma if _has_assumed_draw_ended(participant, before_ma, settings) else None


def _has_assumed_draw_ended(
    participant: Participant, before_ma: Phases, settings: Settings
) -> bool:
    """Tell whether a draw that was assumed, `before_ma`, has ended: only the meter can show that it has gone.

    False with a static limit: there is no meter, and no base load into which that draw could move.
    """
    is_assumed = participant.is_reachable and not participant.settings.measures_current
    has_ended = any(before_ma) and not any(participant.draw_ma)
    return is_assumed and has_ended and settings.static_limit_ma is None


def _is_draw_known(participant: Participant) -> bool:
    """Tell whether a participant's draw is known; if not, what it drew last counts as the building's."""
    return participant.has_valid_currents and participant.is_reachable


def _update_plug(participant: Participant, observation: Observation, now_s: float) -> None:
    """Take over plug, caps and energy as observed, and note since when the charger answers (in place).

    What was learnt about a vehicle is forgotten when it is unplugged. With a new observation something may
    change at once: `unchanged_until` is now.
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
    """Forget a participant's draw, which is not known any more; all wired phases count again (in place).

    The last draw is kept as `unread_draw_ma`: it may still flow over the chargers' own line, which has less
    room then. With a static limit it is not, because `held_back_ma` contains it (`_update_reachability`).
    """
    if settings.static_limit_ma is None:
        participant.unread_draw_ma = participant.draw_ma
    participant.draw_ma = participant.overdraw_ma = NO_CURRENT
    participant.currents_ma = None
    participant.phase_evidence = replace(participant.phase_evidence, found=None)
    participant.phases = participant.settings.wired_phases


def _reports_no_charging(participant: Participant, observation: Observation) -> bool:
    """Tell whether a charger that is reached and offered 0 A reports a state in which no vehicle charges.

    Then nothing flows, even where its currents cannot be believed. False while its state is not known.
    """
    state = observation.state
    return (
        participant.is_reachable
        and participant.offer_ma == 0
        and state is not None
        and not state.is_charging
    )


def _forget_vehicle(participant: Participant) -> None:
    """Forget what was learnt about a vehicle that has been unplugged: its phases, use, trials (in place).

    All wired phases count again until the next vehicle shows which it uses. Source: load-management 4.5.
    """
    participant.phases = participant.settings.wired_phases
    # when it was tested stays: two tests of a charging point keep their distance
    participant.phase_evidence = PhaseEvidence(tested_at=participant.phase_evidence.tested_at)
    participant.use = Use()
    participant.shedding = replace(participant.shedding, is_shed=False)
    forget_trials(participant)


def _update_reachability(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> None:
    """Update whether a charger can be reached; if it is lost, reserve what it may take (in place).

    Without contact it may take its offer, its last acknowledged offer or its fallback, whichever is highest.
    What it drew last is in the base load from now on, so only the rest is reserved, in `held_back_ma`. With a
    static limit there is no base load, and all of it is. Source: load-management 13.2.
    """
    if participant.is_reachable and not observation.is_reachable:
        acknowledged_ma = observation.acknowledged_ma or 0  # a lower offer may not have arrived
        may_take_ma = max(participant.offer_ma, acknowledged_ma, participant.settings.fallback_ma)
        in_base_ma = NO_CURRENT if settings.static_limit_ma is not None else participant.draw_ma
        participant.held_back_ma = _on_phases(
            participant.settings.wired_phases, lambda phase: max(0, may_take_ma - in_base_ma[phase])
        )
    participant.is_reachable = observation.is_reachable and not _is_first_reading_awaited(
        participant, observation, now_s
    )


def _is_first_reading_awaited(
    participant: Participant, observation: Observation, now_s: float
) -> bool:
    """Tell whether a lost charger that answers again must count as unreachable until its currents are read.

    Its last draw counts as the building's (`unread_draw_ma`). If its offer counted beside that, it would
    count twice, and all others would be lowered for nothing. It is not waited for longer than currents take
    to become stale.
    """
    if (
        participant.is_reachable  # it was not lost
        or not participant.settings.measures_current  # no currents will be read
        or not _has_no_recent_currents(participant, observation, now_s)
    ):
        return False
    answers_since_s = now_s - participant.reachable_since
    return any(participant.unread_draw_ma) and answers_since_s <= stale_after_s(participant)


def _has_no_recent_currents(
    participant: Participant, observation: Observation, now_s: float
) -> bool:
    """Tell whether a participant's currents were never read, or so long ago that they are stale."""
    if observation.read_at is None or observation.currents_ma is None:
        return True
    return now_s - observation.read_at > stale_after_s(participant)


def _held_back_until_acknowledged_ma(
    participant: Participant, observation: Observation, now_s: float
) -> Phases:
    """Return what a charger that has not acknowledged a lower offer may still take, per grid phase [mA].

    It may take what it acknowledged last: the result is what that is beyond its offer and its draw, which
    count anyway. Nothing until the lower offer must have been obeyed: until then its draw and earlier offers
    count in full (`commitment.committed_ma`). Source: load-management 9.3i.
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
    """Return a value [mA] for each grid phase: `value(phase)` for those that are used, else 0."""
    return (
        value(0) if 0 in used_phases else 0,
        value(1) if 1 in used_phases else 0,
        value(2) if 2 in used_phases else 0,
    )


def _update_currents(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> None:
    """Update a participant's draw, history and phases by its currents, if they can be believed (in place).

    `is_reachable` must be up to date: nothing is taken of a charger that cannot be reached. Without
    measurement the draw is assumed, and always valid. Where there are no currents to believe, they become
    invalid after a time (`_note_no_currents`). So they do where a charger that has just answered draws more
    than its maximum, which an earlier configuration may have allowed: that is no fault yet. Source:
    load-management 3.3, 13.1.
    """
    currents_ma = observation.currents_ma
    if not participant.is_reachable:
        participant.plausible_since = None  # the time until currents are believed begins again
    elif not participant.settings.measures_current:
        participant.draw_ma = _assumed_draw_ma(participant, observation, settings, now_s)
        participant.has_valid_currents = True
        _note_draw(participant, now_s, now_s)
    elif (
        currents_ma is None
        or _has_no_recent_currents(participant, observation, now_s)
        or _may_draw_by_earlier_maximum(participant, currents_ma, now_s)
    ):
        _note_no_currents(participant, now_s)
    elif not _is_updated_already(participant, observation):
        _take_currents(participant, currents_ma, observation.read_at, now_s)
    elif participant.has_valid_currents:  # without a new reading time alone may still free a phase
        _update_phases(participant, now_s)


def _note_no_currents(participant: Participant, now_s: float) -> None:
    """Make a participant's currents invalid once none could be believed for as long as they count (in place).

    To be called in each cycle in which none can be believed. The time runs from its last reading, or from
    when the charger answered again after a loss if that is later: then it will be read in a moment.
    """
    if now_s - age_counts_from(participant) > stale_after_s(participant):
        participant.has_valid_currents, participant.plausible_since = False, None


def _is_updated_already(participant: Participant, observation: Observation) -> bool:
    """Tell whether a participant has taken in the reading of this observation already.

    False also where it was taken in but forgotten: a charger that was lost has no currents (None) though they
    were valid. If it answers again with the same reading, that is taken in again.
    """
    is_forgotten = participant.currents_ma is None and participant.has_valid_currents
    return observation.read_at == participant.read_at and not is_forgotten


def _take_currents(
    participant: Participant,
    currents_ma: tuple[int | None, ...],
    read_at: float | None,
    now_s: float,
) -> None:
    """Note a reading of a participant's currents; if it is believed, update draw and phases (in place).

    `currents_ma`: at the terminals of the charger. `read_at`: when they were read; None: now.
    """
    participant.read_at, participant.currents_ma = read_at, currents_ma
    _update_validity(participant, currents_ma, now_s)
    if participant.has_valid_currents:
        participant.draw_ma = _in_grid_phases(participant.settings.wired_phases, currents_ma)
        _note_draw(participant, now_s if read_at is None else read_at, now_s)


def _note_draw(participant: Participant, drawn_at: float, now_s: float) -> None:
    """Note in a participant's history what it drew at `drawn_at`, and update its phases (in place)."""
    participant.history = _with_reading(participant.history, drawn_at, participant.draw_ma)
    _update_phases(participant, now_s)


def _with_reading(history: DrawHistory, read_at: float, draw_ma: Phases) -> DrawHistory:
    """Return the history of a draw with one more reading; the oldest is dropped once it is not needed.

    Of equal readings in a row only the first and the last are kept: nothing has moved between them. The
    history reaches back `HISTORY_S` (70 s) at least.
    """
    reading = PastDraw(read_at, draw_ma)
    if len(history) >= 2 and history[-1].draw_ma == draw_ma == history[-2].draw_ma:
        return (*history[:-1], reading)
    # the oldest tells the draw until the second one, so it is needed until that is older than `HISTORY_S`
    is_oldest_needed = len(history) < 2 or history[1].read_at >= read_at - HISTORY_S
    return (*history, reading) if is_oldest_needed else (*history[1:], reading)


def _may_draw_by_earlier_maximum(
    participant: Participant, currents_ma: tuple[int | None, ...], now_s: float
) -> bool:
    """Tell whether a charger draws more than its maximum, as an earlier configuration may have allowed.

    Then its currents are not believed, but are no fault yet. False once the charger has answered for as long
    as currents take to become stale, and where no charger of any model could draw as much: both are a fault.
    """
    if now_s - participant.reachable_since > stale_after_s(participant):
        return False
    highest_ma = max((current or 0 for current in currents_ma), default=0)
    plausible_ma = highest_plausible_ma(participant.settings.maximum_ma)
    return plausible_ma < highest_ma <= MOST_OF_ANY_CHARGER_MA


def _update_validity(
    participant: Participant, currents_ma: tuple[int | None, ...], now_s: float
) -> None:
    """Note in `has_valid_currents` whether a participant's currents can be believed (in place).

    They cannot once one is implausible or missing. They can again when all have been plausible for
    `VALID_AGAIN_S` (5 s). Source: load-management 3.3c, 13.1d.
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
    """Return currents at the terminals as currents per grid phase [mA]; negative or missing ones count as 0.

    `wired`: the grid phase (0 to 2) of each terminal.
    """
    result = [0, 0, 0]
    for phase, current_ma in zip(wired, currents_ma, strict=False):
        result[phase] += max(0, current_ma or 0)
    return result[0], result[1], result[2]


def _assumed_draw_ma(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> Phases:
    """Return what a charger without measurement is assumed to draw per grid phase [mA].

    While it reports that a vehicle charges, that is its offer on each phase that counts for it, else nothing.
    After a change of the offer the assumed draw moves to it in a straight line, within T_ev (`obey_s`).
    Source: load-management 3.3b.
    """
    if observation.state is None or not observation.state.is_charging:
        return NO_CURRENT
    transition = participant.transition
    done = min(1.0, max(0.0, (now_s - transition.changed_at) / settings.obey_s))  # 0 to 1
    before_ma = transition.draw_at_change_ma
    current_ma = round(before_ma + done * (participant.offer_ma - before_ma))
    return _on_phases(participant.phases, lambda _phase: current_ma)


def _update_phases(participant: Participant, now_s: float) -> None:
    """Update which wired phases count for a participant (in place): those that its vehicle uses.

    A phase that carries more than 1 A joins at once. One that carries less leaves after `UNUSED_AFTER_S`
    (15 s), if the vehicle has charged clearly (3 A on some phase) for as long. Without measurement only
    these times are noted: the meter finds the phases (`used_phases`). Source: load-management 4.3, 4.4.
    """
    draw_ma, wired = participant.draw_ma, participant.settings.wired_phases
    known = participant.phase_evidence
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
    """Tell whether a vehicle is connected that charges or may begin to; False where the state is unknown.

    Source: load-management 5.
    """
    if not observation.is_connected or observation.state is None:
        return False
    return observation.state in _WANTING


_WANTING = (
    ChargingState.CANCELLED,  # the charger's own word for "finished": an idle vehicle
    ChargingState.CONNECTED,
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
)
