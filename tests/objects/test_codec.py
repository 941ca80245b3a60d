"""Values of the station to payloads and back."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xknx.dpt import DPTArray, DPTBase, DPTBinary

from knxgw.catalogue.product import Catalogue
from knxgw.charging.publication import Published
from knxgw.errors import DecodeError, EncodeError
from knxgw.objects.codec import Payload, bus_text, decode_current_ma, decode_flag, encode

BERLIN = ZoneInfo("Europe/Berlin")
DPTS = (
    *(None, "1.001", "1.011", "7.012", "9.001", "9.021", "9.024", "10.001", "13.010", "13.013"),
    *("13.100", "14.019", "14.056", "16.001", "99.999", "nonsense", ""),
)
payloads = st.one_of(
    st.binary(max_size=16).map(lambda data: DPTArray(tuple(data))),
    st.integers(0, 63).map(DPTBinary),
)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from((10**40, -(10**40), 10**400, -(10**400))),
    st.text(max_size=40),
    st.integers(0, 4 * 10**9).map(lambda s: datetime.fromtimestamp(s, UTC)),
)


def value_of(dpt: str, payload: Payload) -> object:
    transcoder = DPTBase.parse_transcoder(dpt)
    assert transcoder is not None
    return transcoder.from_knx(payload)


@settings(max_examples=200)
@given(st.sampled_from(DPTS), values)
def test_any_value_of_the_station_is_encoded_or_refused_with_encode_error(
    dpt: str | None, value: Published
) -> None:
    try:
        payload = encode(dpt, value, BERLIN)
    except EncodeError:
        return
    if isinstance(payload, DPTArray):
        assert all(0 <= byte <= 255 for byte in payload.value)


@settings(max_examples=100)
@given(payloads)
def test_any_payload_is_decoded_or_refused_with_decode_error(payload: Payload) -> None:
    for decode in (decode_flag, decode_current_ma):
        try:
            decode(payload)
        except DecodeError:
            continue


@settings(max_examples=100)
@given(st.integers(0, 1_000_000))
def test_a_current_comes_back_as_it_was_sent(current_ma: int) -> None:
    assert decode_current_ma(encode("14.019", current_ma, UTC)) == current_ma


@pytest.mark.proves("2.7")
@settings(max_examples=100)
@given(st.integers(-(10**6), 10**6))
def test_whole_numbers_of_an_object_keep_their_sense(value: int) -> None:
    for dpt in ("7.012", "9.021", "9.024", "14.056", "13.010", "13.013", "13.100", "9.001"):
        payload = encode(dpt, value, UTC)
        transcoder = DPTBase.parse_transcoder(dpt)
        assert transcoder is not None
        assert isinstance(payload, DPTArray)
        assert len(payload.value) == transcoder.payload_length


def test_every_object_of_the_product_can_be_encoded(catalogue: Catalogue) -> None:
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    for definition in catalogue.objects:
        for dpt in definition.dpts:
            if dpt == "19.001":  # received only
                continue
            value: Published = moment if dpt.startswith("10.") else 1
            assert isinstance(encode(dpt, value, BERLIN), DPTArray | DPTBinary)


@pytest.mark.proves("2.29")
@pytest.mark.parametrize(("sum_ma", "shown"), [(65_535, 65_535), (96_000, 65_535), (-5, 0)])
def test_7_012_saturates(sum_ma: int, shown: int) -> None:
    assert value_of("7.012", encode("7.012", sum_ma, UTC)) == shown


@pytest.mark.parametrize(
    ("dpt", "value", "shown"),
    [
        ("9.021", 16_384, 16_384),
        ("9.024", 11_040, 11.04),
        ("9.001", 2150, 21.5),
        ("9.001", -999_999, -273),
        ("13.010", 1_499, 1),
        ("13.013", 12_345_678_000, 12_346),
        ("13.010", 10**15, 2**31 - 1),
        ("14.056", -230, -230),
    ],
)
def test_numbers_arrive_in_the_unit_of_their_type(dpt: str, value: int, shown: float) -> None:
    assert value_of(dpt, encode(dpt, value, UTC)) == pytest.approx(shown, rel=0.001)


@pytest.mark.proves("2.72", "2.73")
@pytest.mark.parametrize(
    ("text", "shown"),
    [("0123456789ABCDEF", "0123456789ABCD"), ("Grün 5 €", "Grün 5 ?"), ("日本", "??")],
)
def test_a_text_is_cut_to_14_and_foreign_characters_become_question_marks(
    text: str, shown: str
) -> None:
    assert value_of("16.001", encode("16.001", text, UTC)) == shown
    assert bus_text(text) == shown


@pytest.mark.proves("2.34")
def test_a_time_of_day_is_local_with_monday_as_1() -> None:
    monday = datetime(2026, 7, 6, 22, 30, 15, tzinfo=UTC)  # Tuesday in Berlin, summer time
    assert encode("10.001", monday, BERLIN) == DPTArray((2 << 5 | 0, 30, 15))
    assert encode("10.001", monday, UTC) == DPTArray((1 << 5 | 22, 30, 15))
    sunday = datetime(2026, 1, 4, 11, 0, 0, tzinfo=UTC)
    assert encode("10.001", sunday, BERLIN) == DPTArray((7 << 5 | 12, 0, 0))


def test_one_byte_without_a_type_takes_one_byte_only() -> None:
    assert encode(None, 11, UTC) == DPTArray((11,))
    with pytest.raises(EncodeError):
        encode(None, 256, UTC)


@pytest.mark.parametrize(
    "raw", [(0x7F, 0xC0, 0, 0), (0x7F, 0x80, 0, 0), (0xFF, 0x80, 0, 0), (0xBF, 0x80, 0, 0)]
)
def test_a_current_that_is_none_is_told_apart(raw: tuple[int, ...]) -> None:
    assert decode_current_ma(DPTArray(raw)) is None, "NaN, infinite or negative"


def test_a_bit_in_a_byte_is_no_bit() -> None:
    with pytest.raises(DecodeError, match="expected one bit, got 1 bytes"):
        decode_flag(DPTArray((1,)))
    with pytest.raises(DecodeError, match="expected 4 bytes, got 2 bytes"):
        decode_current_ma(DPTArray((1, 2)))
