"""A copy of a site's file in which some values are others; comments stay where they can.

The text is changed in place. Where the file is written in a way that does not allow it (one section
used twice by an alias), it is written anew without comments. Either way the result is read again and
must say exactly what was wanted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.yaml_loader import Loader
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.errors import ConfigError, GatewayError
from knxgw.sim.rehearsal import Edit, Key

MARK = "# A copy for rehearsals, made by `knxgw sim --write`: it reaches simulated devices only.\n"
NUMBER = "number"  # of a charging point


class _Change(NamedTuple):
    """Characters of the text and what takes their place."""

    start: int
    end: int
    text: str


def site_copy(
    text: str, edits: Iterable[Edit], wanted: Configuration, catalogue: Catalogue, notes: str = ""
) -> str:
    """Return the text of the copy. Raises: GatewayError when the file cannot be copied."""
    edits = tuple(edits)
    head = MARK + notes
    for make in (_in_place, _written_anew):
        made = make(text, edits)
        if made is not None and _says(head + made, wanted, catalogue):
            return head + made
    raise GatewayError("this file cannot be copied; write its sections without anchors and aliases")


def write_copy(path: Path, text: str) -> None:
    """Write a copy; only an earlier copy is overwritten. Raises: GatewayError."""
    try:
        if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(
            MARK
        ):
            raise GatewayError(f"{path} exists and is not a copy for rehearsals: name another file")
        path.write_text(text, encoding="utf-8")
    except OSError as err:
        raise GatewayError(f"{path} cannot be written: {err.strerror}") from err


def _says(text: str, wanted: Configuration, catalogue: Catalogue) -> bool:
    try:
        return parse_configuration(text, catalogue).configuration == wanted
    except ConfigError:
        return False


# --- in place --------------------------------------------------------------------------------


def _in_place(text: str, edits: tuple[Edit, ...]) -> str | None:
    """Return the text with some values changed; None when it is not that simple."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)  # libyaml counts bytes, not characters
    changes: list[_Change] = []
    missing: dict[Key, dict[str, str]] = {}  # what a section that is not there must have
    for edit in edits:
        node = _find(root, edit.key)
        *parent, name = edit.key
        if isinstance(node, yaml.ScalarNode):
            start, end = node.start_mark.index, node.end_mark.index
            space = " " if start == end else ""
            changes.append(_Change(start, end, space + _scalar(edit.value)))
        elif node is not None:
            return None
        elif edit.value is not None:
            section = _find(root, tuple(parent))
            if isinstance(section, yaml.MappingNode) and section.value:
                changes.append(_added(section, str(name), _scalar(edit.value)))
            else:
                missing.setdefault(tuple(parent), {})[str(name)] = _scalar(edit.value)
    for key, values in missing.items():
        if len(key) != 1 or not isinstance(root, yaml.MappingNode) or not root.value:
            return None
        listed = ", ".join(f"{name}: {value}" for name, value in values.items())
        changes.append(_added(root, str(key[0]), f"{{{listed}}}"))
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _added(section: yaml.MappingNode, name: str, value: str) -> _Change:
    """Return the change that adds a key to a section, in front of its first one."""
    mark = section.value[0][0].start_mark
    behind = ", " if section.flow_style else "\n" + " " * mark.column
    return _Change(mark.index, mark.index, f"{name}: {value}{behind}")


def _find(root: yaml.Node | None, key: Key) -> yaml.Node | None:
    node = root
    for name in key:
        node = next((child for one, child in _children(node) if one == name), None)
    return node


def _children(node: yaml.Node | None) -> Iterator[tuple[str | int, yaml.Node]]:
    """Yield the children of a section by name, those of a list by the number they give."""
    if isinstance(node, yaml.MappingNode):
        for name, child in node.value:
            yield name.value, child
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            number = _find(child, (NUMBER,))
            if isinstance(number, yaml.ScalarNode) and number.value.isdigit():
                yield int(number.value), child


def _scalar(value: str | int | None) -> str:
    if value is None:
        return "null"
    return json.dumps(value, ensure_ascii=False)  # a text in quotes is one in YAML too


# --- written anew ----------------------------------------------------------------------------


def _written_anew(text: str, edits: tuple[Edit, ...]) -> str | None:
    data = _plain(yaml.compose(text, Loader=Loader))
    for edit in edits:
        *sections, name = edit.key
        here: object = data
        for section in sections:
            here = _section(here, section)
        if not isinstance(here, dict):
            return None
        here[str(name)] = None if edit.value is None else str(edit.value)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _section(data: object, name: str | int) -> object:
    if isinstance(data, list):
        return next((one for one in data if _says_number(one, name)), None)
    if not isinstance(data, dict):
        return None
    if data.get(name) is None:
        data[name] = {}
    return data[name]


def _says_number(entry: object, number: str | int) -> bool:
    return isinstance(entry, Mapping) and str(entry.get(NUMBER)) == str(number)


def _plain(node: yaml.Node | None) -> object:
    """Return a node as text, lists and dictionaries: what a scalar means is not decided here."""
    if isinstance(node, yaml.MappingNode):
        return {name.value: _plain(child) for name, child in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child) for child in node.value]
    if not isinstance(node, yaml.ScalarNode):
        return None
    is_null = node.style in {None, ""} and node.value in {"", "null", "~"}
    return None if is_null else node.value
