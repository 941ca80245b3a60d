"""A pause of ours, whatever ordered it, ends with the same car charging again: on every model."""

from pathlib import Path

import pytest
from xknx.dpt import DPTArray

from knxgw.catalogue.device_model import DeviceModel, Transport
from knxgw.catalogue.load import catalogue
from knxgw.sim.vehicle import Vehicle
from tests.gateway.test_load_management import House
from tests.support.world import World

MODELS = list(catalogue().chargers.values())
LINE = "socket://__pymodbus_nullmodem:5020"
SITE = """
knx: {{link: none}}
serial: {{port: "{line}", protocol: {protocol}, baud: 19200, parity: N, stop_bits: 1}}
load_management: {{mode: dynamic, fuse_a: 35, reserve_a: 3}}
grid_supporting_control: {{setpoint_a: "0"}}
charging_points:
  - {{number: 1, model: {model}, connection: {{{connection}, unit: {unit}}}}}
group_objects: {{1: [1/0/1], 10: [1/0/10], 11: [1/0/11], 12: [1/0/12], 13: [1/0/13],
  50: [1/1/50], 55: [1/1/55]}}
"""


def site_of(model: DeviceModel) -> str:
    """Return a site with a charger of a model, on the serial line if it knows nothing else."""
    tcp = Transport.TCP in model.transports
    connection = "host: 127.0.0.1, port: 5021" if tcp else "type: serial"
    protocol = "rtu" if tcp else model.transports[0].value
    unit = model.unit_id
    return SITE.format(
        model=model.id, unit=unit, line=LINE, protocol=protocol, connection=connection
    )


async def charges(world: World, seconds: float) -> None:
    await world.until(lambda: world.charger().phases_ma[0] >= 5900, seconds)
    await world.until(lambda: world.last("1/1/50") in (DPTArray((8,)), DPTArray((9,))), 15)


async def rests(world: World, seconds: float) -> None:
    await world.until(lambda: world.charger().phases_ma[0] == 0, seconds)


@pytest.mark.long
@pytest.mark.proves("D5.6", "H.20")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.id))
async def test_a_car_that_we_held_at_0_a_charges_again(model: DeviceModel, tmp_path: Path) -> None:
    by_power = model.control is not None and model.control.is_power
    first_s = 120.0 if by_power else 30.0  # until the phases in use are known
    async with World(site_of(model), tmp_path) as world:
        world.strict = False
        house = House(world, 4.0)
        running = world._group.create_task(house.run())
        world.charger().plug(Vehicle(capacity_wh=1e9))
        await charges(world, first_s)
        for address in ("1/1/55", "1/0/1"):  # interruption, grid-supporting control with 0 A
            await world.write(address, True)
            await rests(world, 15)
            await world.sleep(8)
            await world.write(address, False)
            await charges(world, 40)
        house.base_a = 40.0  # the building alone is too much: everybody is locked out
        await rests(world, 40)
        await world.sleep(10)
        house.base_a = 4.0
        await charges(world, 100)
        states = [h.payload for h in world.heard if h.address == "1/1/50"]
        assert DPTArray((7,)) not in states, "our own pause must not look like the car's wish"
        running.cancel()
