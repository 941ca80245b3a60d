"""What a simulated endpoint does wrong on demand."""

from dataclasses import dataclass
from functools import partial
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
    blank: bool = False  # shows what it measures as not available: NaN, all ones
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


def obedient(server: Server, misbehaviour: Misbehaviour) -> Server:
    """Return the server, the answers of its connections as late as they are told to be."""
    make = server.callback_new_connection

    def new_connection() -> ServerRequestHandler:
        connection: ServerRequestHandler = make()  # type: ignore[no-untyped-call]  # pymodbus has no types here
        connection.low_level_send = partial(_send, connection, misbehaviour)
        return connection

    server.callback_new_connection = new_connection  # type: ignore[method-assign]  # of this one only
    return server


def _send(
    connection: ServerRequestHandler,
    misbehaviour: Misbehaviour,
    data: bytes,
    addr: tuple[str, int] | None = None,
) -> None:
    """Send now, or later."""
    if misbehaviour.delay_s > 0:
        connection.loop.call_later(misbehaviour.delay_s, _send_late, connection, data)
    else:
        connection.send(data, addr)


def _send_late(connection: ServerRequestHandler, data: bytes) -> None:
    if connection.is_active():  # the client may have gone
        connection.send(data)


def spoiled(frame: bytes, framer: FramerType) -> bytes:
    """Return a frame whose checksum is wrong, on TCP its protocol identifier."""
    where = {FramerType.RTU: -1, FramerType.ASCII: -3}.get(framer, 3)
    wrong = bytearray(frame)
    if frame:
        wrong[where] = ord("0") + (frame[where] == ord("0")) if where == -3 else frame[where] ^ 0x55
    return bytes(wrong)
