"""Electricity meters whose registers are entered by hand: what they become, and every mistake."""

import pytest

from knxgw.catalogue.device_model import DeviceModel, Transport
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Order, PollClass, RegisterType, Table
from knxgw.config.load import parse_configuration
from knxgw.config.manual_meter import MANUAL_ETS_ID, MANUAL_ID
from knxgw.config.objects import existing_objects
from tests.config.sites import KNX, configuration, errors, read

KEY = "charging_points[0].meter.manual"
CURRENTS = "current: {type: f32, l1: 6, l2: 8, l3: 10}"
PLACE = "connection: {host: 127.0.0.2, port: 5031}"


def site(manual: str, *, phases: int = 3, more: str = "") -> str:
    """Return a site whose only charging point has a meter entered by hand in line 7."""
    return f"""\
{KNX}charging_points:
  - number: 1
    model: evse_din
    connection: {{type: rtu_over_tcp, host: 127.0.0.1, port: 5021}}
    phases: {phases}
    meter: {{{more}manual: {{{manual}}}, {PLACE}}}
"""


def model(manual: str, *, phases: int = 3) -> DeviceModel:
    """Return the model that the registers become."""
    meter = configuration(site(manual, phases=phases)).points[0].meter
    assert meter is not None
    return meter.model


@pytest.mark.proves("4.43", "4.44")
def test_registers_entered_by_hand_are_a_model_like_any_other() -> None:
    meter = model(
        "function: 4, word_order: little, byte_order: little, max_registers: 20, "
        "request_gap_s: 0.1, current: {type: i32, scale: 0.001, l1: 0, l2: 2, l3: 4}, "
        "power: {type: f64, l1: 10, l2: 14, l3: 18}, "
        "energy: {type: u64, scale: 10, sum: 40}, fault: {type: u16, register: 80}"
    )
    assert (meter.id, meter.ets_id) == (MANUAL_ID, MANUAL_ETS_ID)
    assert meter.read.max_registers == 20
    assert meter.request_gap_s == 0.1
    assert {p.table for p in meter.points.values()} == {Table.INPUT}
    assert {p.word_order for p in meter.points.values()} == {Order.LITTLE}
    assert {p.byte_order for p in meter.points.values()} == {Order.LITTLE}
    shapes = {
        name: (p.address, p.type, p.count, p.scale, p.poll) for name, p in meter.points.items()
    }
    i32, f64, u64, u16 = RegisterType.I32, RegisterType.F64, RegisterType.U64, RegisterType.U16
    fast, normal = PollClass.FAST, PollClass.NORMAL
    assert shapes == {
        "current_l1": (0, i32, 2, 0.001, fast),
        "current_l2": (2, i32, 2, 0.001, fast),
        "current_l3": (4, i32, 2, 0.001, fast),
        "power_l1": (10, f64, 4, 1, normal),
        "power_l2": (14, f64, 4, 1, normal),
        "power_l3": (18, f64, 4, 1, normal),
        "energy_total": (40, u64, 4, 10, normal),
        "error_1": (80, u16, 1, 1, fast),
    }
    assert all(p.is_required for p in meter.points.values()), "somebody has named each of them"


def test_a_meter_entered_by_hand_goes_with_every_connection() -> None:
    assert set(model(f"function: 3, {CURRENTS}").transports) == set(Transport)


def test_the_number_for_ets_is_of_no_meter_of_the_catalogue() -> None:
    assert MANUAL_ETS_ID not in {meter.ets_id for meter in catalogue().meters.values()}
    assert MANUAL_ID not in catalogue().meters


