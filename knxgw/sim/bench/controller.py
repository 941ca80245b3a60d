"""Who decides in a run of the bench: the gateway itself, or something it is compared with.

Times are seconds of the scenario; the gateway's own monotonic time begins at `EPOCH_S`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from knxgw.charging.scope import Scope
from knxgw.sim.bench.scenario import Scenario
from knxgw.sim.bench.site import configuration_of, settings_of
from knxgw.station.initial import initial
from knxgw.station.model import Effect, Event, Station
from knxgw.station.step import step

EPOCH_S = 4096.0  # monotonic time of the station at 0 s of the scenario
NOON = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)  # wall-clock time of the same moment


class Controller(Protocol):
    """Takes what happens, and says what chargers are to offer; it keeps no other time."""

    @property
    def station(self) -> Station | None:
        """Return the gateway's station, None for anything else."""

    def start(self, records: Mapping[Scope, Mapping[str, Any]], now_s: float) -> None:
        """Begin, or begin again after a power cut, with what was stored."""

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Take an event and return what is to be done."""


class Gateway:
    """The gateway's own rules."""

    def __init__(self, scenario: Scenario) -> None:
        self.station: Station | None = None
        self.clock_s = 0.0  # by so much the wall clock was set, all in all
        self.configure(scenario)

    def configure(self, scenario: Scenario) -> None:
        """Read the configuration: it holds from the next start on. Raises: ConfigError."""
        self.configuration = configuration_of(scenario)
        self.settings = settings_of(scenario, self.configuration)

    def now(self, now_s: float) -> datetime:
        """Return the wall-clock time of the machine."""
        return NOON + timedelta(seconds=now_s + self.clock_s)

    def start(self, records: Mapping[Scope, Mapping[str, Any]], now_s: float) -> None:
        """Begin with the station as it was stored."""
        at_s, now = now_s + EPOCH_S, self.now(now_s)
        self.station = initial(self.configuration, records, at_s, now, self.settings)

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Let the station take one step."""
        if self.station is None:
            return ()
        self.station, effects = step(self.station, event, now_s + EPOCH_S)
        return effects
