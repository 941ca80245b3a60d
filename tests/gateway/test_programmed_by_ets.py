"""A running gateway that a tool programs: the application follows, and the device lives on."""

from pathlib import Path

import pytest
from pymodbus.transport import NULLMODEM_HOST

from knxgw.catalogue.load import catalogue
from knxgw.charging.scope import PointNumber
from knxgw.config.model import ConfigurationSource
from knxgw.config.parameter_memory import image_of
from knxgw.device.download import APPLICATION, UNLOADED_S, Stage
from knxgw.device.memory import ARENAS
from knxgw.device.panel import Led
from tests.support.ets_image import texts_of_file
from tests.support.line_tool import LineTool, tables
from tests.support.world import World, from_payload, to_payload

SITE = """
device: {name: Garage, language: en}
load_management: {mode: "off"}
charging_points:
  - {number: 1, name: One, model: goe_charger, connection: {host: 127.0.0.1}}
group_objects: {50: [1/1/50], 507: [1/1/200]}
"""
BY_ETS = SITE.replace("Garage", "Carport").replace("127.0.0.1", NULLMODEM_HOST)
READ_AND_SEND = 0x4F  # transmit, read, communication; low priority
WRITE_AND_UPDATE = 0xB7  # and read at the start
LINKED = {50: ("2/1/50", READ_AND_SEND, 8), 507: ("2/1/200", READ_AND_SEND, 1)}


def contents(text: str = BY_ETS) -> dict[int, bytes]:
    """Return what ETS loads: parameters and tables."""
    return {4: image_of(texts_of_file(text), catalogue()), **tables(LINKED)}


