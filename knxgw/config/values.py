"""Reads the located YAML tree by the schema: checked values with defaults filled in."""

import re

from knxgw.catalogue.model import Catalogue, DeviceModel, ParameterDefinition
from knxgw.catalogue.yaml_tree import Node
from knxgw.config.convert import Endpoint, NotAllowedError, Value, closest, convert
from knxgw.config.report import Report
from knxgw.config.schema import Section

_INDEX = re.compile(r"\[\d+\]")


class Values:
    """The values of one section. A wrong value was reported and counts as its default."""

    def __init__(self, key: str, *, given: bool) -> None:
        self.key = key
        self.given = given  # the section stands in the file
        self.given_names: set[str] = set()
        self.wrong_names: set[str] = set()  # reported; their default stands in
        self.sections: dict[str, Values] = {}
        self.lists: dict[str, list[Values]] = {}
        self._values: dict[str, Value] = {}

    def key_of(self, name: str) -> str:
        """Return the dotted key of one value of this section."""
        return f"{self.key}.{name}" if self.key else name

    def put(self, name: str, value: Value) -> None:
        """Store a converted value."""
        self._values[name] = value

    def number(self, name: str) -> float:
        """Return a number that has a default."""
        value = self.optional_number(name)
        if value is None:
            raise TypeError(f"{self.key_of(name)} has no value")
        return value

    def optional_number(self, name: str) -> float | None:
        """Return a number, or None when it was left out or a word stands for it."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, int | float):
            raise TypeError(f"{self.key_of(name)} is not a number")
        return value

    def integer(self, name: str) -> int:
        """Return a whole number that has a default."""
        return int(self.number(name))

    def optional_integer(self, name: str) -> int | None:
        """Return a whole number, or None."""
        value = self.optional_number(name)
        return None if value is None else int(value)

    def thousandths(self, name: str) -> int:
        """Return a number in thousandths: A as mA."""
        return round(self.number(name) * 1000)

    def optional_thousandths(self, name: str) -> int | None:
        """Return a number in thousandths, or None."""
        value = self.optional_number(name)
        return None if value is None else round(value * 1000)

    def text(self, name: str) -> str:
        """Return a text that has a default."""
        value = self.optional_text(name)
        if value is None:
            raise TypeError(f"{self.key_of(name)} has no value")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{self.key_of(name)} is not a text")
        return value

    def model(self, name: str) -> DeviceModel | None:
        """Return a device model, or None."""
        value = self._values.get(name)
        return value if isinstance(value, DeviceModel) else None

    def endpoint(self, name: str) -> Endpoint:
        """Return host and port."""
        value = self._values.get(name)
        return value if isinstance(value, Endpoint) else Endpoint(None, None)


def is_empty(node: Node) -> bool:
    """Tell whether nothing stands behind a key: it counts as left out."""
    return not (node.is_list or node.is_mapping) and node.text() in {"", "null", "~"}


class ValuesReader:
    """Reads sections of one file."""

    def __init__(self, catalogue: Catalogue, report: Report) -> None:
        self._catalogue = catalogue
        self._report = report

    def read(
        self, section: Section, node: Node | None, key: str = "", extra: tuple[str, ...] = ()
    ) -> Values:
        """Return the values of a section; `extra` are keys that somebody else reads."""
        values = Values(key, given=node is not None)
        children = self._children(section, node, extra) if node and not is_empty(node) else {}
        for name, parameter in section.parameters.items():
            self._read_parameter(values, name, parameter, children.get(name))
        for name, below in section.sections.items():
            child = children.get(name)
            if below.is_list:
                values.lists[name] = self._read_list(below, child)
            else:
                values.sections[name] = self.read(below, child, values.key_of(name))
        return values

    def _children(self, section: Section, node: Node, extra: tuple[str, ...]) -> dict[str, Node]:
        known = (*section.keys, *extra)
        children: dict[str, Node] = {}
        for name, child in node.mapping().items():
            self._report.lines[child.key] = child.line
            if name not in known:
                retired = self._catalogue.retired.get(_INDEX.sub("[]", child.key))
                self._report.error(child.key, "unknown key", retired or closest(name, known))
            elif not is_empty(child):
                children[name] = child
        return children

    def _read_list(self, section: Section, node: Node | None) -> list[Values]:
        entries = []
        for item in node.items() if node else ():
            self._report.lines[item.key] = item.line
            entries.append(self.read(section, item, item.key))
        return entries

    def _read_parameter(
        self, values: Values, name: str, parameter: ParameterDefinition, node: Node | None
    ) -> None:
        default = self._default(parameter)
        if node is None:
            if parameter.required and values.given:
                self._report.error(values.key_of(name), "is missing", f"add `{name}: …`")
            values.put(name, default)
            return
        values.given_names.add(name)
        value = self._read_value(parameter, node)
        if isinstance(value, Endpoint):
            value = self._completed(value, default, node)
        if isinstance(value, NotAllowedError):
            values.wrong_names.add(name)
        values.put(name, default if isinstance(value, NotAllowedError) else value)

    def _completed(self, value: Endpoint, default: Value, node: Node) -> Endpoint | NotAllowedError:
        """Return the endpoint; a part left out is taken from the default."""
        assumed = default if isinstance(default, Endpoint) else Endpoint(None, None)
        host, port = value.host or assumed.host, value.port or assumed.port
        if host and port:
            return Endpoint(host, port)
        return self._wrong(node, f"has no {'port' if host else 'host'}", "write host:port")

    def _default(self, parameter: ParameterDefinition) -> Value:
        if parameter.default is None:
            return None
        return convert(parameter, parameter.default, self._catalogue)

    def _read_value(self, parameter: ParameterDefinition, node: Node) -> Value | NotAllowedError:
        if node.is_list or node.is_mapping:
            return self._wrong(node, "expected a single value", "write it behind its key")
        try:
            return convert(parameter, node.text(), self._catalogue)
        except NotAllowedError as err:
            return self._wrong(node, err.problem, err.remedy)

    def _wrong(self, node: Node, problem: str, remedy: str) -> NotAllowedError:
        self._report.error(node.key, problem, remedy)
        return NotAllowedError(problem, remedy)
