"""A copy of a site's file in which some values are others; comments stay where they can.

The text is changed in place. Where the file is written in a way that does not allow it (one section
used twice by an alias), it is written again without comments. Either way the result is read again and
must say exactly what was wanted.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path as File

import yaml

from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.yaml_loader import Loader
from knxgw.config.edit_yaml import NotEditableError, Path, edited, values_of
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.errors import ConfigError, GatewayError
from knxgw.sim.rehearsal import Edit, Key

MARK = "# A copy for rehearsals, made by `knxgw sim --write`: it reaches simulated devices only.\n"
NUMBER = "number"  # of a charging point


def site_copy(
    text: str, edits: Iterable[Edit], wanted: Configuration, catalogue: Catalogue, notes: str = ""
) -> str:
    """Return the text of the copy. Raises: GatewayError when the file cannot be copied."""
    edits = tuple(edits)
    head = MARK + notes
    for make in (_in_place, _written_again):
        made = make(text, edits)
        if made is not None and _says(head + made, wanted, catalogue):
            return head + made
    raise GatewayError("this file cannot be copied; write its sections without anchors and aliases")


def write_copy(path: File, text: str) -> None:
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
    try:
        data = values_of(text)
        return edited(text, {_path(data, edit.key): edit.value for edit in edits})
    except NotEditableError:
        return None


def _path(data: object, key: Key) -> Path:
    """Return the path of a key: an entry of a list is counted, where a key has the number it gives."""
    path: Path = ()
    for name in key:
        entries = data if isinstance(data, list) else []
        step = next((at for at, one in enumerate(entries) if _says_number(one, name)), name)
        path = (*path, step)
        if isinstance(data, dict):
            data = data.get(name)
        else:
            data = entries[step] if isinstance(step, int) and step < len(entries) else None
    return path


# --- written again ----------------------------------------------------------------------------


def _written_again(text: str, edits: tuple[Edit, ...]) -> str | None:
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
