"""What the counters of charger and meter add to the session and to the life of a point. Pure.

Every register that counts energy is believed only as far as its counter does: what is doubted is
neither counted for good nor told, until it has lasted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from knxgw.charging.counter import EnergyCounter, new_counter
from knxgw.charging.point import ChargingPoint
from knxgw.charging.words import PHASE_ENERGIES, Quantity, Value
from knxgw.frozen import replace

COUNTED = (Quantity.ENERGY, *PHASE_ENERGIES, Quantity.SESSION_ENERGY)
OWN_ENERGY_AFTER_S = 10  # then a charger's register of the session is of this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """What of a reading is believed, and what flowed by that since the one before [mWh]."""

    point: ChargingPoint
    values: Mapping[Quantity, Value]
    added_mwh: Mapping[Quantity, int]


def believe(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> Believed:
    """Have the counters judge a reading; a doubted one is left out."""
    counted = [quantity for quantity in COUNTED if isinstance(values.get(quantity), int)]
    if not counted:
        return Believed(point=point, values=values, added_mwh={})
    taken, added_mwh = dict(values), dict.fromkeys(counted, 0)
    for quantity in counted:
        before = point.counter(quantity).heard(point.read_s.get(quantity))
        after, added_mwh[quantity] = before.by_reading(int(values[quantity]), now_s)
        if after.doubt is not None or after.reading_mwh is None:
            del taken[quantity]
        else:
            taken[quantity] = after.reading_mwh
        if after.reading_mwh != before.reading_mwh:
            point = replace(point, energy_at=now)
        point = with_counter(point, quantity, after)
    return Believed(point=point, values=taken, added_mwh=added_mwh)


def with_counter(point: ChargingPoint, quantity: Quantity, counter: EnergyCounter) -> ChargingPoint:
    """Return the point with another state of one of its counters."""
    if quantity is Quantity.ENERGY:
        return replace(point, lifetime_counter=counter)
    return replace(point, counters={**point.counters, quantity: counter})


def count(point: ChargingPoint, believed: Believed, now_s: float) -> ChargingPoint:
    """Add what flowed since the last reading to the session and to the life of the point."""
    added_mwh = believed.added_mwh
    if point.session_adopted and Quantity.SESSION_ENERGY in added_mwh:
        point = _add_to_session(point, added_mwh[Quantity.SESSION_ENERGY])
    if Quantity.ENERGY in added_mwh:
        added, counter = added_mwh[Quantity.ENERGY], point.lifetime_counter
        if point.lifetime_mwh is not None:
            point = replace(point, lifetime_mwh=point.lifetime_mwh + added)
        elif counter.doubt is None and not counter.is_first:
            counter = replace(counter, dropped_mwh=None)  # what nothing has confirmed is no meter
            lifetime_mwh = max(0, counter.reading_mwh or 0)
            point = replace(point, lifetime_mwh=lifetime_mwh, lifetime_counter=counter)
        return point if point.session_adopted else _add_to_session(point, added)
    power = believed.values.get(Quantity.POWER)
    if isinstance(power, int) and "energy" not in point.settings.capabilities:
        counter, added = point.session_counter.by_power(power, now_s)
        point = replace(point, session_counter=counter)
        return point if point.session_adopted else _add_to_session(point, added)
    return point


def _add_to_session(point: ChargingPoint, added_mwh: int) -> ChargingPoint:
    session = point.session
    if session is None or not session.is_open or added_mwh == 0:
        return point
    return replace(point, session=replace(session, energy_mwh=session.energy_mwh + added_mwh))


# --- a charger that counts the session itself ----------------------------------------------------


def watch_register(point: ChargingPoint) -> ChargingPoint:
    """Begin to follow the charger's register of the session: a new session has begun."""
    reading_mwh = point.number(Quantity.SESSION_ENERGY)
    quantity = Quantity.SESSION_ENERGY
    anew = replace(new_counter(point.settings, quantity), reading_mwh=reading_mwh)
    return replace(with_counter(point, quantity, anew), session_adopted=False)


def adopt_register(point: ChargingPoint, now_s: float) -> ChargingPoint:
    """Take what stands in the charger's register as the energy of the running session.

    From then on what it grows by counts, and where it begins anew with each start command what
    stands in it then: a pause and a resume belong to one session. A register that still shows what
    it showed before the vehicle came is of the session before; where that is not known, it is given
    a while.
    """
    session, reading_mwh = point.session, point.number(Quantity.SESSION_ENERGY)
    if point.session_adopted or session is None or not session.is_open or reading_mwh is None:
        return point
    if point.register_before_mwh is not None:
        content_mwh = 0 if reading_mwh == point.register_before_mwh else reading_mwh
    elif is_of_this_session(point, now_s):
        content_mwh = reading_mwh
    else:
        return point
    energy_mwh = max(session.energy_mwh, content_mwh)
    return replace(point, session=replace(session, energy_mwh=energy_mwh), session_adopted=True)


def is_of_this_session(point: ChargingPoint, now_s: float) -> bool:
    """Tell whether what the charger counts is of the running session and not of the one before.

    The time since its start counts, also while the gateway was off.
    """
    session, started_s = point.session, point.session_started_s
    if session is None or not session.is_open or started_s is None:
        return False
    return now_s - started_s >= OWN_ENERGY_AFTER_S
