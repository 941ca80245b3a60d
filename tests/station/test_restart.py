"""A whole site over a restart of its gateway, in virtual time."""

from pathlib import Path

import pytest
from xknx.dpt import DPTArray, DPTBinary

from knxgw.sim.vehicle import Vehicle
from tests.support.world import World, from_payload

SITE = """
device: {name: Test, time_zone: Europe/Berlin}
knx: {link: none}
load_management: {mode: "off"}
charging_points:
  - {number: 1, name: One, model: alfen_eve, connection: {type: tcp, host: 127.0.0.1, port: 5021, unit: 1}}
group_objects: {50: 1/1/50, 51: 1/1/51, 55: 1/1/55, 56: 1/1/56, 60: 1/1/60, 74: 1/1/74, 75: 1/1/75,
  76: 1/1/76, 77: 1/1/77, 78: 1/1/78}
"""


async def restart(world: World, pause_s: float) -> None:
    await world.stop_gateway()
    await world.sleep(pause_s)
    world.skip()
    world.start_gateway()
    await world.until(lambda: world.gateway.is_ready, 60.0)
    await world.sleep(10.0)


@pytest.mark.proves("3.57")
async def test_a_session_goes_on_over_a_restart(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle())
        await world.until(lambda: world.last("1/1/50") == DPTArray((8,)), 30)
        await world.sleep(120)
        start = await world.read("1/1/76")
        energy_wh = from_payload("13.010", await world.read("1/1/74"))
        assert isinstance(energy_wh, int)
        assert energy_wh > 300
        await restart(world, 100)
        assert await world.read("1/1/76") == start
        later_wh = from_payload("13.010", await world.read("1/1/74"))
        assert isinstance(later_wh, int)
        assert later_wh > energy_wh + 100, "what flowed meanwhile counts"
        assert await world.read("1/1/77") is None, "it has not ended"
        world.charger().unplug()
        await world.until(lambda: world.last("1/1/50") == DPTArray((5,)), 30)
        await world.sleep(5)
        assert await world.read("1/1/77") is not None
        duration_s = from_payload("13.100", await world.read("1/1/78"))
        assert isinstance(duration_s, int)
        assert 225 <= duration_s <= 250


@pytest.mark.proves("2.65")
async def test_every_state_is_sent_once_after_a_restart(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await world.sleep(20)
        await restart(world, 5)
        sent = [heard.address for heard in world.since() if heard.is_write]
        assert sorted(sent) == sorted(set(sent))
        assert {"1/1/50", "1/1/51", "1/1/56"} <= set(sent)
        await world.sleep(60)
        assert world.since() == []


async def test_an_interruption_and_a_setpoint_hold_over_a_restart(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle())
        await world.sleep(30)
        await world.write("1/1/60", 8.0, "14.019")
        await world.write("1/1/55", True)
        await world.sleep(20)
        await restart(world, 30)
        assert world.last("1/1/56") == DPTBinary(1)
        assert world.charger().offer_ma == 0
        await world.write("1/1/55", False)
        await world.until(lambda: world.charger().offer_ma == 8000, 5)
