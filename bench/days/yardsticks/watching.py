"""What every yardstick has in common: it sees what the gateway sees, and offers what it has decided.

The same meter telegrams, the same readings of the chargers, each at the same moment, and the same
ticks of a second. Currents are mA per phase, times s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knxgw.charging.events import ChargerSeen, GridMeterReading
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity
from knxgw.charging.scope import PointNumber, Scope
from knxgw.config.devices import charger_id
from knxgw.sim.bench.scenario import PointModel, Scenario
from knxgw.station.model import Effect, Event, Offer, Station, Tick

PHASES = (0, 1, 2)
EARLY_S = 1e-6  # a tick may come so much before the moment it stands for


@dataclass(slots=True)
class Plug:
    """One charging point as a yardstick sees it."""

    model: PointModel
    number: PointNumber
    came: int | None = None  # in which place; None: no vehicle
    came_s: float = 0.0
    draws_ma: tuple[int, int, int] = (0, 0, 0)  # on the grid phases
    offer_ma: int = 0

    @property
    def is_there(self) -> bool:
        """Tell whether a vehicle is plugged in."""
        return self.came is not None

    @property
    def highest_ma(self) -> int:
        """Return the highest of its currents."""
        return max(self.draws_ma)


class Yardstick:
    """Somebody else who decides; what it does when is up to `moved` and `look`."""

    station: Station | None = None

    def __init__(self, scenario: Scenario) -> None:
        self.limit_ma = scenario.connection.limit_ma
        self.plugs = [
            Plug(model, PointNumber(number)) for number, model in enumerate(scenario.points, 1)
        ]
        self._plug_of = {charger_id(plug.number): plug for plug in self.plugs}
        self.measured_ma: dict[int, float] = {}  # the newest telegram of each phase
        self._came = 0

    def start(self, records: Mapping[Scope, Mapping[str, Any]], now_s: float) -> None:
        """Begin; nothing is stored."""

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Note what is told, and decide when it is time."""
        match event:
            case ChargerSeen():
                return self.moved(now_s) if self._see(event, now_s) else ()
            case GridMeterReading(phase=phase, value=value):
                self.measured_ma[phase] = value
                return ()
            case Tick() if len(self.measured_ma) == len(PHASES):
                return self.look(now_s)
            case _:
                return ()

    def moved(self, now_s: float) -> tuple[Effect, ...]:
        """Decide, or not, when a vehicle came or left."""
        del now_s
        return ()

    def look(self, now_s: float) -> tuple[Effect, ...]:
        """Decide, or not, at a tick; every phase has been measured."""
        del now_s
        return ()

    def _see(self, seen: ChargerSeen, now_s: float) -> bool:
        """Take what a charger reports; tell whether a vehicle came or left."""
        plug = self._plug_of[seen.device]
        draws = [0, 0, 0]
        for phase, quantity in zip(plug.model.wired, PHASE_CURRENTS, strict=False):
            value = seen.values.get(quantity, 0)
            draws[phase] = value if isinstance(value, int) else 0
        plug.draws_ma = (draws[0], draws[1], draws[2])
        is_there = bool(seen.values[Quantity.CONNECTED])
        if is_there == plug.is_there:
            return False
        self._came += 1
        plug.came, plug.came_s = (self._came if is_there else None), now_s
        return True

    @property
    def room_ma(self) -> list[float]:
        """Return what the building leaves on each phase, as far as the newest values tell."""
        return [
            self.limit_ma - self.measured_ma[phase] + sum(one.draws_ma[phase] for one in self.plugs)
            for phase in PHASES
        ]

    def offers(self, wanted_ma: Mapping[PointNumber, float]) -> tuple[Effect, ...]:
        """Return what changes when everybody has what is wanted, and who is not named nothing.

        It is rounded down to what the charger can be told; less than its minimum is nothing.
        """
        effects: list[Effect] = []
        for plug in self.plugs:
            step_ma = plug.model.resolution_ma
            offer_ma = int(wanted_ma.get(plug.number, 0.0) + 1e-6) // step_ma * step_ma
            offer_ma = 0 if offer_ma < plug.model.minimum_ma else offer_ma
            if offer_ma != plug.offer_ma:
                plug.offer_ma = offer_ma
                effects.append(Offer(point=plug.number, offer_ma=offer_ma))
        return tuple(effects)
