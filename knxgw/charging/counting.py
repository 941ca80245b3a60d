"""What the counters of charger and meter add to the session and to the life of a point. Pure.

Every register that counts energy is believed only as far as its counter does: what is doubted is
neither counted for good nor told, until it has lasted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from knxgw.charging.counter import EnergyCounter, Reading, new_counter
from knxgw.charging.point import ChargingPoint, EnergyState, SessionState
from knxgw.charging.quantities import PHASE_ENERGIES, Quantity, Value

COUNTED = (Quantity.ENERGY, *PHASE_ENERGIES, Quantity.SESSION_ENERGY)
OWN_ENERGY_AFTER_S = 10  # then a charger's register of the session is of this one


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedReading:
    """What of a reading is believed, and what flowed by that since the one before [mWh]."""

    energy: EnergyState
    values: Mapping[Quantity, Value]
    added_mwh: Mapping[Quantity, int]


def filter_energies(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> CountedReading:
    """Have the counters judge a reading; a doubted one is left out."""
    energy = point.energy
    counted = [quantity for quantity in COUNTED if isinstance(values.get(quantity), int)]
    if not counted:
        return CountedReading(energy=energy, values=values, added_mwh={})
    taken, added_mwh = dict(values), dict.fromkeys(counted, 0)
    moved_at = energy.moved_at
    for quantity in counted:
        before = point.counter(quantity).read_unchanged(point.readings.read_at.get(quantity))
        after, added_mwh[quantity] = before.add_reading(int(values[quantity]), now_s)
        if after.doubt is not None or after.reading_mwh is None:
            del taken[quantity]
        else:
            taken[quantity] = after.reading_mwh
        if after.reading_mwh != before.reading_mwh:
            moved_at = now
        energy = _with_counter(energy, quantity, after)
    if moved_at is not energy.moved_at:
        energy = replace(energy, moved_at=moved_at)
    return CountedReading(energy=energy, values=taken, added_mwh=added_mwh)


def _with_counter(energy: EnergyState, quantity: Quantity, counter: EnergyCounter) -> EnergyState:
    """Return the counters with another state of one of them."""
    if quantity is Quantity.ENERGY:
        return replace(energy, lifetime_counter=counter)
    return replace(energy, counters={**energy.counters, quantity: counter})


def add_to_totals(point: ChargingPoint, believed: CountedReading, now_s: float) -> ChargingPoint:
    """Return the point with what was believed, and with what flowed since the last reading.

    That is added to the session and to the total of the charging point.
    """
    energy, added_mwh = believed.energy, believed.added_mwh
    flowed_mwh = 0
    if energy.is_register_adopted:
        flowed_mwh = added_mwh.get(Quantity.SESSION_ENERGY, 0)
    if Quantity.ENERGY in added_mwh:
        added = added_mwh[Quantity.ENERGY]
        energy = _with_total(energy, added)
        flowed_mwh = flowed_mwh if energy.is_register_adopted else added
    else:
        power = believed.values.get(Quantity.POWER)
        if isinstance(power, int) and "energy" not in point.settings.capabilities:
            power_counter, added = energy.power_counter.add_power(power, now_s)
            energy = replace(energy, power_counter=power_counter)
            flowed_mwh = flowed_mwh if energy.is_register_adopted else added
    session = _with_energy(point.session, flowed_mwh)
    if energy is point.energy and session is point.session:
        return point
    return replace(point, energy=energy, session=session)


def _with_total(energy: EnergyState, added_mwh: int) -> EnergyState:
    """Return the counters with a total that has grown, or with its first value."""
    if energy.lifetime_mwh is not None:
        if not added_mwh:
            return energy
        return replace(energy, lifetime_mwh=energy.lifetime_mwh + added_mwh)
    counter = energy.lifetime_counter
    if counter.doubt is not None or counter.is_unconfirmed:
        return energy
    return replace(
        energy,
        lifetime_mwh=max(0, counter.reading_mwh or 0),
        lifetime_counter=replace(counter, dropped_mwh=None),  # unconfirmed: that is no meter
    )


def _with_energy(known: SessionState, added_mwh: int) -> SessionState:
    session = known.latest
    if session is None or not session.is_open or added_mwh == 0:
        return known
    return replace(known, latest=replace(session, energy_mwh=session.energy_mwh + added_mwh))


# --- a charger that counts the session itself ----------------------------------------------------


def start_session_register(point: ChargingPoint) -> EnergyState:
    """Begin to follow the charger's register of the session: a new session has begun."""
    reading_mwh = point.number(Quantity.SESSION_ENERGY)
    quantity = Quantity.SESSION_ENERGY
    reading = None if reading_mwh is None else Reading(reading_mwh)
    counter = replace(new_counter(point.settings, quantity), reading=reading)
    return replace(_with_counter(point.energy, quantity, counter), is_register_adopted=False)


def adopt_session_register(point: ChargingPoint, now_s: float) -> ChargingPoint:
    """Take what stands in the charger's register as the energy of the running session.

    From then on what it grows by counts, and where it begins anew with each start command what
    stands in it then: a pause and a resume belong to one session. A register that still shows what
    it showed before the vehicle came is of the session before; where that is not known, it is given
    a while.
    """
    energy = point.energy
    if energy.is_register_adopted or not point.session.is_open:
        return point
    session, reading_mwh = point.session.latest, point.number(Quantity.SESSION_ENERGY)
    if session is None or reading_mwh is None:
        return point
    if energy.register_before_mwh is not None:
        content_mwh = 0 if reading_mwh == energy.register_before_mwh else reading_mwh
    elif is_of_this_session(point.session, now_s):
        content_mwh = reading_mwh
    else:
        return point
    session = replace(session, energy_mwh=max(session.energy_mwh, content_mwh))
    return replace(
        point,
        session=replace(point.session, latest=session),
        energy=replace(energy, is_register_adopted=True),
    )


def is_of_this_session(session: SessionState, now_s: float) -> bool:
    """Tell whether what the charger counts is of the running session and not of the one before.

    The time since its start counts, also while the gateway was off.
    """
    if not session.is_open or session.began_at is None:
        return False
    return now_s - session.began_at >= OWN_ENERGY_AFTER_S
