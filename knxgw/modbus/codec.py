"""Registers to values and back, as a point of a device model describes them.

A *raw* value is what the rules of a model file compare: the integer after `extract`, the float,
or the stripped text. A *scaled* value is in the unit of the point.
"""

import math
import struct
from collections.abc import Sequence
from functools import cache
from typing import Literal

from knxgw.catalogue.points import Order, Point, RegisterType, TextFormat
from knxgw.errors import DecodeError, EncodeError

Raw = int | float | str

_STRUCTS = {
    RegisterType.U16: struct.Struct(">H"),
    RegisterType.I16: struct.Struct(">h"),
    RegisterType.U32: struct.Struct(">I"),
    RegisterType.I32: struct.Struct(">i"),
    RegisterType.U64: struct.Struct(">Q"),
    RegisterType.I64: struct.Struct(">q"),
    RegisterType.F32: struct.Struct(">f"),
    RegisterType.F64: struct.Struct(">d"),
    RegisterType.BITS16: struct.Struct(">H"),
    RegisterType.BITS32: struct.Struct(">I"),
    RegisterType.BOOL: struct.Struct(">H"),
}
_FLOATS = (RegisterType.F32, RegisterType.F64, RegisterType.T5, RegisterType.T6)
_LARGEST_MANTISSA = {RegisterType.T5: 0xFFFFFF, RegisterType.T6: 0x7FFFFF}
LARGEST_EXPONENT = 10  # of a scale register: SunSpec allows -10 to 10
_TEXTS = (RegisterType.STR, RegisterType.STRW, RegisterType.CHAR_LO, RegisterType.CHAR_HI)
_PADDING = "\x00 \xff"


def decode(point: Point, registers: Sequence[int]) -> Raw | None:
    """Return the raw value of `registers`, None where the device says "not available".

    Raises: DecodeError for a wrong number of registers or impossible content.
    """
    if len(registers) != point.count:
        raise DecodeError(f"{point.name}: expected {point.count} registers, got {len(registers)}")
    if point.type in _TEXTS:
        return _decode_text(point, registers)
    data = _ordered_bytes(point, registers)
    if point.type in _STRUCTS and len(data) != _STRUCTS[point.type].size:
        raise DecodeError(f"{point.name}: {len(registers)} registers are no {point.type}")
    if point.type is RegisterType.BYTES:
        return data.hex().upper()
    if point.type is RegisterType.BCD_HMS32:
        return _decode_bcd_hms(point, data)
    if point.is_invalid(int.from_bytes(data, "big")):  # the bits are compared, not a signed number
        return None
    return _decode_number(point, data)


def _decode_number(point: Point, data: bytes) -> int | float | None:
    """Return the number in bytes, most significant first; None: no finite number."""
    if point.type in _LARGEST_MANTISSA:
        return _decode_measured(point, data)
    if point.type is RegisterType.U48:
        value: int | float = int.from_bytes(data, "big")
    else:
        value = _STRUCTS[point.type].unpack(data)[0]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if point.extract:
        value = (value >> point.extract.shift) & point.extract.mask
    return value


def encode(point: Point, raw: Raw) -> list[int]:
    """Return the registers that carry a raw value. Raises: EncodeError."""
    if point.type in _TEXTS:
        return _encode_text(point, str(raw))
    if point.type is RegisterType.BYTES:
        try:
            data = bytes.fromhex(str(raw)).ljust(2 * point.count, b"\x00")
        except ValueError as err:
            raise EncodeError(f"{point.name}: {raw!r} is not hexadecimal") from err
        return ordered_registers(point, data)
    if isinstance(raw, str):
        raise EncodeError(f"{point.name}: {raw!r} is not a number")
    return ordered_registers(point, _packed(point, raw))


def scaled(point: Point, raw: Raw, exponent: Raw = 0) -> float:
    """Return a numeric raw value in the unit of the point. Raises: DecodeError.

    `exponent` is the raw value of the point `scale_from`, if there is one.
    """
    if isinstance(raw, str):
        raise DecodeError(f"{point.name}: {raw!r} is not a number")
    if not isinstance(exponent, int) or abs(exponent) > LARGEST_EXPONENT:
        raise DecodeError(f"{point.name}: {exponent!r} is not an exponent of a scale")
    if raw in point.zero:
        return 0.0
    return _power_of_ten(raw, exponent) * point.scale + point.add


def unscaled(point: Point, value: float, exponent: int = 0) -> Raw:
    """Return the raw value that stands for `value` in the unit of the point."""
    if value == 0 and point.zero:
        return point.zero[0]
    raw = _power_of_ten((value - point.add) / point.scale, -exponent)
    return raw if point.type in _FLOATS else round(raw)


def _power_of_ten(value: float, exponent: int) -> float:
    """Return value * 10^exponent; dividing keeps decimal fractions as near as floats can."""
    factor = float(10 ** abs(exponent))
    return value / factor if exponent < 0 else value * factor


def as_text(point: Point, raw: Raw) -> str:
    """Return a raw value as the text shown on the bus."""
    match point.format:
        case TextFormat.HEX:
            return raw if isinstance(raw, str) else f"{raw:0{4 * point.count}X}"
        case TextFormat.DECIMAL8:
            return f"{int(raw):08d}"
        case TextFormat.VERSION3:
            return ".".join(str(part) for part in int(raw).to_bytes(4, "big")[:3])
        case TextFormat.CARD:
            digits = raw if isinstance(raw, str) else f"{int(raw):0{4 * point.count}X}"
            return "" if not digits.strip("0") else digits[:8]
        case TextFormat.PLAIN:
            return str(raw)


