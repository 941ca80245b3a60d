"""An object that ETS loads: its state of loading and its memory. Pure.

What an event makes of a state stands in `product_db/interface_objects.yaml`; here is what it does to the memory.
"""

from knxgw.catalogue.interface_objects import (
    InterfaceObjectDefinition,
    InterfaceObjects,
    LoadEvent,
    LoadState,
)
from knxgw.device.memory import ARENAS, NOWHERE, Segment

CONTROL_OCTETS = 10  # of what is written to property 5
RELATIVE_ALLOCATION = 0x0B
NO_FAULT, MEMORY_ERROR, TOO_LONG, INVALID_OPCODE = 0, 6, 13, 11  # DPT 20.011
_EVENTS = {
    1: LoadEvent.START_LOADING,
    2: LoadEvent.LOAD_COMPLETED,
    3: LoadEvent.ADDITIONAL,
    4: LoadEvent.UNLOAD,
}


class Loadable:
    """One object that can be loaded."""

    def __init__(self, definition: InterfaceObjectDefinition, rules: InterfaceObjects) -> None:
        self.definition = definition
        self.segment = Segment(ARENAS.get(definition.index, NOWHERE))
        self.state = LoadState.UNLOADED
        self.error = NO_FAULT
        self._rules = rules

    @property
    def has_memory(self) -> bool:
        """Tell whether anything can be loaded into it."""
        return self.segment.arena.octets > 0

    @property
    def is_loaded(self) -> bool:
        """Tell whether ETS has loaded it to the end."""
        return self.state is LoadState.LOADED

    def control(self, value: bytes) -> None:
        """Carry out a load control of ten octets."""
        if not value or value[0] == 0:  # no operation
            return
        event = _EVENTS.get(value[0], LoadEvent.OTHER)
        if event is LoadEvent.ADDITIONAL and self.state is LoadState.LOADING:
            self._allocate(value)
            return
        after = self._rules.after(self.state, event)
        if after.state is self.state and not after.error:
            return
        if after.state is LoadState.UNLOADED:
            self.segment.free()
        self.state, self.error = after.state, after.error

    def unload(self) -> None:
        """Unload it, as a reset to the factory settings does."""
        self.control(b"\4")

    def fail(self, error: int) -> None:
        """Say that what was loaded cannot be used."""
        self.state, self.error = LoadState.ERROR, error

    def _allocate(self, value: bytes) -> None:
        if len(value) < CONTROL_OCTETS or value[1] != RELATIVE_ALLOCATION:
            self.fail(INVALID_OPCODE)
            return
        octets = int.from_bytes(value[2:6], "big")
        if not self.segment.allocate(octets, value[7] if value[6] else None):
            self.fail(TOO_LONG if self.has_memory else MEMORY_ERROR)
