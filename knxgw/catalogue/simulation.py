"""What a simulated device shows, as its model file says it; `load_models` reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from knxgw.catalogue.points import Comparison, Table


class SimulatedState(StrEnum):
    """The states of a simulated charging point."""

    AVAILABLE = "available"
    WAITING = "waiting"  # plugged, nothing missing, the vehicle does not draw
    CHARGING = "charging"
    PAUSED = "paused"  # plugged, the station withholds current
    UNAUTHORISED = "unauthorised"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableRange:
    """Registers a device gives in any piece, also those that no point describes."""

    table: Table
    address: int
    count: int
    gap: int  # what a register shows that no point describes
    is_relative: bool  # the address belongs to connector 1
    max_registers: int  # in one request

    def covers(self, table: Table, address: int, count: int) -> bool:
        """Tell whether a request reads nothing but these registers."""
        inside = self.address <= address and address + count <= self.address + self.count
        return table is self.table and inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Raw values a simulated device shows in each state, point by point."""

    states: Mapping[SimulatedState, Mapping[str, int | str]]
    constants: Mapping[str, int | float | str]
    enabled_if: tuple[Comparison, ...]  # all must hold for current to flow; empty: always
    readable: tuple[ReadableRange, ...] = ()
    has_shared_tables: bool = False  # functions 3 and 4 give the same registers
