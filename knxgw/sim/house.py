"""A simulated building: what it draws beside the chargers, and its meter at the mains connection."""

from collections.abc import Mapping

from knxgw.catalogue.model import DeviceModel, Point
from knxgw.charging.words import PointNumber
from knxgw.modbus.codec import Raw, unscaled
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.registers import RegisterImage
from knxgw.sim.vehicle import VOLTAGE_V


class House:
    """The building behind the main fuse; rotations of charging points are not simulated here."""

    def __init__(self, chargers: Mapping[PointNumber, SimulatedCharger]) -> None:
        self.base_ma = [4000.0, 4000.0, 4000.0]  # what anybody may change
        self._chargers = chargers

    def phases_ma(self) -> tuple[float, float, float]:
        """Return what flows at the mains connection [mA], building and chargers."""
        drawn = [charger.phases_ma for charger in self._chargers.values()]
        total = [base + sum(one[i] for one in drawn) for i, base in enumerate(self.base_ma)]
        return total[0], total[1], total[2]


class MainsMeter(RegisterImage):
    """A smart meter on Modbus at the mains connection."""

    def __init__(self, model: DeviceModel, unit_id: int, house: House) -> None:
        super().__init__(model, unit_id)
        self._house = house

    def raw_value(self, point: Point) -> Raw | None:
        """Return what the meter shows at a point now."""
        phases_a = [current / 1000 for current in self._house.phases_ma()]
        values = {"power": sum(phases_a) * VOLTAGE_V}
        for index, phase in enumerate(("l1", "l2", "l3")):
            values[f"current_{phase}"] = phases_a[index]
            values[f"power_{phase}"] = phases_a[index] * VOLTAGE_V
            values[f"voltage_{phase}"] = VOLTAGE_V
        return unscaled(point, values.get(point.name, 0.0))
