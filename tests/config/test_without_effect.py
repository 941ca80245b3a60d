"""What has no effect in a configuration, and why: one definition for the check, the forms and the reference."""

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.needs import Need
from knxgw.config.edit_yaml import edited, values_of
from knxgw.config.without_effect import unmet
from knxgw.config.yaml_places import Path, parameter_key
from knxgw.website.idle_fields import KnownOfText

NEEDS = catalogue().needs
POINT = ("charging_points", 0)
TEMPERATURE = (*POINT, "temperature")
LOAD: Path = ("load_management",)
METER = (*LOAD, "smart_meter")
MODEL = "mennekes_compact_20s"  # it reports its temperature


def why(path: Path, changes: dict[Path, object | None] | None = None) -> str:
    """Return why something has no effect after some changes to an empty configuration; "": it has one."""
    data = values_of(edited("", changes or {}))
    need = unmet(path, NEEDS, KnownOfText(data, catalogue()))
    return "" if need is None else need.reason.en


@pytest.mark.parametrize(
    ("path", "changes", "reason"),
    [
        ((*LOAD, "mode"), {}, ""),
        ((*LOAD, "reserve_a"), {}, "load management is off"),
        ((*LOAD, "reserve_a"), {(*LOAD, "mode"): "static"}, ""),
        ((*LOAD, "static_limit_a"), {(*LOAD, "mode"): "dynamic"}, "load management is not static"),
        ((*LOAD, "reserve_a"), {(*LOAD, "mode"): "dynamik"}, ""),
        (METER, {(*LOAD, "mode"): "static"}, "load management is not dynamic"),
        ((*METER, "manual", "current", "l1"), {}, "load management is off"),
        (
            (*METER, "manual", "current", "l1"),
            {(*LOAD, "mode"): "dynamic"},
            "the values of the smart meter come over KNX",
        ),
        (
            (*METER, "connection", "host"),
            {
                (*LOAD, "mode"): "dynamic",
                (*METER, "source"): "modbus",
                (*METER, "manual", "function"): "3",
            },
            "",
        ),
        (("serial", "baud"), {}, "no charger and no meter is on the RS485 line"),
        (
            ("serial", "baud"),
            {(*POINT, "number"): 1},
            "no charger and no meter is on the RS485 line",
        ),
        (("serial", "baud"), {(*POINT, "connection", "type"): "serial"}, ""),
        (
            (*POINT, "connection", "host"),
            {(*POINT, "connection", "type"): "serial"},
            "the charger is on the RS485 line",
        ),
        ((*POINT, "meter", "connection"), {}, "no electricity meter is chosen"),
        ((*POINT, "meter", "connection"), {(*POINT, "meter", "model"): "eastron_sdm630"}, ""),
        (
            (*POINT, "meter", "manual", "energy"),
            {(*POINT, "meter", "model"): "eastron_sdm630"},
            "the electricity meter comes from the catalogue",
        ),
        (TEMPERATURE, {(*POINT, "number"): 1}, ""),
        (TEMPERATURE, {(*POINT, "model"): MODEL}, ""),
        (
            (*TEMPERATURE, "warning_c"),
            {(*POINT, "model"): "keba_p30"},
            "this model does not report its temperature",
        ),
        ((*TEMPERATURE, "cycle_s"), {}, "the temperature is not sent cyclically"),
        (("knx", "server_port"), {("knx", "keyring"): "house.knxkeys"}, "a keyring is used"),
    ],
)
def test_what_has_no_effect_says_why(
    path: Path, changes: dict[Path, object | None], reason: str
) -> None:
    assert why(path, changes) == reason


def test_each_charging_point_is_judged_by_itself() -> None:
    changes: dict[Path, object | None] = {
        (*POINT, "connection", "type"): "tcp",
        ("charging_points", 1, "connection", "type"): "serial",
    }
    assert why((*POINT, "connection", "host"), changes) == ""
    assert why(("charging_points", 1, "connection", "host"), changes) != ""


@pytest.mark.parametrize("need", NEEDS, ids=lambda one: one.of[0])
def test_each_condition_can_be_met_and_can_be_missed(need: Need) -> None:
    """By its first key; other conditions of the same parameters are left out."""
    deciding = _path(need.keys[0])
    path = _path(need.of[0])
    wanted = {
        unmet(path, (need,), _known({deciding: value})) is None
        for value in _values(need, parameter_key(deciding))
    }
    assert wanted == {True, False}


def _known(changes: dict[Path, object | None]) -> KnownOfText:
    return KnownOfText(values_of(edited("", changes)), catalogue())


def _path(key: str) -> Path:
    head, is_of_list, rest = key.partition("[].")
    return (head, 0, *rest.split(".")) if is_of_list else tuple(key.split("."))


def _values(need: Need, key: str) -> list[object]:
    """Return values of a parameter, among them one that meets the condition and one that does not."""
    (parameter,) = [one for one in catalogue().parameters if one.key == key]
    if need.values:
        return [choice.value for choice in parameter.choices]
    if need.supplies:
        return list(catalogue().chargers)
    return ["x", None]
