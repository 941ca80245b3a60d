"""The quick `replace` of the hot path does what the library's does, for every class it is for."""

import dataclasses
import importlib
import pkgutil
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

import knxgw
from knxgw.frozen import replace


def quick_classes() -> list[type]:
    """Return the frozen dataclasses without slots of all modules that use the quick `replace`."""
    found: set[type] = set()
    for found_module in pkgutil.walk_packages(knxgw.__path__, "knxgw."):
        if found_module.name.split(".")[1] in {"charging", "dlm", "station"}:
            importlib.import_module(found_module.name)
    for name, module in list(sys.modules.items()):
        if name.startswith("knxgw."):
            found |= {one for one in vars(module).values() if is_quick(one)}
    return sorted(found, key=lambda kind: kind.__qualname__)


def is_quick(one: object) -> bool:
    if not isinstance(one, type) or not dataclasses.is_dataclass(one):
        return False
    return one.__dataclass_params__.frozen and "__slots__" not in vars(one)  # type: ignore[attr-defined]


def kept_names(kind: type) -> list[str]:
    return [
        name
        for above in kind.__mro__
        for name, value in vars(above).items()
        if isinstance(value, cached_property)
    ]


@pytest.mark.parametrize("kind", quick_classes(), ids=lambda kind: str(kind.__qualname__))
def test_a_copy_has_the_fields_and_nothing_that_was_derived_from_the_old_ones(kind: type) -> None:
    names = [field.name for field in dataclasses.fields(kind)]
    old: Any = object.__new__(kind)
    for name in names:
        object.__setattr__(old, name, f"old {name}")
    for name in kept_names(kind):
        vars(old)[name] = "derived from the old fields"
    copy = replace(old, **{names[0]: "new"})
    assert type(copy) is kind
    assert vars(copy) == {name: f"old {name}" for name in names} | {names[0]: "new"}
    assert vars(old)[names[0]] == f"old {names[0]}"


def test_the_search_finds_the_classes_it_is_about() -> None:
    names = {kind.__name__ for kind in quick_classes()}
    assert {"Station", "LoadManagement"} <= names


def test_a_class_that_computes_at_its_birth_is_refused() -> None:
    @dataclass(frozen=True)
    class Computing:
        value: int

        def __post_init__(self) -> None:
            raise ValueError("a check that a copy would skip")

    one = object.__new__(Computing)
    with pytest.raises(TypeError, match="__post_init__"):
        replace(one, value=2)
