"""Vectors of the reference, sections 10.3 and 10.4, and that nothing changed is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xknx.cemi import CEMIFrame, CEMILData

from knxgw.knx.secure_apdu import (
    DATA_BY_TOOL,
    Envelope,
    Failure,
    SecureError,
    SyncRequest,
    open_data,
    open_sync_request,
    open_sync_response,
    parse,
    seal,
    seal_sync_request,
    seal_sync_response,
)

KEY = bytes(range(16))
TOOL, DEVICE = bytes.fromhex("FF67"), bytes.fromhex("FF00")
TO_DEVICE = Envelope(TOOL, DEVICE, 0, 0x00)
TO_TOOL = Envelope(DEVICE, TOOL, 0, 0x00)
# 10.4: tool 1.1.1, device 1.1.5
ASKS = Envelope(bytes.fromhex("1101"), bytes.fromhex("1105"), 0, 0x44)
ANSWERS = Envelope(bytes.fromhex("1105"), bytes.fromhex("1101"), 0, 0x44)
ALL_ASKED = Envelope(bytes.fromhex("1101"), bytes(2), 0x80, 0)
ALL_ANSWERED = Envelope(bytes.fromhex("FFFF"), bytes(2), 0x80, 0)
SERIAL_NUMBER = bytes.fromhex("00FA01020304")
START = 0x0040102EA9CE


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


@pytest.mark.parametrize(
    ("envelope", "number", "plain", "secured"),
    [
        (
            TO_DEVICE,
            4,
            "03D705351001" + bytes(range(0x20, 0x30)).hex(),
            "90 000000000004 6767242a2308ca76a11774214ee4cf5d94909f743d05 0d8fc168",
        ),
        (
            TO_TOOL,
            3,
            "03D605351001" + bytes(range(0x20, 0x30)).hex(),
            "90 000000000003 706f533105503557cb2b24f1dd341b60b7e017ecd6b0 6849a72b",
        ),
        (
            ALL_ASKED,
            START,
            "03DE00FA01020304110500000000",
            "90 0040102ea9ce dfed5ec84878263700e36aa42ce9 24a35d20",
        ),
        (
            Envelope(ASKS.source, ASKS.destination, 0, 0x48),
            START + 1,
            "01D40011001033000001",
            "90 0040102ea9cf cff1bc43eace52704d3d c73fc63e",
        ),
        (
            Envelope(ANSWERS.source, ANSWERS.destination, 0, 0x48),
            2,
            "01D600110010330000",
            "90 000000000002 c3fb10157136ca20c2 92b4c953",
        ),
    ],
)
def test_data_is_secured_and_opened_as_in_the_reference(
    envelope: Envelope, number: int, plain: str, secured: str
) -> None:
    apdu = octets("03F1" + secured)
    assert seal(KEY, envelope, number, octets(plain), DATA_BY_TOOL) == apdu
    assert open_data(KEY, envelope, parse(apdu)) == octets(plain)


@pytest.mark.parametrize(
    ("envelope", "asked", "secured"),
    [
        (
            Envelope(TOOL, DEVICE, 0, 0x40),
            SyncRequest(1, bytes(6), octets("000000000003")),
            "92 000000000001 000000000000 c1cf4506f09b d79fab55",
        ),
        (
            ALL_ASKED,
            SyncRequest(START, SERIAL_NUMBER, octets("010203040506")),
            "92 0040102ea9ce 00fa01020304 dd315d364c7c 2928ef2d",
        ),
    ],
)
def test_a_request_to_synchronise_is_as_in_the_reference(
    envelope: Envelope, asked: SyncRequest, secured: str
) -> None:
    apdu = octets("03F1" + secured)
    assert seal_sync_request(KEY, envelope, asked) == apdu
    assert open_sync_request(KEY, envelope, parse(apdu)) == asked


@pytest.mark.parametrize(
    ("envelope", "nonce", "challenge", "numbers", "secured"),
    [
        (
            Envelope(DEVICE, TOOL, 0, 0x40),
            "aaaaaaaaaaaa",
            "000000000003",
            (3, 4),
            "93 aaaaaaaaaaa9 9c023ad25e146470693e638d 5b70cac4",
        ),
        (
            ALL_ANSWERED,
            "a1a2a3a4a5a6",
            "010203040506",
            (2, START),
            "93 a0a0a0a0a0a0 453d15a7b71f4549af03662f eb5593a9",
        ),
    ],
)
def test_its_answer_is_as_in_the_reference(
    envelope: Envelope, nonce: str, challenge: str, numbers: tuple[int, int], secured: str
) -> None:
    apdu = octets("03F1" + secured)
    assert seal_sync_response(KEY, envelope, octets(nonce), octets(challenge), numbers) == apdu
    assert open_sync_response(KEY, envelope, parse(apdu), octets(challenge)) == numbers
    with pytest.raises(SecureError, match="MAC"):  # an answer to what was asked before
        open_sync_response(KEY, envelope, parse(apdu), octets("0000000000FF"))


def test_the_envelope_of_a_frame_is_what_is_protected_of_it() -> None:
    frame = CEMIFrame.from_knx(
        octets("29003060110111051847f1920040102ea9cf000000000000cf27bf56efd856f3aa2b")
    )
    assert isinstance(frame.data, CEMILData)
    assert Envelope.of(frame.data) == ASKS
    asked = open_sync_request(
        KEY, ASKS, parse(octets("03f1920040102ea9cf000000000000cf27bf56efd856f3aa2b"))
    )
    assert (asked.number, asked.serial_number) == (START + 1, bytes(6))


SECURED = seal(KEY, TO_DEVICE, 4, octets("03D705351001"), DATA_BY_TOOL)


@given(st.integers(0, len(SECURED) * 8 - 1).filter(lambda bit: bit >= 16))
def test_one_changed_bit_is_noticed(bit: int) -> None:
    changed = bytearray(SECURED)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SecureError) as caught:
        open_data(KEY, TO_DEVICE, parse(bytes(changed)))
    assert caught.value.failure is Failure.CRYPTO


@pytest.mark.parametrize(
    "other",
    [
        TO_TOOL,
        Envelope(TOOL, DEVICE, 0x80, 0),
        Envelope(TOOL, DEVICE, 0, 0x44),
        Envelope(DEVICE, DEVICE, 0, 0),
    ],
)
def test_a_telegram_in_another_envelope_is_not_taken(other: Envelope) -> None:
    with pytest.raises(SecureError):
        open_data(KEY, other, parse(SECURED))


@given(st.binary(max_size=60))
def test_whatever_comes_is_refused_with_a_reason(junk: bytes) -> None:
    for reader in (
        lambda one: open_data(KEY, TO_DEVICE, one),
        lambda one: open_sync_request(KEY, TO_DEVICE, one),
        lambda one: open_sync_response(KEY, TO_DEVICE, one, bytes(6)),
    ):
        with pytest.raises(SecureError):
            reader(parse(b"\x03\xf1" + junk))
