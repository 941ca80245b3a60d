"""Nothing in the program is so large that it cannot be read at once: functions, modules, values."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import knxgw

PROGRAM = Path(knxgw.__file__).parent
LONGEST_FUNCTION, LONGEST_MODULE, MOST_FIELDS = 60, 550, 12
BEING_SPLIT = "being split"
# dataclasses that may have more fields, with the reason; nobody passes on a part of them
LARGE = {
    "a file of product_db, key by key": {"DeviceModel", "ObjectDefinition", "Point"},
    "what a configuration says, key by key": {"Configuration", "PointSettings"},
    "the constants of the rules of load management": {"Settings"},
    "B_p and all that its rules remember of a phase": {"PhaseState"},
    "a record as it is stored": {"Stored"},
    "a file of the bench, key by key": {"MeterModel", "Recording", "Vehicle"},
    "the telegram that describes a KNXnet/IP server": {"Description"},
    "counters, of which each is a row of a page": {"Statistics"},
    "a snapshot, of which each field is a row of a page": {
        "DeviceFacts",
        "KnxDeviceFacts",
        "NetworkState",
        "ObjectLine",
        "PointView",
        "SiteView",
    },
    "a group object at run time: its definition, its value and what was sent": {"GroupObject"},
    "an input of a form, attribute by attribute": {"Field"},
    "what the wizard may start, ask and end": {"Commissioning"},
    BEING_SPLIT: {"Participant"},
}
ALLOWED = frozenset[str]().union(*LARGE.values())


def long_functions(tree: ast.Module, most: int = LONGEST_FUNCTION) -> Iterator[tuple[str, int]]:
    """Yield each function that is longer, with its lines; what is defined in it counts, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            if lines > most:
                yield node.name, lines


def large_values(tree: ast.Module, most: int = MOST_FIELDS) -> Iterator[tuple[str, int]]:
    """Yield each dataclass that has more fields of its own, with their number."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(map(is_dataclass, node.decorator_list)):
            number = sum(isinstance(one, ast.AnnAssign) for one in node.body)
            if number > most:
                yield node.name, number


def is_dataclass(decorator: ast.expr) -> bool:
    name = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(name).rpartition(".")[2] == "dataclass"


@cache
def modules() -> dict[str, str]:
    """Return the text of each module of the program."""
    return {
        str(path.relative_to(PROGRAM)): path.read_text(encoding="utf-8")
        for path in sorted(PROGRAM.rglob("*.py"))
    }


def test_no_function_is_longer_than_a_page() -> None:
    found = {name: list(long_functions(ast.parse(text))) for name, text in modules().items()}
    assert {name: some for name, some in found.items() if some} == {}


def test_every_module_can_be_read_in_a_sitting() -> None:
    lines = {name: len(text.splitlines()) for name, text in modules().items()}
    assert len(lines) > 500, "where is the program?"
    assert {name: number for name, number in lines.items() if number > LONGEST_MODULE} == {}


def test_a_value_has_few_fields_unless_there_is_a_reason() -> None:
    found = {name for text in modules().values() for name, _ in large_values(ast.parse(text))}
    assert found - ALLOWED == set(), "group what belongs together, or say why it is one value"
    assert ALLOWED - found - LARGE[BEING_SPLIT] == set(), "they are small: take them off the list"


@pytest.mark.parametrize("head", ["def f():", "async def f():", "class C:\n  def f(self):"])
def test_a_long_function_is_found_wherever_it_is(head: str) -> None:
    body = "\n    pass" * 4
    assert list(long_functions(ast.parse(head + body), most=5)) == []
    assert list(long_functions(ast.parse(head + body), most=4)) == [("f", 5)]


@pytest.mark.parametrize(
    "mark", ["@dataclass", "@dataclass(frozen=True)", "@dataclasses.dataclass"]
)
def test_a_large_value_is_found_whatever_its_decorator_says(mark: str) -> None:
    value = ast.parse(f"{mark}\nclass Value:\n    one: int\n    two: int = 2\n")
    assert list(large_values(value, most=2)) == []
    assert list(large_values(value, most=1)) == [("Value", 2)]
