"""Trials: when others give way for a newcomer in vain, and how long until they are asked again. Pure.

What a charger without measurement is offered counts as drawn, so each raise that its vehicle does not use
seems to make the building smaller, until the minimum of a waiting participant seems to fit. The others are
lowered, the meter shows that this has freed nothing, and they are raised again, for hours. So a trial that
failed is repeated after a minute at the earliest, and each further one after twice as long, up to 15 min.

Where all chargers measure, what lowering them frees is known. A trial fails there when the building takes
more meanwhile; a hundredth of an ampere, by which a meter rounds, is enough if the minimum only just fits. It
is repeated at once if some tenths more than the minimum fit (`admission`), else after 15 min.

Source: load-management 9.2.
"""

from collections.abc import Sequence
from dataclasses import replace

from knxgw.dlm.overcurrent import LONGEST_RESTART_S
from knxgw.dlm.participant import Participant
from knxgw.dlm.participant_values import Trial

FIRST_WAIT_S, LONGEST_WAIT_S = 60.0, LONGEST_RESTART_S  # until a trial is repeated (9.2e)


def may_others_give_way(participant: Participant, now_s: float) -> bool:
    """Tell whether others may be asked to give way for a newcomer.

    Not during the wait after a trial that failed because lowering them freed nothing (`retry_wait_s`).
    """
    return now_s >= participant.trial.try_again_at or not participant.trial.retry_wait_s


def begin_trial(participant: Participant, now_s: float) -> None:
    """Note since when others give way for a newcomer (`Trial.since`): a trial (in place)."""
    if participant.trial.since is None:
        participant.trial = replace(participant.trial, since=now_s)


def note_failed_trial(
    participant: Participant, running: Sequence[Participant], now_s: float
) -> None:
    """Note that others gave way for a newcomer in vain, and until when it is not tried again (in place).

    If some participant of `running` on its phases does not measure, that is the likely cause: such a vehicle
    may draw less than its offer, and release nothing when that is lowered. The newcomer has to wait
    (`retry_wait_s`): the first time 1 min (`FIRST_WAIT_S`), then twice as long each time, at most 15 min
    (`LONGEST_WAIT_S`). Else it has to wait for as long only while its minimum just fits.
    """
    nothing_was_freed = any(
        not one.settings.measures_current and not set(one.phases).isdisjoint(participant.phases)
        for one in running
    )
    if nothing_was_freed:
        # 0 s when none has failed yet: then the first wait
        wait_s = min(2 * participant.trial.retry_wait_s, LONGEST_WAIT_S) or FIRST_WAIT_S
        participant.trial = Trial(retry_wait_s=wait_s, try_again_at=now_s + wait_s)
    else:
        participant.trial = Trial(try_again_at=now_s + LONGEST_WAIT_S)


def forget_trials(participant: Participant) -> None:
    """Forget that others gave way for a participant in vain: it has been started, or its vehicle has left.

    They may do so again at once for its next start (in place).
    """
    participant.trial = Trial()
