"""ABL eMH1 on a pseudo terminal: answers with ">", whole blocks, a box that sleeps."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import ChargerConditionChanged, ChargerSeen, DeviceEvent, OfferTaken
from knxgw.charging.words import LinkCondition, PointNumber, Quantity
from knxgw.config.model import SerialLine
from knxgw.links.keep_alive import keep_alive
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.links.modbus_endpoint import SerialEndpoint, framing_of
from knxgw.modbus.driver import Driver
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.modbus_server import SerialSimulator
from knxgw.sim.serial_wire import SerialWire
from knxgw.sim.vehicle import Vehicle

CP1, CP2 = PointNumber(1), PointNumber(2)
MODEL = catalogue().chargers["abl_emh1"]


class Rig:
    """Two boxes on a line, on pseudo terminals or, in virtual time, on a null modem."""

    def __init__(self, *, wire: SerialWire | None = None) -> None:
        quiet_pymodbus()
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        self.wire = wire
        line = SerialLine(
            port=wire.gateway_end if wire else "socket://__pymodbus_nullmodem:5020",
            protocol="ascii",
            baud=38_400,
            data_bits=8,
            parity="N",
            stop_bits=1,
        )
        self.boxes = [SimulatedCharger(MODEL, unit) for unit in (1, 2)]
        self.simulator = SerialSimulator(
            self.boxes, wire, line, time_s=lambda: loop.time() - start_s
        )
        self.drivers = [Driver(CP1, MODEL, unit_id=1), Driver(CP2, MODEL, unit_id=2)]
        self.events: list[DeviceEvent] = []
        self.bus = ModbusBus(
            SerialEndpoint(line=line, framing=framing_of([MODEL])),
            drivers=self.drivers,
            on_event=self.events.append,
        )

    def seen(self, quantity: Quantity) -> object:
        """Return what the first box was last seen to say."""
        shown = [e.values for e in self.events if isinstance(e, ChargerSeen) and e.point == CP1]
        values = [values[quantity] for values in shown if quantity in values]
        return values[-1] if values else None

    def conditions(self) -> list[LinkCondition]:
        """Return what the first box has been."""
        changes = [e for e in self.events if isinstance(e, ChargerConditionChanged)]
        return [event.condition for event in changes if event.point == CP1]

    async def until(self, true: Callable[[], bool], limit_s: float = 20.0) -> None:
        """Wait for something."""
        async with asyncio.timeout(limit_s):
            while not true():  # noqa: ASYNC110 - it happens at the other end of a wire
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Rig]:
    await rig.simulator.start()
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(keep_alive("line", rig.bus.run))
            yield rig
            task.cancel()
    finally:
        await rig.simulator.stop()


@pytest.mark.real
async def test_two_boxes_are_told_a_duty_cycle_and_read_in_whole_blocks() -> None:
    wire = SerialWire(character_s=10 / 38_400)
    async with running(Rig(wire=wire)) as rig:
        rig.boxes[0].plug(Vehicle())
        for driver in rig.drivers:
            driver.want(16_000)
        rig.bus.wake()
        await rig.until(lambda: rig.seen(Quantity.CURRENT_L1) == 16_000)
        await rig.until(lambda: rig.seen(Quantity.SETPOINT) == 15_960)
        assert rig.seen(Quantity.STATE) == 8
        assert rig.seen(Quantity.CURRENT) == 48_000
        assert rig.seen(Quantity.SERIAL) == "2W22405561234"
        assert {write[1:] for write in rig.simulator.writes} == {
            (1, 20, (266,)),
            (2, 20, (266,)),
        }, "266 thousandths of duty are 15.96 A: never more than was offered"
        frames = [one.request for one in wire.exchanges]
        assert all(frame[:1] == b":" for frame in frames)
        reads = {frame[5:13] for frame in frames if frame[3:5] == b"03"}
        assert {b"000F0005", b"002E0005", b"00040001", b"00500008"} <= reads


@pytest.mark.real
async def test_a_pause_is_the_raw_value_for_no_charging() -> None:
    wire = SerialWire(character_s=10 / 38_400)
    async with running(Rig(wire=wire)) as rig:
        rig.boxes[0].plug(Vehicle())
        rig.drivers[0].want(10_000)
        rig.bus.wake()
        await rig.until(lambda: rig.seen(Quantity.STATE) == 8)
        rig.drivers[0].want(0)
        rig.bus.wake()
        await rig.until(lambda: rig.seen(Quantity.STATE) == 11)
        await rig.until(lambda: rig.seen(Quantity.CURRENT) == 0)
        assert rig.simulator.writes[-1][2:] == (20, (1000,))
        assert rig.seen(Quantity.SETPOINT) == 0


async def test_a_request_that_a_sleeping_box_lost_is_repeated_and_no_error() -> None:
    async with running(Rig()) as rig:
        rig.drivers[0].want(12_000)
        rig.bus.wake()
        await asyncio.sleep(2.0)
        assert rig.events.count(OfferTaken(point=CP1, offer_ma=12_000)) == 1, (
            "it heard the second one"
        )
        await asyncio.sleep(10.0)
        assert rig.conditions() == [LinkCondition.GOOD]
        rig.simulator._heard_s.clear()  # as if it had been left alone for long
        await asyncio.sleep(10.0)
        assert rig.conditions() == [LinkCondition.GOOD]
        assert rig.seen(Quantity.SETPOINT) == 12_000


async def test_a_box_that_is_dead_is_not_reachable_and_comes_back() -> None:
    async with running(Rig()) as rig:
        await asyncio.sleep(5.0)
        rig.simulator.misbehaviour.silent = True
        await asyncio.sleep(15.0)
        assert rig.conditions()[-1] is LinkCondition.NOT_REACHABLE
        rig.simulator.misbehaviour.silent = False
        await asyncio.sleep(30.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD


async def test_currents_are_missing_without_the_sensor() -> None:
    rig = Rig()
    rig.boxes[0].show("sensor", 0)
    async with running(rig):
        rig.boxes[0].plug(Vehicle())
        rig.drivers[0].want(16_000)
        rig.bus.wake()
        await asyncio.sleep(20.0)
        assert rig.seen(Quantity.STATE) == 8
        assert rig.seen(Quantity.CURRENT_L1) is None
        assert rig.seen(Quantity.CURRENT) is None
