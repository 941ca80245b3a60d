"""libgpiod as it is installed here: what it says where there is nothing to hold, and where it is missing."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from knxgw.device.debounce import DEBOUNCE_S
from knxgw.host.gpio import GpioError, GpioProblem, Line
from knxgw.host.gpiod_lines import GpiodLines
from knxgw.host.own_gpio import own_gpio

LINE = Line("1", True)
NOBODY = 65534


def problem(chip: str, devices: Path = Path("/dev")) -> GpioProblem:
    gpio = GpiodLines(devices)
    with pytest.raises(GpioError, match=re.escape(chip)) as of_button:
        gpio.watch(chip, LINE, DEBOUNCE_S)
    with pytest.raises(GpioError, match=re.escape(chip)) as of_leds:
        gpio.drive(chip, {LINE: False})
    assert of_button.value.problem is of_leds.value.problem
    return of_leds.value.problem


@pytest.mark.proves("8.37")
def test_a_device_file_that_does_not_exist_is_an_absent_chip() -> None:
    assert problem("/dev/gpiochip99") is GpioProblem.CHIP_ABSENT


@pytest.mark.parametrize("chip", ["pinctrl-bcm2711", "gpiochip99", "é", "a" * 100])
def test_a_label_that_no_chip_has_is_an_absent_chip(chip: str) -> None:
    assert problem(chip) is GpioProblem.CHIP_ABSENT


def test_a_file_that_is_no_chip_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no chip")
    for file in (tmp_path / "file", tmp_path, Path("/dev/null")):
        assert problem(str(file)) is GpioProblem.NO_CHIP


def test_other_files_beside_the_chips_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").write_text("no chip")
    assert problem("pinctrl-bcm2711", tmp_path) is GpioProblem.CHIP_ABSENT


@pytest.fixture
def without_rights() -> Iterator[None]:
    """Let the test be a user who may open nothing."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.proves("8.37")
@pytest.mark.usefixtures("without_rights")
def test_a_chip_that_may_not_be_opened_says_which_group_may() -> None:
    assert problem("/root/gpiochip0") is GpioProblem.NOT_ALLOWED


def test_a_machine_without_gpiod_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(own_gpio(), GpiodLines)
    monkeypatch.delitem(sys.modules, "knxgw.host.gpiod_lines", raising=False)
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(GpioError, match="install") as caught:
        own_gpio()
    assert caught.value.problem is GpioProblem.NO_LIBRARY
