"""When GO 53 becomes 1, and when it does not: with a car whose current is what a test says."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from xknx.dpt import DPTBinary

from knxgw.sim.vehicle import Vehicle
from tests.support.everything import models, site
from tests.support.world import World

EVERY = ", complete: {threshold_a: 2, time_s: 60}"
PAUSING = "grid_supporting_control: {setpoint_a: '0'}\n"
OFF, ON = DPTBinary(0), DPTBinary(1)


def draw(world: World, current_a: float) -> None:
    """Let the car draw a current on L1, and nothing on the other phases."""
    for name, value in (("current_l1", current_a), ("current_l2", 0), ("current_l3", 0)):
        world.charger().show(name, value)


async def charge(world: World) -> None:
    """Let a car charge for a while."""
    world.charger().plug(Vehicle())
    world.charger().show("state", 8)
    draw(world, 16)
    await world.sleep(20)


@pytest.mark.proves("GO 53", "3.35", "3.36", "3.38")
async def test_charging_is_complete_after_the_whole_time_below_the_threshold(
    tmp_path: Path,
) -> None:
    async with World(site(1, every=EVERY), tmp_path, models=models()) as world:
        world.strict = False
        await charge(world)
        draw(world, 1.9)
        await world.sleep(57)
        assert await world.read("5/1/53") == OFF
        draw(world, 2.1)
        await world.sleep(2)
        draw(world, 1.9)
        await world.sleep(57)
        assert await world.read("5/1/53") == OFF, "one moment above it starts the time again"
        await world.sleep(6)
        assert world.last("5/1/53") == await world.read("5/1/53") == ON
        draw(world, 2.1)
        await world.sleep(2)
        assert world.last("5/1/53") == await world.read("5/1/53") == OFF


@pytest.mark.proves("3.37")
async def test_a_vehicle_that_never_charged_is_not_complete(tmp_path: Path) -> None:
    async with World(site(1, every=EVERY), tmp_path, models=models()) as world:
        world.strict = False
        world.charger().plug(Vehicle(charge_wh=60_000))
        await world.sleep(600)
        assert await world.read("5/1/53") == OFF


async def interrupt(world: World, *, active: bool) -> None:
    await world.write("5/1/55", active)


async def limit(world: World, *, active: bool) -> None:
    await world.write("5/0/1", active)


async def pause(world: World, *, active: bool) -> None:
    await world.write("5/1/60", 0.0 if active else 16.0, "14.019")


@pytest.mark.proves("3.40", "3.41")
@pytest.mark.parametrize("hold", [interrupt, limit, pause])
async def test_the_time_does_not_run_while_the_charging_point_is_held_at_0_a(
    hold: Callable[..., Awaitable[None]], tmp_path: Path
) -> None:
    async with World(site(1, every=EVERY, more=PAUSING), tmp_path, models=models()) as world:
        world.strict = False
        await charge(world)
        draw(world, 0.5)
        await world.sleep(30)
        await hold(world, active=True)
        draw(world, 0)
        await world.sleep(200)
        assert await world.read("5/1/53") == OFF
        await hold(world, active=False)
        await world.sleep(20)
        assert await world.read("5/1/53") == OFF, "what was counted before is 30 s"
        await world.sleep(20)
        assert await world.read("5/1/53") == ON
