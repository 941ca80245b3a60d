"""The memory that ETS writes: one arena at a fixed address for each object that can be loaded. Pure.

ETS allocates a segment, asks where it is (property 7) and writes there. Arenas do not move, so that a partial
download finds its segment where it was, with the previous octets. All of it is below 0x10000, where the plain
memory services reach it too.
"""

import binascii
from collections.abc import Iterable
from dataclasses import dataclass

CRC_BEGIN = 0x1D0F  # of 0x1021, as if begun with FFFF and 16 zero bits were appended
CRC_IS_VALID, ALL_MAY_ACCESS = 0x00, 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """The place of a segment."""

    address: int
    octets: int


ARENAS = {  # by index of the object; the second application has none
    4: Arena(address=0x4000, octets=0x4000),
    3: Arena(address=0x8000, octets=0x2000),
    1: Arena(address=0xA000, octets=0x2000),
    2: Arena(address=0xC000, octets=0x4000),
}
NOWHERE = Arena(address=0, octets=0)


def crc16(content: bytes) -> int:
    """Return the check sum of a segment, as ETS computes it (CRC-16/AUG-CCITT)."""
    return binascii.crc_hqx(content, CRC_BEGIN)


class Segment:
    """The memory of one object."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.octets: int | None = None  # None: nothing is allocated
        self.written = 0  # octets that tools have written, ever
        self._content = bytearray(arena.octets)

    @property
    def address(self) -> int:
        """Return where it begins, 0 while nothing is allocated."""
        return 0 if self.octets is None else self.arena.address

    @property
    def content(self) -> bytes:
        """Return what is allocated."""
        return bytes(self._content[: self.octets or 0])

    def allocate(self, octets: int, fill: int | None) -> bool:
        """Allocate memory, in place of what was allocated; tell whether there is as much.

        `fill`: with which octet it is filled, None: it stays as it was.
        """
        if octets > self.arena.octets:
            return False
        self.octets = octets
        if fill is not None:
            self._content[:octets] = bytes([fill]) * octets
        return True

    def free(self) -> None:
        """Allocate nothing; the octets stay, for whoever allocates the same again."""
        self.octets = None

    def erase(self) -> None:
        """Forget all that was ever written."""
        self.octets = None
        self._content = bytearray(self.arena.octets)

    def restore(self, content: bytes) -> None:
        """Allocate what was there before a start of the device. Raises: ValueError, if it has no room."""
        if not self.allocate(len(content), None):
            raise ValueError(f"{len(content)} octets have no room in {self.arena.octets}")
        self._content[: len(content)] = content

    def holds(self, address: int, count: int) -> bool:
        """Tell whether a range is allocated here."""
        begin = self.arena.address
        return self.octets is not None and begin <= address <= begin + self.octets - count

    def read(self, address: int, count: int) -> bytes:
        """Return octets of a range that is allocated."""
        begin = address - self.arena.address
        return bytes(self._content[begin : begin + count])

    def write(self, address: int, octets: bytes) -> None:
        """Write a range that is allocated."""
        begin = address - self.arena.address
        self._content[begin : begin + len(octets)] = octets
        self.written += len(octets)

    @property
    def control_block(self) -> bytes:
        """Return size, access and check sum: what property 27 says of a segment that is loaded."""
        content = self.content
        head = len(content).to_bytes(4, "big") + bytes([CRC_IS_VALID, ALL_MAY_ACCESS])
        return head + crc16(content).to_bytes(2, "big")


def holder(segments: Iterable[Segment], address: int, count: int) -> Segment | None:
    """Return the segment that holds a whole range, None: it is not in one."""
    return next((one for one in segments if one.holds(address, count)), None)
