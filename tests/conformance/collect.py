"""Finds which test proves which row: the arguments of `@pytest.mark.proves(…)`, read statically."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
_Test = ast.FunctionDef | ast.AsyncFunctionDef


def collect(tests: Path = TESTS, root: Path = ROOT) -> Mapping[str, tuple[str, ...]]:
    """Return the node ids of the tests that prove each row, in the order of their files.

    A test with parameters may prove more with one of them: `pytest.param("S01", marks=…)`, in the
    decorator or in a list of the module that it names.
    Raises: TypeError for a mark whose arguments are not plain texts.
    """
    proofs: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        file = path.relative_to(root).as_posix()
        module = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for test in _tests(module):
            for row, parameter in _rows(test, _lists(module), file):
                proofs.setdefault(row, []).append(f"{file}::{test.name}{parameter}")
    return {row: tuple(found) for row, found in proofs.items()}


def _tests(module: ast.Module) -> Iterator[_Test]:
    for node in module.body:
        if isinstance(node, _Test) and node.name.startswith("test_"):
            yield node


def _lists(module: ast.Module) -> Mapping[str, ast.expr]:
    """Return the lists of a module by name."""
    return {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Tuple)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _rows(test: _Test, lists: Mapping[str, ast.expr], file: str) -> Iterator[tuple[str, str]]:
    """Give each row that a test proves, and with which of its parameters: "" for all of them."""
    for decorator in test.decorator_list:
        if not isinstance(decorator, ast.Call):
            continue
        for row in _proven(decorator, file):
            yield row, ""
        if ast.unparse(decorator.func) == "pytest.mark.parametrize":
            for argument in decorator.args[1:]:
                given = (
                    lists.get(argument.id, argument) if isinstance(argument, ast.Name) else argument
                )
                yield from _of_parameters(given, file)


def _of_parameters(given: ast.expr, file: str) -> Iterator[tuple[str, str]]:
    for one in given.elts if isinstance(given, ast.List | ast.Tuple) else ():
        if not (isinstance(one, ast.Call) and ast.unparse(one.func) == "pytest.param"):
            continue
        named = {keyword.arg: keyword.value for keyword in one.keywords}
        name, marks = named.get("id", one.args[0]), named.get("marks")
        for mark in marks.elts if isinstance(marks, ast.List | ast.Tuple) else [marks]:
            for row in _proven(mark, file) if isinstance(mark, ast.Call) else ():
                if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
                    raise TypeError(f"{file}:{one.lineno}: name the parameter by a plain `id`")
                yield row, f"[{name.value}]"


def _proven(mark: ast.Call, file: str) -> Iterator[str]:
    if ast.unparse(mark.func) == "pytest.mark.proves":
        for argument in mark.args:
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                raise TypeError(f"{file}:{argument.lineno}: write the row as a plain text")
            yield argument.value
