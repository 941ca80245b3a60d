"""Sessions in the running gateway: energy over pauses and restarts, and the time it was off."""

from pathlib import Path

import pytest

from knxgw.sim.vehicle import Vehicle
from tests.support.world import World, from_payload

SITE = """
knx: {{link: none}}
charging_points:
  - {{number: 1, name: One, model: {model}, connection: {{host: 127.0.0.1}}}}
group_objects: {{50: [1/1/50], 55: [1/1/55], 74: [1/1/74], 75: [1/1/75], 76: [1/1/76],
  77: [1/1/77], 78: [1/1/78]}}
"""


async def wh(world: World, number: int) -> int:
    value = from_payload("13.010", await world.read(f"1/1/{number}"))
    assert isinstance(value, int)
    return value


@pytest.mark.proves("3.51", "2.32")
async def test_a_charger_that_counts_anew_with_each_start_keeps_its_session(
    tmp_path: Path,
) -> None:
    async with World(SITE.format(model="sungrow_ac"), tmp_path) as world:
        world.strict = False
        charger = world.charger()
        charger.plug(Vehicle())
        await world.sleep(600)
        await world.write("1/1/55", True)
        await world.sleep(60)
        before_wh = await wh(world, 74)
        assert before_wh == pytest.approx(charger.session_wh, abs=2)
        charger.session_wh = 0.0  # the start command that ends the pause
        await world.write("1/1/55", False)
        await world.sleep(600)
        charger.unplug()
        await world.sleep(30)
        assert before_wh > 1000
        assert await wh(world, 74) == pytest.approx(before_wh + charger.session_wh, abs=2)
        rows = world.gateway._database.sessions()
        assert [row.energy_mwh // 1000 for row in rows] == [await wh(world, 74)]
