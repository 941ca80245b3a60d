"""pymodbus' clients as the bus needs them: bytes that cannot be read fail their request quietly.

As it comes, a malformed answer raises in the event loop, which logs an ERROR with a traceback and
closes the connection; here it is an error of the one request that waits for it.
"""

import struct
from collections.abc import Callable

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.framer import FramerBase, FramerSocket
from pymodbus.transaction import TransactionManager
from pymodbus.transport import CommParams

from knxgw.catalogue.model import Framing
from knxgw.config.model import SerialLine
from knxgw.links.modbus_framing import AblClientFramer, AsciiFramer, RtuFramer, StrictDecoder

_FRAMERS: dict[FramerType, type[FramerBase]] = {
    FramerType.SOCKET: FramerSocket,
    FramerType.RTU: RtuFramer,
    FramerType.ASCII: AsciiFramer,
}
_UNREADABLE = (ModbusException, struct.error, IndexError, ValueError)


class _Transactions(TransactionManager):
    """Requests and answers of one connection."""

    heard = False  # whether anything came since the last request: nonsense is not silence,
    # but a good frame of another unit of the line is; that one was late

    def __init__(self, params: CommParams, framer: type[FramerBase], trace: "Trace | None") -> None:
        super().__init__(params, framer(StrictDecoder()), 0, False, trace, None, None)  # noqa: FBT003 - pymodbus' shape

    def callback_data(self, data: bytes, addr: tuple[str, int] | None = None) -> int:
        """Take received bytes; return how many were used."""
        try:
            used: int = super().callback_data(data, addr)
        except _UNREADABLE as err:
            self.heard = True
            self.fail(ModbusIOException(f"unreadable answer: {err}"))
            return len(data)
        spoken = getattr(self.framer, "spoken", None)
        if data and spoken in (None, self.request_dev_id):
            self.heard = True
        return used

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Let a request fail at once when its connection closes, not only after its timeout."""
        super().callback_disconnected(exc)
        self.fail(ConnectionException("closed by the peer"))

    def forget(self) -> None:
        """Drop what came of an answer nobody waits for any more."""
        self.recv_buffer = b""

    def fail(self, error: ModbusException) -> None:
        """Fail the request that waits, if any."""
        if not self.response_future.done():
            self.response_future.set_exception(error)
            self.response_future.exception()  # somebody may have stopped waiting for it


Trace = Callable[[bool, bytes], bytes]


class ModbusTcpClient(AsyncModbusTcpClient):
    """A client that neither retries nor reconnects by itself: the bus does."""

    ctx: _Transactions

    def __init__(
        self,
        host: str,
        *,
        port: int,
        framer: FramerType,
        timeout_s: float,
        trace: Trace | None = None,
    ) -> None:
        super().__init__(
            host, port=port, framer=framer, timeout=timeout_s, retries=0, reconnect_delay=0
        )
        self.ctx = _Transactions(self.comm_params, _FRAMERS[framer], trace)


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
        self.ctx = _Transactions(self.comm_params, own, trace)


ModbusClient = ModbusTcpClient | ModbusSerialClient
