"""Whether a comparison of a model file holds; pure."""

from knxgw.catalogue.points import Comparison, Operator

_Raw = int | float | str  # the number, or the text, that rules compare


def is_met(comparison: Comparison, raw: _Raw | None) -> bool:
    """Tell whether one comparison of a rule holds for a raw value; None: the device has none.

    Without a value only the comparison with anything (`ANY`) holds.
    """
    if comparison.operator is Operator.ANY:
        return True
    if raw is None:
        return False
    if comparison.operator is Operator.ANY_OF:
        return raw in comparison.values
    if comparison.operator is Operator.NOT:
        return raw != comparison.values[0]
    return _is_met_by_number(comparison, raw)


def _is_met_by_number(comparison: Comparison, raw: _Raw) -> bool:
    """Tell whether a comparison with a number holds; it never does for a text."""
    value = comparison.values[0]
    if isinstance(raw, str) or isinstance(value, str):
        return False
    match comparison.operator:
        case Operator.BELOW:
            return raw < value
        case Operator.AT_LEAST:
            return raw >= value
        case _:
            return bool(int(raw) >> int(value) & 1)
