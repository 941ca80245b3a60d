"""Serves simulated devices over Modbus, so that any Modbus tool can read them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.transport import ModbusProtocol

from knxgw.catalogue.model import Table
from knxgw.config.model import ConnectionKind, SerialLine
from knxgw.errors import DecodeError, PeerRefusedError
from knxgw.sim.registers import RegisterImage
from knxgw.sim.serial_wire import SerialWire

_TABLES = (Table.COIL, Table.DISCRETE, Table.HOLDING, Table.INPUT)
_WRITES = {5: Table.COIL, 6: Table.HOLDING, 15: Table.COIL, 16: Table.HOLDING}
_READS = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}


@dataclass(slots=True, kw_only=True)
class Misbehaviour:
    """What a simulated endpoint does wrong on demand."""

    silent: bool = False  # takes requests, answers nothing
    short_answers: bool = False  # one register too few
    exception: int | None = None  # answers every request with this exception code
    refuses_writes: bool = False  # answers reads, but refuses whatever is written

    def refusal(self, *, is_write: bool) -> ExcCodes | None:
        """Return the exception that a request is answered with, None: it is served."""
        if self.exception is not None:
            return ExcCodes(self.exception)
        return ExcCodes.DEVICE_FAILURE if is_write and self.refuses_writes else None


class _TcpServer(ModbusTcpServer):
    """Ends every connection some time after it was made, where the device does."""

    connection_s: float | None = None
    clients: list[int] | None = None

    def callback_new_connection(self) -> ModbusProtocol:
        """Return what serves a new connection."""
        connection: ModbusProtocol = super().callback_new_connection()  # type: ignore[no-untyped-call]  # pymodbus has no types here
        if self.clients is not None:
            self.clients.append(len(self.active_connections) + 1)
        if self.connection_s is not None:
            self.loop.call_later(self.connection_s, _end, connection)
        return connection


def _end(connection: ModbusProtocol) -> None:
    if connection.is_active():  # pymodbus must not close one that its client has left
        connection.close()


class ModbusSimulator:
    """One TCP endpoint with the units of one or more simulated devices."""

    def __init__(
        self,
        images: Sequence[RegisterImage],
        *,
        host: str,
        port: int,
        time_s: Callable[[], float],
        kind: ConnectionKind = ConnectionKind.TCP,
    ) -> None:
        self._framer = FramerType.RTU if kind is ConnectionKind.RTU_OVER_TCP else FramerType.SOCKET
        self.host = host
        self.port = port
        self.misbehaviour = Misbehaviour()
        self.writes: list[tuple[float, int, int, tuple[int, ...]]] = []  # when, unit, address, what
        self.clients: list[int] = []  # for each connection, how many there were with it
        self._images = tuple(images)
        self._time_s = time_s
        self._server: ModbusTcpServer | ModbusSerialServer | None = None

    async def start(self) -> None:
        """Listen. Raises: OSError or RuntimeError when the port is taken."""
        self._server = self._new_server()
        await self._server.serve_forever(background=True)

    def _new_server(self) -> ModbusTcpServer | ModbusSerialServer:
        server = _TcpServer(
            self._devices(),
            address=(self.host, self.port),
            framer=self._framer,
            trace_pdu=self._trace_pdu,
            trace_packet=self._trace_packet,
        )
        ends_s = [image.model.connection_s for image in self._images]
        server.connection_s = min((end_s for end_s in ends_s if end_s is not None), default=None)
        server.clients = self.clients
        return server

    async def stop(self) -> None:
        """Close every connection and stop listening, as a device that loses power."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus has no types here
            await asyncio.sleep(0)

    def _devices(self) -> list[SimDevice]:
        spans: dict[int, dict[Table, tuple[int, int]]] = {}
        for image in self._images:
            for unit, tables in image.units.items():
                for table, (low, high) in tables.items():
                    old = spans.setdefault(unit, {}).get(table, (low, high))
                    spans[unit][table] = (min(low, old[0]), max(high, old[1]))
        devices = [self._device(unit, tables) for unit, tables in spans.items()]
        if 0 not in spans:  # stands for every unit that does not exist
            devices.append(self._device(0, {}))
        return devices

    def _device(self, unit: int, tables: dict[Table, tuple[int, int]]) -> SimDevice:
        blocks = []
        for table in _TABLES:
            low, high = tables.get(table, (0, 0))
            bits = table in (Table.COIL, Table.DISCRETE)
            size = high - low + 1
            if bits:
                start = low // 16 * 16
                count = -(-(high + 1 - start) // 16) * 16
                blocks.append([SimData(start, values=[False] * count, datatype=DataType.BITS)])
            else:
                blocks.append([SimData(low, values=[0] * size, datatype=DataType.REGISTERS)])
        return SimDevice(
            id=unit,
            simdata=(blocks[0], blocks[1], blocks[2], blocks[3]),
            action=partial(self._action, unit),
        )

    async def _action(  # noqa: PLR0913, PLR0917 - the shape pymodbus calls
        self,
        unit: int,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Answer a request from the images; pymodbus calls this for every access."""
        refusal = self.misbehaviour.refusal(is_write=values is not None)
        if refusal is not None:
            return refusal
        if values is None and function in _WRITES:
            return None  # pymodbus reads back what it has just written
        now_s = self._time_s()
        images = [image for image in self._images if unit in image.units]
        if not images:
            return ExcCodes.GATEWAY_NO_RESPONSE
        try:
            for image in images:
                image.note_request(now_s)
            if values is not None:
                self._write(images, unit, function, address, [int(v) for v in values])
                self.writes.append((now_s, unit, address, tuple(int(v) for v in values)))
            else:
                answer = _read(images, unit, _READS[function], address, count)
                registers[address - start : address - start + count] = answer
        except PeerRefusedError as err:
            return ExcCodes(err.code)
        except DecodeError:
            return ExcCodes.ILLEGAL_VALUE
        return None

    @staticmethod
    def _write(
        images: Sequence[RegisterImage], unit: int, function: int, address: int, values: list[int]
    ) -> None:
        for index, image in enumerate(images):
            try:
                image.write(unit, _WRITES[function], address, function, values)
            except PeerRefusedError:
                if index == len(images) - 1:
                    raise
            else:
                return

    def _trace_pdu(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:  # noqa: FBT001 - pymodbus' shape
        if sending and self.misbehaviour.short_answers and pdu.registers:
            pdu.registers = pdu.registers[:-1]
        return pdu

    def _trace_packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus' shape
        return b"" if sending and self.misbehaviour.silent else data


class SerialSimulator(ModbusSimulator):
    """The same on a serial line; a unit that does not exist says nothing."""

    def __init__(
        self,
        images: Sequence[RegisterImage],
        wire: SerialWire,
        line: SerialLine,
        *,
        time_s: Callable[[], float],
    ) -> None:
        super().__init__(images, host=line.port, port=0, time_s=time_s)
        self.wire = wire
        self._line = line

    async def start(self) -> None:
        """Take the far end of the wire, and let the bytes flow."""
        await super().start()
        self.wire.start()

    async def stop(self) -> None:
        """Let go of the line, as devices that lose power."""
        self.wire.stop()
        await super().stop()

    def _new_server(self) -> ModbusSerialServer:
        line = self._line
        return ModbusSerialServer(
            self._devices(),
            framer=FramerType.RTU if line.protocol == "rtu" else FramerType.ASCII,
            port=self.wire.device_end,
            baudrate=line.baud,
            trace_pdu=self._trace_pdu,
            trace_packet=self._trace_packet,
        )

    def _trace_packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus' shape
        """Keep pymodbus from answering for units that do not exist."""
        unit = data[0] if self._line.protocol == "rtu" else int(data[1:3], 16)
        exists = any(unit in image.units for image in self._images)
        return super()._trace_packet(sending, data) if exists or not sending else b""


def _read(
    images: Sequence[RegisterImage], unit: int, table: Table, address: int, count: int
) -> list[int]:
    for index, image in enumerate(images):
        try:
            return image.read(unit, table, address, count)
        except PeerRefusedError:
            if index == len(images) - 1:
                raise
    raise PeerRefusedError("no device", int(ExcCodes.GATEWAY_NO_RESPONSE))
