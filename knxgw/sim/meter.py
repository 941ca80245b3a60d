"""A simulated electricity meter that shows what a charging point draws."""

from knxgw.catalogue.model import DeviceModel, Point
from knxgw.modbus.codec import Raw, unscaled
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.registers import RegisterImage
from knxgw.sim.vehicle import VOLTAGE_V


class SimulatedMeter(RegisterImage):
    """Meter behind a simulated charging point."""

    def __init__(self, model: DeviceModel, unit_id: int, charger: SimulatedCharger) -> None:
        super().__init__(model, unit_id)
        self._charger = charger

    def note_request(self, now_s: float) -> None:
        """Let time pass."""
        self._charger.advance(now_s)

    def raw_value(self, point: Point) -> Raw | None:
        """Return what the meter shows at a point now."""
        phases_a = [current / 1000 for current in self._charger.phases_ma]
        values = {"power": sum(phases_a) * VOLTAGE_V, "energy_total": self._charger.energy_wh}
        for index, phase in enumerate(("l1", "l2", "l3")):
            values[f"current_{phase}"] = phases_a[index]
            values[f"power_{phase}"] = phases_a[index] * VOLTAGE_V
            values[f"energy_total_{phase}"] = self._charger.energy_wh / 3
            values[f"voltage_{phase}"] = VOLTAGE_V
        return unscaled(point, values.get(point.name, 0.0))
