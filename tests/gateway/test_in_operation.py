"""The smart meter tells values on change only; telegrams of In operation say that it is alive."""

from pathlib import Path

import pytest
from xknx.dpt import DPTBinary

from knxgw.sim.vehicle import Vehicle
from tests.support.everything import models, site
from tests.support.world import World, from_payload

MORE = (
    "load_management: {mode: dynamic, fuse_a: 35, "
    "smart_meter: {monitoring: values_and_in_operation, interval_s: 10}}\n"
)


@pytest.mark.proves("2.21", "D3.2c", "D3.2b")
@pytest.mark.parametrize("bit", [False, True])
async def test_in_operation_keeps_the_smart_meter_alive_with_0_and_with_1(
    bit: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
) -> None:
    async with World(site(1, more=MORE), tmp_path, models=models()) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        for number in (10, 11, 12):
            await world.write(f"5/0/{number}", 4.0, "14.019")
        for _ in range(10):
            await world.sleep(8)
            await world.write("5/0/20", bit)
        assert await world.read("5/0/8") == DPTBinary(0)
        assert world.charger(1).offer_ma == 16_000
        await world.sleep(14)
        assert await world.read("5/0/8") == DPTBinary(1)
        assert from_payload("16.001", await world.read("5/0/9")) == "SmartMeterTOut"
        assert world.charger(1).offer_ma == 6000
