"""Who may use the website: log-in, sessions, passwords and the accounts of others."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from knxgw.store.database import Database
from knxgw.website.access.answers import Change, Outcome, Weakness
from knxgw.website.access.password_check import NOBODY_NAME
from knxgw.website.access.passwords import Hasher
from knxgw.website.access.roles import Right, Role
from tests.website.access.desk import ELSEWHERE, HERE, OWN, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# --- the first log-in


def test_the_initial_password_is_made_once_for_the_owners_eyes_only(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    made = desk.accounts.made_initial
    assert made == desk.initial
    file = tmp_path / "knxgw.initial-password"
    assert file.stat().st_mode & 0o777 == 0o600
    desk.restart()
    assert desk.accounts.made_initial is None, "it is shown once"
    assert desk.initial == made
    assert desk.accounts.initial == made, "texts are still searched for it"


def test_the_first_log_in_asks_no_name_and_leads_to_a_change_only(desk: Desk) -> None:
    assert not desk.accounts.asks_name
    assert desk.accounts.notice().initial_holds
    opened = desk.log_in(desk.initial.lower().replace("-", " "))
    assert opened.outcome is Outcome.DONE
    assert opened.session is not None
    assert opened.session.role is Role.OWNER
    assert opened.session.must_change
    assert [right for right in Right if opened.session.may(right)] == [Right.OWN_PASSWORD]
    refused = desk.accounts.manage.create(opened.token, "anna", Role.USER, address=HERE)
    assert refused.outcome is Outcome.MUST_CHANGE


def test_after_the_change_the_initial_password_is_refused_and_everything_is_open(
    desk: Desk,
) -> None:
    token = desk.owner()
    session = desk.session(token)
    assert all(session.may(right) for right in Right)
    assert not desk.accounts.notice().initial_holds
    assert desk.log_in(desk.initial).outcome is Outcome.WRONG
    assert desk.log_in(OWN).outcome is Outcome.DONE


@pytest.mark.parametrize(
    ("new", "why"),
    [("short", Weakness.TOO_SHORT), ("1234567890", Weakness.COMMON), ("", Weakness.TOO_SHORT)],
)
def test_a_weak_password_changes_nothing(desk: Desk, new: str, why: Weakness) -> None:
    token = desk.log_in(desk.initial).token
    changed = desk.accounts.change_password(token, "", new, address=HERE)
    assert changed == Change(outcome=Outcome.BAD_PASSWORD, weakness=why)
    again = desk.accounts.change_password(token, "", desk.initial, address=HERE)
    assert again.weakness is Weakness.INITIAL
    assert desk.accounts.notice().initial_holds


def test_the_serial_number_is_no_password(tmp_path: Path) -> None:
    desk = Desk(tmp_path, serial="KGW-0012345678")
    token = desk.log_in(desk.initial).token
    changed = desk.accounts.change_password(token, "", "kgw-0012345678", address=HERE)
    assert changed.weakness is Weakness.SERIAL


def test_a_forced_change_asks_the_old_password_when_the_log_in_is_a_while_ago(desk: Desk) -> None:
    token = desk.log_in(desk.initial).token
    desk.now_s += 700.0
    assert desk.accounts.change_password(token, "", OWN, address=HERE).outcome is Outcome.WRONG
    changed = desk.accounts.change_password(token, desk.initial, OWN, address=HERE)
    assert changed.outcome is Outcome.DONE


# --- log-in


def test_a_wrong_password_and_an_unknown_name_are_told_alike(desk: Desk) -> None:
    owner = desk.owner()
    desk.member(owner, "anna", Role.USER)
    assert desk.accounts.asks_name
    for name in ("anna", "ANNA ", "nobody", "", "x" * 5000):
        assert desk.log_in("wrong password", name).outcome is Outcome.WRONG
    assert desk.log_in(OWN, " Anna").outcome is Outcome.DONE


def test_an_unknown_name_takes_as_long_as_a_known_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = desk.owner()
    desk.member(owner, "anna", Role.USER)
    compared: list[str] = []
    is_right = Hasher.is_right

    def watched(self: Hasher, password_hash: str, password: str) -> bool:
        compared.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return is_right(self, password_hash, password)

    monkeypatch.setattr(Hasher, "is_right", watched)
    for name in ("anna", "nobody", "owner"):
        desk.log_in("wrong password", name)
    assert len(compared) == 3
    assert len(set(compared)) == 1, "the same work"


def test_the_fourth_wrong_try_waits_and_so_does_the_right_one(desk: Desk) -> None:
    desk.owner()
    desk.now_s += 1000.0
    for _ in range(3):
        assert desk.accounts.log_in("wrong", address=HERE).outcome is Outcome.WRONG
    refused = desk.accounts.log_in(OWN, address=HERE)
    assert refused.outcome is Outcome.TOO_SOON
    assert refused.retry_after_s == pytest.approx(1.0)
    assert desk.accounts.log_in(OWN, address=ELSEWHERE).outcome is Outcome.DONE
    desk.now_s += 1.0
    assert desk.accounts.log_in(OWN, address=HERE).outcome is Outcome.DONE


def test_the_next_log_in_tells_how_many_failed(desk: Desk) -> None:
    desk.owner()
    for _ in range(5):
        desk.log_in("wrong password")
    assert desk.log_in(OWN).failed_before == 5
    assert desk.log_in(OWN).failed_before == 0


def test_failed_log_ins_are_told_after_a_restart_too(desk: Desk) -> None:
    desk.owner()
    for _ in range(5):
        desk.log_in("wrong password")
    desk.restart()
    assert desk.log_in(OWN).failed_before >= 3, "those of the last minutes may be lost"


def test_a_log_in_ends_the_session_that_it_replaces(desk: Desk) -> None:
    first = desk.owner()
    second = desk.accounts.log_in(OWN, address=HERE, replaces=first)
    assert second.token != first
    assert not desk.is_in(first)
    assert desk.is_in(second.token)


def test_guessing_is_said_once_and_then_seldom(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.owner()
    secret = "my real one, in the wrong field"  # noqa: S105 - of nobody
    caplog.set_level(logging.DEBUG)
    for _ in range(20):
        desk.log_in("wrong password", secret)
    assert len([r for r in caplog.records if "log-ins of" in r.getMessage()]) == 1
    assert secret not in caplog.text
    assert desk.audit()[0] == (NOBODY_NAME, "log_ins_failed")


def test_hashes_of_other_settings_are_made_again_at_the_next_log_in(desk: Desk) -> None:
    desk.owner()
    ledger = desk.accounts._ledger
    weak = Hasher(time_cost=1, memory_kib=32).hash(OWN)
    with ledger.changes():
        ledger.adopt(ledger.with_account(replace(ledger.owner, password_hash=weak)), {})
    assert desk.log_in(OWN).outcome is Outcome.DONE
    assert "m=64,t=1,p=1" in ledger.owner.password_hash
    assert desk.log_in(OWN).outcome is Outcome.DONE


# --- sessions


def test_a_session_ends_after_half_an_hour_without_a_request_by_hand(desk: Desk) -> None:
    token = desk.owner()
    for _ in range(3):
        desk.now_s += 1700.0
        found = desk.accounts.session_of(token, by_hand=True)
        assert found is not None
        assert found.ends_in_s == pytest.approx(1800.0)
    for _ in range(17):
        desk.now_s += 100.0
        assert desk.is_in(token), "a stream asks"
    assert desk.session(token).is_ending
    desk.now_s += 100.0
    assert not desk.is_in(token)


def test_a_session_lasts_twelve_hours_however_busy(desk: Desk) -> None:
    token = desk.owner()
    for _ in range(47):
        desk.now_s += 900.0
        assert desk.accounts.session_of(token, by_hand=True) is not None
    desk.now_s += 901.0
    assert desk.accounts.session_of(token, by_hand=True) is None


def test_a_user_may_stay_signed_in_for_ninety_days(desk: Desk) -> None:
    owner = desk.owner()
    desk.member(owner, "tablet", Role.VIEWER)
    token = desk.log_in(OWN, "tablet", stay=True).token
    desk.now_s += 89 * 86_400.0
    assert desk.is_in(token)
    desk.restart()
    assert desk.is_in(token)
    desk.now_s += 86_400.0
    assert not desk.is_in(token)


def test_an_owner_cannot_stay_signed_in(desk: Desk) -> None:
    desk.owner()
    token = desk.log_in(OWN, stay=True).token
    desk.now_s += 1801.0
    assert not desk.is_in(token)


def test_a_restart_keeps_sessions_and_asks_the_password_for_what_needs_it(desk: Desk) -> None:
    token = desk.owner()
    csrf = desk.session(token).csrf
    assert desk.session(token).is_proved
    desk.restart()
    session = desk.session(token)
    assert (session.csrf, session.is_proved) == (csrf, False)
    assert session.asks_password(Right.FACTORY_RESET)
    assert not session.asks_password(Right.CHARGE)
    desk.restart(off_s=1900.0)
    assert not desk.is_in(token), "it was off for longer than a session may be idle"


def test_the_password_counts_for_ten_minutes(desk: Desk) -> None:
    token = desk.owner()
    desk.now_s += 601.0
    assert desk.session(token).asks_password(Right.FACTORY_RESET)
    refused = desk.accounts.manage.create(token, "anna", Role.USER, address=HERE)
    assert refused.outcome is Outcome.PASSWORD_AGAIN
    assert desk.accounts.prove(token, "wrong", address=HERE).outcome is Outcome.WRONG
    desk.prove(token)
    assert not desk.session(token).asks_password(Right.FACTORY_RESET)


@pytest.mark.parametrize("how", ["log off", "password", "others", "one"])
def test_sessions_that_are_ended_stay_ended(desk: Desk, how: str) -> None:
    first = desk.owner()
    second = desk.log_in(OWN).token
    accounts = desk.accounts
    if how == "log off":
        assert accounts.log_off(first, address=HERE)
    elif how == "password":
        changed = accounts.change_password(second, OWN, "another good one", address=HERE)
        assert changed.outcome is Outcome.DONE
    elif how == "others":
        assert accounts.end_sessions(second, address=HERE).outcome is Outcome.DONE
    else:
        own, other = accounts.sessions_for(second)
        assert own.id != other.id
        ended = accounts.end_sessions(second, address=HERE, only=other.id)
        assert ended.outcome is Outcome.DONE
    assert (desk.is_in(first), desk.is_in(second)) == (False, True)
    desk.restart()
    assert (desk.is_in(first), desk.is_in(second)) == (False, True)
    assert accounts.log_off("no token", address=HERE)


def test_only_sessions_of_ones_own_account_are_shown_and_ended(desk: Desk) -> None:
    owner = desk.owner()
    anna = desk.member(owner, "anna", Role.USER)
    (session,) = desk.accounts.sessions_for(owner)
    assert desk.accounts.end_sessions(anna, address=HERE, only=session.id).outcome is Outcome.DONE
    assert desk.is_in(owner)


def test_a_token_that_nobody_was_given_opens_nothing(desk: Desk) -> None:
    token = desk.owner()
    for wrong in (None, "", "x", token[:-1], token + "x", "\ud800"):
        assert desk.accounts.session_of(wrong) is None
    refused = desk.accounts.change_password("x", OWN, "another good one", address=HERE)
    assert refused.outcome is Outcome.NO_SESSION
    assert desk.accounts.sessions_for("x") == ()
    assert desk.accounts.accounts_for("x") == ()


# --- other accounts


def test_an_account_begins_with_a_made_password_that_must_be_changed(desk: Desk) -> None:
    owner = desk.owner()
    made = desk.accounts.manage.create(owner, "Anna", Role.USER, address=HERE)
    assert made.password not in repr(made)
    opened = desk.log_in(made.password.lower(), "anna")
    assert opened.session is not None
    assert opened.session.must_change
    changed = desk.accounts.change_password(opened.token, "", OWN, address=HERE)
    assert changed.outcome is Outcome.DONE
    assert desk.log_in(made.password, "anna").outcome is Outcome.WRONG
    desk.restart()
    assert desk.log_in(OWN, "anna").outcome is Outcome.DONE


ROLES = [Role.ADMINISTRATOR, Role.USER, Role.VIEWER]


@pytest.mark.parametrize("actor", Role)
@pytest.mark.parametrize("target", Role)
def test_who_may_manage_whom(desk: Desk, actor: Role, target: Role) -> None:
    owner = desk.owner()
    token = owner
    if actor is not Role.OWNER:
        token = desk.member(owner, "actor", actor)
        desk.prove(owner)
    if target is not Role.OWNER:
        made = desk.accounts.manage.create(owner, "target", target, address=HERE)
        assert made.outcome is Outcome.DONE
    name = "target" if target is not Role.OWNER else "owner"
    manage = desk.accounts.manage
    allowed = {
        Role.OWNER: {Role.ADMINISTRATOR, Role.USER, Role.VIEWER},
        Role.ADMINISTRATOR: {Role.USER, Role.VIEWER},
    }.get(actor, set())
    expected = Outcome.DONE if target in allowed else Outcome.NOT_ALLOWED
    desk.prove(token)
    assert manage.create(token, "another", target, address=HERE).outcome is expected
    assert manage.change(token, name, target, address=HERE).outcome is expected
    assert manage.renew_password(token, name, address=HERE).outcome is expected
    assert manage.remove(token, name, address=HERE).outcome is expected
    seen = {one.name for one in desk.accounts.accounts_for(token)}
    assert bool(seen) == (actor in (Role.OWNER, Role.ADMINISTRATOR))


def test_nobody_rises_above_an_administrator_by_a_change(desk: Desk) -> None:
    owner = desk.owner()
    token = desk.member(owner, "admin", Role.ADMINISTRATOR)
    desk.prove(owner)
    assert desk.accounts.manage.create(owner, "anna", Role.USER, address=HERE).password
    manage = desk.accounts.manage
    for role in (Role.ADMINISTRATOR, Role.OWNER):
        assert manage.change(token, "anna", role, address=HERE).outcome is Outcome.NOT_ALLOWED
    assert manage.change(owner, "anna", Role.OWNER, address=HERE).outcome is Outcome.NOT_ALLOWED
    assert manage.change(token, "admin", Role.USER, address=HERE).outcome is Outcome.NOT_ALLOWED


def test_another_role_holds_at_once(desk: Desk) -> None:
    owner = desk.owner()
    token = desk.member(owner, "anna", Role.USER, points=frozenset({1, 2}))
    assert (desk.session(token).may_charge(2), desk.session(token).may_charge(3)) == (True, False)
    desk.prove(owner)
    changed = desk.accounts.manage.change(owner, "anna", Role.VIEWER, address=HERE)
    assert changed.outcome is Outcome.DONE
    assert not desk.session(token).may_charge(2)
    desk.restart()
    assert not desk.session(token).may_charge(2)


def test_whoever_lost_a_password_gets_another_and_is_logged_off(desk: Desk) -> None:
    owner = desk.owner()
    token = desk.member(owner, "anna", Role.USER)
    desk.prove(owner)
    renewed = desk.accounts.manage.renew_password(owner, "anna", address=HERE)
    assert not desk.is_in(token)
    assert desk.log_in(OWN, "anna").outcome is Outcome.WRONG
    assert desk.log_in(renewed.password, "anna").session is not None


def test_an_account_that_is_removed_is_logged_off(desk: Desk) -> None:
    owner = desk.owner()
    token = desk.member(owner, "anna", Role.USER)
    desk.prove(owner)
    assert desk.accounts.manage.remove(owner, "anna", address=HERE).outcome is Outcome.DONE
    assert not desk.is_in(token)
    assert not desk.accounts.asks_name
    gone = desk.accounts.manage.remove(owner, "anna", address=HERE)
    assert gone.outcome is Outcome.UNKNOWN_ACCOUNT


def test_the_owner_hands_over_to_an_administrator(desk: Desk) -> None:
    owner = desk.owner()
    anna = desk.member(owner, "anna", Role.ADMINISTRATOR)
    desk.prove(owner)
    manage = desk.accounts.manage
    assert manage.create(owner, "new", Role.ADMINISTRATOR, address=HERE).outcome is Outcome.DONE
    assert manage.create(owner, "user", Role.USER, address=HERE).outcome is Outcome.DONE
    for name in ("new", "user", "owner"):
        refused = manage.hand_over(owner, name, address=HERE)
        assert refused.outcome is Outcome.NOT_ALLOWED, "its password was never changed"
    assert manage.hand_over(anna, "anna", address=HERE).outcome is Outcome.NOT_ALLOWED
    assert manage.hand_over(owner, "anna", address=HERE).outcome is Outcome.DONE
    assert desk.session(anna).role is Role.OWNER
    assert desk.session(owner).role is Role.ADMINISTRATOR
    desk.restart()
    assert desk.session(anna).role is Role.OWNER
    roles = [one.role for one in desk.accounts.accounts_for(anna)]
    assert roles.count(Role.OWNER) == 1


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("", Outcome.NAME_BAD),
        ("  ", Outcome.NAME_BAD),
        ("x" * 33, Outcome.NAME_BAD),
        ("line\nbreak", Outcome.NAME_BAD),
        ("\u202ebidi", Outcome.NAME_BAD),
        ("OWNER", Outcome.NAME_TAKEN),
        ("ｏｗｎｅｒ", Outcome.NAME_TAKEN),  # noqa: RUF001 - wide letters
        (" Jürgen <3> ", Outcome.DONE),
    ],
)
def test_a_name_can_be_read_and_is_told_from_the_others(
    desk: Desk, name: str, outcome: Outcome
) -> None:
    owner = desk.owner()
    made = desk.accounts.manage.create(owner, name, Role.USER, address=HERE)
    assert made.outcome is outcome


def test_there_are_no_more_accounts_than_anybody_needs(desk: Desk) -> None:
    owner = desk.owner()
    outcomes = [
        desk.accounts.manage.create(owner, f"user {n}", Role.USER, address=HERE).outcome
        for n in range(32)
    ]
    assert outcomes == [Outcome.DONE] * 31 + [Outcome.TOO_MANY]


# --- what was done


def test_the_audit_says_who_did_what_from_where(desk: Desk) -> None:
    owner = desk.owner()
    desk.accounts.manage.create(
        owner, "anna", Role.USER, address=ELSEWHERE, points=frozenset({2, 1})
    )
    desk.accounts.note(desk.session(owner), "start", address=HERE, after="cp1")
    desk.accounts.log_off(owner, address=HERE)
    desk.restart()
    assert [action for _, action in desk.audit()] == [
        "logged_off", "start", "account_created", "password_changed", "logged_in",
    ]  # fmt: skip
    rows = desk.accounts.audit_rows(limit=1, before_id=4)
    assert rows is not None
    assert (rows[0].account, rows[0].address, rows[0].after) == (
        "owner", ELSEWHERE, "anna: user 1,2",
    )  # fmt: skip
    assert rows[0].at is not None


def test_without_a_clock_everything_works_and_nothing_has_a_time(desk: Desk) -> None:
    desk.is_clock_valid = False
    owner = desk.owner()
    assert desk.session(owner).began_at is None
    rows = desk.accounts.audit_rows()
    assert rows is not None
    assert {row.at for row in rows} == {None}


# --- a lost password


def test_a_request_beside_a_running_gateway_restores_the_initial_password(desk: Desk) -> None:
    owner = desk.owner()
    desk.member(owner, "anna", Role.ADMINISTRATOR)
    anna = desk.log_in(OWN, "anna").token
    request = desk.accounts._initial._request
    request.make()
    desk.now_s += 2.0
    assert not desk.is_in(owner), "the owner's sessions end"
    assert desk.is_in(anna), "those of others do not"
    assert not request._path.exists()
    assert desk.log_in(OWN, "owner").outcome is Outcome.WRONG
    opened = desk.log_in(desk.initial, "owner")
    assert opened.session is not None
    assert opened.session.must_change
    assert ("owner", "initial_password_restored") in desk.audit()
    desk.restart()
    assert desk.accounts.notice().initial_holds, "it stays so until it is changed"


def test_a_request_that_was_made_without_a_gateway_is_taken_by_the_next_one(desk: Desk) -> None:
    owner = desk.owner()
    desk.accounts._initial._request.make()
    desk.restart()
    assert not desk.is_in(owner)
    assert desk.log_in(desk.initial).outcome is Outcome.DONE


def test_the_button_lets_the_initial_password_in_for_ten_minutes(desk: Desk) -> None:
    owner = desk.owner()
    desk.accounts.restore_by_button()
    assert not desk.is_in(owner)
    assert desk.accounts.notice().restored_for_s == pytest.approx(600.0)
    assert desk.log_in(OWN).outcome is Outcome.WRONG
    opened = desk.log_in(desk.initial)
    assert opened.session is not None
    assert opened.session.must_change
    changed = desk.accounts.change_password(opened.token, "", "another good one", address=HERE)
    assert changed.outcome is Outcome.DONE
    assert desk.accounts.notice().restored_for_s is None
    assert desk.log_in(desk.initial).outcome is Outcome.WRONG
    assert desk.log_in("another good one").outcome is Outcome.DONE
    assert ("owner", "initial_password_restored") in desk.audit()


def test_if_nobody_comes_the_password_of_before_holds_again(desk: Desk) -> None:
    desk.owner()
    desk.accounts.restore_by_button()
    desk.now_s += 601.0
    assert desk.accounts.notice().restored_for_s is None
    assert desk.log_in(desk.initial).outcome is Outcome.WRONG
    assert desk.log_in(OWN).outcome is Outcome.DONE


def test_whoever_came_in_by_the_button_can_still_do_nothing_but_change_it_later(
    desk: Desk,
) -> None:
    desk.owner()
    desk.accounts.restore_by_button()
    token = desk.log_in(desk.initial).token
    desk.now_s += 650.0
    assert not desk.session(token).may(Right.SEE)
    desk.restart()
    assert not desk.session(token).may(Right.SEE)


def test_an_administrator_cannot_come_in_with_the_initial_password(desk: Desk) -> None:
    owner = desk.owner()
    desk.member(owner, "anna", Role.ADMINISTRATOR)
    desk.accounts.restore_by_button()
    assert desk.log_in(desk.initial, "anna").outcome is Outcome.WRONG


# --- a disk that does not take it


def refuse_writes(database: Database, *, refuse: bool) -> None:
    database._connection.execute(f"PRAGMA query_only = {'ON' if refuse else 'OFF'}")


def test_with_a_full_disk_one_can_look_for_the_fault_and_change_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    owner = desk.owner()
    refuse_writes(desk.database, refuse=True)
    opened = desk.log_in(OWN)
    assert opened.outcome is Outcome.DONE
    assert opened.not_stored is not None
    assert opened.not_stored.problem("de") == "er lässt sich nicht schreiben"
    assert desk.accounts.notice().not_stored == opened.not_stored
    changed = desk.accounts.change_password(owner, OWN, "another good one", address=HERE)
    assert (changed.outcome, changed.not_stored) == (Outcome.NOT_STORED, opened.not_stored)
    desk.prove(owner)
    made = desk.accounts.manage.create(owner, "anna", Role.USER, address=HERE)
    assert (made.outcome, made.password) == (Outcome.NOT_STORED, "")
    assert not desk.accounts.asks_name
    assert not desk.accounts.log_off(owner, address=HERE), "a restart would bring it back"
    assert not desk.is_in(owner)
    said = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(said) == 1
    assert "the website's accounts cannot be stored" in said[0].getMessage()
    caplog.clear()  # the one ERROR was meant
    refuse_writes(desk.database, refuse=False)
    assert desk.log_in(OWN).not_stored is None
    assert desk.accounts.notice().not_stored is None
    desk.restart()
    assert desk.is_in(opened.token), "it was stored when the disk took something again"
    actions = [action for _, action in desk.audit()]
    assert (actions.count("account_created"), actions.count("password_changed")) == (0, 1)
    assert actions.count("logged_in") == 3
    assert actions.count("logged_off") == 1


def test_an_initial_password_that_cannot_be_made_is_made_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "knxgw.initial-password.new").mkdir(parents=True)
    desk = Desk(tmp_path)
    assert desk.accounts.made_initial is None
    assert "cannot be read or made" in caplog.text
    assert desk.log_in("").outcome is Outcome.WRONG
    (tmp_path / "knxgw.initial-password.new").rmdir()
    desk.log_in("")
    assert desk.log_in(desk.initial).outcome is Outcome.DONE


@pytest.mark.parametrize("damaged", ["", "short", "\x00" * 50, "x" * 10_000])
def test_a_damaged_file_of_the_initial_password_gives_way_to_a_new_one(
    tmp_path: Path, damaged: str
) -> None:
    (tmp_path / "knxgw.initial-password").write_text(damaged)
    desk = Desk(tmp_path)
    assert desk.accounts.made_initial == desk.initial
    assert desk.log_in(desk.initial).outcome is Outcome.DONE


# --- nothing is told


def test_no_password_and_no_token_is_in_any_representation(desk: Desk) -> None:
    owner = desk.owner()
    made = desk.accounts.manage.create(owner, "anna", Role.USER, address=HERE)
    opened = desk.log_in(OWN, "owner")
    ledger = desk.accounts._ledger
    shown = "".join(
        repr(one)
        for one in (
            opened, made, desk.accounts.sessions_for(owner), desk.accounts.accounts_for(owner),
            desk.store.newest, ledger.accounts, ledger.sessions, desk.accounts.audit_rows(),
        )
    )  # fmt: skip
    secrets = (owner, opened.token, made.password, OWN, desk.initial, desk.session(owner).csrf)
    for secret in secrets:
        assert secret not in shown
    assert "argon2" not in shown
    whole = desk.state.joinpath("knxgw.sqlite").read_bytes()
    whole += b"".join(one.read_bytes() for one in desk.state.glob("knxgw.sqlite-wal"))
    for secret in (*secrets, made.password.replace("-", "")):
        assert secret.encode() not in whole
