"""Simple ways to share a line: the lower bound of what the gateway is compared with.

*Static share.* Nobody looks at a meter. What the building may take at worst is never given away; of
the rest every charging point has an equal share. Where that share is below a minimum, as many as fit
at the minimum may charge: who came first, until it leaves.
*First come, first served.* A loop looks each 30 s at the newest meter values and at what the chargers
draw, gives those who came first their minimum as far as it fits, then fills up in the same order. It
does not learn which phases a vehicle uses, and between two looks it does nothing.
Currents are mA per phase, times s.
"""

from bench.days.building import HIGHEST_MA
from bench.days.yardsticks.watching import EARLY_S, PHASES, Plug, Yardstick
from knxgw.charging.scope import PointNumber
from knxgw.sim.bench.scenario import Scenario
from knxgw.station.model import Effect

LOOP_S = 30.0


class _InOrder(Yardstick):
    """Who came first has the first right to a minimum."""

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


class StaticShare(_InOrder):
    """Equal fixed shares of what the building leaves at its worst."""

    def __init__(self, scenario: Scenario, *, building_ma: int = HIGHEST_MA) -> None:
        super().__init__(scenario)
        self.rest_ma = max(0, self.limit_ma - building_ma)

    def moved(self, now_s: float) -> tuple[Effect, ...]:
        """Decide when a vehicle comes or leaves."""
        del now_s
        share_ma = self.rest_ma // len(self.plugs)
        admitted = self.admitted([self.rest_ma] * len(PHASES))
        return self.offers(
            {
                plug.number: min(plug.model.maximum_ma, max(plug.model.minimum_ma, share_ma))
                for plug in admitted
            }
        )


class FirstCome(_InOrder):
    """A loop of 30 s that serves who came first."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._looked_s = -LOOP_S

    def look(self, now_s: float) -> tuple[Effect, ...]:
        """Decide each 30 s."""
        if now_s - self._looked_s < LOOP_S - EARLY_S:
            return ()
        self._looked_s = now_s
        return self.offers(self._shares())

    def _shares(self) -> dict[PointNumber, int]:
        """Return what everybody gets: minima first, then all one can take, in order of coming."""
        room = [round(room_ma) for room_ma in self.room_ma]
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
