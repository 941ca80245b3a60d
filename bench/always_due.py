"""Lets every read be due at once, so that a bus never waits for its poll plan."""

from collections.abc import Iterator
from contextlib import contextmanager

from knxgw.modbus import plan

AT_ONCE_S = 1e-6


@contextmanager
def always_due() -> Iterator[None]:
    """Ask as often as the wire allows, for as long as this lasts."""
    before = dict(plan.PERIODS_S)
    plan.PERIODS_S.update(dict.fromkeys(before, AT_ONCE_S))
    try:
        yield
    finally:
        plan.PERIODS_S.update(before)
