"""What an observation of a charging point changes: reach, currents, phases, history. Pure.

Source: load-management 3.3, 4, 13.
"""

from collections.abc import Callable

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.limits import highest_plausible_ma
from knxgw.dlm.participant import (
    NO_CURRENT,
    UNUSED_AFTER_S,
    Observation,
    Participant,
    Phases,
    age_counts_from,
    stale_after_s,
)
from knxgw.dlm.settings import Settings
from knxgw.dlm.trial import forget_trials

CHARGES_CLEARLY_MA = 3000
UNUSED_BELOW_MA = 1000  # a phase that stays below it while the vehicle charges clearly is not used
HISTORY_S = 70.0
VALID_AGAIN_S = 5.0
LOWEST_PLAUSIBLE_MA = -1000
BEGINS_MA = 106_000  # 80 A, 30 % and 2 A more: no charger can be offered more


def says_nothing_new(participant: Participant, observation: Observation, now_s: float) -> bool:
    """Tell whether neither an observation nor the time says anything new about a participant.

    Then this cycle need not observe it again. One without measurement always changes with time: its
    assumed draw does.
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
    """Note when the currents were read, after a reading that showed nothing new."""
    if observation.read_at is not None and observation.read_at != participant.read_at:
        participant.read_at = observation.read_at
        if participant.is_reachable:
            participant.history = _with_reading(
                participant.history, observation.read_at, participant.draw_ma
            )


def observe(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> Phases | None:
    """Update a participant from an observation.

    Return the draw per grid phase [mA] that counts as the building's from now on; None: none does. That
    is the last draw of a charging point whose draw cannot be known any more, and what one without
    measurement was assumed to draw until it stopped: the meter has to show that it is gone.
    Source: load-management 7.2, 13.1, 13.2.
    """
    if observation.is_reachable and not (
        participant.observation is not None and participant.observation.is_reachable
    ):
        participant.reachable_since = now_s
    participant.observation, participant.unchanged_until = observation, now_s
    was_counted = participant.has_valid_currents and participant.is_reachable
    before_ma = participant.draw_ma
    if participant.is_connected and not observation.is_connected:
        _forget_vehicle(participant)
    participant.is_connected, participant.may_charge = (
        observation.is_connected,
        observation.may_charge,
    )
    participant.external_cap, participant.energy_mwh = (
        observation.external_cap,
        observation.energy_mwh,
    )
    _update_reachability(participant, observation, settings, now_s)
    _update_currents(participant, observation, settings, now_s)
    participant.wants_to_charge = _wants_to_charge(observation)
    participant.is_interrupting = (
        participant.is_connected and observation.state is ChargingState.INTERRUPTION
    )
    if participant.is_reachable:
        participant.held_back_ma = _held_back_until_acknowledged_ma(participant, observation, now_s)
    if was_counted and not (participant.has_valid_currents and participant.is_reachable):
        participant.draw_ma, participant.currents_ma, participant.overdraw_ma = (
            NO_CURRENT,
            None,
            NO_CURRENT,
        )
        participant.phases = participant.settings.wired_phases
        if settings.static_limit_ma is None:
            participant.unread_draw_ma = before_ma
        return before_ma
    if participant.is_reachable and (
        participant.has_valid_currents or _reports_no_charging(participant, observation)
    ):
        participant.unread_draw_ma = NO_CURRENT
    if (
        not participant.settings.measures_current
        and participant.is_reachable
        and settings.static_limit_ma is None
    ):
        return before_ma if any(before_ma) and not any(participant.draw_ma) else None
    return None


def _reports_no_charging(participant: Participant, observation: Observation) -> bool:
    """Tell whether a charger that is offered 0 A reports a state in which no vehicle charges.

    Then nothing flows, also where its currents cannot be believed.
    """
    is_charging = observation.state is not None and observation.state.is_charging
    return participant.offer_ma == 0 and observation.state is not None and not is_charging


def _forget_vehicle(participant: Participant) -> None:
    """Forget what was learnt about the vehicle, which has been unplugged. Source: load-management 4.5."""
    participant.phases = participant.settings.wired_phases
    participant.charges_clearly_since = None
    participant.unused_since = {}
    participant.use_cap_ma = participant.under_use_since = participant.scarce_since = None
    participant.idle_since = participant.offered_since = None
    participant.has_charged = participant.is_idle = participant.was_shed = False
    forget_trials(participant)


def _update_reachability(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> None:
    """Update whether it can be reached; hold back what it may take once it cannot be.

    It may take its offer, its last acknowledged offer or its fallback, whichever is highest. The meter
    shows what it draws of that; with a static limit there is no meter, and all of it is held back.
    Source: load-management 13.2.
    """
    if participant.is_reachable and not observation.is_reachable:
        acknowledged_ma = observation.acknowledged_ma or 0  # a lower offer may not have arrived
        stays_ma = max(participant.offer_ma, acknowledged_ma, participant.settings.fallback_ma)
        actual = NO_CURRENT if settings.static_limit_ma is not None else participant.draw_ma
        participant.held_back_ma = _on_phases(
            participant.settings.wired_phases, lambda phase: max(0, stays_ma - actual[phase])
        )
    participant.is_reachable = observation.is_reachable and not _is_first_reading_awaited(
        participant, observation, now_s
    )


def _is_first_reading_awaited(
    participant: Participant, observation: Observation, now_s: float
) -> bool:
    """Tell whether it answers again, but its currents have not been read yet.

    Its last draw counts as the building's until then. With its offer it would count twice, and all
    others would be lowered for nothing.
    """
    if (
        participant.is_reachable
        or not participant.settings.measures_current
        or not _has_no_recent_currents(participant, observation, now_s)
    ):
        return False
    return any(participant.unread_draw_ma) and now_s - participant.reachable_since <= stale_after_s(
        participant
    )


def _has_no_recent_currents(
    participant: Participant, observation: Observation, now_s: float
) -> bool:
    """Tell whether its currents were never read, or so long ago that they are stale."""
    if observation.read_at is None or observation.currents_ma is None:
        return True
    return now_s - observation.read_at > stale_after_s(participant)


def _held_back_until_acknowledged_ma(
    participant: Participant, observation: Observation, now_s: float
) -> Phases:
    """Return what a charger may still take per grid phase [mA] beyond its lowered offer.

    That is its acknowledged offer, if it should have taken the lower one by now and has not.
    Source: load-management 9.3i.
    """
    acknowledged_ma = observation.acknowledged_ma
    if (
        acknowledged_ma is None
        or acknowledged_ma <= participant.offer_ma
        or now_s < participant.obey_by_at
    ):
        return NO_CURRENT
    actual, offer_ma = participant.draw_ma, participant.offer_ma
    return _on_phases(
        participant.phases, lambda phase: max(0, acknowledged_ma - max(offer_ma, actual[phase]))
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
    """Take its currents, if they can be believed, into draw, history and phases.

    Stale or implausible currents make it invalid, except shortly after it has come back: then they
    will be read in a moment. Source: load-management 3.3, 13.1.
    """
    if not participant.is_reachable:
        participant.plausible_since = None
        return
    if not participant.settings.measures_current:
        participant.draw_ma = _assumed_draw_ma(participant, observation, settings, now_s)
        participant.has_valid_currents = True
    elif (
        observation.currents_ma is None
        or _has_no_recent_currents(participant, observation, now_s)
        or _is_draw_of_earlier_offer(participant, observation.currents_ma, now_s)
    ):
        if now_s - age_counts_from(participant) <= stale_after_s(participant):
            return  # it has just come back: they will be read in a moment
        participant.has_valid_currents, participant.plausible_since = False, None
    else:
        is_known = (
            participant.currents_ma is not None or not participant.has_valid_currents
        )  # else it was out of sight
        if is_known and observation.read_at == participant.read_at:
            if participant.has_valid_currents:
                _update_phases(
                    participant, now_s
                )  # what time alone tells does not wait for a reading
            return
        is_same = (
            participant.has_valid_currents and observation.currents_ma is participant.currents_ma
        )
        participant.read_at, participant.currents_ma = observation.read_at, observation.currents_ma
        if not is_same:
            _update_validity(participant, observation.currents_ma, now_s)
        if participant.has_valid_currents and not is_same:
            participant.draw_ma = _in_grid_phases(
                participant.settings.wired_phases, observation.currents_ma
            )
    if participant.has_valid_currents:
        at = (
            observation.read_at
            if participant.settings.measures_current and observation.read_at is not None
            else now_s
        )
        participant.history = _with_reading(participant.history, at, participant.draw_ma)
        _update_phases(participant, now_s)


def _with_reading(
    history: tuple[tuple[float, Phases], ...], read_at: float, draw_ma: Phases
) -> tuple[tuple[float, Phases], ...]:
    """Return the history of a draw with one reading more, without what is older than a minute.

    Of equal readings in a row only the first and the last are kept.
    """
    if len(history) >= 2 and history[-1][1] == draw_ma == history[-2][1]:
        return (*history[:-1], (read_at, draw_ma))
    start = 1 if history and len(history) > 1 and history[1][0] < read_at - HISTORY_S else 0
    return (*history[start:], (read_at, draw_ma))


def _is_draw_of_earlier_offer(
    participant: Participant, currents_ma: tuple[int | None, ...], now_s: float
) -> bool:
    """Tell whether a charger that was found a moment ago draws more than it may be offered at all.

    An earlier configuration may have allowed that. Its currents are not believed until they become
    plausible, but they are no fault yet.
    """
    if now_s - participant.reachable_since > stale_after_s(participant):
        return False
    most_ma = max((current or 0 for current in currents_ma), default=0)
    return highest_plausible_ma(participant.settings.maximum_ma) < most_ma <= BEGINS_MA


def _update_validity(
    participant: Participant, currents_ma: tuple[int | None, ...], now_s: float
) -> None:
    """Note whether its currents can be believed: plausible, and after implausible ones for 5 s.

    Source: load-management 3.3c, 13.1d.
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
    """Return currents at the terminals as currents per grid phase [mA]; a negative one counts as 0."""
    result = [0, 0, 0]
    for phase, current_ma in zip(wired, currents_ma, strict=False):
        result[phase] += max(0, current_ma or 0)
    return result[0], result[1], result[2]


