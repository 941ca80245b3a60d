"""Load management that goes on with other settings or other charging points. Pure.

The values of the smart meter were measured with the previous participants. The last draw of a participant
that leaves counts as the building's from then on. A newcomer has no offer until the next cycle finds room
for it, even if its vehicle draws already: that draw is part of the building's until the newcomer is read. A
participant whose new minimum is above its offer has no offer, either. So a change never adds current to the
line by itself, and while nothing was measured yet no vehicle is started after it.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from knxgw.dlm import follows
from knxgw.dlm.base_load import add_draw
from knxgw.dlm.inputs import initial_state
from knxgw.dlm.observe import unread_participant
from knxgw.dlm.participant import Participant, ParticipantSettings
from knxgw.dlm.settings import Settings
from knxgw.dlm.state import LoadManagement, PhaseState
from knxgw.dlm.use import set_offer


def reconfigured(
    state: LoadManagement,
    settings: Settings,
    participants: Iterable[ParticipantSettings],
    now_s: float,
    *,
    is_same_measurement: bool,
) -> LoadManagement:
    """Return load management with other settings and participants; `state` is not changed, and a cycle is due.

    A participant is kept if its number and its wired phases are the same; the last known draw of any other
    counts as the building's. What was remembered to compare the meter with the previous participants is
    forgotten if one was added, removed or rewired. No vehicle starts before the meter has measured again
    (`starts_unmeasured`): not to be called where nothing of load management has changed.
    `is_same_measurement`: the smart meter still measures the same line in the same way; otherwise load
    management begins as at a start (`_begun_from_start`). Source: load-management 11.7, 16.70, 16.71.
    """
    wanted_settings = {one.number: one for one in participants}
    if not is_same_measurement:
        return _begun_from_start(state, settings, wanted_settings, now_s)
    kept = {
        number: _with_settings(participant, wanted_settings[number], settings, now_s)
        for number, participant in state.participants.items()
        if number in wanted_settings
        and participant.settings.wired_phases == wanted_settings[number].wired_phases
    }
    phases = _phases_without_participants_left_out(state, settings, kept)
    are_all_kept = len(kept) == len(wanted_settings) == len(state.participants)
    if not are_all_kept:
        # what is remembered here compares the meter with the previous participants
        for phase in phases:
            phase.follow_check, phase.pending_samples = follows.NEW, ()
    reasons = {n: reason for n, reason in state.outcome.reasons.items() if n in kept}
    meter = state.meter
    if kept != state.participants:  # the line at rest depends on their settings, too
        meter = replace(meter, line_at_rest=None, response_lines={})
    return replace(
        state,
        meter=meter,
        participants={
            number: kept.get(number) or unread_participant(one, offer_ma=0, now_s=now_s)
            for number, one in wanted_settings.items()
        },
        phases=tuple(phases),
        starts_unmeasured=False,
        turn=state.turn if state.turn is not None and state.turn.number in kept else None,
        outcome=replace(state.outcome, reasons=reasons),
        due_at=now_s,
    )


def _phases_without_participants_left_out(
    state: LoadManagement, settings: Settings, kept: Container[int]
) -> list[PhaseState]:
    """Return copies of the phases, where the draws of participants that are not kept are the building's.

    Such a vehicle may go on drawing, but nobody reads it any more. `kept`: the numbers of the others.
    """
    phases = [phase.clone() for phase in state.phases]
    if settings.static_limit_ma is None:  # with a static limit no building is measured
        for number, participant in state.participants.items():
            # a draw that is not known any more has moved into the base load already
            if number not in kept and participant.is_draw_known:
                add_draw(phases, participant.draw_ma)
    return phases


def _begun_from_start(
    state: LoadManagement,
    settings: Settings,
    wanted_settings: Mapping[int, ParticipantSettings],
    now_s: float,
) -> LoadManagement:
    """Return load management as at a start of the gateway, except that nothing adds current.

    - No participant has more than it had before. At a start all are offered their minimum, before anything is
      measured; here one that would have more by that on some phase begins with 0 A.
    - No vehicle starts before the meter has measured.
    - A lock-out after an overcurrent goes on where there is a meter, and all begin with 0 A in it.

    Source: load-management 11.7.
    """
    begun = initial_state(settings, wanted_settings.values(), now_s)
    has_meter = settings.static_limit_ma is None
    lock_out = state.overcurrent.lock_out  # while it lasts no participant begins with an offer
    participants = {
        number: participant
        if lock_out is None and _had_as_much_before(state.participants.get(number), participant)
        else unread_participant(wanted_settings[number], offer_ma=0, now_s=now_s)
        for number, participant in begun.participants.items()
    }
    overcurrent = begun.overcurrent
    if lock_out is not None and has_meter:
        # another meter does not prove that it may end: the time until charging may resume starts again
        lasting = replace(lock_out, restart_possible_since=None)
        overcurrent = replace(state.overcurrent, lock_out=lasting)
    return replace(
        begun,
        participants=participants,
        overcurrent=overcurrent,
        starts_unmeasured=False,
    )


def _had_as_much_before(before: Participant | None, begun: Participant) -> bool:
    """Tell whether a participant had, on each of its wired phases, at least the offer that it begins with.

    If not it begins with 0 A. `before`: the one of the same number before the change; None: there was none,
    so it had nothing.
    """
    return (
        before is not None
        and before.offer_ma >= begun.offer_ma
        and set(begun.settings.wired_phases) <= set(before.settings.wired_phases)
    )


def _with_settings(
    participant: Participant, new_settings: ParticipantSettings, settings: Settings, now_s: float
) -> Participant:
    """Return a copy of a participant with `new_settings`, or the participant itself if it has these already.

    Its offer is lowered to its new maximum, and becomes 0 A below its new minimum. `settings`: those of load
    management.
    """
    if participant.settings == new_settings:
        return participant
    changed = participant.clone()
    changed.settings = new_settings
    changed.unchanged_until = now_s
    offer_ma = min(changed.offer_ma, new_settings.maximum_ma)
    set_offer(changed, offer_ma if offer_ma >= new_settings.minimum_ma else 0, settings, now_s)
    return changed
