"""The accounts page: who is made, changed, removed, made owner, and what is asked before."""

import re
from dataclasses import replace

import pytest

from knxgw.website.access.answers import AccountView
from knxgw.website.access.roles import Role
from tests.support.website import Website, website
from tests.website.test_pages import POINT, SITE, text_of

TWO = replace(SITE, points=(POINT, replace(POINT, number=2, name="Right")))
CHANGE = "/settings/accounts/change"


def code_of(page: str) -> str:
    found = re.search(r"<code>([^<]+)</code>", page)
    assert found is not None, page
    return found.group(1)


def test_an_account_is_made_used_and_removed() -> None:
    with website(lambda _language: SITE) as found:
        made = found.post("/settings/accounts", name="anna", role="user", points="1")
        password = code_of(made.get_data(as_text=True))
        guest = found.another()
        assert guest.log_in(password, name="anna").headers["Location"] == "/password"
        guest.post("/password", new="a quiet evening", repeated="a quiet evening")
        assert "Accounts" not in text_of(guest.get("/settings"))
        assert guest.browser.get("/settings/accounts").status_code == 403
        page = text_of(found.get("/settings/accounts"))
        assert "anna User (1)" in page
        found.post("/settings/accounts/change", name="anna", do="remove", confirmed="1")
        assert "anna" not in text_of(found.get("/settings/accounts"))
        assert guest.browser.get("/").headers["Location"] == "/login"


def test_what_is_refused_says_why_and_keeps_the_page() -> None:
    with website(lambda _language: SITE) as found:
        for name, why in (
            ("", "1 to 32 characters"),
            ("owner", "there is an account of that name"),
        ):
            answer = found.post("/settings/accounts", name=name, role="viewer")
            assert answer.status_code == 400
            assert why in text_of(answer.get_data(as_text=True))


@pytest.mark.proves("W12")
@pytest.mark.parametrize("points", [["99"], ["one"], ["1", "9" * 5000], [""]])
def test_a_charging_point_that_is_not_there_neither_limits_an_account_nor_frees_it(
    points: list[str],
) -> None:
    with website(lambda _language: SITE) as found:
        form = {"csrf": found.csrf, "name": "guest", "role": "user", "points": points}
        assert found.browser.post("/settings/accounts", data=form).status_code == 400
        assert not found.accounts.asks_name, "nothing was made"


def account(found: Website, name: str) -> AccountView:
    cookie = found.browser.get_cookie(found.bridge.reach.cookie)
    assert cookie is not None
    (one,) = [one for one in found.accounts.accounts_for(cookie.value) if one.name == name]
    return one


def test_role_and_points_of_an_account_are_changed() -> None:
    with website(lambda _language: TWO) as found:
        guest = found.guest(Role.VIEWER)
        assert guest.post("/points/1/interrupt").status_code == 403
        form = {"name": "guest", "do": "role", "role": "user", "points": "2"}
        assert found.post(CHANGE, **form).headers["Location"] == "/settings/accounts?said=done"
        assert "guest User (2)" in text_of(found.get("/settings/accounts"))
        assert guest.post("/points/1/interrupt").status_code == 403
        assert guest.post("/points/2/interrupt").status_code == 303
        found.post(CHANGE, name="guest", do="role", role="user")
        assert account(found, "guest").points is None, "none ticked: all"


def test_the_form_of_an_account_shows_what_it_has() -> None:
    with website(lambda _language: TWO) as found:
        found.guest(Role.USER, frozenset({2}))
        row = found.get("/settings/accounts").partition('value="role"')[2].partition("</form>")[0]
        assert 'name="role" value="user" checked' in row
        assert row.count("checked") == 2
        assert 'name="points" value="2" checked' in row


def test_a_point_that_is_gone_does_not_free_the_account_that_is_limited_to_it() -> None:
    with website(lambda _language: SITE) as found:
        found.guest(Role.USER, frozenset({4}))
        assert "4 not configured" in text_of(found.get("/settings/accounts"))
        found.post(CHANGE, name="guest", do="role", role="user", points="4")
        assert account(found, "guest").points == frozenset({4})
        answer = found.post(CHANGE, name="guest", do="role", role="user", points="5")
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("do", "question"),
    [
        ("remove", "Remove the account guest?"),
        ("password", "Make a new password for guest?"),
        ("hand_over", "Make guest the owner?"),
    ],
)
def test_what_cannot_be_taken_back_asks_once(do: str, question: str) -> None:
    with website(lambda _language: SITE) as found:
        guest = found.guest(Role.ADMINISTRATOR)
        assert f'data-confirm="{question}' in found.get("/settings/accounts")
        page = found.post(CHANGE, name="guest", do=do).get_data(as_text=True)
        assert question in text_of(page)
        assert account(found, "guest").role is Role.ADMINISTRATOR, "nothing was done yet"
        assert guest.browser.get("/").status_code == 200
        hidden = dict(re.findall(r'name="(name|do|confirmed)" value="([^"]*)"', page))
        assert hidden == {"name": "guest", "do": do, "confirmed": "1"}
        assert found.post(CHANGE, **hidden).status_code in (200, 303)
        assert (guest.browser.get("/").status_code == 200) is (do == "hand_over")
        assert found.browser.get(CHANGE).headers["Location"] == "/settings/accounts"


def test_only_who_has_a_password_of_its_own_can_be_made_owner() -> None:
    with website(lambda _language: SITE) as found:
        found.post("/settings/accounts", name="anna", role="administrator")
        assert "Make owner" not in found.get("/settings/accounts")
        answer = found.post(CHANGE, name="anna", do="hand_over", confirmed="1")
        assert answer.status_code == 400


@pytest.mark.proves("W12")
def test_an_administrator_sees_no_button_at_those_it_may_not_change() -> None:
    with website(lambda _language: SITE) as found:
        guest = found.guest(Role.ADMINISTRATOR)
        found.post("/settings/accounts", name="anna", role="viewer")
        assert found.get("/settings/accounts").count('value="remove"') == 2
        page = guest.get("/settings/accounts")
        assert page.count('value="remove"') == 1, "at the viewer, not at itself and the owner"
        assert 'value="administrator"' not in page
        answer = guest.post(CHANGE, name="anna", do="role", role="administrator")
        assert answer.status_code == 400
        page = answer.get_data(as_text=True)
        assert "you have no right to do that" in page.partition("<details open>")[2]
        assert account(found, "anna").role is Role.VIEWER


def test_a_refused_account_keeps_what_was_typed() -> None:
    with website(lambda _language: TWO) as found:
        answer = found.post("/settings/accounts", name="owner", role="viewer", points="2")
        page = answer.get_data(as_text=True).partition('id="new"')[2]
        assert 'name="name" value="owner"' in page
        assert 'name="role" value="viewer" checked' in page
        assert 'name="points" value="2" checked' in page
        assert page.count("checked") == 2
        assert "Not saved: there is an account of that name." in page, "beside the field"
