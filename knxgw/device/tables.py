"""The tables that ETS writes: group addresses, associations, group objects. Pure.

Addresses are numbered from 1 in the order of their table (TSAP); associations lead from them to group objects
(ASAP, the number of the group object). The first association of a group object has the address that it sends to.
`docs/knx-device.md` shows their octets.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from knxgw.catalogue.flags import Priority

EMPTY = 0xFFFF  # as a count: nobody has ever written the table
COUNT_OCTETS = 2
PRIORITIES = (Priority.SYSTEM, Priority.NORMAL, Priority.URGENT, Priority.LOW)  # by their code
_ADDRESS_OCTETS, _ASSOCIATION_OCTETS, _OBJECT_OCTETS = 2, 4, 2
_ROW_OCTETS = {1: _ADDRESS_OCTETS, 2: _ASSOCIATION_OCTETS, 3: _OBJECT_OCTETS}  # by index


class TableError(IntEnum):
    """What is wrong with a table (DPT 20.011)."""

    NONE = 0
    CONFIGURATION = 3  # a group address that is none
    TOO_LONG = 13  # it says that it has more rows than were written
    NOT_SORTED = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedObject:
    """A group object as ETS has set it."""

    update: bool  # by a response
    transmit: bool
    read_on_init: bool
    write: bool
    read: bool
    communication: bool
    priority: int  # 0 system, 1 normal, 2 urgent, 3 low
    bits: int  # size of the value


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedLinks:
    """What the three tables say together."""

    objects: Mapping[int, LoadedObject]  # by number, those with a communication flag
    addresses: Mapping[int, tuple[int, ...]]  # of each object, the one that it sends to first


def links_of(addresses: bytes, associations: bytes, objects: bytes) -> LoadedLinks:
    """Return which group object has which flags and addresses."""
    known = group_addresses(addresses)
    linked: dict[int, list[int]] = {}
    for tsap, asap in _associations(associations):
        if 0 < tsap <= len(known):
            linked.setdefault(asap, []).append(known[tsap - 1])
    found = {number: one for number, one in enumerate(_objects(objects), 1) if one.communication}
    return LoadedLinks(
        objects=found,
        addresses={
            number: tuple(dict.fromkeys(linked[number])) for number in found if number in linked
        },
    )


def group_addresses(content: bytes) -> tuple[int, ...]:
    """Return the group addresses of a table, in its order."""
    return tuple(int.from_bytes(row, "big") for row in _rows(content, _ADDRESS_OCTETS))


def error_in(index: int, content: bytes) -> TableError:
    """Return what is wrong with the table of an interface object, for which see its index."""
    each = _ROW_OCTETS.get(index)
    if each is None:
        return TableError.NONE
    if _count(content) * each + COUNT_OCTETS > max(len(content), COUNT_OCTETS):
        return TableError.TOO_LONG
    if index == 1:
        found = group_addresses(content)
        if 0 in found:
            return TableError.CONFIGURATION
        if any(one >= after for one, after in pairwise(found)):
            return TableError.NOT_SORTED
    return TableError.NONE


def row_count(index: int, content: bytes) -> int | None:
    """Return how many rows the table of an interface object has, None: it is no table."""
    return _count(content) if index in _ROW_OCTETS else None


def _associations(content: bytes) -> Iterator[tuple[int, int]]:
    for row in _rows(content, _ASSOCIATION_OCTETS):
        yield int.from_bytes(row[:2], "big"), int.from_bytes(row[2:], "big")


def _objects(content: bytes) -> Iterator[LoadedObject]:
    for row in _rows(content, _OBJECT_OCTETS):
        flags = row[0]
        yield LoadedObject(
            update=bool(flags & 0x80),
            transmit=bool(flags & 0x40),
            read_on_init=bool(flags & 0x20),
            write=bool(flags & 0x10),
            read=bool(flags & 0x08),
            communication=bool(flags & 0x04),
            priority=flags & 0x03,
            bits=bits_of(row[1]),
        )


def bits_of(code: int) -> int:
    """Return the size of a value by its code in the group object table [bit]."""
    if code < 7:
        return code + 1
    octets = {7: 1, 8: 2, 9: 3, 10: 4, 11: 6, 12: 8, 13: 10, 14: 14, 15: 5, 16: 7, 17: 9}
    octets |= {18: 11, 19: 12, 20: 13, 255: 252}
    return 8 * octets.get(code, code - 6)


def size_code(bits: int) -> int:
    """Return the code of a size in the group object table. Raises: ValueError."""
    for code in range(256):
        if bits_of(code) == bits:
            return code
    raise ValueError(f"no group object has {bits} bits")


def _rows(content: bytes, octets: int) -> Iterator[bytes]:
    rows = content[COUNT_OCTETS : COUNT_OCTETS + _count(content) * octets]
    for begin in range(0, len(rows) - octets + 1, octets):
        yield rows[begin : begin + octets]


def _count(content: bytes) -> int:
    count = int.from_bytes(content[:COUNT_OCTETS], "big")
    return 0 if count == EMPTY else count
