"""Every transport on null modems, in virtual time: a bus, its devices, what it publishes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from pymodbus.transport import NULLMODEM_HOST

from knxgw.catalogue.model import DeviceModel
from knxgw.charging.events import ChargerConditionChanged, ChargerSeen, DeviceEvent
from knxgw.charging.words import LinkCondition, PointNumber, Quantity, Value
from knxgw.config.model import ConnectionKind, SerialLine
from knxgw.links.keep_alive import keep_alive
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.links.modbus_endpoint import Endpoint, SerialEndpoint, TcpEndpoint
from knxgw.modbus.driver import Driver
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.modbus_server import ModbusSimulator, SerialSimulator

TRANSPORTS = ("tcp", "rtu_over_tcp", "rtu", "ascii")
PORT = 5020


def line_of(transport: str) -> SerialLine:
    """Return a serial line on a null modem."""
    return SerialLine(
        port=f"socket://{NULLMODEM_HOST}:{PORT}",
        protocol=transport,
        baud=19_200,
        data_bits=8,
        parity="N",
        stop_bits=1,
    )


def endpoint_of(transport: str) -> Endpoint:
    """Return the gateway's end."""
    if transport in ("rtu", "ascii"):
        return SerialEndpoint(line=line_of(transport))
    return TcpEndpoint(host=NULLMODEM_HOST, port=PORT, kind=ConnectionKind(transport))


def simulator_of(transport: str, images: Sequence[SimulatedCharger]) -> ModbusSimulator:
    """Return the devices' end."""
    time_s = asyncio.get_running_loop().time
    if transport in ("rtu", "ascii"):
        return SerialSimulator(images, None, line_of(transport), time_s=time_s)
    kind = ConnectionKind(transport)
    return ModbusSimulator(images, host=NULLMODEM_HOST, port=PORT, time_s=time_s, kind=kind)


class Wire:
    """Chargers of one model, units 1, 2, … of one endpoint."""

    def __init__(self, transport: str, model: DeviceModel, units: int = 1) -> None:
        quiet_pymodbus()
        self.events: list[DeviceEvent] = []
        self.chargers = [SimulatedCharger(model, unit) for unit in range(1, units + 1)]
        self.drivers = [
            Driver(PointNumber(unit), model, unit_id=unit) for unit in range(1, units + 1)
        ]
        self.simulator = simulator_of(transport, self.chargers)
        self.bus = ModbusBus(
            endpoint_of(transport), drivers=self.drivers, on_event=self.events.append
        )

    def seen(self, quantity: Quantity, point: int = 1) -> list[Value]:
        """Return every value a charger was seen to have, in order."""
        shown = [e for e in self.events if isinstance(e, ChargerSeen) and e.point == point]
        return [event.values[quantity] for event in shown if quantity in event.values]

    def conditions(self, point: int = 1) -> list[LinkCondition]:
        """Return what the link to a charger was."""
        changes = [e for e in self.events if isinstance(e, ChargerConditionChanged)]
        return [event.condition for event in changes if event.point == point]

    async def until(self, true: Callable[[], bool], limit_s: float = 60.0) -> None:
        """Let time pass until something is so."""
        async with asyncio.timeout(limit_s):
            while not true():  # noqa: ASYNC110 - it happens at the other end of a wire
                await asyncio.sleep(0.05)


@asynccontextmanager
async def asked(wire: Wire) -> AsyncIterator[Wire]:
    """Run devices and bus."""
    await wire.simulator.start()
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(keep_alive("bus", wire.bus.run, last_delay_s=15.0))
            yield wire
            task.cancel()
    finally:
        await wire.simulator.stop()