def fault_text(point: Point, raw: Raw) -> str:
    """Return an error code as readable hexadecimal text, empty when there is no error."""
    if isinstance(raw, str):
        return raw
    return f"0x{int(raw):0{4 * point.count}X}" if raw else ""


def _byte_order(order: Order) -> Literal["big", "little"]:
    """Return what Python calls a byte order."""
    return "big" if order is Order.BIG else "little"


def _ordered_bytes(point: Point, registers: Sequence[int]) -> bytes:
    """Return the bytes of registers, most significant first."""
    words = registers if point.word_order is Order.BIG else registers[::-1]
    return _words(point.byte_order, len(words)).pack(*words)


@cache
def _words(order: Order, count: int) -> struct.Struct:
    """Return the layout of some registers; one request has 125 at most."""
    return struct.Struct(f"{'>' if order is Order.BIG else '<'}{count}H")


def ordered_registers(point: Point, data: bytes) -> list[int]:
    """Return bytes, the most significant first, in the order the device has them."""
    order = _byte_order(point.byte_order)
    words = [int.from_bytes(data[i : i + 2], order) for i in range(0, len(data), 2)]
    return words if point.word_order is Order.BIG else words[::-1]


def _packed(point: Point, raw: float) -> bytes:
    """Return the bytes of a number, most significant first. Raises: EncodeError."""
    try:
        if point.type is RegisterType.BCD_HMS32:
            seconds = int(raw)
            digits = f"{seconds // 3600:04d}{seconds // 60 % 60:02d}{seconds % 60:02d}"
            return bytes.fromhex(digits)
        if point.type in _LARGEST_MANTISSA:
            return _pack_measured(point, raw)
        if point.type in (RegisterType.F32, RegisterType.F64):
            return _STRUCTS[point.type].pack(raw)
        value = int(raw) << (point.extract.shift if point.extract else 0)
        if point.type is RegisterType.U48:
            return value.to_bytes(6, "big")
        return _STRUCTS[point.type].pack(value)
    except (struct.error, OverflowError, ValueError) as err:
        raise EncodeError(f"{point.name}: {raw!r} does not fit {point.type}") from err


def _decode_measured(point: Point, data: bytes) -> float:
    """Return mantissa * 10^exponent of Iskra's formats T5 and T6.

    Source: [pyiskra] helper.py.
    """
    if len(data) != 4:
        raise DecodeError(f"{point.name}: {len(data) // 2} registers are no {point.type}")
    exponent = int.from_bytes(data[:1], "big", signed=True)
    mantissa = int.from_bytes(data[1:], "big", signed=point.type is RegisterType.T6)
    return _power_of_ten(float(mantissa), exponent)


def _pack_measured(point: Point, raw: float) -> bytes:
    """Return the registers with the smallest exponent that the mantissa allows."""
    largest, exponent = _LARGEST_MANTISSA[point.type], -7 if raw else 0
    while abs(mantissa := round(_power_of_ten(raw, -exponent))) > largest:
        exponent += 1
    return exponent.to_bytes(1, "big", signed=True) + mantissa.to_bytes(
        3, "big", signed=point.type is RegisterType.T6
    )


def _decode_bcd_hms(point: Point, data: bytes) -> int:
    """Return the seconds of a time written as decimal digits, hhhhmmss. Raises: DecodeError."""
    digits = data.hex()
    if not digits.isdecimal() or len(digits) != 8:
        raise DecodeError(f"{point.name}: {digits} is not a BCD time")
    return int(digits[:4]) * 3600 + int(digits[4:6]) * 60 + int(digits[6:8])


def _decode_text(point: Point, registers: Sequence[int]) -> str:
    """Return the text in registers, without its padding."""
    if point.type is RegisterType.CHAR_LO:
        data = bytes(register & 0xFF for register in registers)
    elif point.type is RegisterType.CHAR_HI:
        data = bytes(register >> 8 for register in registers)
    elif point.type is RegisterType.STRW:
        data = bytes(register & 0xFF for register in registers)
    else:
        order = _byte_order(point.string_order)
        data = b"".join(register.to_bytes(2, order) for register in registers)
    text = data.split(b"\x00", 1)[0].decode("latin-1")
    return text.strip(_PADDING)


def _encode_text(point: Point, text: str) -> list[int]:
    """Return the registers of a text, padded with zeros. Raises: EncodeError."""
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError as err:
        raise EncodeError(f"{point.name}: {text!r} has characters outside ISO 8859-1") from err
    if point.type is RegisterType.STR:
        order = _byte_order(point.string_order)
        padded = data.ljust(2 * point.count, b"\x00")
        size = 2 * point.count
        if len(padded) > size:
            raise EncodeError(f"{point.name}: {text!r} is longer than {size} characters")
        return [int.from_bytes(padded[i : i + 2], order) for i in range(0, size, 2)]
    if len(data) > point.count:
        raise EncodeError(f"{point.name}: {text!r} is longer than {point.count} characters")
    shift = 8 if point.type is RegisterType.CHAR_HI else 0
    return [byte << shift for byte in data.ljust(point.count, b"\x00")]
