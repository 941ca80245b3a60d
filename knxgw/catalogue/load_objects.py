"""Reads `objects.yaml`: the group objects."""

import re
from collections.abc import Collection

from knxgw.catalogue.flags import Priority
from knxgw.catalogue.objects import ObjectDefinition, ObjectKind
from knxgw.catalogue.text import Text
from knxgw.catalogue.texts import Texts
from knxgw.catalogue.yaml_tree import Node

_KEYS = (
    "number",
    "key",
    "en",
    "de",
    "dpts",
    "choice",
    "flags",
    "priority",
    "kind",
    "model_dependent",
    "needs",
    "only_with",
    "table",
)
_SCOPES = {  # section of the file -> group objects from one charging point to the next
    "general": 0,
    "charging_point": 50,
    "own": 0,
    "own_charging_point": 10,
}
_FLAGS = re.compile(r"[C-][R-][W-][T-][U-][I-]")
_DPT = re.compile(r"\d{1,3}\.\d{3}")


def read_objects(root: Node, texts: Texts) -> tuple[ObjectDefinition, ...]:
    """Return all group objects, in the order of their numbers; what they need has its text."""
    objects: list[ObjectDefinition] = []
    for name, scope in root.only_keys(tuple(_SCOPES)).items():
        for node in scope.items():
            definition = _read_object(node, _SCOPES[name], texts)
            if definition:
                objects.append(definition)
    seen: dict[int, ObjectDefinition] = {}
    for definition in objects:
        if definition.number in seen:
            root.report(f"group object {definition.number} is defined twice", "remove one")
        seen[definition.number] = definition
    return tuple(sorted(objects, key=lambda definition: definition.number))


def _read_object(node: Node, offset: int, texts: Texts) -> ObjectDefinition | None:
    """Return a group object; `offset` is the distance between charging points, 0: of the device."""
    node.only_keys(_KEYS)
    needed = [node.require(key) for key in ("number", "key", "en", "de", "flags", "kind")]
    number_node, key, en, de, flags_node, kind_node = needed
    if not (number_node and key and en and de and flags_node and kind_node):
        return None
    number = number_node.integer(1, 999)
    flags = flags_node.text()
    if not _FLAGS.fullmatch(flags):
        flags_node.report(f"expected flags in the order CRWTUI, got {flags!r}", "such as CR-T--")
    kind = kind_node.choice([kind.value for kind in ObjectKind])
    priority_node = node.get("priority")
    priority = priority_node.choice(tuple(Priority)) if priority_node else Priority.LOW
    if number is None or kind is None or priority is None:
        return None
    dpts = _read_dpts(node)
    model_dependent = node.get("model_dependent")
    table = node.get("table")
    return ObjectDefinition(
        number=number,
        key=key.text(),
        function=Text(en=en.text(), de=de.text()),
        dpts=dpts,
        dpt_choice=_optional_text(node, "choice"),
        flags=flags,
        priority=Priority(priority),
        kind=ObjectKind(kind),
        is_per_point=offset > 0,
        offset=offset,
        is_model_dependent=bool(model_dependent and model_dependent.boolean()),
        needs=_one_of(node, "needs", texts.needs),
        only_with=_one_of(node, "only_with", texts.conditions),
        table=table.integer(1, 99) if table else None,
    )


def _read_dpts(node: Node) -> tuple[str, ...]:
    """Return the datapoint types of an object, the default first."""
    child = node.get("dpts")
    if child is None:
        return ()
    dpts = []
    for item in child.items():
        dpt = item.text()
        if _DPT.fullmatch(dpt):
            dpts.append(dpt)
        else:
            item.report(f"expected a datapoint type, got {dpt!r}", 'such as "14.019"')
    return tuple(dpts)


def _optional_text(node: Node, name: str) -> str | None:
    """Return a text; None: the key is missing."""
    child = node.get(name)
    return child.text() if child else None


def _one_of(node: Node, name: str, words: Collection[str]) -> str | None:
    """Return one of `words`; None: the key is missing."""
    child = node.get(name)
    return child.choice(words) if child else None
