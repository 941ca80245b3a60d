"""A simulated site: the chargers and meters of a configuration, ready to be plugged into."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from knxgw.charging.scope import PointNumber
from knxgw.config.device_address import device_address
from knxgw.config.model import (
    Configuration,
    Connection,
    ConnectionKind,
    MeterSettings,
    PointSettings,
    SubmeterSettings,
)
from knxgw.errors import GatewayError
from knxgw.links.modbus import quiet_pymodbus
from knxgw.links.modbus_endpoint import SerialEndpoint
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.house import PHASES, STRAIGHT, House, MainsMeter
from knxgw.sim.knx_meter import KnxMeter
from knxgw.sim.meter import CircuitMeter, SimulatedMeter
from knxgw.sim.modbus_server import ModbusSimulator, SerialSimulator
from knxgw.sim.registers import RegisterImage
from knxgw.sim.serial_wire import SerialWire

PHYSICS_S = 0.25  # how often time passes where nobody asks


class SimulatedSite:
    """Simulators for every device of a configuration, at the addresses it names.

    The serial line is a pseudo terminal, and the device file of the configuration becomes a link to
    it, or a `socket://host:port`; a name in /dev is left to real adapters, and nothing is simulated
    there.
    """

    def __init__(self, configuration: Configuration, now_s: Callable[[], float]) -> None:
        self.chargers: dict[PointNumber, SimulatedCharger] = {}
        self.meters: dict[PointNumber, SimulatedMeter] = {}
        self._now_s = now_s
        self._where: dict[PointNumber, tuple[str, int]] = {}
        self._images: dict[tuple[str, int], list[RegisterImage]] = {}
        self._kinds: dict[tuple[str, int], ConnectionKind] = {}
        line = configuration.serial
        self._has_line = line is not None and not line.port.startswith("/dev/")
        smart_meter = configuration.load_management.smart_meter
        self._mains_phases = smart_meter.phases if smart_meter is not None else PHASES
        for point in configuration.points:
            if self._is_simulated(point.connection):
                self._add(point)
        rotations = {
            PointNumber(point.number): STRAIGHT
            if self._mains_phases == 1  # carries every charging point on its one phase
            else point.phase_rotation
            for point in configuration.points
        }
        self.house = House(self.chargers, rotations, phases=self._mains_phases)
        self.mains_meter: MainsMeter | None = None
        self.knx_meter: KnxMeter | None = None  # whoever runs one tells so here
        mains = smart_meter.meter if smart_meter is not None else None
        if mains is not None and self._is_simulated(mains.connection):
            self._add_smart_meter(mains)
        self.submeters: dict[int, CircuitMeter] = {}
        for submeter in configuration.submeters:
            if self._is_simulated(submeter.meter.connection):
                self._add_submeter(submeter)
        self.servers = {
            (host, port): self._server(configuration, host, port, images)
            for (host, port), images in self._images.items()
        }

    def _is_simulated(self, connection: Connection) -> bool:
        return self._has_line or connection.kind is not ConnectionKind.SERIAL

    def _server(
        self, configuration: Configuration, host: str, port: int, images: list[RegisterImage]
    ) -> ModbusSimulator:
        kind, line = self._kinds[host, port], configuration.serial
        if kind is not ConnectionKind.SERIAL or line is None:
            return ModbusSimulator(images, host=host, port=port, now_s=self._now_s, kind=kind)
        if line.port.startswith("socket://"):
            return SerialSimulator(images, None, line, now_s=self._now_s)
        wire = SerialWire(character_s=SerialEndpoint(line=line).character_s)
        wire.link_to(Path(line.port))
        return SerialSimulator(images, wire, line, now_s=self._now_s)

    def _add(self, point: PointSettings) -> None:
        number = PointNumber(point.number)
        host, port, unit, offset = device_address(point.connection, point.model)
        charger = SimulatedCharger(
            point.model, unit, offset, phases=min(point.phases, self._mains_phases)
        )
        self.chargers[number] = charger
        self._where[number] = (host, port)
        self._place(charger, point.connection.kind, host, port)
        meter = point.meter
        if meter is not None and self._is_simulated(meter.connection):
            host, port, unit, offset = device_address(meter.connection, meter.model)
            image = self.meters[number] = SimulatedMeter(meter.model, unit, charger, offset)
            self._place(image, meter.connection.kind, host, port)

    def _add_smart_meter(self, meter: MeterSettings) -> None:
        host, port, unit, offset = device_address(meter.connection, meter.model)
        image = self.mains_meter = MainsMeter(meter.model, unit, self.house, offset)
        self._place(image, meter.connection.kind, host, port)

    def _add_submeter(self, submeter: SubmeterSettings) -> None:
        meter = submeter.meter
        host, port, unit, offset = device_address(meter.connection, meter.model)
        image = self.submeters[submeter.number] = CircuitMeter(meter.model, unit, offset)
        self._place(image, meter.connection.kind, host, port)

    def _place(self, image: RegisterImage, kind: ConnectionKind, host: str, port: int) -> None:
        self._images.setdefault((host, port), []).append(image)
        self._kinds[host, port] = kind

    @property
    def meter_is_silent(self) -> bool | None:
        """Tell whether the smart meter says nothing; None: the site has none, or not here."""
        meter = self.knx_meter or self.mains_meter
        return None if meter is None else meter.is_silent

    def silence_meter(self, *, silent: bool) -> None:
        """Let the smart meter fall silent, or speak again."""
        for meter in (self.knx_meter, self.mains_meter):
            if meter is not None:
                meter.is_silent = silent

    def endpoint_of(self, number: PointNumber) -> ModbusSimulator:
        """Return the endpoint of a charging point's charger."""
        return self.servers[self._where[number]]

    async def start(self) -> None:
        """Listen on every endpoint. Raises: GatewayError; nothing listens then."""
        quiet_pymodbus()  # a client that leaves while it is answered is no error
        for (host, port), server in self.servers.items():
            try:
                await server.start()
            except (OSError, RuntimeError) as err:
                await self.stop()
                reason = getattr(err, "strerror", None) or str(err)
                raise GatewayError(
                    f"nothing can be simulated at {host}:{port}: {reason}; is the port taken?"
                ) from err

    async def stop(self) -> None:
        """Close every endpoint."""
        for server in self.servers.values():
            await server.stop()

    async def run_physics(self) -> NoReturn:
        """Let time pass for every vehicle, also where nobody asks."""
        while True:
            for charger in self.chargers.values():
                charger.advance(self._now_s())
            for server in self.servers.values():
                await server.follow()
            await asyncio.sleep(PHYSICS_S)
