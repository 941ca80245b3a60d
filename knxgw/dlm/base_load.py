"""What the building draws of a phase: what the meter shows, less what the chargers drew then. Pure.

A sample of the meter was taken at some moment between its arrival and a little more than the configured delay
before. The draw of a charger at that moment is a range, since it may have jumped at any time between two
readings. So the base load is a range, too. Within that range the previous base load is kept: otherwise every
step of a vehicle would look like a step of the building.

A reading older than the sample proves nothing about it. Until a newer one arrives, a higher base load is
believed only if the line carries more than its limit: then some vehicle must be lowered at once, whatever
caused the excess. For raising the highest possible base load counts. With the newer reading the sample is
examined again.

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

# by how much readings of a moving vehicle may mislead
UNREST_MA = 1000
SAME_LEVEL_MA = 500  # loads that differ by no more are the same load again
UNREPORTED_MA = 500  # a change that a meter which sends changes only may not report
# a line is at rest when nothing has moved for the delay of the meter and so long (7.2g)
AT_REST_S = 2.0
MOST_SAMPLES = 30  # so many of a phase may wait for readings; the oldest is dropped
LATE_READING_S = 1.0  # a reading may be late by so much beyond its period; no sample waits longer


class DrawRange(NamedTuple):
    """What a participant drew of a phase when a sample was taken [mA]."""

    least_ma: int
    likely_ma: int
    most_ma: int


class BaseEstimate(NamedTuple):
    """What a sample says of the load of the building [mA]: what is taken, and what is possible."""

    base_ma: int  # what is taken
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
    """Set base load and uncertainty of a phase by a new sample of the meter (`phase_state` changes in place).

    The first sample, and one after which all chargers were read, counts at once. Until they are read another
    one only lowers the base load, unless the line carries more than its limit (`_believed_base_ma`). Unless
    it changes nothing, it waits in `pending_samples` to be examined again. `phase`: its index (0 to 2).
    Source: load-management 7.2.
    """
    readable = _readable(participants)
    estimate = _estimate(phase_state.base_ma, phase, sample, readable, settings)
    phase_state.reported_ma = sample.current_ma
    phase_state.possible_base_ma = BaseRange(estimate.least_ma, estimate.most_ma)
    before_ma = phase_state.base_ma
    if before_ma is None or _is_covered_by_readings(sample, readable):
        base_ma = estimate.base_ma
        most_ma = _highest_base_ma(estimate, base_ma, sample, readable)
        _set_base_load(phase_state, base_ma, most_ma, pending_samples=())
        return
    base_ma = _believed_base_ma(estimate.base_ma, before_ma, sample, settings)
    most_ma = estimate.most_ma
    # a sample by which the base load is exactly what it was needs no second look, unless others wait for one
    must_wait = not base_ma == most_ma == before_ma or bool(phase_state.pending_samples)
    is_read_since_sampled = _are_all_read_since(readable, sample.sampled_at)
    if _is_next_sample_before_raise(sample, readable) and is_read_since_sampled:
        # only what is likely keeps others from rising, not all that the configured delay leaves open
        most_ma = max(base_ma, estimate.base_ma, _likely_base_ma(estimate, base_ma))
    # the oldest is dropped if there would be more than `MOST_SAMPLES`
    pending = (*phase_state.pending_samples[1 - MOST_SAMPLES :], sample) if must_wait else ()
    _set_base_load(phase_state, base_ma, most_ma, pending_samples=pending)


def _readable(participants: Iterable[Participant]) -> list[Participant]:
    """Return the participants whose draw is known; that of the others counts as the building's."""
    return [
        participant
        for participant in participants
        if participant.has_valid_currents and participant.is_reachable
    ]


