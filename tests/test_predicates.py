"""A question changes nothing: functions that are named like one only look."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.modules import modules, name

PREDICATE = re.compile(r"_?(is|are|may|has|can|must|fits|wants|was|needs|awaits)(_|$)")
CACHES = frozenset({"self._needed"})  # worked out when it is first asked for: no change to see
MUTATORS = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove"}
    | {"setdefault", "sort", "update"}
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(source: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            yield node


def root(node: ast.expr) -> str | None:
    """Return the name that a chain of attributes, items and slices begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def targets(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the attributes and items that a statement assigns or deletes."""
    found: list[ast.expr] = []
    if isinstance(node, ast.Assign | ast.Delete):
        found = list(node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For):
        found = [node.target]
    for one in found:
        for part in one.elts if isinstance(one, ast.Tuple | ast.List) else [one]:
            if isinstance(part, ast.Attribute | ast.Subscript):
                yield part


def changes(function: Function) -> list[str]:
    """Return what a function changes of its arguments, of `self` or of what it got from them."""
    arguments = function.args
    known = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    found = []
    for node in ast.walk(function):
        found += [ast.unparse(one) for one in targets(node) if root(one) in known]
        called = node.func if isinstance(node, ast.Call) else None
        is_mutator = isinstance(called, ast.Attribute) and called.attr in MUTATORS
        if isinstance(called, ast.Attribute) and is_mutator and root(called) in known:
            found.append(ast.unparse(called))
    return [one for one in found if one not in CACHES]


def called_names(function: Function) -> set[str]:
    """Return the names of the functions of this module, or methods of `self`, that it calls."""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                names.add(node.func.id)
            elif isinstance(node.func, ast.Attribute) and root(node.func) == "self":
                names.add(node.func.attr)
    return names


def offenders(source: str) -> list[str]:
    every = list(functions(source))
    changing = {one.name: found for one in every if (found := changes(one))}
    while more := {
        one.name: sorted(called_names(one) & changing.keys())
        for one in every
        if one.name not in changing and called_names(one) & changing.keys()
    }:
        changing |= more
    return [f"{name}: {found}" for name, found in changing.items() if PREDICATE.match(name)]


def test_a_predicate_changes_nothing() -> None:
    found = {name(path): offenders(path.read_text(encoding="utf-8")) for path in modules()}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    "body",
    [
        "one.asked = True",
        "one.values[0] = 1",
        "one.count += 1",
        "one.values.append(1)",
        "del one.values[0]",
        "one.first, one.second = 1, 2",
        "note(one)",
    ],
)
def test_a_predicate_that_changes_something_is_found(body: str) -> None:
    note = "def note(one):\n    one.noted = True\n"
    assert offenders(f"{note}def is_ready(one):\n    {body}\n    return True\n")
    assert not offenders(f"{note}def make_ready(one):\n    {body}\n    return True\n")
