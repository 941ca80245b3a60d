"""Reads the meaning of raw values of a point: its codes, its zeros, and "not available"."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from knxgw.catalogue.points import Code
from knxgw.catalogue.yaml_tree import Node

# Whole numbers by type, whose names say how many bits they have.
_ENDS = ("u16", "i16", "u32", "i32", "u48", "u64", "i64")
_MEASURED = r"(current|power|energy|voltage)(_\w+)?|temperature|session_duration|serial|firmware"
_UNMEASURED = r"current_(offered|max_hw|min_hw)"  # limits: set, not measured


def read_codes(node: Node) -> Mapping[int | str, Code]:
    """Return the meanings of raw values, by number or text."""
    child = node.get("codes")
    codes: dict[int | str, Code] = {}
    for key, value in child.mapping().items() if child else ():
        code = int(key, 0) if re.fullmatch(r"\d+|0x[0-9a-fA-F]+", key) else key
        if code in codes:
            value.report(f"{key} is {code}, which already has a meaning", "remove one of them")
        if value.is_mapping:
            children = value.only_keys(("meaning", "state"))
            state = children["state"].integer(0, 11) if "state" in children else None
            meaning = children["meaning"].text() if "meaning" in children else ""
            codes[code] = Code(meaning=meaning, state=state)
        else:
            codes[code] = Code(meaning=value.text(), state=None)
    return MappingProxyType(codes)


def read_invalid(node: Node, name: str, kind: str) -> tuple[range, ...]:
    """Return the raw values that mean "not available": by the file, or impossible as measurements."""
    return (*_named_invalid(node), *_ends_of_range(name, kind))


def _named_invalid(node: Node) -> tuple[range, ...]:
    """Return the values of a file: numbers, or ranges such as `0x10..0x1F`."""
    child = node.get("invalid")
    found = []
    for item in child.items() if child else ():
        first, dots, last = item.text().partition("..")
        try:
            low = int(first, 0)
            found.append(range(low, (int(last, 0) if dots else low) + 1))
        except ValueError:
            item.report(f"{item.text()!r} is not a number", "write 0x8000, or 0x7FF0..0x7FFF")
    return tuple(found)


def _ends_of_range(name: str, kind: str) -> tuple[range, ...]:
    """Return the ends of the range of a measured whole number: a full register measures nothing.

    Makers write there what is not available (0xFFFF, 0x7FFF, 0x8000 and wider ones), and what
    does not fit any more ends there, too.
    """
    if kind not in _ENDS or not re.fullmatch(_MEASURED, name) or re.fullmatch(_UNMEASURED, name):
        return ()
    bits = int(kind[1:])
    ends = (2**bits - 1,) if kind.startswith("u") else (2 ** (bits - 1), 2 ** (bits - 1) - 1)
    return tuple(range(end, end + 1) for end in ends)


def read_raws(node: Node, name: str) -> tuple[int, ...]:
    """Return a list of raw numbers."""
    child = node.get(name)
    values = [item.integer(0) for item in child.items()] if child else []
    return tuple(value for value in values if value is not None)
