"""A whole gateway, whose chargers somebody else commands too, and whose setpoints change often."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from xknx.dpt import DPTArray, DPTBinary

from knxgw.charging.scope import PointNumber
from knxgw.modbus.writing import StepWriter
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle
from tests.gateway.test_main_job import SITE
from tests.support.one_of_each import in_turn
from tests.support.world import World, from_payload

STATIC = SITE.replace('mode: "off"', "mode: static, static_limit_a: 32").replace(
    "60: [1/1/60], ", ""
)
MODES = {"off": SITE, "static": STATIC}
MODELS = {"keba_p30": 255, "sungrow_ac": 248, "em2go_daheimladen": 255}  # unit
SLOW = [("keba_p30", 255), ("keba_p40", 255), ("nrgkick_gen2", 1), ("alfen_eve", 1)]


def switch_on(charger: SimulatedCharger, current_a: int = 16) -> None:
    """Write to a charger what lets 16 A flow, as another master does."""
    model = charger.model
    assert model.control is not None
    writer = StepWriter(model, unit_id=charger.unit_id, address_offset=0, minimum_ma=6000)
    for step in model.control.offer:
        write = writer.write(step, writer.registers(step, current_a * 1000), is_urgent=False)
        place = write.unit_id, write.table, write.address, write.function
        charger.write(*place, write.registers)


@pytest.mark.proves("H.52")
@pytest.mark.parametrize(("model", "mode"), in_turn(list(MODELS), list(MODES)))
async def test_an_interruption_holds_although_another_master_switches_the_charger_on(
    model: str, mode: str, tmp_path: Path
) -> None:
    async with World(MODES[mode] % (model, MODELS[model]), tmp_path) as world:
        world.strict = False
        charger = world.charger()
        charger.plug(Vehicle(capacity_wh=1e9))
        await world.until(lambda: charger.phases_ma[0] > 5900, 40)
        await world.sleep(30)
        await world.write("1/1/55", True)
        await world.until(lambda: charger.phases_ma[0] == 0, 10)
        await world.sleep(20)
        for _ in range(3):
            switch_on(charger)
            assert charger.offer_ma == 16_000
            await world.until(lambda: charger.offer_ma == 0, 20)
            await world.sleep(30)
            assert charger.phases_ma[0] == 0
        assert world.last("1/1/50") == DPTArray((11,))
        await world.write("1/1/55", False)
        await world.until(lambda: charger.phases_ma[0] > 5900, 20)


@pytest.mark.proves("H.54")
@pytest.mark.parametrize(("model", "unit"), SLOW)
async def test_object_61_follows_a_setpoint_within_2_s_of_the_write(
    model: str, unit: int, tmp_path: Path
) -> None:
    async with World(SITE % (model, unit), tmp_path) as world:
        world.strict = False
        charger = world.charger()
        charger.plug(Vehicle(capacity_wh=1e9))
        await world.sleep(45)
        for current_a in (10, 14, 8, 12):
            await world.write("1/1/60", float(current_a), "14.019")
            await world.until(lambda wanted=current_a: charger.offer_ma == wanted * 1000, 16)  # type: ignore[misc]
            written_s = asyncio.get_running_loop().time()
            while from_payload("14.019", await world.read("1/1/61", 0.1)) != current_a:
                assert asyncio.get_running_loop().time() <= written_s + 2.0
            await world.sleep(7)


async def test_a_setpoint_that_changes_every_3_s_leaves_no_car_at_0_a(tmp_path: Path) -> None:
    async with World(SITE % ("keba_p30", 255), tmp_path) as world:
        world.strict = False
        charger = world.charger()
        charger.plug(Vehicle(capacity_wh=1e9))
        await world.sleep(45)
        await world.write("1/1/55", True)
        await world.until(lambda: charger.phases_ma[0] == 0, 10)
        await world.sleep(20)
        await world.write("1/1/55", False)
        for turn in range(40):
            await world.write("1/1/60", (16.0, 9.0, 12.0, 15.0)[turn % 4], "14.019")
            await world.sleep(3)
            if turn >= 4:
                assert charger.offer_ma >= 6000
        endpoint = world.site.endpoint_of(PointNumber(1))
        fed = [
            write[0]
            for write in endpoint.writes
            if write[2] == charger.model.points["failsafe_timeout"].address
        ]
        assert max(b - a for a, b in pairwise(fed)) <= 35.0, "its fail-safe is fed in time"


@pytest.mark.proves("H.52")
@pytest.mark.parametrize(("model", "unit"), SLOW)
async def test_a_setpoint_that_another_master_raises_is_lowered_before_the_vehicle_is_blamed(
    model: str, unit: int, tmp_path: Path
) -> None:
    """Where a register is read seldom, the current tells that it is time to look."""
    async with World(SITE % (model, unit), tmp_path) as world:
        world.strict = False
        charger = world.charger()
        charger.plug(Vehicle(capacity_wh=1e9))
        await world.sleep(45)
        await world.write("1/1/60", 10.0, "14.019")
        await world.until(lambda: charger.phases_ma[0] == 10_000, 20)
        for _ in range(3):
            await world.sleep(31)
            switch_on(charger)
            assert charger.offer_ma == 16_000
            await world.until(lambda: charger.offer_ma == 10_000, 10)
        await world.sleep(20)
        assert charger.phases_ma[0] == 10_000
        assert world.last("1/1/94") == DPTBinary(0)
