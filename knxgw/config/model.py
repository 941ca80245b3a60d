"""The configuration of one site: frozen, complete, with defaults filled in; pure.

Currents are mA, powers W, energies Wh, durations s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.flags import Flags, Priority
from knxgw.catalogue.product import Product
from knxgw.catalogue.text import Text

SMART_METER_7012_MA = 60_000  # highest limit in force with 7.012. Source: load-management 3.1
GroupAddress = NewType("GroupAddress", str)  # main/middle/sub


class ConfigurationSource(StrEnum):
    """Who says what the site is."""

    FILE = "file"
    WEBSITE = "website"
    ETS = "ets"


class KnxLinkKind(StrEnum):
    """How the gateway reaches the KNX installation."""

    ROUTING = "routing"
    TUNNELLING = "tunnelling"
    TUNNELLING_TCP = "tunnelling_tcp"
    TPUART = "tpuart"
    NONE = "none"


class ConnectionKind(StrEnum):
    """How the gateway reaches a Modbus device."""

    TCP = "tcp"
    RTU_OVER_TCP = "rtu_over_tcp"
    SERIAL = "serial"


class LoadManagementMode(StrEnum):
    """Whether and how the mains connection is shared."""

    OFF = "off"
    STATIC = "static"
    DYNAMIC = "dynamic"


class ChargingStart(StrEnum):
    """Whether a process starts by itself or waits for object 54."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class TemperatureSending(StrEnum):
    """When the internal temperature is sent."""

    OFF = "off"
    ON_CHANGE = "on_change"
    CYCLIC = "cyclic"


class Monitoring(StrEnum):
    """What tells that the smart meter is alive."""

    VALUES = "values"
    VALUES_AND_IN_OPERATION = "values_and_in_operation"


