"""What a published value, a fault or a stored record is of: the device, or a charging point."""

from functools import cache
from typing import NewType

PointNumber = NewType("PointNumber", int)  # 1…5
Scope = NewType("Scope", str)  # "device", "cp1", …
DEVICE = Scope("device")  # the whole device


@cache
def point_scope(number: int) -> Scope:
    """Return the scope of the charging point with this number (1…5)."""
    return Scope(f"cp{number}")


def log_name(scope: Scope) -> str:
    """Return what the log calls a scope: "general" for the whole device, else the scope itself, such as "cp1"."""
    return "general" if scope == DEVICE else scope
