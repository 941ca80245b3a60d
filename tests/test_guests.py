"""Each guest, a library that is not ours, has its places, and pyproject.toml says which.

`make check` holds every library to its contract. A library without a contract would be held to none.
"""

import ast
import sys
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.modules import PACKAGE, modules
from tests.support.pages import ROOT

Contract = Mapping[str, Any]
OURS = {PACKAGE.name}
ONLY_TYPES = {"_typeshed"}  # what the type checker brings: no library, and never loaded


def contracts() -> list[Contract]:
    """Return the contracts of the linter of imports."""
    file = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[Contract] = file["tool"]["importlinter"]["contracts"]
    return found


def module_name(path: Path) -> str:
    """Return by which name a module is imported."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str) -> Iterator[str]:
    """Yield the packages that a module imports, wherever in it and for whatever."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def guests_of(source: str) -> set[str]:
    """Return the libraries of others that a module imports."""
    return set(imported(source)) - sys.stdlib_module_names - OURS - ONLY_TYPES


@cache
def hosts() -> Mapping[str, set[str]]:
    """Return which modules import each guest."""
    found: dict[str, set[str]] = {}
    for path in modules():
        for guest in guests_of(path.read_text(encoding="utf-8")):
            found.setdefault(guest, set()).add(module_name(path))
    return found


def protecting(contracts: Iterable[Contract], guest: str) -> list[Contract]:
    """Return the contracts that say who may import a guest."""
    return [one for one in contracts if guest in one.get("protected_modules", ())]


def is_inside(module: str, places: Collection[str]) -> bool:
    """Tell whether a module is one of these, or in one of these packages."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def without_contract(used: Mapping[str, set[str]], contracts: Iterable[Contract]) -> list[str]:
    """Return what is to be added for each guest that no contract protects."""
    return [
        f"{guest} is imported by {', '.join(sorted(found))}, and no contract says that it may be: add one to "
        f'pyproject.toml with `type = "protected"`, `protected_modules = ["{guest}"]`, its importers as '
        "`allowed_importers`, and a name that says what it is for"
        for guest, found in sorted(used.items())
        if not protecting(contracts, guest)
    ]


def test_each_guest_has_a_contract() -> None:
    used = hosts()
    assert {"flask", "pymodbus", "xknx", "yaml"} <= used.keys()
    assert "\n".join(without_contract(used, contracts())) == ""


def test_each_place_of_a_guest_still_imports_it() -> None:
    for contract in contracts():
        guests = [one for one in contract.get("protected_modules", ()) if one in hosts()]
        if guests:
            found = set[str]().union(*(hosts()[one] for one in guests))
            idle = {
                place
                for place in contract["allowed_importers"]
                if not any(is_inside(one, {place}) for one in found)
            }
            assert idle == set(), f"{contract['name']}: nothing in there imports it any more"


def test_a_new_guest_is_told_with_what_to_add() -> None:
    source = "def late():\n    from requests.adapters import Retry\n"
    assert guests_of(source) == {"requests"}
    (said,) = without_contract({"requests": {"knxgw.host.network"}}, contracts())
    assert said.startswith("requests is imported by knxgw.host.network, and no contract says")
    assert '`protected_modules = ["requests"]`' in said
