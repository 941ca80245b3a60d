"""What pages may ask of the gateway: plain callables, safe from any thread."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from knxgw.links.discovery.introduction import Introduction
from knxgw.monitoring.log_ring import LogRecorder
from knxgw.station.actions import Action
from knxgw.station.view import SiteView
from knxgw.store.history import History
from knxgw.website.access.accounts import Accounts
from knxgw.website.commissioning import Commissioning, Surroundings
from knxgw.website.configuring import Configuring
from knxgw.website.device_facts import DeviceFacts
from knxgw.website.firmware import FirmwareControl
from knxgw.website.host_settings import HostSettings
from knxgw.website.knx_facts import KnxDeviceFacts
from knxgw.website.recordings import (
    Objects,
    ReadPlot,
    Requests,
    SelfTest,
    Telegrams,
    no_objects,
    no_plot,
    no_requests,
    no_telegrams,
)
from knxgw.website.trials import Trials
from knxgw.website.unapplied import Unapplied

if TYPE_CHECKING:
    from knxgw.website.certificate import Certificate
    from knxgw.website.encryption import Encryption


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceControl:
    """What a page may have done to the device itself; each returns at once."""

    can_restart: bool = False  # something starts the program again when it ends
    restart: Callable[[], None] = lambda: None
    reset: Callable[[], None] = lambda: None  # to the factory settings; it restarts then
    reset_port: int | None = None  # of the website after a reset; None: not known
    set_programming: Callable[[bool], None] = lambda _is_on: None
    set_logging: Callable[[bool], None] = lambda _is_extended: None  # extended, or simple
    configuring: Configuring = field(default_factory=Configuring)  # what pages may ask about it
    surroundings: Surroundings = field(default_factory=Surroundings)  # where the set-up looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where the website is reached, by which way, and what it says of itself to anybody."""

    host_names: Callable[[], frozenset[str]] = frozenset  # of this device, lower case
    introduction: Callable[[], Introduction | None] = lambda: None  # to strangers; None: none
    trusted_proxy: Callable[[], str | None] = lambda: None  # its address
    certificate: "Callable[[], Certificate | None]" = lambda: None  # None: it is not encrypted
    redirects: Callable[[], bool] = lambda: True  # plain http to https, where it is encrypted
    encryption: "Encryption | None" = None  # what pages may do about it; None: of a test
    cookie: str = "knxgw"  # name of the session cookie
    identity: Mapping[str, str] = field(default_factory=dict)  # headers of `/health`


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """What a technician looks at, and may try out at the running device."""

    plot: ReadPlot = no_plot
    telegrams: Telegrams = field(default_factory=no_telegrams)
    requests: Requests = field(default_factory=no_requests)
    objects: Objects = field(default_factory=no_objects)
    logs: LogRecorder = field(default_factory=LogRecorder)
    self_test: SelfTest = field(default_factory=SelfTest)
    history: History | None = None  # None: of a test
    knx_device: Callable[[], KnxDeviceFacts] = KnxDeviceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The way to another configuration; `DeviceControl.configuring` lets it hold."""

    unapplied: Unapplied = field(default_factory=Unapplied)  # what accounts have begun
    commissioning: Commissioning = field(default_factory=Commissioning)
    trials: Trials = field(default_factory=Trials)
    configuration: Callable[[], str] = str  # the text of the file; it may name secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineControl:
    """The machine on which the program runs: what is installed there, its network and time, its button."""

    firmware: FirmwareControl = field(default_factory=FirmwareControl)
    host: HostSettings = field(default_factory=HostSettings)  # network and time
    has_button: Callable[[], bool] = lambda: False  # a real programming button


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """Frozen snapshots, and the few things that a page may ask the gateway to do."""

    view: Callable[[str | None], SiteView]  # words in a language; None: that of the device
    facts: Callable[[], DeviceFacts]
    is_ready: Callable[[], bool]
    act: Callable[[int, Action, int | None], None]  # what a person does at a point, once checked
    accounts: Accounts
    now_s: Callable[[], float]  # monotonic
    utc_now: Callable[[], datetime]
    device: DeviceControl = DeviceControl()
    reach: Reach = field(default_factory=Reach)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    setup: Setup = field(default_factory=Setup)
    machine: MachineControl = field(default_factory=MachineControl)

    def name(self) -> str:
        """Return what the device is called."""
        return self.view(None).name

    def health(self) -> tuple[HTTPStatus, str]:
        """Return what a service manager is answered: whether the device works."""
        if self.is_ready():
            return HTTPStatus.OK, "ready\n"
        return HTTPStatus.SERVICE_UNAVAILABLE, "starting\n"

    def note_https(self) -> None:
        """Note that somebody has logged in by https, through no proxy."""
        if self.reach.encryption is not None:
            self.reach.encryption.note_log_in()

    def language(self) -> str:
        """Return the language of the device."""
        return self.view(None).language

    def time_zone(self) -> str:
        """Return the time zone of the device, as IANA names it."""
        return self.view(None).time_zone
