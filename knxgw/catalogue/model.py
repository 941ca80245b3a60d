"""Data classes for the content of `product_db/`: group objects, parameters, device models.

Pure data and look-ups; the readers are in `load.py`. Currents are mA, powers W, energies Wh,
durations s inside the program; the points of a device model keep the units of the device.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NewType

from knxgw.catalogue.faults import Faults
from knxgw.catalogue.flags import Priority
from knxgw.catalogue.text import Text
from knxgw.catalogue.texts import Texts

ModelId = NewType("ModelId", str)
MAX_REGISTERS = 125  # one read request, by the Modbus application protocol


# --- group objects -----------------------------------------------------------------------------


class ObjectKind(StrEnum):
    """The kind of a group object's value; it decides the sending rule."""

    STATE = "state"  # sends on change, may send cyclically
    CURRENT = "current"  # moving values: minimum change and minimum interval
    POWER = "power"
    ENERGY = "energy"
    TEMPERATURE = "temperature"
    DURATION = "duration"  # counts while a session lasts: sent when it ends, or cyclically
    COMMAND = "command"  # received only
    EVENT = "event"  # sends each time it happens, also with an unchanged value
    ALIVE = "alive"  # sends cyclically as long as the device works


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDefinition:
    """One group object as `product_db/objects.yaml` defines it.

    `number` is that of charging point 1 for objects of a charging point, else the number itself.
    """

    number: int
    key: str
    function: Text
    dpts: tuple[str, ...]  # first is the default; empty: no datapoint type, 1 byte
    dpt_choice: str | None  # the parameter that chooses among `dpts`
    flags: str  # "CR-T--"; what a link has unless ETS says otherwise
    priority: Priority  # likewise
    kind: ObjectKind
    per_point: bool
    offset: int  # distance between charging points
    model_dependent: bool  # the manual's mark "depends on the model"
    needs: str | None  # capability the charger or its meter must have
    only_with: str | None  # condition on the load management
    table: int | None  # table of the manual that defines it

    def number_of(self, point: int) -> int:
        """Return the number this object has at charging point `point` (1…5)."""
        return self.number + self.offset * (point - 1) if self.per_point else self.number


# --- parameters --------------------------------------------------------------------------------


class ParameterType(StrEnum):
    """The type of a parameter."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    MODEL = "model"  # id of a charger or meter model
    HOST = "host"  # IPv4 address or host name
    ENDPOINT = "endpoint"  # host:port
    INDIVIDUAL_ADDRESS = "individual_address"
    TIME_ZONE = "time_zone"
    PATH = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One value of a choice parameter; `ets_id` is never reused."""

    value: str
    ets_id: int
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDefinition:
    """One parameter: its key in the file, its range and its texts."""

    key: str  # dotted path, `[]` after a list: "charging_points[].minimum_a"
    ets_id: int  # never reused
    type: ParameterType
    unit: str | None
    low: float | None
    high: float | None
    default: str | None  # as written in the file; None: no default
    required: bool
    choices: tuple[Choice, ...]
    text: Text
    help: Text


# --- device models -----------------------------------------------------------------------------


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


class Table(StrEnum):
    """The four tables of Modbus; the value is the word used in the files."""

    HOLDING = "holding"
    INPUT = "input"
    COIL = "coil"
    DISCRETE = "discrete"

    @property
    def read_function(self) -> int:
        """Return the function code that reads this table."""
        return {"holding": 3, "input": 4, "coil": 1, "discrete": 2}[self.value]


