"""Reads the `needs` of `parameters.yaml`: what has an effect only under a condition."""

from collections.abc import Collection, Iterator, Sequence

from knxgw.catalogue.needs import Need
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.catalogue.text import Text
from knxgw.catalogue.yaml_tree import Node

_CONDITIONS = ("is", "supplies", "given")
_KEYS = ("of", "keys", *_CONDITIONS, "warns", "en", "de", "remedy_en", "remedy_de")


def read_needs(root: Node, parameters: Sequence[ParameterDefinition]) -> tuple[Need, ...]:
    """Return all conditions in file order; keys that are none, and loops, are reported."""
    by_key = {one.key: one for one in parameters}
    known = {*by_key, *_sections(by_key)}
    node = root.get("needs")
    needs: list[Need] = []
    for item in node.items() if node else ():
        need = _read_need(item, known)
        if need is None:
            continue
        if not _condition_fits(need, by_key):
            item.report(
                "the condition does not fit its keys",
                "`is` has values of a choice, `supplies` is of a model; the first key is a parameter",
            )
        if any(need.concerns(key) for key in need.keys):
            item.report("a parameter decides about its own effect", "name another key")
        needs.append(need)
    return tuple(needs)


def _sections(keys: Collection[str]) -> Iterator[str]:
    for key in keys:
        steps = key.split(".")
        for end in range(1, len(steps)):
            yield ".".join(steps[:end])


def _read_need(node: Node, known: Collection[str]) -> Need | None:
    """Return a condition; None: something essential is missing, which is reported."""
    node.only_keys(_KEYS)
    en, de = node.require("en"), node.require("de")
    of, keys = _known_keys(node, "of", known), _known_keys(node, "keys", known)
    said = [name for name in _CONDITIONS if node.get(name)]
    if len(said) != 1:
        node.report("expected one condition", "write is, supplies or given")
    if not (en and de and of and keys) or len(said) != 1:
        return None
    values, supplies, given = (node.get(name) for name in _CONDITIONS)
    remedy_en, remedy_de, warns = node.get("remedy_en"), node.get("remedy_de"), node.get("warns")
    return Need(
        of=of,
        keys=keys,
        values=tuple(item.text() for item in values.items()) if values else (),
        supplies=supplies.text() if supplies else None,
        is_given=given.boolean() if given else None,
        warns=bool(warns and warns.boolean()),
        reason=Text(en=en.text(), de=de.text()),
        remedy=Text(en=remedy_en.text(), de=remedy_de.text()) if remedy_en and remedy_de else None,
    )


def _known_keys(node: Node, name: str, known: Collection[str]) -> tuple[str, ...]:
    """Return keys of parameters and sections; one that is neither is reported and left out."""
    child = node.require(name)
    items = child.items() if child else []
    return tuple(item.text() for item in items if item.choice(known) is not None)


def _condition_fits(need: Need, by_key: dict[str, ParameterDefinition]) -> bool:
    """Tell whether a condition can be said of its keys."""
    deciding = [by_key.get(key) for key in need.keys]
    if need.values:
        return all(
            one is not None and {choice.value for choice in one.choices} >= set(need.values)
            for one in deciding
        )
    if need.supplies:
        return all(one is not None and one.type is ParameterType.MODEL for one in deciding)
    return deciding[0] is not None
