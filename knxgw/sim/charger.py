"""A simulated charging point: vehicle, pilot, watchdog and meter behind a register image.

One that is told a power lets each phase its vehicle uses have an equal part of all of it, whatever
the power was meant for: a wrong count of phases shows as too much current.
"""

from collections.abc import Callable
from functools import partial

from knxgw.catalogue.conditions import is_met
from knxgw.catalogue.control import Watchdog, WatchdogTrigger
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.points import Point
from knxgw.catalogue.simulation import SimulatedState
from knxgw.modbus.codec import Raw, scaled, unscaled
from knxgw.sim.registers import RegisterImage
from knxgw.sim.vehicle import MINIMUM_OFFER_MA, VOLTAGE_V, Vehicle

DEFAULT_FALLBACK_MA = 6000
STEP_S = 0.1  # longest step of the simulated physics


class SimulatedCharger(RegisterImage):
    """One socket of a charger; `advance` lets time pass, the registers show the result."""

    def __init__(
        self, model: DeviceModel, unit_id: int, address_offset: int = 0, *, phases: int = 3
    ) -> None:
        super().__init__(model, unit_id, address_offset)
        self.phases = phases  # terminals that are wired
        if model.control is None or model.control.offer_step is None:
            raise ValueError(f"{model.id} is not a charger")
        self.vehicle: Vehicle | None = None
        self.authorised = True
        self.has_error = False
        self.card: int | None = None
        self.energy_wh = 1_234_560.0
        self.session_wh = 0.0
        self._now_s = 0.0
        self._fed_at = 0.0  # when the watchdog was fed last
        self._offer_point = model.control.offer_step.point
        hardware_a = model.simulation.constants.get("current_max_hw", 32)
        self._power_up_ma = round(float(hardware_a) * 1000)
        self._session_over = True
        self._quantities = self._all_quantities()
        self._by_state = {name for shown in model.simulation.states.values() for name in shown}

    # --- what people do

    def plug(self, vehicle: Vehicle, *, authorised: bool = True) -> None:
        """Plug a vehicle in."""
        self.vehicle = vehicle
        self.authorised = authorised
        self._session_over = True

    def unplug(self) -> None:
        """Unplug the vehicle."""
        self.vehicle = None

    def restart(self) -> None:
        """Power cycle: everything written is forgotten."""
        self._written.clear()

    # --- physics

    @property
    def offer_ma(self) -> int:
        """Return the current the pilot offers [mA], 0 when the station withholds it."""
        if self.has_error or not self.authorised or not self._enabled():
            return 0
        limit_ma = self._limit_ma()
        return limit_ma if limit_ma >= MINIMUM_OFFER_MA else 0

    @property
    def state(self) -> SimulatedState:
        """Return what the charging point is in."""
        if self.has_error:
            return SimulatedState.ERROR
        if self.vehicle is None:
            return SimulatedState.AVAILABLE
        if not self.authorised:
            return SimulatedState.UNAUTHORISED
        if self.offer_ma == 0:
            return SimulatedState.PAUSED
        charging = self.vehicle.wants_energy or self.vehicle.draw_ma > 0
        return SimulatedState.CHARGING if charging else SimulatedState.WAITING

    @property
    def phases_ma(self) -> tuple[float, float, float]:
        """Return the current on each terminal [mA]."""
        vehicle = self.vehicle
        if vehicle is None:
            return (0.0, 0.0, 0.0)
        used = self._phases_in_use
        draws = [vehicle.draw_ma if n < used else 0.0 for n in range(3)]
        return (draws[0], draws[1], draws[2])

    @property
    def _phases_in_use(self) -> int:
        """Return how many phases the vehicle has here; all that are wired while there is none."""
        return min(self.vehicle.phases, self.phases) if self.vehicle else self.phases

    def advance(self, now_s: float) -> None:
        """Let time pass until `now_s`."""
        if self.vehicle is None:  # nothing moves: days of an idle machine cost nothing
            self._now_s = max(self._now_s, now_s)
        while self._now_s < now_s:
            elapsed_s = min(STEP_S, now_s - self._now_s)
            self._now_s += elapsed_s
            self._advance_vehicle(elapsed_s)

    def _advance_vehicle(self, elapsed_s: float) -> None:
        vehicle = self.vehicle
        if vehicle is None:
            return
        offer_ma = self.offer_ma
        vehicle.offer(offer_ma, self._now_s)
        if offer_ma == 0 and vehicle.draw_ma > 0 and (self.has_error or not self.authorised):
            vehicle.draw_ma = 0.0  # the contactor opens
        drawn_wh = vehicle.advance(self._now_s, elapsed_s, self._phases_in_use)
        if drawn_wh > 0 and self._session_over:
            self._session_over = False
            self.session_wh = 0.0
        self.energy_wh += drawn_wh
        self.session_wh += drawn_wh

    # --- registers

    def note_request(self, now_s: float) -> None:
        """Let time pass, and feed a watchdog that listens to any request."""
        self.advance(now_s)
        watchdog = self.model.watchdog
        if watchdog and watchdog.trigger is WatchdogTrigger.ANY_REQUEST:
            self._fed_at = now_s

    def note_write(self, point: Point) -> None:
        """Feed the watchdog."""
        watchdog = self.model.watchdog
        if watchdog is None:
            return
        by_offer = watchdog.trigger is WatchdogTrigger.OFFER and point.name == self._offer_point
        if by_offer or watchdog.trigger is WatchdogTrigger.STEPS:
            self._fed_at = self._now_s

    def raw_value(self, point: Point) -> Raw | None:
        """Return what the device shows at a point now."""
        simulation = self.model.simulation
        if point.name in self._by_state:
            shown = simulation.states.get(self.state, {})
            if point.name in shown:
                return shown[point.name]
        value = self._physical(point.name)
        if value is not None:
            return unscaled(point, value)
        if point.name in self._written:
            return self._written[point.name]
        if point.name == "rfid":
            return self._card(point)
        constant = simulation.constants.get(point.name)
        if isinstance(constant, str):
            return constant
        return unscaled(point, float(constant)) if constant is not None else _nothing(point)

    def _physical(self, name: str) -> float | None:
        """Return a physical quantity in A, V, W, Wh or s; None when the name is none."""
        quantity = self._quantities.get(name)
        return None if quantity is None else quantity()

    def _last_written(self, name: str) -> float | None:
        """Return what was written to a point, in its unit; None: nothing yet."""
        raw = self._written.get(name)
        return None if raw is None else scaled(self.model.points[name], raw)

    def _all_quantities(self) -> dict[str, Callable[[], float | None]]:
        """Return how each point that shows something physical gets its value."""
        control, watchdog = self.model.control, self.model.watchdog
        found: dict[str, Callable[[], float | None]] = {
            "current_sum": lambda: sum(self.phases_ma) / 1000,
            "power": lambda: sum(self.phases_ma) / 1000 * VOLTAGE_V,
            "energy_total": lambda: self.energy_wh,
            "energy_session": lambda: self.session_wh,
            "current_offered": lambda: self._limit_ma() / 1000,
        }
        for index, phase in enumerate(("l1", "l2", "l3")):
            found[f"current_{phase}"] = partial(self._phase_a, index)
            found[f"power_{phase}"] = partial(self._phase_w, index)
            found[f"energy_total_{phase}"] = lambda: self.energy_wh / 3
            found[f"voltage_{phase}"] = lambda: VOLTAGE_V
        if control and control.read_back:
            offer, shown = (
                self.model.points[self._offer_point],
                self.model.points[control.read_back],
            )
            is_same = (offer.table, offer.address) == (shown.table, shown.address)
            found[control.read_back] = self._setpoint if is_same else self._setpoint_in_force
        for step in watchdog.arm if watchdog else ():
            if step.read_back is not None and step.read_back != step.point:
                found[step.read_back] = partial(self._last_written, step.point)
        if watchdog and watchdog.remaining_point:
            found[watchdog.remaining_point] = self._remaining_s
        return found

    def _phase_a(self, index: int) -> float:
        return self.phases_ma[index] / 1000

    def _phase_w(self, index: int) -> float:
        return self._phase_a(index) * VOLTAGE_V

    def _card(self, point: Point) -> Raw | None:
        if self.card is None:
            return None if point.is_optional and self.model.read.is_single else _nothing(point)
        return self.card if point.count <= 4 and point.type != "bytes" else f"{self.card:08X}"

    def _enabled(self) -> bool:
        simulation = self.model.simulation
        for test in simulation.enabled_if:
            raw = self._written.get(test.point, simulation.constants.get(test.point))
            if not is_met(test, raw):
                return False
        return True

    def _setpoint(self) -> float:
        """Return the setpoint in the unit of its point, A or W; after power-up all there is."""
        point = self.model.points[self._offer_point]
        raw = self._written.get(self._offer_point)
        return self._power_up() if raw is None or isinstance(raw, str) else scaled(point, raw)

    def _power_up(self) -> float:
        """Return all the hardware has, in the unit of the setpoint."""
        power_up_a = self._power_up_ma / 1000
        is_power = self.model.points[self._offer_point].unit == "W"
        return power_up_a * VOLTAGE_V * 3 if is_power else power_up_a

    def _setpoint_in_force(self) -> float:
        """Return the setpoint as far as the hardware allows it, in the unit of its point."""
        return min(self._setpoint(), self._power_up())

    def _setpoint_ma(self) -> int:
        return self._as_ma(self.model.points[self._offer_point], self._setpoint())

    def _as_ma(self, point: Point, value: float) -> int:
        """Return the current [mA] a value in the unit of a point stands for: A, or W of all phases.

        Never more than the hardware has, whatever was written.
        """
        if point.unit == "W":
            value /= VOLTAGE_V * self._phases_in_use
        return min(round(value * 1000), self._power_up_ma)

    def _limit_ma(self) -> int:
        """Return the limit in force [mA]: the setpoint, or the fallback of a hungry watchdog."""
        watchdog = self.model.watchdog
        if watchdog is None or self._remaining_s() > 0:
            return self._setpoint_ma()
        return self._fallback_ma()

    def _remaining_s(self) -> float:
        watchdog = self.model.watchdog
        if watchdog is None:
            return float("inf")
        is_settable = watchdog.timeout_point is not None
        by_offer = watchdog.trigger is WatchdogTrigger.OFFER and not is_settable
        if by_offer and self._offer_point not in self._written:
            return 0.0  # always on, and nothing valid was written yet
        timeout_s = self._timeout_s(watchdog)
        return max(0.0, self._fed_at + timeout_s - self._now_s) if timeout_s else float("inf")

    def _timeout_s(self, watchdog: Watchdog) -> float:
        """Return how long the watchdog waits: as written, else as delivered; 0: it is off."""
        name = watchdog.timeout_point
        if name is None:
            return watchdog.timeout_s
        raw = self._written.get(name)
        if raw is None:
            constant = self.model.simulation.constants.get(name, watchdog.timeout_s)
            return float(constant)
        return scaled(self.model.points[name], raw) if not isinstance(raw, str) else 0.0

    def _fallback_ma(self) -> int:
        watchdog = self.model.watchdog
        name = watchdog.fallback_point if watchdog else None
        if name is None:
            return DEFAULT_FALLBACK_MA
        point = self.model.points[name]
        raw = self._written.get(name)
        if raw is None:
            return self._as_ma(point, float(self.model.simulation.constants.get(name, 6)))
        return self._as_ma(point, scaled(point, raw))


def _nothing(point: Point) -> Raw:
    return "" if point.type in ("str", "strw", "char_lo", "char_hi", "bytes") else 0
