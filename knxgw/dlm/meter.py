"""The smart meter at the mains connection: its values, complete sets of them, and its supervision. Pure.

A meter sends one telegram per phase; those of one sampling are a *round*. One value of each configured phase,
close together, is a complete set: raising and the end of an emergency need one. A meter sends cyclically
(`Monitoring.VALUES`), or only when a value changes; then In-operation telegrams tell meanwhile that its last
values hold. How far apart the complete sets of a meter that sends cyclically come is its *spacing*
(T_mon_eff): the median of the times between the last ones. It counts as 10 s until three of these times are
known, and always for a meter that sends changes only. Phases are numbered 0 to 2.

Source: load-management 3.1, 3.2.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from knxgw.charging.events import GridMeterReading
from knxgw.config.model import Monitoring
from knxgw.dlm.settings import PEAK_HOLD_S, UNKNOWN_SPACING_S, Settings
from knxgw.dlm.used_phases import LineAtRest

OVER_RANGE_MA = 65_000  # DPT 7.012 ends at 65.535 A: from here on the true current is not known
# all values over range count as this one, because none of them says how much flows (3.1c)
OVER_RANGE_COUNTS_MA = 65_500
# parts of the rated current: outside, a value is implausible (3.1f)
LEAST_PLAUSIBLE, MOST_PLAUSIBLE = -1.5, 20
WINDOW_SPACINGS = 1.5  # the window of the peak-hold spans at least so many spacings of sets (7.3)
LATE_SET_S = 1.0  # a complete set may come so much later than its spacing says (3.1h)
MOST_SPACINGS = 9  # the median is taken of the last ones: at most so many
FEWEST_SPACINGS = 3  # fewer do not tell yet how far apart sets are
APART_S = 0.5  # within this time the telegrams of one moment come
ANSWER_S = 5.0  # so long a phase may take to answer a read (11.6)
# the part of the spacing in which telegrams of one round come, also where they are spread evenly
ROUND = 0.7
# a set that is later than all of these, although every phase has come: the measured spacing is not true
OVERDUE_SPACINGS, OVERDUE_S = 10, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseValue:
    """The last valid value of one phase."""

    current_ma: int  # negative: export
    arrived_at: float  # when the telegram came
    is_over_range: bool = False  # the true current is higher, by how much is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteSets:
    """Complete sets of values, one of each phase and close together: the last ones, the next one so far."""

    fresh_phases: frozenset[int] = frozenset()  # phases that came in the present round
    completed_at: float | None = None  # when the last set became complete [monotonic s]
    count: int = 0  # how many sets there were
    spacings_s: tuple[float, ...] = ()  # between the last complete sets, the oldest first
    # T_mon_eff: the median of these, once a meter that sends cyclically has made three
    spacing_s: float = UNKNOWN_SPACING_S


NO_SETS = CompleteSets()


class InOperation(NamedTuple):
    """In-operation telegrams [monotonic s]: a meter that sends changes only says by them that its values hold."""

    last_at: float  # when the last one came
    since: float  # since when they have come without a gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What is known of the smart meter; instants are monotonic seconds."""

    values: tuple[PhaseValue | None, ...] = (None, None, None)
    sets: CompleteSets = NO_SETS
    in_operation: InOperation | None = None  # None: there was no such telegram
    # when the value of each phase was requested from the bus; None: never. A new instant is the request
    requested_at: tuple[float | None, ...] = (None, None, None)
    supervised_since: float = 0.0  # when the supervision began
    implausible_values: int = 0  # how many values were dropped
    line_at_rest: LineAtRest | None = None  # the last one, where a charger does not measure
    # the lines by which it is judged what vehicles there take (`line_response`), by number
    response_lines: Mapping[int, LineAtRest] = field(default_factory=dict)

    @property
    def spacing_s(self) -> float:
        """Return T_mon_eff [s]: the median of the times between the last complete sets, at most nine of them.

        It is 10 s until three of these times are known, and always for a meter that sends changes only: how far
        apart changes come says nothing about the meter. Source: load-management 2.
        """
        return self.sets.spacing_s

    @property
    def total_ma(self) -> int:
        """Return the sum of the last values of all phases [mA]; negative: export.

        While it is near zero a battery may hold it there, which `follows` must allow for.
        """
        return sum([value.current_ma for value in self.values if value])

    @property
    def phases_arrive_apart(self) -> bool:
        """Tell whether the last values of the phases came at different instants.

        Then a complete set lasts only until the first value of the next one, so a due cycle must not wait for
        the next tick. False if all came at the same instant, or fewer than two phases have a value.
        """
        arrivals = {value.arrived_at for value in self.values if value}
        return len(arrivals) > 1


