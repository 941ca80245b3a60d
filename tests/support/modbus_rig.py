"""The one rig for a Modbus bus: an endpoint, the simulated devices behind it, and what came of it.

On null modems all of it runs in virtual time, on any transport; on pseudo terminals in real time.
The bus is kept alive as the gateway keeps it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from pymodbus.transport import NULLMODEM_HOST

from knxgw.catalogue.device_model import DeviceModel
from knxgw.charging.events import ChargerConditionChanged, ChargerSeen, DeviceEvent, LinkCondition
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.scope import PointNumber
from knxgw.config.devices import charger_id
from knxgw.config.model import ConnectionKind, SerialLine
from knxgw.links.keep_alive import keep_alive
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.links.modbus_endpoint import ModbusEndpoint, SerialEndpoint, TcpEndpoint
from knxgw.modbus.driver import Driver
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.modbus_server import ModbusSimulator, SerialSimulator
from knxgw.sim.registers import RegisterImage
from tests.support.devices import driver as make_driver

TRANSPORTS = ("tcp", "rtu_over_tcp", "rtu", "ascii")
PORT = 5020
NULL_MODEM = f"socket://{NULLMODEM_HOST}:{PORT}"
BAUD = 19_200  # of every line here
CP1, CP2 = PointNumber(1), PointNumber(2)


class BusRig:
    """A bus with drivers and every event of the drivers; the devices are somebody else's."""

    def __init__(self, endpoint: ModbusEndpoint, drivers: Sequence[Driver]) -> None:
        quiet_pymodbus()
        self.drivers = list(drivers)
        self.events: list[DeviceEvent] = []
        self.bus = ModbusBus(endpoint, drivers=self.drivers, on_event=self.events.append)

    def offer(self, offer_ma: int, *points: PointNumber) -> None:
        """Offer these charging points a current [mA], or all of them."""
        for driver in self.drivers:
            is_charger = driver.model.control is not None
            if is_charger and (not points or driver.device in map(charger_id, points)):
                driver.want(offer_ma)
        self.bus.wake()

    def readings(self, point: int = CP1) -> list[ChargerSeen]:
        """Return what was read of a charger, in order."""
        seen = (event for event in self.events if isinstance(event, ChargerSeen))
        return [event for event in seen if event.device == charger_id(point)]

    def seen(self, quantity: Quantity, point: int = CP1) -> list[Value]:
        """Return every value that a quantity was seen to have, in order."""
        readings = self.readings(point)
        return [event.values[quantity] for event in readings if quantity in event.values]

    def last(self, quantity: Quantity, point: int = CP1) -> Value | None:
        """Return the value that a quantity was last seen to have, None before the first."""
        values = self.seen(quantity, point)
        return values[-1] if values else None

    def values(self, point: int = CP1) -> dict[Quantity, Value]:
        """Return everything a charger was last seen to say."""
        known: dict[Quantity, Value] = {}
        for event in self.readings(point):
            known |= event.values
        return known

    def conditions(self, point: int = CP1) -> list[LinkCondition]:
        """Return what the link to a charger was, in order."""
        changes = (event for event in self.events if isinstance(event, ChargerConditionChanged))
        return [event.condition for event in changes if event.device == charger_id(point)]

    async def until(self, condition: Callable[[], bool], limit_s: float = 60.0) -> None:
        """Let time pass until the condition holds. Raises: TimeoutError after `limit_s`."""
        async with asyncio.timeout(limit_s):
            while not condition():  # noqa: ASYNC110 - it happens at the other end of a wire
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def asking(self, *, last_delay_s: float = 15.0) -> AsyncIterator["BusRig"]:
        """Let the bus ask its devices."""
        async with kept_alive(self.bus, last_delay_s=last_delay_s):
            yield self


class ModbusRig(BusRig):
    """A bus and the simulated devices that answer it."""

    def __init__(
        self,
        endpoint: ModbusEndpoint,
        simulator: ModbusSimulator,
        drivers: Sequence[Driver],
        chargers: Sequence[SimulatedCharger],
    ) -> None:
        super().__init__(endpoint, drivers)
        self.simulator = simulator
        self.chargers = list(chargers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ModbusRig"]:
        """Let the devices answer and the bus ask them."""
        await self.simulator.start()
        try:
            async with kept_alive(self.bus):
                yield self
        finally:
            await self.simulator.stop()


@asynccontextmanager
async def kept_alive(bus: ModbusBus[Driver], *, last_delay_s: float = 15.0) -> AsyncIterator[None]:
    """Let a bus ask its devices, again and again whatever becomes of its connection."""
    async with asyncio.TaskGroup() as group:
        session = keep_alive("bus", bus.run, last_delay_s=last_delay_s, on_failure=bus.failed)
        task = group.create_task(session)
        yield
        task.cancel()


def since_now() -> Callable[[], float]:
    """Return a clock [s] that begins now: a car's day, however long the machine is up."""
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    return lambda: loop.time() - started_s


def line_of(protocol: str, port: str = NULL_MODEM) -> SerialLine:
    """Return a serial line, on a null modem unless a port is named."""
    return SerialLine(port=port, protocol=protocol, baud=BAUD, data_bits=8, parity="N", stop_bits=1)


def endpoint_of(transport: str) -> ModbusEndpoint:
    """Return the gateway's end of a null modem."""
    if transport in ("rtu", "ascii"):
        return SerialEndpoint(line=line_of(transport))
    return TcpEndpoint(host=NULLMODEM_HOST, port=PORT, kind=ConnectionKind(transport))


def simulator_of(transport: str, images: Sequence[RegisterImage]) -> ModbusSimulator:
    """Return the devices' end of a null modem."""
    now_s = asyncio.get_running_loop().time
    if transport in ("rtu", "ascii"):
        return SerialSimulator(images, None, line_of(transport), now_s=now_s)
    kind = ConnectionKind(transport)
    return ModbusSimulator(images, host=NULLMODEM_HOST, port=PORT, now_s=now_s, kind=kind)


def rig_of(model: DeviceModel, units: Sequence[int] = (1,), transport: str = "tcp") -> ModbusRig:
    """Return a rig of chargers of one model on a null modem: charging points 1, 2, … by unit."""
    drivers = [
        make_driver(PointNumber(number), model, unit_id=unit)
        for number, unit in enumerate(units, start=1)
    ]
    chargers = [SimulatedCharger(model, unit) for unit in units]
    return ModbusRig(endpoint_of(transport), simulator_of(transport, chargers), drivers, chargers)
