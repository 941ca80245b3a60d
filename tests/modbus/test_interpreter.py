"""What the registers of each model mean, as the reference says."""

from dataclasses import replace

import pytest

from knxgw.catalogue.product import Catalogue
from knxgw.charging.quantities import Quantity
from knxgw.modbus.codec import Raw
from knxgw.modbus.interpreter import Interpreter

STATES: list[tuple[str, dict[str, Raw], int, int | None]] = [
    # model, raw values, state of GO 50, plug (None: not told)
    ("keba_p30", {"state": 0, "plug": 0}, 1, 0),
    ("keba_p30", {"state": 1, "plug": 1}, 5, 0),
    ("keba_p30", {"state": 1, "plug": 3}, 5, 0),
    ("keba_p30", {"state": 1, "plug": 5}, 7, 1),
    ("keba_p30", {"state": 2, "plug": 7}, 6, 1),
    ("keba_p30", {"state": 3, "plug": 7}, 8, 1),
    ("keba_p30", {"state": 4, "plug": 7}, 2, 1),
    ("keba_p30", {"state": 5, "plug": 7}, 11, 1),
    ("keba_p30", {"state": 5, "plug": 1}, 5, 0),
    ("alfen_eve", {"state": "A", "availability": 1}, 5, 0),
    ("alfen_eve", {"state": "B1", "availability": 1}, 7, 1),
    ("alfen_eve", {"state": "B2", "availability": 1}, 6, 1),
    ("alfen_eve", {"state": "C1", "availability": 1}, 11, 1),
    ("alfen_eve", {"state": "C2", "availability": 1}, 8, 1),
    ("alfen_eve", {"state": "D1", "availability": 1}, 11, 1),
    ("alfen_eve", {"state": "D2", "availability": 1}, 10, 1),
    ("alfen_eve", {"state": "E", "availability": 1}, 5, 0),
    ("alfen_eve", {"state": "F", "availability": 1}, 2, None),
    ("alfen_eve", {"state": "C2", "availability": 0}, 3, 1),
    ("abb_terra_ac", {"state": 0, "plug": 0, "error_1": 0}, 5, 0),
    ("abb_terra_ac", {"state": 1, "plug": 0x101, "error_1": 0}, 7, 1),
    ("abb_terra_ac", {"state": 2, "plug": 0x111, "error_1": 0}, 6, 1),
    ("abb_terra_ac", {"state": 3, "plug": 0x111, "error_1": 0}, 11, 1),
    ("abb_terra_ac", {"state": 4, "plug": 0x111, "error_1": 0}, 8, 1),
    ("abb_terra_ac", {"state": 5, "plug": 0x111, "error_1": 0}, 4, 1),
    ("abb_terra_ac", {"state": 5, "plug": 0, "error_1": 0}, 5, 0),
    ("abb_terra_ac", {"state": 4, "plug": 0x111, "error_1": 16}, 2, 1),
    ("goe_charger", {"state": 1, "session_control": 0, "error_1": 0}, 5, 0),
    ("goe_charger", {"state": 2, "session_control": 0, "error_1": 0}, 8, 1),
    ("goe_charger", {"state": 3, "session_control": 0, "error_1": 0}, 6, 1),
    ("goe_charger", {"state": 3, "session_control": 1, "error_1": 0}, 11, 1),
    ("goe_charger", {"state": 4, "session_control": 0, "error_1": 0}, 4, 1),
    ("goe_charger", {"state": 2, "session_control": 0, "error_1": 8}, 2, 1),
]


@pytest.mark.proves("H.18")
@pytest.mark.parametrize(("model_id", "raws", "state", "plug"), STATES)
def test_state_codes_map_as_the_reference_says(
    catalogue: Catalogue, model_id: str, raws: dict[str, Raw], state: int, plug: int | None
) -> None:
    values = Interpreter("cp1", catalogue.chargers[model_id]).update(raws)
    assert values[Quantity.STATE] == state
    assert values.get(Quantity.CONNECTED) == plug


