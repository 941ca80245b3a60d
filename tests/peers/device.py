"""A simulated device at a port of 127.0.0.1, and what the gateway makes of the same registers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Point, Table
from knxgw.charging.events import ChargerSeen, MeterSeen
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity, Value
from knxgw.charging.scope import PointNumber
from knxgw.config.model import ConnectionKind, SerialLine
from knxgw.errors import PeerRefusedError
from knxgw.links.modbus import quiet_pymodbus
from knxgw.links.modbus_endpoint import SerialEndpoint
from knxgw.modbus.codec import Raw, scaled
from knxgw.modbus.requests import ILLEGAL_ADDRESS
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.modbus_server import ModbusSimulator, SerialSimulator
from knxgw.sim.registers import RegisterImage
from knxgw.sim.serial_wire import SerialWire
from knxgw.sim.vehicle import VOLTAGE_V, Vehicle
from tests.support.devices import driver as make_driver
from tests.support.processes import free_port
from tests.support.talk import Talk

HOST = "127.0.0.1"
DRAWN_MA = 10_500
DRAWN_W = 3 * DRAWN_MA * VOLTAGE_V / 1000
SETTLED_S = 30.0  # a vehicle draws what it may long before
FIRST_LOOK_S = 20.0  # of a gateway: texts are read once, and some models slowly


def thirsty() -> Vehicle:
    """Return a vehicle that draws 10.5 A on three phases wherever it may."""
    return Vehicle(capacity_wh=1e9, maximum_ma=DRAWN_MA)


def sated() -> Vehicle:
    """Return a vehicle that is plugged in and takes nothing, although it may."""
    return Vehicle(capacity_wh=50_000, charge_wh=50_000)


class Served:
    """Devices that are served; their time passes when the test says so."""

    def __init__(
        self,
        charger: SimulatedCharger,
        image: RegisterImage,
        kind: ConnectionKind = ConnectionKind.TCP,
    ) -> None:
        self.charger = charger
        self.image = image
        self.port = free_port()
        self.now_s = 0.0
        self.simulator: ModbusSimulator = ModbusSimulator(
            [image], host=HOST, port=self.port, now_s=lambda: self.now_s, kind=kind
        )

    def let_pass(self, seconds: float = SETTLED_S) -> None:
        """Let time pass."""
        self.now_s += seconds
        self.charger.advance(self.now_s)

    def drawn_ma(self) -> list[float]:
        """Return what the vehicle draws on each phase."""
        return list(self.charger.phases_ma)

    def seen_by_gateway(self) -> dict[Quantity, Value]:
        """Return what a gateway reads of the same device; takes some of its time."""
        seen = seen_by_gateway(self.image, self.now_s)
        self.let_pass(FIRST_LOOK_S)
        return seen

    def written(self, name: str) -> float | None:
        """Return what was written to a point [its unit], None: nothing was."""
        raw = self.charger._written.get(name)
        assert not isinstance(raw, str)
        return None if raw is None else scaled(self.charger.model.points[name], raw)


@asynccontextmanager
async def serving(served: Served) -> AsyncIterator[Served]:
    """Have it listen."""
    quiet_pymodbus()
    await served.simulator.start()
    try:
        yield served
    finally:
        await served.simulator.stop()


def charger_of(model_id: str, unit: int | None = None, offset: int = 0) -> SimulatedCharger:
    """Return a simulated charger."""
    model = catalogue().chargers[model_id]
    return SimulatedCharger(model, model.unit_id if unit is None else unit, offset)


def served_charger(model_id: str, unit: int | None = None) -> Served:
    """Return a charger, to be served."""
    charger = charger_of(model_id, unit)
    return Served(charger, charger)


def metered() -> SimulatedCharger:
    """Return a charger whose vehicle draws 10.5 A on each phase: what a meter measures."""
    charger = charger_of("goe_charger")
    charger.plug(thirsty())
    return charger


def served_meter(model_id: str, kind: ConnectionKind = ConnectionKind.TCP) -> Served:
    """Return a meter, to be served, that measures 10.5 A on each phase."""
    charger = metered()
    model = catalogue().meters[model_id]
    served = Served(charger, SimulatedMeter(model, model.unit_id, charger), kind)
    served.let_pass()
    return served


class ServedOnLine(Served):
    """A meter on a serial line, at the pace of its baud rate; `device` is where it is read."""

    def __init__(self, model_id: str) -> None:
        charger = metered()
        model = catalogue().meters[model_id]
        assert model.serial is not None
        super().__init__(charger, SimulatedMeter(model, model.unit_id, charger))
        self.baud = model.serial.baud
        line = SerialLine(
            port="", protocol="rtu", baud=self.baud, data_bits=8, parity="N", stop_bits=1
        )
        wire = SerialWire(character_s=SerialEndpoint(line=line).character_s)
        self.device = wire.gateway_end
        self.simulator = SerialSimulator([self.image], wire, line, now_s=lambda: self.now_s)
        self.let_pass()


class Encoded(RegisterImage):
    """A device some of whose registers a library of others has encoded.

    The others are those of a simulated one, or are not there if there is none.
    """

    def __init__(self, around: RegisterImage, offset: int = 0, *, alone: bool = False) -> None:
        super().__init__(around.model, around.unit_id, offset)
        self._around = None if alone else around
        self._laid: dict[tuple[int, Table, int], int] = {}

    def lay(
        self, address: int, registers: Sequence[int], table: Table, unit: int | None = None
    ) -> None:
        """Put registers where they belong."""
        unit = self.unit_id if unit is None else unit
        for place, register in enumerate(registers, address):
            self._laid[unit, table, place] = register

    def raw_value(self, point: Point) -> Raw | None:
        """Return what a device shows at a point beside those that were encoded."""
        return self._around.raw_value(point) if self._around else None

    def read(self, unit: int, table: Table, address: int, count: int) -> list[int]:
        """Return what was encoded, and what is around it. Raises: PeerRefusedError."""
        places = [(unit, table, address + index) for index in range(count)]
        if all(place in self._laid for place in places):
            return [self._laid[place] for place in places]
        if self._around is None:
            raise PeerRefusedError("nothing was encoded there", ILLEGAL_ADDRESS)
        around = self._around.read(unit, table, address, count)
        return [self._laid.get(*pair) for pair in zip(places, around, strict=True)]


def seen_by_gateway(
    image: RegisterImage, now_s: float = 0.0, offset: int = 0
) -> dict[Quantity, Value]:
    """Return what a gateway knows of a device after some time of reading."""
    driver = make_driver(PointNumber(1), image.model, unit_id=image.unit_id, register_offset=offset)
    talk = Talk(driver, image)
    talk.now_s = now_s
    talk.until(now_s + FIRST_LOOK_S)
    assert not talk.writes, "a gateway that was told nothing writes nothing"
    seen = [event for event in talk.events if isinstance(event, ChargerSeen | MeterSeen)]
    return {quantity: value for event in seen for quantity, value in event.values.items()}


def currents_of(seen: dict[Quantity, Value]) -> list[Value | None]:
    """Return the currents of the phases [mA]."""
    return [seen.get(phase) for phase in PHASE_CURRENTS]