def _assumed_draw_ma(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> Phases:
    """Return what a charger without measurement is assumed to draw per grid phase [mA].

    That is its offer while it reports that a vehicle charges. After a change the vehicle follows within
    T_ev, along a straight line. Source: load-management 3.3b.
    """
    if observation.state is None or not observation.state.is_charging:
        return NO_CURRENT
    fraction = min(1.0, max(0.0, (now_s - participant.offer_changed_at) / settings.obey_s))
    current_ma = round(
        participant.draw_at_change_ma
        + fraction * (participant.offer_ma - participant.draw_at_change_ma)
    )
    return _on_phases(participant.phases, lambda _phase: current_ma)


def _update_phases(participant: Participant, now_s: float) -> None:
    """Update which phases it counts for: one that is used joins at once, an unused one leaves later.

    Source: load-management 4.3, 4.4.
    """
    actual = participant.draw_ma
    if max(actual) < CHARGES_CLEARLY_MA:
        participant.charges_clearly_since = None
    elif participant.charges_clearly_since is None:
        participant.charges_clearly_since = now_s
    unused = {
        p: participant.unused_since.get(p, now_s)
        for p in participant.settings.wired_phases
        if actual[p] < UNUSED_BELOW_MA
    }
    participant.unused_since = unused
    if not participant.settings.measures_current or (
        not unused and participant.phases == participant.settings.wired_phases
    ):
        return
    joined = [
        p
        for p in participant.settings.wired_phases
        if p in participant.phases or actual[p] > UNUSED_BELOW_MA
    ]
    if (
        participant.charges_clearly_since is not None
        and now_s - participant.charges_clearly_since >= UNUSED_AFTER_S
    ):
        joined = [p for p in joined if p not in unused or now_s - unused[p] < UNUSED_AFTER_S]
    participant.phases = tuple(joined)


def _wants_to_charge(observation: Observation) -> bool:
    """Tell whether a vehicle is connected that charges or may begin to. Source: load-management 5."""
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
