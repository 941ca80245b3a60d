"""Decides by a list of times: for figures that are known by hand."""

from collections.abc import Mapping
from typing import Any

from knxgw.charging.scope import PointNumber, Scope
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import Scenario
from knxgw.station.model import Effect, Event, Offer, Station

Script = Mapping[float, Mapping[int, float]]  # when, charging point, offer [A]


class Scripted:
    """Offers what is written down for a second of the scenario."""

    station: Station | None = None

    def __init__(self, script: Script) -> None:
        self._next = sorted(script.items())

    def start(self, records: Mapping[Scope, Mapping[str, Any]], now_s: float) -> None:
        """Begin; nothing is stored."""

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Do what is due."""
        del event
        effects: list[Effect] = []
        while self._next and self._next[0][0] <= now_s:
            _, offers = self._next.pop(0)
            effects += [
                Offer(point=PointNumber(point), offer_ma=round(offer_a * 1000))
                for point, offer_a in offers.items()
            ]
        return tuple(effects)


def run(text: str, script: Script) -> tuple[Scenario, Recording]:
    """Run a scenario file with a script."""
    scenario = parse_scenario(text)
    return scenario, Run(scenario, controller=Scripted(script)).run()