class RegisterType(StrEnum):
    """How the registers of a point encode its value."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U48 = "u48"
    U64 = "u64"
    I64 = "i64"
    F32 = "f32"
    F64 = "f64"
    BOOL = "bool"
    BITS16 = "bits16"
    BITS32 = "bits32"
    STR = "str"  # two characters per register
    STRW = "strw"  # one character per register
    BYTES = "bytes"
    CHAR_LO = "char_lo"
    CHAR_HI = "char_hi"
    BCD_HMS32 = "bcd_hms32"  # hhmmss in two registers, gives seconds
    T5 = "t5"  # measured value: signed decimal exponent, 24 bit unsigned mantissa
    T6 = "t6"  # the same with a signed mantissa


class Order(StrEnum):
    """Which part comes first."""

    BIG = "big"
    LITTLE = "little"


class PollClass(StrEnum):
    """How often a point is read; state and currents come first."""

    FAST = "fast"
    NORMAL = "normal"
    SLOW = "slow"
    ONCE = "once"
    NEVER = "never"  # write-only, or of no use to us


class TextFormat(StrEnum):
    """How a raw value becomes a text on the bus."""

    PLAIN = "plain"
    HEX = "hex"
    DECIMAL8 = "decimal8"  # eight digits with leading zeros
    VERSION3 = "version3"  # most significant three bytes as a.b.c
    CARD = "card"  # first four bytes as hex; empty when zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """Part of the raw integer that carries the value: `(raw >> shift) & mask`."""

    shift: int
    mask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Meaning of one raw value; `state` is our charging point state, on state points."""

    meaning: str
    state: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of a device: its address and its encoding.

    value = ((raw >> shift) & mask) * 10 ** exponent * scale + add, in `unit` (A, W, Wh, V, s, °C,
    Hz, %); the exponent is 0, or the raw value of the point `scale_from` in the same answer. All of
    it is multiplied by the values of the points `times`, which are read now and then.
    """

    name: str
    table: Table
    address: int  # zero-based, as on the wire
    count: int  # registers (or coils)
    type: RegisterType
    scale: float
    scale_from: str | None  # point that holds the decimal exponent
    add: float
    unit: str | None
    readable: bool
    writable: bool
    write_function: int | None
    extract: Extract | None
    codes: Mapping[int | str, Code]
    word_order: Order
    byte_order: Order
    string_order: Order
    unit_id: int | None  # another unit of the same endpoint (station of a double charger)
    relative: bool  # the address belongs to connector 1
    low: float | None
    high: float | None
    invalid: tuple[range, ...]  # the bits of all registers that mean "not available"
    optional: bool  # an exception means "empty", written: "not there"; it is no fault
    required: bool  # an exception answer is a fault, also where others may be left out
    poll: PollClass
    format: TextFormat
    confidence: str
    note: str
    zero: tuple[int, ...] = ()  # raw values that stand for 0; the first one is written for it
    times: tuple[str, ...] = ()  # points that hold a ratio of transformers
    valid_if: tuple["Comparison", ...] = ()  # without all of these the value is not available

    def is_invalid(self, bits: int) -> bool:
        """Tell whether the bits of its registers, as one number, mean "not available"."""
        return any(bits in codes for codes in self.invalid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """A value that the device gives in parts: the sum of `plus` less the sum of `minus`."""

    name: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the names of all points it is made of."""
        return (*self.plus, *self.minus)


