"""One Modbus endpoint with its own queue: takes turns between its devices, commands first.

Nobody but the bus knows pymodbus. After a timeout or an answer that belongs to another request
the connection is made anew, so that a late answer can never be taken for the next request's.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NoReturn

from pymodbus import FramerType, ModbusException
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ModbusPDU

from knxgw.catalogue.model import Table
from knxgw.charging.events import DeviceEvent
from knxgw.config.model import ConnectionKind
from knxgw.errors import DecodeError, LinkError, LinkTimeoutError, PeerError, PeerRefusedError
from knxgw.links.keep_alive import end_if_cancelled
from knxgw.links.modbus_client import ModbusClient
from knxgw.modbus.commander import Write
from knxgw.modbus.driver import Driver, Job, Read

log = logging.getLogger(__name__)
wire = logging.getLogger("knxgw.wire.modbus")


class WrongAnswerError(DecodeError):
    """Bytes came, but not the answer to this request: the connection is made anew."""


def quiet_pymodbus() -> None:
    """Keep pymodbus from logging an ERROR per timeout: the bus reports changes itself."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class ModbusBus:
    """The devices behind one TCP endpoint, asked one after the other."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        drivers: Sequence[Driver],
        on_event: Callable[[DeviceEvent], None],
        kind: ConnectionKind = ConnectionKind.TCP,
    ) -> None:
        self.name = f"{host}:{port}"
        self.drivers = tuple(drivers)
        self.requests = 0
        self._host = host
        self._port = port
        rtu = kind is ConnectionKind.RTU_OVER_TCP
        self._framer = FramerType.RTU if rtu else FramerType.SOCKET
        self._on_event = on_event
        self._wake = asyncio.Event()
        self._turn = 0
        models = [driver.model for driver in self.drivers]
        self._timeout_s = max(model.response_timeout_s for model in models)
        self._gap_s = max(model.request_gap_s for model in models)
        self._connect_delay_s = max(model.connect_delay_s for model in models)
        self._free_s = -math.inf

    def wake(self) -> None:
        """Look for something to do: the station wants something new."""
        self._wake.set()

    async def run(self) -> NoReturn:
        """Connect and serve the devices. Raises: LinkError when the connection is lost."""
        loop = asyncio.get_running_loop()
        client = await self._connect()
        try:
            for driver in self.drivers:
                driver.opened()
            while True:
                end_if_cancelled()
                turn = self._next_turn(loop.time())
                if turn is None:
                    await self._wait(loop)
                    continue
                try:
                    await self._do(client, *turn, loop)
                except (LinkTimeoutError, WrongAnswerError):
                    client.close()
                    client = await self._connect()
        finally:
            client.close()

    async def _connect(self) -> ModbusClient:
        client = ModbusClient(
            self._host, port=self._port, framer=self._framer, timeout_s=self._timeout_s
        )
        connected = False
        try:
            connected = await client.connect()
        except OSError as err:
            log.debug("%s: %s", self.name, err)
        if not connected:
            client.close()
            now_s = asyncio.get_running_loop().time()
            for driver in self.drivers:
                self._tell(driver.lost(now_s))
            raise LinkError(f"{self.name}: no connection")
        if self._connect_delay_s:
            await asyncio.sleep(self._connect_delay_s)
        return client

    def _next_turn(self, now_s: float) -> tuple[Driver, Job] | None:
        """Return whose turn it is: commands first, then round robin."""
        if now_s < self._free_s:
            return None
        count = len(self.drivers)
        order = [self.drivers[(self._turn + i) % count] for i in range(count)]
        for driver in sorted(order, key=lambda one: not one.has_command(now_s)):
            job = driver.next_job(now_s)
            if job is not None:
                self._turn = (self.drivers.index(driver) + 1) % count
                return driver, job
        return None

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        due_s = max(self._free_s, min(driver.due_s(now_s) for driver in self.drivers))
        self._wake.clear()
        timeout_s = None if due_s == math.inf else max(0.0, due_s - now_s)
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _do(
        self,
        client: ModbusClient,
        driver: Driver,
        job: Job,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        try:
            if isinstance(job, Read):
                registers = await self._read(client, job)
                events = driver.read_done(job, registers, loop.time())
            else:
                await self._write(client, job)
                events = driver.write_done(job, loop.time())
        except (PeerError, LinkError) as err:
            wire.debug("%s: %s", self.name, err)
            self._tell(driver.failed(job, err, loop.time()))
            if isinstance(err, LinkError) and not isinstance(err, LinkTimeoutError):
                for other in self.drivers:
                    self._tell(other.lost(loop.time()))
            if isinstance(err, LinkError | WrongAnswerError):
                raise
        else:
            self._tell(events)
        finally:
            self._free_s = loop.time() + self._gap_s

    async def _read(self, client: ModbusClient, job: Read) -> Sequence[int]:
        block = job.block
        ask = {
            Table.HOLDING: client.read_holding_registers,
            Table.INPUT: client.read_input_registers,
            Table.COIL: client.read_coils,
            Table.DISCRETE: client.read_discrete_inputs,
        }[block.table]
        call = partial(ask, block.address, count=block.count, device_id=block.unit_id)
        answer = await self._answer(client, call, block.table.read_function, block.unit_id)
        if block.table in (Table.COIL, Table.DISCRETE):
            bits = [int(bit) for bit in answer.bits]
            if len(bits) < block.count:
                raise DecodeError(f"asked for {block.count} bits, got {len(bits)}")
            return bits[: block.count]
        if len(answer.registers) != block.count:
            raise DecodeError(
                f"asked for {block.count} registers at {block.address}, got {len(answer.registers)}"
            )
        return answer.registers

    async def _write(self, client: ModbusClient, job: Write) -> None:
        values = list(job.registers)
        match job.function:
            case 5:
                write = partial(client.write_coil, job.address, bool(values[0]))
            case 6:
                write = partial(client.write_register, job.address, values[0])
            case _:
                write = partial(client.write_registers, job.address, values)
        call = partial(write, device_id=job.unit_id)
        wire.debug("%s: write %s at %d: %s", self.name, job.point, job.address, values)
        answer = await self._answer(client, call, job.function, job.unit_id)
        if answer.address != job.address:
            raise DecodeError(f"wrote register {job.address}, {answer.address} was acknowledged")

    async def _answer(
        self,
        client: ModbusClient,
        call: Callable[[], Awaitable[ModbusPDU]],
        function: int,
        unit_id: int,
    ) -> ModbusPDU:
        """Return the answer to exactly this request.

        Raises: LinkTimeoutError (silence), LinkError (closed), PeerRefusedError, WrongAnswerError.
        """
        self.requests += 1
        client.ctx.heard = False
        where = f"{self.name}: unit {unit_id}"
        try:
            answer = await call()
        except ModbusException as err:
            if client.ctx.heard:
                raise WrongAnswerError(f"{where}: not an answer to this request ({err})") from err
            if isinstance(err, ModbusIOException):
                raise LinkTimeoutError(f"{where}: no answer") from err
            raise LinkError(f"{where}: {err}") from err
        if answer.isError():
            code = int(getattr(answer, "exception_code", 0))
            raise PeerRefusedError(f"unit {unit_id} refused with exception {code}", code)
        if answer.function_code != function or answer.dev_id != unit_id:
            raise WrongAnswerError(f"{where}: an answer to something else")
        return answer

    def _tell(self, events: Sequence[DeviceEvent]) -> None:
        for event in events:
            self._on_event(event)
