"""How a charger is controlled: the writes of an offer and a pause, and its watchdog; `load_control` reads them."""

from dataclasses import dataclass
from enum import Enum, StrEnum


class StepValue(StrEnum):
    """The variable value of a write step."""

    OFFER = "offer"  # the offered current, in the unit of the point
    OFFER_POWER = "offer_power"  # the power [W] of the offer on the phases that are in use
    MINIMUM = "minimum"  # the configured minimum current of the charging point
    WATCHDOG = "watchdog"  # the watchdog timeout in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStep:
    """One write of a command: a point and its value."""

    point: str
    value: StepValue | float
    read_back: str | None = None  # point that reports what was written; None: nothing does

    @property
    def is_offer(self) -> bool:
        """Tell whether it writes the offer, as a current or as a power."""
        return self.value in (StepValue.OFFER, StepValue.OFFER_POWER)


class ZeroMeaning(StrEnum):
    """The effect of a setpoint of 0 A on the device."""

    PAUSES = "pauses"
    FORBIDDEN = "forbidden"  # never write it; use the pause steps
    UNLIMITED = "unlimited"  # dangerous: never write it


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How the current of a charger is set."""

    resolution_ma: int
    minimum_ma: int
    maximum_ma: int
    zero: ZeroMeaning
    offer: tuple[WriteStep, ...]
    pause: tuple[WriteStep, ...]
    unlock: tuple[WriteStep, ...]
    has_start_stop: bool  # the device can hold a process until it is started (object 54)
    read_back: str | None  # point that reports the written offer

    @property
    def offer_step(self) -> WriteStep | None:
        """Return the step that carries the offer, as a current or as a power."""
        return next((step for step in self.offer if step.is_offer), None)

    def read_back_of(self, step: WriteStep) -> str | None:
        """Return the point that reports the value of a step of an offer or a pause."""
        first = self.offer_step
        if self.read_back and first is not None and step.point == first.point:
            return self.read_back
        return step.read_back

    @property
    def read_backs(self) -> frozenset[str]:
        """Return all read-back points of the setpoint."""
        names = (self.read_back_of(step) for step in (*self.offer, *self.pause))
        return frozenset(name for name in names if name is not None)

    @property
    def is_power(self) -> bool:
        """Tell whether the charger is controlled in W: then the phases in use must be known."""
        return self.offer_step is not None and self.offer_step.value is StepValue.OFFER_POWER


FEED_LATE_SPACINGS = 3  # write spacings after `refresh_s` until a watchdog is fed, at worst


class WatchdogTrigger(StrEnum):
    """What feeds the watchdog of a charger."""

    NONE = "none"
    ANY_REQUEST = "any_request"
    OFFER = "offer"  # the offer must be repeated, or the steps of it that `refresh` names
    STEPS = "steps"  # the refresh steps must be written


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """Fail-safe of a charger: the steps that arm and feed it, and its fallback current."""

    trigger: WatchdogTrigger
    timeout_s: float
    refresh_s: float
    arm: tuple[WriteStep, ...]
    refresh: tuple[WriteStep, ...]
    fallback: str  # in words, for the documentation
    timeout_point: str | None
    remaining_point: str | None
    fallback_point: str | None

    @property
    def read_backs(self) -> frozenset[str]:
        """Return all points that report its settings."""
        return frozenset(step.read_back for step in self.arm if step.read_back is not None)


class WithoutGateway(Enum):
    """The current of a charger without the gateway."""

    KEEPS_OFFER = "it has no watchdog: the last offer stays in force indefinitely"
    MINIMUM = "it falls back to the minimum, which was set when its watchdog was armed"
    SET_IN_CHARGER = "it falls back to a current that is set in the charger itself"
