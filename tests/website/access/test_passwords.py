"""Passwords: how they are made, judged and compared."""

import sys
import threading
from subprocess import check_output

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.website.access import passwords
from knxgw.website.access.answers import Weakness
from knxgw.website.access.passwords import CROCKFORD, Hasher, weakness
from knxgw.website.access.refusals import BusyError

INITIAL = "7K3M-9QWX-2RTB"


def test_a_made_password_has_sixty_bits_and_can_be_read_aloud() -> None:
    made = {passwords.made() for _ in range(200)}
    assert len(made) == 200
    for one in made:
        assert [len(group) for group in one.split("-")] == [4, 4, 4]
        assert set(one) - {"-"} <= set(CROCKFORD)
        assert passwords.is_made(one)
    assert not set("ILOU") & set(CROCKFORD)


@pytest.mark.parametrize(
    "typed",
    [INITIAL, "7k3m9qwx2rtb", " 7K3M 9QWX 2RTB ", "７K3M-9QWX-2RTB"],  # noqa: RUF001 - a wide 7
)
def test_a_made_password_may_be_typed_in_any_way_that_reads_the_same(typed: str) -> None:
    assert passwords.is_same_made(typed, INITIAL)


def test_letters_that_look_like_digits_are_those_digits() -> None:
    assert passwords.is_same_made("O1iL-0000-0000", "0111-0000-0000")
    assert not passwords.is_same_made("", INITIAL)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short one", Weakness.TOO_SHORT),
        ("x" * 201, Weakness.TOO_LONG),
        (INITIAL, Weakness.INITIAL),
        (INITIAL.lower().replace("-", ""), Weakness.INITIAL),
        ("GW-0012345678", Weakness.SERIAL),
        ("gw-0012345678", Weakness.SERIAL),
        ("Anna in the garage", Weakness.NAME),
        ("qwertyuiop", Weakness.COMMON),
        ("Password123", Weakness.COMMON),
        ("1234567890", Weakness.COMMON),
        ("ten digits", None),
        ("          ", None),
        ("größer als zehn", None),
        ("日本語のパスワードです", None),
    ],
)
def test_a_password_has_ten_characters_and_is_none_that_others_know(
    password: str, why: Weakness | None
) -> None:
    names = ("Anna in the garage",)
    assert weakness(password, initial=INITIAL, serial="GW-0012345678", names=names) is why


def test_the_common_passwords_are_loaded_only_when_a_password_is_set() -> None:
    script = (
        "import sys; from knxgw.website.access.accounts import Accounts;"
        "print([one for one in ('zxcvbn', 'argon2') if one in sys.modules])"
    )
    assert check_output([sys.executable, "-c", script], text=True).strip() == "[]"
    assert len(passwords._common()) > 500


def test_a_hash_is_argon2id_with_the_settings_that_fit_the_memory() -> None:
    hasher = Hasher()
    made = hasher.hash("a sound garage door")
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hasher.is_right(made, "a sound garage door")
    assert not hasher.is_right(made, "a sound garage door ")
    assert not hasher.is_old(made)
    assert hasher.is_old("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43)


def test_the_hash_of_nobody_is_worth_as_much_work_as_any_other_and_fits_nothing() -> None:
    hasher = Hasher()
    assert not hasher.is_old(hasher.nobody)
    assert not hasher.is_right(hasher.nobody, "")


def test_the_same_letters_of_another_keyboard_are_the_same_password() -> None:
    hasher = Hasher()
    made = hasher.hash("gro\u0308ßer als zehn")
    assert hasher.is_right(made, "größer als zehn")


@pytest.mark.parametrize("damaged", ["", "x", "$argon2id$", Hasher().nobody[:-9]])
def test_a_damaged_hash_fits_nothing(damaged: str) -> None:
    assert not Hasher().is_right(damaged, "a sound garage door")


@given(st.text(st.characters(), max_size=50))
def test_any_text_can_be_judged_and_compared(text: str) -> None:
    passwords.is_same_made(text, INITIAL)
    assert weakness(text, initial=INITIAL, serial=None) in (*Weakness, None)


def test_text_that_is_no_utf_8_is_a_password_too() -> None:
    hasher = Hasher()
    made = hasher.hash("\ud800 lone surrogate")
    assert hasher.is_right(made, "\ud800 lone surrogate")


def test_few_wait_for_their_hash_and_the_others_are_sent_away_at_once() -> None:
    hasher = Hasher(most_waiting=2)
    inside, go = threading.Event(), threading.Event()
    answers: list[str] = []

    def hold() -> None:
        with hasher._turn():
            inside.set()
            go.wait(10)

    def ask() -> None:
        try:
            with hasher._turn():
                answers.append("turn")
        except BusyError:
            answers.append("busy")

    first = threading.Thread(target=hold)
    first.start()
    inside.wait(10)
    others = [threading.Thread(target=ask) for _ in range(10)]
    for one in others:
        one.start()
    for _ in range(1000):
        if answers.count("busy") == 8:
            break
        threading.Event().wait(0.01)
    assert answers == ["busy"] * 8
    go.set()
    for one in (first, *others):
        one.join(10)
    assert answers.count("turn") == 2
