"""Model files: what a wrong one is told."""

import product_db
from knxgw.catalogue.load_models import read_model
from knxgw.catalogue.model import DeviceKind
from knxgw.catalogue.yaml_tree import Problems, parse_tree

KEBA = (product_db.DIRECTORY / "chargers/keba_p30.yaml").read_text(encoding="utf-8")


def findings(text: str) -> list[str]:
    problems = Problems()
    root = parse_tree(text, problems, name="keba_p30.yaml")
    assert root is not None
    read_model(root, DeviceKind.CHARGER)
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


def test_a_power_can_only_be_written_to_a_point_that_counts_in_watts() -> None:
    shown = findings(KEBA.replace("value: offer}", "value: offer_power}"))
    assert any("'setpoint_write' does not count in watts" in line for line in shown)


def test_what_is_told_as_a_power_must_be_read_back_as_one() -> None:
    text = (product_db.DIRECTORY / "chargers/compleo_solo.yaml").read_text(encoding="utf-8")
    point = "setpoint_read: {address: 256, table: holding, type: u16, scale: 100, unit: W"
    assert point in text
    shown = findings(text.replace(point, point.replace("unit: W", "unit: A")))
    assert any("must be read back as one" in line for line in shown)
