"""Model files: what a wrong one is told."""

import pytest

from knxgw.catalogue.device_model import DeviceKind
from knxgw.catalogue.directory import product_db
from knxgw.catalogue.load_models import read_model
from knxgw.catalogue.yaml_tree import parse_tree
from knxgw.errors import Problems

SUNSPEC = (product_db() / "meters/sunspec_meter_201_204.yaml").read_text(encoding="utf-8")
DZG = (product_db() / "meters/dzg_dvh4013.yaml").read_text(encoding="utf-8")
KEBA = (product_db() / "chargers/keba_p30.yaml").read_text(encoding="utf-8")


def findings(text: str, kind: DeviceKind = DeviceKind.CHARGER) -> list[str]:
    problems = Problems()
    root = parse_tree(text, problems, name="keba_p30.yaml")
    assert root is not None
    read_model(root, kind)
    return [str(finding) for finding in problems.findings]


def test_a_shipped_file_has_no_findings() -> None:
    assert findings(KEBA) == []


ABL = (product_db() / "chargers/abl_emh1.yaml").read_text(encoding="utf-8")


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


MISTAKES = [
    (DZG, "plus: [power_import]", "plus: [power_imp]", "point 'power_imp' does not exist"),
    (DZG, "minus: [power_export]", "minus: [power_import]", "a part is named twice"),
    (DZG, "minus: [power_export], unit: W", "minus: [power_export], scale: 2", "unknown key"),
    (SUNSPEC, "4, table: holding, type: i16, scale_from: sf_current",
     "4, table: holding, type: i16, scale_from: sf_cur", "point 'sf_cur' does not exist"),
    (SUNSPEC, "4, table: holding, type: i16, scale_from: sf_current",
     "4, table: holding, type: i16, scale_from: energy_total", "'energy_total' is not an exponent"),
    (SUNSPEC, "max_registers: 107", "max_registers: 3", "cannot be read together with"),
    (SUNSPEC, "block: merged", "block: single", "cannot be read together with"),
    (SUNSPEC, "address: 54,", "address: 107,", "is outside the model"),
    (SUNSPEC, "address: 3,", "address: 1,", "is outside the model"),
    (SUNSPEC, "10, table: holding", "10, table: input", "is not in the model's table"),
    (SUNSPEC, "length: 105", "len: 105", "key 'length' is missing"),
    (SUNSPEC, "bases: [40000, 50000, 0]", "bases: []", "nothing says where the model is"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "new", "problem"), MISTAKES)
