"""Five units on one RTU line at 19 200 baud, over pseudo terminals at the pace of the line.

What is allowed: the bytes of request and answer, the device's turnaround (what the simulated one
really took, seen at the wire), a silence of 3.5 characters before the answer and before the next
request, or the longer one that the model wants. What is measured beyond that is the gateway's.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bench.always_due import always_due
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.charging.events import DeviceEvent, LinkCondition
from knxgw.charging.scope import PointNumber
from knxgw.config.model import SerialLine
from knxgw.links.keep_alive import keep_alive
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.links.modbus_endpoint import SerialEndpoint
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.modbus_server import SerialSimulator
from knxgw.sim.serial_wire import Exchange, SerialWire
from tests.support.devices import driver as make_driver

BAUD, UNITS = 19_200, 5
TURNAROUND_S = 0.005
RATE_S, SETTLE_S = 20.0, 3.0
COMMANDS = 30
WRITES = (5, 6, 15, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFigures:
    """What one line did."""

    polls_per_s: float
    percent: float  # of the rate that is allowed
    worst_transactions: int  # that a command waited for
    worst_ms: float  # from the command until its first byte
    longest_ms: float  # the longest transaction that was in the way


class _Line:
    """A line of five units of one model, and the bus that serves it."""

    def __init__(self, model: DeviceModel) -> None:
        quiet_pymodbus()
        line = SerialLine(port="", protocol="rtu", baud=BAUD, data_bits=8, parity="N", stop_bits=1)
        endpoint = SerialEndpoint(line=line)
        self.silence_s = max(endpoint.silence_s, model.request_gap_s)
        self.wire = SerialWire(
            character_s=endpoint.character_s, turnaround_s=endpoint.silence_s + TURNAROUND_S
        )
        line = replace(line, port=self.wire.gateway_end)
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        images = [SimulatedCharger(model, unit) for unit in range(1, UNITS + 1)]
        self.simulator = SerialSimulator(
            images, self.wire, line, now_s=lambda: loop.time() - start_s
        )
        self.drivers = [
            make_driver(PointNumber(unit), model, unit_id=unit) for unit in range(1, UNITS + 1)
        ]
        self.bus = ModbusBus(SerialEndpoint(line=line), drivers=self.drivers, on_event=_forget)

    @property
    def is_good(self) -> bool:
        """Tell whether every unit answers."""
        return all(driver.condition is LinkCondition.GOOD for driver in self.drivers)


def _forget(_event: DeviceEvent) -> None:
    """Nobody listens: the wire is measured."""


@asynccontextmanager
async def _running(line: _Line) -> AsyncIterator[None]:
    await line.simulator.start()
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(keep_alive("line", line.bus.run))
            await _until(lambda: line.is_good)
            await asyncio.sleep(SETTLE_S)
            yield
            task.cancel()
    finally:
        await line.simulator.stop()


def measure(model: DeviceModel) -> LineFigures:
    """Run five units of a model on a line, asked as often as the line allows."""
    with always_due():
        return asyncio.run(_measure(model))


def models() -> dict[str, DeviceModel]:
    """Return what is put on the line: long answers, short answers, long silences."""
    chargers = catalogue().chargers
    box = chargers["abb_terra_ac"]
    return {
        "ABB Terra AC": box,
        "the same, value by value": replace(box, read=replace(box.read, is_single=True)),
        "Heidelberg, 100 ms of silence": chargers["heidelberg_energy_control"],
    }


async def _measure(model: DeviceModel) -> LineFigures:
    line = _Line(model)
    async with _running(line):
        first = len(line.wire.exchanges)
        await asyncio.sleep(RATE_S)
        exchanges = line.wire.exchanges[first:]
        commanded = [await _command(line, turn) for turn in range(COMMANDS)]
    elapsed_s = exchanges[-1].begun_at - exchanges[0].begun_at
    done = exchanges[:-1]
    allowed_s = sum(one.ended_at - one.begun_at + line.silence_s for one in done)
    return LineFigures(
        polls_per_s=round(len(done) / elapsed_s, 1),
        percent=round(100 * allowed_s / elapsed_s, 1),
        worst_transactions=max(waited for waited, _, _ in commanded),
        worst_ms=round(max(delay_s for _, delay_s, _ in commanded) * 1000, 1),
        longest_ms=round(max(longest_s for _, _, longest_s in commanded) * 1000, 1),
    )


async def _command(line: _Line, turn: int) -> tuple[int, float, float]:
    """Interrupt one unit; return how many transactions that waited for, how long, the longest."""
    loop, driver = asyncio.get_running_loop(), line.drivers[turn % UNITS]
    driver.want(16_000)
    line.bus.wake()
    await _until(lambda: driver.is_acknowledged)
    await asyncio.sleep(random.uniform(0.2, 0.5))  # noqa: S311 - at any moment of a transaction
    known = len(line.wire.exchanges)
    said_s = loop.time()
    driver.want(0)
    line.bus.wake()
    await _until(lambda: _write_to(line.wire, known, driver.unit_id) is not None)
    write = _write_to(line.wire, known, driver.unit_id)
    assert write is not None
    before = [e for e in line.wire.exchanges[max(0, known - 1) :] if e.begun_at < write.begun_at]
    waited = [one for one in before if one.ended_at + line.silence_s > said_s]
    longest_s = max((one.ended_at - one.begun_at + line.silence_s for one in waited), default=0.0)
    return len(waited), write.begun_at - said_s, longest_s


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - it happens at the other end of a wire
            await asyncio.sleep(0.002)


def _write_to(wire: SerialWire, known: int, unit_id: int) -> Exchange | None:
    exchanges = wire.exchanges[known:]
    return next((e for e in exchanges if e.request[1] in WRITES and e.request[0] == unit_id), None)
