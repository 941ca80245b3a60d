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
    """Update `phase_state` in place by a new sample of the meter; `phase`: its index (0 to 2).

    Base load and uncertainty follow the sample, as far as it can be believed yet. A sample that is newer
    than some charger's reading is kept to be examined again, unless no other sample waits and it says
    exactly what was known. The first sample of a phase is believed at once. Source: load-management 7.2.
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
    base_ma, most_ma = (
        _believed_base_ma(estimate.base_ma, before_ma, sample, settings),
        estimate.most_ma,
    )
    # a sample by which the base load is exactly what it was needs no second look
    is_news = not base_ma == most_ma == before_ma or bool(phase_state.pending_samples)
    if _is_next_sample_better(sample, readable) and _are_all_read_since(
        readable, sample.sampled_at
    ):
        # only what is likely keeps others from rising, not all that the configured delay leaves open
        most_ma = max(base_ma, estimate.base_ma, _likely_base_ma(estimate, base_ma))
    pending = (*phase_state.pending_samples[1 - MOST_SAMPLES :], sample) if is_news else ()
    _set_base_load(phase_state, base_ma, most_ma, pending_samples=pending)


def _readable(participants: Iterable[Participant]) -> list[Participant]:
    """Return the participants whose draw is known; that of the others counts as the building's."""
    return [
        participant
        for participant in participants
        if participant.has_valid_currents and participant.is_reachable
    ]


def add_draw(phases: Sequence[PhaseState], draw_ma: Phases) -> None:
    """Count a draw [mA] per grid phase as the building's, now and in the past; `phases` change in place.

    Phases that have no base load yet are left out: their first sample contains the draw.
    Source: load-management 7.2c.
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
    """Return how high the base load [mA] may be at most, by the newest sample that was examined.

    `base_ma`: the base load that is taken. Where a better sample comes before a raise could rest on this
    one, only what is likely counts; else all that is possible.
    """
    if not _is_next_sample_better(sample, readable):
        return estimate.most_ma
    return max(base_ma, _likely_base_ma(estimate, base_ma))


def _is_next_sample_better(sample: Sample, readable: list[Participant]) -> bool:
    """Tell whether the next sample and readings come before a raise could rest on this sample."""
    return not sample.is_from_slow_meter and all(map(is_read_often, readable))


def _likely_base_ma(estimate: BaseEstimate, base_ma: int) -> int:
    """Return the base load [mA] that a sample most likely means: no less than the one taken, `base_ma`.

    A difference that a moving vehicle may have feigned is no change: then it is `base_ma` itself.
    """
    return estimate.likely_ma if estimate.likely_ma > base_ma + UNREST_MA else base_ma


def reexamine(
    phase_state: PhaseState,
    phase: int,
    participants: Iterable[Participant],
    settings: Settings,
    now_s: float,
) -> None:
    """Examine the samples of a phase again that had to wait for readings; `phase_state` changes in place.

    At least one must wait (`pending_samples`).
    The newest sample that need not wait any more gives the base load, and those before it are dropped. The
    samples after it may raise the base load only in danger (`_believed_base_ma`), and go on waiting.
    While every sample has to wait, the base load may only become less certain. Source: load-management 7.2f.
    """
    readable = _readable(participants)
    samples = phase_state.pending_samples
    decided_index = _newest_decided(samples, readable, now_s)
    if decided_index is None:
        _widen(phase_state, phase, samples[-1], readable, settings)
        return
    newest_sample = samples[decided_index]
    estimate = _estimate(phase_state.base_ma, phase, newest_sample, readable, settings)
    base_ma = estimate.base_ma
    later_samples = samples[decided_index + 1 :]
    for newest_sample in later_samples:
        estimate = _estimate(base_ma, phase, newest_sample, readable, settings)
        base_ma = _believed_base_ma(estimate.base_ma, base_ma, newest_sample, settings)
    phase_state.possible_base_ma = BaseRange(estimate.least_ma, estimate.most_ma)
    most_ma = _highest_base_ma(estimate, base_ma, newest_sample, readable)
    _set_base_load(phase_state, base_ma, most_ma, pending_samples=later_samples)


def _widen(
    phase_state: PhaseState,
    phase: int,
    sample: Sample,
    readable: list[Participant],
    settings: Settings,
) -> None:
    """Raise the uncertainty of the base load by what readings since the last sample of the meter say.

    A reading may show that a vehicle has stopped, perhaps before the sample was taken: then what was taken
    for its current was the building's. Its current must not be given away until that is known.
    `phase_state` changes in place.
    """
    base_ma = phase_state.base_ma or 0
    estimate = _estimate(base_ma, phase, sample, readable, settings)
    most_ma = _highest_base_ma(estimate, base_ma, sample, readable)
    phase_state.uncertainty_ma = max(phase_state.uncertainty_ma, most_ma - base_ma)
    phase_state.possible_base_ma = BaseRange(
        phase_state.possible_base_ma.least_ma,
        max(phase_state.possible_base_ma.most_ma, estimate.most_ma),
    )


def _newest_decided(
    samples: Sequence[Sample], readable: list[Participant], now_s: float
) -> int | None:
    """Return the index of the newest sample that need not wait for readings any more; None: each must.

    Readings cover it by now, or it has waited for as long as any reading may take. `readable`: the
    participants whose draw is known.
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
    """Make the base load of a phase exact by the value in force, once no charger moves (in place).

    A meter that sends changes only still measures while it is silent. If no draw has moved since
    `at_rest_since`, the line carries what was reported last. A higher base load than the present one is
    believed at once. A lower one is believed only if no draw has moved since `long_at_rest_since`, because a
    telegram may have been lost, and only to `UNREPORTED_MA` above what the value says, because the meter may
    not report so small a change. The result stays within the range that the last sample allowed. Nothing
    changes while a charger moves or a sample waits. Instants: monotonic seconds. Source: load-management 7.2g.
    """
    before_ma, possible_ma = phase_state.base_ma, phase_state.possible_base_ma
    if before_ma is None or phase_state.pending_samples or possible_ma.is_exact:
        return  # there is nothing to narrow, or a sample waits that will
    readable = _readable(participants)
    drawn_ma = 0
    for participant in readable:
        steady = steady_draw_about(participant, at_rest_since)
        if steady is None:
            return  # a charger has moved
        drawn_ma += steady[phase]
    shown_ma = phase_state.reported_ma - drawn_ma
    if shown_ma < before_ma:
        shown_ma = min(shown_ma + UNREPORTED_MA, before_ma)
    base_ma = min(max(shown_ma, possible_ma.least_ma), possible_ma.most_ma)
    if base_ma > before_ma or all(
        steady_draw_about(participant, long_at_rest_since) is not None for participant in readable
    ):
        phase_state.possible_base_ma = BaseRange(base_ma, base_ma)
        _set_base_load(phase_state, base_ma, most_ma=base_ma, pending_samples=())


