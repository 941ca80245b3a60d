"""Telegram to command: what a write on a group object asks of the station."""

from collections.abc import Callable
from datetime import tzinfo

from knxgw.charging.words import PointNumber
from knxgw.errors import DecodeError
from knxgw.objects.codec import (
    Payload,
    check_payload,
    decode_current_ma,
    decode_date_time,
    decode_flag,
)
from knxgw.objects.table import GroupObject
from knxgw.station.model import (
    EARLIEST_VALID,
    ClockSet,
    ClockSource,
    Command,
    GridControlCommanded,
    InterruptionCommanded,
    SetpointCommanded,
    StartStopCommanded,
    UnlockCommanded,
)


def _grid_control(_point: PointNumber, payload: Payload) -> Command:
    return GridControlCommanded(active=decode_flag(payload))


def _interruption(point: PointNumber, payload: Payload) -> Command:
    return InterruptionCommanded(point=point, active=decode_flag(payload))


def _start_stop(point: PointNumber, payload: Payload) -> Command:
    return StartStopCommanded(point=point, start=decode_flag(payload))


def _unlock(point: PointNumber, payload: Payload) -> Command:
    decode_flag(payload)  # both values trigger, but it must be one bit
    return UnlockCommanded(point=point)


def _setpoint(point: PointNumber, payload: Payload) -> Command:
    return SetpointCommanded(point=point, setpoint_ma=decode_current_ma(payload))


_COMMANDS: dict[str, Callable[[PointNumber, Payload], Command]] = {
    "grid_supporting_control": _grid_control,
    "interruption": _interruption,
    "start_stop": _start_stop,
    "unlock": _unlock,
    "setpoint": _setpoint,
}


def to_command(one: GroupObject, payload: Payload, zone: tzinfo) -> Command | None:
    """Return the command a payload means; None for objects no rule listens to yet.

    Raises: DecodeError for a payload of the wrong length, or a date that is none.
    """
    if one.key == "date_time":
        now = decode_date_time(payload, zone)
        if now < EARLIEST_VALID:
            raise DecodeError(f"the sender's clock was never set: it says {now:%Y-%m-%d}")
        return ClockSet(now=now, source=ClockSource.KNX)
    make = _COMMANDS.get(one.key)
    if make is None:
        check_payload(one.dpt, payload)
        return None
    return make(one.point, payload)
