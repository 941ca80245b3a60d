"""A simulated building: what it draws beside the chargers, and its meter at the mains connection."""

from collections.abc import Mapping

from knxgw.catalogue.model import DeviceModel
from knxgw.charging.words import PointNumber
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import MeterImage, Phases


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


class MainsMeter(MeterImage):
    """A smart meter on Modbus at the mains connection."""

    def __init__(
        self, model: DeviceModel, unit_id: int, house: House, address_offset: int = 0
    ) -> None:
        super().__init__(model, unit_id, address_offset)
        self._house = house

    def phases_ma(self) -> Phases:
        """Return what flows at the mains connection."""
        return self._house.phases_ma()

    def energy_wh(self) -> float:
        """Return what has flowed so far; nobody counts it here."""
        return 0.0