async def test_a_download_becomes_what_the_device_does_without_a_restart_of_the_program(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        gateway, station = world.gateway, world.gateway.application
        assert await world.read("1/1/50") is not None
        await LineTool(world.line).download(contents())
        await world.until(lambda: gateway.application not in {None, station}, 5.0)
        await world.sleep(5)
        configuration = gateway.configuration
        assert configuration is not None
        assert configuration.source is ConfigurationSource.ETS
        assert configuration.device.name == "Carport"
        assert await world.read("1/1/50") is None
        assert from_payload("5.010", await world.read("2/1/50")) is not None
        assert world.charger() is not None
        # after a power cut it is the same
        await world.stop_gateway()
        world.start_gateway()
        await world.until(lambda: world.gateway.is_ready, 60.0)
        found = world.gateway.configuration
        assert found is not None
        assert found.source is ConfigurationSource.ETS
        assert await world.read("2/1/50") is not None


async def test_nothing_runs_while_ets_loads_and_the_led_says_so(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        tool = LineTool(world.line)
        await tool.connect()
        await tool.unload()
        await tool.write(contents())
        await world.until(lambda: world.gateway.application is None, 3.0)
        assert world.gateway.facts().panel.app is Led.SLOW
        assert await world.read("1/1/50") is None
        await tool.complete((4, 3, 1))
        await tool.leave()
        await world.sleep(UNLOADED_S * 2)
        assert world.gateway.application is None, "one table is missing"
        # also after a power cut
        await world.stop_gateway()
        world.start_gateway()
        await world.sleep(10)
        assert world.gateway.application is None
        assert world.gateway.programmed.stage is Stage.LOADING
        # and the next download is good
        await LineTool(world.line).download(contents())
        await world.until(lambda: world.gateway.application is not None, 5.0)


async def test_an_unloaded_device_does_what_its_own_file_says(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await LineTool(world.line).download(contents())
        await world.until(lambda: _name(world) == "Carport", 10.0)
        tool = LineTool(world.line)
        await tool.connect()
        await tool.unload()
        await tool.leave()
        await world.until(lambda: world.gateway.application is None, 3.0)
        took_s = await world.until(lambda: _name(world) == "Garage", UNLOADED_S + 5)
        assert took_s > UNLOADED_S - 5


async def test_parameters_that_cannot_run_are_said_and_nothing_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = BY_ETS.replace('mode: "off"', "mode: dynamic, fuse_a: 5000")
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await LineTool(world.line).download(contents(wrong))
        await world.sleep(5)
        assert world.gateway.application is None
        assert "ETS parameter" in caplog.text
        await LineTool(world.line).download(contents())
        await world.until(lambda: _name(world) == "Carport", 10.0)


async def test_what_is_written_to_the_file_meanwhile_waits_for_the_end_of_ets(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await LineTool(world.line).download(contents())
        await world.until(lambda: _name(world) == "Carport", 10.0)
        await world.change(SITE.replace("Garage", "Yard"))
        assert _name(world) == "Carport", "ETS is the master of what it has loaded"


OF_MACHINE = "website: {host_names: [garage.example]}\n"


async def test_a_device_without_a_file_takes_what_belongs_to_the_machine_beside_that_of_ets(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await LineTool(world.line).download(contents())
        await world.until(lambda: _name(world) == "Carport", 10.0)
        await world.change(None)
        assert _name(world) == "Carport"
        await world.change(OF_MACHINE)
        configuration = world.gateway.configuration
        assert configuration is not None
        assert configuration.website.host_names == ("garage.example",)
        assert [one.number for one in configuration.points] == [PointNumber(1)]
        assert not configuration.faults, "it lacks no charging point"
        tool = LineTool(world.line)
        await tool.connect()
        await tool.unload()
        await tool.leave()
        await world.until(lambda: world.gateway.application is None, 3.0)
        await world.until(lambda: world.gateway.configuration is not None, UNLOADED_S + 5)
        configuration = world.gateway.configuration
        assert configuration is not None
        assert configuration.points == ()
        assert configuration.website.host_names == ("garage.example",)


async def test_a_page_reads_what_holds_while_a_tool_writes_something_else(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        programmed = world.gateway.programmed
        assert programmed.loaded_text() == ""
        await LineTool(world.line).download(contents())
        await world.until(lambda: _name(world) == "Carport", 10.0)
        holds = programmed.loaded_text()
        assert "name: Carport" in holds
        # what a tool writes stands in the memory before it is stored, and counts only after that
        other = image_of(texts_of_file(BY_ETS.replace("Carport", "Yard")), catalogue())
        for one in programmed.model.loadables.values():
            if one.has_memory:
                one.segment.write(one.segment.address, bytes(len(one.segment.content)))
        programmed.model.loadables[APPLICATION].segment.write(ARENAS[APPLICATION].address, other)
        assert programmed.loaded_text() == holds
        await world.change(SITE.replace("Garage", "Shed"))
        assert _name(world) == "Carport", "a change of the file takes nothing half written either"


async def test_the_text_of_what_is_loaded_is_there_after_a_start_and_gone_while_ets_loads(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await LineTool(world.line).download(contents())
        await world.until(lambda: _name(world) == "Carport", 10.0)
        holds = world.gateway.programmed.loaded_text()
        await world.stop_gateway()
        world.start_gateway()
        assert world.gateway.programmed.loaded_text() == holds
        await world.until(lambda: world.gateway.is_ready, 60.0)
        tool = LineTool(world.line)
        await tool.connect()
        await tool.unload()
        await world.until(lambda: world.gateway.application is None, 3.0)
        assert world.gateway.programmed.loaded_text() == ""


def _name(world: World) -> str:
    configuration = world.gateway.configuration
    return "" if configuration is None else configuration.device.name


@pytest.mark.proves("D16.50", "D16.51", "D16.52")
async def test_a_full_download_clears_what_was_commanded_and_a_partial_one_keeps_it(
    tmp_path: Path,
) -> None:
    linked = {
        **LINKED,
        1: ("2/0/1", WRITE_AND_UPDATE, 1),
        55: ("2/1/55", WRITE_AND_UPDATE, 1),
        61: ("2/1/61", READ_AND_SEND, 16),
    }
    loaded = {4: image_of(texts_of_file(BY_ETS), catalogue()), **tables(linked)}
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.answers["2/0/1"] = to_payload("1.001", value=False)

        async def downloaded(*indexes: int) -> None:
            tool, before = LineTool(world.line), world.gateway.application
            await tool.connect()
            if not indexes:
                await tool.unload()
            chosen = {index: loaded[index] for index in indexes} or loaded
            await tool.write(chosen)
            await tool.complete(chosen)
            await tool.restart()
            await world.until(lambda: world.gateway.application not in {None, before}, 10.0)
            await world.sleep(15)

        def is_interrupted() -> bool:
            application = world.gateway.application
            assert application is not None
            return application.station.points[PointNumber(1)].control.is_interrupted

        await downloaded()
        await world.write("2/1/55", value=True)
        await world.sleep(2)
        assert is_interrupted()
        await downloaded(4)
        assert is_interrupted(), "other parameters change no command"
        world.answers["2/0/1"] = to_payload("1.001", value=True)
        await downloaded()
        assert not is_interrupted()
        assert world.gateway.view().grid_control, "it was read from the bus"


async def test_a_session_goes_on_through_a_partial_download(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await LineTool(world.line).download(contents())
        await world.until(lambda: _name(world) == "Carport", 10.0)
        await world.sleep(5)
        tool = LineTool(world.line)
        await tool.connect()
        await tool.write(
            {4: image_of(texts_of_file(BY_ETS.replace("Carport", "Yard")), catalogue())}
        )
        await tool.complete((4,))
        await tool.restart()
        await world.until(lambda: _name(world) == "Yard", 10.0)
        application = world.gateway.application
        assert application is not None
        assert PointNumber(1) in {one.number for one in application.configuration.points}
