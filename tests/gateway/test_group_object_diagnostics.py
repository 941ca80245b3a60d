"""A running gateway whose group objects a tool diagnoses: on the line, and without one."""

from pathlib import Path

import pytest
from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import GroupValueRead, GroupValueWrite

from knxgw.knx_server import LocalManagement
from knxgw.knxip.ports import FunctionAnswer, PropertyAddress
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_secure_groups import GroupKeys
from knxgw.sim.vehicle import Vehicle
from tests.gateway.test_programmed_by_ets import contents
from tests.support.line_tool import LineTool
from tests.support.world import World

SITE = """
device: {name: Garage, language: en}
load_management: {mode: "off"}
charging_points:
  - {number: 1, name: One, model: goe_charger, connection: {host: 127.0.0.1}}
group_objects: {50: [1/1/50], 55: [1/1/55], 60: [1/1/60], 507: [1/1/200]}
"""
DIAGNOSTICS = PropertyAddress(object_type=9, instance=1, property_id=66)
COMMAND, QUESTION, SAID = "02c70342", "02c80342", "02c90342"
INTERRUPT, RELEASE = "00000037" + "01", "00000037" + "00"


async def connected(world: World) -> LineTool:
    tool = LineTool(world.line)
    await tool.connect()
    return tool


async def charging(world: World) -> None:
    """Let a vehicle charge."""
    world.strict = False
    world.charger().plug(Vehicle())
    await world.until(lambda: draws(world), 120.0)


def draws(world: World) -> bool:
    return world.charger().phases_ma[0] > 0


async def test_a_value_that_a_tool_sets_does_what_a_telegram_does(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        await charging(world)
        tool = await connected(world)
        assert await tool.ask(COMMAND + INTERRUPT) == SAID + "210000370001"
        await tool.leave()
        await world.until(lambda: not draws(world), 30.0)
        await world.write("1/1/55", value=False)
        await world.until(lambda: draws(world), 120.0)


async def test_what_takes_nothing_from_the_bus_takes_nothing_from_a_tool(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        before = await world.read("1/1/50")
        tool = await connected(world)
        assert await tool.ask(COMMAND + "0000003201") == SAID + "a200"
        assert await tool.ask(COMMAND + "0000003701" + "00") == SAID + "a300"
        assert await world.read("1/1/50") == before
        await tool.leave()


async def test_a_telegram_that_a_tool_has_sent_reaches_the_bus_and_our_own_objects(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        await charging(world)
        tool = await connected(world)
        world.skip()
        assert await tool.ask(COMMAND + "00010009" + "3701") == SAID + "0001"
        await world.until(lambda: not draws(world), 30.0)
        sent = [one.apci for one in world.since() if one.address == "1/1/55"]
        assert sent == [GroupValueWrite(DPTBinary(1))]
        assert await tool.ask(COMMAND + "0001000a" + "3701") == SAID + "f801"
        await tool.leave()


async def test_values_are_read_and_sent_when_a_tool_wants(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        tool = await connected(world)
        state = await world.read("1/1/50")
        assert isinstance(state, DPTArray)
        said = "210" + "{}003200" + bytes(state.value).hex()
        assert await tool.ask(QUESTION + "00010032") == SAID + said.format("1")
        assert await tool.ask(QUESTION + "00000032") == SAID + "20000032044f0700000000"
        world.skip()
        assert await tool.ask(COMMAND + "00020032") == SAID + said.format("2")
        assert await tool.ask(COMMAND + "0003000932") == SAID + "0003"
        await world.sleep(1.0)
        telegrams = [one.apci for one in world.since() if one.address == "1/1/50"]
        assert GroupValueWrite(state) in telegrams
        assert GroupValueRead() in telegrams
        assert len(telegrams) == 3, "our own answer, too"
        await tool.leave()


async def test_without_a_line_it_is_the_same(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        await charging(world)
        local = LocalManagement(world.gateway)
        answer = await local.command(DIAGNOSTICS, bytes.fromhex(INTERRUPT))
        assert answer == FunctionAnswer(return_code=0x21, data=bytes.fromhex("0000370001"))
        await world.until(lambda: not draws(world), 30.0)
        answer = await local.state(DIAGNOSTICS, bytes.fromhex("000000c8"))
        assert answer == FunctionAnswer(return_code=0xA1, data=b"\0")
        for kind, number in ((9, 1), (18, 51), (9, 67)):
            other = PropertyAddress(object_type=kind, instance=1, property_id=number)
            assert await local.command(other, b"\0\0") is None
            assert await local.state(other, b"\0\0") is None


async def test_while_ets_loads_the_device_nothing_is_served(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        tool = await connected(world)
        assert (await tool.ask(QUESTION + "00010032")).startswith(SAID + "21")
        await tool.control(4, "01")
        assert await tool.ask(QUESTION + "00010032") == SAID + "f301"
        assert await tool.ask(COMMAND + INTERRUPT) == SAID + "f300"
        await tool.unload()
        await tool.write(contents())
        assert await tool.ask(COMMAND + INTERRUPT) == SAID + "f300"
        await tool.complete(contents())
        await tool.restart()
        await world.sleep(10.0)
        await tool.connect()
        assert (await tool.ask(QUESTION + "00010032")).startswith(SAID + "21")
        await tool.leave()


async def test_where_a_keyring_secures_the_site_no_tool_gets_at_a_group_object(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        await charging(world)
        keys = {GroupAddress("31/7/255"): bytes(16)}
        stage = DataSecureStage(GroupKeys(keys=keys, senders={}))
        await world.change_link(stage)
        local = LocalManagement(world.gateway)
        for command in (INTERRUPT, "000100093701"):
            answer = await local.command(DIAGNOSTICS, bytes.fromhex(command))
            assert answer == FunctionAnswer(return_code=0xF3, data=bytes.fromhex(command)[1:2])
        await world.sleep(30.0)
        assert draws(world)


@pytest.mark.parametrize("command", [INTERRUPT, "000100093701", "00020032", "0003000932"])
async def test_a_device_without_a_configuration_serves_none_of_it(
    tmp_path: Path, command: str
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await world.change(None)
        await world.sleep(1.0)
        local = LocalManagement(world.gateway)
        answer = await local.command(DIAGNOSTICS, bytes.fromhex(command))
        assert answer == FunctionAnswer(return_code=0xF3, data=bytes.fromhex(command)[1:2])
