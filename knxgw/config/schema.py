"""The shape of the configuration file, derived from the catalogue's parameters; pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from knxgw.catalogue.parameters import ParameterDefinition

GROUP_OBJECTS = "group_objects"  # not a parameter: what ETS keeps in its tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One level of the file: its parameters and the sections below it."""

    name: str
    is_list: bool = False
    parameters: dict[str, ParameterDefinition] = field(default_factory=dict)
    sections: "dict[str, Section]" = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """Return every key that may stand here."""
        return (*self.parameters, *self.sections)


def build_schema(parameters: Iterable[ParameterDefinition]) -> Section:
    """Return the tree of sections that the dotted keys of the parameters span."""
    root = Section(name="")
    for parameter in parameters:
        *path, leaf = parameter.key.split(".")
        section = root
        for step in path:
            name = step.removesuffix("[]")
            if name not in section.sections:
                section.sections[name] = Section(name=name, is_list=step.endswith("[]"))
            section = section.sections[name]
        section.parameters[leaf] = parameter
    return root
