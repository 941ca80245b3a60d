"""What copies a value faster than `replace` forgets no field of it."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from knxgw.dlm.follows import FollowCheck
from knxgw.dlm.state import LoadManagement
from knxgw.station.model import Station

COPIES: dict[str, tuple[type, Callable[[Any], Any], set[str]]] = {
    "points": (Station, lambda one: one.with_points("new"), {"points"}),
    "output": (Station, lambda one: one.with_output("new", "new"), {"points", "output"}),
    "load management": (
        Station,
        lambda one: one.with_load_management("new", "new"),
        {"load_management", "observations"},
    ),
    "meter value": (
        LoadManagement,
        lambda one: one.with_meter_value("new", "new", "new"),
        {"meter", "phases", "due_at"},
    ),
    "trail": (FollowCheck, lambda one: one.with_trail("new"), {"trail"}),
}


@pytest.mark.parametrize(("kind", "copy", "changed"), COPIES.values(), ids=list(COPIES))
def test_a_copy_has_all_that_was_not_changed(
    kind: type, copy: Callable[[Any], Any], changed: set[str]
) -> None:
    names = [one.name for one in fields(kind)]
    copied = copy(kind(**{name: f"old {name}" for name in names}))
    found = {name: getattr(copied, name) for name in names}
    assert found == {name: "new" if name in changed else f"old {name}" for name in names}
