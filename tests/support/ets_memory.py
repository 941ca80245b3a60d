"""A second source of a configuration: numbers by parameter and charging point, as ETS would keep them.

What is not set is not in the memory. Choices, models, addresses and words that stand for a number
are numbers; nothing here reads YAML.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.catalogue.product import Catalogue
from knxgw.config.addresses import group_address, parse_group_address, parse_individual_address
from knxgw.config.convert import Value, convert
from knxgw.config.group_objects import default_link, definitions
from knxgw.config.model import GroupObjectLink
from knxgw.config.schema import GROUP_OBJECTS, Section

Site = Mapping[str, Any]  # a file as mappings, lists and plain texts
Raw = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """The number of a word that stands in the place of a number."""

    ets_id: int


@dataclass(slots=True, kw_only=True)
class EtsMemory:
    """Parameters by their ETS number and charging point (0: of the device), and the tables."""

    catalogue: Catalogue
    parameters: dict[tuple[int, int], Raw | Word] = field(default_factory=dict)
    links: dict[int, list[int]] = field(default_factory=dict)  # object -> group addresses, 16 bits

    @classmethod
    def of(cls, site: Site, catalogue: Catalogue) -> "EtsMemory":
        """Return what ETS would load for a site without mistakes."""
        memory = cls(catalogue=catalogue)
        known = {one.key: one for one in catalogue.parameters}
        for key, entry, text in _leaves(site):
            if key.startswith(f"{GROUP_OBJECTS}."):
                number = int(key.split(".")[1].removesuffix("[]"))
                memory.links.setdefault(number, []).append(_raw_address(text))
            else:
                parameter = known[key]
                memory.parameters[parameter.ets_id, entry] = _encoded(parameter, text, catalogue)
        return memory

    def group_objects(self) -> dict[int, GroupObjectLink]:
        """Return the links."""
        known = definitions(self.catalogue)
        return {
            number: default_link(known[number], tuple(map(group_address, dict.fromkeys(raw))))
            for number, raw in self.links.items()
        }

    def values(self) -> dict[str, Raw | Word]:
        """Return the parameters by key, entries counted from 0."""
        keys = {one.ets_id: one.key for one in self.catalogue.parameters}
        return {
            keys[ets_id].replace("[]", f"[{entry - 1}]"): raw
            for (ets_id, entry), raw in self.parameters.items()
        }


@dataclass(frozen=True, slots=True)
class EtsSection:
    """A section of the memory; one with no parameter set does not exist."""

    values: Mapping[str, Raw | Word]
    catalogue: Catalogue
    key: str = ""

    def _key_of(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name

    def section(self, section: Section) -> "EtsSection | None":
        """Return a section below."""
        key = self._key_of(section.name)
        if not any(one.startswith(f"{key}.") for one in self.values):
            return None
        return EtsSection(self.values, self.catalogue, key)

    def entries(self, section: Section) -> "Sequence[tuple[str, EtsSection]]":
        """Return the entries of a list."""
        key = self._key_of(section.name)
        heads = {one.split(".")[0] for one in self.values if one.startswith(f"{key}[")}
        keys = sorted(heads, key=lambda head: int(head.split("[")[1][:-1]))
        return [(one, EtsSection(self.values, self.catalogue, one)) for one in keys]

    def has_value(self, name: str) -> bool:
        """Tell whether a parameter is set."""
        return self._key_of(name) in self.values

    def value(self, name: str, parameter: ParameterDefinition) -> Value:
        """Return what a parameter is set to."""
        raw = self.values[self._key_of(name)]
        if isinstance(raw, Word):
            return None
        match parameter.type:
            case ParameterType.CHOICE:
                return next(one.value for one in parameter.choices if one.ets_id == raw)
            case ParameterType.MODEL:
                models = _models(parameter, self.catalogue)
                return models[_ids(models)[int(raw)]]
            case ParameterType.INDIVIDUAL_ADDRESS:
                number = int(raw)
                return f"{number >> 12}.{number >> 8 & 15}.{number & 255}"
            case ParameterType.INTEGER | ParameterType.NUMBER:
                assert not isinstance(raw, str)
                return raw
            case _:
                return convert(parameter, str(raw), self.catalogue)


def _models(parameter: ParameterDefinition, catalogue: Catalogue) -> Mapping[str, DeviceModel]:
    return catalogue.meters if "meter" in parameter.key else catalogue.chargers


def _ids(models: Mapping[str, DeviceModel]) -> Mapping[int, str]:
    """Return the ids of models by their ETS numbers; the files of all are read once."""
    kind = next(iter(models.values())).kind
    if kind not in _IDS:
        _IDS[kind] = {one.ets_id: one.id for one in models.values()}
    return _IDS[kind]


_IDS: dict[DeviceKind, dict[int, str]] = {}


def _leaves(site: Site, above: str = "", entry: int = 0) -> Iterator[tuple[str, int, str]]:
    for name, content in site.items():
        key = f"{above}.{name}" if above else name
        if isinstance(content, Mapping):
            yield from _leaves(content, key, entry)
        elif isinstance(content, str):
            if content not in {"", "null", "~"}:
                yield key, entry, content
        else:
            for index, item in enumerate(content, 1):
                if isinstance(item, Mapping):
                    yield from _leaves(item, f"{key}[]", index)
                else:
                    yield f"{key}[]", 0, str(item)


def _raw_address(text: str) -> int:
    main, middle, sub = map(int, parse_group_address(text).split("/"))
    return main << 11 | middle << 8 | sub


def _encoded(parameter: ParameterDefinition, text: str, catalogue: Catalogue) -> Raw | Word:
    """Return what ETS keeps. Raises: NotAllowedError: ETS would not let it be entered."""
    value = convert(parameter, text, catalogue)
    chosen = [one.ets_id for one in parameter.choices if one.value == text]
    match parameter.type:
        case ParameterType.CHOICE:
            return chosen[0]
        case ParameterType.MODEL:
            return _models(parameter, catalogue)[text].ets_id
        case ParameterType.INDIVIDUAL_ADDRESS:
            area, line, device = map(int, parse_individual_address(text).split("."))
            return area << 12 | line << 8 | device
        case ParameterType.INTEGER | ParameterType.NUMBER:
            if chosen:
                return Word(ets_id=chosen[0])
            assert isinstance(value, int | float)
            return value
        case _:
            return text
