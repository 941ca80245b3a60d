"""The front panel of a running device: programming mode, the button's presses, what the LEDs show.

A driver that reads a real contact hands the panel its presses and releases; the button itself is a
pure machine (`button`), and time passes in it whenever somebody looks. No page and no telegram can
press it. Source: product 8.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from knxgw.device.button import Outcome, begin_again, power_on, press, release, tick
from knxgw.device.panel import PanelState, Phase

log = logging.getLogger(__name__)


class ButtonContact(Protocol):
    """The contact of the programming button; its driver takes the bouncing away."""

    @property
    def is_there(self) -> bool:
        """Tell whether there is a button that can be pressed now; safe from any thread."""

    @property
    def is_pressed(self) -> bool:
        """Tell whether the button is held now."""

    def report_to(
        self,
        press: Callable[[], None],
        release: Callable[[], None],
        begin_again: Callable[[bool], None],
    ) -> None:
        """Call one of the first two at each change from now on; all are safe from any thread.

        `begin_again`, with whether the button is held: the contact has come, has gone, or is another.
        """


class FrontPanel:
    """Programming mode and the programming button of one device."""

    def __init__(
        self,
        contact: ButtonContact | None,
        *,
        now_s: Callable[[], float],
        soon: Callable[..., object],
        is_power_on: bool,
    ) -> None:
        """Begin; `soon` calls on the thread of the device whatever comes from that of a driver.

        `is_power_on`: power has just come, so that a held button begins the reset. Where only the
        program was started again, a button that is held means nothing until its release.
        """
        self.on_outcome: Callable[[Outcome], None] = lambda _outcome: None
        self.on_programming: Callable[[], None] = lambda: None  # the mode was switched
        self._soon = soon
        self._contact = contact
        self._is_programming = False
        self._now_s = now_s
        is_pressed = contact is not None and contact.is_pressed
        begin = power_on if is_power_on else begin_again
        self._button = begin(is_pressed=is_pressed, now_s=now_s())
        if contact is not None:
            contact.report_to(self.press, self.release, self.begin_again)

    @property
    def is_programming(self) -> bool:
        """Tell whether the device is in programming mode; safe from any thread."""
        return self._is_programming

    def set_programming(self, is_on: bool) -> None:  # noqa: FBT001 - a mode is on or off
        """Switch the programming mode, whoever asks for it; safe from any thread."""
        self._is_programming = is_on
        self._soon(self.on_programming)

    @property
    def has_button(self) -> bool:
        """Tell whether a real button can be pressed; safe from any thread."""
        return self._contact is not None and self._contact.is_there

    def press(self) -> None:
        """Note that the real button was pressed; safe from any thread."""
        self._soon(self._pressed, self._now_s())

    def release(self) -> None:
        """Note that it was released, which may bring something about; safe from any thread."""
        self._soon(self._released, self._now_s())

    def begin_again(self, is_pressed: bool) -> None:  # noqa: FBT001 - it is held, or not
        """Note that the contact has come, has gone, or is another; safe from any thread."""
        self._soon(self._begun_again, is_pressed, self._now_s())

    def _begun_again(self, is_pressed: bool, at_s: float) -> None:  # noqa: FBT001 - as above
        self._button = begin_again(is_pressed=is_pressed, now_s=at_s)

    def _pressed(self, at_s: float) -> None:
        self._button = press(self._button, at_s)

    def _released(self, at_s: float) -> None:
        self._button, outcome = release(self._button, at_s)
        if outcome is Outcome.NOTHING:
            return
        if outcome is Outcome.TOGGLE_PROGRAMMING:
            self.set_programming(not self._is_programming)
        log.info("the programming button: %s", outcome.value)
        self.on_outcome(outcome)

    def state(self, device: PanelState) -> PanelState:
        """Return what the LEDs show of a device, with programming mode and the button."""
        button = tick(self._button, self._now_s())
        phase = device.phase
        if button.is_flashing_slowly:
            phase = Phase.RESET_ARMED
        elif button.is_flashing_rapidly:
            phase = Phase.RESET_READY
        return replace(
            device,
            phase=phase,
            is_programming=self._is_programming,
            restores_password=button.restores_password,
        )
