"""What a cycle leaves: the new state, and when the next cycle is due."""

from knxgw.dlm import meter as meters
from knxgw.dlm import queue as queues
from knxgw.dlm.commitment import is_awaiting_release
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.phase_test import next_test_at
from knxgw.dlm.settings import BACK_OFF_ENDS_S, LOW_EXCESS_S
from knxgw.dlm.state import LoadManagement, Outcome, PhaseState
from knxgw.dlm.use import NEVER, next_change_at


def finish(cycle: CycleState) -> LoadManagement:
    """Return the state that this cycle leaves, with when the next one is due (`due_at`).

    The room for all offers (`Outcome.available_ma`) is reported only where the base load is known: not in an
    emergency, and not before every phase was measured; with a static limit always. The participants also note
    until when nothing changes for them.
    """
    due_at = _note_unchanged_and_next_due_at(cycle)
    is_room_known = not cycle.is_emergency and cycle.is_base_known
    padded = (*cycle.room_now_ma, 0, 0)  # a connection with one phase has no room on L2 and L3
    return LoadManagement(
        participants=cycle.participants,
        meter=cycle.meter,
        phases=tuple(cycle.phases),
        is_emergency=cycle.is_emergency,
        starts_unmeasured=cycle.state.starts_unmeasured,
        high_power_until=cycle.state.high_power_until,
        overcurrent=cycle.overcurrent,
        turn=cycle.turn,
        outcome=Outcome(
            faults=cycle.faults,
            reasons=cycle.reasons,
            available_ma=(padded[0], padded[1], padded[2]) if is_room_known else None,
        ),
        due_at=due_at,
    )


def _note_unchanged_and_next_due_at(cycle: CycleState) -> float:
    """Return when the next cycle is due [monotonic s]: until then time alone changes nothing.

    It is now while every cycle has something to look at, else the first instant at which any wait, window
    or hold ends. Must be called once, at the end of a cycle, because it also notes for each participant
    until when it is unchanged.
    """
    now_s = cycle.now_s
    due_at = _note_unchanged_until(cycle)
    if _is_next_cycle_due_at_once(cycle):
        return now_s
    if not cycle.is_static:
        alive_at = meters.alive_at(cycle.state.meter, cycle.settings)
        if alive_at is not None:  # the meter counts as silent from then on
            due_at = min(due_at, alive_at + cycle.settings.timeout_s)
        due_at = min(due_at, meters.next_request_at(cycle.meter, cycle.settings, now_s))
    peak_hold_s = meters.peak_hold_s(cycle.state.meter)
    for phase, expires_at in zip(cycle.phases, cycle.peak_expires_at, strict=True):
        due_at = min(due_at, expires_at, _next_change_of_phase_at(cycle, phase, peak_hold_s))
    if cycle.turn is not None:  # a turn that was not used by then is over
        due_at = min(due_at, max(now_s, cycle.turn.since + queues.NEXT_WAITS_S))
    # a vehicle may then be lowered to see which phases it uses
    test_at = next_test_at(cycle.state.meter.line_at_rest, cycle.participants.values())
    return min(due_at, max(now_s, test_at), _next_turn_at(cycle))


def _is_next_cycle_due_at_once(cycle: CycleState) -> bool:
    """Tell whether the next cycle must run as soon as it may, because what it waits for has no known instant.

    That is so while a base load may change without a new meter value, an overcurrent is supervised, all are
    held at the minimum, a participant could get more, or lowered vehicles have to release current.
    """
    may_base_load_change = any(
        phase.pending_samples or _may_base_become_exact(cycle, phase) for phase in cycle.phases
    )
    return (
        may_base_load_change
        or cycle.overcurrent.needs_supervision
        or cycle.is_held_at_minimum
        or cycle.is_next_cycle_needed
        or any(is_awaiting_release(cycle, one) for one in cycle.participants.values())
    )


def _next_change_of_phase_at(cycle: CycleState, phase: PhaseState, peak_hold_s: float) -> float:
    """Return when time alone changes something about a phase [monotonic s]; NEVER: nothing is timed.

    It is the first of three instants: the hold after a safety reduction (or a meter fault) ends, a small
    excess of the offers has lasted for 10 s (`LOW_EXCESS_S`) and must be lowered, or the back-off ends.
    `peak_hold_s`: W, the window of the peak-hold.
    """
    next_at = NEVER
    hold_ends_at = phase.reduced_at + peak_hold_s * 2**phase.back_off
    # >=, because by a rounding error `raising` may just have found a hold that ends now not over yet
    if hold_ends_at >= cycle.now_s:
        next_at = hold_ends_at
    # >: if it has lasted for long enough already, this cycle has lowered it
    if phase.excess_since is not None and phase.excess_since + LOW_EXCESS_S > cycle.now_s:
        next_at = min(next_at, phase.excess_since + LOW_EXCESS_S)
    if phase.back_off:  # its end is never past: `find_room` has ended one that was
        next_at = min(next_at, phase.back_off_useful_at + BACK_OFF_ENDS_S)
    return next_at


def _may_base_become_exact(cycle: CycleState, phase: PhaseState) -> bool:
    """Tell whether a phase's base load, now known as a range, may become exact without a new meter value.

    That is so with a meter that sends changes only: while it is silent its last value holds, and gives the
    exact base load once no charger moves (`base_load.examine_at_rest`). So cycles must go on until then.
    """
    return cycle.has_meter_on_change and not phase.possible_base_ma.is_exact


def _note_unchanged_until(cycle: CycleState) -> float:
    """Note until when time alone changes nothing about each participant; return the first such instant.

    In monotonic seconds. If an offer has changed in this cycle it is now: the next cycle has to see what
    follows. Two more waits count for the result but are not noted: when others may be asked again to give
    way for a participant, and when one that was stopped for lack of room (shed) may return.
    """
    now_s = cycle.now_s
    soonest_at = NEVER
    for number, participant in cycle.participants.items():
        if participant.offer_ma != cycle.state.participants[number].offer_ma:
            soonest_at = now_s
            continue  # `set_offer` has noted already that it is unchanged until now only
        participant.unchanged_until = next_change_at(participant, cycle.settings, now_s)
        soonest_at = min(soonest_at, participant.unchanged_until)
        if participant.trial.try_again_at > now_s:
            soonest_at = min(soonest_at, participant.trial.try_again_at)
        if participant.shedding.is_shed:
            soonest_at = min(soonest_at, max(now_s, queues.may_return_at(participant, now_s)))
    return soonest_at


def _next_turn_at(cycle: CycleState) -> float:
    """Return when a participant that charges may have to yield to one that waits [monotonic s].

    That is once one has charged, and another one has waited, for a whole turn (`rotation_s`). Infinite:
    there is no queue, none charges, or none waits. It may come half a second early (`SLACK_S`), so that a
    turn does not last until the cycle a second later.
    """
    participants = [
        participant for participant in cycle.participants.values() if participant.takes_part
    ]
    served_since = [one.served_since(cycle.now_s) for one in participants if one.offer_ma > 0]
    waiting_since = [one.waits_since(cycle.now_s) for one in participants if one.offer_ma == 0]
    if not cycle.settings.queue or not served_since or not waiting_since:
        return float("inf")
    both_since = max(min(waiting_since), min(served_since))
    turn_at = both_since + cycle.settings.rotation_s - queues.SLACK_S
    return max(turn_at, cycle.now_s)
