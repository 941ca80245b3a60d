"""What the three LEDs of the front panel show: a pure function of state and time.

Source: [reference-manual] 8.1, tables 5, 7, 8 and 9, and 8.2, table 10;
product 8. The manual says "approx. 1 Hz" for slow flashing; the rate of
rapid flashing and the length of the pauses are ours.
"""

from dataclasses import dataclass
from enum import Enum

SLOW_PERIOD_S = 1.0
RAPID_PERIOD_S = 0.25
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
    programming: bool = False
    knx_connected: bool = False
    knx_lost_s: float | None = None  # when the connection went; None: it never was there
    telegram_s: float | None = None  # when the last telegram came or went
    fault_flashes: int = 0  # of the APP LED, for the most severe present fault; 0: none shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Leds:
    """Which LED is lit."""

    programming: bool  # red
    app: bool  # green
    com: bool  # yellow


def leds(state: PanelState, now_s: float) -> Leds:
    """Return which LEDs are lit at a moment [monotonic s]."""
    if state.phase in (Phase.RESET_ARMED, Phase.RESET_READY):
        armed = state.phase is Phase.RESET_ARMED
        lit = _flash(now_s, SLOW_PERIOD_S if armed else RAPID_PERIOD_S)
        return Leds(programming=lit, app=lit, com=lit)
    app, com = _app_and_com(state, now_s)
    return Leds(programming=state.programming, app=app, com=com)


def _app_and_com(state: PanelState, now_s: float) -> tuple[bool, bool]:
    slow, rapid = _flash(now_s, SLOW_PERIOD_S), _flash(now_s, RAPID_PERIOD_S)
    match state.phase:
        case Phase.STARTING:
            return False, True
        case Phase.RUNNING:
            return _app(state.fault_flashes, now_s), _com(state, now_s)
        case Phase.NOT_CONFIGURED:
            return slow, _com(state, now_s)
        case Phase.FIRMWARE_BROKEN:
            return rapid, False
        case Phase.FIRMWARE_REVERTING:
            return slow, not slow
        case _:  # no power, or out of operation
            return False, False


def _app(count: int, now_s: float) -> bool:
    """Tell whether APP is lit: steadily, or in groups of so many slow flashes."""
    if count == 0:
        return True
    within_s = now_s % (count * SLOW_PERIOD_S + PAUSE_S)
    return within_s < count * SLOW_PERIOD_S and _flash(within_s, SLOW_PERIOD_S)


def _com(state: PanelState, now_s: float) -> bool:
    if not state.knx_connected:
        return state.knx_lost_s is not None and now_s - state.knx_lost_s < GAP_S
    busy = state.telegram_s is not None and now_s - state.telegram_s < TRAFFIC_S
    return _flash(now_s, RAPID_PERIOD_S) if busy else True


def _flash(now_s: float, period_s: float) -> bool:
    """Tell whether a flashing LED is lit: the first half of each period."""
    return now_s % period_s < period_s / 2