@pytest.mark.proves("4.43")
@pytest.mark.parametrize(
    ("manual", "phases", "objects"),
    [
        (CURRENTS, 3, {62, 63, 64, 65}),
        ("current: {type: u16, l1: 0}", 1, {62, 63}),
        ("power: {type: i32, l1: 0, l2: 2, l3: 4}", 3, {66, 67, 68, 69, 74}),
        (f"{CURRENTS}, energy: {{type: u32, sum: 40}}", 3, {62, 63, 64, 65, 70, 74, 75}),
        (
            f"{CURRENTS}, energy: {{type: u32, l1: 40, l2: 42, l3: 44}}",
            3,
            {62, 63, 64, 65, 70, 71, 72, 73, 74, 75},
        ),
        (f"{CURRENTS}, fault: {{type: u16, register: 40}}", 3, {62, 63, 64, 65}),
    ],
)
def test_an_object_exists_where_its_registers_are_given(
    manual: str, phases: int, objects: set[int]
) -> None:
    found = existing_objects(
        configuration(site(f"function: 3, {manual}", phases=phases)), catalogue()
    )
    measured = {*range(62, 76), *range(96, 100)}
    assert {one.number for one in found} & measured == objects


def test_powers_are_followed_closely_where_there_are_no_currents() -> None:
    meter = model("function: 3, power: {type: i32, l1: 0, l2: 2, l3: 4}")
    assert {p.poll for p in meter.points.values()} == {PollClass.FAST}


MISTAKES = {
    "nothing to measure": (
        "function: 3, energy: {type: u32, sum: 1}",
        f"7: error: {KEY}: neither currents nor powers are given; "
        "add `current: {type: …, l1: …}` or `power: {type: …, l1: …}`",
    ),
    "no function": (CURRENTS, f"7: error: {KEY}.function: is missing; add `function: …`"),
    "another function": (
        f"function: 1, {CURRENTS}",
        f"7: error: {KEY}.function: expected one of 3, 4, got '1'",
    ),
    "no type": (
        "function: 3, current: {l1: 0, l2: 1, l3: 2}",
        f"7: error: {KEY}.current.type: is missing; add `type: …`",
    ),
    "a type of three registers": (
        "function: 3, current: {type: u48, l1: 0, l2: 3, l3: 6}",
        f"7: error: {KEY}.current.type: expected one of u16, i16, u32, i32, u64, i64, f32, f64, "
        "got 'u48'; did you mean 'u64'?",
    ),
    "a fault as a float": (
        f"function: 3, {CURRENTS}, fault: {{type: f32, register: 50}}",
        f"7: error: {KEY}.fault.type: expected one of u16, i16, u32, i32, u64, i64, got 'f32'; "
        "did you mean 'u32'?",
    ),
    "a fault without its register": (
        f"function: 3, {CURRENTS}, fault: {{type: u16}}",
        f"7: error: {KEY}.fault.register: is missing; add `register: …`",
    ),
    "a misspelt key": (
        "function: 3, current: {type: f32, l1: 0, l2: 2, l3: 4, scal: 1}",
        f"7: error: {KEY}.current.scal: unknown key; did you mean 'scale'?",
    ),
    "an address that does not exist": (
        "function: 3, current: {type: f32, l1: 70000, l2: 2, l3: 4}",
        f"7: error: {KEY}.current.l1: '70000' is out of range; allowed: 0 to 65535",
    ),
    "a value behind the last register": (
        "function: 3, current: {type: f32, l1: 65535, l2: 2, l3: 4}",
        f"7: error: {KEY}.current.l1: f32 has 2 registers, which would end after 65535; "
        "check the address; it is counted from 0",
    ),
    "a scale of 0": (
        "function: 3, current: {type: f32, scale: 0, l1: 0, l2: 2, l3: 4}",
        f"7: error: {KEY}.current.scale: a scale of 0 would make every value 0; "
        "enter the factor that gives the unit, or 1",
    ),
    "a scale that is no number": (
        "function: 3, current: {type: f32, scale: mA, l1: 0, l2: 2, l3: 4}",
        f"7: error: {KEY}.current.scale: expected a number, got 'mA'; allowed: -1000000 to 1000000",
    ),
    "no first phase": (
        "function: 3, current: {type: f32, l2: 2, l3: 4}",
        f"7: error: {KEY}.current.l1: is missing; add `l1: …`",
    ),
    "a phase left out": (
        "function: 3, current: {type: f32, l1: 0, l3: 4}",
        f"7: error: {KEY}.current.l3: L3 is given without L2; "
        "add `l2: …`; a meter of one phase has l1 only",
    ),
    "fewer phases than the charging point has": (
        "function: 3, power: {type: f32, l1: 0}",
        f"7: error: {KEY}.power: has 1 of the 3 phases of the charging point, their sum would be "
        "wrong; add l2 and l3, or write phases: 1",
    ),
    "energy of fewer phases": (
        f"function: 3, {CURRENTS}, energy: {{type: u32, l1: 20, l2: 22}}",
        f"7: error: {KEY}.energy: has 2 of the 3 phases of the charging point, their sum would be "
        "wrong; add l3, or write phases: 2",
    ),
    "energy without a register": (
        f"function: 3, {CURRENTS}, energy: {{type: u32}}",
        f"7: error: {KEY}.energy: no register is given; add `sum: …` or `l1: …`",
    ),
    "two values in one register": (
        "function: 3, current: {type: f32, l1: 6, l2: 7, l3: 10}",
        f"7: error: {KEY}.current.l2: register 7 already belongs to {KEY}.current.l1, which has 2 "
        "registers from 6 on; check both addresses and types",
    ),
    "a value of more registers than a request may have": (
        "function: 3, max_registers: 2, current: {type: f64, l1: 0, l2: 4, l3: 8}",
        f"7: error: {KEY}.max_registers: f64 has 4 registers, more than 2; write at least 4",
    ),
}


