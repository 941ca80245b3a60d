"""Edits the text of a configuration: comments, order and layout of everything else stay.

The characters of a value are exchanged where they stand (`yaml_splice`), and the result is read again:
it must say what was said before with the changes in it, or the text is refused. Why no library writes
the file: docs/decisions/editing-yaml.md.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import message
from knxgw.config.not_editable import NotEditableError
from knxgw.config.yaml_places import Path, dotted
from knxgw.config.yaml_splice import with_value, without
from knxgw.config.yaml_spots import data_of, read_spots
from knxgw.config.yaml_written import is_list, is_same, text_of

__all__ = ["NotEditableError", "Path", "edited", "values_of"]

_BOM = "\ufeff"


def edited(text: str, changes: Mapping[Path, object | None]) -> str:
    """Return the text with other values at some paths.

    A path names sections, keys and entries (from 0) as the text has them before any change:
    `("charging_points", 0, "maximum_a")`. A value is a bool, int, float, str, a list or a section of them;
    None removes the key or the entry, so that its default holds. Missing sections are created, an index
    equal to the length of a list appends, and what is empty after a removal goes too. The same text comes back if nothing
    changes. Raises: NotEditableError: no YAML with keys and values, or nothing that can be edited there.
    """
    bom = _BOM if text.startswith(_BOM) else ""
    old = text.removeprefix(_BOM)
    wanted = values_of(old)
    steps = tuple(_steps(wanted, changes))
    new = old
    for path, value in steps:
        if value is None:
            new, wanted = without(new, path), _removed(wanted, path)
        else:
            new, wanted = with_value(new, path, value, _rank), _put(wanted, path, value)
    if steps and not _says(new, wanted or {}):
        raise NotEditableError(message("edit_layout", key=dotted(steps[0][0])))
    return bom + new


def values_of(text: str) -> dict[str, Any]:
    """Return what a text says: texts as written (`35` is "35"), dictionaries and lists.

    None stands where the reader finds nothing. An empty text gives {}. Raises: NotEditableError.
    """
    data = data_of(read_spots(text.removeprefix(_BOM)))
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise NotEditableError(message("expected_site"))
    return data


# --- from what is wanted to single steps -----------------------------------------------------------


def _steps(
    data: dict[str, Any], changes: Mapping[Path, object | None]
) -> Iterator[tuple[Path, object | None]]:
    """Yield single steps that change something: values first, then removals from the last entry on."""
    if any(not path for path in changes):
        raise ValueError("a path names a key")
    flat: dict[Path, object | None] = {}
    for path, value in changes.items():
        for one, inner in _parts(_found(data, path), path, _without_empty(path, value)):
            flat.pop(one, None)
            flat[one] = inner
    removed = [path for path, value in flat.items() if value is None]

    def goes(path: Path) -> bool:
        return any(path != gone and path[: len(gone)] == gone for gone in removed)

    yield from (
        (path, value) for path, value in flat.items() if value is not None and not goes(path)
    )
    stays = [path for path in removed if not goes(path)]
    numbers = {path: [step for step in path if isinstance(step, int)] for path in stays}
    yield from ((path, None) for path in sorted(stays, key=lambda one: numbers[one], reverse=True))


def _parts(old: object, path: Path, value: object | None) -> Iterator[tuple[Path, object | None]]:
    """Yield the changes inside a value; a section in place of a section keeps what is the same."""
    if isinstance(value, dict) and isinstance(old, dict) and old:
        for name, one in value.items():
            yield from _parts(old.get(name), (*path, name), one)
        yield from (((*path, name), None) for name in old if name not in value)
    elif isinstance(value, list) and isinstance(old, list) and old:
        for at, one in enumerate(value):
            yield from _parts(old[at] if at < len(old) else None, (*path, at), one)
        yield from (((*path, at), None) for at in range(len(value), len(old)))
    elif value is None or not (isinstance(old, str) and is_same(old, value)):
        yield path, value


def _without_empty(path: Path, value: object | None) -> object | None:
    """Return a value without what is left out in it, keys in the order of the product; None: nothing."""
    if isinstance(value, Mapping):
        names = sorted((str(name) for name in value), key=lambda name: _rank((*path, name)))
        given = {str(name): one for name, one in value.items()}
        inner = {name: _without_empty((*path, name), given[name]) for name in names}
        return {name: one for name, one in inner.items() if one is not None} or None
    if is_list(value):
        entries = [_without_empty((*path, at), one) for at, one in enumerate(value)]
        return [one for one in entries if one is not None] or None
    return value


@cache
def _order() -> Mapping[Path, int]:
    """Return the place of each section and parameter in `product_db/parameters.yaml`."""
    order: dict[Path, int] = {}
    for parameter in catalogue().parameters:
        steps = tuple(parameter.key.replace("[]", "").split("."))
        for end in range(1, len(steps) + 1):
            order.setdefault(steps[:end], len(order))
    return order


def _rank(path: Path) -> tuple[int, int]:
    """Return where a key stands among its neighbours; group objects by number."""
    order, name = _order(), str(path[-1])
    named = tuple(step for step in path[:-1] if isinstance(step, str))
    number = int(name) if name.isdecimal() and len(name) < 10 else 0
    return order.get((*named, name), len(order)), number


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return values_of(text) == wanted
    except NotEditableError:  # it is no YAML any more
        return False


# --- the same with plain data: what the new text must say ------------------------------------------


def _found(data: object, path: Path) -> object | None:
    """Return what stands at a path, None: nothing."""
    for step in path:
        if isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data):
            data = data[step]
        elif isinstance(data, dict):
            data = data.get(str(step))
        else:
            return None
    return data


def _put(data: Any, path: Path, value: object) -> Any:  # noqa: ANN401
    """Return data with a value at a path."""
    if not path:
        return _as_read(value)
    step, *rest = path
    if data is None:
        data = [] if isinstance(step, int) else {}
    if isinstance(data, list):
        at = int(step)
        inner = _put(data[at] if at < len(data) else None, tuple(rest), value)
        return [*data[:at], inner, *data[at + 1 :]]
    return {**data, str(step): _put(data.get(str(step)), tuple(rest), value)}


def _removed(data: Any, path: Path) -> Any:  # noqa: ANN401
    """Return data without what stands at a path; None: nothing is left."""
    step, *rest = path
    if _found(data, (step,)) is None and (rest or not isinstance(data, list)):
        return data
    inner = _removed(_found(data, (step,)), tuple(rest)) if rest else None
    if isinstance(data, list):
        kept = [inner] if inner is not None else []
        at = int(step)
        return [*data[:at], *kept, *data[at + 1 :]] or None
    if inner is not None:
        return {**data, str(step): inner}
    return {name: one for name, one in data.items() if name != str(step)} or None


def _as_read(value: object) -> object:
    """Return a value as it is read."""
    if isinstance(value, Mapping):
        return {str(name): _as_read(one) for name, one in value.items()}
    return [_as_read(one) for one in value] if is_list(value) else text_of(value)
