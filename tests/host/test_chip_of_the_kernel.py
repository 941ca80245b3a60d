"""The front panel and what a launcher shows, on a chip that the kernel simulates, in real time."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from knxgw.config.model import PanelLine, PanelSettings
from knxgw.device.panel import PanelState, Phase, leds
from knxgw.host.gpio_panel import GpioPanel
from knxgw.monitoring.self_test import Problem
from tests.support import gpio_sim
from tests.support.gpio_sim import LABEL, SimulatedChip, simulated_chip
from tests.support.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.peers]
SETTINGS = PanelSettings(
    chip=LABEL,
    button=PanelLine(line="BUTTON", is_active_low=True),
    led_programming=PanelLine(line="5", is_active_low=False),
    led_app=PanelLine(line="6", is_active_low=False),
    led_com=PanelLine(line="7", is_active_low=True),
)


@pytest.fixture
def chip() -> Iterator[SimulatedChip]:
    if why_not := gpio_sim.why_not():
        pytest.skip(why_not)
    with simulated_chip(8, {2: "BUTTON"}, {0: "somebody"}) as simulated:
        yield simulated


@pytest.mark.proves("8.2", "8.37", "8.41")
async def test_the_panel_works_goes_with_its_chip_and_comes_back(chip: SimulatedChip) -> None:
    panel, reported = GpioPanel(), list[str]()
    state = PanelState(phase=Phase.RUNNING, is_knx_connected=True, is_programming=True)
    loop = asyncio.get_running_loop()

    def lit(*, is_on: bool) -> Callable[[], bool]:
        expected = [is_on, is_on, not is_on]
        return lambda: [chip.level(offset) for offset in (5, 6, 7)] == expected

    async with panel.held(SETTINGS), asyncio.TaskGroup() as group:
        assert [chip.level(offset) for offset in (5, 6, 7)] == [False, False, False], "it starts"
        panel.report_to(
            lambda: reported.append("press"),
            lambda: reported.append("release"),
            lambda is_pressed: reported.append("held" if is_pressed else "free"),
        )
        task = group.create_task(panel.run(lambda: leds(state, loop.time())))
        await until(lit(is_on=True), 5, "the LEDs")
        chip.drive(2, is_high=False)
        await until(lambda: reported == ["press"], 5, "the press")
        chip.drive(2, is_high=True)
        await until(lambda: reported == ["press", "release"], 5, "the release")
        chip.unplug()
        panel._check_at = loop.time()  # this kernel need not tell it
        state = PanelState(phase=Phase.STARTING)
        await until(lambda: not panel.is_there, 5, "the chip to be missed")
        assert panel.test().problem in (Problem.GPIO_CHIP_LOST, Problem.GPIO_CHIP_ABSENT)
        assert reported == ["press", "release", "free"]
        chip.plug()
        state = PanelState(phase=Phase.RUNNING, is_knx_connected=True, is_programming=True)
        await until(lambda: panel.is_there, 15, "the button again")
        await until(lit(is_on=True), 5, "the LEDs again")
        chip.drive(2, is_high=False)
        await until(lambda: reported[-1] == "press", 5, "another press")
        task.cancel()
    assert [chip.level(offset) for offset in (5, 6)] == [False, False], "off at the end"


@pytest.mark.proves("8.37")
async def test_the_kernel_names_who_has_a_line(chip: SimulatedChip) -> None:
    panel = GpioPanel()
    busy = PanelSettings(
        chip=chip.device,
        button=None,
        led_programming=None,
        led_app=PanelLine(line="0", is_active_low=False),
        led_com=None,
    )
    async with panel.held(busy):
        row = panel.test()
        assert (row.problem, row.subject) == (Problem.GPIO_LINE_BUSY, "0 (somebody)")


@pytest.mark.proves("8.42")
def test_a_launcher_flashes_app_until_it_is_told_to_end(chip: SimulatedChip) -> None:
    command = [sys.executable, "-m", "knxgw.host.gpio_pattern", "--chip", LABEL, "--app", "6"]
    with subprocess.Popen(
        [*command, "--com", "7", "--com-active", "low", "--pattern", "broken"]
    ) as process:
        seen: set[tuple[bool, bool]] = set()
        for _ in range(200_000):
            seen.add((chip.level(6), chip.level(7)))
            if len(seen) == 3:
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert seen == {(False, False), (False, True), (True, True)}, (
        "before; then APP flashes, COM is off"
    )
    assert not chip.level(6)