def test_every_code_of_every_state_table_gives_a_state(catalogue: Catalogue) -> None:
    for model in catalogue.chargers.values():
        for code, meaning in model.points["state"].codes.items():
            assert meaning.state is not None, f"{model.id}: {code}"


@pytest.mark.proves("3.1", "H.19")
def test_an_unknown_code_is_state_0_and_logged_once(
    catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["alfen_eve"])
    for _ in range(3):
        values = interpreter.update({"state": "X9", "availability": 1})
        assert values[Quantity.STATE] == 0
    assert caplog.text.count("'X9'") == 1


def test_no_state_is_given_before_all_it_depends_on_was_read(catalogue: Catalogue) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["keba_p30"])
    assert Quantity.STATE not in interpreter.update({"state": 3})
    assert interpreter.update({"plug": 7})[Quantity.STATE] == 8


@pytest.mark.proves("2.28")
def test_sums_come_from_phases_but_phases_never_from_a_sum(catalogue: Catalogue) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["goe_charger"])
    values = interpreter.update({"current_l1": 160, "current_l2": 100, "current_l3": 0})
    assert values[Quantity.CURRENT] == 26_000
    assert values[Quantity.CURRENT_L2] == 10_000
    values = interpreter.update({"power": 360_000})
    assert values == {Quantity.POWER: 3600}, "the vendor's own example"


def test_units_become_those_of_the_station(catalogue: Catalogue) -> None:
    keba = Interpreter("cp1", catalogue.chargers["keba_p30"])
    values = keba.update({"power": 11_040_000, "energy_total": 12_345_600, "current_l1": 15_999})
    assert values[Quantity.POWER] == 11_040
    assert values[Quantity.ENERGY] == 1_234_560_000, "mWh; devices deliver 0.1 Wh"
    assert values[Quantity.CURRENT_L1] == 15_999
    alfen = Interpreter("cp1", catalogue.chargers["alfen_eve"])
    assert alfen.update({"temperature": 31.5}) == {Quantity.TEMPERATURE: 3150}


def test_what_is_not_available_is_left_out(catalogue: Catalogue) -> None:
    alfen = Interpreter("cp1", catalogue.chargers["alfen_eve"])
    values = alfen.update({"current_l1": None, "current_l2": 1.0, "current_l3": 2.0})
    assert Quantity.CURRENT_L1 not in values
    assert Quantity.CURRENT not in values, "L2 and L3 alone would be too little"


CURRENTS = {"current_l1": 10.0, "current_l2": 10.0, "current_l3": 10.0}


@pytest.mark.proves("H.60")
def test_a_sum_has_no_value_while_a_phase_is_not_available(catalogue: Catalogue) -> None:
    alfen = Interpreter("cp1", catalogue.chargers["alfen_eve"])
    assert alfen.update(CURRENTS)[Quantity.CURRENT] == 30_000
    gone = alfen.update({**CURRENTS, "current_l2": None})
    assert gone == {Quantity.CURRENT_L1: 10_000, Quantity.CURRENT_L3: 10_000}
    assert Quantity.CURRENT not in alfen.update({"current_l1": 12.0}), "nor with an old L2"
    assert Quantity.CURRENT not in alfen.update({"current_l2": 12.0}), "nor with an old L3"
    assert alfen.update({"current_l3": 10.0})[Quantity.CURRENT] == 34_000


def test_phases_that_a_charging_point_does_not_have_are_not_missed(catalogue: Catalogue) -> None:
    alfen = Interpreter("cp1", catalogue.chargers["alfen_eve"], phases=1)
    values = alfen.update({**CURRENTS, "current_l2": None, "current_l3": None})
    assert values == {Quantity.CURRENT_L1: 10_000, Quantity.CURRENT: 10_000}


def test_a_separate_sum_is_used_without_the_phases(catalogue: Catalogue) -> None:
    alfen = Interpreter("cp1", catalogue.chargers["alfen_eve"])
    assert alfen.update({"power_l1": None, "power": 6900.0}) == {Quantity.POWER: 6900}


