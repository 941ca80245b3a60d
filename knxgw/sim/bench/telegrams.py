"""What the smart meter makes of a current: a value of a datapoint type, as the bus carries it.

A meter that sends 7.012 tells an r.m.s. current: an amount without a direction. Export of 8 A is then
the same telegram as import of 8 A, and the gateway takes it for import, which is the safe side: it sees
16 A too much. All other types have a sign, and export is negative.
Source: load-management 3.1; [knx-dpt] 03_07_02 as xknx implements it.
"""

import struct
from dataclasses import dataclass
from math import ceil, log10

HIGHEST_7012_MA = 65_535
LARGEST_MANTISSA = 2047
LARGEST_EXPONENT = 15
DIGITS = 7
HIGHEST_F16 = 0.01 * (LARGEST_MANTISSA - 1) * 2**LARGEST_EXPONENT  # the next one says "invalid"
LOWEST_F16 = -0.01 * (LARGEST_MANTISSA + 1) * 2**LARGEST_EXPONENT


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterType:
    """A datapoint type of the smart meter."""

    is_power: bool
    saturating: bool = False
    is_signed: bool = True
    unit: float = 1.0  # of the value on the bus [mA, or W]
    is_short: bool = False  # a 2-byte float


TYPES = {
    "7.012": MeterType(is_power=False, saturating=True, is_signed=False),
    "9.021": MeterType(is_power=False, is_short=True),
    "14.019": MeterType(is_power=False, unit=1000.0),
    "9.024": MeterType(is_power=True, unit=1000.0, is_short=True),
    "14.056": MeterType(is_power=True),
}


def on_the_bus(dpt: str, current_ma: float, *, voltage_v: float, power_factor: float) -> float:
    """Return the value [mA, or W] the gateway gets for a current [mA]; negative: export."""
    kind = TYPES[dpt]
    if not kind.is_signed:
        return min(abs(round(current_ma)), HIGHEST_7012_MA)
    value = current_ma
    if kind.is_power:
        value = current_ma * voltage_v * power_factor / 1000
    value /= kind.unit
    return (two_byte_float(value) if kind.is_short else four_byte_float(value)) * kind.unit


def current_ma(dpt: str, value: float, *, voltage_v: float, power_factor: float) -> float:
    """Return the current [mA] that a value [mA, or W] tells."""
    return value * 1000 / (voltage_v * power_factor) if TYPES[dpt].is_power else value


def four_byte_float(value: float) -> float:
    """Return what a reader shows of an IEEE 754 number of single precision: seven digits."""
    carried: float = struct.unpack(">f", struct.pack(">f", value))[0]
    return round(carried, DIGITS - ceil(log10(abs(carried)))) if carried else 0.0


def two_byte_float(value: float) -> float:
    """Return the nearest value a 2-byte float can carry: 0.01 mantissa 2^exponent.

    What is too large stops at the last value there is.
    """
    hundredths = min(max(value, LOWEST_F16), HIGHEST_F16) * 100
    for exponent in range(LARGEST_EXPONENT + 1):
        mantissa = round(hundredths / 2**exponent)
        if -LARGEST_MANTISSA - 1 <= mantissa <= LARGEST_MANTISSA:
            return float(mantissa * 2**exponent) / 100
    raise AssertionError(f"{value} was limited to what fits")
