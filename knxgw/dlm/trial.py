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
    """Tell whether others may be lowered for a newcomer, which may again turn out to be in vain.

    Not during the wait after a failed trial in which lowering them freed nothing (`retry_wait_s` is above
    0). After other failures the newcomer only needs more room meanwhile (`admission`), so true.
    """
    return now_s >= participant.trial.try_again_at or not participant.trial.retry_wait_s


def begin_trial(participant: Participant, now_s: float) -> None:
    """Note that others give way for a newcomer from now on: a trial begins (in place).

    They are lowered for it, or offers to free charging points are withdrawn. If a trial goes on already, its
    beginning stays.
    """
    if participant.trial.since is None:
        participant.trial = replace(participant.trial, since=now_s)


def note_failed_trial(
    participant: Participant, running: Sequence[Participant], now_s: float
) -> None:
    """Note that others gave way for a newcomer in vain, and until when it is not tried again (in place).

    If some participant of `running` on its phases does not measure, that is the likely cause: such a
    vehicle may draw less than its offer, and release nothing when that is lowered. Then the others do not
    give way for 1 min the first time, and for twice as long each further time, at most 15 min
    (`retry_wait_s`).

    Where all of them measure, the building has taken the current. Then others may give way at once if there
    is more room than the minimum needs; if it only just fits, not for 15 min. Failures of the other kind before
    are forgotten.
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