def test_a_phase_made_of_parts_is_missed_when_a_part_is_not_available(
    catalogue: Catalogue,
) -> None:
    ksem = catalogue.meters["tq_em300_kostal_ksem"]
    without = {name: one for name, one in ksem.computed.items() if name != "power"}
    meter = Interpreter("meter", replace(ksem, computed=without))
    parts = {f"power_{way}_l{n}": 10_000 for n in (1, 2, 3) for way in ("import", "export")}
    assert meter.update(parts)[Quantity.POWER] == 0
    assert Quantity.POWER not in meter.update({**parts, "power_export_l3": None})


@pytest.mark.proves("2.43", "2.45")
def test_an_error_code_becomes_readable_hexadecimal(catalogue: Catalogue) -> None:
    goe = Interpreter("cp1", catalogue.chargers["goe_charger"])
    assert goe.update({"error_1": 8})[Quantity.FAULT_INFO_1] == "0x0008"
    assert goe.update({"error_1": 0})[Quantity.FAULT_INFO_1] == ""


def test_a_new_plug_with_an_old_state_gives_no_state_that_never_was(catalogue: Catalogue) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["keba_p30"])
    interpreter.update({"state": 1})
    assert interpreter.update({"plug": 1})[Quantity.STATE] == 5
    assert Quantity.STATE not in interpreter.update({"plug": 7}), "7 would be wrong"
    assert interpreter.inconsistent == {"state"}
    assert Quantity.STATE not in interpreter.update({"state": 3})
    assert interpreter.update({"plug": 7}) == {Quantity.STATE: 8, Quantity.CONNECTED: 1}
    assert interpreter.inconsistent == set()


def test_a_device_that_changes_at_every_look_is_believed_in_the_end(catalogue: Catalogue) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["keba_p30"])
    interpreter.update({"state": 1, "plug": 1})
    given = []
    for turn in range(8):
        point, value = (("state", 1 + turn % 3), ("plug", 5 + turn % 4))[turn % 2]
        given.append(Quantity.STATE in interpreter.update({point: value}))
    assert any(given)


# --- sums of phases ------------------------------------------------------------------------------


def phase_by_phase(interpreter: Interpreter, kind: str, *raws: Raw | None) -> list[object]:
    """Return what is told of the sum while the phases are read one after the other."""
    total = Quantity(kind)
    reported: list[object] = []
    for phase, raw in enumerate(raws, 1):
        reported.append(interpreter.update({f"{kind}_l{phase}": raw}).get(total))
    return reported


@pytest.mark.proves("H.80", "2.28")
def test_a_sum_is_known_once_every_phase_was_read(catalogue: Catalogue) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["keba_p30"])
    assert phase_by_phase(interpreter, "current", 16_000, 16_000, 16_000) == [None, None, 48_000]
    assert phase_by_phase(interpreter, "current", 10_000, 0, 16_000) == [None, None, 26_000]


@pytest.mark.proves("H.80", "2.28")
def test_after_a_new_connection_no_phase_of_before_is_in_a_sum(catalogue: Catalogue) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["keba_p30"])
    phase_by_phase(interpreter, "current", 16_000, 16_000)
    interpreter.forget()
    assert interpreter.update({"current_l3": 16_000}).get(Quantity.CURRENT) is None


@pytest.mark.proves("2.28")
def test_a_phase_that_is_not_read_any_more_keeps_its_sum_from_being_renewed(
    catalogue: Catalogue,
) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["keba_p30"])
    phase_by_phase(interpreter, "current", 16_000, 16_000, 16_000)
    for _ in range(3):
        assert phase_by_phase(interpreter, "current", 6000, 6000) == [None, None]
    assert interpreter.update({"current_l3": 6000})[Quantity.CURRENT] == 18_000


