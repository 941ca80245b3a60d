"""How long a reading of a charger or meter stays fresh, and what of the readings is fresh. Pure.

A reading stays fresh for a fixed time, such as 10 s for a current. On a slow line readings of a quantity come
more than 2 s apart (`USUAL_PERIOD_S`). There a reading stays fresh for five of the periods in which that
quantity really comes, if that is longer.
Source: load-management 3.3.
"""

from collections.abc import Collection, Mapping, Sequence

from knxgw.charging.limits import CURRENT_STALE_AFTER_S, FRESH_PERIODS
from knxgw.charging.point import ChargingPoint, Readings
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity, Value

FRESH_DEFAULT_S = 60.0

# how long a reading of each quantity stays fresh where the line is not slow
FRESH_S: Mapping[Quantity, float] = {
    **dict.fromkeys(Quantity, FRESH_DEFAULT_S),
    Quantity.STATE: 10.0,
    Quantity.CONNECTED: 10.0,
    **dict.fromkeys((Quantity.CURRENT, *PHASE_CURRENTS), CURRENT_STALE_AFTER_S),
    Quantity.TEMPERATURE: 180.0,
    Quantity.SERIAL: float("inf"),
    Quantity.FIRMWARE: float("inf"),
    Quantity.EVCCID: float("inf"),
}
SHORTEST_FRESH_S = min(FRESH_S.values())
USUAL_PERIOD_S = SHORTEST_FRESH_S / FRESH_PERIODS  # five shorter ones are within every fixed time
FEWEST_SPACINGS = 2  # so many must be noted before they tell a period: one alone may be a gap
MOST_SPACINGS = 5  # so many are kept


def draw_per_phase_ma(point: ChargingPoint, now_s: float) -> int | None:
    """Return what the vehicle draws per phase [mA], for comparison with an offer; None: nothing is fresh.

    That is the highest fresh phase current, because an offer holds for each phase. Where only the sum of the
    phases is fresh, it is their mean: never above the highest, so no vehicle is wrongly found to draw too
    much. `now_s`: monotonic.
    """
    found = [fresh_value(point, quantity, now_s) for quantity in PHASE_CURRENTS]
    phases_ma = [current for current in found if isinstance(current, int)]
    total_ma = fresh_value(point, Quantity.CURRENT, now_s)
    if phases_ma:
        return max(phases_ma)
    return total_ma // point.settings.phases if isinstance(total_ma, int) else None


def fresh_s(point: ChargingPoint, quantity: Quantity) -> float:
    """Return for how long a reading of a quantity stays fresh [s].

    That is a fixed time (10 s for states and currents), or five times the period in which its readings really
    come, if that is longer. The period is known once two spacings between readings have been noted, which
    happens on a slow line only (`spacings_after_reading`).
    """
    spacings_s = point.readings.spacings_s.get(quantity, ())
    is_period_known = len(spacings_s) >= FEWEST_SPACINGS
    if not is_period_known:
        return FRESH_S[quantity]
    return max(FRESH_S[quantity], FRESH_PERIODS * typical_spacing_s(spacings_s))


def spacings_after_reading(
    readings: Readings, quantities: Collection[Quantity], now_s: float
) -> Mapping[Quantity, tuple[float, ...]]:
    """Return how far apart the last readings of each quantity came [s], after `quantities` were read now.

    A spacing is noted if it is more than 2 s (`USUAL_PERIOD_S`). Once one of a quantity is noted, shorter ones
    are noted as well, so that its period can fall again. The last five of each quantity are kept, oldest
    first. `readings`: those before. `now_s`: monotonic.
    """
    spacings_s = readings.spacings_s
    for quantity in quantities:
        before_at = readings.read_at.get(quantity)
        if before_at is None:
            continue  # its first reading
        spacing_s = now_s - before_at
        if spacing_s > USUAL_PERIOD_S or quantity in spacings_s:
            last_ones_s = (*spacings_s.get(quantity, ()), spacing_s)[-MOST_SPACINGS:]
            spacings_s = {**spacings_s, quantity: last_ones_s}  # a copy: `readings` stays as it was
    return spacings_s


def fresh_value(point: ChargingPoint, quantity: Quantity, now_s: float) -> Value | None:
    """Return the last value of a quantity; None: there is none, or its reading is stale. `now_s`: monotonic."""
    value = point.readings.values.get(quantity)
    if value is None or now_s - point.readings.read_at[quantity] > fresh_s(point, quantity):
        return None
    return value


def fresh_values(point: ChargingPoint, now_s: float) -> Mapping[Quantity, Value]:
    """Return the values of charger and meter whose readings are still fresh. `now_s`: monotonic."""
    read_at = point.readings.read_at
    # the quick way: if even the oldest reading is within the shortest time, all are fresh
    if not read_at or now_s - min(read_at.values()) <= SHORTEST_FRESH_S:
        return point.readings.values
    return {
        quantity: value
        for quantity, value in point.readings.values.items()
        if now_s - read_at[quantity] <= fresh_s(point, quantity)
    }


def fresh_current_ma(point: ChargingPoint, now_s: float) -> int | None:
    """Return a current [mA] that tells whether the vehicle draws at all; None: nothing is fresh.

    That is the highest fresh phase current, else the sum of the phases, which also shows any draw. But a sum
    must not be compared with an offer, which holds for each phase: for that there is `draw_per_phase_ma`.
    """
    found = [fresh_value(point, quantity, now_s) for quantity in PHASE_CURRENTS]
    phases_ma = [current for current in found if isinstance(current, int)]
    total_ma = fresh_value(point, Quantity.CURRENT, now_s)
    if phases_ma:
        return max(phases_ma)
    return total_ma if isinstance(total_ma, int) else None


def typical_spacing_s(spacings_s: Sequence[float]) -> float:
    """Return the usual time between readings [s]: the median, so that a gap in the readings does not count.

    Of an even number it is the lower of the middle two: of two spacings, one of which may be such a gap, the
    shorter. At least one must be given.
    """
    return sorted(spacings_s)[(len(spacings_s) - 1) // 2]
