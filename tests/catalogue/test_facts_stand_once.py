"""Fault codes, texts and object numbers stand in `product_db/` and its enumerations, nowhere else."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

import knxgw
from knxgw.catalogue import codes, object_keys
from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.texts import Messages, Names, StatusTexts
from knxgw.charging.records import HOLDING_KEYS

PACKAGE = Path(knxgw.__file__).parent
ROOT = PACKAGE.parent
CODES = Path(codes.__file__)
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != CODES]
GERMAN = re.compile("[äöüßÄÖÜ]")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def strings(path: Path) -> Iterator[str]:
    """Yield every text constant of a module."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_module_has_a_fault_code_as_a_bare_string() -> None:
    values = {code.value for code in FaultCode}
    found = {path.name: values.intersection(strings(path)) for path in MODULES}
    assert {name: used for name, used in found.items() if used} == {}


def test_every_fault_is_one_that_the_program_can_find() -> None:
    used = {
        node.attr
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "FaultCode"
    }
    assert [code.name for code in FaultCode if code.name not in used] == []


@pytest.mark.parametrize("group", [Names, Messages, StatusTexts])
def test_every_text_is_read_somewhere(group: type) -> None:
    sources = [*MODULES, *PACKAGE.rglob("*.html")]
    program = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    unused = [f.name for f in fields(group) if not re.search(rf"\.{f.name}\b", program)]
    assert unused == []


def test_no_german_stands_in_a_module() -> None:
    modules = [*PACKAGE.rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    assert [path.name for path in modules if any(map(GERMAN.search, strings(path)))] == []


def test_every_key_that_rules_ask_for_is_that_of_a_group_object() -> None:
    keys = {one.key for one in catalogue().objects}
    asked = [value for name, value in vars(object_keys).items() if name.isupper()]
    assert asked
    for value in asked:
        assert keys.issuperset((value,) if isinstance(value, str) else value)


@pytest.mark.parametrize("path", sorted((PACKAGE / "station").glob("*.py")), ids=lambda p: p.name)
def test_the_station_asks_for_group_objects_by_key(path: Path) -> None:
    numbers = {catalogue().product.number_of(key) for key in HOLDING_KEYS} - {
        60
    }  # minutes have 60 s
    holds = "|".join(str(number) for number in sorted(numbers))
    assert re.findall(rf"\b(?:{holds}|GO \d+)\b", path.read_text(encoding="utf-8")) == []
