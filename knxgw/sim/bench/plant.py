"""The plant of a scenario: mains with a building, chargers with latency, vehicles. No clock.

Everything moves along straight lines between events, so the current of the line is known exactly.
Currents are mA per phase, times s.
"""

from collections.abc import Mapping

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.events import ChargerSeen
from knxgw.charging.limits import NOMINAL_V
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity, Value
from knxgw.charging.scope import PointNumber
from knxgw.config.devices import charger_id
from knxgw.sim.bench.curve import Curve, Steps
from knxgw.sim.bench.recording import PointLog
from knxgw.sim.bench.scenario import BaseChanged, PointModel, Scenario, Trouble
from knxgw.sim.bench.site import LIMIT_POINT
from knxgw.sim.bench.spells import Spells
from knxgw.sim.bench.vehicle import MINIMUM_OFFER_MA, Vehicle

IMPOSSIBLE_MA = 99_900  # what a charger reports that gives invalid currents
ENERGY_S = 10.0  # the energy is read with a poll each so long
MWH_PER_AS = NOMINAL_V / 3.6  # at the nominal voltage

_DISOBEDIENT = frozenset({Trouble.IGNORES, Trouble.REFUSES})


class Charger:
    """A charger and the vehicle at it."""

    def __init__(self, number: int, model: PointModel, start_s: float) -> None:
        self.number = PointNumber(number)
        self.device = charger_id(number)
        self.model = model
        self.wired = model.wired
        self.used: tuple[int, ...] = ()  # grid phases the vehicle uses; none without a vehicle
        self.vehicle = Vehicle(model=model.car, wired=model.phases)
        self.setpoint_ma = 0  # that was written
        self.is_enabled = model.zero_pauses  # else it has a command of its own
        self.limit_ma = 0  # it announces
        self.wanted_ma: int | None = None  # the newest command
        self.troubles: Spells[Trouble] = Spells()
        self.is_off = False
        self.has_forgotten = False  # what it was told before it restarted
        self.reports: Spells[ChargingState | None] = Spells()
        self.scheduled_at = float("inf")  # when the vehicle is looked at next
        self.log = PointLog(
            offers=Steps(start_s, 0),
            limits=Steps(start_s, 0),
            draw=Curve(start_s, 0.0),
            used=Steps(start_s, ()),
            can_use=Steps(start_s, 0),
            reserved=Steps(start_s, value=True),
            charge_as=Steps(start_s, 0.0),
            reached=Steps(start_s, value=True),
            strays=Steps(start_s, value=False),
        )
        self.is_in_sight = False  # it was polled since it can be reached
        self._polls = 0
        self._energy_polls = max(1, round(ENERGY_S / model.poll_s))
        self._seen: ChargerSeen | None = None
        self._key: tuple[object, ...] | None = None

    @property
    def is_reachable(self) -> bool:
        """Tell whether it answers."""
        return not self.is_off and Trouble.UNREACHABLE not in self.troubles.values

    @property
    def obeys(self) -> bool:
        """Tell whether a command has an effect."""
        return self.is_reachable and _DISOBEDIENT.isdisjoint(self.troubles.values)

    def write(self, point: str, value: float) -> None:
        """Take an acknowledged write, unless it ignores what it is told."""
        if Trouble.IGNORES in self.troubles.values:
            return
        if point == LIMIT_POINT:
            self.setpoint_ma = round(value * 1000)
        else:
            self.is_enabled = bool(value)
        self.has_forgotten = False

    def start_again(self, limit_ma: int) -> None:
        """Forget what was written."""
        self.setpoint_ma, self.is_enabled = limit_ma, True
        self.has_forgotten = True

    @property
    def strays(self) -> bool:
        """Tell whether it, or its vehicle, does something else than it is told.

        One that draws a little more is none: what may flow then is known.
        """
        vehicle = self.vehicle
        has_habit = vehicle.is_deaf or vehicle.delay_s > vehicle.model.delay_s
        is_wrong = not _DISOBEDIENT.isdisjoint(self.troubles.values)
        return is_wrong or self.has_forgotten or (vehicle.plugged and has_habit)

    def note_strays(self, at_s: float) -> None:
        """Note whether it does what it is told."""
        strays = self.strays
        if self.log.strays.last != strays:
            self.log.strays.add(at_s, strays)

    @property
    def effective_ma(self) -> int:
        """Return the limit that follows from what was written; 0 without power."""
        return self.setpoint_ma if self.is_enabled and not self.is_off else 0

    def seen(self, at_s: float) -> ChargerSeen:
        """Return what a poll reads."""
        self._polls += 1
        vehicle = self.vehicle
        key = (vehicle.version, self.limit_ma, self.troubles.values, self.reports.values)
        if self._polls % self._energy_polls == 0:
            energy_mwh = round(vehicle.charge_as(at_s) * MWH_PER_AS)
            values = {**self._values(at_s), Quantity.ENERGY: energy_mwh}
            return ChargerSeen(device=self.device, values=values)
        if self._seen is None or key != self._key or vehicle.slope:
            self._seen = ChargerSeen(device=self.device, values=self._values(at_s))
            self._key = key
        return self._seen

    def seen_first(self, at_s: float) -> ChargerSeen:
        """Return what is read before the currents: a real charger is not read all at once."""
        values = self._values(at_s)
        for quantity in PHASE_CURRENTS:
            values.pop(quantity, None)
        return ChargerSeen(device=self.device, values=values)

    def _values(self, at_s: float) -> dict[Quantity, Value]:
        vehicle = self.vehicle
        draw_ma = round(vehicle.draw_ma(at_s))
        values: dict[Quantity, Value] = {
            Quantity.STATE: self._state(draw_ma),
            Quantity.CONNECTED: int(vehicle.plugged),
            Quantity.SETPOINT: self.limit_ma,
        }
        if self.model.is_measured:
            for terminal in range(self.model.phases):
                used = terminal < vehicle.phases
                current_ma = draw_ma if used else 0
                invalid = Trouble.INVALID in self.troubles.values
                values[PHASE_CURRENTS[terminal]] = IMPOSSIBLE_MA if invalid else current_ma
        return values

    def _state(self, draw_ma: int) -> ChargingState:
        reported = self.reports.values[-1:]
        if reported and reported[0] is not None:
            return reported[0]
        if not self.vehicle.plugged:
            return ChargingState.AVAILABLE
        if draw_ma > 0:
            return ChargingState.CHARGE
        paused = self.limit_ma < MINIMUM_OFFER_MA
        return ChargingState.INTERRUPTION if paused else ChargingState.CONNECTED


