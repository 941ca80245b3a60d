"""Values that need their time: all states, a setpoint nobody reports, a meter that is replaced."""

from pathlib import Path

import pytest
from xknx.dpt import DPTArray, DPTBinary

from knxgw.sim.vehicle import Vehicle
from tests.support.everything import models, site
from tests.support.world import World, from_payload


@pytest.mark.proves(
    "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12",
    "3.14", "3.15", "3.19", "GO 50", "GO 52",
)  # fmt: skip
async def test_go_50_takes_each_of_its_twelve_values(tmp_path: Path) -> None:
    async with World(site(1), tmp_path, models=models()) as world:
        world.strict = False
        box = world.charger()
        box.plug(Vehicle())
        await world.sleep(20)
        for code, value in [*((n, n) for n in range(1, 12)), (77, 0), (0, 0)]:
            box.show("state", code)
            await world.sleep(3)
            assert world.last("5/1/50") == await world.read("5/1/50") == DPTArray((value,))
            assert await world.read("5/1/52") == DPTBinary(value in (8, 9, 10))
        box.show("state", 8)
        box.show("reduced", 1)
        await world.sleep(3)
        assert await world.read("5/1/50") == DPTArray((9,)), "derived by the model file"


@pytest.mark.proves("2.27", "GO 61")
async def test_a_setpoint_that_is_reported_no_more_is_neither_sent_nor_answered(
    tmp_path: Path,
) -> None:
    async with World(site(1), tmp_path, models=models()) as world:
        world.strict = False
        box = world.charger()
        await world.sleep(60)
        assert from_payload("14.019", await world.read("5/1/61")) == 16
        box.fixed["setpoint_read"] = 0xFFFF  # "not available"
        world.skip()
        await world.sleep(120)
        assert [heard for heard in world.since() if heard.address == "5/1/61"] == []
        assert await world.read("5/1/61") is None
        assert await world.read("5/1/50") == DPTArray((5,)), "the charger answers all the same"
        world.skip()
        box.fixed.clear()
        await world.sleep(60)
        assert [heard for heard in world.since() if heard.address == "5/1/61"] == []
        assert from_payload("14.019", await world.read("5/1/61")) == 16


@pytest.mark.proves("2.33", "2.31", "GO 70", "GO 75")
async def test_the_energy_of_a_life_goes_on_when_a_meter_is_replaced(tmp_path: Path) -> None:
    async with World(site(1), tmp_path, models=models(), run_gateway=False) as world:
        world.strict = False

        async def reads(reading_wh: int, life_wh: int) -> None:
            world.charger().show("energy_total", reading_wh)
            await world.sleep(30)
            assert from_payload("13.010", await world.read("5/1/70")) == reading_wh
            assert from_payload("13.010", await world.read("5/1/75")) == life_wh

        world.charger().show("energy_total", 70_000)
        world.start_gateway()
        await reads(70_000, 70_000)
        await reads(71_000, 71_000)
        await reads(100, 71_000)
        await reads(1100, 72_000)
        await world.stop_gateway()
        world.charger().show("energy_total", 5)
        world.start_gateway()
        await reads(5, 72_000)
        await reads(505, 72_500)
