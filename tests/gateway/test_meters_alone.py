"""Meters with no charging point: each has an identity and a role, and is read for what it is there for."""

import asyncio
from dataclasses import replace
from pathlib import Path

from pymodbus.transport import NULLMODEM_HOST

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.load import catalogue
from knxgw.charging.events import LinkCondition, MeterSeen
from knxgw.charging.quantities import Quantity
from knxgw.config.devices import GRID_METER_ID, DeviceRole, devices, submeter_id
from knxgw.config.model import Connection, ConnectionKind, MeterSettings, SubmeterSettings
from knxgw.station.model import MeterState, Station
from knxgw.station.step import step
from tests.support.world import World

ALONE = "knx: {link: none}\ncharging_points: []\n"
SUB_1, SUB_2 = submeter_id(1), submeter_id(2)


def submeter(number: int, port: int, model: str = "eastron_sdm630") -> SubmeterSettings:
    connection = Connection(
        kind=ConnectionKind.TCP, host=NULLMODEM_HOST, port=port, unit=number, connector=1
    )
    settings = MeterSettings(model=catalogue().meters[model], connection=connection)
    return SubmeterSettings(number=number, meter=settings)


def site(state: Path, *submeters: SubmeterSettings, text: str = ALONE) -> World:
    """Return a world with submeters beside what the file names."""
    world = World(text, state)
    world.configuration = replace(world.configuration, submeters=submeters)
    return world


def station_of(world: World) -> Station:
    assert world.gateway.application is not None
    return world.gateway.application.station


def state_of(world: World, number: int) -> MeterState:
    return station_of(world).submeters[submeter_id(number)]


def current_ma(world: World, number: int, quantity: Quantity = Quantity.CURRENT_L1) -> object:
    return state_of(world, number).values.get(quantity)


async def test_two_meters_with_no_charging_point_are_read(tmp_path: Path) -> None:
    async with site(tmp_path, submeter(1, 5021), submeter(2, 5022)) as world:
        world.site.submeters[1].drawn_ma = (5000.0, 6000.0, 7000.0)
        world.site.submeters[2].drawn_ma = (1000.0, 0.0, 0.0)
        await world.until(lambda: current_ma(world, 1) == 5000 and current_ma(world, 2) == 1000)
        assert current_ma(world, 1, Quantity.CURRENT_L3) == 7000
        assert [state_of(world, n).condition for n in (1, 2)] == [LinkCondition.GOOD] * 2
        assert station_of(world).points == {}
        assert FaultCode.CONTACT_SUPPORT not in station_of(world).faults.present


async def test_two_meters_behind_one_endpoint_are_told_apart(tmp_path: Path) -> None:
    async with site(tmp_path, submeter(1, 5021), submeter(2, 5021)) as world:
        world.site.submeters[1].drawn_ma = (5000.0, 0.0, 0.0)
        world.site.submeters[2].drawn_ma = (9000.0, 0.0, 0.0)
        await world.until(lambda: current_ma(world, 1) == 5000 and current_ma(world, 2) == 9000)


async def test_a_submeter_says_nothing_about_the_mains_connection(tmp_path: Path) -> None:
    place = f"connection: {{host: {NULLMODEM_HOST}, port: 5030}}"
    text = (
        "load_management:\n  mode: dynamic\n  fuse_a: 35\n  smart_meter: "
        f"{{source: modbus, model: eastron_sdm630, {place}}}\n" + ALONE
    )
    async with site(tmp_path, submeter(1, 5021), text=text) as world:
        roles = {one.id: one.role for one in devices(world.configuration)}
        assert roles == {GRID_METER_ID: DeviceRole.GRID_METER, SUB_1: DeviceRole.SUBMETER}
        world.site.house.set_base([4000.0, 4000.0, 4000.0])
        world.site.submeters[1].drawn_ma = (33_000.0, 0.0, 0.0)
        await world.until(lambda: current_ma(world, 1) == 33_000)
        await world.sleep(10)
        load_management = station_of(world).load_management
        assert load_management is not None
        assert [value and value.current_ma for value in load_management.meter.values] == [4000] * 3
        assert set(station_of(world).submeters) == {SUB_1}, "the grid meter is no submeter"


async def test_nothing_is_known_of_a_submeter_that_is_away_until_it_is_back(tmp_path: Path) -> None:
    async with site(tmp_path, submeter(1, 5021), submeter(2, 5022)) as world:
        server = world.site.servers[NULLMODEM_HOST, 5021]
        world.site.submeters[1].drawn_ma = world.site.submeters[2].drawn_ma = (5000.0, 0.0, 0.0)
        await world.until(lambda: current_ma(world, 1) == current_ma(world, 2) == 5000)
        await server.stop()
        await world.until(lambda: state_of(world, 1).condition is LinkCondition.NOT_REACHABLE)
        assert (state_of(world, 1).values, state_of(world, 1).read_at) == ({}, {})
        assert current_ma(world, 2) == 5000
        await server.start()
        await world.until(lambda: current_ma(world, 1) == 5000, 60.0)


async def test_a_submeter_lives_through_a_change_of_the_others(tmp_path: Path) -> None:
    async with site(tmp_path, submeter(1, 5021), submeter(2, 5022)) as world:
        world.site.submeters[1].drawn_ma = (5000.0, 0.0, 0.0)
        await world.until(
            lambda: current_ma(world, 1) == 5000 and SUB_2 in station_of(world).submeters
        )
        before = state_of(world, 1)
        after = replace(world.configuration, submeters=world.configuration.submeters[:1])
        await world.gateway.change(after)
        assert set(station_of(world).submeters) == {SUB_1}
        assert state_of(world, 1) == before, "what is known of it stays"


async def test_a_value_that_a_submeter_has_no_more_leaves_no_instant_behind(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, submeter(1, 5021)) as world:
        await world.until(lambda: Quantity.CURRENT_L1 in state_of(world, 1).read_at)
        before = station_of(world)
        gone = MeterSeen(device=SUB_1, values={}, unavailable=frozenset({Quantity.CURRENT_L1}))
        state = step(before, gone, asyncio.get_running_loop().time())[0].submeters[SUB_1]
        assert Quantity.CURRENT_L1 not in state.values
        assert Quantity.CURRENT_L1 not in state.read_at
        assert Quantity.CURRENT_L2 in state.read_at
