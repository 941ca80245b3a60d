"""What ETS has loaded, as the text of a configuration file that says the same; pure.

People read it on the website while ETS holds the device, and can go on with it as a file once it is unloaded.
What belongs to the machine (`parameter_memory.OWN`) is not in it.
"""

import re
from collections.abc import Mapping
from typing import Any

from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.catalogue.product import Catalogue
from knxgw.config.edit_yaml import edited
from knxgw.config.model import GroupObjectLink
from knxgw.config.parameter_memory import texts_of

_STEP = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?")  # a name, and the entry of a list
_TRUE = "true"


def text_of_loaded(image: bytes, links: Mapping[int, GroupObjectLink], catalogue: Catalogue) -> str:
    """Return a configuration file with the parameters of a memory image and the links of the tables.

    An entry of a list that has no value is left out, as `configuration_from_ets` does.
    """
    parameters = {one.key: one for one in catalogue.parameters}
    data: dict[str, Any] = {}
    for key, text in texts_of(image, catalogue):
        parameter = parameters[re.sub(r"\[\d+\]", "[]", key)]
        _put(data, key, _value(parameter, text))
    found = {name: _listed(value) for name, value in data.items()}
    if links:
        found["group_objects"] = {
            str(number): list(links[number].addresses) for number in sorted(links)
        }
    return edited("", {(name,): value for name, value in found.items()})


def _put(data: dict[str, Any], key: str, value: object) -> None:
    """Put a value where its key says, into sections and, by their numbers, entries (in place)."""
    steps: list[str | int] = []
    for name, entry in _STEP.findall(key):
        steps += [name, int(entry)] if entry else [name]
    here: dict[Any, Any] = data
    for step in steps[:-1]:
        here = here.setdefault(step, {})
    here[steps[-1]] = value


def _listed(value: object) -> object:
    """Return a section with its numbered entries as lists, in their order."""
    if not isinstance(value, dict):
        return value
    if all(isinstance(name, int) for name in value):
        return [_listed(value[number]) for number in sorted(value)]
    return {name: _listed(below) for name, below in value.items()}


def _value(parameter: ParameterDefinition, text: str) -> object:
    """Return a value as a file has it: numbers and yes or no without quotes."""
    match parameter.type:
        case ParameterType.INTEGER:
            return int(text)
        case ParameterType.NUMBER:
            return float(text)
        case ParameterType.BOOLEAN:
            return text == _TRUE
        case _:
            return text
