"""Serves simulated devices over Modbus, so that any Modbus tool can read them."""

import asyncio
from collections.abc import Callable, Sequence

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.simulator.simcore import SimCore
from pymodbus.transport import ModbusProtocol

from knxgw.catalogue.device_model import Framing
from knxgw.catalogue.points import Table
from knxgw.config.model import ConnectionKind, SerialLine
from knxgw.errors import DecodeError, PeerRefusedError
from knxgw.links.modbus_endpoint import framing_of
from knxgw.links.modbus_framing import AblServerFramer
from knxgw.sim.misbehaviour import Misbehaviour, obedient, spoiled
from knxgw.sim.registers import RegisterImage
from knxgw.sim.serial_wire import SerialWire

_WRITES = {5: Table.COIL, 6: Table.HOLDING, 15: Table.COIL, 16: Table.HOLDING}
_READS = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_BITS = (1, 2)
_NOTHING = SimDevice(id=0, simdata=SimData(0, values=0, datatype=DataType.REGISTERS))


class _TcpServer(ModbusTcpServer):
    """Ends every connection some time after it was made, and the oldest for one too many."""

    connection_s: float | None = None
    max_clients: int | None = None
    clients: list[int] | None = None

    def callback_new_connection(self) -> ModbusProtocol:
        """Return what serves a new connection."""
        if self.max_clients is not None:
            for oldest in list(self.active_connections.values())[: 1 - self.max_clients or None]:
                _end(oldest)
        connection: ModbusProtocol = super().callback_new_connection()  # type: ignore[no-untyped-call]  # pymodbus has no types here
        if self.clients is not None:
            self.clients.append(len(self.active_connections) + 1)
        if self.connection_s is not None:
            self.loop.call_later(self.connection_s, _end, connection)
        return connection


def _end(connection: ModbusProtocol) -> None:
    if connection.is_active():  # pymodbus must not close one that its client has left
        connection.close()


