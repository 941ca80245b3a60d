"""A simulated SunSpec meter over real TCP: what an outside tool finds there, and our own bus."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import DeviceEvent, LinkCondition, MeterSeen
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.scope import PointNumber
from knxgw.config.model import ConnectionKind
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.links.modbus_endpoint import TcpEndpoint
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.modbus_server import ModbusSimulator
from tests.support.devices import driver as make_driver
from tests.support.peers import require_peers
from tests.support.processes import free_port
from tests.support.talk import box_in_use

pytestmark = pytest.mark.real

HOST, UNIT = "127.0.0.1", 240
METER = catalogue().meters["sunspec_meter_201_204"]


@asynccontextmanager
async def meter() -> AsyncIterator[tuple[ModbusSimulator, SimulatedMeter]]:
    """Serve a meter before a car that draws 10 A on each phase."""
    quiet_pymodbus()
    image = SimulatedMeter(METER, UNIT, box_in_use())
    server = ModbusSimulator([image], host=HOST, port=free_port(), now_s=lambda: 30.0)
    await server.start()
    try:
        yield server, image
    finally:
        await server.stop()


async def mbpoll(server: ModbusSimulator, address: int, count: int) -> list[int]:
    """Return registers as mbpoll reads them."""
    process = await asyncio.create_subprocess_exec(
        str(shutil.which("mbpoll")),
        *("-m", "tcp", "-p", str(server.port), "-a", str(UNIT), "-0", "-t", "4"),
        *("-r", str(address), "-c", str(count), "-1", "-q", HOST),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output
    return [int(one) for one in re.findall(r"^\[\d+\]:\s+(\d+)", output.decode(), re.MULTILINE)]


@pytest.mark.peers
@pytest.mark.proves("4.41")
async def test_an_outside_tool_finds_marker_models_scales_and_end() -> None:
    require_peers("mbpoll")
    async with meter() as (server, _):
        assert await mbpoll(server, 40000, 2) == [0x5375, 0x6E53]
        assert await mbpoll(server, 40002, 2) == [1, 66]
        start = 40004 + 66
        header = await mbpoll(server, start, 2)
        assert header == [203, 105]
        assert await mbpoll(server, start + 3, 4) == [1000, 1000, 1000, 0xFFFE], "A and its scale"
        assert await mbpoll(server, start + 18, 5) == [690, 230, 230, 230, 1], "W and its scale"
        assert await mbpoll(server, start + 13, 2) == [0x8000, 0x8000], "nothing there"
        assert await mbpoll(server, start + 38, 2) == [0, 0], "no energy is counted"
        for meter_behind in (1, 2, 3):
            assert await mbpoll(server, start + 107 * meter_behind, 2) == [203, 105]
        assert await mbpoll(server, start + 107 * 4, 2) == [0xFFFF, 0], "the end"


@pytest.mark.proves("4.41")
async def test_the_bus_finds_the_meter_and_reads_it() -> None:
    async with meter() as (server, _), asyncio.timeout(20), asyncio.TaskGroup() as group:
        seen: dict[Quantity, Value] = {}
        complete = asyncio.Event()

        def note(event: DeviceEvent) -> None:
            seen.update(event.values if isinstance(event, MeterSeen) else {})
            if {Quantity.CURRENT_L3, Quantity.POWER} <= seen.keys():
                complete.set()

        driver = make_driver(PointNumber(1), METER, unit_id=UNIT)
        endpoint = TcpEndpoint(host=HOST, port=server.port, kind=ConnectionKind.TCP)
        task = group.create_task(ModbusBus(endpoint, drivers=[driver], on_event=note).run())
        await complete.wait()
        assert (seen[Quantity.CURRENT_L3], seen[Quantity.POWER]) == (10_000, 6900)
        assert driver.condition is LinkCondition.GOOD
        task.cancel()
