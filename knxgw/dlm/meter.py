"""The smart meter at the mains connection: values, complete sets, supervision. Pure.

Source: load-management 3.1, 3.2.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

from knxgw.charging.events import GridMeterReading
from knxgw.config.model import Monitoring
from knxgw.dlm.settings import PEAK_HOLD_S, UNKNOWN_SPACING_S, Settings
from knxgw.frozen import replace

OVER_RANGE_MA = 65_000  # DPT 7.012 ends at 65.535 A: from here on the true current is not known
OVER_RANGE_COUNTS_MA = 65_500
MOST_SPACINGS = 9
FEWEST_SPACINGS = 3
ANSWER_S = 5.0  # for answers to reads
# the part of the spacing in which telegrams of one round come, also where they are spread evenly
ROUND = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseValue:
    """The last valid value of one phase."""

    current_ma: int  # negative: export
    arrived_at: float  # when the telegram came
    over_range: bool = False  # the true current is higher, nobody knows how much


@dataclass(frozen=True, kw_only=True)  # no slots: see knxgw.frozen
class Meter:
    """What is known of the smart meter; all times are monotonic seconds."""

    values: tuple[PhaseValue | None, ...] = (None, None, None)
    fresh: frozenset[int] = frozenset()  # phases that came since the last complete set
    set_at: float | None = None  # when the last set became complete
    sets: int = 0  # how many sets there were
    spacings_s: tuple[float, ...] = ()
    spacing_s: float = UNKNOWN_SPACING_S  # T_mon_eff: the median spacing, once there were some
    in_operation_at: float | None = None  # last In-operation telegram
    in_operation_since: float | None = None  # since when they have come without a gap
    requested_at: tuple[float | None, ...] = (
        None,
        None,
        None,
    )  # when a phase was read from the bus
    supervised_since: float = 0.0  # when the supervision began
    dropped: int = 0  # implausible values

    @property
    def total_ma(self) -> int:
        """Return what the phases carry together, as they were reported last; negative: export."""
        return sum([value.current_ma for value in self.values if value])

    @property
    def phases_arrive_apart(self) -> bool:
        """Tell whether the phases came at different moments: then only the last one makes a set."""
        times = {value.arrived_at for value in self.values if value}
        return len(times) > 1


def window_s(meter: Meter) -> float:
    """Return W: how long a peak of the base load is remembered."""
    return max(PEAK_HOLD_S, 1.5 * meter.spacing_s)


def current_of_power(settings: Settings, power_w: float) -> float:
    """Return the current [mA] of a power [W]; the sign is kept."""
    return power_w * 1000 / (settings.voltage_v * settings.power_factor)


def update(
    meter: Meter, settings: Settings, reading: GridMeterReading, now_s: float
) -> tuple[Meter, bool]:
    """Take a reading; return the meter and whether the value was plausible."""
    phase, value = reading.phase, reading.value
    current_ma = current_of_power(settings, value) if reading.is_power else value
    plausible = math.isfinite(current_ma) and (
        -1.5 * settings.fuse_ma <= current_ma <= 20 * settings.fuse_ma
    )
    if not plausible or phase >= settings.phases:
        return replace(meter, dropped=meter.dropped + 1), False
    over = reading.may_saturate and current_ma >= OVER_RANGE_MA
    if over:
        current_ma = OVER_RANGE_COUNTS_MA
    values = list(meter.values)
    values[phase] = PhaseValue(current_ma=round(current_ma), arrived_at=now_s, over_range=over)
    fresh = _of_this_round(meter, now_s) | {phase}
    meter = replace(meter, values=tuple(values), fresh=fresh)
    return _completed(meter, settings, now_s), True


def _of_this_round(meter: Meter, now_s: float) -> frozenset[int]:
    """Return the phases that came since the last set and belong to one with what comes now.

    After a telegram was lost the other phases of its round wait for the next one of that phase: they
    would make a set with it, each time, of which all but one value are a whole spacing old.
    """
    if len(meter.spacings_s) < FEWEST_SPACINGS:
        return meter.fresh
    since = now_s - ROUND * meter.spacing_s
    values = meter.values
    return frozenset(
        one for one in meter.fresh if (value := values[one]) and value.arrived_at > since
    )


def _completed(meter: Meter, settings: Settings, now_s: float) -> Meter:
    """Note a complete set: every phase came, none of them too long ago."""
    if len(meter.fresh) < settings.phases:
        return meter
    if not is_recent(meter, settings, now_s):
        return meter
    spacings, spacing_s = meter.spacings_s, meter.spacing_s
    if meter.set_at is not None:
        spacings = (*spacings, now_s - meter.set_at)[-MOST_SPACINGS:]
        if len(spacings) >= FEWEST_SPACINGS and settings.monitoring is Monitoring.VALUES:
            spacing_s = sorted(spacings)[len(spacings) // 2]
    return replace(
        meter,
        fresh=frozenset(),
        set_at=now_s,
        sets=meter.sets + 1,
        spacings_s=spacings,
        spacing_s=spacing_s,
    )


def is_recent(meter: Meter, settings: Settings, now_s: float) -> bool:
    """Tell whether every phase has reported a value not long ago: what is older raises nobody.

    Source: load-management 3.1.
    """
    oldest_s = age_s(meter, settings, now_s)
    return oldest_s is not None and oldest_s <= meter.spacing_s + 1.0


def in_operation(meter: Meter, settings: Settings, now_s: float) -> Meter:
    """Take an In-operation telegram."""
    last_at, since = meter.in_operation_at, meter.in_operation_since
    if last_at is None or since is None or now_s - last_at >= settings.timeout_s:
        since = now_s
    return replace(meter, in_operation_at=now_s, in_operation_since=since)


def note_request(meter: Meter, phases: Collection[int], now_s: float) -> Meter:
    """Note that the values of some phases are read from the bus now."""
    times = [now_s if phase in phases else at for phase, at in enumerate(meter.requested_at)]
    return replace(meter, requested_at=tuple(times))


def phases_to_request(meter: Meter, settings: Settings, now_s: float) -> list[int]:
    """Return the phases to read from the bus: those whose telegram alone was lost, once each.

    Source: load-management 11.
    """
    if settings.monitoring is not Monitoring.VALUES:
        return []
    values = meter.values[: settings.phases]
    ask_after_s = (settings.interval_s + settings.timeout_s) / 2
    if not any(value and now_s - value.arrived_at < settings.interval_s for value in values):
        return []
    return [
        phase
        for phase, value in enumerate(values)
        if value is not None
        and now_s - value.arrived_at >= ask_after_s
        and (meter.requested_at[phase] or value.arrived_at) <= value.arrived_at
    ]


def holds_again(meter: Meter, settings: Settings, now_s: float) -> bool:
    """Tell whether the last values may be believed again, since the meter says that it is alive.

    Values that come on change only stay valid; 10 to 12 were read when it came back.
    Source: load-management 3.1, 11.
    """
    since, last_at = meter.in_operation_since, meter.in_operation_at
    if settings.monitoring is Monitoring.VALUES or since is None or last_at is None:
        return False
    comes = now_s - last_at < settings.timeout_s and meter.set_at is not None
    return comes and now_s - since >= max(window_s(meter), ANSWER_S)


def alive_at(meter: Meter, settings: Settings) -> float | None:
    """Return when the meter was last known to be alive; None before its first complete set."""
    times = [value.arrived_at for value in meter.values[: settings.phases] if value]
    if meter.set_at is None or len(times) < settings.phases:
        return None
    if settings.monitoring is Monitoring.VALUES:
        return min(times)
    return max(*times, meter.in_operation_at or meter.set_at)


def age_s(meter: Meter, settings: Settings, now_s: float) -> float | None:
    """Return the age of the oldest phase value, None before the first complete set."""
    times = [value.arrived_at for value in meter.values[: settings.phases] if value]
    return now_s - min(times) if len(times) == settings.phases else None
