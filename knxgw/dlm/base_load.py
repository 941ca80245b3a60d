"""What the building draws of a phase: what the meter shows, less what the chargers drew then. Pure.

The meter and the chargers are read at different moments. A telegram says what the line carried at
some moment between a little before the delay that was told and its arrival; a charger's current is
known when it is read, and may have jumped at any time between two readings. So the draw of a charger
about a sample is a range, and so is the load of the building. Of that range the load of before is
kept, as far as it lies inside: otherwise every step of a vehicle would look like one of the building.

A reading that is older than the sample proves nothing about it. Until a newer one has come, a higher
load of the building is believed only where the line carries more than it may, because then somebody
must be lowered at once, whoever it was; for raising the least favourable possibility counts. With the
newer reading the sample is looked at once more.

Source: load-management 7.1, 7.2.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from knxgw.dlm.member import (
    EARLY_S,
    Member,
    Phases,
    actual_at,
    is_read_often,
    last_read_s,
    obeyed_s,
    range_about,
    steady_about,
)
from knxgw.dlm.settings import MOST_BACK_OFF, Settings
from knxgw.dlm.state import IN_FORCE, BaseHistory, PhaseState, Sample

UNREST_MA, SELDOM_UNREST_MA = 1000, 700  # by how much readings of a moving vehicle may mislead
SAME_LEVEL_MA = 500  # a load that differs less from another one is the same again
UNTOLD_MA = 500  # a meter that tells changes only may not tell so little
AT_REST_S = 2.0  # nothing has moved for so long and the delay of the meter
MOST_SAMPLES = 30  # that wait for readings
LATE_READING_S = 1.0  # beyond its period; a reading that is later than that is waited for no more


class Found(NamedTuple):
    """What a sample says of the load of the building [mA]: what is taken, and what is possible."""

    base_ma: int
    least_ma: int
    likely_ma: int  # if it was taken when the delay says; of a slow meter, a little before at worst
    most_ma: int


def take_sample(
    one: PhaseState, phase: int, sample: Sample, members: Iterable[Member], settings: Settings
) -> None:
    """Take a new value of the meter; the members know when they were read last."""
    counted = [member for member in members if member.valid and member.reachable]
    found = _found(one.base_ma, phase, sample, counted, settings)
    one.value_ma, one.open_ma = sample.current_ma, (found.least_ma, found.most_ma)
    if one.base_ma is None or _is_proved(sample, counted):
        _note(one, found.base_ma, _most_ma(found, found.base_ma, sample, counted), waiting=())
        return
    base_ma, most_ma = _believed_ma(found.base_ma, one.base_ma, sample, settings), found.most_ma
    is_news = (base_ma, most_ma) != (one.base_ma, one.base_ma) or bool(one.samples)
    if _is_soon_told_better(sample, counted) and _is_read(counted, sample.at_s):
        # what the delay that was told leaves open keeps nobody from rising; what it says does
        most_ma = max(base_ma, found.base_ma, _likely_ma(found, base_ma, sample))
    waiting = (*one.samples[1 - MOST_SAMPLES :], sample) if is_news else ()
    _note(one, base_ma, most_ma, waiting=waiting)


def add_draw(phases: Sequence[PhaseState], draw_ma: Phases) -> None:
    """Count a draw [mA] per grid phase as the building's, now and in the past."""
    for phase, added_ma in zip(phases, draw_ma, strict=False):
        if phase.base_ma is not None and added_ma:
            phase.base_ma += added_ma
            phase.open_ma = phase.open_ma[0] + added_ma, phase.open_ma[1] + added_ma
            phase.history = tuple((at_s, base_ma + added_ma) for at_s, base_ma in phase.history)


def _most_ma(found: Found, base_ma: int, sample: Sample, counted: list[Member]) -> int:
    """Return how high the load may be by a sample that is proved; the next one may tell soon."""
    if not _is_soon_told_better(sample, counted):
        return found.most_ma
    return max(base_ma, _likely_ma(found, base_ma, sample))


def _is_soon_told_better(sample: Sample, counted: list[Member]) -> bool:
    """Tell whether the next sample and the next readings come before much can be made of this one."""
    return not sample.is_seldom and all(map(is_read_often, counted))


