"""A device that lives takes its panel from the configuration, follows it, and lets go of it at the end."""

from pathlib import Path

import pytest

from knxgw.device.panel import Leds
from knxgw.host.gpio_panel import GpioPanel
from knxgw.judgement import Prepared, judge_reload, judge_start
from knxgw.living import Living, living, open_store
from tests.support.fake_gpio import FakeChip, FakeGpio
from tests.support.processes import GOOD, free_port
from tests.support.virtual_time import InlineExecutor
from tests.support.waiting import until

pytestmark = pytest.mark.real
PANEL = "panel: {chip: board, button: 17, led_programming: 22, led_app: 23, led_com: 24}\n"
MOVED = PANEL.replace("17", "18").replace("23", "25")


class Device:
    """The files of a device, and its chip."""

    def __init__(self, folder: Path) -> None:
        self.file, self.state = folder / "site.yaml", folder / "state"
        self.text = GOOD.format(web=free_port(), port=free_port())
        self.chip = FakeChip()
        self.panel = GpioPanel(FakeGpio({"board": self.chip}).own, InlineExecutor())

    def start(self, panel: str) -> Prepared:
        self.file.write_text(self.text + panel, encoding="utf-8")
        prepared = judge_start(self.file, self.state).prepared
        assert prepared is not None
        return prepared

    @staticmethod
    def has_button(device: Living) -> bool:
        return device.gateway.panel.has_button

    def reload(self, panel: str, running: Prepared) -> Prepared:
        prepared = judge_reload(
            self.file, running, state=self.state, text=self.text + panel
        ).prepared
        assert prepared is not None
        return prepared


@pytest.mark.proves("8.2", "8.39", "8.41")
async def test_the_panel_of_the_configuration_is_held_followed_and_let_go(tmp_path: Path) -> None:
    at = Device(tmp_path)
    prepared = at.start(PANEL)
    with open_store(at.state) as store:
        async with living(prepared, store, panel=at.panel) as device:
            assert set(at.chip.holders) == {17, 22, 23, 24}
            assert at.chip.written[0] == {22: False, 23: False, 24: True}, "it starts"
            assert at.has_button(device)
            at.chip.drive(17, is_high=False)
            await until(lambda: at.panel.is_pressed, 5, "the button to be pressed")
            at.chip.drive(17, is_high=True)
            await until(lambda: at.chip.levels[22], 5, "the Programming LED")
            moved = at.reload(MOVED, prepared)
            await device.take(moved, prepared)
            await until(lambda: set(at.chip.holders) == {18, 22, 24, 25}, 5, "the other lines")
            assert at.chip.levels[22], "programming mode goes on"
            assert not at.chip.levels[23]
            none = at.reload("", moved)
            await device.take(none, moved)
            await until(lambda: not at.chip.holders, 5, "no lines")
            assert not at.has_button(device)
            await device.take(at.reload(PANEL, none), none)
            await until(lambda: 22 in at.chip.holders, 5, "the lines again")
    assert at.chip.holders == {}
    levels = at.chip.levels
    assert Leds(programming=levels[22], app=levels[23], com=levels[24]) == Leds(
        programming=False, app=False, com=False
    )
    prepared.release()


@pytest.mark.proves("8.37")
async def test_a_device_whose_chip_is_absent_lives(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    at = Device(tmp_path)
    prepared = at.start(PANEL.replace("board", "/dev/gpiochip99"))
    with open_store(at.state) as store:
        async with living(prepared, store) as device:  # with gpiod itself
            await until(lambda: device.gateway.view() is not None, 5, "the device")
            assert not at.has_button(device)
            assert "there is no GPIO chip /dev/gpiochip99" in caplog.text
    prepared.release()