def test_a_mistake_in_the_relation_of_registers_is_reported(
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


def test_a_setpoint_in_watts_must_be_read_back_in_watts() -> None:
    text = (product_db() / "chargers/compleo_solo.yaml").read_text(encoding="utf-8")
    point = "setpoint_read: {address: 256, table: holding, type: u16, scale: 100, unit: W"
    assert point in text
    shown = findings(text.replace(point, point.replace("unit: W", "unit: A")))
    assert any("must be read back as one" in line for line in shown)


def file_of(model_id: str) -> str:
    return (product_db() / f"chargers/{model_id}.yaml").read_text(encoding="utf-8")


WHOLE = [  # model, what stands there, what is written instead, the finding
    ("keba_p30", "min_interval_s: 5}", "min_interval_s: 12}",
     "watchdog: fed after 61 s at worst, where writes keep a distance of 12 s; it falls back after "
     "60 s; make `refresh_s` and 3 times `write.min_interval_s` less"),
    ("foxess_evc", "refresh: [{point: setpoint_write, value: offer}]",
     "refresh: [{point: failsafe_current, value: minimum}]",
     "watchdog.refresh: 'failsafe_current' is not a step of `offer`, so it is not repeated with it; "
     "name a step of `offer`, or write `trigger: steps`"),
    ("bender_cc612_mennekes_professional", "  refresh_s: 25\n",
     "  refresh_s: 25\n  refresh: [{point: failsafe_timeout, value: watchdog}]\n",
     "watchdog.refresh: 'failsafe_timeout' is never written: any request feeds it; "
     "leave `refresh` out"),
    ("keba_p30", "pause: [{point: enable, value: 0}]",
     "pause: [{point: enable, value: 0, read_back: enable}]",
     "control.pause[0]: point 'enable' cannot be read back; give it `access: rw` or `ro`"),
    ("keba_p30", "refresh_s: 25", "refresh_s: 30",
     "watchdog.refresh_s: fed every 30 s, a watchdog of 60 s trips when one telegram is late; "
     "write less than half of the timeout: refresh_s below 30"),
    ("keba_p30", "  refresh: [{point: failsafe_timeout, value: watchdog}]\n", "",
     "watchdog: nothing feeds the watchdog; add `refresh: [{point: …, value: …}]`"),
    ("keba_p30", "current_l2: {address: 1010", "current_l2: {address: 1008",
     "points.current_l2: register 1008 already belongs to 'current_l1'; "
     "check the addresses and types of both (`current_l1` has 2 from 1008 on)"),
    ("keba_p30", "current_l2: {address: 1010", "current_l2: {address: 1009",
     "points.current_l2: register 1009 already belongs to 'current_l1'; "
     "check the addresses and types of both (`current_l1` has 2 from 1008 on)"),
    ("enovates", "charging: {state: C2,", "charging: {state: C3,",
     "simulator.states.charging: shows state = C3, which `codes` of 'state' does not know; "
     "known are: A, A1, A2, B1, B2, C1, C2, D1, D2, E, F"),
    ("enovates", "    unauthorised: {state: B1, state_number: 2}\n", "",
     "simulator.states: nothing says what is shown while unauthorised; give all six states"),
    ("enovates", "[B1, B2, C1, C2, D1, D2]}, c", "[B1, B2, C1, C2, D2]}, c",
     "points.state.codes: no plug rule says whether a vehicle is connected at D1 (ventilation "
     "asked for, station withholds current); add the code to a rule below `plug_rules`"),
    ("keba_p30", "  - {if: {plug: [5, 7]}, connected: true}\n", "",
     "simulator.states.charging: no plug rule says whether a vehicle is connected; "
     "add a rule below `plug_rules`, with connected: true"),
    ("keba_p30", "{if: {plug: [5, 7]}, connected: true}", "{if: {plug: [5, 7]}, connected: false}",
     "simulator.states.waiting: the plug rules say connected: false; "
     "correct what is shown, or the first of `plug_rules` that holds"),
    ("keba_p30", "  - {if: {plug: [0, 1, 3]}, connected: false}\n", "",
     "simulator.states.available: no plug rule says whether a vehicle is connected; "
     "add a rule below `plug_rules`, with connected: false"),
    ("keba_p30", "  - {if: {state: 3}, state: 8}\n", "",
     "simulator.states.charging: no state rule knows what is shown; "
     "add a rule below `state_rules`"),
    ("keba_p30", "address: 1020, table: holding, type: u32, scale: 0.001, unit: W",
     "address: 1020, table: holding, type: u32, scale: 0.001",
     "points.power: counts in nothing that is named, where W is meant; "
     "write `unit: W`, with a `scale` that gives it"),
    ("keba_p30", "address: 1036, table: holding, type: u32, scale: 0.1, unit: Wh",
     "address: 1036, table: holding, type: u32, scale: 0.1, unit: W",
     "points.energy_total: counts in W, where Wh is meant; "
     "write `unit: Wh`, with a `scale` that gives it"),
    ("keba_p30", "5004, table: holding, type: u16, scale: 0.001, unit: A",
     "5004, table: holding, type: u16, scale: 0.001",
     "control.offer[0]: offer is written to 'setpoint_write', whose unit is missing; "
     "give the point `unit: A`, with a `scale` that gives it"),
    ("keba_p30", "5018, table: holding, type: u16, unit: s", "5018, table: holding, type: u16",
     "watchdog.arm[1]: watchdog is written to 'failsafe_timeout', whose unit is missing; "
     "give the point `unit: s`, with a `scale` that gives it"),
    ("goe_charger", "power_l1: {address: 146, table: input, type: u32, scale: 0.1,",
     "power_l1: {address: 146, table: input, type: u32, scale: 100,",
     "points.power_l1: a step is 10000 times that of 'power', whose part it is; "
     "compare both scales with the source, and a phase with a display"),
    ("alfen_eve", "power_l3: {address: 342, table: holding, type: f32,",
     "power_l3: {address: 342, table: holding, type: f32, scale: 1000,",
     "points.power_l3: counts differently from 'power_l1'; "
     "give it the same type, scale, orders and invalid codes, or check both"),
    ("alfen_eve", "  power: {address: 344, table: holding, type: f32,",
     "  power: {address: 344, table: holding, type: f32, scale: 1000,",
     "points.power_l1: a step is 0.001 times that of 'power', whose part it is; "
     "compare both scales with the source, and a phase with a display"),
    ("phoenix_charx", "current_l1: {address: 1238, table: holding, type: i32, scale: 0.001, unit: A, invalid: [0xFFFFFFFF]",
     "current_l1: {address: 1238, table: holding, type: i32, scale: 0.001, unit: A, invalid: [0x1FFFFFFFF]",
     "points.current_l1.invalid: nothing that 2 registers can show; "
     "write all bits of the registers, and the smaller end of a range first"),
    ("phoenix_charx", "current_l1: {address: 1238, table: holding, type: i32, scale: 0.001, unit: A, invalid: [0xFFFFFFFF]",
     "current_l1: {address: 1238, table: holding, type: i32, scale: 0.001, unit: A, invalid: [9..3]",
     "points.current_l1.invalid: nothing that 2 registers can show; "
     "write all bits of the registers, and the smaller end of a range first"),
    ("phoenix_charx", "current_l1: {address: 1238, table: holding, type: i32, scale: 0.001, unit: A, invalid: [0xFFFFFFFF]",
     "current_l1: {address: 1238, table: holding, type: i32, scale: 0.001, unit: A, invalid: [none]",
     "points.current_l1.invalid[0]: 'none' is not a number; write 0x8000, or 0x7FF0..0x7FFF"),
    ("abl_em4", "      0xA2: {meaning: reserved, state: 3}", "      161: {meaning: reserved, state: 3}",
     "points.state.codes.161: 161 is 161, which already has a meaning; remove one of them"),
    ("alfen_eve", "  power: {address: 344, table: holding, type: f32,",
     "  power: {address: 344, table: holding, type: f32, scale: 0,",
     "points.power: scale 0 makes every value 0; write what gives the unit, or leave it out"),
    ("foxess_evc", "low: 10, high: 60", "low: 10, high: 50",
     "watchdog.arm[1]: 60 is outside of what 'failsafe_timeout' takes; it takes from 10 to 50; "
     "correct the step, or `low` and `high` of the point"),
    ("em2go_daheimladen", "pause: [{point: session_control, value: 2}]",
     "pause: [{point: setpoint_write, value: 0}]",
     "control.pause: writes 0 to 'setpoint_write' while the charging point pauses, where 0 is "
     "unlimited; pause it by another register, or write `zero_a: pauses` if 0 does pause it"),
    ("em2go_daheimladen", "pause: [{point: session_control, value: 2}]",
     "pause: [{point: session_control, value: 2}, {point: setpoint_write, value: offer}]",
     "control.pause: writes 0 to 'setpoint_write' while the charging point pauses, where 0 is "
     "unlimited; pause it by another register, or write `zero_a: pauses` if 0 does pause it"),
    ("em2go_daheimladen", "access: rw, write_function: 16, low: 6, high: 32, poll: never, confidence: medium}\n  setpoint_read",
     "access: rw, write_function: 16, high: 32, poll: never, confidence: medium}\n  setpoint_read",
     "points.setpoint_write: may be written 0, which is unlimited; "
     "write the lowest value it takes, as `low: 6`"),
    ("innogy_ebox", "zero_a: pauses", "zero_a: unlimited",
     "control.pause: writes 0 to 'setpoint_write_l3' while the charging point pauses, where 0 is "
     "unlimited; pause it by another register, or write `zero_a: pauses` if 0 does pause it"),
    ("innogy_ebox", "zero_a: pauses", "zero_a: unlimited",
     "points.setpoint_write_l2: may be written 0, which is unlimited; "
     "write the lowest value it takes, as `low: 6`"),
    ("kathrein_kwb", "zero_a: pauses", "zero_a: forbidden",
     "watchdog.refresh: writes 0 to 'setpoint_write' while the charging point pauses, where 0 is "
     "not taken; pause it by another register, or write `zero_a: pauses` if 0 does pause it"),
]  # fmt: skip


@pytest.mark.proves("H.62")
@pytest.mark.parametrize(("model_id", "old", "new", "finding"), WHOLE)
def test_a_mistake_in_a_whole_model_is_reported_with_a_remedy(
    model_id: str, old: str, new: str, finding: str
) -> None:
    text = file_of(model_id)
    assert findings(text) == []
    assert text.count(old) == 1
    shown = findings(text.replace(old, new))
    assert [line for line in shown if finding in line], shown


def test_two_looks_at_one_register_are_no_mistake() -> None:
    assert findings(file_of("phoenix_charx")) == [], "a letter of the state, and its text"
    assert findings(ABL) == [], "an identification, and a bit of it"


def test_a_finding_about_a_whole_model_names_the_line() -> None:
    text = file_of("em2go_daheimladen")
    line = 1 + text[: text.index("  pause:")].count("\n")
    wrong = text.replace("pause: [{point: session_control, value: 2}]",
                         "pause: [{point: setpoint_write, value: 0}]")  # fmt: skip
    assert any(f"keba_p30.yaml:{line}: error: control.pause" in one for one in findings(wrong))


RATIO = (product_db() / "meters/chint_dtsu666.yaml").read_text(encoding="utf-8")
RATIOS = [
    ("times: [ct_ratio], unit: A", "times: [ct_rat], unit: A", "point 'ct_rat' does not exist"),
    ("times: [ct_ratio], unit: A", "times: [voltage_l1], unit: A", "'voltage_l1' is no ratio"),
    ("type: i16, poll: slow, required: true, confidence: high, note: \"IrAt",
     "type: i16, poll: slow, confidence: high, note: \"IrAt", "nothing is reported as long as"),
    ("times: [vt_ratio], unit: V", "add: 1, times: [vt_ratio], unit: V", "leave `add` out"),
    ("transformers: read\n", "", "transformers is none, but some point has `times`"),
    ("transformers: read\n", "transformers: maybe\n", "expected one of none, applied, read, unsure"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "problem"), RATIOS)
def test_a_mistake_about_transformers_is_reported(old: str, new: str, problem: str) -> None:
    assert findings(RATIO, DeviceKind.METER) == []
    assert old in RATIO
    shown = findings(RATIO.replace(old, new), DeviceKind.METER)
    assert any(problem in line for line in shown), shown