def _believed_base_ma(estimated_ma: int, before_ma: int, sample: Sample, settings: Settings) -> int:
    """Return the base load [mA] that is believed of a sample which readings do not cover yet.

    `estimated_ma`: the base load by the sample; `before_ma`: the one until now. A lower one is believed, a
    higher one only if the line carries more than its limit: then some vehicle must be lowered at once.
    Source: load-management 7.2e.
    """
    if sample.current_ma > settings.limit_ma + settings.lower_from_ma:
        return estimated_ma
    return min(estimated_ma, before_ma)


def note_base_load(phase_state: PhaseState, now_s: float, window_s: float) -> None:
    """Note in the history which base load is in force from `now_s` on (in place).

    To be called once that is set (`base_ma`).
    Earlier base loads that are no higher can never be the peak of a window again, and those that ended
    before the longest window are forgotten. When the load has risen, two things are noted for the back-off:
    for how long the load had been lower (`level_absent_s`), and whether the present window still remembers
    the earlier level, so that its length is of use (`back_off_useful_at`). `window_s`: W.
    Source: load-management 7.3, 9.4e.
    """
    forgotten_until = now_s - window_s * 2**MOST_BACK_OFF
    base_ma = phase_state.base_ma or 0
    if phase_state.history and base_ma > phase_state.history[-1].base_ma + SAME_LEVEL_MA:
        absent_s = _level_absent_s(phase_state.history, base_ma, now_s)
        phase_state.level_absent_s = absent_s
        if absent_s is not None and absent_s <= window_s * 2**phase_state.back_off:
            phase_state.back_off_useful_at = now_s
    kept = [
        past if past.until <= now_s else PastBase(now_s, past.base_ma)
        for past in phase_state.history
        if past.base_ma > base_ma and past.until >= forgotten_until
    ]
    phase_state.history = (*kept, PastBase(IN_FORCE, base_ma))


