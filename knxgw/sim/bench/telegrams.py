"""What the smart meter makes of a current: a value of a datapoint type, as the bus carries it.

Source: load management specification, section 3.1; KNX 03_07_02 as xknx implements it.
"""

from dataclasses import dataclass

HIGHEST_7012_MA = 65_535
LARGEST_MANTISSA = 2047


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterType:
    """A datapoint type of the smart meter."""

    is_power: bool
    saturating: bool = False
    exponent: int | None = None  # None: not the 2-byte float


TYPES = {
    "7.012": MeterType(is_power=False, saturating=True),
    "9.021": MeterType(is_power=False, exponent=0),
    "14.019": MeterType(is_power=False),
    "9.024": MeterType(is_power=True, exponent=3),
    "14.056": MeterType(is_power=True),
}


def on_the_bus(dpt: str, current_ma: float, *, voltage_v: float, power_factor: float) -> float:
    """Return the value [mA, or W] the gateway gets for a current [mA]."""
    kind = TYPES[dpt]
    if kind.saturating:
        return min(abs(round(current_ma)), HIGHEST_7012_MA)  # unsigned: export looks like import
    value = current_ma
    if kind.is_power:
        value = current_ma * voltage_v * power_factor / 1000
    if kind.exponent is None:
        return value
    scale = 10.0**kind.exponent  # 9.024 counts kW, 9.021 mA
    return two_byte_float(value / scale) * scale


def two_byte_float(value: float) -> float:
    """Return the nearest value a 2-byte float can carry: 0.01 mantissa 2^exponent."""
    hundredths = value * 100
    for exponent in range(16):
        mantissa = round(hundredths / 2**exponent)
        if -LARGEST_MANTISSA - 1 <= mantissa <= LARGEST_MANTISSA:
            return float(mantissa * 2**exponent) / 100
    raise ValueError(f"{value} does not fit a 2-byte float")
