"""GPIO lines as the front panel needs them: what a driver of a chip has to do, and what may go wrong.

`gpiod_lines` does it with the chips of the machine; tests have chips in memory. Levels are logical here:
active means pressed or lit, whatever the polarity of the line. Every call may take as long as the bus of the
chip (USB, I2C) takes, but `InputLine.changes`, which never waits.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from knxgw.errors import LinkError

CONSUMER = "knxgw"  # the name by which others see who holds a line


class Line(NamedTuple):
    """A line as the configuration names it."""

    name: str  # of the line, or its offset at the chip
    is_active_low: bool


class GpioProblem(StrEnum):
    """Why lines cannot be had."""

    NO_LIBRARY = "no_library"  # gpiod cannot be imported
    CHIP_ABSENT = "chip_absent"
    NO_CHIP = "no_chip"  # the device file is something else
    NOT_ALLOWED = "not_allowed"
    LINE_UNKNOWN = "line_unknown"
    LINE_BUSY = "line_busy"
    CHIP_LOST = "chip_lost"  # it was there
    REFUSED = "refused"  # for any other reason


_WORDS: Mapping[GpioProblem, str] = {
    GpioProblem.NO_LIBRARY: "the Python package gpiod cannot be imported; install it",
    GpioProblem.CHIP_ABSENT: "there is no GPIO chip {chip}; gpiodetect lists those there are",
    GpioProblem.NO_CHIP: "{chip} is no GPIO chip; gpiodetect lists those there are",
    GpioProblem.NOT_ALLOWED: "{chip} may not be opened; add the user of the gateway to the group gpio",
    GpioProblem.LINE_UNKNOWN: "{chip} has no line {line}; gpioinfo lists those there are",
    GpioProblem.LINE_BUSY: "line {line} of {chip} is used by {holder}; end that, or use another line",
    GpioProblem.CHIP_LOST: "{chip} does not answer any more ({reason}); check how it is connected",
    GpioProblem.REFUSED: "{chip} refuses line {line} ({reason}); use another line",
}


class GpioError(LinkError):
    """Lines cannot be had, or not any more. Its text names cause and remedy."""

    def __init__(
        self, problem: GpioProblem, chip: str, line: str = "", *, holder: str = "", reason: str = ""
    ) -> None:
        self.problem, self.chip, self.line, self.holder = problem, chip, line, holder
        words = _WORDS[problem]
        text = words.format(
            chip=chip, line=line, holder=holder or "somebody who gives no name", reason=reason
        )
        super().__init__(text)


class InputLine(Protocol):
    """A line with a button, which is held."""

    def fileno(self) -> int | None:
        """Return what is readable while changes wait.

        None: the chip reports none, and takes no bouncing away; its level has to be looked at.
        """

    def is_active(self) -> bool:
        """Tell whether the line is active now. Raises: GpioError."""

    def changes(self) -> tuple[bool, ...]:
        """Return the levels that came since the last call, debounced, and wait for none. Raises: GpioError."""

    def release(self) -> None:
        """Let go of the line; again does nothing."""


class OutputLines(Protocol):
    """Lines with LEDs, which are held."""

    def set(self, active: Mapping[Line, bool]) -> None:
        """Set some of them; the others stay. Raises: GpioError."""

    def release(self) -> None:
        """Let go of the lines; again does nothing."""


class Gpio(Protocol):
    """The GPIO chips of a machine. A chip is named by its device file, its name or its label."""

    def watch(self, chip: str, line: Line, debounce_s: float) -> InputLine:
        """Hold a line as an input, pulled to its inactive level. Raises: GpioError."""

    def drive(self, chip: str, active: Mapping[Line, bool]) -> OutputLines:
        """Hold lines as outputs, at a level from the beginning. Raises: GpioError."""
