"""Reads the comparisons of raw values that rules, `valid_if` and simulators make."""

from collections.abc import Mapping

from knxgw.catalogue.model import Condition, Point, Test
from knxgw.catalogue.yaml_tree import Node


def read_tests(node: Node, points: Mapping[str, Point]) -> tuple[Test, ...]:
    """Return the comparisons of a mapping `{point: expectation}`; all must hold.

    Expectations: a value or a list (any of), `"*"`, `"!=v"`, `"<v"`, `">=v"`, `"bitN"`.
    """
    tests = []
    for name, child in node.mapping().items():
        if name not in points:
            child.report(f"point {name!r} does not exist", "name a point of this file")
            continue
        tests.append(_read_test(name, child))
    return tuple(tests)


def _read_test(name: str, node: Node) -> Test:
    if node.is_list:
        values = tuple(_value(item.text()) for item in node.items())
        return Test(point=name, condition=Condition.ANY_OF, values=values)
    text = node.text()
    if text == "*":
        return Test(point=name, condition=Condition.ANY, values=())
    for prefix, condition in (
        ("!=", Condition.NOT),
        (">=", Condition.AT_LEAST),
        ("<", Condition.BELOW),
        ("bit", Condition.BIT),
    ):
        if text.startswith(prefix):
            return Test(
                point=name, condition=condition, values=(_value(text.removeprefix(prefix)),)
            )
    return Test(point=name, condition=Condition.ANY_OF, values=(_value(text),))


def _value(text: str) -> int | float | str:
    try:
        return int(text, 0)
    except ValueError:
        return text
