"""A charger that does not know a value of its own, seen from the bus, in virtual time."""

from pathlib import Path

import pytest

from knxgw.sim.vehicle import Vehicle
from tests.support.world import World, from_payload

SITE = """
knx: {link: none}
charging_points:
  - number: 1
    model: phoenix_charx
    connection: {host: 127.0.0.1, port: 5021, unit: 1}
    maximum_a: 16
    dpt: {current: "14.019"}
group_objects: {62: [1/1/62], 63: [1/1/63], 64: [1/1/64], 65: [1/1/65]}
"""


async def amperes(world: World, number: int) -> object:
    """Return what an object answers, None: nothing."""
    payload = await world.read(f"1/1/{number}")
    return None if payload is None else from_payload("14.019", payload)


@pytest.mark.proves("H.60")
async def test_a_phase_a_charger_does_not_know_is_not_0_and_makes_no_sum(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        box = world.charger()
        box.plug(Vehicle(maximum_ma=10_000))
        await world.sleep(30)
        assert await amperes(world, 62) == pytest.approx(30)
        box.fixed["current_l2"] = -1  # 0xFFFFFFFF: not known, says its maker
        await world.sleep(20)
        assert await amperes(world, 63) == pytest.approx(10)
        assert await amperes(world, 64) is None
        assert await amperes(world, 62) is None
        del box.fixed["current_l2"]
        await world.sleep(10)
        assert await amperes(world, 64) == pytest.approx(10)
        assert await amperes(world, 62) == pytest.approx(30)


async def test_a_charx_is_told_what_to_do_without_the_gateway(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await world.sleep(20)
        model = world.charger().model
        armed = {}
        for name in ("failsafe_current", "failsafe_timeout"):
            point = model.points[name]
            armed[point.address] = world.charger().read(1, point.table, point.address, 1)
        assert armed == {1306: [6], 1307: [60]}
        assert world.charger().offer_ma == 16_000
        await world.stop_gateway()
        await world.sleep(90)
        assert world.charger().offer_ma == 6000
