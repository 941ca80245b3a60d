"""Shows on the LEDs that no firmware runs, until SIGTERM: for a launcher, in a process of its own.

`python -m knxgw.host.gpio_pattern --chip pinctrl-rp1 --app 23 --com 24 --pattern broken`

It imports gpiod and the rules of the LEDs, and nothing else of the program. At the end the LEDs are off and
their lines free; a launcher waits for that before it starts the firmware. Lines that cannot be had end it
with status 1 and the reason. Source: product 8.7, 8.8, 8.42.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from knxgw.device.panel import EDGE_S, PanelState, Phase, leds
from knxgw.host.gpio import Gpio, GpioError, Line
from knxgw.host.own_gpio import own_gpio

PHASES = {"broken": Phase.FIRMWARE_BROKEN, "reverting": Phase.FIRMWARE_REVERTING}
_ENDS = (signal.SIGTERM, signal.SIGINT)


class Wiring(NamedTuple):
    """Which lines the LEDs have; None: there is no such LED."""

    chip: str
    app: Line | None
    com: Line | None


def show(
    gpio: Gpio,
    wiring: Wiring,
    phase: Phase,
    *,
    now_s: Callable[[], float],
    is_over: Callable[[float], bool],
) -> None:
    """Drive APP and COM, until `is_over` has waited for so long [s] and says so. Raises: GpioError."""
    held = gpio.drive(wiring.chip, _levels(wiring, Phase.OFF, now_s()))
    try:
        while True:
            at_s = now_s()
            held.set(_levels(wiring, phase, at_s))
            if is_over(EDGE_S - at_s % EDGE_S):
                break
        held.set(_levels(wiring, Phase.OFF, now_s()))
    finally:
        held.release()


def _levels(wiring: Wiring, phase: Phase, at_s: float) -> dict[Line, bool]:
    """Return which of the lines are active at a moment."""
    lit = leds(PanelState(phase=phase), at_s)
    both = ((wiring.app, lit.app), (wiring.com, lit.com))
    return {line: is_on for line, is_on in both if line is not None}


def main(arguments: Sequence[str] | None = None, gpio: Callable[[], Gpio] = own_gpio) -> int:
    """Show a pattern until SIGTERM or SIGINT; return the exit status."""
    given = _parser().parse_args(arguments)
    wiring = Wiring(
        given.chip,
        None if given.app is None else Line(given.app, given.app_active == "low"),
        None if given.com is None else Line(given.com, given.com_active == "low"),
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)  # they are waited for
    try:
        show(
            gpio(),
            wiring,
            PHASES[given.pattern],
            now_s=time.monotonic,  # noqa: TID251 - a process of its own hands it in here
            is_over=lambda wait_s: signal.sigtimedwait(_ENDS, wait_s) is not None,
        )
    except GpioError as err:
        sys.stderr.write(f"front panel: the LEDs cannot be used: {err}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m knxgw.host.gpio_pattern",
        description="Shows on the LEDs that no firmware runs, until SIGTERM.",
    )
    parser.add_argument("--chip", required=True, help="device file, name or label")
    for led in ("app", "com"):
        parser.add_argument(f"--{led}", help="line: name or offset")
        parser.add_argument(f"--{led}-active", choices=("low", "high"), default="high")
    parser.add_argument("--pattern", choices=sorted(PHASES), required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