def add_draw(phases: Sequence[PhaseState], draw_ma: Phases) -> None:
    """Add a draw [mA per grid phase] that counts as the building's from now on to the base load (in place).

    It is added to the base loads of the past, too: else the peak would be too low by it. Phases that have no
    base load yet are left out: their first sample contains the draw. Source: load-management 7.2c.
    """
    for phase, added_ma in zip(phases, draw_ma, strict=False):
        if phase.base_ma is not None and added_ma:
            phase.base_ma += added_ma
            phase.possible_base_ma = phase.possible_base_ma.shifted(added_ma)
            phase.history = tuple(
                PastBase(past.until, past.base_ma + added_ma) for past in phase.history
            )


def _highest_base_ma(
    estimate: BaseEstimate, base_ma: int, sample: Sample, readable: list[Participant]
) -> int:
    """Return the highest base load [mA] that a sample leaves possible, as far as it must keep offers low.

    Where the next sample comes before a raise could rest on this one, only what is likely counts. With a slow
    meter, or rare readings, all that is possible counts. `base_ma`: the base load that the sample sets; the
    result is no lower.
    """
    if not _is_next_sample_before_raise(sample, readable):
        return estimate.most_ma
    return max(base_ma, _likely_base_ma(estimate, base_ma))


def _is_next_sample_before_raise(sample: Sample, readable: list[Participant]) -> bool:
    """Tell whether the next sample comes before an offer is raised by this one.

    That is where the meter and all chargers whose draw is known (`readable`) are read in about each cycle.
    """
    return not sample.is_from_slow_meter and all(map(is_read_often, readable))


def _likely_base_ma(estimate: BaseEstimate, base_ma: int) -> int:
    """Return the base load [mA] that a sample most likely means, no lower than the one it sets (`base_ma`).

    It is higher only by more than `UNREST_MA`: readings of a moving vehicle may feign a smaller difference.
    """
    return estimate.likely_ma if estimate.likely_ma > base_ma + UNREST_MA else base_ma


def reexamine(
    phase_state: PhaseState,
    phase: int,
    participants: Iterable[Participant],
    settings: Settings,
    now_s: float,
) -> None:
    """Set the base load of a phase by samples that have waited for readings of the chargers (in place).

    The newest sample that need not wait any more gives the base load; it and those before it are dropped.
    Those after it go on waiting: they only lower the base load, unless the line carries more than its limit
    (`_believed_base_ma`). The uncertainty is that of the newest of all. While all must wait, only the
    uncertainty may grow. There must be a pending sample. Source: load-management 7.2f.
    """
    readable = _readable(participants)
    samples = phase_state.pending_samples
    decided_index = _newest_decided(samples, readable, now_s)
    if decided_index is None:
        _raise_possible_base(phase_state, phase, samples[-1], readable, settings)
        return
    sample = samples[decided_index]
    estimate = _estimate(phase_state.base_ma, phase, sample, readable, settings)
    base_ma = estimate.base_ma
    later_samples = samples[decided_index + 1 :]
    for sample in later_samples:
        estimate = _estimate(base_ma, phase, sample, readable, settings)
        base_ma = _believed_base_ma(estimate.base_ma, base_ma, sample, settings)
    # from here on `estimate` is that of the newest sample, `sample`
    phase_state.possible_base_ma = BaseRange(estimate.least_ma, estimate.most_ma)
    most_ma = _highest_base_ma(estimate, base_ma, sample, readable)
    _set_base_load(phase_state, base_ma, most_ma, pending_samples=later_samples)


def _raise_possible_base(
    phase_state: PhaseState,
    phase: int,
    sample: Sample,
    readable: list[Participant],
    settings: Settings,
) -> None:
    """Raise what the base load of a phase (0…2) may be where new readings leave a higher one possible (in place).

    A reading may show that a vehicle has stopped, perhaps before the last `sample` of the meter: then what
    was taken for its current was the building's, and no vehicle may be offered it. The base load itself stays.
    `uncertainty_ma` grows to what offers have to leave free (with a fast meter only what is likely),
    `possible_base_ma` to all that the sample leaves possible. `readable`: participants whose draw is known.
    """
    base_ma = phase_state.base_ma or 0  # not known yet: everything counts as uncertain
    estimate = _estimate(base_ma, phase, sample, readable, settings)
    cautious_base_ma = _highest_base_ma(estimate, base_ma, sample, readable)
    phase_state.uncertainty_ma = max(phase_state.uncertainty_ma, cautious_base_ma - base_ma)
    phase_state.possible_base_ma = BaseRange(
        phase_state.possible_base_ma.least_ma,
        max(phase_state.possible_base_ma.most_ma, estimate.most_ma),
    )


