"""The values of all parameters, checked and with defaults filled in, whatever source gave them.

A source (a file, a form, ETS) shows its sections by `SectionSource`; `read_values` goes through the
schema and asks it for each parameter.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.catalogue.product import Catalogue
from knxgw.config.convert import Endpoint, Value, convert
from knxgw.config.not_allowed import NotAllowedError
from knxgw.config.report import Report
from knxgw.config.schema import Section

_NUMBERS = frozenset({ParameterType.INTEGER, ParameterType.NUMBER})
_TEXTS = (
    frozenset(ParameterType)
    - _NUMBERS
    - {
        ParameterType.MODEL,
        ParameterType.ENDPOINT,
        ParameterType.HOSTS,
        ParameterType.BOOLEAN,
    }
)


class SectionSource(Protocol):
    """One section of a configuration, as its source gives it."""

    def section(self, section: Section) -> "SectionSource | None":
        """Return a section below, None: nothing of it is given."""

    def entries(self, section: Section) -> "Sequence[tuple[str, SectionSource]]":
        """Return key and content of each entry of a list."""

    def has_value(self, name: str) -> bool:
        """Tell whether a parameter is given; else its default holds."""

    def value(self, name: str, parameter: ParameterDefinition) -> Value:
        """Return a parameter that is given. Raises: NotAllowedError."""


class Values:
    """The values of one section. A wrong value was reported and counts as its default."""

    def __init__(self, key: str, section: Section, *, is_present: bool) -> None:
        self.key = key
        self.is_present = is_present  # the source says something about this section
        self._given_names: set[str] = set()
        self._wrong_names: set[str] = set()
        self.sections: dict[str, Values] = {}
        self.lists: dict[str, list[Values]] = {}
        self._section = section
        self._values: dict[str, Value] = {}

    def key_of(self, name: str) -> str:
        """Return the dotted key of one value of this section, or of a section below."""
        if name not in self._section.keys:
            raise KeyError(name)
        return f"{self.key}.{name}" if self.key else name

    def is_given(self, name: str) -> bool:
        """Tell whether the source gives a value, right or wrong."""
        return self._known(name) in self._given_names

    def is_wrong(self, name: str) -> bool:
        """Tell whether a value was wrong; that was reported, and its default stands in."""
        return self._known(name) in self._wrong_names

    @property
    def has_wrong(self) -> bool:
        """Tell whether any value of this section was wrong."""
        return bool(self._wrong_names)

    def note_given(self, name: str) -> None:
        """Note that the source gives a value."""
        self._given_names.add(name)

    def note_wrong(self, name: str) -> None:
        """Note that a value was wrong."""
        self._wrong_names.add(name)

    def put(self, name: str, value: Value) -> None:
        """Store the value of a parameter, converted."""
        self._values[name] = value

    def any_value(self, name: str) -> Value:
        """Return a value of whatever type; None: there is none. Raises: KeyError."""
        return self._values[self._known(name)]

    def number(self, name: str) -> float:
        """Return a number that has a default."""
        value = self.optional_number(name)
        if value is None:
            raise TypeError(f"{self.key_of(name)} has no value")
        return value

    def optional_number(self, name: str) -> float | None:
        """Return a number, or None when it was left out or a word stands for it."""
        value = self._value(name, _NUMBERS)
        return value if isinstance(value, int | float) else None

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
        value = self._value(name, _TEXTS)
        return value if isinstance(value, str) else None

    def model(self, name: str) -> DeviceModel | None:
        """Return a device model, or None."""
        value = self._value(name, {ParameterType.MODEL})
        return value if isinstance(value, DeviceModel) else None

    def endpoint(self, name: str) -> Endpoint:
        """Return host and port."""
        value = self._value(name, {ParameterType.ENDPOINT})
        return value if isinstance(value, Endpoint) else Endpoint(None, None)

    def flag(self, name: str) -> bool:
        """Return whether something is on; it has a default."""
        return self._value(name, {ParameterType.BOOLEAN}) is True

    def hosts(self, name: str) -> tuple[str, ...]:
        """Return several hosts, or none."""
        value = self._value(name, {ParameterType.HOSTS})
        return value if isinstance(value, tuple) else ()

    def _known(self, name: str) -> str:
        """Return the name of a parameter of this section. Raises: KeyError."""
        if name not in self._section.parameters:
            raise KeyError(name)
        return name

    def _value(self, name: str, types: Collection[ParameterType]) -> Value:
        """Return a value. Raises: KeyError, TypeError: no such parameter, or none of these types."""
        parameter = self._section.parameters[name]
        if parameter.type not in types:
            raise TypeError(f"{parameter.key} is of type {parameter.type}")
        return self._values[name]


def read_values(
    schema: Section, source: SectionSource, catalogue: Catalogue, report: Report
) -> Values:
    """Return the values of all parameters; what is wrong or missing goes to the report."""
    return _Reader(catalogue, report).read(schema, source, "")


class _Reader:
    def __init__(self, catalogue: Catalogue, report: Report) -> None:
        self._catalogue = catalogue
        self._report = report

    def read(self, section: Section, source: SectionSource | None, key: str) -> Values:
        """Return the values of a section and of all sections below it."""
        values = Values(key, section, is_present=source is not None)
        for name, parameter in section.parameters.items():
            self._read_parameter(values, name, parameter, source)
        for name, below in section.sections.items():
            if below.is_list:
                entries = source.entries(below) if source else ()
                values.lists[name] = [self.read(below, entry, at) for at, entry in entries]
            else:
                inner = source.section(below) if source else None
                values.sections[name] = self.read(below, inner, values.key_of(name))
        return values

    def _read_parameter(
        self,
        values: Values,
        name: str,
        parameter: ParameterDefinition,
        source: SectionSource | None,
    ) -> None:
        """Store the value of a parameter, or its default if it is missing or wrong."""
        default = self._default(parameter)
        values.put(name, default)
        if source is None or not source.has_value(name):
            if parameter.is_required and values.is_present:
                self._report.error(values.key_of(name), "missing", name=name)
            return
        values.note_given(name)
        try:
            value = source.value(name, parameter)
            values.put(name, completed(value, default) if isinstance(value, Endpoint) else value)
        except NotAllowedError as err:
            self._report.note(values.key_of(name), err.words)
            values.note_wrong(name)

    def _default(self, parameter: ParameterDefinition) -> Value:
        """Return the default of a parameter; None: it has none."""
        if parameter.default is None:
            return None
        return convert(parameter, parameter.default, self._catalogue)


def completed(value: Endpoint, default: Value) -> Endpoint:
    """Return the endpoint; a part left out is taken from the default. Raises: NotAllowedError."""
    assumed = default if isinstance(default, Endpoint) else Endpoint(None, None)
    host, port = value.host or assumed.host, value.port or assumed.port
    if host and port:
        return Endpoint(host, port)
    if host:
        raise NotAllowedError("endpoint_without_port")
    raise NotAllowedError("endpoint_without_host")
