"""A small checker of JSON schemas: the keywords that our own schema uses, and no others.

It is stricter than the standard in one point: an object whose fields are listed has no further ones.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

KEYWORDS = {
    "$defs", "$ref", "$schema", "additionalProperties", "description", "enum", "format", "items", "properties",
    "propertyNames", "required", "title", "type", "pattern",
}  # fmt: skip
PLAIN = {"integer": (int,), "number": (int, float), "boolean": (bool,)}


def problems(value: Any, schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a value; `whole`: the schema that has the `$defs`."""
    if unknown := set(schema) - KEYWORDS:
        yield f"keywords {unknown}"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        yield from problems(value, whole["$defs"][name], whole)
    if "enum" in schema and value not in schema["enum"]:
        yield f"{value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{value!r} does not match {schema['pattern']}"
    yield from _of_type(value, schema, whole)


def _of_type(value: Any, schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    match schema.get("type"):
        case "object":
            yield from _of_object(value, schema, whole)
        case "array" if not isinstance(value, list):
            yield f"{value!r} is no array"
        case "array":
            for one in value:
                yield from problems(one, schema["items"], whole)
        case "string":
            yield from _of_text(value, schema)
        case str(name) if type(value) not in PLAIN[name]:
            yield f"{value!r} is no {name}"


def _of_text(value: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{value!r} is no string"
    elif schema.get("format") == "date-time" and datetime.fromisoformat(value).tzinfo is None:
        yield f"{value} has no offset"


def _of_object(value: Any, schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{value!r} is no object"
        return
    yield from (f"{name} is missing" for name in schema.get("required", ()) if name not in value)
    for name, one in value.items():
        yield from problems(name, schema.get("propertyNames", {}), whole)
        known = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
        if known is None:
            yield f"{name} is in no schema"
        else:
            yield from (f"{name}: {problem}" for problem in problems(one, known, whole))
