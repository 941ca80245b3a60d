"""What the gateway is compared with: two simple ways to share a line, on the same plant.

*Static share.* Nobody looks at a meter. What the building may take at worst is never given away; of
the rest every charging point has an equal share. Where that share is below a minimum, as many as fit
at the minimum may charge: who came first, until it leaves.
*First come, first served.* A loop looks each 30 s at the newest meter values and at what the chargers
draw, gives those who came first their minimum as far as it fits, then fills up in the same order. It
does not learn which phases a vehicle uses, and between two looks it does nothing.
Currents are mA per phase, times s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knxgw.charging.events import ChargerSeen
from knxgw.charging.words import PHASE_CURRENTS, PointNumber, Quantity
from knxgw.sim.bench.building import HIGHEST_MA
from knxgw.sim.bench.scenario import PointModel, Scenario
from knxgw.station.model import Effect, Event, Offer, SmartMeterTelegram, Station, Tick

LOOP_S = 30.0
EARLY_S = 1e-6


@dataclass(slots=True)
class Plug:
    """One charging point as a simple controller sees it."""

    model: PointModel
    number: PointNumber
    came: int | None = None  # in which place; None: no vehicle
    draws_ma: tuple[int, int, int] = (0, 0, 0)  # on the grid phases
    offer_ma: int = 0


class _Simple:
    """What both have in common: they see chargers, and offer what they have decided."""

    station: Station | None = None

    def __init__(self, scenario: Scenario) -> None:
        self.limit_ma = scenario.connection.limit_ma
        self.plugs = [
            Plug(model, PointNumber(number)) for number, model in enumerate(scenario.points, 1)
        ]
        self._came = 0

    def start(self, records: Mapping[PointNumber, Mapping[str, Any]], now_s: float) -> None:
        """Begin; nothing is stored."""

    def see(self, seen: ChargerSeen) -> bool:
        """Take what a charger reports; tell whether a vehicle came or left."""
        plug = self.plugs[seen.point - 1]
        draws = [0, 0, 0]
        for phase, quantity in zip(plug.model.wired, PHASE_CURRENTS, strict=False):
            value = seen.values.get(quantity, 0)
            draws[phase] = value if isinstance(value, int) else 0
        plug.draws_ma = (draws[0], draws[1], draws[2])
        is_there = bool(seen.values[Quantity.CONNECTED])
        if is_there == (plug.came is not None):
            return False
        self._came += 1
        plug.came = self._came if is_there else None
        return True

    @property
    def queue(self) -> list[Plug]:
        """Return those with a vehicle, who came first first."""
        there = [(plug.came, plug) for plug in self.plugs if plug.came is not None]
        return [plug for _, plug in sorted(there, key=lambda one: one[0])]

    def admitted(self, room_ma: list[int]) -> list[Plug]:
        """Return those whose minimum fits, who came first first; their minima leave the room."""
        found = []
        for plug in self.queue:
            need_ma = plug.model.minimum_ma
            if all(room_ma[phase] >= need_ma for phase in plug.model.wired):
                found.append(plug)
                for phase in plug.model.wired:
                    room_ma[phase] -= need_ma
        return found

    def offers(self, wanted_ma: Mapping[PointNumber, int]) -> tuple[Effect, ...]:
        """Return what changes when everybody has what is wanted, and who is not named nothing."""
        effects = []
        for plug in self.plugs:
            offer_ma = wanted_ma.get(plug.number, 0)
            if offer_ma != plug.offer_ma:
                plug.offer_ma = offer_ma
                effects.append(Offer(point=plug.number, offer_ma=offer_ma))
        return tuple(effects)


class StaticShare(_Simple):
    """Equal fixed shares of what the building leaves at its worst."""

    def __init__(self, scenario: Scenario, *, building_ma: int = HIGHEST_MA) -> None:
        super().__init__(scenario)
        self.rest_ma = max(0, self.limit_ma - building_ma)

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Decide when a vehicle comes or leaves."""
        del now_s
        if not isinstance(event, ChargerSeen) or not self.see(event):
            return ()
        share_ma = self.rest_ma // len(self.plugs)
        admitted = self.admitted([self.rest_ma] * 3)
        return self.offers(
            {
                plug.number: min(plug.model.maximum_ma, max(plug.model.minimum_ma, share_ma))
                for plug in admitted
            }
        )


class FirstCome(_Simple):
    """A loop of 30 s that serves who came first."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._measured_ma: dict[int, float] = {}
        self._looked_s = -LOOP_S

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Note what is told; decide each 30 s."""
        match event:
            case ChargerSeen():
                self.see(event)
            case SmartMeterTelegram(phase=phase, value=value):
                self._measured_ma[phase] = value
            case Tick() if now_s - self._looked_s >= LOOP_S - EARLY_S:
                self._looked_s = now_s
                return self.offers(self._shares())
            case _:
                pass
        return ()

    def _shares(self) -> dict[PointNumber, int]:
        """Return what everybody gets: minima first, then all one can take, in order of coming."""
        if len(self._measured_ma) < 3:
            return {}
        room = [
            round(
                self.limit_ma
                - self._measured_ma[phase]
                + sum(plug.draws_ma[phase] for plug in self.plugs)
            )
            for phase in range(3)
        ]
        shares: dict[PointNumber, int] = {}
        for plug in (served := self.admitted(room)):
            shares[plug.number] = plug.model.minimum_ma
        for plug in served:
            more_ma = min(
                plug.model.maximum_ma - plug.model.minimum_ma,
                *(room[phase] for phase in plug.model.wired),
            )
            more_ma = more_ma // plug.model.resolution_ma * plug.model.resolution_ma
            shares[plug.number] += more_ma
            for phase in plug.model.wired:
                room[phase] -= more_ma
        return shares
