"""A controller of the bench that only listens, for tests of what reaches a gateway."""

from collections.abc import Mapping
from typing import Any

from knxgw.charging.scope import Scope
from knxgw.sim.bench.controller import Gateway
from knxgw.station.model import Effect, Event

Heard = tuple[float, Any]  # when, what


class Listener(Gateway):
    """The gateway itself, and everything it was told."""

    heard: list[Heard]

    def start(self, records: Mapping[Scope, Mapping[str, Any]], now_s: float) -> None:
        """Begin; what was heard before is kept."""
        self.heard = getattr(self, "heard", [])
        super().start(records, now_s)

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Note an event and let the gateway take it."""
        self.heard.append((now_s, event))
        return super().tell(event, now_s)