@pytest.mark.proves("4.46")
@pytest.mark.parametrize(("manual", "finding"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_found_with_its_line_and_a_remedy(manual: str, finding: str) -> None:
    assert errors(site(manual)) == [f"site.yaml:{finding}"]
    assert read(site(manual)).configuration is None


@pytest.mark.proves("4.46")
def test_a_meter_is_either_of_the_catalogue_or_entered_by_hand() -> None:
    assert errors(site(f"function: 3, {CURRENTS}", more="model: eastron_sdm630, ")) == [
        f"site.yaml:7: error: {KEY}: a meter is either from the catalogue or entered by hand; "
        "remove `model` or `manual`"
    ]


def test_two_meters_at_one_address_are_a_fault_of_the_configuration() -> None:
    text = site(f"function: 3, {CURRENTS}") + (
        "  - {number: 2, model: evse_din, "
        "connection: {type: rtu_over_tcp, host: 127.0.0.1, port: 5022},\n"
        f"     meter: {{manual: {{function: 3, {CURRENTS}}}, {PLACE}}}}}\n"
    )
    loaded = parse_configuration(text, catalogue(), name="site.yaml")
    assert loaded.configuration is not None
    assert [fault.code for fault in loaded.configuration.faults] == ["Conf EMeter"]


SMART_METER = f"""\
{KNX}load_management:
  mode: dynamic
  fuse_a: 35
  smart_meter:
    {{source: modbus, phases: 3, measurement: current, {PLACE}, manual: {{MANUAL}}}}
charging_points:
  - {{number: 1, model: keba_p30, connection: {{host: 192.168.1.31}}}}
"""


def test_the_smart_meter_can_be_entered_by_hand_too() -> None:
    site_of = SMART_METER.replace("{MANUAL}", f"{{function: 4, {CURRENTS}}}")
    smart_meter = configuration(site_of).load_management.smart_meter
    assert smart_meter is not None
    assert smart_meter.meter is not None
    assert smart_meter.meter.model.id == MANUAL_ID


@pytest.mark.parametrize(
    ("manual", "missing"),
    [
        ("power: {type: i32, l1: 0, l2: 2, l3: 4}", "current_l1 and current_l2 and current_l3"),
        ("current: {type: f32, l1: 0}", "current_l2 and current_l3"),
    ],
)
def test_a_smart_meter_has_to_measure_what_load_management_needs(manual: str, missing: str) -> None:
    assert errors(SMART_METER.replace("{MANUAL}", f"{{function: 4, {manual}}}")) == [
        "site.yaml:6: error: load_management.smart_meter.manual: "
        f"manual_meter does not supply {missing}"
    ]
