"""Finds which test proves which row: the arguments of `@pytest.mark.proves(…)`, read statically."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
_Test = ast.FunctionDef | ast.AsyncFunctionDef


def collect(tests: Path = TESTS, root: Path = ROOT) -> Mapping[str, tuple[str, ...]]:
    """Return the node ids of the tests that prove each row, in the order of their files.

    Raises: TypeError for a mark whose arguments are not plain texts.
    """
    proofs: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        file = path.relative_to(root).as_posix()
        for test in _tests(path):
            for row in _rows(test, file):
                proofs.setdefault(row, []).append(f"{file}::{test.name}")
    return {row: tuple(found) for row, found in proofs.items()}


def _tests(path: Path) -> Iterator[_Test]:
    for node in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
        if isinstance(node, _Test) and node.name.startswith("test_"):
            yield node


def _rows(test: _Test, file: str) -> Iterator[str]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.proves":
            for argument in decorator.args:
                if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                    raise TypeError(f"{file}:{argument.lineno}: write the row as a plain text")
                yield argument.value