class Operator(StrEnum):
    """How a rule compares the raw value of a point."""

    ANY_OF = "any_of"
    ANY = "any"
    NOT = "not"
    BELOW = "below"
    AT_LEAST = "at_least"
    BIT = "bit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One comparison of a rule."""

    point: str
    operator: Operator
    values: tuple[int | float | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRule:
    """First match wins; `state` None takes the number from the code table of `state`."""

    comparisons: tuple[Comparison, ...]
    state: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugRule:
    """First match wins; no match leaves the plug unchanged."""

    comparisons: tuple[Comparison, ...]
    connected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRule:
    """First match wins; no match proves nothing about the device."""

    comparisons: tuple[Comparison, ...]
    is_this_model: bool  # whether the device is of this model


class StepValue(StrEnum):
    """The variable value of a write step."""

    OFFER = "offer"  # the offered current, in the unit of the point
    OFFER_POWER = "offer_power"  # the power [W] of the offer on the phases that are in use
    MINIMUM = "minimum"  # the configured minimum current of the charging point
    WATCHDOG = "watchdog"  # the watchdog timeout in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStep:
    """One write of a command: a point and its value."""

    point: str
    value: StepValue | float
    read_back: str | None = None  # point that reports what was written; None: nothing does

    @property
    def carries_offer(self) -> bool:
        """Tell whether it writes the offer, as a current or as a power."""
        return self.value in (StepValue.OFFER, StepValue.OFFER_POWER)


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

    single: bool  # one point per request, never a block
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


class ZeroMeaning(StrEnum):
    """The effect of a setpoint of 0 A on the device."""

    PAUSES = "pauses"
    FORBIDDEN = "forbidden"  # never write it; use the pause steps
    UNLIMITED = "unlimited"  # dangerous: never write it


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How the current of a charger is set."""

    resolution_ma: int
    minimum_ma: int
    maximum_ma: int
    zero: ZeroMeaning
    offer: tuple[WriteStep, ...]
    pause: tuple[WriteStep, ...]
    unlock: tuple[WriteStep, ...]
    start_stop: bool  # the device can hold a process until it is started (GO 54)
    read_back: str | None  # point that reports the written offer

    @property
    def offer_step(self) -> WriteStep | None:
        """Return the step that carries the offer, as a current or as a power."""
        return next((step for step in self.offer if step.carries_offer), None)

    def read_back_of(self, step: WriteStep) -> str | None:
        """Return the point that reports the value of a step of an offer or a pause."""
        first = self.offer_step
        if self.read_back and first is not None and step.point == first.point:
            return self.read_back
        return step.read_back

    @property
    def read_backs(self) -> frozenset[str]:
        """Return all read-back points of the setpoint."""
        names = (self.read_back_of(step) for step in (*self.offer, *self.pause))
        return frozenset(name for name in names if name is not None)

    @property
    def is_power(self) -> bool:
        """Tell whether the charger is controlled in W: then the phases in use must be known."""
        return self.offer_step is not None and self.offer_step.value is StepValue.OFFER_POWER


FEED_LATE_SPACINGS = 3  # write spacings after `refresh_s` until a watchdog is fed, at worst


class WatchdogTrigger(StrEnum):
    """What feeds the watchdog of a charger."""

    NONE = "none"
    ANY_REQUEST = "any_request"
    OFFER = "offer"  # the offer must be repeated, or the steps of it that `refresh` names
    STEPS = "steps"  # the refresh steps must be written


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """Fail-safe of a charger: the steps that arm and feed it, and its fallback current."""

    trigger: WatchdogTrigger
    timeout_s: float
    refresh_s: float
    arm: tuple[WriteStep, ...]
    refresh: tuple[WriteStep, ...]
    fallback: str  # in words, for the documentation
    timeout_point: str | None
    remaining_point: str | None
    fallback_point: str | None

    @property
    def read_backs(self) -> frozenset[str]:
        """Return all points that report its settings."""
        return frozenset(step.read_back for step in self.arm if step.read_back is not None)


class WithoutGateway(Enum):
    """The current of a charger without the gateway."""

    KEEPS_OFFER = "it has no watchdog: the last offer stays for ever"
    MINIMUM = "it falls back to the minimum, which arming its watchdog has set"
    SET_IN_CHARGER = "it falls back to a current that is set in the charger itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """How one socket of a charger is addressed."""

    number: int
    unit_id: int | None
    address_offset: int
    port_offset: int


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
    relative: bool  # the address belongs to connector 1
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
    same_tables: bool = False  # functions 3 and 4 give the same registers


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
    confirmed: bool  # two independent sources agree
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
    def without_gateway(self) -> WithoutGateway:
        """Return the current of a charger without the gateway."""
        if self.watchdog is None:
            return WithoutGateway.KEEPS_OFFER
        sets_minimum = any(step.value is StepValue.MINIMUM for step in self.watchdog.arm)
        return WithoutGateway.MINIMUM if sets_minimum else WithoutGateway.SET_IN_CHARGER


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The part of the catalogue that does not depend on devices: group objects, faults, texts."""

    objects: tuple[ObjectDefinition, ...]
    faults: Faults
    texts: Texts

    def object(self, key: str) -> ObjectDefinition:
        """Return the group object of that key. Raises: KeyError."""
        for definition in self.objects:
            if definition.key == key:
                return definition
        raise KeyError(key)

    def number_of(self, key: str, point: int = 1) -> int:
        """Return the number of a group object at charging point `point`. Raises: KeyError."""
        return self.object(key).number_of(point)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The content of `product_db/`."""

    product: Product
    parameters: tuple[ParameterDefinition, ...]
    retired: Mapping[str, Text]  # keys of parameters that are no more -> what to do about it
    chargers: Mapping[str, DeviceModel]
    meters: Mapping[str, DeviceModel]

    @property
    def objects(self) -> tuple[ObjectDefinition, ...]:
        """Return every group object, in the order of their numbers."""
        return self.product.objects

    @property
    def models(self) -> tuple[DeviceModel, ...]:
        """Return chargers, then meters."""
        return (*self.chargers.values(), *self.meters.values())
