"""Planted secrets are found, and ordinary lines stay as they are."""

from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.monitoring.scrub import HIDDEN, MOST_LEARNT, Scrubber

KEY = bytes(range(1, 17))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Basic b3duZXI6c2VjcmV0", "b3duZXI6c2VjcmV0"),
        ("authorization=Bearer abc.def.ghi-jkl", "abc.def.ghi-jkl"),
        ("Cookie: knxgw_1A2B3C=QnhZ8k2; theme=dark", "QnhZ8k2"),
        ("Set-Cookie: __Host-knxgw=AAAABBBB; Path=/", "AAAABBBB"),
        ("X-CSRF-Token: 5f2b7", "5f2b7"),
        ("GET http://admin:hunter22@192.168.1.9/status", "hunter22"),
        ("mqtts://user:p4ss%2F@broker:8883", "p4ss%2F"),
        ("keyring_password: sesame42", "sesame42"),
        ('{"password": "sesame42", "user": "x"}', "sesame42"),
        ("Passwort=Sesam-öffne", "Sesam-öffne"),
        ("tool_key=00112233445566778899AABBCCDDEEFF", "00112233445566778899AABBCCDDEEFF"),
        ("key 00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff here", "44 55 66"),
        ("backbone AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODw=="),
        ("FDSK ABCDEF-GHIJKL-MNOPQR-STUVWX-YZ2345-67ABCD", "GHIJKL"),
        ("hash $argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", "aGFzaA"),
        ("token=eyJhbGciOi", "eyJhbGciOi"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, secret: str) -> None:
    scrubbed = Scrubber().scrub(text)
    assert secret not in scrubbed
    assert HIDDEN in scrubbed
    assert Scrubber().finds(text)
    assert Scrubber().scrub(scrubbed) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "cp1: B -> C, offer 16.0 A (budget 23.4 A, 2 charging)",
        "192.168.1.31:502: read of holding registers 1000 to 1001 (state), function 3, unit 255: no answer",
        "knxgw.yaml:4: error: keyring: the file does not exist",
        "the website at 127.0.0.1:8080 is served again; http://127.0.0.1:8080/",
        'sent 1/1/62 <GroupValueWrite value="<DPTArray value="[0x41,0xf0,0x0,0x0]" />" />',
        "programming button pressed; the monkey: turkey=1 keyboard: ok",
        "2026-11-29T12:00:00.000+00:00 INFO knx: link up, individual address 1.1.20",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert Scrubber().scrub(text) == text


@settings(max_examples=60)
@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=20),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_a_known_secret_is_found_wherever_it_stands(secret: str, before: str, after: str) -> None:
    scrubber = Scrubber()
    scrubber.learn(secret)
    assert secret not in scrubber.scrub(f"{before}{secret}{after}")


def test_a_card_keeps_its_end_as_text_and_as_bytes() -> None:
    scrubber = Scrubber()
    scrubber.learn_card("DEADBEEF")
    assert scrubber.scrub("card DEADBEEF, deadbeef") == "card …BEEF, …BEEF"
    as_bytes = ",".join(f"0x{byte:x}" for byte in b"DEADBEEF")
    assert "0x44,0x45" not in scrubber.scrub(f"[{as_bytes},0x0]")
    assert "44 45 41" not in scrubber.scrub("raw 44 45 41 44 42 45 45 46 00")
    scrubber.learn_card("BEEF")  # that is all that may be seen anyway
    assert scrubber.scrub("BEEF") == "BEEF"


def test_a_key_is_found_however_it_is_written() -> None:
    scrubber = Scrubber()
    scrubber.learn_key(KEY[:6])
    for text in (
        "010203040506",
        "01 02 03 04 05 06",
        "0x01,0x02,0x03,0x04,0x05,0x06",
        "01:02:03:04:05:06",
    ):
        assert scrubber.finds(text), text


def test_short_secrets_and_none_are_left_alone() -> None:
    scrubber = Scrubber()
    for secret in (None, "", "abc"):
        scrubber.learn(secret)
    assert scrubber.scrub("abc") == "abc"


def test_of_many_secrets_the_oldest_gives_way() -> None:
    scrubber = Scrubber()
    for n in range(MOST_LEARNT + 1):
        scrubber.learn(f"secret number {n:04d}")
    assert not scrubber.finds("secret number 0000")
    assert scrubber.finds(f"secret number {MOST_LEARNT:04d}")


def test_many_cards_push_no_secret_out() -> None:
    scrubber = Scrubber()
    scrubber.learn("the only secret")
    for n in range(MOST_LEARNT + 1):
        scrubber.learn_card(f"CARD{n:08d}")
    assert scrubber.scrub("the only secret") == HIDDEN


@pytest.mark.parametrize("typed", ["7K3M-9QWX-2RTB", "7k3m9qwx2rtb", "7K3M 9QWX 2RTB"])
def test_a_made_password_is_hidden_however_it_is_typed(typed: str) -> None:
    scrubber = Scrubber()
    scrubber.learn_made("7K3M-9QWX-2RTB")
    assert scrubber.scrub(f"typed: {typed}!") == f"typed: {HIDDEN}!"
    assert not scrubber.finds("7K3M alone is no password")


@pytest.mark.parametrize("part", ["x+", "a.", "a_", "0a ", "key-", "password", "a://", "basic "])
def test_a_long_line_holds_nobody_up(part: str) -> None:
    began_s = perf_counter()
    Scrubber().scrub(part * 20_000 + "://x")
    assert perf_counter() - began_s < 5.0, "its square would take minutes"
