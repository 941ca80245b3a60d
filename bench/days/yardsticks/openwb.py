"""openWB (software 2), its load management in mode "Sofortladen", at policy level.

Ported: a loop each 10 s on the newest values. What the counter of the line leaves, the charging points'
own measured currents added back, is given away per phase, from the start each time: first a minimum to
each, one charging point after the other, and nothing to whom it does not fit; then, to those that
charge already, the rest in even shares of each phase, where what one cannot use is left to the next.
A vehicle that starts has its minimum until it draws. A charging point counts on the phases on which it
draws more than 3 A, and on all it is wired to while it does not charge. Who draws more than 1 A below
its setpoint for a minute counts with what it draws. No pause, no hysteresis, no rotation.
Left out: modes with solar power, batteries, phase switching, nested counters, total power, imbalance;
the power for a counter that fails (after 60 s): the compared days have none.
Docs: docs/yardsticks/openwb.md. Source: [openwb] packages/main.py (00c75f1),
packages/control/counter.py and loadmanagement.py (02820e3), packages/control/algorithm: common.py,
additional_current.py, min_current.py, filter_chargepoints.py and surplus_controlled.py as of 2026,
algorithm.py (08c44fb), packages/control/chargepoint/chargepoint.py (003ccf5), the openWB wiki, page
"Lastmanagement".
Currents are mA per phase, times s.
"""

from dataclasses import dataclass

from bench.days.yardsticks.watching import EARLY_S, PHASES, Plug, Yardstick
from knxgw.charging.scope import PointNumber
from knxgw.sim.bench.scenario import Scenario
from knxgw.station.model import Effect

LOOP_S = 10.0
PHASE_IN_USE_MA, DRAWN_MA = 3000, 500
BELOW_MA, BELOW_S = (
    1000,
    60.0,
)  # so much below its setpoint for so long: it counts with what it draws
STEP_MA = 10  # two digits of an ampere


@dataclass(slots=True)
class _Load:
    """A charging point in the loop."""

    plug: Plug
    below_since_s: float | None = None

    @property
    def phases(self) -> tuple[int, ...]:
        """Return the grid phases it counts on."""
        used = tuple(phase for phase in PHASES if self.plug.draws_ma[phase] > PHASE_IN_USE_MA)
        return used or self.plug.model.wired

    @property
    def charges(self) -> bool:
        """Tell whether it draws current."""
        return self.plug.highest_ma > 0

    @property
    def most_more_ma(self) -> int:
        """Return what it could have beyond its minimum; what the vehicle can use is not known."""
        return self.plug.model.maximum_ma - self.plug.model.minimum_ma

    def compare(self, now_s: float) -> None:
        """Note since when it draws clearly less than it may."""
        if self.plug.offer_ma - BELOW_MA <= self.plug.highest_ma:
            self.below_since_s = None
        elif self.below_since_s is None:
            self.below_since_s = now_s

    def counted_ma(self, current_ma: float, now_s: float) -> float:
        """Return with what it counts when it is given a current."""
        drawn = [draw_ma for draw_ma in self.plug.draws_ma if draw_ma >= DRAWN_MA]
        mean_ma = sum(drawn) / len(drawn) if drawn else 0.0
        since_s = self.below_since_s
        is_old = since_s is not None and now_s - since_s >= BELOW_S - EARLY_S
        return mean_ma if is_old and current_ma - BELOW_MA > mean_ma else current_ma


class OpenWb(Yardstick):
    """Minima first, then even shares of each phase, all of it from the start each 10 s."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._loads = [_Load(plug) for plug in self.plugs]
        self._looked_s = float("-inf")

    def look(self, now_s: float) -> tuple[Effect, ...]:
        """Decide each 10 s."""
        if now_s - self._looked_s < LOOP_S - EARLY_S:
            return ()
        self._looked_s = now_s
        left = [max(0.0, room_ma) for room_ma in self.room_ma]
        for load in self._loads:
            load.compare(now_s)
        served = self._minima(left)
        currents = {load.plug.number: float(load.plug.model.minimum_ma) for load in served}
        currents |= self._shares([load for load in served if load.charges], left, now_s)
        return self.offers(
            {number: round(ma / STEP_MA) * STEP_MA for number, ma in currents.items()}
        )

    def _minima(self, left: list[float]) -> list[_Load]:
        """Return whose minimum fits, in the order of their numbers; the minima leave the rest."""
        served = []
        for load in self._loads:
            minimum_ma = load.plug.model.minimum_ma
            if load.plug.is_there and all(left[phase] >= minimum_ma for phase in load.phases):
                served.append(load)
                for phase in load.phases:
                    left[phase] -= minimum_ma
        return served

    def _shares(
        self, loads: list[_Load], left: list[float], now_s: float
    ) -> dict[PointNumber, float]:
        """Return what those that charge get, in the order of their numbers."""
        currents = {}
        for index, load in enumerate(loads):
            minimum_ma = load.plug.model.minimum_ma
            more_ma = float(load.most_more_ma)
            for phase in load.phases:
                wanting = [one for one in loads[index:] if phase in one.phases]
                if left[phase] < sum(one.most_more_ma for one in wanting):
                    more_ma = min(more_ma, max(0.0, left[phase]) / len(wanting))
            currents[load.plug.number] = minimum_ma + more_ma
            taken_ma = load.counted_ma(minimum_ma + more_ma, now_s) - minimum_ma
            for phase in load.phases:
                left[phase] -= max(0.0, taken_ma)
        return currents