class Measurement(StrEnum):
    """What the smart meter delivers."""

    CURRENT = "current"
    POWER = "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """The gateway itself."""

    name: str
    time_zone: str  # IANA name
    language: str  # of texts on the bus and on pages: en, de
    alive_cycle_s: float  # object 507
    ntp_servers: tuple[str, ...] = ()  # (): those of the operating system


@dataclass(frozen=True, slots=True, kw_only=True)
class KnxSettings:
    """The link to the KNX installation."""

    link: KnxLinkKind
    gateway_host: str | None
    gateway_port: int
    local_ip: str | None
    individual_address: str | None
    multicast_group: str
    keyring: str | None  # path
    keyring_password_file: str | None
    server_port: int | None = None  # of the KNXnet/IP server; None: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialLine:
    """The one RS485 line."""

    port: str
    protocol: str  # rtu, ascii
    baud: int
    data_bits: int
    parity: str  # N, E, O
    stop_bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where a Modbus device answers."""

    kind: ConnectionKind
    host: str | None  # None on the serial line
    port: int
    unit: int
    connector: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSettings:
    """An electricity meter, of the catalogue or with registers entered by hand."""

    model: DeviceModel
    connection: Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmeterSettings:
    """A meter of a circuit, behind no charging point."""

    number: int
    meter: MeterSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartMeterSettings:
    """The meter at the mains connection, delivered over KNX or read over Modbus."""

    source: str  # knx, modbus
    phases: int
    measurement: Measurement
    dpt: str
    monitoring: Monitoring
    interval_s: float
    meter: MeterSettings | None  # source modbus


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadManagementSettings:
    """How the mains connection is shared."""

    mode: LoadManagementMode
    fuse_ma: int | None
    reserve_ma: int
    priority: int | None
    static_limit_ma: int | None
    high_power_wait_s: float
    has_queue: bool  # charging points take turns when not all minima fit
    smart_meter: SmartMeterSettings | None

    @property
    def fuse_limit_ma(self) -> int | None:
        """Return what the fuse leaves per phase when the reserve is kept [mA]; None: no fuse."""
        return None if self.fuse_ma is None else self.fuse_ma - self.reserve_ma


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingRule:
    """When a moving value is sent: after `min_change`, not before `min_interval_s`."""

    # in the unit of the value: mA, W, hundredths of °C, s; of an energy Wh as it is configured, and mWh in
    # the group object table
    min_change: int
    min_interval_s: float
    cycle_s: float | None  # None: not cyclically


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Sending rules of a charging point, by kind of value."""

    current: SendingRule
    power: SendingRule
    energy: SendingRule
    state_cycle_s: float | None  # state objects: cyclic sending beside sending on change


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureSettings:
    """Sending and warning of the internal temperature."""

    sending: TemperatureSending
    change_k: float
    cycle_s: float
    warning_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PointDpts:
    """Chosen datapoint types of a charging point."""

    current: str
    power: str
    energy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSettings:
    """One charging point that exists (model known, address given)."""

    number: int  # 1…5
    name: str
    model: DeviceModel
    connection: Connection
    minimum_ma: int
    maximum_ma: int
    phases: int
    phase_rotation: str  # "231": terminal 1 on L2, 2 on L3, 3 on L1
    dpts: PointDpts
    complete_threshold_ma: int
    complete_time_s: float
    start: ChargingStart
    sending: Sending
    temperature: TemperatureSettings
    meter: MeterSettings | None
    capabilities: frozenset[str]  # of charger and meter together
    key: str = field(default="", compare=False)  # of its entry, as its source counts entries


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupObjectLink:
    """What a group object is linked to, and how it behaves on the bus."""

    addresses: tuple[GroupAddress, ...]  # one at least; the first one sends
    flags: Flags
    priority: Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationFault:
    """A fault of the configuration that the running gateway must show (product 7)."""

    code: FaultCode
    point: int | None  # the marked charging point; None: general
    blocked_points: frozenset[int]  # nothing is written to their chargers
    message: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareSettings:
    """Where newer firmware comes from."""

    index: str = ""  # https address of the list; "": none
    proxy: str = ""  # address of an HTTP proxy; "": none
    looks_daily: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebsiteSettings:
    """Where the website listens, and what it believes of a request."""

    host: str
    port: int
    host_names: tuple[str, ...] = ()  # besides the addresses and names of the device
    trusted_proxy: str | None = None
    certificate: str | None = None  # path of a file in PEM format; with it, https only
    key: str | None = None  # path of its private key; both or none
    is_announced: bool = True  # in the networks from which it is reached

    @property
    def is_local(self) -> bool:
        """Tell whether only this machine reaches it."""
        return self.host.startswith("127.") or self.host == "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelLine:
    """One GPIO line of the front panel."""

    line: str  # offset at its chip, or name
    is_active_low: bool  # the button is pressed, or the LED lit, at the low level


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSettings:
    """The front panel on GPIO lines of this machine; at least one line is given."""

    chip: str  # device file, or label
    button: PanelLine | None
    led_programming: PanelLine | None  # red
    led_app: PanelLine | None  # green
    led_com: PanelLine | None  # yellow


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything a gateway needs to know about its site."""

    device: DeviceSettings
    knx: KnxSettings
    website: WebsiteSettings
    firmware: FirmwareSettings
    serial: SerialLine | None
    load_management: LoadManagementSettings
    grid_setpoint_ma: int  # 0 or 6000
    points: tuple[PointSettings, ...]
    group_objects: Mapping[int, GroupObjectLink]  # by number, linked ones only
    source: ConfigurationSource
    product: Product = field(repr=False)  # what every site has in common
    panel: PanelSettings | None = None  # None: no real LEDs, no real button
    submeters: tuple[SubmeterSettings, ...] = field(default=())  # no source names any yet
    faults: tuple[ConfigurationFault, ...] = field(default=())

    def link_of(self, key: str, point: int = 1) -> GroupObjectLink | None:
        """Return what a group object is linked to; None: to nothing. Raises: KeyError."""
        return self.group_objects.get(self.product.number_of(key, point))

    def is_linked(self, key: str, point: int = 1) -> bool:
        """Tell whether a group object has a group address. Raises: KeyError."""
        return self.link_of(key, point) is not None

    def point(self, number: int) -> PointSettings:
        """Return the charging point of that number. Raises: KeyError."""
        for point in self.points:
            if point.number == number:
                return point
        raise KeyError(number)
