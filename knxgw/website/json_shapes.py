"""Shapes of JSON values: one table makes a value and the schema that it satisfies. Pure.

What is not known is left out: there is no null. Source: [json-schema].
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Generic, TypeVar

from knxgw.monitoring.csv_table import plain_text

Json = dict[str, Any]
S = TypeVar("S")  # what a shape is made from
V = TypeVar("V")  # what one of its fields is made from
PHASES = ("l1", "l2", "l3")


@dataclass(frozen=True, slots=True)
class Kind(Generic[V]):
    """One kind of JSON value: its schema, and how it is written."""

    schema: Json
    write: Callable[[V], Any]


@dataclass(frozen=True, slots=True)
class Field(Generic[S]):
    """One field of an object; `write` gives None where it is not known."""

    name: str
    schema: Json
    write: Callable[[S], Any]
    is_required: bool


def _whole_seconds(at: datetime) -> str:
    return (at + timedelta(microseconds=500_000)).replace(microsecond=0).isoformat()


INTEGER: Kind[int] = Kind({"type": "integer"}, int)
ROUNDED: Kind[float] = Kind({"type": "integer"}, round)
NUMBER: Kind[float] = Kind({"type": "number"}, float)
BOOLEAN: Kind[bool] = Kind({"type": "boolean"}, bool)
TEXT: Kind[str] = Kind({"type": "string"}, plain_text)
TIME: Kind[datetime] = Kind({"type": "string", "format": "date-time"}, _whole_seconds)


def known(name: str, kind: Kind[V], of: Callable[[S], V]) -> Field[S]:
    """Return a field that is always there."""
    return Field(name, kind.schema, lambda source: kind.write(of(source)), is_required=True)


def maybe(name: str, kind: Kind[V], of: Callable[[S], V | None]) -> Field[S]:
    """Return a field that is left out where it is not known."""

    def write(source: S) -> Any:  # noqa: ANN401 - JSON
        value = of(source)
        return None if value is None else kind.write(value)

    return Field(name, kind.schema, write, is_required=False)


def shape(*fields: Field[S]) -> Kind[S]:
    """Return the kind of an object with these fields; a reader has to bear further ones."""

    def write(source: S) -> Json:
        found = {one.name: one.write(source) for one in fields}
        return {name: value for name, value in found.items() if value is not None}

    schema: Json = {"type": "object", "properties": {one.name: one.schema for one in fields}}
    required = [one.name for one in fields if one.is_required]
    return Kind(schema | ({"required": required} if required else {}), write)


def named(name: str, kind: Kind[V]) -> Kind[V]:
    """Return a kind whose schema stands once, below `$defs` of the whole."""
    return Kind({"$ref": f"#/$defs/{name}"}, kind.write)


def noted(kind: Kind[V], words: str) -> Kind[V]:
    """Return a kind whose schema says more of it."""
    return Kind(kind.schema | {"description": words}, kind.write)


def one_of(codes: Iterable[str]) -> Kind[str]:
    """Return the kind of a code out of a few; writing another one raises ValueError."""
    known_codes = tuple(codes)

    def write(code: str) -> str:
        return known_codes[known_codes.index(code)]

    return Kind({"enum": list(known_codes)}, write)


def codes_of(enum: type[Enum]) -> Kind[str]:
    """Return the kind of the values of an enum whose values are texts."""
    return one_of(one.value for one in enum)


def listed(kind: Kind[V]) -> Kind[Iterable[V]]:
    """Return the kind of a list."""
    schema: Json = {"type": "array", "items": kind.schema}
    return Kind(schema, lambda values: [kind.write(one) for one in values])


def mapped(kind: Kind[V]) -> Kind[Mapping[int, V]]:
    """Return the kind of a map whose keys are numbers of charging points."""
    schema: Json = {
        "type": "object",
        "propertyNames": {"pattern": "^[0-9]+$"},
        "additionalProperties": kind.schema,
    }
    return Kind(schema, lambda values: {str(key): kind.write(one) for key, one in values.items()})


def by_phase(kind: Kind[V]) -> Kind[Sequence[V | None]]:
    """Return the kind of a map by phase, of those that are known."""

    def write(values: Sequence[V | None]) -> Json | None:
        found = {
            phase: kind.write(value)
            for phase, value in zip(PHASES, values, strict=False)
            if value is not None
        }
        return found or None

    schema: Json = {
        "type": "object",
        "propertyNames": {"enum": list(PHASES)},
        "additionalProperties": kind.schema,
    }
    return Kind(schema, write)
