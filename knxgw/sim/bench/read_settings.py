"""Reads the named numbers of load management in a scenario file."""

from collections.abc import Mapping
from dataclasses import fields

from knxgw.catalogue.yaml_tree import Node
from knxgw.dlm.settings import Settings
from knxgw.sim.bench.fields import NEVER
from knxgw.sim.bench.scenario import Number

# Those that stand elsewhere in the file, or are words.
_NOT_HERE = ("fuse_ma", "reserve_ma", "priority", "phases", "static_limit_ma", "monitoring")


def read_settings(node: Node | None) -> Mapping[str, Number]:
    """Return the numbers that are given, as their types want them."""
    if node is None:
        return {}
    kinds = {one.name: str(one.type) for one in fields(Settings) if one.name not in _NOT_HERE}
    found: dict[str, Number] = {}
    for name, child in node.only_keys(tuple(kinds)).items():
        value: Number | None
        if "bool" in kinds[name]:
            value = child.boolean()
        elif child.text() in NEVER:
            value = float("inf")
        else:
            value = child.integer() if "int" in kinds[name] else child.number()
        if value is not None:
            found[name] = value
    return found
