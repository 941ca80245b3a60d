"""Shows the sections of a YAML file as a source of parameters, and notes the line of each key."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from knxgw.catalogue.closest import closest
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.yaml_tree import Node
from knxgw.config.convert import Value, convert
from knxgw.config.not_allowed import NotAllowedError
from knxgw.config.report import Report, parameter_and_entry
from knxgw.config.schema import GROUP_OBJECTS, Section
from knxgw.config.yaml_places import YamlPlaces

LEFT_OUT = frozenset({"", "null", "~"})  # texts that count as no value, in quotes too


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlFile:
    """What the sections of one file have in common."""

    catalogue: Catalogue
    report: Report
    places: YamlPlaces
    directory: Path  # relative paths start here
    named_files: dict[str, str] = field(default_factory=dict)  # by the key that names it


class YamlSection:
    """A mapping of the file; keys that mean nothing were reported."""

    def __init__(self, file: YamlFile, section: Section, node: Node) -> None:
        self._file = file
        self._children: dict[str, Node] = {}
        if is_empty(node):
            return
        known = section.keys if section.name else (*section.keys, GROUP_OBJECTS)
        for name, child in node.mapping().items():
            file.places.lines[child.key] = child.line
            if name not in known:
                self._report_unknown(name, child, known)
            elif not is_empty(child):
                self._children[name] = child

    def section(self, section: Section) -> "YamlSection | None":
        """Return a section below, None: it does not stand in the file."""
        node = self._children.get(section.name)
        return None if node is None else YamlSection(self._file, section, node)

    def entries(self, section: Section) -> "Sequence[tuple[str, YamlSection]]":
        """Return the entries of a list."""
        node = self._children.get(section.name)
        items = node.items() if node is not None else ()
        self._file.places.lines.update({item.key: item.line for item in items})
        return [(item.key, YamlSection(self._file, section, item)) for item in items]

    def has_value(self, name: str) -> bool:
        """Tell whether something stands behind a key."""
        return name in self._children

    def value(self, name: str, parameter: ParameterDefinition) -> Value:
        """Return what stands behind a key. Raises: NotAllowedError."""
        node = self._children[name]
        text = _texts_of(node) if parameter.type is ParameterType.HOSTS else None
        if text is None and (node.is_list or node.is_mapping):
            raise NotAllowedError("expected_single_value")
        value = convert(parameter, node.text() if text is None else text, self._file.catalogue)
        if parameter.type is ParameterType.PATH:
            value = self._file.named_files[node.key] = str(self._file.directory / str(value))
        return value

    def _report_unknown(self, name: str, node: Node, known: Sequence[str]) -> None:
        """Report a key that is not known, with what may be meant, or what has replaced it."""
        retired = self._file.catalogue.retired.get(parameter_and_entry(node.key)[0])
        remedy = retired or closest(name, known)
        self._file.report.error(node.key, "unknown_key", remedy=remedy)


def _texts_of(node: Node) -> str | None:
    """Return a list of texts as one text, None: it is something else."""
    if not node.is_list or any(item.is_list or item.is_mapping for item in node.items()):
        return None
    return ",".join(item.text() for item in node.items())


def is_empty(node: Node) -> bool:
    """Tell whether nothing stands behind a key: it counts as left out."""
    return not (node.is_list or node.is_mapping) and node.text() in LEFT_OUT
