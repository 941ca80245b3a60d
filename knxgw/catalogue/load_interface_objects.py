"""Reads `interface_objects.yaml`: the interface objects of the KNX device and the states of loading."""

import re

from knxgw.catalogue.interface_objects import (
    ORDINARY,
    AccessPolicy,
    InterfaceObjectDefinition,
    InterfaceObjects,
    LoadEvent,
    LoadState,
    PropertyDefinition,
    PropertyType,
    Transition,
)
from knxgw.catalogue.yaml_tree import Node

_LOWEST_LEVEL = 3  # of access, for a device of mask 57B0: everybody
_MOST_ELEMENTS = 0xFFF
_HIGHEST_ERROR = 18  # DPT 20.011
_TYPES = {one.name.lower(): one for one in PropertyType}
_STATES = {one.name.lower(): one for one in LoadState}
_PROPERTY_KEYS = ("id", "key", "type", "elements", "read", "write", "access", "kept", "meaning")
_POLICY = re.compile("[0-3][0-9A-F]{2}/[0-3][0-9A-F]{2}")


def read_interface_objects(root: Node) -> InterfaceObjects | None:
    """Return all interface objects; None (with findings) when a section is missing."""
    root.only_keys(("objects", "services", "load_states", "unknown_event_error"))
    objects, states = root.require("objects"), root.require("load_states")
    unknown, services = root.require("unknown_event_error"), root.require("services")
    if not (objects and states and unknown and services):
        return None
    return InterfaceObjects(
        objects=_read_objects(objects),
        transitions=_read_transitions(states, unknown.integer(1, _HIGHEST_ERROR) or 0),
        services=_read_services(services),
    )


def _read_services(node: Node) -> dict[str, AccessPolicy]:
    found: dict[str, AccessPolicy] = {}
    for item in node.items():
        item.only_keys(("service", "access"))
        name, access = item.require("service"), item.require("access")
        if name and access:
            found[name.text()] = _read_policy(access)
    return found


def _read_policy(node: Node | None) -> AccessPolicy:
    if node is None:
        return ORDINARY
    text = node.text()
    if not _POLICY.fullmatch(text):
        node.report(
            f"{text!r} is no pair of access rights", "write two of three hex digits: 3FF/0CC"
        )
        return ORDINARY
    off, on = text.split("/")
    return AccessPolicy(int(off, 16), int(on, 16))


def _read_objects(node: Node) -> tuple[InterfaceObjectDefinition, ...]:
    found: list[InterfaceObjectDefinition] = []
    for item in node.items():
        item.only_keys(("key", "index", "type", "meaning", "properties"))
        key, index, kind = item.require("key"), item.require("index"), item.require("type")
        text, properties = item.require("meaning"), item.require("properties")
        if not (key and index and kind and text and properties):
            continue
        if index.integer(0, 0xFF) != len(found):
            index.report("the indexes have a gap", f"write index: {len(found)}")
        found.append(
            InterfaceObjectDefinition(
                key=key.text(),
                index=len(found),
                type=kind.integer(0, 0xFFFF) or 0,
                text=text.text(),
                properties=_read_properties(properties),
            )
        )
    return tuple(found)


def _read_properties(node: Node) -> tuple[PropertyDefinition, ...]:
    found: list[PropertyDefinition] = []
    for item in node.items():
        item.only_keys(_PROPERTY_KEYS)
        one = _read_property(item)
        if one is None:
            continue
        if found and one.id <= found[-1].id:
            item.report(f"property {one.id} does not follow its predecessor", "sort them by id")
        found.append(one)
    return tuple(found)


def _read_property(node: Node) -> PropertyDefinition | None:
    number, key, kind, text = (node.require(name) for name in ("id", "key", "type", "meaning"))
    if not (number and key and kind and text):
        return None
    word = kind.choice(_TYPES)
    elements, kept = node.get("elements"), node.get("kept")
    if word is None:
        return None
    return PropertyDefinition(
        id=number.integer(1, 0xFF) or 0,
        key=key.text(),
        type=_TYPES[word],
        elements=1 if elements is None else elements.integer(1, _MOST_ELEMENTS) or 1,
        read_level=_read_level(node.get("read")),
        write_level=_read_level(node.get("write")),
        policy=_read_policy(node.get("access")),
        is_kept=kept is not None and bool(kept.boolean()),
        text=text.text(),
    )


def _read_level(node: Node | None) -> int | None:
    return None if node is None else node.integer(0, _LOWEST_LEVEL)


def _read_transitions(
    node: Node, unknown_error: int
) -> dict[tuple[LoadState, LoadEvent], Transition]:
    found: dict[tuple[LoadState, LoadEvent], Transition] = {}
    for item in node.items():
        item.only_keys(("state", "code", "additional_error", *LoadEvent))
        name, code = item.require("state"), item.require("code")
        word = name.choice(_STATES) if name else None
        if word is None or code is None:
            continue
        if code.integer() != _STATES[word]:
            code.report(f"the code of {word} is {_STATES[word]}", f"write code: {_STATES[word]}")
        error = item.get("additional_error")
        errors = {
            LoadEvent.OTHER: unknown_error,
            LoadEvent.ADDITIONAL: 0 if error is None else error.integer(1, _HIGHEST_ERROR) or 0,
        }
        for event in LoadEvent:
            target = item.get(event)
            next_word = target.choice(_STATES) if target else None
            if next_word is not None:
                found[_STATES[word], event] = Transition(
                    state=_STATES[next_word], error=errors.get(event, 0)
                )
    return found
