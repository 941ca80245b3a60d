"""The station: the whole site as one value, the events that change it, the effects it wants.

A *scope* is the whole device, or one charging point. What the effects tell the world is *handed out*: published to
group objects, offered to chargers, or given to the store as the *record* of a scope, which survives a restart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from typing import Any, NamedTuple

from knxgw.catalogue.codes import FaultCode
from knxgw.charging.events import DeviceEvent, GridMeterReading, LinkCondition
from knxgw.charging.faults import FaultRegister
from knxgw.charging.point import ChargingPoint
from knxgw.charging.publication import Published
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.scope import PointNumber, Scope
from knxgw.charging.session import Session
from knxgw.config.devices import Device, DeviceId
from knxgw.config.model import Configuration
from knxgw.dlm.participant import Observation
from knxgw.dlm.settings import Settings
from knxgw.dlm.state import LoadManagement

EARLIEST_VALID = datetime(2026, 1, 1, tzinfo=UTC)  # a clock before this was never set


class ClockSource(IntEnum):
    """Where the wall-clock time comes from; the higher source is believed."""

    SYSTEM = 1  # the machine's clock, without a time server
    KNX = 2  # a date and time on the bus
    NTP = 3  # the machine's clock, set by a time server


# --- events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The gateway is up: publish and offer what holds now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSet:
    """The wall clock is known: `now` belongs to the event's monotonic time."""

    now: datetime  # aware, UTC
    source: ClockSource


@dataclass(frozen=True, slots=True, kw_only=True)
class BusAsked:
    """The KNX link is up: what the station must know at the start is being read from the bus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """The gateway ends in order: leave the chargers with what is safe without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalErrorFound:
    """The program has failed to handle an event: from now on no point gets more than its minimum.

    The fault is `ContactSupport`.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLost:
    """The state file was damaged: what could be read of it is in a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFailed:
    """A new firmware was given up: the one that runs is the previous one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChanged:
    """The site has another configuration: the station goes on with it.

    `records`: by scope, of the charging points that this configuration adds.
    """

    configuration: Configuration
    records: Mapping[Scope, Mapping[str, Any]] = field(default_factory=dict)
    """What was stored of charging points that were not there, but may have been before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridControlCommanded:
    """Grid-supporting control was written on the bus."""

    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptionCommanded:
    """Interruption of a charging point was commanded, on the bus or by a person."""

    point: PointNumber
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetpointCommanded:
    """The setpoint [mA] of a charging point was commanded; None: no number, infinite or negative."""

    point: PointNumber
    setpoint_ma: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartStopCommanded:
    """Start/stop of a charging process was commanded, on the bus or by a person."""

    point: PointNumber
    is_start: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockCommanded:
    """Unlock of a charging point was commanded, on the bus or by a person."""

    point: PointNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class InOperationSeen:
    """The object "In operation" was written on the bus: the smart meter is alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HighPowerStarted:
    """The object "High power-consuming devices" was written with 1: a large consumer starts."""


Command = (
    BusAsked
    | ClockSet
    | GridControlCommanded
    | HighPowerStarted
    | InOperationSeen
    | InterruptionCommanded
    | SetpointCommanded
    | GridMeterReading
    | StartStopCommanded
    | UnlockCommanded
)
PointCommand = InterruptionCommanded | SetpointCommanded | StartStopCommanded
PointEvent = PointCommand | DeviceEvent
LoadManagementEvent = GridMeterReading | InOperationSeen | HighPowerStarted
SiteEvent = (
    BusAsked
    | ClockSet
    | GridControlCommanded
    | Stopping
    | InternalErrorFound
    | StateLost
    | UpdateFailed
)
StepEvent = Started | Tick | UnlockCommanded | SiteEvent | LoadManagementEvent | PointEvent
Event = StepEvent | ConfigurationChanged

# --- effects -----------------------------------------------------------------------------------


class NoteLevel(Enum):
    """How much a line of the log matters."""

    DETAIL = "a value that moves, or what changes too often to be news"
    NEWS = "a state or a limit has changed"
    EVENT = "a session, a fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Wanted state of a charger: current per phase [mA], 0 to pause; the newest counts."""

    point: PointNumber
    offer_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveBehind:
    """Last wanted state of a charger that is not controlled any more: current per phase [mA], 0 to pause."""

    point: PointNumber  # to which the charger belonged
    offer_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    """Message to a charger: release the cable."""

    point: PointNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Wanted state of a group object; None withdraws it (not known, or stale)."""

    scope: Scope
    key: str
    value: Published


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Message to the bus: read the value of a group object."""

    scope: Scope
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Wanted state of the store: what must survive a restart."""

    scope: Scope
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed:
    """Message to the store: a session has ended."""

    point: PointNumber
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultChanged:
    """Message to store and log: a fault came or went."""

    scope: Scope
    code: FaultCode
    is_present: bool
    at: datetime | None  # aware UTC; None: the clock is not valid
    own_code: str = ""  # error codes of the charger itself, with their meaning; "": none
    level: NoteLevel = NoteLevel.EVENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line for the log."""

    text: str
    level: NoteLevel = NoteLevel.NEWS


Effect = (
    Ask | Offer | LeaveBehind | Unlock | Publish | Remember | SessionClosed | FaultChanged | Note
)

# --- state -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WallClock:
    """Which wall-clock time belongs to which monotonic time."""

    time: datetime  # aware, UTC
    set_at: float  # when it was that time [monotonic s]
    source: ClockSource

    def at_monotonic(self, now_s: float) -> datetime:
        """Return the wall-clock time [aware UTC] that belongs to a monotonic time, by this clock."""
        return self.time + timedelta(seconds=now_s - self.set_at)


