"""Registers to values and back."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.catalogue.points import Order, Point, PollClass, RegisterType, Table, TextFormat
from knxgw.catalogue.product import Catalogue
from knxgw.errors import DecodeError, EncodeError
from knxgw.modbus.codec import as_text, decode, encode, fault_text, scaled, unscaled


def point(kind: RegisterType, count: int, **changes: object) -> Point:
    base = Point(
        name="x",
        table=Table.HOLDING,
        address=0,
        count=count,
        type=kind,
        scale=1.0,
        scale_from=None,
        add=0.0,
        unit=None,
        is_readable=True,
        is_writable=True,
        write_function=None,
        extract=None,
        codes={},
        word_order=Order.BIG,
        byte_order=Order.BIG,
        string_order=Order.BIG,
        unit_id=None,
        is_relative=False,
        low=None,
        high=None,
        invalid=(),
        is_optional=False,
        is_required=False,
        poll=PollClass.FAST,
        format=TextFormat.PLAIN,
        confidence="high",
        note="",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "registers", "raw"),
    [
        (RegisterType.U16, [0x1234], 0x1234),
        (RegisterType.I16, [0xFFFE], -2),
        (RegisterType.U32, [0x0001, 0x0002], 0x10002),
        (RegisterType.I32, [0xFFFF, 0xFFFF], -1),
        (RegisterType.U48, [1, 2, 3], 0x000100020003),
        (RegisterType.U64, [0, 0, 1, 0], 0x10000),
        (RegisterType.F32, [0x4180, 0x0000], 16.0),
        (RegisterType.F64, [0x40C8, 0x1C80, 0, 0], 12345.0),
        (RegisterType.STR, [0x4332, 0x0000], "C2"),
        (RegisterType.STRW, [0x0041, 0x0042], "AB"),
        (RegisterType.BYTES, [0x5441, 0x4342], "54414342"),
        (RegisterType.BCD_HMS32, [0x0001, 0x2345], 5025),
        (RegisterType.T5, [0xFE00, 0x59D8], 230.0),
        (RegisterType.T5, [0x02FF, 0xFFFF], 1_677_721_500.0),
        (RegisterType.T6, [0xFEFF, 0xFFFF], -0.01),
        (RegisterType.T6, [0x0080, 0x0000], -8_388_608.0),
    ],
)
def test_known_registers_give_known_values(
    kind: RegisterType, registers: list[int], raw: object
) -> None:
    assert decode(point(kind, len(registers)), registers) == raw


def test_word_and_byte_order_are_followed() -> None:
    low_word_first = point(RegisterType.U32, 2, word_order=Order.LITTLE)
    assert decode(low_word_first, [0x0002, 0x0001]) == 0x10002
    swapped = point(RegisterType.U16, 1, byte_order=Order.LITTLE)
    assert decode(swapped, [0x3412]) == 0x1234
    low_byte_first = point(RegisterType.STR, 1, string_order=Order.LITTLE)
    assert decode(low_byte_first, [0x4241]) == "AB"


@pytest.mark.parametrize(("order", "registers"), [(Order.BIG, [0x4142]), (Order.LITTLE, [0x4241])])
def test_a_text_is_written_in_the_order_in_which_it_is_read(
    order: Order, registers: list[int]
) -> None:
    text = point(RegisterType.STR, 1, string_order=order)
    assert list(encode(text, "AB")) == registers
    assert decode(text, registers) == "AB"


def only(code: int) -> tuple[range, ...]:
    return (range(code, code + 1),)


def test_values_that_are_not_available_are_none() -> None:
    assert decode(point(RegisterType.F32, 2), [0x7FC0, 0]) is None
    assert decode(point(RegisterType.F32, 2), [0x7F80, 0]) is None
    assert decode(point(RegisterType.U16, 1, invalid=only(0xFFFF)), [0xFFFF]) is None
    assert decode(point(RegisterType.I16, 1, invalid=only(0x8000)), [0x8000]) is None
    assert decode(point(RegisterType.I32, 2, invalid=only(0x80000000)), [0x8000, 0]) is None
    little = point(RegisterType.I32, 2, invalid=only(0x80000000), word_order=Order.LITTLE)
    assert decode(little, [0, 0x8000]) is None
    overflow = point(RegisterType.I32, 2, invalid=(range(0x7FFF0000, 0x80000000),))
    assert decode(overflow, [0x7FFF, 0x1234]) is None
    assert decode(overflow, [0x7FFE, 0xFFFF]) == 0x7FFEFFFF
    assert decode(overflow, [0x8000, 0]) == -(2**31)


def test_a_wrong_number_of_registers_is_an_error() -> None:
    with pytest.raises(DecodeError, match="expected 2 registers, got 1"):
        decode(point(RegisterType.U32, 2), [1])


def test_the_state_of_an_abb_charger_is_taken_out_of_its_32_bits(catalogue: Catalogue) -> None:
    state = catalogue.chargers["abb_terra_ac"].points["state"]
    assert decode(state, [0x0000, 0x0400]) == 4
    assert decode(state, [0x0000, 0x8401]) == 4, "bit 7 is a flag of its own"
    assert decode(state, encode(state, 3)) == 3


@pytest.mark.proves("2.41")
def test_texts_on_the_bus_have_the_form_of_their_maker(catalogue: Catalogue) -> None:
    keba = catalogue.chargers["keba_p30"].points
    assert as_text(keba["firmware"], 0x030A0D00) == "3.10.13"
    assert as_text(keba["serial"], 17619300) == "17619300"
    assert as_text(keba["serial"], 42) == "00000042"
    assert as_text(keba["rfid"], 0x04A1B2C3) == "04A1B2C3"
    assert as_text(keba["rfid"], 0) == ""
    assert fault_text(keba["error_1"], 0x18012) == "0x00018012"
    assert fault_text(keba["error_1"], 0) == ""
    goe = catalogue.chargers["goe_charger"].points
    assert as_text(goe["rfid"], "04A1B2C3D4E580000000") == "04A1B2C3"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EncodeError):
        encode(point(RegisterType.U16, 1), 70000)
    with pytest.raises(EncodeError):
        encode(point(RegisterType.STR, 1), "ABC")
    with pytest.raises(EncodeError):
        encode(point(RegisterType.U16, 1), "abc")


@given(st.floats(-99_999, 99_999))
def test_a_measured_value_keeps_six_digits(value: float) -> None:
    signed = point(RegisterType.T6, 2)
    raw = decode(signed, encode(signed, value))
    assert raw == pytest.approx(value, rel=1e-6, abs=1e-7)
    if value >= 0:
        unsigned = point(RegisterType.T5, 2)
        assert decode(unsigned, encode(unsigned, value)) == pytest.approx(value, rel=1e-6, abs=1e-7)


@given(st.lists(st.integers(0, 0xFFFF), min_size=2, max_size=2))
def test_every_measured_value_is_a_finite_number(registers: list[int]) -> None:
    for kind in (RegisterType.T5, RegisterType.T6):
        raw = decode(point(kind, 2), registers)
        assert isinstance(raw, float)
        assert math.isfinite(raw)


@pytest.mark.parametrize("value", [-1.0, float("inf"), float("nan"), 1e300])
def test_a_measured_value_that_cannot_be_said_is_refused(value: float) -> None:
    with pytest.raises(EncodeError):
        encode(point(RegisterType.T5, 2), value)


@given(st.integers(-32767, 32767), st.integers(-10, 10))
def test_a_value_and_its_decimal_exponent_go_both_ways(raw: int, exponent: int) -> None:
    one = point(RegisterType.I16, 1, scale=0.1)
    assert unscaled(one, scaled(one, raw, exponent), exponent) == raw


@pytest.mark.parametrize("exponent", [11, -11, -32768, 1.5, "2"])
def test_what_is_no_exponent_of_a_scale_is_an_error(exponent: object) -> None:
    with pytest.raises(DecodeError, match="is not an exponent"):
        scaled(point(RegisterType.I16, 1), 5, exponent)  # type: ignore[arg-type]


INTEGERS = {
    RegisterType.U16: (0, 2**16 - 1), RegisterType.I16: (-(2**15), 2**15 - 1),
    RegisterType.U32: (0, 2**32 - 1), RegisterType.I32: (-(2**31), 2**31 - 1),
    RegisterType.U48: (0, 2**48 - 1), RegisterType.U64: (0, 2**64 - 1),
    RegisterType.I64: (-(2**63), 2**63 - 1),
}  # fmt: skip
COUNTS = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "u48": 3, "u64": 4, "i64": 4}


@given(st.data(), st.sampled_from(sorted(INTEGERS)), st.sampled_from(Order), st.sampled_from(Order))
def test_every_integer_survives_the_way_to_registers_and_back(
    data: st.DataObject, kind: RegisterType, words: Order, octets: Order
) -> None:
    low, high = INTEGERS[kind]
    value = data.draw(st.integers(low, high))
    one = point(kind, COUNTS[kind], word_order=words, byte_order=octets)
    assert decode(one, encode(one, value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_survives(value: float) -> None:
    one = point(RegisterType.F64, 4)
    assert decode(one, encode(one, value)) == value


@given(st.sampled_from(RegisterType), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=8))
def test_any_registers_decode_or_raise_decode_error(
    kind: RegisterType, registers: list[int]
) -> None:
    try:
        raw = decode(point(kind, len(registers)), registers)
    except DecodeError:
        return
    except Exception as err:  # noqa: BLE001 - the property is that nothing else comes
        pytest.fail(f"{kind} {registers}: {err!r}")
    assert raw is None or not isinstance(raw, float) or math.isfinite(raw)


def test_every_numeric_point_of_every_model_encodes_its_scaled_value(catalogue: Catalogue) -> None:
    for model in catalogue.models:
        for one in model.points.values():
            if one.unit is None:
                continue
            raw = unscaled(one, 10.0)
            decoded = decode(one, encode(one, raw))
            assert decoded is not None
            assert scaled(one, decoded) == pytest.approx(10.0, abs=abs(one.scale) / 2), one.name
