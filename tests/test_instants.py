"""Instants and durations are told apart by their names: what ends in `_s` is a duration.

Looked at are the fields of the values of every room, and the attributes that methods set.
"""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import knxgw
from knxgw.dlm.settings import Settings
from tests.support.modules import PACKAGE, modules, name

TOP = "its own modules"  # those of the package itself, in no room
DURATIONS = {
    TOP: {"every_s", "took_s"},
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
    "ets": {"cpu_s", "time_s"},
    "firmware": {
        "end_s",
        "pause_s",
        "proved_s",
        "rest_s",
        "start_in_force_s",
        "start_s",
        "watchdog_s",
    },
    "host": {"alive_s", "offset_s"},
    "knxip": {"timeout_s"},
    "links": {
        "client_timeout_s",
        "delay_s",
        "gap_s",
        "lifetime_s",
        "look_s",
        "served_used_s",
        "silence_s",
        "timeout_s",
        "took_s",
        "used_s",
    },
    "modbus": {
        "age_s",
        "interval_s",
        "min_interval_s",
        "recheck_after_s",
        "timeout_s",
        "watch_s",
    },
    "monitoring": {"ends_in_s", "held_s", "longest_s", "step_s", "took_s"},
    "objects": {"cycle_s", "oldest_s"},
    "sim": {
        "answers_s",
        "character_s",
        "clock_s",
        "contactor_s",
        "delay_s",
        "duration_s",
        "early_s",
        "explanation_lag_s",
        "fresh_s",
        "grace_s",
        "hold_s",
        "idle_s",
        "in_operation_s",
        "jitter_s",
        "late_s",
        "latency_s",
        "longest_s",
        "monitoring_s",
        "off_s",
        "period_s",
        "poll_offset_s",
        "poll_s",
        "read_s",
        "sample_s",
        "settle_s",
        "shortest_s",
        "step_s",
        "told_delay_s",
        "turnaround_s",
        "window_s",
    },
    "station": {"ages_s", "duration_s", "ends_in_s", "high_power_s", "meter_age_s"},
    "store": {"age_s", "duration_s", "idle_s", "patience_s", "wait_s"},
    "website": {
        "ends_in_s",
        "idle_s",
        "knx_up_s",
        "restored_for_s",
        "retry_after_s",
        "retry_s",
        "stuck_s",
        "up_s",
    },
}
RATES = {"fall_ma_per_s", "mbit_s", "per_s", "peak_per_s", "rise_ma_per_s"}  # so much in a second
NOW = {"now_s"}  # the present instant, or what is called to ask for it
# Keys of scenario files, which people have written: the fields that hold them are named like them.
KEYS_OF_SCENARIOS = {
    "deaf_from_s",
    "first_s",
    "in_operation_until_s",
    "plug_s",
    "reversed_from_s",
    "reversed_until_s",
    "unplug_s",
}
SCENARIO = "knxgw.sim.bench.scenario"


def rooms() -> list[str]:
    """Return every package of the program, and the place of the modules that are in none."""
    return [TOP, *(one.name for one in pkgutil.iter_modules(knxgw.__path__) if one.ispkg)]


def module_names(room: str) -> list[str]:
    """Return the names of all modules of a room, those of the rooms inside it too."""
    if room == TOP:
        found = list(pkgutil.iter_modules(knxgw.__path__, "knxgw."))
        return [one.name for one in found if not one.ispkg and one.name != "knxgw.__main__"]
    package = importlib.import_module(f"knxgw.{room}")
    return [one.name for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]


def field_names_of(module: str) -> set[str]:
    """Return the names of all fields of the values that a module defines."""
    found: set[str] = set()
    for kind in vars(importlib.import_module(module)).values():
        if isinstance(kind, type) and kind.__module__ == module:
            found |= {one.name for one in fields(kind)} if is_dataclass(kind) else set()
            found |= set(getattr(kind, "_fields", ()))
    return found


def field_names(room: str) -> set[str]:
    """Return the names of the fields of a room, but for the keys of scenario files."""
    found: set[str] = set()
    for module in module_names(room):
        is_format = module == SCENARIO
        found |= field_names_of(module) - (KEYS_OF_SCENARIOS if is_format else set())
    return found


def sources(room: str) -> list[Path]:
    return sorted(PACKAGE.glob("*.py")) if room == TOP else modules(room)


def set_attributes(source: str) -> Iterator[str]:
    """Yield the names of the attributes of `self` that methods set."""
    attributes = (one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Attribute))
    for one in attributes:
        if isinstance(one.ctx, ast.Store) and ast.unparse(one.value) == "self":
            yield one.attr


def not_durations(names: set[str], room: str) -> set[str]:
    """Return the names that end like that of a duration, and are none that is known."""
    in_seconds = {name.lstrip("_") for name in names if name.endswith("_s")}
    return in_seconds - RATES - NOW - DURATIONS.get(room, set())


@pytest.mark.parametrize("room", rooms())
def test_a_field_that_ends_in_s_is_a_duration(room: str) -> None:
    assert not_durations(field_names(room), room) == set()


@pytest.mark.parametrize("room", rooms())
def test_an_attribute_that_ends_in_s_is_a_duration(room: str) -> None:
    for path in sources(room):
        found = set(set_attributes(path.read_text(encoding="utf-8")))
        assert not_durations(found, room) == set(), name(path)


def test_an_instant_that_a_method_notes_under_the_name_of_a_duration_is_found() -> None:
    noted = "def note(self):\n    self._heard_s, self.other[0] = self.now_s, 1\n"
    annotated = "def __init__(self):\n    self._ends_s: float | None = None\n"
    assert set(set_attributes(noted + annotated)) == {"_heard_s", "_ends_s"}
    assert not_durations({"_heard_s", "_now_s", "timeout_s"}, "modbus") == {"heard_s"}


def test_a_key_of_scenarios_is_one() -> None:
    assert field_names_of(SCENARIO) >= KEYS_OF_SCENARIOS
