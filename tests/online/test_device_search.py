"""The search for devices, against simulated ones on real sockets and pseudo terminals; it only reads."""

import asyncio
from pathlib import Path

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import message
from knxgw.charging.quantities import Quantity
from knxgw.config.model import SerialLine
from knxgw.monitoring.device_search import SearchProgress
from knxgw.online.device_search import CONNECTS_AT_ONCE, DeviceSearch, ports_of
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.loopback import free_port
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.modbus_server import ModbusSimulator, SerialSimulator
from knxgw.sim.serial_wire import SerialWire
from tests.online.looking import HEAD, point, simulated
from tests.support.modbus_rig import since_now

pytestmark = pytest.mark.real
HERE = "127.0.0.1"
MODELS = tuple(catalogue().models)


def models_of(progress: SearchProgress) -> list[tuple[str, int, int]]:
    """Return model, port and connector of what was found."""
    return sorted(
        ("" if one.model is None else one.model.id, one.connection.port, one.connection.connector)
        for one in progress.found
    )


@pytest.mark.proves("W48")
async def test_devices_of_a_network_are_found_with_their_connectors_and_values() -> None:
    alfen, goe, closed = free_port(0), free_port(0), free_port(0)
    text = HEAD + point(1, "alfen_eve", HERE, alfen, 1)
    text += point(2, "alfen_eve", HERE, alfen, 1).replace("unit: 1", "unit: 1, connector: 2")
    text += point(3, "goe_charger", HERE, goe, 1)
    async with simulated(text):
        search = DeviceSearch(MODELS)
        await search.in_network([HERE], [alfen, goe, closed])
    progress = search.progress
    assert models_of(progress) == [
        *sorted([("alfen_eve", alfen, 1), ("alfen_eve", alfen, 2)]),
        ("goe_charger", goe, 1),
    ]
    assert (progress.done, progress.total) == (3, 3)
    assert not progress.is_running
    of_alfen = [one for one in progress.found if one.connection.port == alfen]
    assert all(one.values[Quantity.SERIAL] and one.reasons for one in of_alfen)


@pytest.mark.long
@pytest.mark.proves("W48")
async def test_asking_at_one_address_keeps_what_was_found_before_and_the_newest_answer() -> None:
    first, second, closed = free_port(0), free_port(0), free_port(0)
    text = HEAD + point(1, "goe_charger", HERE, first, 1)
    text += point(2, "goe_charger", HERE, second, 1)
    async with simulated(text):
        search = DeviceSearch(MODELS)
        await search.in_network([HERE], [first, second])
        again = DeviceSearch(MODELS, number=2)
        again.remember(search.progress.known)
        await again.at_address(HERE, first, (1,))
        refused = DeviceSearch(MODELS, number=3)
        refused.remember(again.progress.known)
        await refused.at_address(HERE, closed, None)
    ports = sorted([first, second])
    assert [one.connection.port for one in again.progress.known] == ports
    assert [one.connection.port for one in again.progress.kept] == [second]
    assert again.progress.found[0] in again.progress.known, "its values are newer"
    assert refused.progress.trouble is not None
    assert [one.connection.port for one in refused.progress.known] == ports
    refused.used = {(HERE, first): (message("online_charging_point", number=1),)}
    refused.leave_out_used()
    assert [one.connection.port for one in refused.progress.known] == [second]


@pytest.mark.proves("W48")
async def test_what_the_gateway_has_already_is_named_and_left_alone() -> None:
    port = free_port(0)
    async with simulated(HEAD + point(1, "goe_charger", HERE, port, 1)) as site:
        name = message("online_charging_point", number=1)
        search = DeviceSearch(MODELS, used={(HERE, port): (name,)})
        await search.in_network([HERE], [port])
        assert [server.clients for server in site.servers.values()] == [[]]
    (found,) = search.progress.found
    assert (found.used_as, found.model) == ((name,), None)
    assert found.address == f"{HERE}:{port}"


