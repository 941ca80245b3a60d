"""What the counters of charger and meter add to the session and to the total of a point. Pure.

Each register has an `EnergyCounter`. A reading that the counter doubts is not shown until it has lasted.
Until then only what the register grows by while it is doubted is added.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from knxgw.charging.counter import EnergyCounter, Reading, new_counter
from knxgw.charging.point import ChargingPoint, EnergyState, SessionState
from knxgw.charging.quantities import PHASE_ENERGIES, Quantity, Value

COUNTED = (Quantity.ENERGY, *PHASE_ENERGIES, Quantity.SESSION_ENERGY)  # each by its own counter
# after the start of a session: what the charger reports of a session is then of this one
SESSION_VALUES_AFTER_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedReading:
    """The values of a reading without those that are doubted, and what has flowed."""

    energy: EnergyState  # with the counters after the reading; its total is not yet moved
    values: Mapping[Quantity, Value]
    added_mwh: Mapping[Quantity, int]  # by each energy that was read; also by a doubted one


def filter_energies(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> CountedReading:
    """Return a reading without the energies that their counters doubt, and the counters after it.

    A doubted energy must not be shown. `now_s`: monotonic, for the counters. `now`: the
    wall-clock time, kept as `last_moved` when a register has moved, so that after a restart it is known
    how much can have flowed since; None: not valid.
    """
    energy = point.energy
    energies = [quantity for quantity in COUNTED if isinstance(values.get(quantity), int)]
    if not energies:
        return CountedReading(energy=energy, values=values, added_mwh={})
    accepted, added_mwh = dict(values), dict.fromkeys(energies, 0)
    last_moved = energy.last_moved
    for quantity in energies:
        # readings that showed nothing new passed the counter by (`observe_repeated`)
        before = point.counter(quantity).read_unchanged(point.readings.read_at.get(quantity))
        after, added_mwh[quantity] = before.add_reading(int(values[quantity]), now_s)
        if after.doubt is not None or after.reading_mwh is None:
            del accepted[quantity]
        else:
            accepted[quantity] = after.reading_mwh  # without the jitter of what was read
        if after.reading_mwh != before.reading_mwh:
            last_moved = now
        energy = _with_counter(energy, quantity, after)
    if last_moved is not energy.last_moved:
        energy = replace(energy, last_moved=last_moved)
    return CountedReading(energy=energy, values=accepted, added_mwh=added_mwh)


def _with_counter(energy: EnergyState, quantity: Quantity, counter: EnergyCounter) -> EnergyState:
    """Return the counters with one of them replaced."""
    if quantity is Quantity.ENERGY:
        return replace(energy, lifetime_counter=counter)
    return replace(energy, counters={**energy.counters, quantity: counter})


def add_to_totals(point: ChargingPoint, believed: CountedReading, now_s: float) -> ChargingPoint:
    """Return the point with the energy that has flowed added to its session and to its total.

    The session follows the charger's own register of the session once that is adopted. Else it follows
    the register of the total, or where there is none, the power over time. The total follows its own
    register only. Energy that flows without an open session counts for the total alone.
    """
    energy, added_mwh = believed.energy, believed.added_mwh
    measured_mwh = 0  # by the register of the total, else by the power
    if Quantity.ENERGY in added_mwh:
        measured_mwh = added_mwh[Quantity.ENERGY]
        energy = _with_total(energy, measured_mwh)
    elif "energy" not in point.settings.capabilities:
        power_w = believed.values.get(Quantity.POWER)
        if isinstance(power_w, int):
            power_counter, measured_mwh = energy.power_counter.add_power(power_w, now_s)
            energy = replace(energy, power_counter=power_counter)
    flowed_mwh = (
        added_mwh.get(Quantity.SESSION_ENERGY, 0) if energy.is_register_adopted else measured_mwh
    )
    session = _with_energy(point.session, flowed_mwh)
    if energy is point.energy and session is point.session:
        return point
    return replace(point, energy=energy, session=session)


def _with_total(energy: EnergyState, added_mwh: int) -> EnergyState:
    """Return the counters with a total that has grown, or with its first value.

    The first value is the register's own, once a second reading has confirmed it; until then there is no
    total. After that the total only grows: it goes on when the meter is replaced by another one.
    """
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
        # a reading before the confirmed one was never confirmed: it is of no meter that may come back
        lifetime_counter=replace(counter, previous_meter_mwh=None),
    )


def _with_energy(state: SessionState, added_mwh: int) -> SessionState:
    """Return the session with more energy, if one is open."""
    session = state.latest
    if session is None or not session.is_open or added_mwh == 0:
        return state
    return replace(state, latest=replace(session, energy_mwh=session.energy_mwh + added_mwh))


# --- a charger that counts the session itself ----------------------------------------------------


def start_session_register(point: ChargingPoint) -> EnergyState:
    """Return the counters at the start of a session, with a new counter of the charger's session register.

    It starts from what that register showed last, if anything: only what it grows by from here on counts.
    The register may still show the session before, so the session does not follow it yet: see
    `adopt_session_register`.
    """
    reading_mwh = point.number(Quantity.SESSION_ENERGY)
    quantity = Quantity.SESSION_ENERGY
    reading = None if reading_mwh is None else Reading(reading_mwh)
    counter = replace(new_counter(point.settings, quantity), reading=reading)
    return replace(_with_counter(point.energy, quantity, counter), is_register_adopted=False)


def adopt_session_register(point: ChargingPoint, now_s: float) -> ChargingPoint:
    """Return the point with what the charger's session register shows as the energy of its session.

    From then on the session grows with the register (`add_to_totals`), also if that restarts with each
    start command: a pause and a resume belong to one session. A register that still shows what it showed
    before plug-in shows the session before, so this one begins with 0. If it is not known what the
    register showed then, it is adopted after `SESSION_VALUES_AFTER_S`, and nothing changes before that.
    """
    energy = point.energy
    if energy.is_register_adopted or not point.session.is_open:
        return point  # its growth counts already, or there is no session
    session, reading_mwh = point.session.latest, point.number(Quantity.SESSION_ENERGY)
    if session is None or reading_mwh is None:
        return point  # the charger has no such register
    if energy.register_before_mwh is not None:
        content_mwh = 0 if reading_mwh == energy.register_before_mwh else reading_mwh
    elif is_of_this_session(point.session, now_s):
        content_mwh = reading_mwh
    else:
        return point  # it may still be of the session before
    # what was measured so far is kept if the register shows less: the energy of a session never falls
    session = replace(session, energy_mwh=max(session.energy_mwh, content_mwh))
    return replace(
        point,
        session=replace(point.session, latest=session),
        energy=replace(energy, is_register_adopted=True),
    )


def is_of_this_session(session: SessionState, now_s: float) -> bool:
    """Tell whether the charger's session values can only be those of the running session.

    That is so from `SESSION_VALUES_AFTER_S` after its start on; a time that the gateway was off counts
    too. False without an open session.
    """
    if not session.is_open or session.began_at is None:
        return False
    return now_s - session.began_at >= SESSION_VALUES_AFTER_S