class LineAllowance(NamedTuple):
    """How many lines of a level a scope may still have in the log, before the rest are details."""

    lines_left: float  # a part of a line, too: the allowance comes back slowly
    counted_at: float  # when that many were left [monotonic s]
    is_announced: bool = False  # the log has said that there are too many


class Remembered(NamedTuple):
    """What was last handed to the store for a scope, and when."""

    record: Mapping[str, Any]
    handed_at: float  # [monotonic s]
    # the values of which a change is stored at once; () for the device, whose record has only such
    urgent_values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterState:
    """What is known of a meter that belongs to no charging point."""

    condition: LinkCondition = LinkCondition.STARTING
    values: Mapping[Quantity, Value] = field(default_factory=dict)  # none of a lost link
    read_at: Mapping[Quantity, float] = field(default_factory=dict)  # [monotonic s]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the configuration says: fixed until there is another one."""

    configuration: Configuration
    devices: Mapping[DeviceId, Device]  # every device on Modbus, and what it stands for
    load_management_settings: Settings | None = None  # None: load management is off


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """How the whole site is operated at this moment."""

    is_grid_control_active: bool = False  # grid-supporting control is active
    # until then [monotonic s] the bus may answer whether grid control is active, and no point gets more than
    # its minimum; None: that is known, or the bus has had its time
    waits_for_bus_until: float | None = None
    is_stopping: bool = False  # the gateway ends
    clock: WallClock | None = None  # None: the wall-clock time is not valid


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What was handed out last: whatever differs from it is new, and is handed out."""

    published: Mapping[Scope, Mapping[str, Published]] = field(default_factory=dict)
    remembered: Mapping[Scope, Remembered] = field(default_factory=dict)
    line_allowances: Mapping[tuple[Scope, NoteLevel], LineAllowance] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """The whole site."""

    site: Site
    points: Mapping[PointNumber, ChargingPoint]
    submeters: Mapping[DeviceId, MeterState] = field(default_factory=dict)
    faults: FaultRegister  # of the whole device
    operation: Operation = field(default_factory=Operation)
    load_management: LoadManagement | None = None  # None: load management is off
    # by number of the charging point, as load management took them last; none before its first cycle
    observations: Mapping[int, Observation] = field(default_factory=dict)
    output: Output = field(default_factory=Output)

    @property
    def configuration(self) -> Configuration:
        """Return the configuration that is in force."""
        return self.site.configuration

    @property
    def load_management_settings(self) -> Settings | None:
        """Return the settings of load management, None while it is off."""
        return self.site.load_management_settings

    def with_points(self, points: Mapping[PointNumber, ChargingPoint]) -> "Station":
        """Return the station with other charging points; all else stays.

        Built directly, which is five times as fast as `replace`: after most readings, nothing else happens.
        """
        return Station(
            site=self.site,
            points=points,
            submeters=self.submeters,
            faults=self.faults,
            operation=self.operation,
            load_management=self.load_management,
            observations=self.observations,
            output=self.output,
        )

    def with_point(self, number: PointNumber, point: ChargingPoint) -> "Station":
        """Return the station with another state of one charging point."""
        return self.with_points({**self.points, number: point})

    def with_output(self, points: Mapping[PointNumber, ChargingPoint], output: Output) -> "Station":
        """Return the station with other charging points, and another record of what was handed out last.

        Built directly, which is much faster than `replace`: it happens for each charging point that is derived.
        """
        return Station(
            site=self.site,
            points=points,
            submeters=self.submeters,
            faults=self.faults,
            operation=self.operation,
            load_management=self.load_management,
            observations=self.observations,
            output=output,
        )

    def with_load_management(
        self, load_management: LoadManagement, observations: Mapping[int, Observation]
    ) -> "Station":
        """Return the station with another state of load management, and the observations it was made with.

        `observations`: by number of the charging point. Built directly, which is much faster than `replace`: it
        happens with each value of the smart meter.
        """
        return Station(
            site=self.site,
            points=self.points,
            submeters=self.submeters,
            faults=self.faults,
            operation=self.operation,
            load_management=load_management,
            observations=observations,
            output=self.output,
        )

    def point_of(self, device: DeviceId) -> PointNumber | None:
        """Return the number of the charging point that a device on Modbus belongs to.

        None: it belongs to none, such as the meter at the mains connection. Raises: KeyError, if the device is
        not configured.
        """
        number = self.site.devices[device].point
        return None if number is None else PointNumber(number)

    @property
    def is_locked_out(self) -> bool:
        """Tell whether load management has locked charging out after an overcurrent.

        False while load management is off.
        """
        return self.load_management is not None and self.load_management.overcurrent.is_locked_out

    @property
    def severity(self) -> int:
        """Return the severity of the most severe present fault of all scopes; 0: none."""
        registers = (self.faults, *(point.faults for point in self.points.values()))
        return max(register.severity for register in registers)

    @property
    def fault_flashes(self) -> int:
        """Return how many times in a row the APP LED flashes, by the most severe present fault; 0: not at all."""
        return self.configuration.product.faults.flashes(self.severity)

    def last_published(self, scope: Scope, key: str) -> Published:
        """Return the value last published for a group object; None: none was, or it was withdrawn.

        `scope`: a charging point, or the whole device; `key`: the key of the group object in it.
        """
        values = self.output.published.get(scope)
        return None if values is None else values.get(key)

    def now(self, now_s: float) -> datetime | None:
        """Return the wall-clock time [aware UTC] at a monotonic time; None while the clock is not valid."""
        clock = self.operation.clock
        return clock.at_monotonic(now_s) if clock else None
