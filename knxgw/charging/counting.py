"""What the counters of charger and meter add to the session and to the total of a point. Pure.

Each register has an `EnergyCounter`. A reading that the counter doubts, because it does not fit the one
before, is not shown until it has lasted. Until then only what the register grows by while it is doubted is
added. The total follows the register of charger or meter that counts all energy; some chargers also have a
register that counts the energy of the current session.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from knxgw.charging.counter import EnergyCounter, Reading, new_counter
from knxgw.charging.point import ChargingPoint, EnergyState, SessionState
from knxgw.charging.quantities import PHASE_ENERGIES, Quantity, Value

COUNTED = (Quantity.ENERGY, *PHASE_ENERGIES, Quantity.SESSION_ENERGY)  # each by its own counter
# from so long after the start of a session on, what the charger reports of a session is of this one
SESSION_VALUES_AFTER_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedReading:
    """The values of a reading without those that are doubted, and what has flowed."""

    energy: EnergyState  # with the counters after the reading; its total is not yet moved
    values: Mapping[Quantity, Value]
    added_mwh: Mapping[Quantity, int]  # what has flowed by each energy read, doubted ones included


def filter_energies(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> CountedReading:
    """Return what a reading of charger or meter shows, without the energies that their counters doubt.

    Each energy (of the total, of a phase, of the session) goes through its counter, which tells what has
    flowed; a doubted one must not be shown. `now_s`: monotonic. `now`: the wall-clock time (None: not valid);
    it is noted when a register has moved, because it tells after a restart how much can have flowed since.
    """
    energy = point.energy
    energies = [quantity for quantity in COUNTED if isinstance(values.get(quantity), int)]
    if not energies:
        return CountedReading(energy=energy, values=values, added_mwh={})
    accepted, added_mwh = dict(values), dict.fromkeys(energies, 0)
    last_moved = energy.last_moved
    for quantity in energies:
        # readings that repeated the one before were not given to the counter, to save time: it gets
        # the time of the last of them here
        before = point.counter(quantity).with_read_at(point.readings.read_at.get(quantity))
        after, added_mwh[quantity] = before.add_reading(int(values[quantity]), now_s)
        is_doubted = after.doubt is not None
        if is_doubted or after.reading_mwh is None:
            del accepted[quantity]
        else:
            accepted[quantity] = after.reading_mwh  # what was read, but without a fall by jitter
        if after.reading_mwh != before.reading_mwh:
            last_moved = now
        energy = _with_counter(energy, quantity, after)
    if last_moved is not energy.last_moved:
        energy = replace(energy, last_moved=last_moved)
    return CountedReading(energy=energy, values=accepted, added_mwh=added_mwh)


def _with_counter(energy: EnergyState, quantity: Quantity, counter: EnergyCounter) -> EnergyState:
    """Return the energy state with the counter of one energy (the total, a phase, the session) replaced."""
    if quantity is Quantity.ENERGY:
        return replace(energy, lifetime_counter=counter)
    return replace(energy, counters={**energy.counters, quantity: counter})


def add_to_totals(point: ChargingPoint, counted: CountedReading, now_s: float) -> ChargingPoint:
    """Return the point with the energy that has flowed added to its total and to its open session.

    The total grows with its own register only. An open session grows with the charger's register of the session,
    once it is known what that shows of this session (`is_register_adopted`). Else it grows with the register of
    the total; or with power over time, where charger and meter have none. The counters of the reading are kept as
    well. `counted`: the reading, from `filter_energies`. `now_s`: monotonic.
    """
    energy, added_mwh = counted.energy, counted.added_mwh
    measured_mwh = 0  # by the register of the total, else by the power
    if Quantity.ENERGY in added_mwh:
        measured_mwh = added_mwh[Quantity.ENERGY]
        energy = _with_total(energy, measured_mwh)
    elif "energy" not in point.settings.capabilities:
        power_w = counted.values.get(Quantity.POWER)
        if isinstance(power_w, int):
            power_counter, measured_mwh = energy.power_counter.add_power(power_w, now_s)
            energy = replace(energy, power_counter=power_counter)
    by_register_mwh = added_mwh.get(Quantity.SESSION_ENERGY, 0)
    of_session_mwh = by_register_mwh if energy.is_register_adopted else measured_mwh
    session = _with_session_energy(point.session, of_session_mwh)
    if energy is point.energy and session is point.session:
        return point  # nothing has flowed, and no counter has changed
    return replace(point, energy=energy, session=session)


def _with_total(energy: EnergyState, added_mwh: int) -> EnergyState:
    """Return the energy state with its total (`lifetime_mwh`) grown by `added_mwh`, or with a first total.

    To be called only once the register of the total was read. The first total is what it shows, once a second
    reading has confirmed that; until then there is none. From then on the total only grows, also when the meter is
    replaced by one that shows less.
    """
    if energy.lifetime_mwh is not None:
        if not added_mwh:
            return energy
        return replace(energy, lifetime_mwh=energy.lifetime_mwh + added_mwh)
    counter = energy.lifetime_counter
    is_read = counter.reading is not None
    if not is_read or counter.is_unconfirmed or counter.doubt is not None:
        return energy
    return replace(
        energy,
        lifetime_mwh=max(0, counter.accepted_mwh),
        # readings before the confirmed one were never confirmed: they are of no meter that may come back
        lifetime_counter=replace(counter, previous_meter_mwh=None),
    )


def _with_session_energy(state: SessionState, added_mwh: int) -> SessionState:
    """Return the session with this energy added to it; as it is if none is open, or nothing was added."""
    session = state.latest
    if session is None or not session.is_open or added_mwh == 0:
        return state
    return replace(state, latest=replace(session, energy_mwh=session.energy_mwh + added_mwh))


# --- a charger that counts the session itself ----------------------------------------------------


def start_session_register(point: ChargingPoint) -> EnergyState:
    """Return the energy state at the start of a session: the charger's session register gets a new counter.

    The counter begins at what the register showed last, or, if that is not known, at its next reading: so only
    what it grows by from here on counts. The register may still show the session before. So the energy of
    this session does not follow it yet: that begins with `adopt_session_register`.
    """
    quantity = Quantity.SESSION_ENERGY
    reading_mwh = point.number(quantity)
    reading = None if reading_mwh is None else Reading(reading_mwh)
    counter = replace(new_counter(point.settings, quantity), reading=reading)
    return replace(_with_counter(point.energy, quantity, counter), is_register_adopted=False)


def adopt_session_register(point: ChargingPoint, now_s: float) -> ChargingPoint:
    """Return the point with the energy of its open session taken from the charger's session register.

    That is done once in a session, as soon as it is known what the register shows of this one; from then on
    the session grows with it. If the register still shows what it showed before plug-in
    (`register_before_mwh`), that is the session before, and nothing of this one. If it is not known what it
    showed then, this waits until the session has lasted for 10 s (`SESSION_VALUES_AFTER_S`).
    """
    energy = point.energy
    if energy.is_register_adopted or not point.session.is_open:
        return point  # done already, or there is no session
    session, reading_mwh = point.session.latest, point.number(Quantity.SESSION_ENERGY)
    if session is None or reading_mwh is None:
        return point  # the charger has no such register, or has not shown it yet
    if energy.register_before_mwh is not None:
        shows_session_before = reading_mwh == energy.register_before_mwh
        of_session_mwh = 0 if shows_session_before else reading_mwh
    elif is_of_this_session(point.session, now_s):
        of_session_mwh = reading_mwh
    else:
        return point  # it may still show the session before
    # if the register shows less than was measured so far, that is kept: a session's energy never falls
    session = replace(session, energy_mwh=max(session.energy_mwh, of_session_mwh))
    return replace(
        point,
        session=replace(point.session, latest=session),
        energy=replace(energy, is_register_adopted=True),
    )


def is_of_this_session(session: SessionState, now_s: float) -> bool:
    """Tell whether what the charger now reports of a session can only be of the one that is open.

    Shortly after plug-in the charger may still report the session before. So the open one must have lasted
    for 10 s (`SESSION_VALUES_AFTER_S`); time for which the gateway was off is included. False without an
    open session.
    """
    if not session.is_open or session.began_at is None:
        return False
    return now_s - session.began_at >= SESSION_VALUES_AFTER_S
