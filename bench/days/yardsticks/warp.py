"""WARP (Tinkerforge), dynamic load management of a charge manager, at policy level.

This part is the controller of each phase; who gets what of it is in warp_allocation.py.
Ported: from the newest values of 10 s a current is estimated: their mean, above 110 % of the limit more
and more, above 120 % wholly, the middle of mean and highest. What lies below the limit by it is added
by half to what is given away on the phase, what lies above is taken off by 15/16 (93.75 %); with nobody
on the phase all of it counts. Each 10 s that is allocated, and at once (at most each 5 s) when the newest
value is above 120 %. Of the same figure the lowest of four minutes and of an hour decide who may start.
Left out: charging modes with solar power, minimum power and tariffs, waking up full vehicles, phase
switching, chargers that do not answer; the compared days have none. The estimate is made each second
instead of each half, the lowest of an hour is kept by the second instead of by the minute.
Docs: docs/yardsticks/warp.md. Source: [warp] software/src/modules:
power_manager/power_manager.cpp (24dca67), charge_manager/current_allocator.cpp (001c4aa) and
charge_manager.cpp (00f7efa), the manufacturer's documentation, page "Chargers".
Currents are mA per phase, times s.
"""

from collections import deque
from dataclasses import dataclass, field

from bench.days.yardsticks.warp_allocation import Allocator, Limits
from bench.days.yardsticks.watching import EARLY_S, PHASES, Yardstick
from knxgw.sim.bench.scenario import Scenario
from knxgw.station.model import Effect

ESTIMATED_S = 10  # one value each second
MEAN_BELOW, MIDDLE_ABOVE = 1.1, 1.2  # of the limit
TAKEN, GIVEN = 15 / 16, 1 / 2  # of the difference
MOST_GIVEN = 1 / 2  # of the limit, at a time
SHORT_S, LONG_S = 240.0, 3600.0
RUN_S, URGENT_S = 10.0, 5.0


class Lowest:
    """The lowest value of a time that ends now."""

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._rising: deque[tuple[float, float]] = deque()  # when, value: those that may be next

    def add(self, at_s: float, value: float) -> float:
        """Take a value and return the lowest one."""
        rising = self._rising
        while rising and rising[-1][1] >= value:
            rising.pop()
        rising.append((at_s, value))
        while rising[0][0] <= at_s - self._span_s:
            rising.popleft()
        return rising[0][1]


@dataclass(slots=True)
class PhaseControl:
    """The controller of one phase."""

    limit_ma: float
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=ESTIMATED_S))
    short: Lowest = field(default_factory=lambda: Lowest(SHORT_S))
    long: Lowest = field(default_factory=lambda: Lowest(LONG_S))
    raw_ma: float = 0.0  # may be given away now
    short_ma: float = 0.0  # the lowest of four minutes
    long_ma: float = 0.0  # the lowest of an hour

    def take(self, now_s: float, measured_ma: float, given_ma: float) -> None:
        """Take what is measured, and what is given away on the phase."""
        if not self.newest:
            self.newest.extend([measured_ma] * ESTIMATED_S)
        self.newest.append(measured_ma)
        self.raw_ma = given_ma + self._change_ma(self.limit_ma - self._estimate_ma(), given_ma)
        self.short_ma = self.short.add(now_s, self.raw_ma)
        self.long_ma = self.long.add(now_s, self.raw_ma)

    @property
    def is_urgent(self) -> bool:
        """Tell whether the newest value is far above the limit."""
        return self.newest[-1] > self.limit_ma * MIDDLE_ABOVE

    def _estimate_ma(self) -> float:
        newest_ma = self.newest[-1]
        mean_ma = sum(self.newest) / len(self.newest)
        middle_ma = (max(self.newest) + mean_ma) / 2
        share = (newest_ma / self.limit_ma - MEAN_BELOW) / (MIDDLE_ABOVE - MEAN_BELOW)
        share = min(1.0, max(0.0, share))
        return mean_ma + (middle_ma - mean_ma) * share

    def _change_ma(self, below_ma: float, given_ma: float) -> float:
        if given_ma <= 0:
            return below_ma
        if below_ma < 0:
            return below_ma * TAKEN
        return min(below_ma * GIVEN, self.limit_ma * MOST_GIVEN)


class Warp(Yardstick):
    """A controller for each phase, and an allocation each 10 s."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.phases = [PhaseControl(float(self.limit_ma)) for _ in PHASES]
        self._supply_ma = float(sum(plug.model.maximum_ma for plug in self.plugs))
        self._allocator = Allocator(self.plugs)
        self._run_s = float("-inf")  # the newest one
        self._urgent_s = float("-inf")

    def look(self, now_s: float) -> tuple[Effect, ...]:
        """Follow each phase; allocate each 10 s, or when it is urgent."""
        self._allocator.follow(now_s)
        given = self._allocator.given_ma()
        for phase, control in enumerate(self.phases):
            control.take(now_s, self.measured_ma[phase], given[phase])
        urgent = any(one.is_urgent for one in self.phases)
        if urgent and now_s - self._urgent_s >= URGENT_S - EARLY_S:
            self._urgent_s = now_s
        elif now_s - self._run_s < RUN_S - EARLY_S:
            return ()
        self._run_s = now_s
        return self.offers(self._allocator.allocate(now_s, self._limits()))

    def _limits(self) -> Limits:
        """Return what may be given away; the line to the chargers carries all they can take."""
        return Limits(
            raw=[min(one.raw_ma, self._supply_ma) for one in self.phases],
            short=[one.short_ma for one in self.phases],
            long=[one.long_ma for one in self.phases],
        )
