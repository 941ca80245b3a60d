"""What a charging point drew at a moment of the last minute, by the history of its readings. Pure.

A charger is read every second or every ten; the smart meter reports what the line carried at some moment in
between. So all questions are about a moment, and the answer may be a range. The history of a charging point
without measurement holds its assumed draw of each cycle, as of the instant of that cycle, although nothing was
read. `EARLY_S` (1 s): a sample of the meter may be that much older than the configured delay says, so a
reading must be older still to be from before it.

Source: load-management 7.2.
"""

from typing import NamedTuple

from knxgw.dlm.participant import NO_CURRENT, Participant, PastDraw, Phases
from knxgw.dlm.settings import Settings

EARLY_S = 1.0  # a sample of the meter may be so much older than the configured delay says
OFTEN_S = 2.0  # a poll period up to this is about as often as a cycle runs


def is_read_often(participant: Participant) -> bool:
    """Tell whether a participant's draw is read about as often as a cycle runs: at least every 2 s (`OFTEN_S`).

    Asked before the likely base load is trusted instead of the highest one (`base_load`). The draw of a
    charger without measurement is assumed and never read, so false; but true while no vehicle is connected
    there, because then it is known to be 0. True also for one that was not observed yet: it counts as
    unreachable, and its draw as the building's, so that no reading is waited for.
    """
    if not participant.settings.measures_current:
        return not participant.is_connected
    return participant.observation is None or participant.observation.period_s <= OFTEN_S


def last_read_at(participant: Participant) -> float | None:
    """Return up to when a participant's draw is known [monotonic s]: when it was read last; None: never.

    A last reading with the same values as before may not be in the history yet, so `read_at` counts as well.
    Without measurement it is when the draw was last assumed.
    """
    if not participant.history:
        return None
    last_at = participant.history[-1].read_at
    return last_at if participant.read_at is None else max(last_at, participant.read_at)


def must_be_obeyed_at(participant: Participant, settings: Settings) -> float:
    """Return the instant by which a vehicle must have followed its last offer [monotonic s].

    A vehicle has T_ev (`obey_s`) to follow, from when the offer was made, or from the charger's last
    acknowledgement if that came later. Which current the charger acknowledged is not looked at. Unlike
    `Transition.obey_by_at`, this is about raises as well, and knows of the acknowledgement; that one is for
    lowerings only, counts from the offer, and gives a vehicle that ignores its offer no more time.
    """
    acknowledged_at = (
        participant.observation.acknowledged_at if participant.observation is not None else None
    )
    changed_at = participant.transition.changed_at
    in_force_at = changed_at if acknowledged_at is None else max(changed_at, acknowledged_at)
    return in_force_at + settings.obey_s


def steady_draw_about(participant: Participant, moment_at: float) -> Phases | None:
    """Return the draw per grid phase [mA] that has not changed since about `moment_at`; None: it has, or may have.

    It has not if all readings are equal, from one at least 1 s (`EARLY_S`) before that instant to the last
    one. The history keeps only the first and the last of equal readings in a row, so its last two entries
    tell.
    """
    history = participant.history
    if len(history) < 2 or history[-2].read_at > moment_at - EARLY_S:
        return None
    last_ma = history[-1].draw_ma
    return last_ma if last_ma == history[-2].draw_ma else None


def draw_at(participant: Participant, moment_at: float) -> Phases:
    """Return what a participant most likely drew per grid phase [mA] at `moment_at`, within the last minute.

    Between two readings it is interpolated linearly. Before the first and after the last reading it is taken
    to be that reading; without any it is 0.
    """
    later: PastDraw | None = None  # the reading after `entry`
    for entry in reversed(participant.history):
        if entry.read_at <= moment_at:
            if later is None:
                return entry.draw_ma  # the instant is after the last reading
            fraction = (moment_at - entry.read_at) / (later.read_at - entry.read_at)
            return _between(entry.draw_ma, later.draw_ma, fraction)
        later = entry
    return later.draw_ma if later is not None else NO_CURRENT


def _between(earlier_ma: Phases, later_ma: Phases, fraction: float) -> Phases:
    """Return the draw per grid phase [mA] a fraction (0 to 1) of the way from an earlier draw to a later one."""
    return (
        round(earlier_ma[0] + fraction * (later_ma[0] - earlier_ma[0])),
        round(earlier_ma[1] + fraction * (later_ma[1] - earlier_ma[1])),
        round(earlier_ma[2] + fraction * (later_ma[2] - earlier_ma[2])),
    )


def draw_range_about(
    participant: Participant, begin_at: float, end_at: float, phase: int
) -> "PossibleDraw":
    """Return the least and the highest draw [mA] of a participant on a phase (0 to 2) between two instants.

    Between two readings a current may have jumped at any time. So the readings just outside count, too: from
    the last one at least 1 s (`EARLY_S`) before `begin_at` to the first one at or after `end_at`. Without any
    reading both are 0.
    """
    least_ma = most_ma = None
    for past in reversed(participant.history):  # the newest first
        current_ma = past.draw_ma[phase]
        if least_ma is None or most_ma is None or past.read_at >= end_at:
            # of the readings at `end_at` or later only the earliest counts: it replaces the later ones
            least_ma = most_ma = current_ma
        else:
            least_ma, most_ma = min(least_ma, current_ma), max(most_ma, current_ma)
        if past.read_at <= begin_at - EARLY_S:
            break
    return PossibleDraw(least_ma or 0, most_ma or 0)


class PossibleDraw(NamedTuple):
    """The least and the highest current [mA] that a participant may have drawn on a phase."""

    least_ma: int
    most_ma: int
