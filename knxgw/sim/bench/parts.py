"""What the sides of a run share: the time, the plant, what is recorded, and who is told."""

from dataclasses import dataclass
from typing import Protocol

from knxgw.sim.bench.agenda import Agenda
from knxgw.sim.bench.invariants import Watch
from knxgw.sim.bench.plant import Plant
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import Scenario
from knxgw.station.model import Event


class Listener(Protocol):
    """Who is told what happens: the gateway, as long as it has power."""

    is_up: bool

    def tell(self, event: Event) -> None:
        """Take an event, and carry out what follows from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one run."""

    scenario: Scenario
    agenda: Agenda
    plant: Plant
    recording: Recording
    watch: Watch
    gateway: Listener
