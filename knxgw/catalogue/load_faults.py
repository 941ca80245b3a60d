"""Reads `faults.yaml`: every fault with its severities, cause and remedy."""

from collections.abc import Mapping

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.faults import FaultDefinition, Faults, SeverityBand
from knxgw.catalogue.load_texts import read_text
from knxgw.catalogue.yaml_tree import Node

_KEYS = (
    "code",
    "severity",
    "title_en",
    "title_de",
    "cause_en",
    "cause_de",
    "remedy_en",
    "remedy_de",
)
_SCOPES = ("general", "charging_point")
_HIGHEST = 130  # reference device's manual, chapter 11.1
_MOST_FLASHES = 9  # more in a row cannot be counted by eye


def read_faults(root: Node) -> Faults | None:
    """Return all faults; None (with findings) when the file has not both of its sections."""
    root.only_keys(("severities", "faults"))
    severities, faults = root.require("severities"), root.require("faults")
    if not (severities and faults):
        return None
    definitions: dict[FaultCode, FaultDefinition] = {}
    scopes: dict[str, dict[FaultCode, int]] = {scope: {} for scope in _SCOPES}
    seen: set[FaultCode] = set()
    for node in faults.items():
        node.only_keys(_KEYS)
        code = _read_code(node, seen)
        if code is None:
            continue
        definition = _read_definition(node, code)
        if definition:
            definitions[code] = definition
        for scope, severity in _read_severities(node).items():
            scopes[scope][code] = severity
    for code in FaultCode:
        if code not in seen:
            faults.report(f"fault {code.value!r} is missing", f"add `- code: {code.value}`")
    return Faults(
        definitions=definitions,
        general=scopes["general"],
        charging_point=scopes["charging_point"],
        bands=_read_bands(severities),
    )


def _read_code(node: Node, seen: set[FaultCode]) -> FaultCode | None:
    """Return the code of a fault that has not been defined before."""
    child = node.require("code")
    word = child.choice([code.value for code in FaultCode]) if child else None
    if child is None or word is None:
        return None
    code = FaultCode(word)
    if code in seen:
        child.report(f"fault {word!r} is defined twice", "remove one")
        return None
    seen.add(code)
    return code


def _read_definition(node: Node, code: FaultCode) -> FaultDefinition | None:
    """Return title, cause and remedy of a fault; None: one of them is missing."""
    title, cause = read_text(node, "title"), read_text(node, "cause")
    remedy = read_text(node, "remedy")
    if not (title and cause and remedy):
        return None
    return FaultDefinition(code=code, title=title, cause=cause, remedy=remedy)


def _read_severities(node: Node) -> Mapping[str, int]:
    """Return the severity of a fault by the scopes that can have it."""
    child = node.require("severity")
    if child is None:
        return {}
    found: dict[str, int] = {}
    for scope, value in child.only_keys(_SCOPES).items():
        severity = value.integer(1, _HIGHEST)
        if severity is not None:
            found[scope] = severity
    if not child.mapping():
        child.report("does not say who can have the fault", f"add one of {', '.join(_SCOPES)}")
    return found


def _read_bands(node: Node) -> tuple[SeverityBand, ...]:
    """Return what severities mean: from the most severe down, the last one holds from 1 on."""
    bands: list[SeverityBand] = []
    items = node.items()
    for item in items:
        item.only_keys(("at_least", "flashes", "en", "de"))
        at_least, flashes = item.require("at_least"), item.require("flashes")
        meaning = read_text(item)
        if not (at_least and flashes and meaning):
            continue
        low, count = at_least.integer(1, _HIGHEST), flashes.integer(0, _MOST_FLASHES)
        if low is None or count is None:
            continue
        if bands and low >= bands[-1].at_least:
            at_least.report(f"{low} is not below the one before", "begin with the most severe")
        bands.append(SeverityBand(at_least=low, flashes=count, meaning=meaning))
    if items and bands and bands[-1].at_least != 1:
        items[-1].report("faults of lower severity are in no band", "write at_least: 1 in the last")
    return tuple(bands)