@pytest.mark.proves("H.80", "2.28")
def test_sums_of_every_kind_wait_for_all_phases(catalogue: Catalogue) -> None:
    for model in (*catalogue.chargers.values(), *catalogue.meters.values()):
        for kind, own in (
            ("current", "current_sum"),
            ("power", "power"),
            ("energy_total", "energy_total"),
        ):
            names = [f"{kind}_l{n}" for n in (1, 2, 3) if f"{kind}_l{n}" in model.points]
            if own in model.points or own in model.computed or len(names) < 2:
                continue
            points = [model.points[name] for name in names]
            if any(one.scale_from or one.valid_if or one.ratio_points for one in points):
                continue
            interpreter, total = Interpreter("x", model), Quantity(kind.removesuffix("_total"))
            reported = [interpreter.update({name: 7}).get(total) for name in names]
            assert reported[:-1] == [None] * (len(names) - 1), model.id
            assert reported[-1] is not None, model.id


def test_a_phase_that_is_not_available_makes_the_sum_so(catalogue: Catalogue) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["alfen_eve"])
    values = interpreter.update({"current_l1": 6.0, "current_l2": None, "current_l3": 6.0})
    assert Quantity.CURRENT not in values
    assert interpreter.unavailable >= {Quantity.CURRENT_L2, Quantity.CURRENT}
    one_phase = Interpreter("cp1", catalogue.chargers["alfen_eve"], phases=1)
    values = one_phase.update({"current_l1": 6.0, "current_l2": None, "current_l3": None})
    assert values[Quantity.CURRENT] == 6000


@pytest.mark.parametrize("refused", ["current_l1", "current_l2", "current_l3"])
def test_a_sum_without_a_phase_that_is_wired_is_none(catalogue: Catalogue, refused: str) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["keba_p30"])
    interpreter.mark_missing([refused])
    others = {"current_l1", "current_l2", "current_l3"} - {refused}
    assert Quantity.CURRENT not in interpreter.update(dict.fromkeys(others, 16_000))
    interpreter.expect_all()
    whole = interpreter.update(dict.fromkeys({refused, *others}, 16_000))
    assert whole[Quantity.CURRENT] == 48_000


def test_a_refused_phase_to_which_nothing_is_wired_is_not_missed(catalogue: Catalogue) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["keba_p30"], phases=2)
    interpreter.mark_missing(["current_l3"])
    values = interpreter.update({"current_l1": 16_000, "current_l2": 15_000})
    assert values[Quantity.CURRENT] == 31_000


def test_a_phase_the_device_refuses_is_not_waited_for(catalogue: Catalogue) -> None:
    interpreter = Interpreter("cp1", catalogue.chargers["keba_p30"])
    interpreter.mark_missing(["current_l2", "current_l3"])
    assert interpreter.update({"current_l1": 16_000})[Quantity.CURRENT] == 16_000
    interpreter.expect_all()
    interpreter.forget()
    assert Quantity.CURRENT not in interpreter.update({"current_l1": 16_000})


def test_an_empty_text_says_that_it_is_not_known(catalogue: Catalogue) -> None:
    charx = Interpreter("cp1", catalogue.chargers["phoenix_charx"])
    assert charx.update({"evccid": "", "firmware": ""}) == {}
    assert charx.unavailable == {Quantity.EVCCID, Quantity.FIRMWARE}
    assert charx.update({"rfid": ""}) == {Quantity.RFID: ""}, "no card is a value"


@pytest.mark.proves("2.37", "H.81")
@pytest.mark.parametrize("shown", ["", "N/A", "none", "000000000000", "00:00:00:00:00:00", "12AB"])
def test_a_text_that_is_no_evccid_is_not_shown_as_one(catalogue: Catalogue, shown: str) -> None:
    charx = Interpreter("cp1", catalogue.chargers["phoenix_charx"])
    assert Quantity.EVCCID not in charx.update({"evccid": shown})
    assert Quantity.EVCCID in charx.unavailable
    reported = charx.update({"evccid": "00:1a:2b:3c:4d:5e"})
    assert reported == {Quantity.EVCCID: "001A2B3C4D5E"}
