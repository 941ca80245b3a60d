"""Framings that pymodbus lacks, and checks for malformed answers that it would accept."""

from collections.abc import Collection

from pymodbus import ModbusException
from pymodbus.framer import FramerAscii, FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU

_BITS_OR_REGISTERS = (1, 2, 3, 4)  # answers that say how many bytes follow
_ECHOES = (5, 6, 15, 16)  # answers that repeat the address and the value or count
_ECHO_BYTES = 5


class StrictDecoder(DecodePDU):
    """Accepts only answers of the length that they declare."""

    def __init__(self) -> None:
        super().__init__(is_server=False)

    def decode(self, frame: bytes) -> ModbusPDU | None:
        """Return the answer. Raises: ModbusException when its length is wrong."""
        function = frame[0]
        if function & 0x80:
            fits = len(frame) == 2
        elif function in _BITS_OR_REGISTERS:
            fits = len(frame) >= 2 and len(frame) == 2 + frame[1]
        else:
            fits = function in _ECHOES and len(frame) == _ECHO_BYTES
        if not fits:
            raise ModbusException(f"an answer of {len(frame)} bytes with function {function}")
        return super().decode(frame)


class _Listening(FramerBase):
    """Records the sender of each frame: it may be another unit on the line, or a late answer."""

    def __init__(self, decoder: DecodePDU) -> None:
        super().__init__(decoder)
        self.received: list[tuple[int, int] | None] = []  # unit and number; None: no whole frame

    def decode(self, data: bytes) -> tuple[int, int, int, bytes]:
        """Return length, unit, number and content of the first frame."""
        used, unit_id, number, content = super().decode(data)
        self.received.append((unit_id, number) if content else None)
        return used, unit_id, number, content


class SocketFramer(_Listening, FramerSocket):
    """TCP frames, with their senders recorded.

    TCP frames have no checksum. While late answers may arrive, a truncated answer would be completed by
    the first bytes of a late one. The rest of that one then begins with no awaited number.
    """

    def __init__(self, decoder: DecodePDU) -> None:
        super().__init__(decoder)
        self.awaited: Collection[int] = ()  # numbers of unanswered requests, except the last one

    def decode(self, data: bytes) -> tuple[int, int, int, bytes]:
        """Return length, unit, number and content of the first frame. Raises: ModbusException."""
        used, unit_id, number, content = super().decode(data)
        rest = data[used : used + 2]
        heads = {number.to_bytes(2, "big")[: len(rest)] for number in self.awaited}
        if content and rest and heads and rest not in heads:
            raise ModbusException("what follows is not a late answer")
        return used, unit_id, number, content


class RtuFramer(_Listening, FramerRTU):
    """RTU frames, with their senders recorded."""


class AsciiFramer(_Listening, FramerAscii):
    """ASCII frames, with their senders recorded."""


class AblClientFramer(AsciiFramer):
    """ABL eMH1: ASCII frames, but an answer begins with ">".

    Source: [abl-emh1] components/emh1_modbus.
    """

    START = b">"

    def encode(self, payload: bytes, device_id: int, tid: int) -> bytes:
        """Return a request: it begins with ":" as in the standard."""
        return FramerAscii.START + super().encode(payload, device_id, tid)[1:]


class AblServerFramer(FramerAscii):
    """The server side of the same framing."""

    def encode(self, payload: bytes, device_id: int, tid: int) -> bytes:
        """Return an answer."""
        return AblClientFramer.START + super().encode(payload, device_id, tid)[1:]
