"""The smart meter at the mains connection: values, complete sets, supervision. Pure.

Source: load-management 3.1, 3.2.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from knxgw.charging.events import GridMeterReading
from knxgw.config.model import Monitoring
from knxgw.dlm.settings import PEAK_HOLD_S, UNKNOWN_SPACING_S, Settings

OVER_RANGE_MA = 65_000  # DPT 7.012 ends at 65.535 A: from here on the true current is not known
OVER_RANGE_COUNTS_MA = 65_500
MOST_SPACINGS = 9
FEWEST_SPACINGS = 3
APART_S = 0.5  # within this time the telegrams of one moment come
ANSWER_S = 5.0  # for answers to reads
# the part of the spacing in which telegrams of one round come, also where they are spread evenly
ROUND = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseValue:
    """The last valid value of one phase."""

    current_ma: int  # negative: export
    arrived_at: float  # when the telegram came
    is_over_range: bool = False  # the true current is higher, by how much is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteSets:
    """Sets of values, one of each phase and close together: what there were, and what is coming."""

    fresh_phases: frozenset[int] = frozenset()  # phases that came since the last complete set
    completed_at: float | None = None  # when the last set became complete [monotonic s]
    count: int = 0  # how many sets there were
    spacings_s: tuple[float, ...] = ()  # between the last ones
    spacing_s: float = UNKNOWN_SPACING_S  # T_mon_eff: the median spacing, once there were some


NO_SETS = CompleteSets()


class InOperation(NamedTuple):
    """In-operation telegrams, by which a meter says that its last values hold [monotonic s]."""

    last_at: float
    since: float  # since when they have come without a gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What is known of the smart meter; instants are monotonic seconds."""

    values: tuple[PhaseValue | None, ...] = (None, None, None)
    sets: CompleteSets = NO_SETS
    in_operation: InOperation | None = None  # None: there was no such telegram
    # when a phase was read from the bus
    requested_at: tuple[float | None, ...] = (None, None, None)
    supervised_since: float = 0.0  # when the supervision began
    implausible_values: int = 0  # how many were left out

    @property
    def spacing_s(self) -> float:
        """Return T_mon_eff [s]: how far apart complete sets are, by the last ones."""
        return self.sets.spacing_s

    @property
    def total_ma(self) -> int:
        """Return the sum of the last values of all phases [mA]; negative: export."""
        return sum([value.current_ma for value in self.values if value])

    @property
    def phases_arrive_apart(self) -> bool:
        """Tell whether the last values of the phases came at different instants.

        Then only the last one of a round completes a set.
        """
        times = {value.arrived_at for value in self.values if value}
        return len(times) > 1


def window_s(meter: Meter) -> float:
    """Return W, the window of the peak-hold [s]. Source: load-management 7.3."""
    return max(PEAK_HOLD_S, 1.5 * meter.spacing_s)


def current_of_power(settings: Settings, power_w: float) -> float:
    """Return the current [mA] that a power [W] means, with its sign. Source: load-management 3.1e."""
    return power_w * 1000 / (settings.voltage_v * settings.power_factor)


def with_reading(
    meter: Meter, settings: Settings, reading: GridMeterReading, now_s: float
) -> "CheckedReading":
    """Return the meter with a value of one phase, and whether the value was plausible.

    An implausible value changes nothing but its counter. Source: load-management 3.1.
    """
    phase, value = reading.phase, reading.value
    current_ma = current_of_power(settings, value) if reading.is_power else value
    is_plausible = math.isfinite(current_ma) and (
        -1.5 * settings.fuse_ma <= current_ma <= 20 * settings.fuse_ma
    )
    if not is_plausible or phase >= settings.phases:
        left_out = replace(meter, implausible_values=meter.implausible_values + 1)
        return CheckedReading(left_out, is_plausible=False)
    is_over_range = reading.may_saturate and current_ma >= OVER_RANGE_MA
    if is_over_range:
        current_ma = OVER_RANGE_COUNTS_MA
    values = tuple(
        PhaseValue(current_ma=round(current_ma), arrived_at=now_s, is_over_range=is_over_range)
        if index == phase
        else known
        for index, known in enumerate(meter.values)
    )
    fresh = _fresh_phases_of_this_round(meter, now_s) | {phase}
    updated = Meter(  # as `replace` would, but faster: this is for each value
        values=values,
        sets=_updated_sets(meter.sets, fresh, values, settings, now_s),
        in_operation=meter.in_operation,
        requested_at=meter.requested_at,
        supervised_since=meter.supervised_since,
        implausible_values=meter.implausible_values,
    )
    return CheckedReading(updated, is_plausible=True)


class CheckedReading(NamedTuple):
    """The meter after a value of it, and whether that value was plausible."""

    meter: Meter
    is_plausible: bool


def _fresh_phases_of_this_round(meter: Meter, now_s: float) -> frozenset[int]:
    """Return the phases (0 to 2) that came since the last set and can belong to one with the next value.

    After a telegram was lost the other phases of its round would wait for the next one of that phase, and
    make a set with it, each time, of which all but one value are a whole spacing old.
    """
    fresh, spacings_s = meter.sets.fresh_phases, meter.sets.spacings_s
    if len(spacings_s) < FEWEST_SPACINGS:
        return fresh
    since = now_s - ROUND * meter.spacing_s
    values = meter.values
    return frozenset(one for one in fresh if (value := values[one]) and value.arrived_at > since)


