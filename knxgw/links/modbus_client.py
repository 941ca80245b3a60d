"""pymodbus' clients as the bus needs them: a malformed answer fails its request, and nothing else.

In plain pymodbus a malformed answer raises in the event loop, which logs an ERROR with a traceback and
closes the connection. Here it is an error of the request that awaits the answer.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.framer import FramerBase
from pymodbus.transaction import TransactionManager
from pymodbus.transport import CommParams

from knxgw.catalogue.device_model import Framing
from knxgw.config.model import SerialLine
from knxgw.links.modbus_framing import (
    AblClientFramer,
    AsciiFramer,
    RtuFramer,
    SocketFramer,
    StrictDecoder,
)

_FRAMERS: dict[FramerType, type[FramerBase]] = {
    FramerType.SOCKET: SocketFramer,
    FramerType.RTU: RtuFramer,
    FramerType.ASCII: AsciiFramer,
}
KEPT_NUMBERS = 64  # transaction numbers of unanswered requests
_UNREADABLE = (ModbusException, struct.error, IndexError, ValueError)


class _Transactions(TransactionManager):
    """Requests and answers of one connection."""

    framer: SocketFramer | RtuFramer | AsciiFramer

    def __init__(
        self, params: CommParams, framer: type[FramerBase], trace: "Trace | None", first_number: int
    ) -> None:
        super().__init__(params, framer(StrictDecoder()), 0, False, trace, None, None)  # noqa: FBT003 - pymodbus' shape
        self.failure: Exception | None = None  # why no connection could be made
        self.has_received = (
            False  # whether anything was received since the last request: nonsense is not silence,
        )
        # but a valid frame of another unit on the line is; its answer was late
        self.has_received_late = False  # whether an answer to an earlier request was received
        self._first_number = first_number
        self._unanswered: deque[int] = deque(maxlen=KEPT_NUMBERS)
        if isinstance(self.framer, SocketFramer):
            self.framer.awaited = self._unanswered

    async def connect(self) -> bool:
        """Connect, and keep the error if that fails."""
        self.is_closing = False
        self.failure = None
        try:
            async with asyncio.timeout(self.comm_params.timeout_connect):
                self.transport, _ = await self.call_create()
        except (TimeoutError, OSError) as err:
            self.failure = err
        return self.failure is None and bool(self.transport)

    def callback_connected(self) -> None:
        """Continue the transaction numbers of the last connection: none is used twice.

        So a device that repeats an old number is not right by chance after a new connection.
        """
        super().callback_connected()
        self.next_tid = self._first_number

    def expect(self) -> None:
        """Start listening for the answer to the next request."""
        self.has_received = self.has_received_late = False

    def timed_out(self) -> None:
        """Note that the last request timed out: its answer may still come."""
        if self.request_transaction_id:
            self._unanswered.append(self.request_transaction_id)

    def callback_data(self, data: bytes, addr: tuple[str, int] | None = None) -> int:
        """Process received bytes; return how many were used."""
        self.framer.received.clear()
        try:
            used: int = super().callback_data(data, addr)
        except _UNREADABLE as err:
            self.has_received = True
            self.fail(ModbusIOException(f"unreadable answer: {err}"))
            return len(data)
        for frame in self.framer.received:
            self._note_frame(frame)
        return used

    def _note_frame(self, frame: tuple[int, int] | None) -> None:
        if frame is None:
            self.has_received = True
            return
        unit_id, number = frame
        if number in self._unanswered:
            self._unanswered.remove(number)
            self.has_received_late = True
        elif number or unit_id == self.request_dev_id:
            self.has_received = True

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Fail the pending request at once when the connection closes, not after its timeout."""
        super().callback_disconnected(exc)
        self.fail(ConnectionException("closed by the peer"))

    def forget(self) -> None:
        """Drop the bytes of an answer that is no longer awaited."""
        self.recv_buffer = b""

    def fail(self, error: ModbusException) -> None:
        """Fail the pending request, if any."""
        if not self.response_future.done():
            self.response_future.set_exception(error)
            self.response_future.exception()  # it may not be awaited any more


Trace = Callable[[bool, bytes], bytes]


class ModbusTcpClient(AsyncModbusTcpClient):
    """A client without its own retries and reconnects: the bus does both."""

    ctx: _Transactions

    def __init__(  # noqa: PLR0913 - what pymodbus' own asks for, and where numbers begin
        self,
        host: str,
        *,
        port: int,
        framer: FramerType,
        timeout_s: float,
        first_number: int = 0,
        trace: Trace | None = None,
    ) -> None:
        super().__init__(
            host, port=port, framer=framer, timeout=timeout_s, retries=0, reconnect_delay=0
        )
        self.ctx = _Transactions(self.comm_params, _FRAMERS[framer], trace, first_number)


class ModbusSerialClient(AsyncModbusSerialClient):
    """The same on a serial line."""

    ctx: _Transactions

    def __init__(
        self,
        line: SerialLine,
        *,
        timeout_s: float,
        framing: Framing = Framing.STANDARD,
        trace: Trace | None = None,
    ) -> None:
        framer = FramerType.RTU if line.protocol == "rtu" else FramerType.ASCII
        super().__init__(
            line.port,
            framer=framer,
            baudrate=line.baud,
            bytesize=line.data_bits,
            parity=line.parity,
            stopbits=line.stop_bits,
            timeout=timeout_s,
            retries=0,
            reconnect_delay=0,
        )
        own = AblClientFramer if framing is Framing.ABL else _FRAMERS[framer]
        self.ctx = _Transactions(self.comm_params, own, trace, 0)


ModbusClient = ModbusTcpClient | ModbusSerialClient
