"""One Modbus endpoint with its own queue: takes turns between its devices, commands first.

After a timeout or an answer that belongs to another request a connection is made anew, so that a
late answer can never be taken for the next request's. A serial line is listened to until it is
silent instead, and what a late unit says next is not used (`modbus_doubt`).

Where a device ends every connection after some time, the bus renews it first, between two requests.
That is no loss: nobody is told, nothing counts as unwritten, and what a device forgot meanwhile
shows in its read-back.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NoReturn, Protocol, TypeVar

from pymodbus import ModbusException
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.pdu import ModbusPDU

from knxgw.catalogue.model import DeviceModel, Table
from knxgw.charging.events import DeviceEvent
from knxgw.errors import DecodeError, LinkError, LinkTimeoutError, PeerError, PeerRefusedError
from knxgw.links.keep_alive import end_if_cancelled
from knxgw.links.modbus_client import ModbusClient
from knxgw.links.modbus_doubt import Doubts
from knxgw.links.modbus_endpoint import Endpoint
from knxgw.modbus.jobs import Job, Read
from knxgw.modbus.writing import Write

log = logging.getLogger(__name__)
wire = logging.getLogger("knxgw.wire.modbus")
_READS = {
    Table.HOLDING: ModbusClientMixin.read_holding_registers,
    Table.INPUT: ModbusClientMixin.read_input_registers,
    Table.COIL: ModbusClientMixin.read_coils,
    Table.DISCRETE: ModbusClientMixin.read_discrete_inputs,
}
_FUNCTIONS = {table: table.read_function for table in Table}
QUIET_TRIES, QUIET_S = 20, 0.05  # a serial line on which nothing came for so long is silent
RENEW_EARLY_S = 1.0  # beside the longest answer, before the device would end the connection itself
RENEW_TRIES, RENEW_PAUSE_S = 2, 1.0  # a device may need a moment until its only place is free


class WrongAnswerError(DecodeError):
    """Bytes came, but not the answer to this request: the connection is made anew."""


class DoubtfulAnswerError(DecodeError):
    """An answer came, but perhaps that to an earlier request: it is asked for again."""


def quiet_pymodbus() -> None:
    """Keep pymodbus from logging an ERROR per timeout: the bus reports changes itself."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class Asked(Protocol):
    """What a bus serves: it says what to ask next, and is told what became of it."""

    @property
    def model(self) -> DeviceModel:
        """Return the model whose patience and gaps count."""

    def opened(self) -> None:
        """Start over on a new connection."""

    def due_s(self, now_s: float, /) -> float:
        """Return when the next job may start [monotonic s]."""

    @property
    def unit_ids(self) -> frozenset[int]:
        """Return the units it speaks to."""

    def rank(self, now_s: float, /) -> int:
        """Return how soon its next job comes: 0 an urgent write, 1 another write, 2 a read."""

    def next_job(self, now_s: float, /) -> Job | None:
        """Return what is to be done now."""

    def read_done(
        self, job: Read, registers: Sequence[int], now_s: float, /
    ) -> Sequence[DeviceEvent]:
        """Take the registers of an answer."""

    def write_done(self, job: Write, now_s: float, /) -> Sequence[DeviceEvent]:
        """Take an acknowledged write."""

    def failed(
        self, job: Job, error: PeerError | LinkError, now_s: float, /
    ) -> Sequence[DeviceEvent]:
        """Take a failed job."""

    def lost(self, now_s: float, /) -> Sequence[DeviceEvent]:
        """Take the loss of the connection, or that none could be made."""


D = TypeVar("D", bound=Asked)