class _Memory(SimCore):
    """In place of pymodbus' own memory: the simulated devices answer every access."""

    def __init__(self, simulator: "ModbusSimulator") -> None:
        super().__init__(_NOTHING)
        self._simulator = simulator
        self._written: list[int] = []

    async def async_getValues(  # noqa: N802 - pymodbus calls it so
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        """Return what is there; of a write what was just written, for the echo."""
        if func_code in _WRITES:
            return self._written[:count]
        answer = self._simulator.answer(device_id, func_code, address, count)
        if isinstance(answer, ExcCodes) or func_code not in _BITS:
            return answer
        return [bool(bit) for bit in answer]

    async def async_setValues(  # noqa: N802 - pymodbus calls it so
        self, device_id: int, func_code: int, address: int, values: list[int] | list[bool]
    ) -> ExcCodes | None:
        """Write."""
        self._written = [int(value) for value in values]
        return self._simulator.take(device_id, func_code, address, self._written)


class ModbusSimulator:
    """One TCP endpoint with the units of one or more simulated devices."""

    def __init__(
        self,
        images: Sequence[RegisterImage],
        *,
        host: str,
        port: int,
        now_s: Callable[[], float],
        kind: ConnectionKind = ConnectionKind.TCP,
    ) -> None:
        self._framer = FramerType.RTU if kind is ConnectionKind.RTU_OVER_TCP else FramerType.SOCKET
        self.host = host
        self.port = port
        self.misbehaviour = Misbehaviour()
        self.writes: list[tuple[float, int, int, tuple[int, ...]]] = []  # when, unit, address, what
        self.clients: list[int] = []  # for each connection, how many there were with it
        self._images = tuple(images)
        for image in images:
            for other in images:
                if other is not image:
                    image.stand_beside(other)
        self._now_s = now_s
        self._server: ModbusTcpServer | ModbusSerialServer | None = None
        self._is_away = False
        self._frozen: dict[tuple[int, int, int, int], list[int]] = {}
        self._heard_at: dict[int, float] = {}  # when a unit was spoken to last
        self._missed = False  # the request being served came to a device that slept

    async def start(self) -> None:
        """Listen. Raises: OSError or RuntimeError when the port is taken."""
        self._server = obedient(self._new_server(), self.misbehaviour)
        self._server.context = _Memory(self)
        await self._server.serve_forever(background=True)

    def _new_server(self) -> ModbusTcpServer | ModbusSerialServer:
        server = _TcpServer(
            _NOTHING,
            address=(self.host, self.port),
            framer=self._framer,
            trace_pdu=self._trace_pdu,
            trace_packet=self._trace_packet,
        )
        ends_s = [image.model.connection_s for image in self._images]
        server.connection_s = min((end_s for end_s in ends_s if end_s is not None), default=None)
        takes = [image.model.max_clients for image in self._images]
        server.max_clients = min((most for most in takes if most is not None), default=None)
        server.clients = self.clients
        return server

    async def stop(self) -> None:
        """Close every connection and stop listening, as a device that loses power."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus has no types here
            await asyncio.sleep(0)

    async def follow(self) -> None:
        """Go away or come back, as the misbehaviour says."""
        if self.misbehaviour.away == self._is_away:
            return
        self._is_away = self.misbehaviour.away
        await (self.stop() if self._is_away else self.start())

    def answer(self, unit: int, function: int, address: int, count: int) -> list[int] | ExcCodes:
        """Return registers or bits as the devices show them."""
        refusal = self._refusal(is_write=False)
        images = [image for image in self._images if unit in image.unit_ids]
        if refusal is not None or not images:
            return refusal or ExcCodes.GATEWAY_NO_RESPONSE
        self._note_request(images)
        for image in images:
            image.is_blank = self.misbehaviour.blank
        try:
            return self._read(images, unit, function, address, count)
        except PeerRefusedError as err:
            return ExcCodes(err.code)

    def take(
        self, unit: int, function: int, address: int, values: Sequence[int]
    ) -> ExcCodes | None:
        """Take what is written; return the exception of a device that does not."""
        refusal = self._refusal(is_write=True)
        images = [image for image in self._images if unit in image.unit_ids]
        if refusal is not None or not images:
            return refusal or ExcCodes.GATEWAY_NO_RESPONSE
        self._note_request(images)
        try:
            self._write(images, unit, function, address, values)
        except PeerRefusedError as err:
            return ExcCodes(err.code)
        except DecodeError:
            return ExcCodes.ILLEGAL_VALUE
        self.writes.append((self._now_s(), unit, address, tuple(values)))
        return None

    def _refusal(self, *, is_write: bool) -> ExcCodes | None:
        refusal = self.misbehaviour.refusal(is_write=is_write)
        return ExcCodes.DEVICE_BUSY if refusal is None and self._missed else refusal

    def _note_request(self, images: Sequence[RegisterImage]) -> None:
        now_s = self._now_s()
        for image in images:
            image.note_request(now_s)

    def _read(
        self, images: Sequence[RegisterImage], unit: int, function: int, address: int, count: int
    ) -> list[int]:
        if not self.misbehaviour.frozen:
            self._frozen.clear()
        key = (unit, function, address, count)
        if key not in self._frozen:
            answer = _read(images, unit, _READS[function], address, count)
            if not self.misbehaviour.frozen:
                return answer
            self._frozen[key] = answer
        return self._frozen[key]

    @staticmethod
    def _write(
        images: Sequence[RegisterImage],
        unit: int,
        function: int,
        address: int,
        values: Sequence[int],
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
        if not sending:
            self._missed = self._wake(pdu.dev_id) or self._is_dead(pdu.dev_id)
        return pdu

    def _is_dead(self, unit: int) -> bool:
        """Tell whether every device at a unit answers nothing."""
        images = [image for image in self._images if unit in image.unit_ids]
        return bool(images) and all(image.is_silent for image in images)

    def _wake(self, unit: int) -> bool:
        """Wake a unit up; tell whether it had to be."""
        idle_s = self._now_s() - self._heard_at.get(unit, float("-inf"))
        self._heard_at[unit] = self._now_s()
        waits = [i.model.wake_after_s for i in self._images if unit in i.unit_ids]
        return any(wait_s is not None and idle_s > wait_s for wait_s in waits)

    def _trace_packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus' shape
        if not sending:
            return data
        if self.misbehaviour.silent or self._missed:
            return b""
        return spoiled(data, self._framer) if self.misbehaviour.bad_checksum else data


class SerialSimulator(ModbusSimulator):
    """The same on a serial line; a unit that does not exist says nothing.

    Without a wire the line is a `socket://host:port`, or pymodbus' null modem written like that.
    """

    def __init__(
        self,
        images: Sequence[RegisterImage],
        wire: SerialWire | None,
        line: SerialLine,
        *,
        now_s: Callable[[], float],
    ) -> None:
        super().__init__(images, host=line.port, port=0, now_s=now_s)
        self._framer = FramerType.RTU if line.protocol == "rtu" else FramerType.ASCII
        self.wire = wire
        self._line = line

    async def start(self) -> None:
        """Take the far end of the wire, and let the bytes flow."""
        if self.wire is not None:
            self.wire.open()
        await super().start()
        await asyncio.sleep(
            0
        )  # pymodbus opens the line one turn later; before, it cannot be closed
        if self.wire is not None:
            self.wire.start()

    async def stop(self) -> None:
        """Let go of the line, as devices that lose power."""
        if self.wire is not None:
            self.wire.stop()
        await super().stop()

    def _new_server(self) -> ModbusSerialServer:
        server = ModbusSerialServer(
            _NOTHING,
            framer=self._framer,
            port=self._line.port if self.wire is None else self.wire.device_end,
            baudrate=self._line.baud,
            trace_pdu=self._trace_pdu,
            trace_packet=self._trace_packet,
        )
        if framing_of(image.model for image in self._images) is Framing.ABL:
            server.framer = AblServerFramer
        return server

    def _trace_packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus' shape
        """Keep pymodbus from answering for units that do not exist."""
        if not sending:
            return data
        unit = data[0] if self._line.protocol == "rtu" else int(data[1:3], 16)
        exists = any(unit in image.unit_ids for image in self._images)
        return super()._trace_packet(sending, data) if exists else b""


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
