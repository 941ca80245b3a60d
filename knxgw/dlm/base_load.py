"""The base load of a phase: what the meter shows, less what the chargers drew at that moment. Pure.

*A range.* A value of the meter (a *sample*) was taken at the latest when it arrived (`arrived_at`), and at
the earliest `EARLY_S` (1 s) before the moment that the configured delay says (`sampled_at`). A charger's
current may have jumped at any time between two readings. So what the chargers drew at the sample is a range,
and the base load is one, too. Within its range the base load changes as little as possible: otherwise every
step of a vehicle would look like a step of the building. How much higher it may be is its uncertainty: raises
leave that free.

*Waiting for readings.* A reading of a charger that is older than a sample proves nothing about it. Until all
chargers have been read again the sample waits (`pending_samples`) and counts provisionally: a higher base
load is believed only if the line carries more than its limit. Then some vehicle must be lowered at once,
whatever caused the excess. Once they have been read, the sample is examined again.

*Known participants* are those whose draw is known, measured or assumed. The draw of all others is part of the
base load.

Source: load-management 7.1, 7.2.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from knxgw.dlm.draw_history import (
    EARLY_S,
    draw_at,
    draw_range_about,
    is_read_often,
    last_read_at,
    must_be_obeyed_at,
    steady_draw_about,
)
from knxgw.dlm.participant import Participant, Phases
from knxgw.dlm.settings import MOST_BACK_OFF, Settings
from knxgw.dlm.state import IN_FORCE, BaseHistory, BaseRange, PastBase, PhaseState, Sample

UNREST_MA = 1000  # by how much readings of a moving vehicle may mislead
SAME_LEVEL_MA = 500  # loads that differ by no more are the same load again
UNREPORTED_MA = 500  # a change that a meter which sends changes only may not report
# a line is at rest when nothing has moved for the delay of the meter and so long (7.2g)
AT_REST_S = 2.0
MOST_SAMPLES = 30  # so many of a phase may wait for readings; the oldest is dropped
LATE_READING_S = 1.0  # a reading may be late by so much beyond its period; no sample waits longer


class DrawRange(NamedTuple):
    """What a participant may have drawn of a phase when a sample was taken [mA]."""

    least_ma: int
    likely_ma: int
    most_ma: int


class BaseEstimate(NamedTuple):
    """What a sample says of the base load [mA]: its value, and the range it lies in."""

    base_ma: int  # by this sample: the value of the range closest to before, or the likely one after a sure rise
    least_ma: int
    likely_ma: int  # if the sample is as old as the configured delay says
    most_ma: int


def add_sample(
    phase_state: PhaseState,
    phase: int,
    sample: Sample,
    participants: Iterable[Participant],
    settings: Settings,
) -> None:
    """Set the base load and uncertainty of a phase by a new sample of the meter (`phase_state` changes in place).

    It counts fully if it is the first one, or if all chargers have been read since it arrived. Otherwise it
    counts provisionally, and waits in `pending_samples` to be examined again once they have been read; one that
    changes nothing does not wait, unless earlier ones do. `phase`: 0 to 2. Source: load-management 7.2.
    """
    known_participants = _participants_with_known_draw(participants)
    estimate = _estimate(phase_state.base_ma, phase, sample, known_participants, settings)
    phase_state.reported_ma = sample.current_ma
    phase_state.possible_base_ma = BaseRange(estimate.least_ma, estimate.most_ma)
    before_ma = phase_state.base_ma
    if before_ma is None or _are_all_read_since(known_participants, sample.arrived_at):
        base_ma = estimate.base_ma
        most_ma = _cautious_base_ma(estimate, base_ma, sample, known_participants)
        _set_base_load(phase_state, base_ma, most_ma, pending_samples=())
        return
    base_ma = _provisional_base_ma(estimate.base_ma, before_ma, sample, settings)
    most_ma = _base_to_leave_room_for_ma(estimate, base_ma, sample, known_participants)
    # a sample that changes nothing needs no second look, unless earlier ones wait for theirs
    changes_nothing = base_ma == estimate.most_ma == before_ma
    must_wait = not changes_nothing or bool(phase_state.pending_samples)
    # the oldest is dropped if there would be more than `MOST_SAMPLES`
    pending = (*phase_state.pending_samples[1 - MOST_SAMPLES :], sample) if must_wait else ()
    _set_base_load(phase_state, base_ma, most_ma, pending_samples=pending)


def _base_to_leave_room_for_ma(
    estimate: BaseEstimate, used_ma: int, sample: Sample, known_participants: list[Participant]
) -> int:
    """Return up to which base load [mA] offers leave room while a sample waits for readings of the chargers.

    Normally that is the highest one that the sample leaves possible (`estimate.most_ma`). It is less if all
    chargers were read since the presumed sampling (`sampled_at`) and another sample comes before any raise:
    then the largest of the one that is used now (`used_ma`), the sample's own estimate, and its likely value if
    that is more than 1 A above the one used.
    """
    is_read_since_sampled = _are_all_read_since(known_participants, sample.sampled_at)
    if is_read_since_sampled and _is_sampled_again_before_raise(sample, known_participants):
        return max(used_ma, estimate.base_ma, _likely_base_ma(estimate, used_ma))
    return estimate.most_ma


def _participants_with_known_draw(participants: Iterable[Participant]) -> list[Participant]:
    """Return the participants whose draw is known: they can be reached, and their currents are valid.

    The draw of the others cannot be told from the building's, so it counts as base load.
    """
    return [participant for participant in participants if participant.is_draw_known]


def add_draw(phases: Sequence[PhaseState], draw_ma: Phases) -> None:
    """Add a draw [mA per grid phase] to the base load, because from now on it counts as the building's (in place).

    That happens when a charger is no longer reached, for example: its draw still flows, but is not known any
    more. It is added to past base loads, too, so that the peak of the base load contains it. A phase without
    a base load yet is left out: its first sample will contain the draw. `phases`: L1 first. Source:
    load-management 7.2c.
    """
    for phase, added_ma in zip(phases, draw_ma, strict=False):
        if phase.base_ma is not None and added_ma:
            phase.base_ma += added_ma
            phase.possible_base_ma = phase.possible_base_ma.shifted(added_ma)
            phase.history = tuple(
                PastBase(past.until, past.base_ma + added_ma) for past in phase.history
            )


def _cautious_base_ma(
    estimate: BaseEstimate, base_ma: int, sample: Sample, known_participants: list[Participant]
) -> int:
    """Return the base load [mA] for which offers must leave room: the highest one that need be feared.

    If another sample will come before any offer is raised, that is the likely one, since the new sample will
    correct it in time. With a slow meter or rare readings it is the highest one that this sample leaves
    possible. `base_ma`: the base load that is used; the result is no lower.
    """
    if not _is_sampled_again_before_raise(sample, known_participants):
        return estimate.most_ma
    return max(base_ma, _likely_base_ma(estimate, base_ma))


def _is_sampled_again_before_raise(sample: Sample, known_participants: list[Participant]) -> bool:
    """Tell whether the meter will send another sample before an offer can be raised because of this one.

    Asked before the likely base load is trusted instead of the highest possible one. It will if its samples
    come at least as often as raises may, and all chargers are read in about each cycle.
    """
    return not sample.is_from_slow_meter and all(map(is_read_often, known_participants))


def _likely_base_ma(estimate: BaseEstimate, base_ma: int) -> int:
    """Return the base load [mA] that a sample most likely means, or the one that is used if that is close.

    The likely one must be more than `UNREST_MA` (1 A) above `base_ma`, the one that is used, to count: a
    smaller difference may only come from readings that were taken while a vehicle moved.
    """
    return estimate.likely_ma if estimate.likely_ma > base_ma + UNREST_MA else base_ma


def reexamine(
    phase_state: PhaseState,
    phase: int,
    participants: Iterable[Participant],
    settings: Settings,
    now_s: float,
) -> None:
    """Set the base load of a phase by its waiting samples, as far as the chargers have been read (in place).

    The newest sample that need not wait any more sets the base load; it and all before it are done with.
    Those after it go on waiting, and count provisionally, one after the other. The newest of all sets the
    uncertainty. If every sample must still wait, new readings can only raise the uncertainty. `phase`: 0 to
    2. At least one sample must be waiting. Source: load-management 7.2f.
    """
    known_participants = _participants_with_known_draw(participants)
    samples = phase_state.pending_samples
    ready_index = _index_of_newest_ready(samples, known_participants, now_s)
    if ready_index is None:
        newest = samples[-1]
        _raise_uncertainty(phase_state, phase, newest, known_participants, settings)
        return
    sample = samples[ready_index]
    estimate = _estimate(phase_state.base_ma, phase, sample, known_participants, settings)
    base_ma = estimate.base_ma
    later_samples = samples[ready_index + 1 :]
    for sample in later_samples:
        estimate = _estimate(base_ma, phase, sample, known_participants, settings)
        base_ma = _provisional_base_ma(estimate.base_ma, base_ma, sample, settings)
    # `estimate` and `sample` are now those of the newest sample
    phase_state.possible_base_ma = BaseRange(estimate.least_ma, estimate.most_ma)
    most_ma = _cautious_base_ma(estimate, base_ma, sample, known_participants)
    _set_base_load(phase_state, base_ma, most_ma, pending_samples=later_samples)


def _raise_uncertainty(
    phase_state: PhaseState,
    phase: int,
    sample: Sample,
    known_participants: list[Participant],
    settings: Settings,
) -> None:
    """Raise the uncertainty of a phase's base load if new readings make a higher one possible (in place).

    To be called only while every sample waits for readings. One may show that a vehicle has stopped, perhaps
    before the meter took its last `sample`. Then current that was taken for the vehicle's was the building's,
    and must not be offered to others. The base load itself stays, and nothing falls. `uncertainty_ma` rises
    to what offers have to leave free, the upper end of `possible_base_ma` to the highest possible base load.
    `phase`: 0 to 2.
    """
    base_ma = phase_state.base_ma or 0  # not known yet: everything counts as uncertain
    estimate = _estimate(base_ma, phase, sample, known_participants, settings)
    most_ma = _cautious_base_ma(estimate, base_ma, sample, known_participants)
    phase_state.uncertainty_ma = max(phase_state.uncertainty_ma, most_ma - base_ma)
    phase_state.possible_base_ma = BaseRange(
        phase_state.possible_base_ma.least_ma,
        max(phase_state.possible_base_ma.most_ma, estimate.most_ma),
    )


def _index_of_newest_ready(
    samples: Sequence[Sample], known_participants: list[Participant], now_s: float
) -> int | None:
    """Return the index of the newest sample that need not wait for readings any more; None: all must wait.

    It need not wait once all chargers have been read since it arrived, or once it has waited for longer than
    a reading can take: that reading will not come. `samples`: the oldest first.
    """
    longest_wait_s = _longest_wait_s(known_participants)
    for index in range(len(samples) - 1, -1, -1):
        arrived_at = samples[index].arrived_at
        has_waited_enough = now_s >= arrived_at + longest_wait_s
        if has_waited_enough or _are_all_read_since(known_participants, arrived_at):
            return index
    return None


def examine_at_rest(
    phase_state: PhaseState,
    phase: int,
    participants: Iterable[Participant],
    *,
    at_rest_since: float,
    long_at_rest_since: float,
) -> None:
    """Make the base load of a phase exact while nothing moves, for a meter that sends changes only (in place).

    To be called only for such a meter, and not in an emergency: while it is silent its last value holds. If
    no draw has moved since `at_rest_since`, the base load is that value less the present draws, within the
    range that the last sample left possible. If that is higher than before it counts at once. If it is lower,
    or the same, it counts only if nothing has moved since `long_at_rest_since`, which is earlier: a telegram
    may have been lost. It falls no further than to 0.5 A above what is shown (`UNREPORTED_MA`), because the
    meter need not report so small a rise. Nothing changes while samples wait for readings. `phase`: 0 to 2.
    Source: load-management 7.2g.
    """
    before_ma, possible_ma = phase_state.base_ma, phase_state.possible_base_ma
    if before_ma is None or phase_state.pending_samples or possible_ma.is_exact:
        return  # it is unknown, exact already, or will be set when the waiting samples are examined again
    known_participants = _participants_with_known_draw(participants)
    drawn_ma = 0
    for participant in known_participants:
        steady = steady_draw_about(participant, at_rest_since)
        if steady is None:
            return  # a charger has moved
        drawn_ma += steady[phase]
    shown_ma = phase_state.reported_ma - drawn_ma
    if shown_ma < before_ma:
        # it falls to 0.5 A above that: the meter may not have reported so small a rise
        shown_ma = min(shown_ma + UNREPORTED_MA, before_ma)
    base_ma = min(max(shown_ma, possible_ma.least_ma), possible_ma.most_ma)
    is_long_at_rest = all(
        steady_draw_about(participant, long_at_rest_since) is not None
        for participant in known_participants
    )
    if base_ma > before_ma or is_long_at_rest:
        phase_state.possible_base_ma = BaseRange(base_ma, base_ma)
        _set_base_load(phase_state, base_ma, most_ma=base_ma, pending_samples=())


def _provisional_base_ma(
    estimated_ma: int, before_ma: int, sample: Sample, settings: Settings
) -> int:
    """Return the base load [mA] to use until all chargers have been read since a sample arrived.

    `estimated_ma`: the base load by that sample; `before_ma`: the one used so far. The lower of the two
    counts, because a rise may be that of a vehicle that was not read yet. But if the line carries so much
    more than its limit that an offer must be lowered at once (`lower_from_ma`, 0.5 A), the estimate counts,
    rise or not, whatever has caused the excess. Source: load-management 7.2e.
    """
    is_line_too_full = sample.current_ma > settings.limit_ma + settings.lower_from_ma
    return estimated_ma if is_line_too_full else min(estimated_ma, before_ma)


def note_base_load(phase_state: PhaseState, now_s: float, peak_hold_s: float) -> None:
    """Note in a phase's history that its present base load is in force from `now_s` on (in place).

    The history serves to find the peak of any window. So it keeps only base loads that are higher than all
    later ones, and that ended within the longest window. If the load has risen, it also notes for how long it
    had been lower: a load that keeps coming back lengthens the window (back-off). `peak_hold_s`: the window
    without back-off. Source: load-management 7.3, 9.4e.
    """
    longest_window_began_at = now_s - peak_hold_s * 2**MOST_BACK_OFF
    base_ma = phase_state.base_ma or 0
    if phase_state.history and base_ma > phase_state.history[-1].base_ma + SAME_LEVEL_MA:
        absent_s = _time_below_level_s(phase_state.history, base_ma, now_s)
        phase_state.level_absent_s = absent_s
        # the load came back within the present window, which kept others from rising: its length was of use
        if absent_s is not None and absent_s <= peak_hold_s * 2**phase_state.back_off:
            phase_state.back_off_useful_at = now_s
    kept = [
        past if past.until <= now_s else PastBase(now_s, past.base_ma)
        for past in phase_state.history
        if past.base_ma > base_ma and past.until >= longest_window_began_at
    ]
    phase_state.history = (*kept, PastBase(IN_FORCE, base_ma))


def _time_below_level_s(history: BaseHistory, base_ma: int, now_s: float) -> float | None:
    """Return for how long [s] the load was lower than the level `base_ma` to which it has just risen.

    To be called only when it has risen by more than 0.5 A, and before that is in the history: its last entry
    is the load before the rise. None: the history has no load of that level. A past load counts as of that
    level if it falls short of it by no more than a quarter of the rise or 0.5 A (`SAME_LEVEL_MA`), whichever
    is more: a sample taken before the chargers were read may show too much.
    """
    before_ma = history[-1].base_ma
    three_quarters_ma = before_ma + (base_ma - before_ma) * 3 // 4
    least_ma = min(base_ma - SAME_LEVEL_MA, three_quarters_ma)
    for past in reversed(history[:-1]):  # the latest first
        if past.base_ma >= least_ma:
            return now_s - past.until
    return None


def _set_base_load(
    phase_state: PhaseState, base_ma: int, most_ma: int, *, pending_samples: tuple[Sample, ...]
) -> None:
    """Set what is known of the base load of a phase (in place).

    That is the base load itself, its uncertainty, by which it may be as high as `most_ma`, and the samples
    that wait for readings.
    """
    phase_state.base_ma, phase_state.uncertainty_ma, phase_state.pending_samples = (
        base_ma,
        most_ma - base_ma,
        pending_samples,
    )


def _estimate(
    before_ma: int | None,
    phase: int,
    sample: Sample,
    known_participants: list[Participant],
    settings: Settings,
) -> BaseEstimate:
    """Return the base load of a phase by a sample: the measured current less what the chargers drew then.

    What they drew is a range, so the base load is one, too. `before_ma` is the base load used so far: of the
    range the value closest to it counts, because what a moving vehicle may explain is no change of the
    building. `before_ma` is None for the first sample: its likeliest value counts as exact. `phase`: 0 to 2.
    Source: load-management 7.2d.
    """
    least_drawn_ma = likely_drawn_ma = most_drawn_ma = 0
    for participant in known_participants:
        drawn = _draw_range_ma(participant, phase, sample, settings)
        least_drawn_ma += drawn.least_ma
        likely_drawn_ma += drawn.likely_ma
        most_drawn_ma += drawn.most_ma
    measured_ma = sample.current_ma
    least_ma, most_ma = measured_ma - most_drawn_ma, measured_ma - least_drawn_ma
    likely_ma = measured_ma - likely_drawn_ma
    if before_ma is None:
        return BaseEstimate(likely_ma, likely_ma, likely_ma, likely_ma)
    if least_ma > before_ma + settings.lower_from_ma:
        # the building has certainly risen: the likeliest value counts
        base_ma = max(least_ma, likely_ma)
    else:
        # the value of the range closest to `before_ma`
        base_ma = max(least_ma, min(before_ma, most_ma))
    return BaseEstimate(base_ma, least_ma, likely_ma, most_ma)


def _draw_range_ma(
    participant: Participant, phase: int, sample: Sample, settings: Settings
) -> DrawRange:
    """Return what a participant may have drawn of a phase (0 to 2) when a sample was taken.

    That is the range by its readings. Its lower end is the offer to which it was lowered for a moment, if
    that is lower and the vehicle may have followed it without any reading showing that.
    """
    drawn = _draw_range_by_readings_ma(participant, phase, sample, settings)
    if not _may_have_dipped_unseen(participant, phase, sample.sampled_at):
        return drawn
    return drawn._replace(least_ma=min(drawn.least_ma, participant.transition.dips_to_ma))


def _draw_range_by_readings_ma(
    participant: Participant, phase: int, sample: Sample, settings: Settings
) -> DrawRange:
    """Return what a participant may have drawn of a phase (0 to 2) when a sample was taken, by its readings.

    With steady readings around the sample it is one value. Otherwise it is the range of these readings, and
    also of offers that the vehicle may have followed while no reading shows it: the present one, one that was
    taken back between two readings, and without measurement the two before.
    """
    may_have_followed_unseen = _may_have_followed_unseen(participant, sample, settings)
    steady = None if may_have_followed_unseen else steady_draw_about(participant, sample.sampled_at)
    if steady is not None:
        only_ma = steady[phase]
        return DrawRange(least_ma=only_ma, likely_ma=only_ma, most_ma=only_ma)
    least_ma, most_ma = draw_range_about(participant, sample.sampled_at, sample.arrived_at, phase)
    most_ma = max(most_ma, _unseen_peak_ma(participant, phase, sample.sampled_at))
    if may_have_followed_unseen and phase in participant.phases:
        least_ma, most_ma = min(least_ma, participant.offer_ma), max(most_ma, participant.offer_ma)
        if not participant.settings.measures_current:
            transition = participant.transition
            earlier_ma = (transition.previous_offer_ma, transition.second_last_offer_ma)
            least_ma, most_ma = min(least_ma, *earlier_ma), max(most_ma, *earlier_ma)
    likely_ma = draw_at(participant, sample.sampled_at)[phase]
    return DrawRange(least_ma, likely_ma, most_ma)


def _may_have_followed_unseen(participant: Participant, sample: Sample, settings: Settings) -> bool:
    """Tell whether a vehicle may have followed its last offer by the time of a sample, while no reading shows it.

    With measurement that is so if the last reading is older than the sample, and was taken before the offer
    must have been obeyed. Without measurement no reading ever shows it: then it is so for a vehicle that
    draws, until the offer must have been obeyed.
    """
    obeyed_at = must_be_obeyed_at(participant, settings)
    if not participant.settings.measures_current:
        return participant.highest_draw_ma > 0 and sample.sampled_at - EARLY_S < obeyed_at
    read_at = last_read_at(participant)
    if read_at is None:
        return False  # it was never read: there is no draw from which it could have moved
    return read_at < sample.arrived_at and read_at < obeyed_at


def _unseen_peak_ma(participant: Participant, phase: int, sampled_at: float) -> int:
    """Return up to which current [mA] a vehicle may have risen on a phase (0 to 2) without any reading showing it.

    A vehicle that was raised, and lowered again before it had to follow, may have drawn the higher offer
    between two readings. 0: it was not raised and lowered like that.
    """
    raised_to_ma = participant.transition.raised_to_ma
    was_lowered_again = (
        participant.offer_ma < raised_to_ma and sampled_at < participant.transition.rises_until
    )
    return raised_to_ma if was_lowered_again and phase in participant.phases else 0


def _may_have_dipped_unseen(participant: Participant, phase: int, sampled_at: float) -> bool:
    """Tell whether a vehicle may have drawn less of a phase (0 to 2) at a sample than the readings around it show.

    That is so for one that was lowered and raised again before any reading showed whether it obeyed: between
    two readings it may have drawn as little as the lower offer (`Transition.dips_to_ma`). Source:
    load-management 7.2h.
    """
    return sampled_at - EARLY_S < participant.transition.dips_until and phase in participant.phases


def _are_all_read_since(known_participants: list[Participant], moment_at: float) -> bool:
    """Tell whether the currents of all known participants were read at or after `moment_at` [monotonic s].

    Asked before a sample of that moment counts fully. Two kinds need no reading: where no vehicle is
    connected nothing flows, and without measurement the assumed draw is known at any time.
    """
    for participant in known_participants:
        if participant.is_connected and participant.settings.measures_current:
            read_at = last_read_at(participant)
            if read_at is None or read_at < moment_at:
                return False
    return True


def _longest_wait_s(known_participants: list[Participant]) -> float:
    """Return how long [s] a sample waits for readings at most: the longest poll period and 1 s more."""
    periods_s = [
        participant.observation.period_s
        for participant in known_participants
        if participant.observation is not None
    ]
    return max(periods_s, default=0.0) + LATE_READING_S
