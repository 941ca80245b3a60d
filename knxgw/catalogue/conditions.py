"""Whether a comparison of a model file holds; pure."""

from knxgw.catalogue.model import Condition, Test

_Raw = int | float | str  # the number, or the text, that rules compare


def holds(test: Test, raw: _Raw | None) -> bool:
    """Tell whether one comparison of a rule holds for a raw value."""
    if test.condition is Condition.ANY:
        return True
    if raw is None:
        return False
    if test.condition is Condition.ANY_OF:
        return raw in test.values
    if test.condition is Condition.NOT:
        return raw != test.values[0]
    return _holds_number(test, raw)


def _holds_number(test: Test, raw: _Raw) -> bool:
    value = test.values[0]
    if isinstance(raw, str) or isinstance(value, str):
        return False
    match test.condition:
        case Condition.BELOW:
            return raw < value
        case Condition.AT_LEAST:
            return raw >= value
        case _:
            return bool(int(raw) >> int(value) & 1)
