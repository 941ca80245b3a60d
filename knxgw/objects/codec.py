"""Values of the station to KNX payloads and back, by datapoint type.

Station units: mA, W, mWh, hundredths of °C, s; times of day are aware UTC datetimes.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any, NamedTuple

from xknx.dpt import DPTArray, DPTBase, DPTBinary, DPTNumeric, DPTTime
from xknx.dpt.dpt_10 import KNXDay, KNXTime
from xknx.dpt.dpt_19 import DPTDateTime, KNXDateTime
from xknx.exceptions import ConversionError, CouldNotParseTelegram

from knxgw.charging.publication import Published
from knxgw.errors import DecodeError, EncodeError, RejectedError

Payload = DPTArray | DPTBinary
TEXT_LENGTH = 14
_I32_MAX = 2**31 - 1
_U16_MAX = 2**16 - 1
_F16_MAX = 670433.28  # largest value of a 2-byte float that is not "invalid"
_BOUND = 10**30  # no quantity is larger; keeps the arithmetic of a broken reading finite
_ABSOLUTE_ZERO_C = -273.0  # lower end of DPT 9.001


def _clamp_i32(value: int) -> int:
    """Return a whole number within what 4 signed bytes hold."""
    return min(max(value, -_I32_MAX), _I32_MAX)


def _clamp_f16(value: float) -> float:
    """Return a number within what a 2-byte float holds."""
    return min(max(value, -_F16_MAX), _F16_MAX)


# What a number of the station is in the unit of the datapoint type.
_NUMBERS: dict[str, Callable[[float], float]] = {
    "7.012": lambda ma: min(max(round(ma), 0), _U16_MAX),  # larger sums saturate
    "9.021": _clamp_f16,
    "14.019": lambda ma: ma / 1000,
    "9.024": lambda w: _clamp_f16(w / 1000),
    "14.056": lambda w: w,
    "13.010": lambda mwh: _clamp_i32(round(mwh / 1000)),
    "13.013": lambda mwh: _clamp_i32(round(mwh / 1_000_000)),
    "7.005": lambda s: min(max(round(s), 0), _U16_MAX),
    "13.100": lambda s: _clamp_i32(round(s)),
    "9.001": lambda centi_c: max(_clamp_f16(centi_c / 100), _ABSOLUTE_ZERO_C),
}


def encode(dpt: str | None, value: Published, zone: tzinfo) -> Payload:
    """Return the payload of a value; `dpt` None is one byte without a datapoint type.

    Raises: EncodeError.
    """
    if value is None:
        return _refuse(dpt, value)
    try:
        return _encode_byte(value) if dpt is None else _encode_as(dpt, value, zone)
    except (ConversionError, KeyError, ValueError, OverflowError) as err:
        raise EncodeError(f"{value!r} does not fit datapoint type {dpt}: {err}") from err


def _encode_as(dpt: str, value: Published, zone: tzinfo) -> Payload:
    """Return the payload of a value as its datapoint type has it. Raises: EncodeError."""
    main = dpt.partition(".")[0]
    if main == "1":
        return DPTBinary(int(bool(value)))
    if main == "16":
        return _transcoder(dpt).to_knx(bus_text(str(value)))
    if main == "10":
        return _encode_time(value, zone)
    if isinstance(value, int):
        return _transcoder(dpt).to_knx(_NUMBERS[dpt](min(max(value, -_BOUND), _BOUND)))
    return _refuse(dpt, value)


def check_payload(dpt: str | None, payload: Payload) -> None:
    """Make sure that a payload has the length of its datapoint type. Raises: DecodeError."""
    if dpt is None:
        if not isinstance(payload, DPTArray) or len(payload.value) != 1:
            raise DecodeError(f"expected 1 byte, got {_described(payload)}")
        return
    if dpt.startswith("1."):
        decode_flag(payload)
        return
    try:
        _transcoder(dpt).validate_payload(payload)
    except CouldNotParseTelegram as err:
        raise DecodeError(f"expected datapoint type {dpt}, got {_described(payload)}") from err


def decode_flag(payload: Payload) -> bool:
    """Return the value of a 1-bit payload. Raises: DecodeError."""
    if isinstance(payload, DPTBinary) and payload.value in (0, 1):
        return bool(payload.value)
    raise DecodeError(f"expected one bit, got {_described(payload)}")


def decode_current_ma(payload: Payload) -> int | None:
    """Return a current of DPT 14.019 in mA; None for NaN, infinity or a negative value.

    One above 1 MA counts as 1 MA. Raises: DecodeError for a wrong length.
    """
    try:
        current_a = float(_transcoder("14.019").from_knx(payload))
    except (CouldNotParseTelegram, ConversionError) as err:
        raise DecodeError(f"expected 4 bytes, got {_described(payload)}") from err
    if not math.isfinite(current_a) or current_a < 0:
        return None
    return round(min(current_a, 1e6) * 1000)


class _MeterUnit(NamedTuple):
    """What one unit of a datapoint type is [mA or W], and whether it is a power."""

    factor: float
    is_power: bool


_METER: dict[str, _MeterUnit] = {  # datapoint types of a smart meter
    "7.012": _MeterUnit(1.0, is_power=False),
    "9.021": _MeterUnit(1.0, is_power=False),
    "14.019": _MeterUnit(1000.0, is_power=False),
    "9.024": _MeterUnit(1000.0, is_power=True),
    "14.056": _MeterUnit(1.0, is_power=True),
}


class MeterValue(NamedTuple):
    """A value of a smart meter: a power [W], or a current [mA]; NaN: the meter says that it is invalid."""

    value: float
    is_power: bool


INVALID_F16 = (0x7F, 0xFF)  # 2-byte floats: "invalid data"


def decode_meter_value(dpt: str, payload: Payload) -> MeterValue:
    """Return a smart meter's value, and whether it is a power [W] and not a current [mA].

    Encodings that mean "invalid" are NaN. Raises: DecodeError for a wrong length.
    """
    unit, codec = _METER[dpt], _transcoder(dpt)
    try:
        raw = codec.validate_payload(payload)
    except CouldNotParseTelegram as err:
        raise DecodeError(f"expected datapoint type {dpt}, got {_described(payload)}") from err
    if dpt.startswith("9.") and tuple(raw) == INVALID_F16:
        return MeterValue(math.nan, unit.is_power)
    try:
        value = float(codec.from_knx(payload))
    except (ConversionError, CouldNotParseTelegram):
        return MeterValue(math.nan, unit.is_power)
    return MeterValue(value * unit.factor, unit.is_power)


def decode_date_time(payload: Payload, zone: tzinfo) -> datetime:
    """Return the moment [aware UTC] that a payload of DPT 19.001 means in the local time of a zone.

    Raises: DecodeError for a wrong length, a faulty sender, or a date that is not complete.
    """
    try:
        sent: KNXDateTime = DPTDateTime.from_knx(payload)
    except (CouldNotParseTelegram, ConversionError) as err:
        raise DecodeError(f"expected date and time in 8 bytes: {err}") from err
    parts = (sent.year, sent.month, sent.day, sent.hour, sent.minutes, sent.seconds)
    if sent.fault or any(part is None for part in parts):
        raise DecodeError("the sender's clock is faulty, or the date is not complete")
    try:
        local = datetime(*(part or 0 for part in parts), tzinfo=zone)  # type: ignore[misc,arg-type]  # six parts
    except ValueError as err:
        raise DecodeError(f"there is no such moment: {err}") from err
    if not sent.dst and local.dst() and not local.replace(fold=1).dst():
        # of the hour that comes twice it is the second one: the sender says that summer time is over
        local = local.replace(fold=1)
    return local.astimezone(UTC)


def decode_for_people(dpt: str | None, payload: Payload) -> "ShownValue":
    """Return the value of a payload as it is on the bus, a number or a text, and its unit.

    Raises: DecodeError for a payload of another length, or one that the datapoint type does not allow.
    """
    check_payload(dpt, payload)
    if dpt is None:
        (byte,) = payload.value if isinstance(payload, DPTArray) else (payload.value,)
        return ShownValue(float(byte))
    if dpt.startswith("1."):
        return ShownValue(str(int(decode_flag(payload))))
    codec = _transcoder(dpt)
    try:
        value = codec.from_knx(payload)
    except (ConversionError, CouldNotParseTelegram, ValueError) as err:
        raise DecodeError(f"no value of datapoint type {dpt}: {err}") from err
    if issubclass(codec, DPTNumeric):
        return ShownValue(float(value), codec.unit or "")
    return ShownValue(_time_text(value))


class ShownValue(NamedTuple):
    """A value as it is on the bus: a number, or a text, and its unit; "": it has none."""

    value: float | str
    unit: str = ""


def encode_for_people(dpt: str | None, text: str) -> Payload:
    """Return the payload of a value that a person has typed, in the unit of the datapoint type.

    Raises: RejectedError, it does not fit.
    """
    text = text.strip()
    try:
        if dpt is None:
            return _encode_byte(int(text))
        if dpt.startswith("1."):
            return DPTBinary(_TYPED_FLAGS[text.lower()])
        codec = _transcoder(dpt)
        if issubclass(codec, DPTNumeric):
            number = float(text.replace(",", "."))
            if not math.isfinite(number):
                raise RejectedError(NO_SUCH_VALUE)
            payload: Payload = codec.to_knx(number)
            return payload
        if dpt.startswith("16."):
            return _encode_as(dpt, text, UTC)
    except (ConversionError, KeyError, ValueError, OverflowError, EncodeError) as err:
        raise RejectedError(NO_SUCH_VALUE) from err
    raise RejectedError(NO_SUCH_VALUE)


NO_SUCH_VALUE = "the group object cannot have this value"
_TYPED_FLAGS = {
    **dict.fromkeys(("0", "off", "false", "no", "aus", "falsch", "nein"), 0),
    **dict.fromkeys(("1", "on", "true", "yes", "ein", "an", "wahr", "ja"), 1),
}


def _time_text(value: object) -> str:
    """Return a time, or a date and time, as ISO 8601 writes it; any other value as it is."""
    if isinstance(value, KNXTime):
        return f"{value.hour:02d}:{value.minutes:02d}:{value.seconds:02d}"
    if isinstance(value, KNXDateTime):
        date = f"{value.year or 0:04d}-{value.month or 0:02d}-{value.day or 0:02d}"
        return f"{date} {value.hour or 0:02d}:{value.minutes or 0:02d}:{value.seconds or 0:02d}"
    return str(value)


def bus_text(text: str) -> str:
    """Return a text as it fits DPT 16.001: 14 characters of ISO 8859-1, others become "?"."""
    return text.encode("latin-1", errors="replace").decode("latin-1")[:TEXT_LENGTH]


@cache
def _transcoder(dpt: str) -> type[DPTBase]:
    """Return the codec of a datapoint type. Raises: EncodeError."""
    codec = DPTBase.parse_transcoder(dpt)
    if codec is None:
        raise EncodeError(f"datapoint type {dpt} is not known")
    return codec


def _encode_byte(value: Published) -> Payload:
    """Return one byte of a number from 0 to 255. Raises: EncodeError."""
    if isinstance(value, int) and 0 <= value <= 255:
        return DPTArray((int(value),))
    return _refuse(None, value)


def _encode_time(value: Published, zone: tzinfo) -> Payload:
    """Return weekday and local time of a moment (DPT 10.001). Raises: EncodeError."""
    if not isinstance(value, datetime):
        return _refuse("10.001", value)
    local = value.astimezone(zone)
    day = KNXDay(local.isoweekday())  # 1 = Monday, as KNX counts
    return DPTTime.to_knx(
        KNXTime(hour=local.hour, minutes=local.minute, seconds=local.second, day=day)
    )


def _refuse(dpt: str | None, value: Any) -> Payload:  # noqa: ANN401 - names whatever came
    """Raise EncodeError: the value does not fit its datapoint type."""
    raise EncodeError(f"{value!r} does not fit datapoint type {dpt}")


def _described(payload: Payload) -> str:
    """Return the length of a payload in words."""
    if isinstance(payload, DPTBinary):
        return f"{payload.value} within 6 bits"
    return f"{len(payload.value)} bytes"


def size_bits(dpt: str | None) -> int | None:
    """Return the size [bit] of a datapoint type's value; None: the type is not known.

    Without a type it is one byte. A type without its subtype ("14") has the size of its family.
    """
    if dpt is None:
        return 8
    codec = DPTBase.parse_transcoder(dpt) or DPTBase.parse_transcoder(dpt.partition(".")[0])
    if codec is None:
        return None
    is_bits = codec.payload_type is DPTBinary
    return codec.payload_length if is_bits else codec.payload_length * 8
