"""Instants and durations are told apart by their names."""

import importlib
import pkgutil
from dataclasses import fields, is_dataclass

import knxgw.dlm
from knxgw.charging import compliance
from knxgw.dlm.settings import Settings

DURATIONS = {
    "fresh_s",
    "level_absent_s",
    "restart_after_s",
    "room_needed_s",
    "spacing_s",
    "spacings_s",
} | {one.name for one in fields(Settings)}


def test_a_field_that_ends_in_s_is_a_duration() -> None:
    names = [one.name for one in pkgutil.iter_modules(knxgw.dlm.__path__)]
    modules = [importlib.import_module(f"knxgw.dlm.{name}") for name in names]
    found = set()
    for kind in {
        value
        for module in (*modules, compliance)
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__.startswith("knxgw.")
    }:
        if is_dataclass(kind):
            found |= {one.name for one in fields(kind)}
        found |= set(getattr(kind, "_fields", ()))
    assert "now_s" not in found
    assert {name for name in found if name.endswith("_s")} <= DURATIONS
