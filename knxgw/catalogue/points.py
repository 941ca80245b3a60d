"""The points of a device model: where a value stands, and how it is encoded; `load_points` reads them.

Points keep the units of the device.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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
    it is multiplied by the values of the points `ratio_points`, which are read now and then.
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
    is_readable: bool
    is_writable: bool
    write_function: int | None
    extract: Extract | None
    codes: Mapping[int | str, Code]
    word_order: Order
    byte_order: Order
    string_order: Order
    unit_id: int | None  # another unit of the same endpoint (station of a double charger)
    is_relative: bool  # the address belongs to connector 1
    low: float | None
    high: float | None
    invalid: tuple[range, ...]  # the bits of all registers that mean "not available"
    is_optional: bool  # an exception means "empty", written: "not there"; it is no fault
    is_required: bool  # an exception answer is a fault, also where others may be left out
    poll: PollClass
    format: TextFormat
    confidence: str
    note: str
    zero: tuple[int, ...] = ()  # raw values that stand for 0; the first one is written for it
    ratio_points: tuple[str, ...] = ()  # points that hold a ratio of transformers
    valid_if: tuple["Comparison", ...] = ()  # without all of these the value is not available

    def is_invalid(self, bits: int) -> bool:
        """Tell whether the bits of its registers, as one number, mean "not available"."""
        return bool(self.invalid) and any(bits in codes for codes in self.invalid)


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
