"""The log at its default level tells the story of a day, and not more than that."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from knxgw.sim.vehicle import Vehicle
from tests.support.world import World

SITE = """
knx: {{link: none}}
charging_points:
  - {{number: 1, name: One, model: {model}, connection: {{host: 127.0.0.1}}}}
group_objects: {{50: [1/1/50], 60: [1/1/60], 55: [1/1/55]}}
"""


class Lines(logging.Handler):
    """What the program says at its default level, without the loggers of others."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def about(self, *words: str) -> list[str]:
        return [text for text in self.texts if all(word in text for word in words)]


@pytest.fixture(name="lines")
def fixture_lines() -> Iterator[Lines]:
    logger, lines = logging.getLogger("knxgw"), Lines()
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(lines)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(before)


@pytest.mark.long
@pytest.mark.proves("H.86")
async def test_a_session_is_told_when_it_begins_and_with_its_energy_when_it_ends(
    tmp_path: Path, lines: Lines
) -> None:
    async with World(SITE.format(model="alfen_eve"), tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle())
        await world.sleep(1250)
        charged_kwh = world.charger().session_wh / 1000
        world.charger().unplug()
        await world.sleep(20)
    begun = lines.about("session started")
    assert begun == ["cp1: session started, state 8 (charge), offer 16.0 A"]
    (ended,) = lines.about("session ended")
    assert ended.startswith("cp1: session ended: ")
    assert ended.endswith(" kWh in 20 min")
    assert float(ended.split()[3]) == pytest.approx(charged_kwh, abs=0.05)


async def test_a_session_of_a_charger_that_measures_nothing_says_so(
    tmp_path: Path, lines: Lines
) -> None:
    async with World(SITE.format(model="evse_din"), tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle())
        await world.sleep(125)
        world.charger().unplug()
        await world.sleep(20)
    assert lines.about("session ended") == ["cp1: session ended: energy not measured in 2 min"]


@pytest.mark.proves("H.86")
async def test_a_fault_of_the_charger_is_told_with_its_own_code_in_words(
    tmp_path: Path, lines: Lines
) -> None:
    async with World(SITE.format(model="goe_charger"), tmp_path) as world:
        world.strict = False
        charger = world.charger()
        charger.show("error_1", 8)
        await world.sleep(20)
        charger.show("error_1", 3)
        await world.sleep(20)
        charger.fixed.clear()
        await world.sleep(20)
    faults = lines.about("cp1", "ChargerError")
    assert faults == [
        "cp1: fault ChargerError raised (0x0008 (no ground))",
        "cp1: fault ChargerError cleared",
    ]
    assert lines.about("own code") == ["cp1: the charger's own code is 0x0003 (phase fault)"]


async def test_setpoints_that_come_every_few_seconds_are_details(
    tmp_path: Path, lines: Lines
) -> None:
    async with World(SITE.format(model="alfen_eve"), tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle())
        await world.sleep(30)
        before = len(lines.texts)
        for turn in range(60):
            await world.write("1/1/60", 8.0 + turn % 8, "14.019")
            await world.sleep(5)
        assert lines.texts[before:] == []
        await world.write("1/1/55", True)
        await world.sleep(10)
        assert lines.about("offer 0.0 A (interruption)")
