"""A whole gateway with its front panel on GPIO lines in memory, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from knxgw.device.panel import Leds
from knxgw.host.gpio_panel import GpioPanel
from knxgw.monitoring.self_test import Check, Problem, Verdict
from knxgw.service import Service
from knxgw.website.access.answers import Action
from tests.device.watching import in_words
from tests.gateway.test_programming_button import SITE, Contact, Device
from tests.support.fake_gpio import FakeChip, FakeGpio
from tests.support.virtual_time import InlineExecutor
from tests.support.world import World, configure

BUTTON, RED, GREEN, YELLOW = 17, 22, 23, 24
PANEL = (
    f"panel: {{chip: board, button: {BUTTON}, led_programming: {RED}, led_app: {GREEN}, "
    f"led_com: {YELLOW}}}\n"
)


class Board(Contact):
    """The chip of the panel: its button is one that a test closes and opens."""

    def __init__(self, chip: FakeChip) -> None:
        super().__init__()
        self.chip = chip

    def close(self) -> None:
        self.chip.drive(BUTTON, is_high=False)

    def open(self) -> None:
        self.chip.drive(BUTTON, is_high=True)

    @property
    def lit(self) -> Leds:
        levels = self.chip.levels
        return Leds(programming=levels[RED], app=levels[GREEN], com=levels[YELLOW])

    async def watch(self, seconds: float = 6.0) -> tuple[str, str, str]:
        """Say what Programming, APP and COM do."""
        await asyncio.sleep(0.01)  # between the edges
        seen = []
        for _ in range(round(seconds / 0.02)):
            seen.append(self.lit)
            await asyncio.sleep(0.02)
        programming, app, com = (in_words(seen, led) for led in ("programming", "app", "com"))
        return programming, app, com


class WithPanel(Device):
    """A running gateway with its accounts and its panel."""

    board: Board
    panel: GpioPanel


@asynccontextmanager
async def gateway(state: Path, chip: FakeChip | None = None) -> AsyncIterator[WithPanel]:
    """Run a gateway as `living` does: the panel first."""
    board = Board(chip or FakeChip())
    panel = GpioPanel(FakeGpio({"board": board.chip}).own, InlineExecutor())
    settings = configure(SITE + PANEL).panel
    async with (
        panel.held(settings),
        World(SITE + PANEL, state, run_gateway=False, contact=panel) as world,
    ):
        world.strict = False
        world.start_gateway()
        showing = world._group.create_task(panel.run(world.gateway.leds))
        world.service = Service(world.gateway, world._group, gpio=panel.test)
        device = WithPanel(world, board, state, can_restart=True)
        device.board, device.panel = board, panel
        try:
            yield device
        finally:
            showing.cancel()


@pytest.mark.proves("8.2", "8.3", "8.4")
async def test_app_is_dark_while_it_starts_and_lit_when_it_is_ready(tmp_path: Path) -> None:
    async with gateway(tmp_path) as at:
        assert at.board.lit == Leds(programming=False, app=False, com=True)
        await at.world.sleep(30)
        assert await at.board.watch() == ("off", "on", "on")
    assert at.board.lit == Leds(programming=False, app=False, com=False)


@pytest.mark.proves("8.2", "8.16", "8.20")
async def test_a_short_press_toggles_programming_mode_and_its_led(tmp_path: Path) -> None:
    async with gateway(tmp_path) as at:
        await at.world.sleep(30)
        for is_lit in (True, False, True):
            await at.hold(0.4)
            assert at.world.gateway.panel.is_programming is is_lit
            assert at.board.lit.programming is is_lit


@pytest.mark.proves("8.2", "8.34", "8.35")
async def test_held_for_ten_to_twenty_seconds_it_restores_the_password(tmp_path: Path) -> None:
    async with gateway(tmp_path) as at:
        await at.world.sleep(30)
        token = at.own_password()
        at.board.close()
        await at.world.sleep(11)
        assert await at.board.watch(4.0) == ("rapid flash", "on", "on")
        at.board.open()
        await at.world.sleep(0.5)
        assert at.accounts.session_of(token) is None
        assert at.newest().action == Action.INITIAL_PASSWORD
        assert await at.board.watch() == ("off", "on", "on")


@pytest.mark.proves("8.2", "8.21", "8.22", "8.23")
@pytest.mark.parametrize("has_edges", [True, False])
async def test_the_sequence_that_begins_with_power_on_resets_the_device(
    has_edges: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
) -> None:
    chip = FakeChip(has_edges=has_edges)
    chip.levels[BUTTON] = False  # held
    async with gateway(tmp_path, chip) as at:
        await at.world.sleep(31)
        assert await at.board.watch(4.0) == ("slow flash",) * 3
        at.board.open()
        await at.world.sleep(1)
        at.board.close()
        await at.world.sleep(6)
        assert await at.board.watch(4.0) == ("rapid flash",) * 3
        assert at.resets == 0
        at.board.open()
        await at.world.sleep(0.5)
        assert at.resets == 1


@pytest.mark.proves("8.40", "8.37")
async def test_a_chip_that_is_pulled_at_the_worst_moment_resets_nothing(tmp_path: Path) -> None:
    chip = FakeChip()
    chip.levels[BUTTON] = False
    async with gateway(tmp_path, chip) as at:
        await at.world.sleep(31)
        at.board.open()
        await at.world.sleep(1)
        at.board.close()
        await at.world.sleep(6)
        chip.unplug()
        await at.world.sleep(60)
        chip.plug()
        await at.world.sleep(30)
        assert at.resets == 0
        assert at.world.gateway.is_ready, "charging goes on"
        assert await at.board.watch() == ("off", "on", "on")


@pytest.mark.proves("8.37")
async def test_without_its_chip_the_device_runs_and_the_self_test_says_why(tmp_path: Path) -> None:
    chip = FakeChip()
    chip.holders[GREEN] = "leds-gpio"
    async with gateway(tmp_path, chip) as at:
        await at.world.sleep(30)
        assert at.world.gateway.is_ready
        at.world.service.start_self_test()
        await at.world.sleep(0.1)
        progress = at.world.service.self_test
        await at.world.until(lambda: not progress.progress.is_running, 60.0)
        (row,) = [one for one in progress.progress.rows if one.check is Check.GPIO]
        assert (row.verdict, row.problem) == (Verdict.WARNING, Problem.GPIO_LINE_BUSY)
        assert row.subject == f"{GREEN} (leds-gpio)"
        await at.hold(0.4)
        assert at.world.gateway.panel.is_programming, "the button has its line all the same"
