"""A Modbus device made of bytes, on a null modem: it can say anything. Shares no code with pymodbus' framers."""

import re
from collections.abc import Callable

from pymodbus.transport import NULLMODEM_HOST, CommParams, CommType, ModbusProtocol

Answer = Callable[[bytes], list[tuple[float, bytes]]]  # request → what is said, each after [s]


def with_crc(frame: bytes) -> bytes:
    """Return an RTU frame. Source: [modbus-serial] section 6.2.2."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return frame + crc.to_bytes(2, "little")


def with_lrc(frame: bytes) -> bytes:
    """Return an ASCII frame. Source: [modbus-serial] section 2.5.2.2."""
    return b":" + (frame + bytes((-sum(frame) & 0xFF,))).hex().upper().encode() + b"\r\n"


def framed(transport: str, unit: int, pdu: bytes, number: int = 0) -> bytes:
    """Return the frame that carries `pdu`."""
    frame = bytes((unit,)) + pdu
    if transport == "tcp":
        return number.to_bytes(2, "big") + bytes(2) + len(frame).to_bytes(2, "big") + frame
    return with_lrc(frame) if transport == "ascii" else with_crc(frame)


def unframed(transport: str, request: bytes) -> tuple[int, int, bytes]:
    """Return number, unit and content of a good request."""
    if transport == "tcp":
        return int.from_bytes(request[:2], "big"), request[6], request[7:]
    frame = bytes.fromhex(request[1:-2].decode())[:-1] if transport == "ascii" else request[:-2]
    return 0, frame[0], frame[1:]


def contents(transport: str, stream: bytes, number: int, unit: int) -> set[bytes]:
    """Return the content of every good frame for this request anywhere in what was said."""
    if transport == "ascii":
        frames = [bytes.fromhex(hit.decode()) for hit in _ascii_frames(stream)]
        return {f[1:-1] for f in frames if len(f) > 3 and sum(f) & 0xFF == 0 and f[0] == unit}
    found = set()
    for start in range(len(stream)):
        part = stream[start:]
        if transport == "tcp":
            length = int.from_bytes(part[4:6], "big")
            head = number.to_bytes(2, "big") + bytes(2)
            if part[:4] == head and 2 < length <= len(part) - 6 and part[6] == unit:
                found.add(part[7 : 6 + length])
        elif part[0] == unit:
            sizes = (
                end for end in range(5, len(part) + 1) if with_crc(part[: end - 2]) == part[:end]
            )
            found |= {part[1 : end - 2] for end in sizes}
    return found


def _ascii_frames(stream: bytes) -> list[bytes]:
    hits: list[bytes] = re.findall(rb"(?=:((?:[0-9A-Fa-f]{2})+)\r\n)", stream)
    return hits


class RawPeer(ModbusProtocol):
    """Listens on the null modem and says what `answer` makes of a request."""

    def __init__(self, port: int, answer: Answer) -> None:
        params = CommParams(comm_type=CommType.TCP, source_address=(NULLMODEM_HOST, port))
        super().__init__(params, True)
        self._answer = answer

    def callback_new_connection(self) -> ModbusProtocol:
        """Take a connection."""
        return _Connection(0, self._answer)

    def callback_connected(self) -> None:
        """Nothing to do."""

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Nothing to do."""

    def callback_data(self, data: bytes, addr: tuple[str, int] | None = None) -> int:
        """Answer a request; the null modem hands over whole ones."""
        for delay_s, said in self._answer(data):
            self.loop.call_later(delay_s, self._say, said)
        return len(data)

    def _say(self, said: bytes) -> None:
        transport: object = self.transport  # None once the gateway has gone
        if transport is not None and said:
            self.send(said)


class _Connection(RawPeer):
    """One connection of it."""
