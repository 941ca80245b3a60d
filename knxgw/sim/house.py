"""A simulated building: what it draws beside the chargers, and its meter at the mains connection."""

from collections.abc import Iterable, Mapping

from knxgw.catalogue.device_model import DeviceModel
from knxgw.charging.scope import PointNumber
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import MeterImage, Phases

PHASES = 3
BASE_MA = 4000.0  # what the building draws on each phase until somebody says otherwise
STRAIGHT = "123"  # terminal 1 on L1, 2 on L2, 3 on L3


class House:
    """The building behind the main fuse."""

    def __init__(
        self,
        chargers: Mapping[PointNumber, SimulatedCharger],
        rotations: Mapping[PointNumber, str] | None = None,
        *,
        phases: int = PHASES,
    ) -> None:
        self.base_ma = [BASE_MA if phase < phases else 0.0 for phase in range(PHASES)]
        self._chargers = chargers
        self._rotations = rotations or {}
        self._phases = phases  # of the mains connection
        self._reversed: frozenset[int] = frozenset()  # phases (1 to 3)
        self._frozen_ma: Phases | None = None

    def set_base(self, base_ma: list[float]) -> None:
        """Let the building draw so much on L1, L2, L3 [mA]; negative is export."""
        self.base_ma[: self._phases] = base_ma[: self._phases]

    def phases_ma(self) -> Phases:
        """Return what flows at L1, L2, L3 of the mains connection [mA], building and chargers."""
        total = list(self.base_ma)
        for number, charger in self._chargers.items():
            rotation = self._rotations.get(number, STRAIGHT)
            for phase, current_ma in zip(rotation, charger.phases_ma, strict=True):
                total[int(phase) - 1] += current_ma
        return total[0], total[1], total[2]

    def reverse_meter(self, phases: Iterable[int]) -> None:
        """Turn the current transformers of some phases (1 to 3) the wrong way round."""
        self._reversed, self._frozen_ma = frozenset(phases), None

    def freeze_meter(self) -> None:
        """Let the smart meter repeat what it measures now."""
        self._frozen_ma = self.measured_ma()

    def mend_meter(self) -> None:
        """Let the smart meter measure rightly again."""
        self._reversed, self._frozen_ma = frozenset(), None

    def measured_ma(self) -> Phases:
        """Return what the smart meter makes of what flows at the mains connection [mA]."""
        if self._frozen_ma is not None:
            return self._frozen_ma
        one, two, three = (
            -current_ma if phase in self._reversed else current_ma
            for phase, current_ma in enumerate(self.phases_ma(), 1)
        )
        return one, two, three


class MainsMeter(MeterImage):
    """A smart meter on Modbus at the mains connection."""

    def __init__(
        self, model: DeviceModel, unit_id: int, house: House, address_offset: int = 0
    ) -> None:
        super().__init__(model, unit_id, address_offset)
        self._house = house

    def phases_ma(self) -> Phases:
        """Return what it measures at the mains connection."""
        return self._house.measured_ma()

    def energy_wh(self) -> float:
        """Return what has flowed so far; nobody counts it here."""
        return 0.0
