"""The interface objects of our KNX device, as `product_db/interface_objects.yaml` lists them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class PropertyType(IntEnum):
    """Property data types: the value is the code of a property description.

    Source: [knx-standard] 3/7/3 (standardized identifiers).
    """

    CONTROL = 0x00
    UNSIGNED_CHAR = 0x02
    UNSIGNED_INT = 0x04
    UNSIGNED_LONG = 0x09
    GENERIC_01 = 0x11
    GENERIC_02 = 0x12
    GENERIC_05 = 0x15
    GENERIC_06 = 0x16
    GENERIC_08 = 0x18
    GENERIC_10 = 0x1A
    GENERIC_16 = 0x20
    GENERIC_18 = 0x22
    GENERIC_20 = 0x24
    VERSION = 0x30
    BINARY = 0x32
    BITSET8 = 0x33
    BITSET16 = 0x34
    ENUM8 = 0x35
    SCALING = 0x36
    FUNCTION = 0x3E  # is called, and has no value

    @property
    def octets(self) -> int:
        """Return how long an element is, as it is read; what is written to `CONTROL` has ten octets."""
        return _OCTETS[self]


_OCTETS = {
    PropertyType.CONTROL: 1,
    PropertyType.UNSIGNED_CHAR: 1,
    PropertyType.UNSIGNED_INT: 2,
    PropertyType.UNSIGNED_LONG: 4,
    PropertyType.GENERIC_01: 1,
    PropertyType.GENERIC_02: 2,
    PropertyType.GENERIC_05: 5,
    PropertyType.GENERIC_06: 6,
    PropertyType.GENERIC_08: 8,
    PropertyType.GENERIC_10: 10,
    PropertyType.GENERIC_16: 16,
    PropertyType.GENERIC_18: 18,
    PropertyType.GENERIC_20: 20,
    PropertyType.VERSION: 2,
    PropertyType.BINARY: 1,
    PropertyType.BITSET8: 1,
    PropertyType.BITSET16: 2,
    PropertyType.ENUM8: 1,
    PropertyType.SCALING: 1,
    PropertyType.FUNCTION: 0,
}


class LoadState(IntEnum):
    """How far an object is loaded."""

    UNLOADED = 0
    LOADED = 1
    LOADING = 2
    ERROR = 3


class LoadEvent(StrEnum):
    """What ETS asks of the state of loading."""

    START_LOADING = "start_loading"
    LOAD_COMPLETED = "load_completed"
    ADDITIONAL = "additional"
    UNLOAD = "unload"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who may read or write something while security mode is off, and while it is on.

    Each is a number of ten bits: anybody without Data Secure; a role, encrypted and only authenticated; a tool, the
    same. Each of the five has a bit to write, then one to read. Roles and mere authentication are not served here.
    Source: [calimero-device] access policies of properties and services.
    """

    off: int
    on: int

    def may_read(self, *, is_on: bool, has_tool_key: bool) -> bool:
        """Tell whether somebody may read."""
        return self._allows(_READ, is_on=is_on, has_tool_key=has_tool_key)

    def may_write(self, *, is_on: bool, has_tool_key: bool) -> bool:
        """Tell whether somebody may write."""
        return self._allows(_WRITE, is_on=is_on, has_tool_key=has_tool_key)

    def _allows(self, right: int, *, is_on: bool, has_tool_key: bool) -> bool:
        rights = self.on if is_on else self.off
        allowed = right << _ANYBODY | (right << _TOOL if has_tool_key else 0)
        return bool(rights & allowed)

    def __str__(self) -> str:
        """Return both numbers, as the table of the product has them."""
        return f"{self.off:03X}/{self.on:03X}"


_WRITE, _READ = 0b10, 0b01
_ANYBODY, _TOOL = 8, 2  # how far their two bits are from the right
ORDINARY = AccessPolicy(
    0x3FF, 0x0CC
)  # of what says nothing else: only a tool, once security mode is on


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyDefinition:
    """One property of an interface object."""

    id: int
    key: str
    type: PropertyType
    elements: int  # most of them
    read_level: int | None  # None: it cannot be read, or a function has no state
    write_level: int | None  # None: it cannot be written, or a function takes no command
    policy: AccessPolicy = ORDINARY
    is_kept: bool  # what is written survives a power cut
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceObjectDefinition:
    """One interface object."""

    key: str
    index: int
    type: int
    text: str
    properties: tuple[PropertyDefinition, ...]  # in the order of their numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What an event makes of a state of loading."""

    state: LoadState
    error: int = 0  # DPT 20.011; 0 unless it fails


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceObjects:
    """All interface objects, and how they are loaded."""

    objects: tuple[InterfaceObjectDefinition, ...]  # in the order of their indexes, without a gap
    transitions: Mapping[
        tuple[LoadState, LoadEvent], Transition
    ]  # what is not there changes nothing
    services: Mapping[
        str, AccessPolicy
    ]  # by the name of the service; what is not there is ordinary

    def after(self, state: LoadState, event: LoadEvent) -> Transition:
        """Return what an event makes of a state."""
        return self.transitions.get((state, event), Transition(state=state))
