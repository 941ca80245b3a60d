"""Model files: what a wrong one is told."""

import pytest

import product_db
from knxgw.catalogue.load_models import read_model
from knxgw.catalogue.model import DeviceKind
from knxgw.catalogue.yaml_tree import Problems, parse_tree

SUNSPEC = (product_db.DIRECTORY / "meters/sunspec_meter_201_204.yaml").read_text(encoding="utf-8")
DZG = (product_db.DIRECTORY / "meters/dzg_dvh4013.yaml").read_text(encoding="utf-8")
KEBA = (product_db.DIRECTORY / "chargers/keba_p30.yaml").read_text(encoding="utf-8")


def findings(text: str, kind: DeviceKind = DeviceKind.CHARGER) -> list[str]:
    problems = Problems()
    root = parse_tree(text, problems, name="keba_p30.yaml")
    assert root is not None
    read_model(root, kind)
    return [str(finding) for finding in problems.findings]


def test_a_shipped_file_has_no_findings() -> None:
    assert findings(KEBA) == []


def test_a_negative_spacing_is_refused() -> None:
    shown = findings(KEBA.replace("min_interval_s: 0.5", "min_interval_s: -0.5"))
    assert len(shown) == 1
    assert "read.min_interval_s: -0.5 is out of range" in shown[0]


def test_a_rule_about_a_point_that_does_not_exist_is_refused() -> None:
    shown = findings(KEBA.replace("{if: {state: 4}, state: 2}", "{if: {stat: 4}, state: 2}"))
    assert any("point 'stat' does not exist" in line for line in shown)


def test_a_charger_that_cannot_be_paused_is_refused() -> None:
    shown = findings(KEBA.replace("  pause: [{point: enable, value: 0}]\n", ""))
    assert any("nothing says how to pause" in line for line in shown)


MISTAKES = [
    (DZG, "plus: [power_import]", "plus: [power_imp]", "point 'power_imp' does not exist"),
    (DZG, "minus: [power_export]", "minus: [power_import]", "a part is named twice"),
    (DZG, "minus: [power_export], unit: W", "minus: [power_export], scale: 2", "unknown key"),
    (SUNSPEC, "4, table: holding, type: i16, scale_from: sf_current",
     "4, table: holding, type: i16, scale_from: sf_cur", "point 'sf_cur' does not exist"),
    (SUNSPEC, "4, table: holding, type: i16, scale_from: sf_current",
     "4, table: holding, type: i16, scale_from: energy_total", "'energy_total' is no exponent"),
    (SUNSPEC, "max_registers: 107", "max_registers: 3", "cannot be read together with"),
    (SUNSPEC, "block: merged", "block: single", "cannot be read together with"),
    (SUNSPEC, "address: 54,", "address: 107,", "is outside the model"),
    (SUNSPEC, "address: 3,", "address: 1,", "is outside the model"),
    (SUNSPEC, "10, table: holding", "10, table: input", "is not in the model's table"),
    (SUNSPEC, "length: 105", "len: 105", "key 'length' is missing"),
    (SUNSPEC, "bases: [40000, 50000, 0]", "bases: []", "nothing says where the model is"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "new", "problem"), MISTAKES)
def test_a_mistake_in_what_registers_have_to_do_with_each_other_is_told(
    text: str, old: str, new: str, problem: str
) -> None:
    assert findings(text, DeviceKind.METER) == []
    assert text.count(old) == 1
    assert any(problem in line for line in findings(text.replace(old, new), DeviceKind.METER))


def test_what_is_given_in_parts_counts_as_supplied() -> None:
    root = parse_tree(DZG, Problems(), name="dzg_dvh4013.yaml")
    assert root is not None
    model = read_model(root, DeviceKind.METER)
    assert model is not None
    assert "power" in model.capabilities
    assert "power_l1" not in model.capabilities


def test_a_power_can_only_be_written_to_a_point_that_counts_in_watts() -> None:
    shown = findings(KEBA.replace("value: offer}", "value: offer_power}"))
    assert any("'setpoint_write' does not count in watts" in line for line in shown)


def test_what_is_told_as_a_power_must_be_read_back_as_one() -> None:
    text = (product_db.DIRECTORY / "chargers/compleo_solo.yaml").read_text(encoding="utf-8")
    point = "setpoint_read: {address: 256, table: holding, type: u16, scale: 100, unit: W"
    assert point in text
    shown = findings(text.replace(point, point.replace("unit: W", "unit: A")))
    assert any("must be read back as one" in line for line in shown)
