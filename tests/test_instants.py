"""Instants and durations are told apart by their names: a field that ends in `_s` is a duration."""

import importlib
import pkgutil
from dataclasses import fields, is_dataclass

import pytest

import knxgw
from knxgw.dlm.settings import Settings

TOP = "its own modules"  # those of the package itself, in no room
DURATIONS = {
    TOP: {"took_s"},
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
    "device": {"delay_s", "duration_s", "lasts_s"},
    "dlm": {
        "fresh_s",
        "level_absent_s",
        "test_wait_s",
        "restart_after_s",
        "retry_wait_s",
        "room_needed_s",
        "spacing_s",
        "spacings_s",
    }
    | {one.name for one in fields(Settings)},
    "host": {"alive_s", "offset_s"},
    "links": {"delay_s", "lifetime_s", "timeout_s", "took_s"},
    "modbus": {"age_s", "recheck_after_s"},
    "monitoring": {"longest_s", "step_s", "took_s"},
    "objects": {"cycle_s", "oldest_s"},
    "store": {"age_s", "duration_s", "idle_s"},
    "website": {
        "ends_in_s",
        "idle_s",
        "knx_up_s",
        "restored_for_s",
        "retry_after_s",
        "stuck_s",
        "up_s",
    },
}
RATES = {"mbit_s", "per_s", "peak_per_s"}  # neither the one nor the other: so much in a second
WITH_A_CLOCK = {
    "host",
    "website",
}  # `now_s` is a field there that is called: it tells the present instant


def module_names(room: str) -> list[str]:
    """Return the names of all modules of a room, those of the rooms inside it too."""
    if room == TOP:
        found = list(pkgutil.iter_modules(knxgw.__path__, "knxgw."))
        return [one.name for one in found if not one.ispkg and one.name != "knxgw.__main__"]
    package = importlib.import_module(f"knxgw.{room}")
    return [one.name for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]


def field_names(room: str) -> set[str]:
    """Return the names of all fields of the values that a room defines."""
    found: set[str] = set()
    for module in module_names(room):
        for kind in vars(importlib.import_module(module)).values():
            if isinstance(kind, type) and kind.__module__ == module:
                found |= {one.name for one in fields(kind)} if is_dataclass(kind) else set()
                found |= set(getattr(kind, "_fields", ()))
    return found


@pytest.mark.parametrize("room", DURATIONS)
def test_a_field_that_ends_in_s_is_a_duration(room: str) -> None:
    found = field_names(room)
    clocks = {"now_s"} if room in WITH_A_CLOCK else set()
    in_seconds = {name for name in found if name.endswith("_s")}
    assert in_seconds - RATES - clocks <= DURATIONS[room]