def is_slow(meter: Meter, settings: Settings) -> bool:
    """Tell whether complete sets come further apart (T_mon_eff) than raises may follow each other (T_up).

    Asked before a raise or a start waits for the next sample to show how high the base load is: with such a
    meter that would take too long.
    """
    return meter.spacing_s > settings.raise_spacing_s


def peak_hold_s(meter: Meter) -> float:
    """Return W [s], the window of the peak-hold: for how long no offer is raised into a peak of the base load.

    It is 15 s, or 1.5 spacings of complete sets if that is more, so that it always contains one.
    Source: load-management 7.3.
    """
    return max(PEAK_HOLD_S, WINDOW_SPACINGS * meter.spacing_s)


def current_of_power(settings: Settings, power_w: float) -> float:
    """Return the current [mA] of one phase that carries a power [W]; both negative: export.

    Source: load-management 3.1e.
    """
    return power_w * 1000 / (settings.voltage_v * settings.power_factor)


def with_reading(
    meter: Meter, settings: Settings, reading: GridMeterReading, now_s: float
) -> "CheckedReading":
    """Return the meter after a value of one phase, and whether that value counts (`is_plausible`).

    A value does not count if it is no number, lies outside -1.5 to 20 times the rated current of the fuse, or
    is of a phase that is not configured: then only the number of such values changes. A value at the end of
    its datapoint type's range counts as over range: more may flow. Source: load-management 3.1.
    """
    phase, value = reading.phase, reading.value
    current_ma = current_of_power(settings, value) if reading.is_power else value
    is_plausible = math.isfinite(current_ma) and (
        LEAST_PLAUSIBLE * settings.fuse_ma <= current_ma <= MOST_PLAUSIBLE * settings.fuse_ma
    )
    if not is_plausible or phase >= settings.phases:
        left_out = replace(meter, implausible_values=meter.implausible_values + 1)
        return CheckedReading(left_out, is_plausible=False)
    # its datapoint type ends at 65.535 A: what flows beyond that is not shown
    is_over_range = reading.may_saturate and current_ma >= OVER_RANGE_MA
    if is_over_range:
        current_ma = OVER_RANGE_COUNTS_MA
    values = tuple(
        PhaseValue(current_ma=round(current_ma), arrived_at=now_s, is_over_range=is_over_range)
        if index == phase
        else known
        for index, known in enumerate(meter.values)
    )
    fresh_phases = _fresh_phases_of_this_round(meter, now_s) | {phase}
    updated = Meter(  # as `replace` would, but faster: this is for each value
        values=values,
        sets=_updated_sets(meter, fresh_phases, values, settings, now_s),
        in_operation=meter.in_operation,
        requested_at=meter.requested_at,
        supervised_since=meter.supervised_since,
        implausible_values=meter.implausible_values,
        line_at_rest=meter.line_at_rest,
        response_lines=meter.response_lines,
    )
    return CheckedReading(updated, is_plausible=True)


class CheckedReading(NamedTuple):
    """The meter after a value, and whether the value was plausible and of a configured phase."""

    meter: Meter
    is_plausible: bool


