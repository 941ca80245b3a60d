"""KNX addresses are brought to one form."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xknx.telegram.address import GroupAddress, IndividualAddress

from knxgw.config.addresses import parse_group_address, parse_individual_address


@given(st.integers(1, 65535))
def test_each_form_of_a_group_address_means_the_same(raw: int) -> None:
    three = f"{raw >> 11}/{raw >> 8 & 7}/{raw & 255}"
    assert parse_group_address(three) == three
    assert parse_group_address(f"{raw >> 11}/{raw & 2047}") == three
    assert parse_group_address(str(raw)) == three
    assert GroupAddress(three).raw == raw


@given(st.integers(1, 65535))
def test_an_individual_address_is_kept(raw: int) -> None:
    text = str(IndividualAddress(raw))
    assert parse_individual_address(text) == text


@pytest.mark.parametrize(
    "text", ["0", "0/0", "0/0/0", "65536", "32/0", "0/2048", "-1", "1/2/3/4", "1//2", "", "٣/1/1"]
)
def test_what_is_no_group_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"group address|too large"):
        parse_group_address(text)


@pytest.mark.parametrize("text", ["1.1", "16.0.1", "1.16.1", "1.1.256", "0.0.0", "1/1/1", "a.b.c"])
def test_what_is_no_individual_address_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"individual address|too large|not the address of a device"
    ):
        parse_individual_address(text)


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    for parse in (parse_group_address, parse_individual_address):
        with suppress(ValueError):
            assert parse(parse(text)) == parse(text)
