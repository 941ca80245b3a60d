"""What a text says as a number, and what to write in its place where it is none; pure.

Hexadecimal whole numbers (0xFF) are taken, because manuals write units and registers so.
"""

import math
import re

from knxgw.catalogue.messages import Message, message
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_HEXADECIMAL = re.compile(r"0[xX][0-9A-Fa-f]{1,15}")
_OTHER_BASE = re.compile(r"0[bB][01]{1,60}|0[oO][0-7]{1,20}|[0-9A-Fa-f]{1,15}[hH]")
_LIKE_ANOTHER_BASE = re.compile(r"[+-]?0[A-Za-z]")  # 0xZZ is not 0 of a unit xZZ
_UNDERSCORED = re.compile(r"[+-]?[0-9]+(_[0-9]+)+")
_GROUPED = re.compile(  # thousands, and perhaps decimals behind another sign
    r"[+-]?[1-9][0-9]{0,2}(?P<between>[.,' \u00a0\u202f])[0-9]{3}((?P=between)[0-9]{3})*"
    r"((?!(?P=between))[.,][0-9]+)?"
)
_DOUBTFUL = re.compile(
    r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}"
)  # 1,250: more than a thousand, or than one?
_WITH_UNIT = re.compile(
    r"(?P<number>[+-]?[0-9][0-9_' .,]*?(?:[eE][+-]?[0-9]+)?)\s*(?P<unit>[A-Za-z°%µ]+)"
)
# What other units are in those of the parameters.
_UNITS = {
    "A": {"mA": 0.001, "kA": 1000.0, "Amp": 1.0, "Ampere": 1.0},
    "W": {"kW": 1000.0, "MW": 1e6, "VA": 1.0, "kVA": 1000.0},
    "Wh": {"kWh": 1000.0, "MWh": 1e6},
    "s": {"ms": 0.001, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0},
    "°C": {"C": 1.0},
    "K": {"°C": 1.0},
    "Bd": {"baud": 1.0, "Baud": 1.0, "bps": 1.0, "k": 1000.0},
}


def whole(text: str) -> int | None:
    """Return a decimal whole number, None: it is none."""
    return int(text) if _WHOLE.fullmatch(text.strip()) else None


def hexadecimal(text: str) -> int | None:
    """Return a hexadecimal whole number, None: it is none."""
    return int(text, 16) if _HEXADECIMAL.fullmatch(text.strip()) else None


def number(parameter: ParameterDefinition, text: str) -> float | None:
    """Return the number that a parameter is given, None: it is none."""
    if (value := hexadecimal(text)) is not None:
        return value
    return whole(text) if parameter.type is ParameterType.INTEGER else finite(text)


def remedy(parameter: ParameterDefinition, text: str) -> Message | None:
    """Return what to write in place of a text that is not a number: a value, or what is allowed.

    A value is proposed for a number in another notation, and for one with a unit that can be converted.
    """
    text = text.strip()
    allowed = allowed_range(parameter)
    if _DOUBTFUL.fullmatch(text):
        return _either(parameter, text) or allowed
    if (other := _reading(text)) is not None:
        return _write(parameter, other) or allowed
    with_unit = None if _LIKE_ANOTHER_BASE.match(text) else _WITH_UNIT.fullmatch(text)
    if with_unit is None or (value := _reading(with_unit["number"].strip())) is None:
        return allowed
    if (converted := _in_unit_of(parameter, value, with_unit["unit"])) is None:
        return allowed
    words = _write(parameter, converted)
    if parameter.unit and words:
        return message("write_without_unit", value=converted)
    return words or allowed


def is_doubtful(parameter: ParameterDefinition, text: str) -> bool:
    """Tell whether three digits behind a comma or point may be thousands, 1.250, and the parameter allows those.

    In a file a point has decimals behind it; people who type into a page may have learnt otherwise.
    """
    text = text.strip()
    if not _DOUBTFUL.fullmatch(text):
        return False
    is_whole = parameter.type is ParameterType.INTEGER
    return is_whole or not is_out_of_range(parameter, _thousands(text))


def is_grouped(text: str) -> bool:
    """Tell whether a number has thousands separators, such as 1.250,5 or 1 250."""
    text = text.strip()
    return _GROUPED.fullmatch(text) is not None and _DOUBTFUL.fullmatch(text) is None


def allowed_range(parameter: ParameterDefinition) -> Message | None:
    """Return the range of a parameter in words, None: it has none."""
    low, high, unit = parameter.low, parameter.high, parameter.unit
    if low is None or high is None:
        return None
    if parameter.type is ParameterType.TEXT:
        return message("allowed_range_characters", low=low, high=high)
    if unit is None:
        return message("allowed_range", low=low, high=high)
    return message("allowed_range_unit", low=low, high=high, unit=unit)


def is_out_of_range(parameter: ParameterDefinition, value: float) -> bool:
    """Tell whether a number is not allowed."""
    low, high = parameter.low, parameter.high
    return (low is not None and value < low) or (high is not None and value > high)


def finite(text: str) -> float | None:
    """Return the finite number that a text is; None: it is none."""
    try:
        value = float(text.replace("_", "?"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _reading(text: str) -> float | None:
    """Return the number somebody may have meant, None: nobody can tell."""
    if _OTHER_BASE.fullmatch(text):
        return int(text[:-1], 16) if text[-1] in "hH" else int(text, 0)
    if _UNDERSCORED.fullmatch(text):
        return finite(text.replace("_", ""))
    if _DOUBTFUL.fullmatch(text):
        return None
    if (grouped := _GROUPED.fullmatch(text)) is not None:
        text = text.replace(grouped["between"], "")
    return finite(text.replace(",", "."))


def _in_unit_of(parameter: ParameterDefinition, value: float, unit: str) -> float | None:
    """Return a value in the unit of a parameter, None: it is in one that has nothing to do with it."""
    own = parameter.unit
    if not own or unit.lower() == own.lower():
        return value
    factor = _UNITS.get(own, {}).get(unit)
    return None if factor is None else round(value * factor, 6)


def _thousands(text: str) -> int:
    """Return what a doubtful text means if its last three digits are thousands."""
    return int(re.sub(r"[.,]", "", text))


def _either(parameter: ParameterDefinition, text: str) -> Message | None:
    """Return what to write in place of a doubtful text: one of two numbers, or the one that is allowed."""
    thousands, decimal = _thousands(text), float(text.replace(",", "."))
    words = _write(parameter, decimal), _write(parameter, thousands)
    if None in words:
        return words[0] or words[1]
    if _DOUBTFUL.fullmatch(f"{decimal:.12g}"):
        return message("write_longer", decimal=decimal, thousands=thousands)
    return message("write_either", decimal=decimal, thousands=thousands)


def _write(parameter: ParameterDefinition, value: float) -> Message | None:
    """Return what to write, None: that would not be taken either."""
    is_broken = parameter.type is ParameterType.INTEGER and value != int(value)
    if is_broken or is_out_of_range(parameter, value):
        return None
    return message("write_value", value=value)
