"""Reads the comparisons of raw values that rules, `valid_if` and simulators make."""

from collections.abc import Mapping

from knxgw.catalogue.points import Comparison, Operator, Point
from knxgw.catalogue.yaml_tree import Node


def read_comparisons(node: Node, points: Mapping[str, Point]) -> tuple[Comparison, ...]:
    """Return the comparisons of a mapping `{point: expectation}`; all must hold.

    Expectations: a value or a list (any of), `"*"`, `"!=v"`, `"<v"`, `">=v"`, `"bitN"`.
    """
    comparisons = []
    for name, child in node.mapping().items():
        if name not in points:
            child.report(f"point {name!r} does not exist", "name a point of this file")
            continue
        comparisons.append(_read_comparison(name, child))
    return tuple(comparisons)


def _read_comparison(name: str, node: Node) -> Comparison:
    """Return one comparison, see `read_comparisons`."""
    if node.is_list:
        values = tuple(_value(item.text()) for item in node.items())
        return Comparison(point=name, operator=Operator.ANY_OF, values=values)
    text = node.text()
    if text == "*":
        return Comparison(point=name, operator=Operator.ANY, values=())
    for prefix, condition in (
        ("!=", Operator.NOT),
        (">=", Operator.AT_LEAST),
        ("<", Operator.BELOW),
        ("bit", Operator.BIT),
    ):
        if text.startswith(prefix):
            return Comparison(
                point=name, operator=condition, values=(_value(text.removeprefix(prefix)),)
            )
    return Comparison(point=name, operator=Operator.ANY_OF, values=(_value(text),))


def _value(text: str) -> int | float | str:
    """Return a whole number, decimal or hexadecimal, or else the text."""
    try:
        return int(text, 0)
    except ValueError:
        return text
