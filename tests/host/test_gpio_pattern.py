"""What a launcher shows on the LEDs while no firmware runs."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from knxgw.device.panel import Leds, Phase
from knxgw.host import gpio_pattern
from knxgw.host.gpio import Line
from knxgw.host.gpio_pattern import Wiring
from tests.device.watching import LOOK_S, in_words
from tests.support.fake_gpio import FakeChip, FakeGpio

APP, COM = 23, 24
ROOT = Path(__file__).parents[2]
LIGHT = ("knxgw", "knxgw.device", "knxgw.device.panel", "knxgw.errors", "knxgw.host")


class Watched:
    """A clock that jumps, and what is seen meanwhile."""

    def __init__(self, chip: FakeChip, seconds: float) -> None:
        self.now_s, self.end_s = 1000.06, 1000.06 + seconds
        self.seen: list[Leds] = []
        self._chip = chip

    def time(self) -> float:
        return self.now_s

    def is_over(self, wait_s: float) -> bool:
        looks = round(self.now_s / LOOK_S)
        self.now_s += wait_s
        lit = Leds(programming=False, app=self._chip.levels[APP], com=self._chip.levels[COM])
        self.seen += [lit] * (round(self.now_s / LOOK_S) - looks)
        return self.now_s >= self.end_s


@pytest.mark.proves("8.42", "8.7", "8.8")
@pytest.mark.parametrize(
    ("pattern", "app", "com"),
    [("broken", "rapid flash", "off"), ("reverting", "slow flash", "slow flash")],
)
def test_a_pattern_is_shown_until_its_end_and_then_nothing(
    pattern: str, app: str, com: str
) -> None:
    chip = FakeChip()
    watched = Watched(chip, 20.0)
    wiring = Wiring("board", Line(str(APP), False), Line(str(COM), False))
    gpio_pattern.show(
        FakeGpio({"board": chip}), wiring, gpio_pattern.PHASES[pattern],
        now_s=watched.time, is_over=watched.is_over,
    )  # fmt: skip
    assert (in_words(watched.seen, "app"), in_words(watched.seen, "com")) == (app, com)
    if pattern == "reverting":
        assert all(one.app != one.com for one in watched.seen)
    assert (chip.levels[APP], chip.levels[COM]) == (False, False)
    assert chip.holders == {}


def test_an_led_without_a_line_is_left_out_and_one_at_the_low_level_is_off_at_the_high_one() -> (
    None
):
    chip = FakeChip()
    gpio_pattern.show(
        FakeGpio({"board": chip}), Wiring("board", Line(str(APP), True), None), Phase.FIRMWARE_BROKEN,
        now_s=lambda: 0.0, is_over=lambda _wait_s: True,
    )  # fmt: skip
    assert chip.levels == {APP: True}


RUN = """
import sys
from knxgw.host import gpio_pattern
from tests.support.fake_gpio import FakeChip, FakeGpio
chip = FakeChip()
class Told(FakeGpio):
    def drive(self, name, active):
        held = super().drive(name, active)
        print("begins", flush=True)
        return held
arguments = ["--chip", "board", "--app", "23", "--com", "24", "--com-active", "low", "--pattern", "broken"]
status = gpio_pattern.main(arguments, Told({"board": chip}).own)
print(status, chip.levels, chip.holders)
"""


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        process.send_signal(number)
        rest, _ = process.communicate(timeout=30)
    assert rest == "0 {23: False, 24: True} {}\n"


@pytest.mark.real
@pytest.mark.proves("8.42")
def test_as_a_command_it_says_what_is_missing_and_ends() -> None:
    command = [sys.executable, "-m", "knxgw.host.gpio_pattern", "--chip", "/dev/gpiochip99"]
    done = subprocess.run(
        [*command, "--app", "1", "--pattern", "broken"],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "front panel: the LEDs cannot be used: there is no GPIO chip /dev/gpiochip99; "
        "gpiodetect lists those there are\n"
    )


@pytest.mark.real
@pytest.mark.proves("8.42")
def test_it_imports_next_to_nothing_of_the_program() -> None:
    script = (
        "import sys, knxgw.host.gpio_pattern, knxgw.host.gpiod_lines\n"
        "print(*sorted(one for one in sys.modules if one.partition('.')[0] in "
        "('knxgw', 'asyncio', 'logging', 'xknx', 'flask', 'yaml')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    own = (
        "knxgw.host.gpio",
        "knxgw.host.gpio_pattern",
        "knxgw.host.gpiod_lines",
        "knxgw.host.own_gpio",
    )
    assert done.stdout.split() == sorted([*LIGHT, *own])