def _level_absent_s(history: BaseHistory, base_ma: int, now_s: float) -> float | None:
    """Return how long ago [s] the load was last about as high as `base_ma`; None: longer than is known.

    The last entry of `history` is the base load before the rise. Three quarters of the rise are enough,
    because a sample that readings do not cover yet may show more than there is.
    """
    before_ma = history[-1].base_ma
    least_ma = min(base_ma - SAME_LEVEL_MA, before_ma + (base_ma - before_ma) * 3 // 4)
    ended = (now_s - past.until for past in reversed(history[:-1]) if past.base_ma >= least_ma)
    return next(ended, None)


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
    """Return what a sample says of the base load of a phase; `before_ma`: the one until now [mA].

    Within the possible range the base load changes as little as it can: to the upper end if `before_ma` is above
    the range, to the lower end if it is below. If it is below by more than `lower_from_ma`, the building has
    certainly risen, and the lower end would be too little: then the most likely value counts. The first sample
    (`before_ma` is None) is believed at once: its range is that one value. Source: load-management 7.2d.
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

    That is the range of its readings around the sample, or one value if they are steady. A vehicle that may
    have followed its last offer without a reading that shows it may have drawn that offer as well; without
    measurement, also the two offers before.
    """
    may_have_followed = _may_have_followed(participant, sample, settings)
    steady = None if may_have_followed else steady_draw_about(participant, sample.sampled_at)
    if steady is not None:
        return DrawRange(steady[phase], steady[phase], steady[phase])
    least_ma, most_ma = draw_range_about(participant, sample.sampled_at, sample.arrived_at, phase)
    most_ma = max(most_ma, _unseen_peak_ma(participant, phase, sample.sampled_at))
    if may_have_followed and phase in participant.phases:
        least_ma, most_ma = min(least_ma, participant.offer_ma), max(most_ma, participant.offer_ma)
        if not participant.settings.measures_current:
            earlier_ma = (participant.previous_offer_ma, participant.second_last_offer_ma)
            least_ma, most_ma = min(least_ma, *earlier_ma), max(most_ma, *earlier_ma)
    return DrawRange(least_ma, draw_at(participant, sample.sampled_at)[phase], most_ma)


def _may_have_followed(participant: Participant, sample: Sample, settings: Settings) -> bool:
    """Tell whether a vehicle may have followed a new offer by the sample, and no reading shows that yet.

    The draw of a charger without measurement is never read: it is known again once the vehicle must have
    obeyed, and while nothing flows.
    """
    obeyed_at = must_be_obeyed_at(participant, settings)
    if not participant.settings.measures_current:
        return participant.highest_draw_ma > 0 and sample.sampled_at - EARLY_S < obeyed_at
    read_at = last_read_at(participant)
    if read_at is None or read_at >= sample.arrived_at:
        return False  # a reading after the sample shows it, or there is none to be compared with
    return read_at < obeyed_at


def _unseen_peak_ma(participant: Participant, phase: int, sampled_at: float) -> int:
    """Return a draw [mA] of a phase that may have come and gone between two readings; 0: there is none.

    A vehicle that was raised and soon lowered again may have drawn meanwhile what it was raised to.
    """
    was_lowered_again = (
        participant.offer_ma < participant.raised_to_ma and sampled_at < participant.rises_until
    )
    return participant.raised_to_ma if was_lowered_again and phase in participant.phases else 0


def _is_covered_by_readings(sample: Sample, readable: list[Participant]) -> bool:
    """Tell whether all currents were read after a sample: it was taken when it arrived, at the latest."""
    return _are_all_read_since(readable, sample.arrived_at)


def _are_all_read_since(readable: list[Participant], moment_at: float) -> bool:
    """Tell whether all currents were read at an instant or after it [monotonic s].

    No reading is needed where no vehicle is connected, since nothing flows there, nor of a charger without
    measurement, whose assumed draw is known at any time.
    """
    return not any(
        participant.is_connected
        and participant.settings.measures_current
        and ((read_at := last_read_at(participant)) is None or read_at < moment_at)
        for participant in readable
    )


def _longest_wait_s(readable: list[Participant]) -> float:
    """Return how long [s] a sample waits for readings: the longest poll period, and `LATE_READING_S`."""
    periods_s = [
        participant.observation.period_s
        for participant in readable
        if participant.observation is not None
    ]
    return max(periods_s, default=0.0) + LATE_READING_S
