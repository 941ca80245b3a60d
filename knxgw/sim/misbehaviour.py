"""What a simulated endpoint does wrong on demand."""

from dataclasses import dataclass
from typing import TypeVar

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler

Server = TypeVar(
    "Server", ModbusTcpServer, ModbusSerialServer, ModbusTcpServer | ModbusSerialServer
)


@dataclass(slots=True, kw_only=True)
class Misbehaviour:
    """The faults of one endpoint, each for all of its units."""

    silent: bool = False  # takes requests, answers nothing
    short_answers: bool = False  # one register too few
    bad_checksum: bool = False  # CRC or LRC is wrong; on TCP, which has none, the header
    exception: int | None = None  # answers every request with this exception code
    refuses_writes: bool = False  # answers reads, but refuses whatever is written
    delay_s: float = 0.0  # every answer comes so much later
    frozen: bool = False  # goes on showing what it showed, whatever happens
    away: bool = False  # refuses connections; on a serial line the adapter is pulled out

    def end(self) -> None:
        """Behave well again."""
        for name, good in _GOOD.items():
            setattr(self, name, good)

    def refusal(self, *, is_write: bool) -> ExcCodes | None:
        """Return the exception that a request is answered with, None: it is served."""
        if self.exception is not None:
            return ExcCodes(self.exception)
        return ExcCodes.DEVICE_FAILURE if is_write and self.refuses_writes else None


_GOOD = {name: getattr(Misbehaviour(), name) for name in Misbehaviour.__dataclass_fields__}


class _LateHandler(ServerRequestHandler):
    """A connection whose answers may be late."""

    misbehaviour: Misbehaviour

    def send(self, data: bytes, addr: tuple[str, int] | None = None) -> None:
        """Send now, or later."""
        if self.misbehaviour.delay_s <= 0:
            super().send(data, addr)
        else:
            self.loop.call_later(self.misbehaviour.delay_s, self._send_late, data)

    def _send_late(self, data: bytes) -> None:
        if self.transport is not None:  # the client may have gone
            super().send(data)


def obedient(server: Server, misbehaviour: Misbehaviour) -> Server:
    """Return the server, its connections as late as they are told to be."""

    def new_connection() -> ServerRequestHandler:
        handler = _LateHandler(server, server.trace_packet, server.trace_pdu, server.trace_connect)  # type: ignore[no-untyped-call]  # pymodbus has no types here
        handler.misbehaviour = misbehaviour
        return handler

    server.callback_new_connection = new_connection  # type: ignore[method-assign]
    return server


def spoiled(frame: bytes, framer: FramerType) -> bytes:
    """Return a frame whose checksum is wrong, on TCP its protocol identifier."""
    where = {FramerType.RTU: -1, FramerType.ASCII: -3}.get(framer, 3)
    wrong = bytearray(frame)
    if frame:
        wrong[where] = ord("0") + (frame[where] == ord("0")) if where == -3 else frame[where] ^ 0x55
    return bytes(wrong)
