"""How long sessions last, and how they survive a restart."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.website.access import sessions
from knxgw.website.access.roles import Role
from knxgw.website.access.sessions import IDLE_S, LONGEST_S, STAY_S, Session, ends_at, live
from tests.support.virtual_time import START

SESSION = Session(
    digest="d", account="owner", stays=False, by_initial=False, address="10.0.0.1", browser="b",
    began_at=START, logged_in_since=1000.0, used_at=1000.0, proved_at=1000.0,
)  # fmt: skip


def test_a_token_is_random_and_known_by_its_digest_only() -> None:
    token = sessions.new_token()
    assert len({sessions.new_token() for _ in range(100)}) == 100
    assert len(token) == 43
    assert token not in (sessions.digest_of(token), sessions.csrf_of(token))
    assert sessions.digest_of(token) != sessions.csrf_of(token)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("stays", [True, False])
def test_only_user_and_viewer_stay_signed_in(role: Role, stays: bool) -> None:  # noqa: FBT001
    session = replace(SESSION, stays=stays, used_at=1500.0)
    expected = 1500.0 + IDLE_S
    if stays and role in (Role.USER, Role.VIEWER):
        expected = 1000.0 + STAY_S
    assert ends_at(session, role) == expected


def test_use_by_hand_prolongs_a_session_up_to_twelve_hours() -> None:
    used_at = 1000.0 + LONGEST_S - 60.0
    assert ends_at(replace(SESSION, used_at=used_at), Role.OWNER) == 1000.0 + LONGEST_S


def test_an_account_has_its_newest_sessions_only() -> None:
    many = {str(n): replace(SESSION, digest=str(n), used_at=1000.0 + n) for n in range(50)}
    kept = live(many, {"owner": Role.OWNER}, 1060.0)
    assert sorted(kept, key=int) == [str(n) for n in range(30, 50)]
    assert live(many, {}, 1060.0) == {}, "an account that is gone"


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6), st.booleans())
def test_a_restart_counts_the_time_that_the_device_was_off(
    age_s: float,
    idle_s: float,
    off_s: float,
    stays: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    session = replace(SESSION, stays=stays, logged_in_since=-age_s, used_at=-idle_s)
    row = sessions.stored(session, START, 0.0)
    back = sessions.restored(row, START + timedelta(seconds=off_s), 7.0)
    assert back is not None
    assert back.logged_in_since == pytest.approx(7.0 - age_s - off_s, abs=1e-3)
    assert back.used_at == pytest.approx(7.0 - idle_s - off_s, abs=1e-3)
    assert back.proved_at is None, "the password is asked again"


@pytest.mark.parametrize("stays", [True, False])
def test_without_a_clock_only_a_session_that_stays_survives(stays: bool) -> None:  # noqa: FBT001
    row = sessions.stored(replace(SESSION, stays=stays), START, 1060.0)
    assert (sessions.restored(row, None, 0.0) is not None) == stays
    untimed = replace(row, stored_at=None)
    assert (sessions.restored(untimed, START, 0.0) is not None) == stays


def test_a_clock_that_was_set_back_makes_no_session_younger() -> None:
    row = sessions.stored(SESSION, START, 1060.0)
    back = sessions.restored(row, START - timedelta(days=30), 0.0)
    assert back is not None
    assert (back.logged_in_since, back.used_at) == (-60.0, -60.0)


@pytest.mark.parametrize("text", ["", "x", "2026-13-01", "2026-03-02T06:00:00"])
def test_a_damaged_time_is_none(text: str) -> None:
    assert sessions.moment(text) is None
