"""What a value is made of, deep down: two snapshots differ where anything in it was changed between."""

from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta, tzinfo
from enum import Enum
from functools import cache

from knxgw.catalogue.device_model import DeviceModel

ATOMS = (int, float, str, bytes, type(None), Enum, date, time, timedelta, tzinfo)
Snapshot = object


@cache
def _is_atom(kind: type) -> bool:
    # A model of the catalogue is the same for everybody as long as the program runs.
    return issubclass(kind, (*ATOMS, DeviceModel))


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Return the fields that make a value what it is; what it derived and kept is none."""
    return tuple(one.name for one in fields(kind))


def snapshot(value: object) -> Snapshot:
    """Return a value in tuples only, down to what nobody can change. Raises: TypeError."""
    kind: type = type(value)
    if _is_atom(kind):
        return value
    if isinstance(value, tuple | list):
        return (kind, *map(snapshot, value))
    if isinstance(value, Mapping):
        return (kind, *((key, snapshot(one)) for key, one in value.items()))
    if isinstance(value, Set):
        return (kind, frozenset(value))
    if is_dataclass(kind):
        names = _names(kind)
        return (kind, *(snapshot(getattr(value, name)) for name in names))
    raise TypeError(f"no snapshot of a {kind.__name__}")
