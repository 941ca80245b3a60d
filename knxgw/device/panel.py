"""What the three LEDs of the front panel show: a pure function of state and time.

Source: [reference-manual] 8.1, tables 5, 7, 8 and 9, and 8.2, table 10;
product 8. The manual says "approx. 1 Hz" for slow flashing; the rate of
rapid flashing and the length of the pauses are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

SLOW_PERIOD_S = 1.0
RAPID_PERIOD_S = 0.25
EDGE_S = RAPID_PERIOD_S / 2  # every flash begins and ends at a multiple of it
PAUSE_S = 2.0  # dark, after a group of flashes
TRAFFIC_S = 0.5  # how long a telegram makes COM flash
GAP_S = 2.0  # a shorter loss of the KNX connection is not shown


class Phase(Enum):
    """How far the device is, as the APP and COM LEDs tell it."""

    OFF = "no power, or out of operation"
    STARTING = "starting"
    RUNNING = "started, ready"
    NOT_CONFIGURED = "started, not configured"
    FIRMWARE_BROKEN = "the firmware cannot be started"
    FIRMWARE_REVERTING = "the new firmware cannot be started, going back to the one before"
    RESET_ARMED = "button held since power came: all LEDs flash slowly"
    RESET_READY = "button held again: all LEDs flash rapidly"


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelState:
    """What the LEDs are made from; times are monotonic seconds."""

    phase: Phase
    is_programming: bool = False
    restores_password: bool = False  # releasing the programming button now restores it
    is_knx_connected: bool = False
    knx_lost_at: float | None = None  # when the connection went; None: it never was there
    telegram_at: float | None = None  # when the last telegram came or went
    fault_flashes: int = 0  # of the APP LED, for the most severe present fault; 0: none shows


class Led(Enum):
    """How an LED is lit over time."""

    OFF = "off"
    ON = "on"
    SLOW = "slow"
    RAPID = "rapid"
    SLOW3 = "slow3"  # three slow flashes, then a pause
    SLOW5 = "slow5"
    ALTERNATE = "alternate"  # slow, lit while the others are dark


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """How the three LEDs are lit over time."""

    programming: Led  # red
    app: Led  # green
    com: Led  # yellow


@dataclass(frozen=True, slots=True, kw_only=True)
class Leds:
    """Which LED is lit."""

    programming: bool  # red
    app: bool  # green
    com: bool  # yellow


def leds(state: PanelState, now_s: float) -> Leds:
    """Return which LEDs are lit at a moment [monotonic s]."""
    shown = patterns(state, now_s)
    return Leds(
        programming=is_lit(shown.programming, now_s),
        app=is_lit(shown.app, now_s),
        com=is_lit(shown.com, now_s),
    )


_ALL: Mapping[Phase, Led] = {Phase.RESET_ARMED: Led.SLOW, Phase.RESET_READY: Led.RAPID}
_APP_AND_COM: Mapping[Phase, tuple[Led, Led]] = {
    Phase.OFF: (Led.OFF, Led.OFF),
    Phase.STARTING: (Led.OFF, Led.ON),
    Phase.FIRMWARE_BROKEN: (Led.RAPID, Led.OFF),
    Phase.FIRMWARE_REVERTING: (Led.SLOW, Led.ALTERNATE),
}
_FAULT_GROUPS: Mapping[int, Led] = {0: Led.ON, 3: Led.SLOW3, 5: Led.SLOW5}
GROUPS: Mapping[Led, int] = {led: count for count, led in _FAULT_GROUPS.items() if count}


def patterns(state: PanelState, now_s: float) -> Patterns:
    """Return how the LEDs are lit over time, from a moment on [monotonic s].

    Raises: KeyError, no pattern flashes as often as `state.fault_flashes`.
    """
    if state.phase in _ALL:
        every = _ALL[state.phase]
        return Patterns(programming=every, app=every, com=every)
    programming = Led.ON if state.is_programming else Led.OFF
    if state.restores_password:
        programming = Led.RAPID
    if state.phase in _APP_AND_COM:
        app, com = _APP_AND_COM[state.phase]
    else:
        is_running = state.phase is Phase.RUNNING
        app = _FAULT_GROUPS[state.fault_flashes] if is_running else Led.SLOW
        com = _com(state, now_s)
    return Patterns(programming=programming, app=app, com=com)


class Meaning(Enum):
    """What the LEDs say together, the most important first: a row of the manual's tables."""

    OFF = "off"
    STARTING = "starting"
    RUNNING = "running"
    NOT_CONFIGURED = "not_configured"
    SERIOUS_FAULT = "serious"
    TEMPORARY_FAULT = "temporary"
    KNX_LOST = "knx_lost"
    FIRMWARE_BROKEN = "firmware_broken"
    FIRMWARE_REVERTING = "firmware_reverting"
    RESET_ARMED = "reset_armed"
    RESET_READY = "reset_ready"
    RESTORES_PASSWORD = "restores_password"  # noqa: S105 - no password


_OF_PHASE: Mapping[Phase, Meaning] = {
    Phase.OFF: Meaning.OFF,
    Phase.STARTING: Meaning.STARTING,
    Phase.FIRMWARE_BROKEN: Meaning.FIRMWARE_BROKEN,
    Phase.FIRMWARE_REVERTING: Meaning.FIRMWARE_REVERTING,
    Phase.RESET_ARMED: Meaning.RESET_ARMED,
    Phase.RESET_READY: Meaning.RESET_READY,
}


def meaning(state: PanelState, now_s: float) -> Meaning:
    """Return what the LEDs say together at a moment [monotonic s], the most important first."""
    if state.phase in _OF_PHASE:
        return _OF_PHASE[state.phase]
    if state.restores_password:
        return Meaning.RESTORES_PASSWORD
    shown = patterns(state, now_s)
    if shown.app is Led.SLOW5:
        return Meaning.SERIOUS_FAULT
    if shown.com is Led.OFF:
        return Meaning.KNX_LOST
    if state.phase is Phase.NOT_CONFIGURED:
        return Meaning.NOT_CONFIGURED
    return Meaning.TEMPORARY_FAULT if shown.app is Led.SLOW3 else Meaning.RUNNING


def _com(state: PanelState, now_s: float) -> Led:
    """Return how the COM LED is lit: KNX connection and traffic."""
    if not state.is_knx_connected:
        is_short = state.knx_lost_at is not None and now_s - state.knx_lost_at < GAP_S
        return Led.ON if is_short else Led.OFF
    busy = state.telegram_at is not None and now_s - state.telegram_at < TRAFFIC_S
    return Led.RAPID if busy else Led.ON


def is_lit(led: Led, now_s: float) -> bool:
    """Tell whether an LED is lit at a moment [monotonic s]."""
    match led:
        case Led.OFF | Led.ON:
            return led is Led.ON
        case Led.SLOW:
            return _is_flash_lit(now_s, SLOW_PERIOD_S)
        case Led.ALTERNATE:
            return not _is_flash_lit(now_s, SLOW_PERIOD_S)
        case Led.RAPID:
            return _is_flash_lit(now_s, RAPID_PERIOD_S)
        case Led.SLOW3 | Led.SLOW5:
            count = GROUPS[led]
            within_s = now_s % (count * SLOW_PERIOD_S + PAUSE_S)
            return within_s < count * SLOW_PERIOD_S and _is_flash_lit(within_s, SLOW_PERIOD_S)


def _is_flash_lit(now_s: float, period_s: float) -> bool:
    """Tell whether a flashing LED is lit: the first half of each period."""
    return now_s % period_s < period_s / 2