class ModbusBus(Generic[D]):
    """The devices behind one endpoint, asked one after the other."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        drivers: Sequence[D],
        on_event: Callable[[DeviceEvent], None],
    ) -> None:
        self.name = endpoint.name
        self.drivers = tuple(drivers)
        self.requests = 0
        self._endpoint = endpoint
        self._on_event = on_event
        self._wake = asyncio.Event()
        self._doubts = Doubts(numbered=endpoint.numbers_answers)
        self._is_numbered = endpoint.numbers_answers
        self._silence_s = endpoint.silence_s
        self._turn = 0
        models = [driver.model for driver in self.drivers]
        self._timeout_s = max(model.response_timeout_s for model in models)
        self._connect_delay_s = max(model.connect_delay_s for model in models)
        ends_s = min((m.connection_s for m in models if m.connection_s is not None), default=None)
        self._renew_after_s = math.inf
        if ends_s is not None and not endpoint.is_serial:
            self._renew_after_s = max(ends_s - self._timeout_s - RENEW_EARLY_S, ends_s / 2)
        self._opened_s = -math.inf  # when the connection began to be made
        self._ended_s = -math.inf  # when the last request was over
        self._after_s = 0.0  # what the device that was asked last wants before the next request

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
                if self._is_worn(client, loop.time()):
                    client = await self._renewed(client)
                turn = self._next_turn(loop.time())
                if turn is None:
                    await self._wait(loop)
                    continue
                try:
                    await self._do(client, *turn, loop)
                except (LinkTimeoutError, WrongAnswerError):
                    client = await self._recovered(client)
        finally:
            client.close()

    async def _recovered(self, client: ModbusClient) -> ModbusClient:
        """Return a client to which no late answer can come any more."""
        if not self._endpoint.is_serial:
            client.close()
            return await self._connect()
        for _ in range(QUIET_TRIES):  # a line that is never silent is tried all the same
            if not client.ctx.heard:
                break
            client.ctx.heard = False
            await asyncio.sleep(QUIET_S)
        client.ctx.forget()
        return client

    def _is_worn(self, client: ModbusClient, now_s: float) -> bool:
        """Tell whether the device is about to end the connection, or has done so already."""
        if self._renew_after_s == math.inf:
            return False
        return now_s >= self._opened_s + self._renew_after_s or not client.connected

    async def _renewed(self, client: ModbusClient) -> ModbusClient:
        """Return a new client in place of one that was ended on purpose. Raises: LinkError."""
        wire.debug("%s: connection renewed", self.name)
        client.close()  # first: the device may take one client only
        for _ in range(RENEW_TRIES - 1):
            if (fresh := await self._open()) is not None:
                return fresh
            await asyncio.sleep(RENEW_PAUSE_S)
        return await self._connect()

    async def _connect(self) -> ModbusClient:
        client = await self._open()
        if client is None:
            now_s = asyncio.get_running_loop().time()
            for driver in self.drivers:
                self._tell(driver.lost(now_s))
            raise LinkError(f"{self.name}: {self._endpoint.trouble()}")
        return client

    async def _open(self) -> ModbusClient | None:
        """Return a connected client, None when no connection can be made."""
        self._opened_s = asyncio.get_running_loop().time()
        client = self._endpoint.client(self._timeout_s)
        connected = False
        try:
            connected = await client.connect()
        except OSError as err:
            log.debug("%s: %s", self.name, err)
        if not connected:
            client.close()
            return None
        if self._connect_delay_s:
            await asyncio.sleep(self._connect_delay_s)
        return client

    def _next_turn(self, now_s: float) -> tuple[D, Job] | None:
        """Return whose turn it is: urgent commands first, then others, then round robin."""
        count = len(self.drivers)
        order = [self.drivers[(self._turn + i) % count] for i in range(count)]
        if count > 1:
            order.sort(key=lambda one: one.rank(now_s))
        for driver in order:
            if now_s < self._free_s(driver):
                continue
            job = driver.next_job(now_s)
            if job is not None:
                self._turn = (self.drivers.index(driver) + 1) % count
                return driver, job
        return None

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        due_s = min(max(self._free_s(driver), driver.due_s(now_s)) for driver in self.drivers)
        due_s = min(due_s, self._opened_s + self._renew_after_s)
        self._wake.clear()
        timeout_s = None if due_s == math.inf else max(0.0, due_s - now_s)
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _free_s(self, driver: D) -> float:
        """Return from when on a device may be asked: after the silence that wire and devices want."""
        own_s = driver.model.request_gap_s
        silent_s = self._ended_s + max(self._silence_s, self._after_s, own_s)
        if self._is_numbered:
            return silent_s
        return max([silent_s, *(self._doubts.free_s(unit_id) for unit_id in driver.unit_ids)])

    async def _do(
        self,
        client: ModbusClient,
        driver: D,
        job: Job,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        try:
            registers = await self._exchange(client, driver, job, loop)
            if isinstance(job, Read):
                events = driver.read_done(job, registers, loop.time())
            else:
                events = driver.write_done(job, loop.time())
        except DoubtfulAnswerError as err:
            wire.debug("%s: %s", self.name, err)  # not done: its turn comes again
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
            self._ended_s, self._after_s = loop.time(), driver.model.request_gap_s

    async def _exchange(
        self,
        client: ModbusClient,
        driver: D,
        job: Job,
        loop: asyncio.AbstractEventLoop,
    ) -> Sequence[int]:
        """Return what was read; a request that a sleeping device may have missed is repeated."""
        unit_id, wake_after_s = job.unit_id, driver.model.wake_after_s
        if wake_after_s is None:
            return await self._perform(client, job)
        idle_s = self._doubts.idle_s(unit_id, loop.time())
        try:
            return await self._perform(client, job)
        except LinkTimeoutError:
            if idle_s < wake_after_s or not self._endpoint.is_serial:
                raise
        await self._recovered(client)
        return await self._perform(client, job, repeated=True)

    async def _perform(
        self, client: ModbusClient, job: Job, *, repeated: bool = False
    ) -> Sequence[int]:
        if self._is_numbered:  # the wire leaves no doubt
            return await self._carry_out(client, job)
        now_s = asyncio.get_running_loop().time
        self._doubts.asked(job.unit_id, now_s())
        registers: Sequence[int] = ()
        refusal: PeerRefusedError | None = None
        try:
            registers = await self._carry_out(client, job)
        except PeerRefusedError as err:
            refusal = err
        except (PeerError, LinkError):
            self._doubts.unanswered(job.unit_id, now_s())
            raise
        if not self._doubts.answered(job.unit_id, now_s(), same_request=repeated):
            raise DoubtfulAnswerError(f"{self.name}: unit {job.unit_id}: perhaps an old answer")
        if refusal is not None:
            raise refusal
        return registers

    async def _carry_out(self, client: ModbusClient, job: Job) -> Sequence[int]:
        try:
            if isinstance(job, Read):
                return await self._read(client, job)
            await self._write(client, job)
        except ConnectionException as err:  # it closed while nobody asked
            raise LinkError(f"{self.name}: {err}") from err
        return ()

    async def _read(self, client: ModbusClient, job: Read) -> Sequence[int]:
        block = job.block
        ask = _READS[block.table]
        request = ask(client, block.address, count=block.count, device_id=block.unit_id)
        answer = await self._answer(client, request, _FUNCTIONS[block.table], block.unit_id)
        if block.table in (Table.COIL, Table.DISCRETE):
            bits = [int(bit) for bit in answer.bits]
            if len(bits) != -(-block.count // 8) * 8:
                raise DecodeError(f"asked for {block.count} bits, got {len(bits)}")
            return bits[: block.count]
        if len(answer.registers) != block.count:
            raise DecodeError(
                f"asked for {block.count} registers at {block.address}, got {len(answer.registers)}"
            )
        return answer.registers

    async def _write(self, client: ModbusClient, job: Write) -> None:
        values, unit_id = list(job.registers), job.unit_id
        match job.function:
            case 5:
                request = client.write_coil(job.address, bool(values[0]), device_id=unit_id)
            case 6:
                request = client.write_register(job.address, values[0], device_id=unit_id)
            case _:
                request = client.write_registers(job.address, values, device_id=unit_id)
        wire.debug("%s: write %s at %d: %s", self.name, job.point, job.address, values)
        answer = await self._answer(client, request, job.function, unit_id)
        if answer.address != job.address:
            raise DecodeError(f"wrote register {job.address}, {answer.address} was acknowledged")
        if not _acknowledges(answer, job):
            raise DecodeError(f"wrote {values} to register {job.address}, not acknowledged so")

    async def _answer(
        self,
        client: ModbusClient,
        request: Awaitable[ModbusPDU],
        function: int,
        unit_id: int,
    ) -> ModbusPDU:
        """Return the answer to exactly this request.

        Raises: LinkTimeoutError (silence), LinkError (closed), PeerRefusedError, WrongAnswerError.
        """
        self.requests += 1
        client.ctx.heard = False
        try:
            answer = await request
        except ModbusException as err:
            where = f"{self.name}: unit {unit_id}"
            if client.ctx.heard:
                raise WrongAnswerError(f"{where}: not an answer to this request ({err})") from err
            if isinstance(err, ModbusIOException):
                raise LinkTimeoutError(f"{where}: no answer") from err
            raise LinkError(f"{where}: {err}") from err
        if self._is_numbered and answer.transaction_id != client.ctx.request_transaction_id:
            raise WrongAnswerError(f"{self.name}: unit {unit_id}: an answer to another request")
        if answer.function_code & 0x7F != function or answer.dev_id != unit_id:
            raise WrongAnswerError(f"{self.name}: unit {unit_id}: an answer to something else")
        if answer.isError():
            code = int(getattr(answer, "exception_code", 0))
            raise PeerRefusedError(f"unit {unit_id} refused with exception {code}", code)
        return answer

    def _tell(self, events: Sequence[DeviceEvent]) -> None:
        for event in events:
            self._on_event(event)


def _acknowledges(answer: ModbusPDU, job: Write) -> bool:
    """Tell whether an answer repeats what was written, or how much."""
    match job.function:
        case 5:
            return answer.bits[:1] == [bool(job.registers[0])]
        case 6:
            return answer.registers == [job.registers[0]]
        case _:
            return answer.count == len(job.registers)
