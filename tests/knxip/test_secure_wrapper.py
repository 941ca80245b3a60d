"""KNX IP Secure: the published values of the reference (10.6), both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xknx.secure.security_primitives import (
    derive_device_authentication_password,
    derive_user_password,
)

from knxgw.errors import DecodeError
from knxgw.knxip.secure_wrapper import (
    KeyPair,
    authenticate_code,
    nonce_of,
    opened,
    read_wrapper,
    session_response_code,
    wrapped,
    xored,
)

CLIENT_PRIVATE = "b8fabd62665d8b9e8a9d8b1f4bca42c8c2789a6110f50e9dd785b3ede883f378"
CLIENT = bytes.fromhex("0aa227b4fd7a32319ba9960ac036ce0e5c4507b5ae55161f1078b1dcfb3cb631")
SERVER = bytes.fromhex("bdf099909923143ef0a5de0b3be3687bc5bd3cf5f9e6f901699cd870ec1ff824")
KEYS = bytes.fromhex("b752be246459260f6b0c4801fbd5a67599f83b4057b3ef1e79e469ac17234e15")
SESSION_KEY = bytes.fromhex("289426c2912535ba98279a4d1843c487")
DEVICE_CODE = bytes.fromhex("e158e4012047bd6cc41aafbc5c04c1fc")
USER_HASH = bytes.fromhex("03fcedb66660251ec81a1a716901696a")
SERIAL, TAG = bytes.fromhex("00fa12345678"), bytes.fromhex("affe")
AUTHENTICATE = bytes.fromhex("06100953001800011f1d59ea9f12a152e5d9727f08462cde")
WRAPPED = bytes.fromhex(
    "06100950003e000100000000000000fa12345678affe7915a4f36e6e4208d28b4a207d8f35c0d138c26a7b5e7169"
    "52dba8e7e4bd80bd7d868a3ae78749de"
)


def test_the_handshake_gives_the_published_values() -> None:
    own = KeyPair(bytes.fromhex(CLIENT_PRIVATE))
    assert own.public == CLIENT
    assert xored(CLIENT, SERVER) == KEYS
    assert own.session_key(SERVER) == SESSION_KEY
    assert derive_device_authentication_password("trustme") == DEVICE_CODE
    assert derive_user_password("secret") == USER_HASH
    answer = session_response_code(DEVICE_CODE, 1, KEYS)
    assert answer.hex() == "a922505aaa436163570bd5494c2df2a3"
    assert authenticate_code(USER_HASH, 1, KEYS).hex() == "1f1d59ea9f12a152e5d9727f08462cde"


def test_the_second_set_of_the_reference_holds_too() -> None:
    keys = xored(b"\x11" * 32, b"\x22" * 32)
    assert session_response_code(b"\x01" * 16, 1, keys).hex() == "3651034f87ba7fdad9675c2db8a9e52c"
    assert authenticate_code(b"\x02" * 16, 2, keys).hex() == "a2a7bc462ef36fb1d8a6df0df38f20a1"
    status = bytes.fromhex("0610095400080000")
    assert wrapped(b"\x03" * 16, 1, nonce_of(0, bytes.fromhex("00fa01020304")), status).hex() == (
        "06100950002e000100000000000000fa010203040000ebb209450bfa0d24f46fc31ebbe5f744fe21ea882aea3d19"
    )


def test_a_frame_is_wrapped_and_opened_as_published() -> None:
    assert wrapped(SESSION_KEY, 1, nonce_of(0, SERIAL, TAG), AUTHENTICATE) == WRAPPED
    read = read_wrapper(WRAPPED)
    assert (read.session, read.number) == (1, 0)
    assert opened(SESSION_KEY, read) == AUTHENTICATE
    answer = bytes.fromhex(
        "06100950002e000100000000000000faaaaaaaaaaffe26156db5c749888fa373c3e0b4bde4497c395e4b1c2f46a1"
    )
    assert opened(SESSION_KEY, read_wrapper(answer)).hex() == "0610095400080000"


def test_a_frame_of_secure_routing_opens_by_the_same_rule() -> None:
    raw = bytes.fromhex(
        "0610095000370000c0c1c2c3c4c500fa12345678affeb7ee7e8a1c2f7bbabec775fd6e10d0bc4b7212a03aaae49da8"
        "5689774c1d2b4da4"
    )
    assert opened(bytes(range(16)), read_wrapper(raw)).hex() == "0610053000112900bcd011590ade010081"


@given(st.integers(0, len(WRAPPED) * 8 - 1))
def test_one_changed_bit_is_noticed(bit: int) -> None:
    changed = bytearray(WRAPPED)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DecodeError):
        opened(SESSION_KEY, read_wrapper(bytes(changed)))


@given(st.binary(max_size=80))
def test_whatever_comes_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        opened(SESSION_KEY, read_wrapper(raw))


def test_a_public_key_that_gives_everybody_the_same_is_refused() -> None:
    with pytest.raises(ValueError, match="shared key"):
        KeyPair().session_key(bytes(32))
