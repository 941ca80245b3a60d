"""evcc, its load management with one circuit, at policy level.

Ported: each 30 s one charging point, in turn, is looked at; whoever has his turn wants his maximum
(mode "now"); the circuit knows one current, the highest of the three phases of its meter, and lets the
charging point have no more above what it draws (its highest phase) than is left to the limit; below
the minimum it is switched off at once. Nothing else is done between two turns, and nothing is shared:
what one has, another one can only get when it leaves or has to give way.
Left out: modes with solar power, plans, priorities, phase switching, nested circuits, limits of power;
a meter that falls silent (after 60 s the circuit counts as overloaded): the compared days have none.
Docs: docs/yardsticks/evcc.md. Source: [evcc] core/circuit/circuit.go (010cf6e),
core/loadpoint.go (003553f), core/site.go (005a186), docs/design/loadmanagement.md (75e330c), the
project's documentation, pages "Load Management" and "interval" (English, as of 2026).
Currents are mA per phase, times s.
"""

from bench.days.yardsticks.watching import EARLY_S, Plug, Yardstick
from knxgw.charging.scope import PointNumber
from knxgw.sim.bench.scenario import Scenario
from knxgw.station.model import Effect

TURN_S = 30.0


class Evcc(Yardstick):
    """One after the other, first come, first served."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._turn_s = float("-inf")
        self._turn = 0

    def look(self, now_s: float) -> tuple[Effect, ...]:
        """Let the next one have his turn."""
        if now_s - self._turn_s < TURN_S - EARLY_S:
            return ()
        self._turn_s = now_s
        plug = self.plugs[self._turn]
        self._turn = (self._turn + 1) % len(self.plugs)
        wanted: dict[PointNumber, float] = {one.number: one.offer_ma for one in self.plugs}
        return self.offers({**wanted, plug.number: self._allowed_ma(plug)})

    def _allowed_ma(self, plug: Plug) -> float:
        """Return what the circuit lets it have."""
        if not plug.is_there:
            return 0.0
        maximum_ma, draws_ma = plug.model.maximum_ma, plug.highest_ma
        left_ma = self.limit_ma - max(self.measured_ma.values())
        if max(0, maximum_ma - draws_ma) <= left_ma:
            return maximum_ma
        return max(0.0, draws_ma + left_ma)
