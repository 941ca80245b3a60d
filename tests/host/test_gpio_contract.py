"""What every driver of GPIO lines does: one in memory, and libgpiod with a chip that the kernel simulates."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest

from knxgw.device.debounce import DEBOUNCE_S
from knxgw.host.gpio import Gpio, GpioError, GpioProblem, InputLine, Line
from tests.support import gpio_sim
from tests.support.fake_gpio import FakeChip, FakeGpio

LINES, NAMES, HOLDERS = 8, {2: "BUTTON", 5: "LED"}, {7: "somebody"}
LOW_BUTTON, HIGH_BUTTON = Line("BUTTON", True), Line("3", False)
HIGH_LED, LOW_LED = Line("LED", False), Line("6", True)


class Drive(Protocol):
    def __call__(self, offset: int, *, is_high: bool) -> None: ...


@dataclass
class Rig:
    """A driver, and what the outside does to its chip."""

    gpio: Gpio
    chip: str
    drive: Drive
    level: Callable[[int], bool]


@pytest.fixture(
    params=[
        "in memory",
        pytest.param("of the kernel", marks=[pytest.mark.real, pytest.mark.peers]),
    ]
)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "in memory":
        chip = FakeChip(LINES, NAMES)
        chip.holders |= HOLDERS
        yield Rig(FakeGpio({"board": chip}), "board", chip.drive, chip.levels.__getitem__)
        return
    if why_not := gpio_sim.why_not():
        pytest.skip(why_not)
    from knxgw.host.gpiod_lines import GpiodLines  # noqa: PLC0415 - Linux only

    with gpio_sim.simulated_chip(LINES, NAMES, HOLDERS) as simulated:
        yield Rig(GpiodLines(), simulated.device, simulated.drive, simulated.level)


@contextmanager
def watched(rig: Rig, line: Line) -> Iterator[InputLine]:
    held = rig.gpio.watch(rig.chip, line, DEBOUNCE_S)
    try:
        yield held
    finally:
        held.release()


async def read(line: InputLine) -> tuple[bool, ...]:
    """Return the changes, once the loop was told that there are some."""
    fd, is_readable = line.fileno(), asyncio.Event()
    assert fd is not None
    loop = asyncio.get_running_loop()
    loop.add_reader(fd, is_readable.set)
    try:
        async with asyncio.timeout(5 * DEBOUNCE_S):
            await is_readable.wait()
    except TimeoutError:
        return ()
    finally:
        loop.remove_reader(fd)
    return line.changes()


@pytest.mark.proves("8.36")
@pytest.mark.parametrize(("line", "offset"), [(LOW_BUTTON, 2), (HIGH_BUTTON, 3)])
async def test_a_button_is_pressed_at_its_active_level_and_pulled_to_the_other_one(
    rig: Rig, line: Line, offset: int
) -> None:
    with watched(rig, line) as held:
        assert not held.is_active()
        rig.drive(offset, is_high=not line.is_active_low)
        assert await read(held) == (True,)
        assert held.is_active()
        rig.drive(offset, is_high=line.is_active_low)
        assert await read(held) == (False,)
        assert held.changes() == (), "each is told once, and nothing waits"


@pytest.mark.proves("8.38")
async def test_a_change_shorter_than_the_debounce_time_is_none(rig: Rig) -> None:
    with watched(rig, LOW_BUTTON) as held:
        for is_high in (False, True, False, True):
            rig.drive(2, is_high=is_high)
        assert await read(held) == ()
        for is_high in (False, True, False):
            rig.drive(2, is_high=is_high)
        assert await read(held) == (True,)


@pytest.mark.proves("8.36")
async def test_leds_are_lit_at_their_active_level_from_the_beginning(rig: Rig) -> None:
    held = rig.gpio.drive(rig.chip, {HIGH_LED: True, LOW_LED: False})
    try:
        assert (rig.level(5), rig.level(6)) == (True, True)
        held.set({LOW_LED: True})
        assert (rig.level(5), rig.level(6)) == (True, False), "the other one stays"
        held.set({HIGH_LED: False})
        assert (rig.level(5), rig.level(6)) == (False, False)
    finally:
        held.release()


async def test_a_line_that_is_held_is_busy_until_it_is_let_go(rig: Rig) -> None:
    held = rig.gpio.drive(rig.chip, {HIGH_LED: False})
    with pytest.raises(GpioError, match="is used by knxgw") as caught:
        rig.gpio.watch(rig.chip, Line("5", True), DEBOUNCE_S)
    assert caught.value.problem is GpioProblem.LINE_BUSY
    held.release()
    held.release()
    rig.gpio.drive(rig.chip, {HIGH_LED: False}).release()


@pytest.mark.proves("8.37")
async def test_a_busy_line_names_who_has_it(rig: Rig) -> None:
    with pytest.raises(GpioError, match=r"line 7 of .* is used by somebody") as caught:
        rig.gpio.drive(rig.chip, {HIGH_LED: False, Line("7", False): False})
    assert (caught.value.line, caught.value.holder) == ("7", "somebody")
    rig.gpio.drive(rig.chip, {HIGH_LED: False}).release()


async def test_the_same_line_by_name_and_by_offset_is_busy(rig: Rig) -> None:
    with pytest.raises(GpioError) as caught:
        rig.gpio.drive(rig.chip, {HIGH_LED: False, Line("5", False): False})
    assert caught.value.problem is GpioProblem.LINE_BUSY


@pytest.mark.proves("8.37")
@pytest.mark.parametrize("name", ["8", "NOTHING", "-1", "99999999999999999999", "2.0"])
async def test_a_line_that_the_chip_does_not_have_is_named(rig: Rig, name: str) -> None:
    for ask in (
        lambda: rig.gpio.watch(rig.chip, Line(name, True), DEBOUNCE_S),
        lambda: rig.gpio.drive(rig.chip, {Line(name, False): False}),
    ):
        with pytest.raises(GpioError) as caught:
            ask()
        assert (caught.value.problem, caught.value.line) == (GpioProblem.LINE_UNKNOWN, name)


@pytest.mark.parametrize("chip", ["/dev/no-such-chip", "no-such-label"])
async def test_a_chip_that_is_not_there_is_named(rig: Rig, chip: str) -> None:
    with pytest.raises(GpioError, match=chip) as caught:
        rig.gpio.watch(chip, LOW_BUTTON, DEBOUNCE_S)
    assert caught.value.problem is GpioProblem.CHIP_ABSENT


async def test_lines_that_were_let_go_cannot_be_used(rig: Rig) -> None:
    lit = rig.gpio.drive(rig.chip, {HIGH_LED: False})
    with watched(rig, LOW_BUTTON) as held:
        pass
    lit.release()
    with pytest.raises(GpioError):
        lit.set({HIGH_LED: True})
    with pytest.raises(GpioError):
        held.is_active()