def _likely_ma(found: Found, base_ma: int, sample: Sample) -> int:
    """Return what a sample most likely says, without what readings of moving vehicles may mislead."""
    unrest_ma = SELDOM_UNREST_MA if sample.is_seldom else UNREST_MA
    return found.likely_ma if found.likely_ma > base_ma + unrest_ma else base_ma


def look_again(
    one: PhaseState, phase: int, members: Iterable[Member], settings: Settings, now_s: float
) -> None:
    """Look once more at samples that readings had not reached, once they have, or come no more.

    The newest that is proved tells what was so then; those after it, what may be so since.
    """
    counted = [member for member in members if member.valid and member.reachable]
    patience_s = _patience_s(counted)
    for place in range(len(one.samples) - 1, -1, -1):
        sample = one.samples[place]
        if _is_proved(sample, counted) or now_s >= sample.arrived_s + patience_s:
            break
    else:
        return
    found = _found(one.base_ma, phase, sample, counted, settings)
    base_ma, newest = found.base_ma, sample
    later = one.samples[place + 1 :]
    for newest in later:
        found = _found(base_ma, phase, newest, counted, settings)
        base_ma = _believed_ma(found.base_ma, base_ma, newest, settings)
    one.open_ma = found.least_ma, found.most_ma
    _note(one, base_ma, _most_ma(found, base_ma, newest, counted), waiting=later)


def look_at_rest(
    one: PhaseState,
    phase: int,
    members: Iterable[Member],
    *,
    since_s: float,
    long_since_s: float,
) -> None:
    """Look at a value that is in force while nothing moves, where a meter tells changes only.

    What the last sample left open is known when nothing has moved since `since_s`: the line still
    carries what was told, or as little more as such a meter does not tell. Less than was taken is
    believed only when nothing has since `long_since_s`, because a telegram may have been lost; and
    never more or less than that sample allowed.
    """
    if one.samples or one.base_ma is None or one.open_ma[0] == one.open_ma[1]:
        return
    drawn_ma = 0
    is_late = True
    for member in members:
        if member.valid and member.reachable:
            steady = steady_about(member, since_s)
            if steady is None:
                return
            drawn_ma += steady[phase]
            is_late = is_late and steady_about(member, long_since_s) is not None
    least_ma, most_ma = one.open_ma
    told_ma = one.value_ma - drawn_ma
    if told_ma < one.base_ma:
        told_ma = min(told_ma + UNTOLD_MA, one.base_ma)
    base_ma = min(max(told_ma, least_ma), most_ma)
    if base_ma > one.base_ma or is_late:
        one.open_ma = base_ma, base_ma
        _note(one, base_ma, base_ma, waiting=())


def _believed_ma(base_ma: int, before_ma: int, sample: Sample, settings: Settings) -> int:
    """Return what is believed of a sample that is not proved: a higher load only in danger."""
    if sample.current_ma > settings.limit_ma + settings.lower_from_ma:
        return base_ma
    return min(base_ma, before_ma)


def remember(one: PhaseState, now_s: float, window_s: float) -> None:
    """Note which base load is in force from now on.

    A lower one from before can never be the peak of any window again, nor can one that ended before
    the longest window.
    """
    forgotten_s = now_s - window_s * 2**MOST_BACK_OFF
    base_ma = one.base_ma or 0
    if one.history and base_ma > one.history[-1][1] + SAME_LEVEL_MA:
        one.gone_s = _gone_s(one.history, base_ma, now_s)
        if one.gone_s is not None and one.gone_s <= window_s * 2**one.back_off:
            one.back_off_s = now_s  # the window kept it in mind, and was right
    ended: BaseHistory = tuple((min(until_s, now_s), ma) for until_s, ma in one.history)
    kept = [entry for entry in ended if entry[1] > base_ma and entry[0] >= forgotten_s]
    one.history = (*kept, (IN_FORCE, base_ma))


