"""Reads `texts.yaml`: everything people read that no other file defines, in both languages."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import IntEnum
from typing import TypeVar

from knxgw.catalogue.codes import BUS_TEXT_LENGTH, ChargingState, LoadManagementState, Reason
from knxgw.catalogue.text import Text
from knxgw.catalogue.texts import (
    Messages,
    Names,
    ReasonTexts,
    StateTexts,
    StatusTexts,
    Texts,
)
from knxgw.catalogue.yaml_tree import Node

E = TypeVar("E", bound=IntEnum)
T = TypeVar("T")
G = TypeVar("G", Names, Messages, StatusTexts)
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_SECTIONS = tuple(field.name for field in fields(Texts))


def read_texts(root: Node) -> Texts | None:
    """Return all texts; None (with findings) when one is missing or wrong."""
    root.only_keys(_SECTIONS)
    found = [root.require(name) for name in _SECTIONS]
    if not all(found):
        return None
    states, reasons, load_management, needs, conditions, names, messages, status = (
        node for node in found if node
    )
    groups = _read_group(names, Names), _read_group(messages, Messages)
    page = _read_group(status, StatusTexts)
    if not (groups[0] and groups[1] and page):
        return None
    return Texts(
        states=_by_member(states, ChargingState, _read_state),
        reasons=_by_member(reasons, Reason, _read_reason),
        load_management=_by_member(load_management, LoadManagementState, _read_plain),
        needs=_by_key(needs),
        conditions=_by_key(conditions),
        names=groups[0],
        messages=groups[1],
        status=page,
    )


def read_text(node: Node, prefix: str = "") -> Text | None:
    """Return the text under `en` and `de`, or `<prefix>_en` and `<prefix>_de`."""
    start = f"{prefix}_" if prefix else ""
    en, de = node.require(f"{start}en"), node.require(f"{start}de")
    if not (en and de):
        return None
    text = Text(en=en.text().strip(), de=de.text().strip())
    for child, words in ((en, text.en), (de, text.de)):
        if not words:
            child.report("is empty", "write what people read there")
    if set(_PLACEHOLDER.findall(text.en)) != set(_PLACEHOLDER.findall(text.de)):
        de.report("has other names in braces than the English text", "use the same ones")
    return text


def _read_plain(node: Node) -> Text | None:
    """Return a text in every language; None: one is missing."""
    node.only_keys(("en", "de"))
    return read_text(node)


def _read_state(node: Node) -> StateTexts | None:
    """Return the name of a state, and when it is shown."""
    node.only_keys(("en", "de", "when_en", "when_de"))
    name, when = read_text(node), read_text(node, "when")
    return StateTexts(name=name, when=when) if name and when else None


def _read_reason(node: Node) -> ReasonTexts | None:
    """Return the words of a reason, and those for the bus, which must fit there."""
    node.only_keys(("en", "de", "bus_en", "bus_de"))
    words, bus = read_text(node), read_text(node, "bus")
    if not (words and bus):
        return None
    for name in ("bus_en", "bus_de"):
        child = node.require(name)
        if child:
            check_bus_text(child)
    return ReasonTexts(words=words, bus=bus)


def check_bus_text(node: Node) -> None:
    """Report a text that does not fit into DPT 16.001."""
    text = node.text()
    try:
        length = len(text.encode("latin-1"))
    except UnicodeEncodeError:
        node.report(f"{text!r} has a character that the bus does not know", "use ISO 8859-1")
        return
    if length > BUS_TEXT_LENGTH:
        node.report(f"{text!r} has {length} characters", f"at most {BUS_TEXT_LENGTH} fit")


def _by_member(node: Node, members: type[E], read: Callable[[Node], T | None]) -> Mapping[E, T]:
    """Return an entry for each member of an enumeration, whose name in small letters is the key."""
    names = {member.name.lower(): member for member in members}
    node.only_keys(names)
    entries: dict[E, T] = {}
    for name, member in names.items():
        child = node.require(name)
        entry = read(child) if child else None
        if entry is not None:
            entries[member] = entry
    return entries


def _by_key(node: Node) -> Mapping[str, Text]:
    """Return a text for each key, whatever the keys are."""
    texts = {name: _read_plain(child) for name, child in node.mapping().items()}
    return {name: text for name, text in texts.items() if text}


def _read_group(node: Node, group: type[G]) -> G | None:
    """Return a dataclass of texts: each field is a key."""
    names = [field.name for field in fields(group)]
    node.only_keys(names)
    texts: dict[str, Text] = {}
    for name in names:
        child = node.require(name)
        text = _read_plain(child) if child else None
        if text:
            texts[name] = text
    return group(**texts) if len(texts) == len(names) else None
