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

CHARGES_CLEARLY_MA = 3000
UNUSED_BELOW_MA = 1000  # a phase that stays below it while the vehicle charges clearly is not used
HISTORY_S = 70.0
VALID_AGAIN_S = 5.0
BEGINS_MA = 106_000  # 80 A, 30 % and 2 A more: no charger can be offered more


def says_nothing_new(participant: Participant, observation: Observation, now_s: float) -> bool:
    """Tell whether neither an observation nor the time says anything new about a participant.

    Then this cycle need not observe it again. The assumed draw of a charger without measurement changes with time.
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
    """Update from an observation; return the draw that now counts as building load, None: nothing.

    A charging point whose draw cannot be known any more moves, with its last draw, into the base. So
    does what one without measurement was taken to draw until it stopped: the meter has to show that
    it is there.
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
    """Tell whether one whose currents cannot be believed was offered 0 A and reports that it does not charge."""
    is_charging = observation.state is not None and observation.state.is_charging
    return participant.offer_ma == 0 and observation.state is not None and not is_charging


def _forget_vehicle(participant: Participant) -> None:
    participant.phases = participant.settings.wired_phases
    participant.charges_clearly_since = None
    participant.unused_since = {}
    participant.use_cap_ma = participant.under_use_since = participant.scarce_since = None
    participant.idle_since = participant.offered_since = None
    participant.has_charged = participant.is_idle = participant.was_shed = False


def _update_reachability(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> None:
    """Reserve what an unreachable charger may take, beside its draw that the meter shows.

    Without a meter nothing shows it: then all of it is reserved.
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
    """Tell whether one that answers again has still to tell what it draws.

    Its last draw counts as the building's until then: with its offer it would count twice, and
    everybody would be lowered for nothing.
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
    """Tell whether there is no reading of its currents, or one from long before."""
    if observation.read_at is None or observation.currents_ma is None:
        return True
    return now_s - observation.read_at > stale_after_s(participant)


def _held_back_until_acknowledged_ma(
    participant: Participant, observation: Observation, now_s: float
) -> Phases:
    """Return what a charger may take that should have taken a lower offer by now, and did not.

    Source: load-management 9.3.
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


def _on_phases(used: tuple[int, ...], value: Callable[[int], int]) -> Phases:
    return (
        value(0) if 0 in used else 0,
        value(1) if 1 in used else 0,
        value(2) if 2 in used else 0,
    )


def _update_currents(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> None:
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
        same = participant.has_valid_currents and observation.currents_ma is participant.currents_ma
        participant.read_at, participant.currents_ma = observation.read_at, observation.currents_ma
        if not same:
            _update_validity(participant, observation.currents_ma, now_s)
        if participant.has_valid_currents and not same:
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
    history: tuple[tuple[float, Phases], ...], at: float, actual: Phases
) -> tuple[tuple[float, Phases], ...]:
    """Return the history with one more reading; of equal ones in a row the ends are enough."""
    if len(history) >= 2 and history[-1][1] == actual == history[-2][1]:
        return (*history[:-1], (at, actual))
    start = 1 if history and len(history) > 1 and history[1][0] < at - HISTORY_S else 0
    return (*history[start:], (at, actual))


def _is_draw_of_earlier_offer(
    participant: Participant, currents_ma: tuple[int | None, ...], now_s: float
) -> bool:
    """Tell whether one that has just come into sight still draws what it was offered before.

    That may have been by another configuration; what it draws is not believed, nor called impossible.
    """
    if now_s - participant.reachable_since > stale_after_s(participant):
        return False
    most_ma = max((current or 0 for current in currents_ma), default=0)
    return highest_plausible_ma(participant.settings.maximum_ma) < most_ma <= BEGINS_MA


def _update_validity(
    participant: Participant, currents_ma: tuple[int | None, ...], now_s: float
) -> None:
    """Note whether the values can be believed; after bad ones only when they are good for a while."""
    highest_ma = highest_plausible_ma(participant.settings.maximum_ma)
    good = all(current is not None and -1000 <= current <= highest_ma for current in currents_ma)
    if not good:
        participant.has_valid_currents, participant.plausible_since = False, None
    elif not participant.has_valid_currents:
        participant.plausible_since = (
            now_s if participant.plausible_since is None else participant.plausible_since
        )
        participant.has_valid_currents = now_s - participant.plausible_since >= VALID_AGAIN_S


def _in_grid_phases(wired: tuple[int, ...], currents_ma: tuple[int | None, ...]) -> Phases:
    result = [0, 0, 0]
    for phase, current_ma in zip(wired, currents_ma, strict=False):
        result[phase] += max(0, current_ma or 0)
    return result[0], result[1], result[2]


def _assumed_draw_ma(
    participant: Participant, observation: Observation, settings: Settings, now_s: float
) -> Phases:
    """Return what a charger without measurement is taken to draw: its setpoint while it charges.

    After a change the vehicle follows within a while: a straight line instead of a jump.
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
    """Let unused phases leave, and used ones join at once."""
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
