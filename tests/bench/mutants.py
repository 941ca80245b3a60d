"""Gateways with one rule broken: a figure that none of them moves measures nothing."""

from typing import ClassVar

from knxgw.charging.events import ChargerSeen
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import PointNumber
from knxgw.config.devices import DeviceId, charger_id
from knxgw.sim.bench.controller import Gateway
from knxgw.sim.bench.scenario import Scenario
from knxgw.station.model import Effect, Event, Offer, Publish, SessionClosed, Tick


class WithoutPeakHold(Gateway):
    """Raises by the base load of the moment: nothing of what it was before is remembered."""

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Forget the peaks before each step."""
        load_management = self.station.load_management if self.station is not None else None
        for phase in load_management.phases if load_management is not None else ():
            phase.history = ()
        return super().tell(event, now_s)


class StartsInEmergency(Gateway):
    """Gives whoever waits its minimum when the meter is lost, instead of leaving it at 0 A."""

    minimum_ma: ClassVar[int] = 6000

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._connected: set[DeviceId] = set()
        self._offers: dict[PointNumber, int] = {}
        self._started: set[PointNumber] = set()

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Let the gateway decide, and give those that wait their minimum while the meter is lost."""
        if isinstance(event, ChargerSeen):
            change = (
                self._connected.add if event.values[Quantity.CONNECTED] else self._connected.discard
            )
            change(event.device)
        effects = super().tell(event, now_s)
        for one in effects:
            if isinstance(one, Offer):
                self._offers[one.point] = one.offer_ma
        waiting = {
            p for p, ma in self._offers.items() if ma == 0 and charger_id(p) in self._connected
        }
        lost = (
            self.station is not None
            and self.station.load_management is not None
            and self.station.load_management.is_emergency
        )
        started = waiting if lost else set()
        kept = [one for one in effects if not (isinstance(one, Offer) and one.point in started)]
        kept += [Offer(point=point, offer_ma=self.minimum_ma) for point in started - self._started]
        kept += [Offer(point=point, offer_ma=0) for point in self._started & waiting - started]
        self._started = started
        return tuple(kept)


class SaysLate(Gateway):
    """Says what it offers only with the next second."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._unsaid: list[Effect] = []

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Keep what is to be said until the next tick."""
        effects = super().tell(event, now_s)
        said = self._unsaid if isinstance(event, Tick) else []
        self._unsaid = [] if isinstance(event, Tick) else self._unsaid
        self._unsaid += [one for one in effects if isinstance(one, Publish)]
        return (*(one for one in effects if not isinstance(one, Publish)), *said)


class SaysNothing(Gateway):
    """Never says what it offers, and records no session."""

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Leave out what it should say."""
        effects = super().tell(event, now_s)
        return tuple(one for one in effects if not isinstance(one, Publish | SessionClosed))
