"""Devices on one serial line, over real pseudo terminals at the pace of the baud rate."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import ChargerConditionChanged, ChargerSeen, DeviceEvent, MeterSeen
from knxgw.charging.words import LinkCondition, PointNumber, Quantity
from knxgw.config.model import SerialLine
from knxgw.links.keep_alive import keep_alive
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.links.modbus_endpoint import SerialEndpoint
from knxgw.modbus.driver import Driver
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.modbus_server import SerialSimulator
from knxgw.sim.serial_wire import SerialWire
from knxgw.sim.vehicle import Vehicle
from tests.links.raw_peer import framed, unframed
from tests.support.peers import require_peers

pytestmark = pytest.mark.real
BAUD = 19_200
UNITS = 5


def line_of(port: str, protocol: str = "rtu") -> SerialLine:
    return SerialLine(port=port, protocol=protocol, baud=BAUD, data_bits=8, parity="N", stop_bits=1)


class Rig:
    """Five ABB chargers and a meter on a line, and the bus that serves them."""

    def __init__(self, protocol: str, *, missing: int = 0) -> None:
        quiet_pymodbus()
        models = catalogue()
        charger, meter = models.chargers["abb_terra_ac"], models.meters["eastron_sdm630"]
        endpoint = SerialEndpoint(line=line_of("", protocol))
        self.wire = SerialWire(character_s=endpoint.character_s)
        self.line = line_of(self.wire.gateway_end, protocol)
        self.chargers = [SimulatedCharger(charger, unit) for unit in range(1, UNITS + 1)]
        images = [*self.chargers, SimulatedMeter(meter, 9, self.chargers[0])]
        loop = asyncio.get_running_loop()
        started_s = loop.time()  # the cars' day begins here, however long the machine is up
        self.simulator = SerialSimulator(
            images, self.wire, self.line, time_s=lambda: loop.time() - started_s
        )
        self.drivers = [
            Driver(PointNumber(unit), charger, unit_id=unit) for unit in range(1, UNITS + 1)
        ]
        if missing:
            self.drivers.append(Driver(PointNumber(7), charger, unit_id=missing))
        self.drivers.append(Driver(PointNumber(1), meter, unit_id=9))
        self.events: list[DeviceEvent] = []
        self.bus = ModbusBus(
            SerialEndpoint(line=self.line), drivers=self.drivers, on_event=self.events.append
        )

    async def until(self, true: Callable[[], bool], limit_s: float = 20.0) -> None:
        """Wait for something real."""
        async with asyncio.timeout(limit_s):
            while not true():  # noqa: ASYNC110 - it happens at the other end of a wire
                await asyncio.sleep(0.005)

    def was_written(self, *, more_than: int) -> bool:
        """Tell whether a write arrived."""
        return len(self.simulator.writes) > more_than

    def seen(self, unit: int) -> dict[Quantity, object]:
        """Return everything a charger was last seen to say."""
        found: dict[Quantity, object] = {}
        for event in self.events:
            if isinstance(event, ChargerSeen) and event.point == unit:
                found |= event.values
        return found


@asynccontextmanager
async def running(protocol: str = "rtu", *, missing: int = 0) -> AsyncIterator[Rig]:
    rig = Rig(protocol, missing=missing)
    await rig.simulator.start()
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(keep_alive("line", rig.bus.run))
            yield rig
            task.cancel()
    finally:
        await rig.simulator.stop()


@pytest.mark.proves("4.10")
@pytest.mark.parametrize("protocol", ["rtu", "ascii"])
async def test_five_chargers_and_a_meter_share_a_line(protocol: str) -> None:
    async with running(protocol) as rig:
        rig.chargers[2].plug(Vehicle())
        for driver in rig.drivers[:UNITS]:
            driver.want(10_000)
        rig.bus.wake()
        await rig.until(lambda: rig.seen(3).get(Quantity.CURRENT_L1) == 10_000)
        await rig.until(lambda: any(isinstance(e, MeterSeen) for e in rig.events))
        assert [one.offer_ma for one in rig.chargers] == [10_000] * UNITS
        good = [driver.condition for driver in rig.drivers]
        assert good == [LinkCondition.GOOD] * len(rig.drivers)


@pytest.mark.proves("4.11")
async def test_a_command_waits_for_one_transaction_at_most() -> None:
    async with running() as rig:
        await rig.until(lambda: all(d.condition is LinkCondition.GOOD for d in rig.drivers))
        for turn in range(4):
            before, writes = len(rig.wire.exchanges), len(rig.simulator.writes)
            rig.drivers[turn].want(0)
            rig.bus.wake()
            await rig.until(partial(rig.was_written, more_than=writes))
            frames = [one.request[1] for one in rig.wire.exchanges[before:]]
            assert any(function in (6, 16) for function in frames[:2]), frames


@pytest.mark.proves("4.12")
async def test_a_unit_that_does_not_answer_costs_the_others_little() -> None:
    async with running(missing=8) as rig:
        lost = ChargerConditionChanged(point=PointNumber(7), condition=LinkCondition.NOT_REACHABLE)
        await rig.until(lambda: lost in rig.events)
        assert all(d.condition is LinkCondition.GOOD for d in rig.drivers if d.point != 7)
        count = len(rig.wire.exchanges)
        await rig.until(lambda: len(rig.wire.exchanges) >= count + 15)
        asked = [one.request[0] for one in rig.wire.exchanges[count:]]
        assert asked.count(8) <= 2, "its back-off grows"


def damaged(_protocol: str, data: bytes) -> bytes:
    """One byte of the checksum is wrong."""
    return data[:-3] + bytes([data[-3] ^ 0x01]) + data[-2:]


def short(protocol: str, data: bytes) -> bytes:
    """It is one register short, and says so; its checksum is right."""
    _, unit, pdu = unframed(protocol, data)
    return framed(protocol, unit, bytes((pdu[0], pdu[1] - 2)) + pdu[2:-2])


def foreign(protocol: str, data: bytes) -> bytes:
    """The next unit says it."""
    _, unit, pdu = unframed(protocol, data)
    return framed(protocol, unit % UNITS + 1, pdu)


@pytest.mark.proves("H.17", "4.13")
@pytest.mark.parametrize("spoil", [damaged, short, foreign], ids=lambda one: str(one.__name__))
@pytest.mark.parametrize("protocol", ["rtu", "ascii"])
async def test_a_wrong_answer_is_never_published_and_the_line_heals(
    protocol: str, spoil: Callable[[str, bytes], bytes]
) -> None:
    async with running(protocol) as rig:
        await rig.until(lambda: all(d.condition is LinkCondition.GOOD for d in rig.drivers))
        rig.wire.spoil = partial(spoil, protocol)
        await asyncio.sleep(0.5)  # what was on its way has arrived
        rig.events.clear()
        await rig.until(lambda: any(isinstance(e, ChargerConditionChanged) for e in rig.events))
        assert not any(isinstance(event, ChargerSeen) for event in rig.events)
        rig.wire.spoil = None
        await rig.until(lambda: all(d.condition is LinkCondition.GOOD for d in rig.drivers), 40.0)


@pytest.mark.proves("H.17", "4.13")
@pytest.mark.parametrize("protocol", ["rtu", "ascii"])
async def test_late_answers_are_never_published_and_the_line_heals(protocol: str) -> None:
    async with running(protocol) as rig:
        for unit, charger in enumerate(rig.chargers, start=1):
            charger.show("current_l1", unit)
        await rig.until(lambda: all(d.condition is LinkCondition.GOOD for d in rig.drivers))
        rig.simulator.misbehaviour.delay_s = 2.3
        await asyncio.sleep(8.0)
        rig.simulator.misbehaviour.delay_s = 0.0
        await rig.until(lambda: all(d.condition is LinkCondition.GOOD for d in rig.drivers), 40.0)
        for event in rig.events:
            if isinstance(event, ChargerSeen) and Quantity.CURRENT_L1 in event.values:
                assert event.values[Quantity.CURRENT_L1] in (0, event.point * 1000)


@pytest.mark.peers
async def test_mbpoll_reads_the_simulated_line() -> None:
    require_peers("mbpoll")
    mbpoll = shutil.which("mbpoll")
    rig = Rig("rtu")
    await rig.simulator.start()
    state = rig.chargers[1].model.points["state"]
    command = ["-m", "rtu", "-b", str(BAUD), "-P", "none", "-a", "2", "-t", "4", "-0", "-1"]
    process = await asyncio.create_subprocess_exec(
        str(mbpoll),
        *command,
        "-r",
        str(state.address),
        "-c",
        "1",
        rig.wire.gateway_end,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0, output.decode()
        assert f"[{state.address}]" in output.decode()
    finally:
        await rig.simulator.stop()
