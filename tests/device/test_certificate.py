"""The device certificate: both examples of the reference (10.5), and what a person mistypes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.device.certificate import CertificateError, certificate_text, read_certificate

EXAMPLES = [
    (
        "00FA01020304",
        "000102030405060708090A0B0C0D0E0F",
        "AD5ACA-QDAQAA-CAQDAQ-CQMBYI-BEFAWD-ANBYHV",
    ),
    (
        "00FA10010203",
        "0123456789ABCDEFFEDCBA9876543210",
        "AD5BAA-ICAMAS-GRLHRG-V43376-3S5JQ5-SUGIIL",
    ),
]


@pytest.mark.parametrize(("serial_number", "fdsk", "text"), EXAMPLES)
def test_the_certificate_is_as_in_the_reference(serial_number: str, fdsk: str, text: str) -> None:
    both = bytes.fromhex(serial_number), bytes.fromhex(fdsk)
    assert certificate_text(*both) == text
    assert read_certificate(text) == both
    assert read_certificate(text.replace("-", "").lower()) == both


def test_digits_that_look_like_letters_are_read_as_them() -> None:
    text = certificate_text(bytes.fromhex("00FA01020304"), b"\x5a" * 16)
    assert any(letter in text for letter in "OLB")
    assert read_certificate(text.replace("O", "0").replace("L", "1").replace("B", "8"))


@given(st.binary(min_size=6, max_size=6), st.binary(min_size=16, max_size=16))
def test_every_certificate_is_read_back(serial_number: bytes, fdsk: bytes) -> None:
    text = certificate_text(serial_number, fdsk)
    assert read_certificate(text) == (serial_number, fdsk)
    assert [len(group) for group in text.split("-")] == [6] * 6


@pytest.mark.parametrize("place", range(36))
def test_one_wrong_character_is_noticed(place: int) -> None:
    text = EXAMPLES[0][2].replace("-", "")
    other = "C" if text[place] != "C" else "D"
    with pytest.raises(CertificateError):
        read_certificate(text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "AD5ACA", "AD5ACA-QDAQAA-CAQDAQ-CQMBYI-BEFAWD-ANBYH!", "9" * 36, "A" * 37]
)
def test_what_is_no_certificate_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(CertificateError) as caught:
        read_certificate(text)
    assert not text or text not in str(caught.value)
