"""Frames that pymodbus does not know, and answers it would read although they cannot be right."""

from collections.abc import Collection

from pymodbus import ModbusException
from pymodbus.framer import FramerAscii, FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU

_BITS_OR_REGISTERS = (1, 2, 3, 4)  # answers that say how many bytes follow
_ECHOES = (5, 6, 15, 16)  # answers that repeat the address and the value or count
_ECHO_BYTES = 5


class StrictDecoder(DecodePDU):
    """Reads only answers that are as long as they say."""

    def __init__(self) -> None:
        super().__init__(is_server=False)

    def decode(self, frame: bytes) -> ModbusPDU | None:
        """Return the answer. Raises: ModbusException when its length cannot be right."""
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
    """Notes who spoke: on a line that may be another unit, on any wire an answer that is late."""

    def __init__(self, decoder: DecodePDU) -> None:
        super().__init__(decoder)
        self.received: list[tuple[int, int] | None] = []  # unit and number; None: no whole frame

    def decode(self, data: bytes) -> tuple[int, int, int, bytes]:
        """Return length, unit, number and content of the first frame."""
        used, unit_id, number, content = super().decode(data)
        self.received.append((unit_id, number) if content else None)
        return used, unit_id, number, content


class SocketFramer(_Listening, FramerSocket):
    """TCP frames, by a client that listens.

    They have no checksum. While answers to earlier requests may still come, an answer that was cut
    short would be completed by the first bytes of a late one; what is left of that then begins with
    no number that is awaited.
    """

    def __init__(self, decoder: DecodePDU) -> None:
        super().__init__(decoder)
        self.awaited: Collection[int] = ()  # numbers of requests without an answer, but the last

    def decode(self, data: bytes) -> tuple[int, int, int, bytes]:
        """Return length, unit, number and content of the first frame. Raises: ModbusException."""
        used, unit_id, number, content = super().decode(data)
        rest = data[used : used + 2]
        heads = {one.to_bytes(2, "big")[: len(rest)] for one in self.awaited}
        if content and rest and heads and rest not in heads:
            raise ModbusException("what follows is no late answer")
        return used, unit_id, number, content


class RtuFramer(_Listening, FramerRTU):
    """RTU frames, by a client that listens."""


class AsciiFramer(_Listening, FramerAscii):
    """ASCII frames, by a client that listens."""


class AblClientFramer(AsciiFramer):
    """ABL eMH1: ASCII frames, but an answer begins with ">".

    Source: [abl-emh1] components/emh1_modbus.
    """

    START = b">"

    def encode(self, payload: bytes, device_id: int, tid: int) -> bytes:
        """Return a request: it begins as the standard says."""
        return FramerAscii.START + super().encode(payload, device_id, tid)[1:]


class AblServerFramer(FramerAscii):
    """The other end of the same."""

    def encode(self, payload: bytes, device_id: int, tid: int) -> bytes:
        """Return an answer."""
        return AblClientFramer.START + super().encode(payload, device_id, tid)[1:]
