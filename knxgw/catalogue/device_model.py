"""One charger or meter model, complete: its content is read by `load_models`.

Currents are mA, powers W, energies Wh, durations s; the points keep the units of the device.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from knxgw.catalogue.control import Control, StepValue, Watchdog, WithoutGateway
from knxgw.catalogue.points import Computed, Point, Table
from knxgw.catalogue.rules import IdentityRule, PlugRule, StateRule
from knxgw.catalogue.simulation import Simulation

ModelId = NewType("ModelId", str)


MAX_REGISTERS = 125  # one read request, by the Modbus application protocol


class DeviceKind(StrEnum):
    """The kind of a device."""

    CHARGER = "charger"
    METER = "meter"


class Transport(StrEnum):
    """How a device can be reached."""

    TCP = "tcp"
    RTU = "rtu"
    ASCII = "ascii"


class Framing(StrEnum):
    """The framing of a device on a serial line."""

    STANDARD = "standard"
    ABL = "abl"  # ASCII frames, but an answer begins with ">"


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedBlock:
    """Registers a device gives only all at once."""

    table: Table
    address: int
    count: int

    def touches(self, table: Table, address: int, count: int) -> bool:
        """Tell whether a request would read any of these registers."""
        end = self.address + self.count
        return table is self.table and address < end and self.address < address + count


@dataclass(frozen=True, slots=True, kw_only=True)
class SunSpecChain:
    """Where a SunSpec device keeps its registers: a chain of models behind a marker.

    The addresses of all points count from the first register of the model that was found.
    Source: [sunspec-models] (the marker "SunS" and the end of the chain as well).
    """

    bases: tuple[int, ...]  # where the marker may stand, in the order of trying
    models: tuple[int, ...]  # ids that will do; the simulator shows the first
    length: int  # registers of the model behind its header, at least
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRules:
    """Limits of one read request."""

    is_single: bool  # one point per request, never a block
    max_registers: int
    gap_registers: int  # unmapped registers a block may bridge
    min_interval_s: float  # between two reads of this unit
    blocks: tuple[FixedBlock, ...] = ()

    def block_of(self, table: Table, address: int, count: int) -> FixedBlock | None:
        """Return the fixed block that some registers belong to."""
        return next((one for one in self.blocks if one.touches(table, address, count)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRules:
    """How writes are done."""

    functions: tuple[int, ...]
    min_interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """How one socket of a charger is addressed."""

    number: int
    unit_id: int | None
    address_offset: int
    port_offset: int


class Transformers(StrEnum):
    """Where the readings of a meter are multiplied by the ratio of its transformers."""

    NONE = "none"  # it is connected without any, or with sensors of its own
    APPLIED = "applied"  # the meter, by a ratio that is set at it
    READ = "read"  # the gateway, by a ratio that it reads from the meter
    UNSURE = "unsure"  # there are types with transformers, and no source says


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialDefaults:
    """The factory settings of a device on a serial line."""

    baud: int
    data_bits: int
    parity: str  # N, E, O
    stop_bits: int

    @property
    def framing(self) -> str:
        """Return data bits, parity and stop bits as people write them: 8E1."""
        return f"{self.data_bits}{self.parity}{self.stop_bits}"

    def __str__(self) -> str:
        return f"{self.baud} baud, {self.framing}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceModel:
    """One charger or meter model, complete."""

    id: ModelId
    ets_id: int
    kind: DeviceKind
    manufacturer: str
    model: str
    variants: tuple[str, ...]
    sources: tuple[str, ...]
    is_confirmed: bool  # two independent sources agree
    transports: tuple[Transport, ...]
    port: int
    unit_id: int
    connectors: tuple[Connector, ...]
    max_clients: int | None
    idle_timeout_s: float | None
    connection_s: float | None  # after which it ends every connection, idle or not
    response_timeout_s: float
    request_gap_s: float  # silence between two requests
    connect_delay_s: float  # wait after connecting before the first request
    read: ReadRules
    write: WriteRules
    control: Control | None  # None: a meter
    watchdog: Watchdog | None
    state_rules: tuple[StateRule, ...]
    plug_rules: tuple[PlugRule, ...]
    points: Mapping[str, Point]
    computed: Mapping[str, Computed]
    chain: SunSpecChain | None  # None: the addresses of the points are those on the wire
    capabilities: frozenset[str]
    setup: tuple[str, ...]
    quirks: tuple[str, ...]
    simulation: Simulation
    framing: Framing = Framing.STANDARD
    wake_after_s: float | None = None  # idle time after which a first request may be lost
    identity: tuple[IdentityRule, ...] = ()
    serial: SerialDefaults | None = None  # None: not on a serial line, or not known
    transformers: Transformers = Transformers.NONE

    @property
    def title(self) -> str:
        """Return manufacturer and model, as people call it."""
        return f"{self.manufacturer} {self.model}"

    @property
    def without_gateway(self) -> WithoutGateway:
        """Return the current of a charger without the gateway."""
        if self.watchdog is None:
            return WithoutGateway.KEEPS_OFFER
        sets_minimum = any(step.value is StepValue.MINIMUM for step in self.watchdog.arm)
        return WithoutGateway.MINIMUM if sets_minimum else WithoutGateway.SET_IN_CHARGER
