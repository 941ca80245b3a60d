"""Reads `parameters.yaml`: every parameter of the product, and those it has no more."""

from collections.abc import Mapping

from knxgw.catalogue.parameters import Choice, ParameterDefinition, ParameterType
from knxgw.catalogue.text import Text
from knxgw.catalogue.yaml_tree import Node

_KEYS = (
    "key",
    "ets_id",
    "type",
    "unit",
    "low",
    "high",
    "default",
    "required",
    "choices",
    "en",
    "de",
    "help_en",
    "help_de",
)


def read_parameters(root: Node) -> tuple[ParameterDefinition, ...]:
    """Return all parameters in file order."""
    parameters: list[ParameterDefinition] = []
    children = root.only_keys(("parameters", "retired", "needs"))
    for node in children["parameters"].items() if "parameters" in children else ():
        definition = _read_parameter(node)
        if definition is None:
            continue
        if any(other.key == definition.key for other in parameters):
            node.report(f"parameter {definition.key!r} is defined twice", "remove one")
        if any(other.ets_id == definition.ets_id for other in parameters):
            node.report(f"ets_id {definition.ets_id} is used twice", "take a number never used")
        parameters.append(definition)
    return tuple(parameters)


def read_retired(root: Node) -> Mapping[str, Text]:
    """Return the remedies for keys of earlier versions."""
    retired: dict[str, Text] = {}
    node = root.get("retired")
    for name, child in node.mapping().items() if node else ():
        child.only_keys(("en", "de"))
        en, de = child.require("en"), child.require("de")
        if en and de:
            retired[name] = Text(en=en.text(), de=de.text())
    return retired


def _read_parameter(node: Node) -> ParameterDefinition | None:
    """Return a parameter; None: something essential is missing, which is reported."""
    node.only_keys(_KEYS)
    names = ("key", "ets_id", "type", "en", "de", "help_en", "help_de")
    required = [node.require(name) for name in names]
    key, ets_id, kind, en, de, help_en, help_de = required
    if not (key and ets_id and kind and en and de and help_en and help_de):
        return None
    word = kind.choice(tuple(ParameterType))
    if word is None:
        return None
    low, high = node.get("low"), node.get("high")
    unit, default, needed = node.get("unit"), node.get("default"), node.get("required")
    return ParameterDefinition(
        key=key.text(),
        ets_id=ets_id.integer(1, 65535) or 0,
        type=ParameterType(word),
        unit=unit.text() if unit else None,
        low=low.number() if low else None,
        high=high.number() if high else None,
        default=default.text() if default else None,
        is_required=bool(needed and needed.boolean()),
        choices=_read_choices(node),
        text=Text(en=en.text(), de=de.text()),
        help=Text(en=help_en.text(), de=help_de.text()),
    )


def _read_choices(node: Node) -> tuple[Choice, ...]:
    """Return the values of a choice parameter."""
    choices: list[Choice] = []
    child = node.get("choices")
    for item in child.items() if child else ():
        item.only_keys(("value", "ets_id", "en", "de"))
        value, ets_id = item.require("value"), item.require("ets_id")
        en, de = item.require("en"), item.require("de")
        if not (value and ets_id and en and de):
            continue
        number = ets_id.integer(0, 65535) or 0
        if any(other.ets_id == number for other in choices):
            ets_id.report(f"ets_id {number} is used twice here", "take a number never used")
        choices.append(
            Choice(value=value.text(), ets_id=number, text=Text(en=en.text(), de=de.text()))
        )
    return tuple(choices)
