"""Instants and durations are told apart by their names: a field that ends in `_s` is a duration."""

import importlib
import pkgutil
from dataclasses import fields, is_dataclass

import pytest

from knxgw.dlm.settings import Settings

DURATIONS = {
    "catalogue": {
        "connect_delay_s",
        "connection_s",
        "idle_timeout_s",
        "min_interval_s",
        "refresh_s",
        "request_gap_s",
        "response_timeout_s",
        "timeout_s",
        "wake_after_s",
    },
    "charging": {"below_s", "duration_s", "spacings_s"},
    "config": {
        "alive_cycle_s",
        "complete_time_s",
        "cycle_s",
        "high_power_wait_s",
        "interval_s",
        "min_interval_s",
        "state_cycle_s",
    },
    "device": {"lasts_s"},
    "dlm": {
        "fresh_s",
        "level_absent_s",
        "phase_test_wait_s",
        "restart_after_s",
        "retry_wait_s",
        "room_needed_s",
        "spacing_s",
        "spacings_s",
    }
    | {one.name for one in fields(Settings)},
    "modbus": {"age_s", "recheck_after_s"},
    "objects": {"cycle_s"},
}


def field_names(room: str) -> set[str]:
    """Return the names of all fields of the values that a room defines."""
    package = importlib.import_module(f"knxgw.{room}")
    modules = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    found: set[str] = set()
    for module in modules:
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and kind.__module__ == module.name:
                found |= {one.name for one in fields(kind)} if is_dataclass(kind) else set()
                found |= set(getattr(kind, "_fields", ()))
    return found


@pytest.mark.parametrize("room", DURATIONS)
def test_a_field_that_ends_in_s_is_a_duration(room: str) -> None:
    found = field_names(room)
    assert "now_s" not in found
    assert {name for name in found if name.endswith("_s")} <= DURATIONS[room]
