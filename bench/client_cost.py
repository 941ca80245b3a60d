"""CPU seconds per request of our Modbus bus, beside those of the plain pymodbus client.

Both read the same block of the same simulator (another process) over TCP on loopback as fast as
they get answers, in turns. Ours: client, bus, driver and poll plan. What the driver then makes of
the registers (decoding, state rules, events) is done with the plain client's answers too, and in
neither counted: so both leave the simulator the same time to fall asleep between two requests,
which makes the next one dearer.
"""

import asyncio
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from time import process_time

from pymodbus.client import AsyncModbusTcpClient

from bench.always_due import always_due
from knxgw.catalogue.load import catalogue
from knxgw.charging.events import DeviceEvent
from knxgw.config.devices import charger_id
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.links.modbus_endpoint import TcpEndpoint
from knxgw.modbus.driver import Driver
from knxgw.modbus.requests import Read

PORT, REQUESTS, RUNS = 15_025, 3000, 5
SITE = f"""
knx: {{link: none}}
charging_points:
  - {{number: 1, model: abb_terra_ac, connection: {{type: tcp, host: 127.0.0.1, port: {PORT}}}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostFigures:
    """Medians of CPU time per request [µs]."""

    plain_us: float
    ours_us: float  # client, bus, poll plan
    meaning_us: float  # what the registers mean, on top

    @property
    def ratio(self) -> float:
        """Return ours to plain."""
        return round(self.ours_us / self.plain_us, 2)


class _TimedDriver(Driver):
    """Counts how long the meaning of registers takes."""

    meaning_s = 0.0

    def read_done(self, request: Read, registers: Sequence[int], now_s: float) -> list[DeviceEvent]:
        """Take the registers."""
        begun_s = process_time()
        events = super().read_done(request, registers, now_s)
        self.meaning_s += process_time() - begun_s
        return events


def measure(directory: Path) -> CostFigures:
    """Run a simulator, and both clients against it in turns."""
    quiet_pymodbus()
    site = directory / "cost.yaml"
    site.write_text(SITE, encoding="utf-8")
    plain, ours, meaning = [], [], []
    with _simulator(site), always_due():
        for _ in range(RUNS):
            plain.append(asyncio.run(_plain()))
            whole, meant = asyncio.run(_ours())
            ours.append(whole - meant)
            meaning.append(meant)
    return CostFigures(
        plain_us=round(statistics.median(plain), 1),
        ours_us=round(statistics.median(ours), 1),
        meaning_us=round(statistics.median(meaning), 1),
    )


@contextmanager
def _simulator(site: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "knxgw", "sim", "--site", str(site)]
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:  # noqa: S603 - our own program
        try:
            asyncio.run(_listening())
            yield
        finally:
            process.terminate()


async def _listening() -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", PORT)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            await writer.wait_closed()
            return


async def _plain() -> float:
    """Return the CPU time of a request [µs] of a client that only reads."""
    loop = asyncio.get_running_loop()
    driver, client = _driver(), AsyncModbusTcpClient("127.0.0.1", port=PORT)
    request = driver.next_request(0.0)
    assert isinstance(request, Read)
    assert await client.connect()
    address, count = request.block.address, request.block.count
    begun_s = process_time()
    for _ in range(REQUESTS):
        answer = await client.read_holding_registers(address, count=count, device_id=1)
        assert len(answer.registers) == count
        driver.read_done(request, answer.registers, loop.time())
    spent_s = process_time() - begun_s - driver.meaning_s
    client.close()
    return spent_s / REQUESTS * 1e6


def _driver() -> _TimedDriver:
    model = catalogue().chargers["abb_terra_ac"]
    return _TimedDriver(charger_id(1), model, name="cp1", unit_id=1)


async def _ours() -> tuple[float, float]:
    """Return the CPU time of a request [µs] of the bus, and what of it is for the meaning."""
    driver = _driver()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    bus = ModbusBus(
        TcpEndpoint(host="127.0.0.1", port=PORT),
        drivers=[driver],
        on_event=lambda _event: _end_at(bus, done.set_result, done.done),
    )
    begun_s = process_time()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bus.run())
        await done
        spent_s, requests = process_time() - begun_s, bus.requests
        task.cancel()
    return spent_s / requests * 1e6, driver.meaning_s / requests * 1e6


def _end_at(
    bus: ModbusBus[_TimedDriver], end: Callable[[None], None], is_done: Callable[[], bool]
) -> None:
    if bus.requests >= REQUESTS and not is_done():
        end(None)
