"""The main job, in virtual time: telegrams reach chargers, their values come back."""

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
  - {number: 1, name: One, model: %s, connection: {type: tcp, host: 127.0.0.1, port: 5021, unit: %d}}
group_objects: {50: [1/1/50], 51: [1/1/51], 52: [1/1/52], 53: [1/1/53], 55: [1/1/55], 56: [1/1/56],
  60: [1/1/60], 61: [1/1/61], 62: [1/1/62], 66: [1/1/66], 80: [1/1/80], 94: [1/1/94], 95: [1/1/95]}
"""
MODELS = [("keba_p30", 255), ("alfen_eve", 1), ("abb_terra_ac", 1), ("goe_charger", 1)]


@pytest.mark.proves("H.20", "3.12", "3.17", "5.10")
@pytest.mark.parametrize(("model", "unit"), MODELS)
async def test_a_car_charges_is_interrupted_and_goes_on(
    model: str, unit: int, tmp_path: Path
) -> None:
    async with World(SITE % (model, unit), tmp_path) as world:
        world.strict = False
        assert world.last("1/1/50") == DPTArray((5,))
        world.charger().plug(Vehicle())
        await world.until(lambda: world.last("1/1/50") == DPTArray((8,)), 30)
        await world.sleep(20)
        assert world.charger().vehicle.draw_ma == 16_000  # type: ignore[union-attr]
        assert from_payload("7.012", await world.read("1/1/62")) == 48_000
        await world.write("1/1/55", True)
        took_s = await world.until(lambda: world.charger().offer_ma == 0, 5)
        assert took_s <= 0.6
        await world.until(lambda: world.last("1/1/50") == DPTArray((11,)), 1)
        assert world.last("1/1/56") == DPTBinary(1)
        await world.sleep(20)
        assert await world.read("1/1/50") == DPTArray((11,))
        await world.write("1/1/55", False)
        await world.until(lambda: world.last("1/1/50") == DPTArray((8,)), 40)
        states = [h.payload.value[0] for h in world.heard if h.address == "1/1/50" and h.payload]  # type: ignore[index]
        assert 7 not in states, "our own pause must not look like the car's wish"
        await world.sleep(20)
        assert world.charger().vehicle.draw_ma == 16_000  # type: ignore[union-attr]
