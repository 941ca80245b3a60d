"""Differences of JSON values as merge patches. Pure.

Source: [rfc-7396]. A key whose value is None in a patch is taken away, so values that are None are
left out of what is compared.
"""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def difference(before: Json, after: Json) -> dict[str, Any]:
    """Return the patch that makes `after` of `before`; empty: they are equal."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = difference(old, value)
            if inner:
                patch[key] = inner
        elif key not in before or old != value or type(old) is not type(value):
            patch[key] = value
    return patch


def patched(target: Json, patch: Json) -> dict[str, Any]:
    """Return what a patch makes of a value."""
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            old = result.get(key)
            result[key] = patched(old if isinstance(old, Mapping) else {}, value)
        else:
            result[key] = value
    return result
