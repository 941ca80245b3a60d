"""A simulated site: the chargers and meters of a configuration, ready to be plugged into."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from knxgw.charging.words import PointNumber
from knxgw.config.device_address import device_address
from knxgw.config.model import Configuration, ConnectionKind, MeterSettings, PointSettings
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.house import House, MainsMeter
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.modbus_server import ModbusSimulator
from knxgw.sim.registers import RegisterImage

PHYSICS_S = 0.25  # how often time passes where nobody asks


class SimulatedSite:
    """Simulators for every networked device of a configuration, at the addresses it names."""

    def __init__(self, configuration: Configuration, time_s: Callable[[], float]) -> None:
        self.chargers: dict[PointNumber, SimulatedCharger] = {}
        self.meters: dict[PointNumber, SimulatedMeter] = {}
        self._time_s = time_s
        self._where: dict[PointNumber, tuple[str, int]] = {}
        self._images: dict[tuple[str, int], list[RegisterImage]] = {}
        self._kinds: dict[tuple[str, int], ConnectionKind] = {}
        for point in configuration.points:
            if point.connection.kind is not ConnectionKind.SERIAL:
                self._add(point)
        self.house = House(self.chargers)
        smart_meter = configuration.load_management.smart_meter
        if smart_meter is not None and smart_meter.meter is not None:
            self._add_smart_meter(smart_meter.meter)
        self.servers = {
            (host, port): ModbusSimulator(
                images, host=host, port=port, time_s=time_s, kind=self._kinds[host, port]
            )
            for (host, port), images in self._images.items()
        }

    def _add(self, point: PointSettings) -> None:
        number = PointNumber(point.number)
        host, port, unit, offset = device_address(point.connection, point.model)
        charger = SimulatedCharger(point.model, unit, offset)
        self.chargers[number] = charger
        self._where[number] = (host, port)
        self._place(charger, point.connection.kind, host, port)
        meter = point.meter
        if meter is not None and meter.connection.kind is not ConnectionKind.SERIAL:
            host, port, unit, _ = device_address(meter.connection, meter.model)
            image = self.meters[number] = SimulatedMeter(meter.model, unit, charger)
            self._place(image, meter.connection.kind, host, port)

    def _add_smart_meter(self, meter: MeterSettings) -> None:
        host, port, unit, _ = device_address(meter.connection, meter.model)
        self._place(MainsMeter(meter.model, unit, self.house), meter.connection.kind, host, port)

    def _place(self, image: RegisterImage, kind: ConnectionKind, host: str, port: int) -> None:
        self._images.setdefault((host, port), []).append(image)
        self._kinds[host, port] = kind

    def endpoint_of(self, number: PointNumber) -> ModbusSimulator:
        """Return the endpoint of a charging point's charger."""
        return self.servers[self._where[number]]

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
