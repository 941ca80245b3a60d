"""A simulated site: the chargers and meters of a configuration, ready to be plugged into."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from knxgw.charging.words import PointNumber
from knxgw.config.device_address import device_address
from knxgw.config.model import Configuration, ConnectionKind
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.modbus_server import ModbusSimulator
from knxgw.sim.registers import RegisterImage

PHYSICS_S = 0.25  # how often time passes where nobody asks


class SimulatedSite:
    """Simulators for every TCP device of a configuration, at the addresses it names."""

    def __init__(self, configuration: Configuration, time_s: Callable[[], float]) -> None:
        self.chargers: dict[PointNumber, SimulatedCharger] = {}
        self.servers: dict[tuple[str, int], ModbusSimulator] = {}
        self._time_s = time_s
        where_is: dict[PointNumber, tuple[str, int]] = {}
        images: dict[tuple[str, int], list[RegisterImage]] = {}
        for point in configuration.points:
            connection = point.connection
            if connection.kind is not ConnectionKind.TCP:
                continue
            host, port, unit, offset = device_address(connection, point.model)
            charger = SimulatedCharger(point.model, unit, offset)
            self.chargers[PointNumber(point.number)] = charger
            where_is[PointNumber(point.number)] = (host, port)
            images.setdefault((host, port), []).append(charger)
            if point.meter is not None and point.meter.connection.kind is ConnectionKind.TCP:
                host, port, unit, _ = device_address(point.meter.connection, point.meter.model)
                meter = SimulatedMeter(point.meter.model, unit, charger)
                images.setdefault((host, port), []).append(meter)
        for (host, port), members in images.items():
            self.servers[host, port] = ModbusSimulator(members, host=host, port=port, time_s=time_s)
        self._endpoints = {number: self.servers[where] for number, where in where_is.items()}

    def endpoint_of(self, number: PointNumber) -> ModbusSimulator:
        """Return the endpoint of a charging point's charger."""
        return self._endpoints[number]

    async def start(self) -> None:
        """Listen on every endpoint."""
        for server in self.servers.values():
            await server.start()

    async def stop(self) -> None:
        """Close every endpoint."""
        for server in self.servers.values():
            await server.stop()

    async def run_physics(self) -> NoReturn:
        """Let time pass for every vehicle, also where nobody asks."""
        while True:
            for charger in self.chargers.values():
                charger.advance(self._time_s())
            await asyncio.sleep(PHYSICS_S)