@pytest.mark.proves("W48")
async def test_a_serial_line_that_the_gateway_has_is_left_alone_whatever_its_device_file_is_called(
    tmp_path: Path,
) -> None:
    async def ask(endpoint: object, askers: object, on_progress: object, limit_s: float) -> bool:
        raise AssertionError("nobody may ask on the line of the gateway")

    device, by_id = tmp_path / "ttyUSB0", tmp_path / "adapter"
    device.touch()
    by_id.symlink_to(device)
    search = DeviceSearch(MODELS, ask=ask)
    search.used_lines = (str(device),)
    await search.on_line(str(by_id))
    progress = search.progress
    assert progress.trouble is not None
    assert progress.trouble.id == "search_line_in_use"
    assert str(by_id) in progress.trouble.problem()
    assert "by hand" in progress.trouble.remedy()
    assert not progress.is_running


@pytest.mark.proves("W48")
async def test_models_that_answer_alike_are_all_named() -> None:
    port = free_port(0)
    charger = SimulatedCharger(catalogue().chargers["goe_charger"], 1)
    image = SimulatedMeter(catalogue().meters["eastron_sdm630"], 1, charger)
    simulator = ModbusSimulator([image], host=HERE, port=port, now_s=since_now())
    await simulator.start()
    try:
        search = DeviceSearch(MODELS)
        await search.in_network([HERE], [port])
    finally:
        await simulator.stop()
    (found,) = search.progress.found
    first, second, *others = [str(one.id) for one in found.models]
    assert {first, second} == {"eastron_sdm54", "eastron_sdm630"}, "both have as many points"
    assert "eastron_sdm72dm_v2" in others
    assert simulator.writes == []


@pytest.mark.long
async def test_somebody_who_speaks_no_modbus_is_nobody() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, HERE, 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        search = DeviceSearch(MODELS)
        await search.in_network([HERE], [port])
    assert search.progress.found == ()
    assert not search.progress.is_running


@pytest.mark.proves("W48")
async def test_many_addresses_are_tried_at_once_but_not_all_and_a_person_may_end_it() -> None:
    trying, most = 0, 0
    ended, are_many = asyncio.Event(), asyncio.Event()

    async def connects(_host: str, _port: int) -> bool:
        nonlocal trying, most
        trying += 1
        most = max(most, trying)
        if most == CONNECTS_AT_ONCE:
            are_many.set()
        try:
            await ended.wait()
        finally:
            trying -= 1
        return False

    search = DeviceSearch(MODELS, connects=connects)
    hosts = [f"192.0.2.{number}" for number in range(1, 255)]
    async with asyncio.TaskGroup() as group:
        task = group.create_task(search.in_network(hosts, ports_of(MODELS)))
        await are_many.wait()
        task.cancel()
    search.cancelled()
    assert search.progress.total == len(hosts) * len(ports_of(MODELS))
    assert (most, trying) == (CONNECTS_AT_ONCE, 0)
    assert search.progress.was_cancelled
    assert not search.progress.is_running


@pytest.mark.proves("W48")
async def test_a_silent_address_says_what_may_help() -> None:
    search = DeviceSearch(MODELS)
    await search.at_address(HERE, free_port(0), None)
    assert search.progress.trouble is not None
    assert search.progress.found == ()


@pytest.mark.long
@pytest.mark.proves("W48")
async def test_devices_of_a_serial_line_are_found_with_its_settings() -> None:
    meter, charger = catalogue().meters["eastron_sdm630"], catalogue().chargers["goe_charger"]
    assert meter.serial is not None
    settings = meter.serial
    wire = SerialWire(character_s=0.0)
    line = SerialLine(
        port=wire.gateway_end,
        protocol="rtu",
        baud=settings.baud,
        data_bits=settings.data_bits,
        parity=settings.parity,
        stop_bits=settings.stop_bits,
    )
    image = SimulatedMeter(meter, 2, SimulatedCharger(charger, 1))
    simulator = SerialSimulator([image], wire, line, now_s=since_now())
    await simulator.start()
    try:
        search = DeviceSearch([meter])
        await search.on_line(wire.gateway_end)
    finally:
        await simulator.stop()
    (found,) = search.progress.found
    assert found.model is meter
    assert found.connection.unit == 2
    assert found.line is not None
    assert found.line.baud == settings.baud
    assert found.address == wire.gateway_end
