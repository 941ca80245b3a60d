"""Simulated electricity meters: what flows somewhere, as the registers of a meter show it."""

from abc import abstractmethod
from collections.abc import Mapping

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.points import Point
from knxgw.modbus.codec import Raw
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.registers import RegisterImage
from knxgw.sim.vehicle import VOLTAGE_V

Phases = tuple[float, float, float]


class MeterImage(RegisterImage):
    """A meter of any model; subclasses say what flows through it."""

    @abstractmethod
    def phases_ma(self) -> Phases:
        """Return what flows on (L1, L2, L3) [mA]."""

    @abstractmethod
    def energy_wh(self) -> float:
        """Return what has flowed so far [Wh]."""

    def raw_value(self, point: Point) -> Raw | None:
        """Return what the meter shows at a point now."""
        values = _measured(self.phases_ma(), self.energy_wh())
        shared = _shared_out(self.model, values)
        constant = self.model.simulation.constants.get(point.name, 0)
        if isinstance(constant, str):
            return constant
        value = shared.get(point.name, values.get(point.name))
        return self.raw_of(point, float(constant) if value is None else value)


class SimulatedMeter(MeterImage):
    """Meter behind a simulated charging point."""

    def __init__(
        self, model: DeviceModel, unit_id: int, charger: SimulatedCharger, address_offset: int = 0
    ) -> None:
        super().__init__(model, unit_id, address_offset)
        self._charger = charger

    def note_request(self, now_s: float) -> None:
        """Let time pass."""
        self._charger.advance(now_s)

    def phases_ma(self) -> Phases:
        """Return what the charging point draws."""
        return self._charger.phases_ma

    def energy_wh(self) -> float:
        """Return what the charging point has drawn in its life."""
        return self._charger.energy_wh


class CircuitMeter(MeterImage):
    """Meter of a circuit that draws what it is told to."""

    def __init__(self, model: DeviceModel, unit_id: int, address_offset: int = 0) -> None:
        super().__init__(model, unit_id, address_offset)
        self.drawn_ma: Phases = (0.0, 0.0, 0.0)

    def phases_ma(self) -> Phases:
        """Return what the circuit draws."""
        return self.drawn_ma

    def energy_wh(self) -> float:
        """Return what has flowed so far; nobody counts it here."""
        return 0.0


def _measured(phases_ma: Phases, energy_wh: float) -> dict[str, float]:
    """Return values by the names of points, in A, V, W and Wh."""
    phases_a = [current / 1000 for current in phases_ma]
    values = {"power": sum(phases_a) * VOLTAGE_V, "energy_total": energy_wh}
    for index, phase in enumerate(("l1", "l2", "l3")):
        values[f"current_{phase}"] = phases_a[index]
        values[f"power_{phase}"] = phases_a[index] * VOLTAGE_V
        values[f"energy_total_{phase}"] = energy_wh / 3
        values[f"voltage_{phase}"] = VOLTAGE_V
    return values


def _shared_out(model: DeviceModel, values: Mapping[str, float]) -> dict[str, float]:
    """Return the parts of computed values: those that are added share what is positive."""
    parts: dict[str, float] = {}
    for one in model.computed.values():
        value = values.get(one.name, 0.0)
        for names, share in ((one.plus, max(value, 0.0)), (one.minus, max(-value, 0.0))):
            parts.update((name, share / len(names)) for name in names)
    return parts
