"""After a firmware was given up, the previous one says so: LEDs, fault, group objects 8 and 9."""

from pathlib import Path

import pytest

from knxgw.device.panel import Led, Meaning
from knxgw.gateway import RETURNING_S
from tests.support.world import World, from_payload

SITE = """
device: {name: Test, time_zone: Europe/Berlin}
knx: {link: none}
load_management: {mode: "off"}
charging_points:
  - {number: 1, name: One, model: alfen_eve, connection: {type: tcp, host: 127.0.0.1, port: 5021, unit: 1}}
group_objects: {8: 1/0/8, 9: 1/0/9, 50: 1/1/50}
"""


@pytest.mark.proves("7.29b", "7.78", "8.8", "11.6")
async def test_the_firmware_of_before_says_that_a_new_one_was_given_up(tmp_path: Path) -> None:
    async with World(SITE, tmp_path, update_failed=True) as world:
        world.strict = False
        facts = world.gateway.facts()
        assert facts.panel.meaning is Meaning.FIRMWARE_REVERTING
        assert (facts.panel.app, facts.panel.com) == (Led.SLOW, Led.ALTERNATE)
        await world.until(lambda: world.gateway.is_ready, 60.0)
        await world.sleep(RETURNING_S + 20)
        assert world.gateway.facts().panel.app is Led.SLOW3
        assert from_payload("16.001", world.last("1/0/9")) == "UpdateFailed"
    async with World(SITE, tmp_path / "again") as world:
        world.strict = False
        await world.until(lambda: world.gateway.is_ready, 60.0)
        await world.sleep(RETURNING_S + 20)
        assert world.gateway.facts().panel.app is Led.ON