def _fresh_phases_of_this_round(meter: Meter, now_s: float) -> frozenset[int]:
    """Return the phases (0 to 2) that came since the last complete set, in the present round of telegrams.

    In a round the meter sends one telegram per phase. If one is lost, the other phases of that round must not
    wait for the next round: each set from then on would mix two rounds. So phases whose value is older than
    0.7 of the spacing (`ROUND`) are left out; none is until three times between sets are known. Source:
    load-management 3.1h.
    """
    fresh, spacings_s = meter.sets.fresh_phases, meter.sets.spacings_s
    if len(spacings_s) < FEWEST_SPACINGS:
        return fresh  # the spacing is not known yet
    round_began_at = now_s - ROUND * meter.spacing_s
    values = meter.values
    return frozenset(
        phase for phase in fresh if (value := values[phase]) and value.arrived_at > round_began_at
    )


def _updated_sets(
    meter: Meter,
    fresh_phases: frozenset[int],
    values: Sequence[PhaseValue | None],
    settings: Settings,
    now_s: float,
) -> CompleteSets:
    """Return what is known of complete sets after a value: one more set, or the set that is not complete yet.

    `meter`: before that value. `values`: with it. `fresh_phases`: the phases that have come in the present
    round. Once they are all there, and no value is too old, the set is complete, and the next one begins empty.
    For the first set a value is not too old while it holds (`_values_hold_since`). The spacing is updated only
    for a meter that sends cyclically: that of one that sends changes stays 10 s. Source: load-management 2.3,
    3.1h, 3.1i.
    """
    sets = meter.sets
    if _is_spacing_too_short(sets, values, settings, now_s):
        sets = CompleteSets(completed_at=sets.completed_at, count=sets.count)  # measured again
    spacings, spacing_s = sets.spacings_s, sets.spacing_s
    has_every_phase = len(fresh_phases) >= settings.phases
    is_recent = _are_recent(values, spacing_s, settings, now_s)
    if sets.count == 0 and not is_recent:
        hold_since = _values_hold_since(meter, settings, now_s)
        is_recent = all(
            value is not None and value.arrived_at >= hold_since
            for value in values[: settings.phases]
        )
    if not has_every_phase or not is_recent:
        return CompleteSets(
            fresh_phases=fresh_phases,
            completed_at=sets.completed_at,
            count=sets.count,
            spacings_s=spacings,
            spacing_s=spacing_s,
        )
    if sets.completed_at is not None:
        spacings = (*spacings, now_s - sets.completed_at)[-MOST_SPACINGS:]
        if len(spacings) >= FEWEST_SPACINGS and settings.monitoring is Monitoring.VALUES:
            spacing_s = sorted(spacings)[len(spacings) // 2]
    return CompleteSets(
        completed_at=now_s, count=sets.count + 1, spacings_s=spacings, spacing_s=spacing_s
    )


def _values_hold_since(meter: Meter, settings: Settings, now_s: float) -> float:
    """Return since when the values of a meter that sends changes only hold [monotonic s]; now: none of before.

    They hold while In-operation telegrams come without a gap, and since a timeout before the first of these,
    because a value is a sign of life too. The first set after a start may so gather over any time: a meter
    that does not answer reads reports a phase when that changes. Source: load-management 3.1i.
    """
    telegrams = meter.in_operation
    if settings.monitoring is Monitoring.VALUES or telegrams is None:
        return now_s
    has_gap = now_s - telegrams.last_at >= settings.timeout_s
    return now_s if has_gap else telegrams.since - settings.timeout_s


def _is_spacing_too_short(
    sets: CompleteSets, values: Sequence[PhaseValue | None], settings: Settings, now_s: float
) -> bool:
    """Tell whether a cyclic meter sends, but no set becomes complete, because the measured spacing is too short.

    The values that answer the reads of the start may come among the first telegrams. Then the median of the
    first spacings is near 0, every phase counts as one of the round before, and no further set would ever
    correct it: nothing would be raised, and no emergency would end. It is so when every phase has come since
    the last set, and that is ten spacings ago, and 30 s: so often in turn no telegram is lost. Source:
    load-management 2.3, 3.1h.
    """
    if settings.monitoring is not Monitoring.VALUES or sets.completed_at is None:
        return False
    if now_s - sets.completed_at <= max(OVERDUE_S, OVERDUE_SPACINGS * sets.spacing_s):
        return False
    return all(
        value is not None and value.arrived_at > sets.completed_at
        for value in values[: settings.phases]
    )


def is_moment_complete(meter: Meter, phases: Iterable[int], now_s: float) -> bool:
    """Tell whether the meter's last sampling is complete for these phases (0 to 2), so that none is waited for.

    A meter sends the phases of one sampling within a moment of 0.5 s (`APART_S`). Until then a phase that has
    not come may carry more than it reported last, so no vehicle is started or raised on it. After that time
    none is waited for, nor for a phase that never had a value. Source: load-management 3.1k.
    """
    newest_at = max((value.arrived_at for value in meter.values if value), default=now_s - APART_S)
    if now_s - newest_at >= APART_S:
        return True  # what has not come by now will not come, or there are no values at all
    return all(
        (value := meter.values[phase]) is None or value.arrived_at > newest_at - APART_S
        for phase in phases
    )


def is_round_complete(meter: Meter) -> bool:
    """Tell whether the phases of a meter that sends cyclically have all come in its last round, and none since.

    Then nothing of that round is to come any more, also where its telegrams are spread over more than the 0.5 s
    of `is_moment_complete`. False until the spacing of complete sets is known (`FEWEST_SPACINGS`): before,
    a set may mix two rounds. Not to be asked of a meter that sends changes only, which has no rounds. Source:
    load-management 3.1h, 3.1k.
    """
    return len(meter.sets.spacings_s) >= FEWEST_SPACINGS and not meter.sets.fresh_phases


def are_values_recent(meter: Meter, settings: Settings, now_s: float) -> bool:
    """Tell whether each configured phase has a value that is recent enough to raise offers by it.

    Recent enough: no older than the spacing of complete sets plus 1 s. Source: load-management 3.1h.
    """
    return _are_recent(meter.values, meter.spacing_s, settings, now_s)


def _are_recent(
    values: Sequence[PhaseValue | None], spacing_s: float, settings: Settings, now_s: float
) -> bool:
    """Tell whether each configured phase has a value no older than the spacing of complete sets plus 1 s.

    Only then do the values make a complete set, and only then are offers raised by them. The age counts from
    when the telegram came. `spacing_s`: T_mon_eff.
    """
    oldest_s = _oldest_age_s(values, settings, now_s)
    return oldest_s is not None and oldest_s <= spacing_s + LATE_SET_S


def with_in_operation(meter: Meter, settings: Settings, now_s: float) -> Meter:
    """Return the meter after an In-operation telegram, with since when these have come without a gap.

    There is no gap (`InOperation.since`) while each comes within the timeout after the one before. After a gap,
    or with the very first one, they have come since now. What this means is asked later (`alive_at`,
    `are_values_valid_again`): only of a meter that sends changes only does it say that the last values hold.
    """
    before = meter.in_operation
    has_gap = before is None or now_s - before.last_at >= settings.timeout_s
    since = now_s if before is None or has_gap else before.since
    return replace(meter, in_operation=InOperation(last_at=now_s, since=since))


def with_values_requested(meter: Meter, phases: Collection[int], now_s: float) -> Meter:
    """Return the meter with a request, made now, for the values of these phases (0 to 2) from the bus.

    The new instant in `requested_at` is the request: the station sends a read for each phase whose instant has
    changed. It also serves to request the value of a lost telegram only once (`phases_to_request`). Without
    phases nothing changes.
    """
    if not phases:
        return meter
    times = [now_s if phase in phases else at for phase, at in enumerate(meter.requested_at)]
    return replace(meter, requested_at=tuple(times))


def phases_to_request(meter: Meter, settings: Settings, now_s: float) -> list[int]:
    """Return the phases (0 to 2) whose telegram was lost while others came: these are to be read from the bus.

    A telegram counts as lost when it is late by half of the time from the interval to the timeout. It is
    requested once. If all phases are late, none is requested: then the meter is silent. Nor is one that never
    had a value, nor any of a meter that sends changes only, which is not late while nothing changes. Source:
    load-management 11.5.
    """
    if settings.monitoring is not Monitoring.VALUES:
        return []  # a meter that sends changes only is not late while nothing changes
    values = meter.values[: settings.phases]
    if not any(value and now_s - value.arrived_at < settings.interval_s for value in values):
        return []  # every phase is late: the meter is silent
    return [
        phase
        for phase, value in enumerate(values)
        if value is not None
        and now_s >= value.arrived_at + _lost_after_s(settings)
        and not _is_requested(meter, phase, value)
    ]


def next_request_at(meter: Meter, settings: Settings, now_s: float) -> float:
    """Return when the next telegram will count as lost, so that its value is requested [monotonic s].

    Infinite: each value that could be was requested, or counts as lost already. A cycle has to run then
    (`phases_to_request`): the meter may count as silent a moment later. Source: load-management 11.5.
    """
    if settings.monitoring is not Monitoring.VALUES:
        return math.inf
    instants = [
        value.arrived_at + _lost_after_s(settings)
        for phase, value in enumerate(meter.values[: settings.phases])
        if value is not None and not _is_requested(meter, phase, value)
    ]
    return min((at for at in instants if at > now_s), default=math.inf)


def _lost_after_s(settings: Settings) -> float:
    """Return how old a value is when its next telegram counts as lost: halfway from the interval to the timeout."""
    return (settings.interval_s + settings.timeout_s) / 2


def _is_requested(meter: Meter, phase: int, value: PhaseValue) -> bool:
    """Tell whether the value of a phase (0 to 2) was requested after its last telegram (`value`) had come."""
    requested_at = meter.requested_at[phase]
    return requested_at is not None and requested_at > value.arrived_at


def are_values_valid_again(meter: Meter, settings: Settings, now_s: float) -> bool:
    """Tell whether In-operation telegrams have shown for long enough after a silence that the last values hold.

    They must have come without a gap for 5 s (`ANSWER_S`), because the values were requested and an answer
    may be on its way, and for the window of the peak-hold, because nobody knows what the line carried during
    the silence. False for a meter that sends its values cyclically: it has to send them. Source:
    load-management 3.1i, 11.6.
    """
    telegrams = meter.in_operation
    if settings.monitoring is Monitoring.VALUES or telegrams is None or meter.sets.count == 0:
        return False  # the meter has to send values; or no such telegram, or no complete set, ever came
    has_gap = now_s - telegrams.last_at >= settings.timeout_s
    return not has_gap and now_s - telegrams.since >= max(peak_hold_s(meter), ANSWER_S)


def alive_at(meter: Meter, settings: Settings) -> float | None:
    """Return when the meter last showed that it is alive [monotonic s]; None: before its first complete set.

    A meter that sends cyclically must send every phase, so its oldest value counts. For one that sends
    changes only the newest value counts, or its last In-operation telegram if that is newer. Source:
    load-management 3.2.
    """
    arrivals = [value.arrived_at for value in meter.values[: settings.phases] if value]
    completed_at = meter.sets.completed_at
    if completed_at is None or len(arrivals) < settings.phases:
        return None
    if settings.monitoring is Monitoring.VALUES:
        return min(arrivals)
    if meter.in_operation is None:
        return max(*arrivals, completed_at)
    return max(*arrivals, meter.in_operation.last_at)


def is_alive(meter: Meter, settings: Settings, now_s: float) -> bool:
    """Tell whether the meter has shown within its timeout that it is alive, so that its last values hold.

    Asked for what people are shown; a cycle judges the silence by `alive_at`. False before its first complete
    set. Source: load-management 3.2.
    """
    last_at = alive_at(meter, settings)
    return last_at is not None and now_s - last_at <= settings.timeout_s


def age_s(meter: Meter, settings: Settings, now_s: float) -> float | None:
    """Return the age [s] of the oldest value of the configured phases, to be shown; None until each has one."""
    return _oldest_age_s(meter.values, settings, now_s)


def _oldest_age_s(
    values: Sequence[PhaseValue | None], settings: Settings, now_s: float
) -> float | None:
    """Return the age [s] of the oldest value of the configured phases; None until each has one."""
    times = [value.arrived_at for value in values[: settings.phases] if value]
    return now_s - min(times) if len(times) == settings.phases else None
