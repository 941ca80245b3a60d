"""Telegram to command: what a write on a group object asks of the station."""

from collections.abc import Callable
from datetime import tzinfo

from knxgw.catalogue.object_keys import (
    DATE_TIME,
    GRID_CONTROL,
    HIGH_POWER,
    IN_OPERATION,
    INTERRUPTION,
    SETPOINT,
    SMART_METER,
    START_STOP,
    UNLOCK,
)
from knxgw.charging.events import GridMeterReading
from knxgw.charging.scope import PointNumber
from knxgw.errors import DecodeError
from knxgw.objects.codec import (
    Payload,
    check_payload,
    decode_current_ma,
    decode_date_time,
    decode_flag,
    decode_meter_value,
)
from knxgw.objects.table import GroupObject
from knxgw.station.model import (
    EARLIEST_VALID,
    ClockSet,
    ClockSource,
    Command,
    GridControlCommanded,
    HighPowerStarted,
    InOperationSeen,
    InterruptionCommanded,
    SetpointCommanded,
    StartStopCommanded,
    UnlockCommanded,
)


def _grid_control(payload: Payload) -> Command:
    """Return the command of object 1: grid-supporting control on or off."""
    return GridControlCommanded(is_active=decode_flag(payload))


def _interruption(point: PointNumber, payload: Payload) -> Command:
    """Return the command of object 55: interrupt the charging point, or end that."""
    return InterruptionCommanded(point=point, is_active=decode_flag(payload))


def _start_stop(point: PointNumber, payload: Payload) -> Command:
    """Return the command of object 54: start or cancel the charging process."""
    return StartStopCommanded(point=point, is_start=decode_flag(payload))


def _unlock(point: PointNumber, payload: Payload) -> Command:
    """Return the command to release the cable."""
    decode_flag(payload)  # both values trigger, but it must be one bit
    return UnlockCommanded(point=point)


def _setpoint(point: PointNumber, payload: Payload) -> Command:
    """Return the command of object 60: a new setpoint [mA]."""
    return SetpointCommanded(point=point, setpoint_ma=decode_current_ma(payload))


def _smart_meter(group_object: GroupObject, payload: Payload) -> Command:
    """Return the reading of one phase of the mains connection."""
    dpt = group_object.dpt or ""
    value, is_power = decode_meter_value(dpt, payload)
    return GridMeterReading(
        phase=SMART_METER.index(group_object.key),
        value=value,
        is_power=is_power,
        may_saturate=dpt == "7.012",
    )


def _high_power(payload: Payload) -> Command | None:
    """Return that a large load starts; 0 means nothing."""
    return HighPowerStarted() if decode_flag(payload) else None


def _in_operation(payload: Payload) -> Command:
    """Return the sign of life of the smart meter."""
    decode_flag(payload)  # both values trigger, but it must be one bit
    return InOperationSeen()


_OF_A_POINT: dict[str, Callable[[PointNumber, Payload], Command]] = {
    INTERRUPTION: _interruption,
    START_STOP: _start_stop,
    UNLOCK: _unlock,
    SETPOINT: _setpoint,
}


_OF_THE_DEVICE: dict[str, Callable[[Payload], Command | None]] = {
    GRID_CONTROL: _grid_control,
    HIGH_POWER: _high_power,
    IN_OPERATION: _in_operation,
}


def to_command(group_object: GroupObject, payload: Payload, zone: tzinfo) -> Command | None:
    """Return the command that a payload means; None: it means nothing, or no rule follows the object.

    Raises: DecodeError for a payload of the wrong length, or a date that is none.
    """
    if group_object.key == DATE_TIME:
        now = decode_date_time(payload, zone)
        if now < EARLIEST_VALID:
            raise DecodeError(f"the sender's clock was never set: it says {now:%Y-%m-%d}")
        return ClockSet(now=now, source=ClockSource.KNX)
    if group_object.key in SMART_METER:
        return _smart_meter(group_object, payload)
    if group_object.key in _OF_THE_DEVICE:
        return _OF_THE_DEVICE[group_object.key](payload)
    if group_object.point is not None and group_object.key in _OF_A_POINT:
        return _OF_A_POINT[group_object.key](group_object.point, payload)
    check_payload(group_object.dpt, payload)
    return None