def _newest_decided(
    samples: Sequence[Sample], readable: list[Participant], now_s: float
) -> int | None:
    """Return the index of the newest sample that need not wait for readings any more; None: all must wait.

    A sample waits until all chargers were read after it, but no longer than a reading takes at most.
    `readable`: the participants whose draw is known; `samples`: the oldest first.
    """
    longest_wait_s = _longest_wait_s(readable)
    for index in range(len(samples) - 1, -1, -1):
        sample = samples[index]
        if _is_covered_by_readings(sample, readable) or now_s >= sample.arrived_at + longest_wait_s:
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
    """Make the base load of a phase exact by the last value of a meter that sends changes only (in place).

    While such a meter is silent its last value holds, so once no draw has moved since `at_rest_since`, the
    base load is that value less the draws, within the range that the last sample allowed. A higher base load
    counts at once; a lower one, since a telegram may have been lost, only if nothing has moved since the
    earlier `long_at_rest_since`. Otherwise nothing changes. Source: load-management 7.2g.
    """
    before_ma, possible_ma = phase_state.base_ma, phase_state.possible_base_ma
    if before_ma is None or phase_state.pending_samples or possible_ma.is_exact:
        return  # there is nothing to make exact, or the readings for which a sample waits will
    readable = _readable(participants)
    drawn_ma = 0
    for participant in readable:
        steady = steady_draw_about(participant, at_rest_since)
        if steady is None:
            return  # a charger has moved
        drawn_ma += steady[phase]
    shown_ma = phase_state.reported_ma - drawn_ma
    if shown_ma < before_ma:  # the meter may not report so small a change
        shown_ma = min(shown_ma + UNREPORTED_MA, before_ma)
    base_ma = min(max(shown_ma, possible_ma.least_ma), possible_ma.most_ma)
    is_long_at_rest = all(
        steady_draw_about(participant, long_at_rest_since) is not None for participant in readable
    )
    if base_ma > before_ma or is_long_at_rest:
        phase_state.possible_base_ma = BaseRange(base_ma, base_ma)
        _set_base_load(phase_state, base_ma, most_ma=base_ma, pending_samples=())


def _believed_base_ma(estimated_ma: int, before_ma: int, sample: Sample, settings: Settings) -> int:
    """Return the base load [mA] by a sample after which not all chargers were read yet.

    `estimated_ma`: by the sample; `before_ma`: the one until now. The lower of both: a rise may be a
    vehicle's that was not read yet. But if the line carries more than its limit, the sample counts as it is:
    then some vehicle must be lowered at once, whatever has risen. Source: load-management 7.2e.
    """
    if sample.current_ma > settings.limit_ma + settings.lower_from_ma:
        return estimated_ma
    return min(estimated_ma, before_ma)


def note_base_load(phase_state: PhaseState, now_s: float, window_s: float) -> None:
    """Note in a phase's history that its present base load is in force from `now_s` on (in place).

    The history keeps what can be the peak of a window: base loads that are higher than all later ones, and
    did not end before the longest window. When the load has risen, it is noted for the back-off (a longer
    window after raises that had to be taken back) for how long the load had been lower. `window_s`: W,
    without back-off. Source: load-management 7.3, 9.4e.
    """
    forgotten_until = now_s - window_s * 2**MOST_BACK_OFF
    base_ma = phase_state.base_ma or 0
    if phase_state.history and base_ma > phase_state.history[-1].base_ma + SAME_LEVEL_MA:
        absent_s = _level_absent_s(phase_state.history, base_ma, now_s)
        phase_state.level_absent_s = absent_s
        # the present window still has the earlier load in mind, so its length is of use
        if absent_s is not None and absent_s <= window_s * 2**phase_state.back_off:
            phase_state.back_off_useful_at = now_s
    kept = [
        past if past.until <= now_s else PastBase(now_s, past.base_ma)
        for past in phase_state.history
        if past.base_ma > base_ma and past.until >= forgotten_until
    ]
    phase_state.history = (*kept, PastBase(IN_FORCE, base_ma))


