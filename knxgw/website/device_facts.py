"""What the website knows of the device itself: facts, no words."""

from dataclasses import dataclass, field
from datetime import datetime

from knxgw.device.panel import Led, Meaning
from knxgw.errors import Finding
from knxgw.knx.flow_counts import FlowCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelFacts:
    """The three LEDs as patterns."""

    programming: Led = Led.OFF
    app: Led = Led.OFF
    com: Led = Led.OFF
    meaning: Meaning = Meaning.STARTING

    @property
    def is_programming(self) -> bool:
        """Tell whether the device is in programming mode."""
        return self.programming is Led.ON


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterFacts:
    """How a network adapter of the machine is connected."""

    name: str  # eth0
    is_up: bool  # a cable, and somebody at its other end
    mbit_s: int | None = None  # None: the system does not say, as of a wireless one


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """The device: what its sticker, its clock, its network and its KNX link say."""

    version: str = ""
    serial: str | None = None
    started_at: datetime | None = None  # aware UTC; None: the time was not valid
    up_s: float = 0.0
    start_cause: str = "unknown"  # why it started, a `StartCause`
    knx_link: str | None = None  # as the configuration names it; None: not configured
    individual_address: str | None = None
    is_secure: bool = False
    knx_up_s: float | None = None  # how long it has been connected; None: it is not
    flow: FlowCounts = field(default_factory=FlowCounts)  # KNX telegrams that came or went too fast
    addresses: tuple[str, ...] = ()  # of the machine, at which the website answers
    macs: tuple[str, ...] = ()  # of its network adapters
    adapters: tuple[AdapterFacts, ...] = ()  # those with such an address
    serial_line: str | None = None  # RS485, with its settings; None: none is configured
    configuration_source: str | None = None  # a `ConfigurationSource`; None: not configured
    is_being_loaded: bool = False  # by ETS: nothing is controlled
    cannot_run: bool = False  # with what ETS has loaded: neither is anything
    clock_source: str | None = None  # ntp, knx, system; None: the clock is not set
    panel: PanelFacts = field(default_factory=PanelFacts)
    warnings: tuple[Finding, ...] = ()  # what `check` says of the running configuration
    stuck_s: float = 0.0  # how long nothing has been done but pages

    @property
    def is_held_by_ets(self) -> bool:
        """Tell whether nothing is controlled because of what ETS does, or has done."""
        return self.is_being_loaded or self.cannot_run
