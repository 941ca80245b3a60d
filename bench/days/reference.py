"""The fastest reaction there is: everybody to 0 A at the first telegram above the limit.

It offers what the gateway offered on the same day until such a telegram comes, and again as soon as
the gateway's own line was within the limit; so at each overload it starts from the same line.
Source: load-management 22 (breaker stress).
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from knxgw.charging.events import GridMeterReading
from knxgw.charging.scope import PointNumber, Scope
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import Scenario
from knxgw.station.model import Effect, Event, Offer, Station


class AllOff:
    """Replays the offers of a run, and takes everybody the current while the line is above it."""

    station: Station | None = None

    def __init__(self, scenario: Scenario, recording: Recording) -> None:
        self._limit_ma = scenario.connection.limit_ma
        self._recording = recording
        self._over = [False, False, False]  # so the newest telegrams say
        self._is_off = False
        self._offers = [-1] * len(recording.points)

    def start(self, records: Mapping[Scope, Mapping[str, Any]], now_s: float) -> None:
        """Begin; nothing is stored."""

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Follow the recorded offers, or take the current."""
        if isinstance(event, GridMeterReading):
            self._over[event.phase] = event.value > self._limit_ma
            self._is_off = any(self._over) or (self._is_off and self._was_over(now_s))
        effects = []
        for index, log in enumerate(self._recording.points):
            place = max(0, bisect_right(log.offers.times, now_s) - 1)
            offer_ma = 0 if self._is_off else log.offers.values[place]
            if offer_ma != self._offers[index]:
                self._offers[index] = offer_ma
                effects.append(Offer(point=PointNumber(index + 1), offer_ma=offer_ma))
        return tuple(effects)

    def _was_over(self, now_s: float) -> bool:
        """Tell whether the gateway's own line is above the limit at this moment."""
        return any(load.at(now_s) > self._limit_ma for load in self._recording.load)
