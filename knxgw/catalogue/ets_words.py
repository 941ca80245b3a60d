"""How our device is recognised in an ETS project, and the words of group addresses there."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from knxgw.catalogue.directory import product_db
from knxgw.catalogue.yaml_tree import Node, read_tree
from knxgw.errors import Problems

Phrase = tuple[str, ...]  # words as `plain_words` gives them
_WORD = re.compile(r"l[123](?![a-z0-9])|14a|[a-z]+|[0-9]+")
_KEYS = (
    *("device", "charging_point", "charging", "smart_meter", "object_number", "state", "empty"),
    *("object_listening", "objects"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EtsWords:
    """`product_db/ets.yaml`."""

    manufacturer: str
    application: str
    order_number: str
    charging_point: frozenset[Phrase]
    charging: frozenset[Phrase]
    smart_meter: frozenset[Phrase]
    object_number: frozenset[Phrase]
    object_listening: frozenset[Phrase]
    state: frozenset[Phrase]
    empty: frozenset[Phrase]
    objects: Mapping[str, tuple[Phrase, ...]]  # by the object's key


def plain_words(text: str) -> Phrase:
    """Return the words of a text in small letters without accents, numbers apart: "LP1" is lp, 1."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    if not letters.isascii():
        letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    for two, one in (("ae", "a"), ("oe", "o"), ("ue", "u")):  # as umlauts are written without keys
        letters = letters.replace(two, one)
    return tuple(_WORD.findall(letters))


@cache
def ets_words() -> EtsWords:
    """Return what the file says. Raises: ConfigError with every mistake."""
    problems = Problems()
    root = read_tree(product_db() / "ets.yaml", problems)
    if root is None:
        problems.raise_if_errors()
        raise LookupError("ets.yaml")
    root.only_keys(_KEYS)
    found = {name: root.require(name) for name in _KEYS}
    problems.raise_if_errors()
    device, objects = found["device"], found["objects"]
    facts = device.only_keys(("manufacturer", "application", "order_number")) if device else {}
    words = EtsWords(
        manufacturer=facts["manufacturer"].text(),
        application=facts["application"].text(),
        order_number=facts["order_number"].text(),
        charging_point=frozenset(_phrases(found["charging_point"])),
        charging=frozenset(_phrases(found["charging"])),
        smart_meter=frozenset(_phrases(found["smart_meter"])),
        object_number=frozenset(_phrases(found["object_number"])),
        object_listening=frozenset(_phrases(found["object_listening"])),
        state=frozenset(_phrases(found["state"])),
        empty=frozenset(_phrases(found["empty"])),
        objects={key: _phrases(node) for key, node in objects.mapping().items()} if objects else {},
    )
    problems.raise_if_errors()
    return words


def _phrases(node: Node | None) -> tuple[Phrase, ...]:
    return tuple(plain_words(one.text()) for one in node.items()) if node else ()