class Plant:
    """All that carries current, and what it has carried."""

    def __init__(self, scenario: Scenario, start_s: float) -> None:
        self.base_ma = [float(ma) for ma in scenario.base_ma]
        self.chargers = [
            Charger(number, model, start_s) for number, model in enumerate(scenario.points, 1)
        ]
        self.base = [Curve(start_s, ma) for ma in self.base_ma]
        self.load = [Curve(start_s, ma) for ma in self.base_ma]
        self.still_since = start_s  # since when no vehicle has moved; infinite while one does
        self.changes = 0  # of anything

    def change_base(self, at_s: float, change: BaseChanged) -> None:
        """Let the building draw something else."""
        for phase, given_ma in enumerate(change.load_ma):
            if given_ma is None:
                continue
            self.base_ma[phase] = given_ma + (self.base_ma[phase] if change.is_added else 0)
            self.base[phase].add(at_s, self.base_ma[phase], 0.0)
        self.refresh(at_s)

    def vehicle_changed(self, at_s: float, charger: Charger) -> None:
        """Note what a vehicle does now."""
        vehicle, log = charger.vehicle, charger.log
        charger.used = charger.wired[: vehicle.phases] if vehicle.plugged else ()
        moves = any(one.vehicle.slope for one in self.chargers)
        self.still_since = float("inf") if moves else at_s
        log.draw.add(at_s, vehicle.draw_ma(at_s), vehicle.slope)
        log.charge_as.add(at_s, vehicle.charge_as(at_s))
        if log.used.last != charger.used:
            log.used.add(at_s, charger.used)
        can_use_ma = vehicle.maximum_ma if vehicle.plugged else 0
        if log.can_use.last != can_use_ma:
            log.can_use.add(at_s, can_use_ma)
        self.refresh(at_s)

    def refresh(self, at_s: float) -> None:
        """Begin new lines of the load."""
        self.changes += 1
        values, slopes = list(self.base_ma), [0.0, 0.0, 0.0]
        for charger in self.chargers:
            vehicle = charger.vehicle
            if not vehicle.plugged:
                continue
            draw_ma, slope = vehicle.draw_ma(at_s), vehicle.slope
            for phase in charger.used:
                values[phase] += draw_ma
                slopes[phase] += slope
        for phase, curve in enumerate(self.load):
            curve.add(at_s, values[phase], slopes[phase])

    def load_ma(self, at_s: float, phase: int) -> float:
        """Return what the line carries now."""
        curve = self.load[phase]
        return curve.values[-1] + curve.slopes[-1] * (at_s - curve.times[-1])

    def energies_mwh(self, at_s: float) -> Mapping[int, float]:
        """Return the energy each charging point has given since the start."""
        return {one.number: one.vehicle.charge_as(at_s) * MWH_PER_AS for one in self.chargers}
