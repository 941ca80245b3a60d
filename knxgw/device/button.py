"""The programming button: programming mode, a lost password, the sequence of a factory reset. Pure.

A short press toggles programming mode. One of ten to twenty seconds restores the initial password of
the website (ours); the Programming LED flashes rapidly while releasing it would do that. The factory reset begins with the button held while power
comes, so that nobody does it by chance: hold until all LEDs flash slowly, release briefly, hold
again until all flash rapidly, release. A button that is stuck gives the sequence up, so that the
LEDs show again how the device is. Whoever reads the contact takes its bouncing away.
Source: [reference-manual] 8.3.5. The times
after the first hold are not in the manual; they are ours.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

ARM_S = 30.0  # held since power came, until all LEDs flash slowly
RELEASE_S = 10.0  # "release briefly": longer is giving up
CONFIRM_S = 5.0  # held again, until all LEDs flash rapidly
STUCK_S = 60.0  # nobody holds it that long once the LEDs ask for its release
SHORT_S = 2.0  # a longer press in operation means nothing until
RESTORE_S = 10.0  # releasing it restores the initial password,
TOO_LONG_S = 20.0  # for so long


class Stage(Enum):
    """Where in the sequence the button is."""

    IDLE = "not pressed"
    PRESSED = "pressed in operation"
    RESTORING = "held in operation until the Programming LED flashes rapidly"
    HELD_FROM_POWER = "held since power came"
    ARMED = "held until all LEDs flash slowly"
    RELEASED = "released briefly"
    HELD_AGAIN = "held again"
    READY = "held again until all LEDs flash rapidly"
    STUCK = "not released for a long time, until it is"


class Outcome(Enum):
    """What a change of the button, or time, brings about."""

    NOTHING = "nothing"
    TOGGLE_PROGRAMMING = "programming mode is toggled"
    RESTORE_PASSWORD = "the initial password of the website is restored"  # noqa: S105 - no password
    FACTORY_RESET = "the device is reset to its factory settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """The programming button and since when it is in its stage [monotonic s]."""

    stage: Stage = Stage.IDLE
    since: float = 0.0

    @property
    def restores_password(self) -> bool:
        """Tell whether the Programming LED flashes rapidly: a release restores the password."""
        return self.stage is Stage.RESTORING

    @property
    def is_flashing_slowly(self) -> bool:
        """Tell whether all LEDs flash slowly: the button may be released."""
        return self.stage in (Stage.ARMED, Stage.RELEASED, Stage.HELD_AGAIN)

    @property
    def is_flashing_rapidly(self) -> bool:
        """Tell whether all LEDs flash rapidly: releasing the button resets the device."""
        return self.stage is Stage.READY


class _ByTime(NamedTuple):
    """How long a stage lasts while nothing happens, and what follows it then."""

    lasts_s: float
    following: Stage


_BY_TIME = {
    Stage.PRESSED: _ByTime(RESTORE_S, Stage.RESTORING),
    Stage.RESTORING: _ByTime(TOO_LONG_S - RESTORE_S, Stage.STUCK),
    Stage.HELD_FROM_POWER: _ByTime(ARM_S, Stage.ARMED),
    Stage.ARMED: _ByTime(STUCK_S, Stage.STUCK),
    Stage.RELEASED: _ByTime(RELEASE_S, Stage.IDLE),
    Stage.HELD_AGAIN: _ByTime(CONFIRM_S, Stage.READY),
    Stage.READY: _ByTime(STUCK_S, Stage.STUCK),
}
_BY_PRESS = {Stage.IDLE: Stage.PRESSED, Stage.RELEASED: Stage.HELD_AGAIN}
_BY_RELEASE = {
    Stage.PRESSED: Stage.IDLE,
    Stage.RESTORING: Stage.IDLE,
    Stage.HELD_FROM_POWER: Stage.IDLE,
    Stage.ARMED: Stage.RELEASED,
    Stage.HELD_AGAIN: Stage.IDLE,  # given up
    Stage.READY: Stage.IDLE,
    Stage.STUCK: Stage.IDLE,
}


def power_on(*, is_pressed: bool, now_s: float) -> Button:
    """Return the button as it is when power comes."""
    return Button(stage=Stage.HELD_FROM_POWER if is_pressed else Stage.IDLE, since=now_s)


def tick(button: Button, now_s: float) -> Button:
    """Let time pass; call it often enough to see the stages (every 0.1 s or so)."""
    while button.stage in _BY_TIME:
        lasts_s, following = _BY_TIME[button.stage]
        if now_s - button.since < lasts_s:
            break
        button = Button(stage=following, since=button.since + lasts_s)
    return button


def press(button: Button, now_s: float) -> Button:
    """Return the button after a press; one while it is pressed already changes nothing."""
    button = tick(button, now_s)
    following = _BY_PRESS.get(button.stage)
    return button if following is None else Button(stage=following, since=now_s)


def release(button: Button, now_s: float) -> "Released":
    """Return the button after its release, and what that brings about.

    The release of a button that is not pressed changes nothing.
    """
    button = tick(button, now_s)
    following = _BY_RELEASE.get(button.stage)
    if following is None:
        return Released(button, Outcome.NOTHING)
    outcome = Outcome.NOTHING
    if button.stage is Stage.READY:
        outcome = Outcome.FACTORY_RESET
    elif button.stage is Stage.RESTORING:
        outcome = Outcome.RESTORE_PASSWORD
    elif button.stage is Stage.PRESSED and now_s - button.since <= SHORT_S:
        outcome = Outcome.TOGGLE_PROGRAMMING
    return Released(replace(button, stage=following, since=now_s), outcome)


def begin_again(*, is_pressed: bool, now_s: float) -> Button:
    """Return the button after its contact has gone, or has come in operation: what was begun is given up.

    One that is held means nothing until its release.
    """
    return Button(stage=Stage.STUCK if is_pressed else Stage.IDLE, since=now_s)


class Released(NamedTuple):
    """The button after its release, and what that brings about."""

    button: Button
    outcome: Outcome
