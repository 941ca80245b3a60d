"""The station: the whole site as one value, the events that change it, the effects it wants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from knxgw.charging.events import DeviceEvent
from knxgw.charging.faults import GENERAL_SEVERITY, FaultCode, FaultRegister
from knxgw.charging.point import ChargingPoint
from knxgw.charging.publication import Published
from knxgw.charging.session import Session
from knxgw.charging.words import PointNumber
from knxgw.config.model import Configuration

GENERAL = PointNumber(0)  # stands for "not of a charging point" in keys of published values

# --- events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The gateway is up: say and offer what holds now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSet:
    """The wall clock is known: `now` belongs to the event's monotonic time."""

    now: datetime  # aware, UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class GridControlCommanded:
    """GO 1 was written."""

    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptionCommanded:
    """GO 55 was written."""

    point: PointNumber
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetpointCommanded:
    """GO 60 was written; None: no number, infinite or negative."""

    point: PointNumber
    setpoint_ma: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartStopCommanded:
    """GO 54 was written."""

    point: PointNumber
    start: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockCommanded:
    """GO 59 was written."""

    point: PointNumber


Command = (
    GridControlCommanded
    | InterruptionCommanded
    | SetpointCommanded
    | StartStopCommanded
    | UnlockCommanded
)
PointEvent = InterruptionCommanded | SetpointCommanded | StartStopCommanded | DeviceEvent
Event = Started | Tick | ClockSet | GridControlCommanded | UnlockCommanded | PointEvent

# --- effects -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Wanted state of a charger: current per phase [mA], 0 to pause; the newest counts."""

    point: PointNumber
    offer_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    """Message to a charger: release the cable."""

    point: PointNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Wanted state of a group object; None withdraws it (not known, or stale)."""

    point: PointNumber  # GENERAL for objects of the whole device
    key: str
    value: Published


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Wanted state of the store: what must survive a restart; point GENERAL: the station."""

    point: PointNumber
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed:
    """Message to the store: a session has ended."""

    point: PointNumber
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultChanged:
    """Message to store and log: a fault came or went."""

    point: PointNumber
    code: FaultCode
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line for the log."""

    text: str


Effect = Offer | Unlock | Publish | Remember | SessionClosed | FaultChanged | Note

# --- state -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WallClock:
    """Which wall-clock time belongs to which monotonic time."""

    at: datetime  # aware, UTC
    at_s: float

    def at_monotonic(self, now_s: float) -> datetime:
        """Return the wall-clock time [aware UTC] at a monotonic time."""
        return self.at + timedelta(seconds=now_s - self.at_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What was last handed to the store for a charging point, and when."""

    record: Mapping[str, Any]
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """The whole site."""

    configuration: Configuration
    points: Mapping[PointNumber, ChargingPoint]
    grid_control: bool = False
    faults: FaultRegister = field(
        default_factory=partial(FaultRegister, severities=GENERAL_SEVERITY)
    )
    clock: WallClock | None = None
    published: Mapping[tuple[PointNumber, str], Published] = field(default_factory=dict)
    remembered: Mapping[PointNumber, Remembered] = field(default_factory=dict)

    def now(self, now_s: float) -> datetime | None:
        """Return the wall-clock time [aware UTC], None while it is not valid."""
        return self.clock.at_monotonic(now_s) if self.clock else None
