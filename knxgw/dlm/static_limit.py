"""A static limit: those whose minimum does not fit are stopped at once. Pure.

With a meter an overcurrent at the minimum is measured, confirmed, and ends with an interruption of all
(`overcurrent_step`). With a static limit nothing is measured, so nothing has to be confirmed either: what the
vehicles may draw is known, and that is too much while their minima do not fit. That happens when
 - the gateway has restarted: each begins with its minimum, also one that had 0 A before;
 - an idle vehicle resumes, whose minimum was given to another one meanwhile (14.2);
 - the limit has been lowered;
 - a charger is lost that may take more than it was offered (17.5), or a vehicle takes more than its offer.

Source: load-management 17.4 to 17.6.
"""

from collections.abc import Sequence
from dataclasses import replace

from knxgw.charging.limits import DRAWS_FROM_MA
from knxgw.dlm import queue as queues
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import FIRST_READ_WITHIN_S, LONG_AGO


def stop_what_does_not_fit(cycle: CycleState) -> None:
    """Offer 0 A to as many as do not fit with their minimum within a static limit (in place).

    Idle ones do not count, as in the allocation. Those whose vehicle draws nothing stop first: nothing is taken
    from it. Of the others those that the queue would stop, the prioritised one last. One that stops waits then
    like a newcomer. Must run once the rooms are known, and before they are shared out. Source: load-management
    17.6.
    """
    running = cycle.running
    if queues.minimums_fit(running, cycle.room_now_ma):
        return
    drawing = [one for one in running if _draws(one)]
    not_drawing = [one for one in running if one not in drawing]
    beside_drawing_ma = [
        ma - queues.minimums_ma(drawing, phase) for phase, ma in enumerate(cycle.room_now_ma)
    ]
    leaving = _leaving(cycle, not_drawing, beside_drawing_ma)
    staying = [one for one in running if one not in leaving]
    leaving += _leaving(cycle, staying, _room_without_unread_ma(cycle))
    for participant in leaving:
        cycle.set_offer(participant, 0)
        if cycle.settings.queue:
            queues.note_shed(participant, cycle.now_s)


def _draws(participant: Participant) -> bool:
    """Tell whether a vehicle draws: by its current, and until that is read by what the charger reports."""
    if participant.settings.measures_current and participant.read_at is None:
        state = None if participant.observation is None else participant.observation.state
        return state is not None and state.is_charging
    return participant.highest_draw_ma > DRAWS_FROM_MA


def _leaving(
    cycle: CycleState, running: Sequence[Participant], room_ma: Sequence[int]
) -> list[Participant]:
    """Return who stops so that the minima of the others fit in `room_ma` [mA per phase], in the order of the queue.

    The prioritised one is among them only where it does not fit alone: there is no fuse that would notice.
    """
    leaving = queues.participants_to_shed(running, room_ma, cycle.settings, cycle.now_s)
    staying = [one for one in running if one not in leaving]
    without_priority = replace(cycle.settings, priority=None)
    return leaving + queues.participants_to_shed(staying, room_ma, without_priority, cycle.now_s)


def _room_without_unread_ma(cycle: CycleState) -> list[int]:
    """Return the room per phase [mA] without what is held back for chargers that will be read in a moment.

    Those were never read since load management began with them, which is less than `FIRST_READ_WITHIN_S` ago. Until
    they are, they may take their offer, and nobody starts or is raised with that.
    """
    room_ma = list(cycle.room_now_ma)
    for participant in cycle.participants.values():
        is_awaited = cycle.now_s - participant.begun_at < FIRST_READ_WITHIN_S
        if is_awaited and participant.reachable_since == LONG_AGO:
            for phase in range(len(room_ma)):
                room_ma[phase] += participant.held_back_ma[phase]
    return room_ma