def _gone_s(history: BaseHistory, base_ma: int, now_s: float) -> float | None:
    """Return how long ago [s] the load was last as high as it is again, None: longer than is known.

    A sample that is not proved may say more than there is: three quarters of the rise are enough.
    """
    before_ma = history[-1][1]
    least_ma = min(base_ma - SAME_LEVEL_MA, before_ma + (base_ma - before_ma) * 3 // 4)
    ended = (now_s - until_s for until_s, ma in reversed(history[:-1]) if ma >= least_ma)
    return next(ended, None)


def _note(one: PhaseState, base_ma: int, most_ma: int, *, waiting: tuple[Sample, ...]) -> None:
    one.base_ma, one.doubt_ma, one.samples = base_ma, most_ma - base_ma, waiting


def _found(
    before_ma: int | None, phase: int, sample: Sample, counted: list[Member], settings: Settings
) -> Found:
    """Return the load of the building, and between what it may lie.

    The base changes only as much as the measurement demands. What certainly rose is the building's
    load; when that is more than the tolerance, what the chargers most likely drew counts, because
    the least that is possible would be too little.
    """
    drawn_ma = low_ma = high_ma = early_ma = 0
    for member in counted:
        least_ma, likely_ma, most_ma = _draw_about(member, phase, sample, settings)
        low_ma, drawn_ma, high_ma = low_ma + least_ma, drawn_ma + likely_ma, high_ma + most_ma
        if sample.is_seldom and likely_ma != least_ma:
            early_ma += likely_ma - min(
                likely_ma, max(least_ma, actual_at(member, sample.at_s - EARLY_S)[phase])
            )
    measured_ma = sample.current_ma
    most_ma, least_ma = measured_ma - low_ma, measured_ma - high_ma
    likely_ma = measured_ma - drawn_ma
    if before_ma is None:
        base_ma = most_ma = least_ma = likely_ma
    elif least_ma > before_ma + settings.lower_from_ma:
        base_ma = max(least_ma, likely_ma)
    elif least_ma > before_ma:
        base_ma = least_ma
    else:
        base_ma = min(before_ma, most_ma)
    return Found(base_ma, least_ma, likely_ma + early_ma, most_ma)


def _draw_about(
    member: Member, phase: int, sample: Sample, settings: Settings
) -> tuple[int, int, int]:
    """Return the least, the most likely and the highest draw [mA] at a sample."""
    follows = _may_follow(member, sample, settings)
    steady = None if follows else steady_about(member, sample.at_s)
    if steady is not None:
        return steady[phase], steady[phase], steady[phase]
    least_ma, most_ma = range_about(member, sample.at_s, sample.arrived_s, phase)
    most_ma = max(most_ma, _between_readings_ma(member, phase, sample.at_s))
    if follows and phase in member.phases:
        least_ma, most_ma = min(least_ma, member.offer_ma), max(most_ma, member.offer_ma)
        if not member.settings.measures:
            told_ma = (member.before_ma, member.earlier_ma)
            least_ma, most_ma = min(least_ma, *told_ma), max(most_ma, *told_ma)
    return least_ma, actual_at(member, sample.at_s)[phase], most_ma


def _may_follow(member: Member, sample: Sample, settings: Settings) -> bool:
    """Tell whether it may have followed a new offer by the sample, though no reading shows it yet.

    What a charger without measurement draws is not read at all: it is known when it must have obeyed.
    """
    until_s = obeyed_s(member, settings)
    if not member.settings.measures:
        return member.draws_ma > 0 and sample.at_s - EARLY_S < until_s
    read_s = last_read_s(member)
    if read_s is None or read_s >= sample.arrived_s:
        return False
    return read_s < until_s


def _between_readings_ma(member: Member, phase: int, sampled_s: float) -> int:
    """Return what it may have had between two readings that show less: raised, and lowered again."""
    turned = member.offer_ma < member.risen_ma and sampled_s < member.rises_until_s
    return member.risen_ma if turned and phase in member.phases else 0


def _is_proved(sample: Sample, counted: list[Member]) -> bool:
    """Tell whether every vehicle's current was read after the sample, however late that was taken."""
    return _is_read(counted, sample.arrived_s)


def _is_read(counted: list[Member], since_s: float) -> bool:
    """Tell whether every vehicle's current was read at a moment or after it.

    What a charger without measurement is taken to draw is known at any time.
    """
    return not any(
        member.connected
        and member.settings.measures
        and ((read_s := last_read_s(member)) is None or read_s < since_s)
        for member in counted
    )


def _patience_s(counted: list[Member]) -> float:
    """Return for how long a reading is waited for: the longest period there is, and a little."""
    periods_s = [member.seen.period_s for member in counted if member.seen is not None]
    return max(periods_s, default=0.0) + LATE_READING_S