def _updated_sets(
    sets: CompleteSets,
    fresh: frozenset[int],
    values: Sequence[PhaseValue | None],
    settings: Settings,
    now_s: float,
) -> CompleteSets:
    """Return the sets with the phases that have come since the last complete one (`fresh`).

    A set is complete when every phase has come, none too long ago. Source: load-management 3.1h.
    """
    spacings, spacing_s = sets.spacings_s, sets.spacing_s
    if len(fresh) < settings.phases or not _are_recent(values, spacing_s, settings, now_s):
        return CompleteSets(
            fresh_phases=fresh,
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


def is_moment_complete(meter: Meter, phases: Iterable[int], now_s: float) -> bool:
    """Tell whether these phases have a value of the last moment of which any phase has one.

    The telegrams of one moment follow each other: until then a phase may carry more than it reported last.
    Source: load-management 3.1k.
    """
    newest_at = max((value.arrived_at for value in meter.values if value), default=now_s - APART_S)
    if now_s - newest_at >= APART_S:
        return True
    return all(
        (value := meter.values[phase]) is None or value.arrived_at > newest_at - APART_S
        for phase in phases
    )


def are_values_recent(meter: Meter, settings: Settings, now_s: float) -> bool:
    """Tell whether each phase has a value that is recent enough to raise offers on it.

    Source: load-management 3.1h.
    """
    return _are_recent(meter.values, meter.spacing_s, settings, now_s)


def _are_recent(
    values: Sequence[PhaseValue | None], spacing_s: float, settings: Settings, now_s: float
) -> bool:
    """Tell whether each of these values is no older than a spacing of sets, and a second."""
    oldest_s = _oldest_age_s(values, settings, now_s)
    return oldest_s is not None and oldest_s <= spacing_s + 1.0


def with_in_operation(meter: Meter, settings: Settings, now_s: float) -> Meter:
    """Return the meter after an In-operation telegram, by which it says that it is alive."""
    before = meter.in_operation
    has_gap = before is None or now_s - before.last_at >= settings.timeout_s
    since = now_s if before is None or has_gap else before.since
    return replace(meter, in_operation=InOperation(last_at=now_s, since=since))


def note_request(meter: Meter, phases: Collection[int], now_s: float) -> Meter:
    """Return the meter after the values of some phases (0 to 2) were read from the bus."""
    if not phases:
        return meter
    times = [now_s if phase in phases else at for phase, at in enumerate(meter.requested_at)]
    return replace(meter, requested_at=tuple(times))


def phases_to_request(meter: Meter, settings: Settings, now_s: float) -> list[int]:
    """Return the phases (0 to 2) to read from the bus: those whose telegram alone was lost, once each.

    A telegram counts as lost in the middle between its interval and the timeout. Source: load-management
    11.5.
    """
    if settings.monitoring is not Monitoring.VALUES:
        return []  # without a change a meter sends nothing, and nothing is lost
    values = meter.values[: settings.phases]
    lost_after_s = (settings.interval_s + settings.timeout_s) / 2
    if not any(value and now_s - value.arrived_at < settings.interval_s for value in values):
        return []  # every phase is late: the meter is silent
    return [
        phase
        for phase, value in enumerate(values)
        if value is not None
        and now_s - value.arrived_at >= lost_after_s
        and (meter.requested_at[phase] or value.arrived_at) <= value.arrived_at
    ]


def are_values_valid_again(meter: Meter, settings: Settings, now_s: float) -> bool:
    """Tell whether the last values may be believed again after a silence, by In-operation telegrams.

    A meter that sends changes only need not send its values again; they were read when it came back, and
    an answer may take `ANSWER_S`. In operation must have come without a gap for a window of the peak-hold:
    raising waits as long as after a reduction, because it is not known what the line carried meanwhile.
    Source: load-management 3.1i, 11.6.
    """
    signs = meter.in_operation
    if settings.monitoring is Monitoring.VALUES or signs is None or meter.sets.count == 0:
        return False  # In operation says nothing about values, or there are none to believe
    has_gap = now_s - signs.last_at >= settings.timeout_s
    return not has_gap and now_s - signs.since >= max(window_s(meter), ANSWER_S)


def alive_at(meter: Meter, settings: Settings) -> float | None:
    """Return when the meter was last known to be alive [monotonic s]; None: before its first set.

    By the oldest value, or with In operation by the newest sign of life. Source: load-management 3.2.
    """
    times = [value.arrived_at for value in meter.values[: settings.phases] if value]
    completed_at = meter.sets.completed_at
    if completed_at is None or len(times) < settings.phases:
        return None
    if settings.monitoring is Monitoring.VALUES:
        return min(times)
    return max(*times, meter.in_operation.last_at if meter.in_operation else completed_at)


def age_s(meter: Meter, settings: Settings, now_s: float) -> float | None:
    """Return the age of the oldest phase value [s], None until each phase has one."""
    return _oldest_age_s(meter.values, settings, now_s)


def _oldest_age_s(
    values: Sequence[PhaseValue | None], settings: Settings, now_s: float
) -> float | None:
    """Return the age of the oldest of these values [s], None while one is missing."""
    times = [value.arrived_at for value in values[: settings.phases] if value]
    return now_s - min(times) if len(times) == settings.phases else None
