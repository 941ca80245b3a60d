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


ABL = (product_db.DIRECTORY / "chargers/abl_emh1.yaml").read_text(encoding="utf-8")


def test_a_device_must_not_fall_asleep_while_its_answer_is_waited_for() -> None:
    assert findings(ABL) == []
    shown = findings(ABL.replace("wake_after_s: 1", "wake_after_s: 0.5"))
    assert len(shown) == 1
    assert "wake_after_s 0.5 is not longer than response_timeout_s 0.5" in shown[0]


def test_fixed_blocks_must_not_overlap() -> None:
    shown = findings(ABL.replace("{address: 0x2E, count: 5}", "{address: 0x12, count: 5}"))
    assert len(shown) == 1
    assert "read.blocks[1]: overlaps another block" in shown[0]


def test_what_makes_a_point_valid_must_exist() -> None:
    shown = findings(ABL.replace("valid_if: {sensor: bit5}", "valid_if: {sensors: bit5}", 1))
    assert len(shown) == 1
    assert "point 'sensors' does not exist" in shown[0]


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
