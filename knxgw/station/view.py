"""What the station looks like to people: frozen plain data for website, terminal and interfaces.

Made by `station/show.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from knxgw.station.actions import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultView:
    """A present fault in words."""

    code: str
    severity: int  # the higher, the more severe
    title: str
    cause: str
    remedy: str
    since: datetime | None = None  # aware UTC; None: the time was not valid, or is not kept
    info: str = ""  # error codes of the charger itself; "" with any other fault
    about: str = ""  # which devices or group objects it is about, in words; "": the title says all


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """One limit of a charging point, in words."""

    reason: int  # value of the reason object
    words: str
    cap_ma: int | None  # what the point would get by this limit alone; None: not known
    is_effective: bool  # this limit decides what the point gets
    since: datetime | None = None  # aware UTC; None: not known
    ends_in_s: float | None = None  # None: not by time, or not known


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledView:
    """What is installed and configured at a charging point; currents mA."""

    phases: int = 3
    minimum_ma: int = 0
    maximum_ma: int = 0
    is_prioritised: bool = False
    meter: str | None = None  # the model of the electricity meter behind it
    address: str = ""  # where the charger answers, as programs and logs say it
    host: str = ""  # and in parts: "192.168.1.31:502", "": on the serial line
    unit: int = 0
    connector: int = 1
    mains_phases: tuple[int, ...] = (1, 2, 3)  # of the mains connection, by its terminals


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailView:
    """What of a charging point is shown on request only; powers W, energies Wh, None: not known."""

    powers_w: tuple[int | None, ...] = ()  # by phase
    energies_wh: tuple[int | None, ...] = ()  # by phase
    lifetime_wh: int | None = None
    temperature_c: float | None = None
    is_hot: bool | None = None
    evccid: str | None = None
    serial: str | None = None
    firmware: str | None = None
    card: str | None = None  # its last four characters


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """The current session of a charging point, or its last one; times are aware UTC."""

    is_open: bool
    started_at: datetime | None
    ended_at: datetime | None  # None: it is open, or the time was not known
    duration_s: int
    energy_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointView:
    """One charging point; currents mA, power W, energies Wh, None where not known."""

    number: int
    name: str
    model: str
    state: int | None
    state_words: str
    connected: bool | None
    condition: str  # of the link to the charger, a `LinkCondition`
    offer_ma: int | None
    reason: str
    setpoint_ma: int | None  # as the charger reports it
    phases_ma: tuple[int | None, int | None, int | None]
    current_ma: int | None
    power_w: int | None
    energy_wh: int | None
    session_wh: int | None
    interruption: bool
    complete: bool  # charging complete: the current was below the threshold for long enough
    fault: str  # last or current code
    fault_present: bool
    fault_infos: tuple[str, ...]  # error codes of the charger itself
    faults: tuple[FaultView, ...] = ()  # present ones, the most severe first
    ages_s: Mapping[str, int] = field(default_factory=dict)  # of what was read, by its name
    reason_code: int | None = None  # as the reason object has it
    wanted_ma: int = 0  # the setpoint that holds while load management is off
    is_charging: bool = False
    limits: tuple[LimitView, ...] = ()  # what limits it now, the effective one first
    actions: tuple[Action, ...] = ()  # what a person may do now
    installed: InstalledView = field(default_factory=InstalledView)
    detail: DetailView = field(default_factory=DetailView)
    session: SessionView | None = None  # the current or the last one

    @property
    def age_s(self) -> int | None:
        """Return the age [s] of the oldest of the values that change while charging; None: none was read.

        These are state, setpoint, currents and power. Others, such as the serial number, are read seldom, and may
        be old.
        """
        moving = [self.ages_s[name] for name in _MOVING if name in self.ages_s]
        return max(moving, default=None)


# the keys of `ages_s` that count for `age_s`
_MOVING = ("state", "setpoint", "current", "current_l1", "current_l2", "current_l3", "power")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseView:
    """One phase of the mains connection; currents mA, None where not known."""

    name: str  # "L1"
    shares_ma: Mapping[int, int] = field(default_factory=dict)  # draw above 0, by charging point
    measured_ma: int | None
    base_ma: int | None  # the building without the chargers
    available_ma: int | None
    allocated_ma: int  # sum of the offers to charging points that take part


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadManagementView:
    """What is shown of load management while it is on; currents mA per phase."""

    state_words: str
    limit_ma: int
    meter_age_s: float | None  # of the oldest phase value; None: a phase has none
    is_meter_alive: bool = True  # its values may be taken for those of now, or there is no meter
    has_meter: bool = True  # False: a static limit
    phases: tuple[PhaseView, ...]
    state: int = 1  # value of the object of load management
    fuse_ma: int | None = None  # None: a static limit without a fuse
    reserve_ma: int = 0  # load reserve
    turn: int | None = None  # number of the point that another one has just yielded to (queue)
    high_power_s: float | None = None  # left of the window of a large consumer; None: no window


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """The whole site."""

    name: str
    grid_control: bool
    fault: str  # last or current code, of the whole device
    fault_present: bool
    messages: tuple[str, ...]  # what a person must mend or know, in words
    load_management: LoadManagementView | None  # None: load management is off
    points: tuple[PointView, ...]
    faults: tuple[FaultView, ...] = ()  # present ones of the whole device, the most severe first
    language: str = "en"  # of the words here, and of the pages that show them
    time_zone: str = "UTC"  # of the device, as IANA names it
    severity: int = 0  # of the most severe present fault of all scopes; 0: none
    is_configured: bool = True
    clock_is_valid: bool = True
