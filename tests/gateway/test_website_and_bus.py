"""What the website shows is what the group objects say, read over KNX at the same moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from knxgw.objects.codec import decode_for_people
from knxgw.sim.vehicle import Vehicle
from knxgw.website.language import Language
from knxgw.website.present import present
from tests.support.website import FACTS, NOON
from tests.support.world import World, from_payload

SITE = """
device: {name: Both, language: en}
load_management: {mode: static, static_limit_a: 20}
charging_points:
  - {number: 1, name: One, model: keba_p30, connection: {host: 127.0.0.1}}
group_objects: {2: [1/0/2], 8: [1/0/8], 9: [1/0/9], 50: [1/1/50], 55: [1/2/55], 56: [1/1/56], 61: [1/1/61], 62: [1/1/62],
  63: [1/1/63], 64: [1/1/64], 65: [1/1/65], 66: [1/1/66], 70: [1/1/70], 74: [1/1/74], 78: [1/1/78], 80: [1/1/80],
  81: [1/1/81], 94: [1/1/94], 95: [1/1/95], 503: [2/0/3], 510: [2/1/0], 511: [2/1/1]}
"""
OBJECTS = {"offer": "2/1/0", "setpoint": "1/1/61", "current": "1/1/62", "power": "1/1/66"}
LANGUAGE = Language("en")
FACTORS = {"A": 1000, "mA": 1, "kW": 1000}


async def number(world: World, address: str) -> float | None:
    """Return what a group object answers, in mA, W, Wh or as it is."""
    payload = await world.read(address)
    if payload is None:
        return None
    (one,) = [
        one
        for one in world.gateway.objects.objects
        if address in [f"{found.main}/{found.middle}/{found.sub}" for found in one.addresses]
    ]
    value, unit = decode_for_people(one.dpt, payload)
    return float(value) * FACTORS.get(unit, 1)


@pytest.mark.proves("W16", "W20")
@pytest.mark.parametrize("moment", ["no vehicle", "charging", "interrupted"])
async def test_the_page_of_a_point_equals_its_group_objects(tmp_path: Path, moment: str) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        if moment != "no vehicle":
            world.charger().plug(Vehicle())
            await world.sleep(60)
        if moment == "interrupted":
            await world.write("1/2/55", value=True)
            await world.sleep(30)
        await world.sleep(20)
        write = {"power": LANGUAGE.watt}
        for key, address in OBJECTS.items():
            await equal(
                world, address, lambda shown, key=key: shown["points"]["1"][key],  # type: ignore[misc]
                write.get(key, LANGUAGE.ampere),
            )  # fmt: skip
        for n, address in enumerate(("1/1/63", "1/1/64", "1/1/65"), 1):
            await equal(
                world,
                address,
                lambda shown, n=n: shown["points"]["1"]["currents"][f"l{n}"]["figure"],  # type: ignore[misc]
                LANGUAGE.ampere,
            )
        await equal(world, "2/0/3", lambda shown: shown["mains"]["limit"], LANGUAGE.ampere)
        await equal(world, "1/1/70", lambda shown: shown["points"]["1"]["energy"], LANGUAGE.kwh)
        state, reason = await number(world, "1/1/50"), await number(world, "2/1/1")
        seen = world.gateway.view("en").points[0]
        assert seen.state == state
        (effective,) = [one for one in seen.limits if one.is_effective]
        assert effective.reason == reason
        assert await number(world, "1/1/56") == float(seen.interruption)
        assert from_payload("16.001", await world.read("1/1/95")) == seen.fault


async def equal(
    world: World,
    address: str,
    shown: Callable[[dict[str, Any]], str],
    write: Callable[[int | None], str],
) -> None:
    """Check that a page shows what a group object answers; a value that just moves is read again."""
    seen = []
    for _ in range(3):
        value = await number(world, address)
        page = present(world.gateway.view("en"), FACTS, LANGUAGE, NOON, is_ready=True)
        seen.append((shown(page), write(None if value is None else round(value)), value))
        if seen[-1][0] == seen[-1][1]:
            return
    pytest.fail(f"{address}: {seen}")