def _level_absent_s(history: BaseHistory, base_ma: int, now_s: float) -> float | None:
    """Return for how long [s] the load has been lower than the level `base_ma` to which it has just risen.

    None: it was not that high within the history, whose last entry is the load before the rise. "That high"
    is lower by no more than a quarter of the rise (a sample taken before the chargers were read may show too
    much) or by 0.5 A (`SAME_LEVEL_MA`), whichever is more.
    """
    before_ma = history[-1].base_ma
    least_ma = min(base_ma - SAME_LEVEL_MA, before_ma + (base_ma - before_ma) * 3 // 4)
    # the latest one that was as high comes first
    absent_s = (now_s - past.until for past in reversed(history[:-1]) if past.base_ma >= least_ma)
    return next(absent_s, None)


def _set_base_load(
    phase_state: PhaseState, base_ma: int, most_ma: int, *, pending_samples: tuple[Sample, ...]
) -> None:
    """Set the base load of a phase, how high it may be at most [mA], and the samples that wait (in place)."""
    phase_state.base_ma, phase_state.uncertainty_ma, phase_state.pending_samples = (
        base_ma,
        most_ma - base_ma,
        pending_samples,
    )


def _estimate(
    before_ma: int | None,
    phase: int,
    sample: Sample,
    readable: list[Participant],
    settings: Settings,
) -> BaseEstimate:
    """Return a phase's base load by a sample: the measured current less what the chargers drew then.

    That draw is a range, so the base load is one, too. Within it `base_ma` differs as little as it can from
    `before_ma`, the base load until now. Only if the whole range is higher by more than `lower_from_ma` the
    building has certainly risen: then the most likely value counts. For the first sample (`before_ma` is
    None) the range is that one value. Source: load-management 7.2d.
    """
    least_drawn_ma = likely_drawn_ma = most_drawn_ma = 0
    for participant in readable:
        drawn = _draw_range_ma(participant, phase, sample, settings)
        least_drawn_ma += drawn.least_ma
        likely_drawn_ma += drawn.likely_ma
        most_drawn_ma += drawn.most_ma
    measured_ma = sample.current_ma
    least_ma, most_ma = measured_ma - most_drawn_ma, measured_ma - least_drawn_ma
    likely_ma = measured_ma - likely_drawn_ma
    if before_ma is None:
        base_ma = most_ma = least_ma = likely_ma
    elif least_ma > before_ma + settings.lower_from_ma:
        base_ma = max(least_ma, likely_ma)
    elif least_ma > before_ma:
        base_ma = least_ma
    else:
        base_ma = min(before_ma, most_ma)
    return BaseEstimate(base_ma, least_ma, likely_ma, most_ma)


def _draw_range_ma(
    participant: Participant, phase: int, sample: Sample, settings: Settings
) -> DrawRange:
    """Return what a participant may have drawn of a phase (0 to 2) when a sample was taken.

    That is what its readings leave possible; where its vehicle may have followed a lower offer unseen, less.
    """
    drawn = _draw_range_by_readings_ma(participant, phase, sample, settings)
    if not _may_have_dipped(participant, phase, sample.sampled_at):
        return drawn
    return drawn._replace(least_ma=min(drawn.least_ma, participant.transition.dips_to_ma))


def _draw_range_by_readings_ma(
    participant: Participant, phase: int, sample: Sample, settings: Settings
) -> DrawRange:
    """Return what a participant may have drawn of a phase (0 to 2) when a sample was taken, by its readings.

    It is one value if its readings around the sample are steady, else their range, which reaches up to a
    raise that was taken back between two readings. Where a new offer may have been followed and no reading
    shows that yet, it reaches to that offer; without measurement to the two offers before, too.
    """
    may_have_followed = _may_have_followed(participant, sample, settings)
    steady = None if may_have_followed else steady_draw_about(participant, sample.sampled_at)
    if steady is not None:
        only_ma = steady[phase]
        return DrawRange(least_ma=only_ma, likely_ma=only_ma, most_ma=only_ma)
    least_ma, most_ma = draw_range_about(participant, sample.sampled_at, sample.arrived_at, phase)
    most_ma = max(most_ma, _unseen_peak_ma(participant, phase, sample.sampled_at))
    if may_have_followed and phase in participant.phases:
        least_ma, most_ma = min(least_ma, participant.offer_ma), max(most_ma, participant.offer_ma)
        if not participant.settings.measures_current:
            transition = participant.transition
            earlier_ma = (transition.previous_offer_ma, transition.second_last_offer_ma)
            least_ma, most_ma = min(least_ma, *earlier_ma), max(most_ma, *earlier_ma)
    likely_ma = draw_at(participant, sample.sampled_at)[phase]
    return DrawRange(least_ma, likely_ma, most_ma)


def _may_have_followed(participant: Participant, sample: Sample, settings: Settings) -> bool:
    """Tell whether a vehicle may have followed its last offer by the sample, and no reading shows that yet.

    Without measurement no reading ever shows it. Then the answer is true until the vehicle must have obeyed,
    unless nothing flows.
    """
    obeyed_at = must_be_obeyed_at(participant, settings)
    if not participant.settings.measures_current:
        return participant.highest_draw_ma > 0 and sample.sampled_at - EARLY_S < obeyed_at
    read_at = last_read_at(participant)
    if read_at is None or read_at >= sample.arrived_at:
        return False  # never read: nothing to compare with; read after the sample: that reading shows it
    return read_at < obeyed_at


def _unseen_peak_ma(participant: Participant, phase: int, sampled_at: float) -> int:
    """Return what a vehicle may have drawn of a phase [mA] unseen, between two readings; 0: nothing.

    A vehicle that was raised and lowered again within T_ev may have drawn meanwhile what it was raised to.
    """
    raised_to_ma = participant.transition.raised_to_ma
    was_lowered_again = (
        participant.offer_ma < raised_to_ma and sampled_at < participant.transition.rises_until
    )
    return raised_to_ma if was_lowered_again and phase in participant.phases else 0


def _may_have_dipped(participant: Participant, phase: int, sampled_at: float) -> bool:
    """Tell whether a vehicle may have drawn less of a phase (0 to 2) at a sample than the readings around it show.

    One that was lowered and raised again before it was read to have obeyed may have drawn as little as the lower
    offer meanwhile (`Transition.dips_to_ma`). Source: load-management 7.2h.
    """
    return sampled_at - EARLY_S < participant.transition.dips_until and phase in participant.phases


def _is_covered_by_readings(sample: Sample, readable: list[Participant]) -> bool:
    """Tell whether all chargers were read since a sample arrived: it was taken no later."""
    return _are_all_read_since(readable, sample.arrived_at)


def _are_all_read_since(readable: list[Participant], moment_at: float) -> bool:
    """Tell whether the currents of all chargers were read at an instant or after it [monotonic s].

    No reading is needed where no vehicle is connected, since nothing flows there, nor of a charger without
    measurement, whose assumed draw is known at any time.
    """
    for participant in readable:
        if participant.is_connected and participant.settings.measures_current:
            read_at = last_read_at(participant)
            if read_at is None or read_at < moment_at:
                return False
    return True


def _longest_wait_s(readable: list[Participant]) -> float:
    """Return how long [s] a sample waits for readings: the longest poll period, and `LATE_READING_S`."""
    periods_s = [
        participant.observation.period_s
        for participant in readable
        if participant.observation is not None
    ]
    return max(periods_s, default=0.0) + LATE_READING_S
