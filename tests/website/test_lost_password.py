"""A lost password: the real programming button and the console help, the website does not."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from knxgw.cli import main
from tests.support.website import PASSWORD, website
from tests.website.test_pages import SITE, text_of


@pytest.mark.proves("W13", "8.34")
def test_after_the_button_the_owner_logs_in_with_the_initial_password_and_changes_it() -> None:
    with website(lambda _language: SITE) as found:
        found.accounts.restore_by_button()
        assert found.browser.get("/").headers["Location"] == "/login", "the owner is logged off"
        assert found.log_in(PASSWORD).status_code == 403
        found.clock.now_s += 60
        assert found.log_in(found.initial).headers["Location"] == "/password"
        assert found.browser.get("/settings").headers["Location"] == "/password"
        changed = found.post("/password", new="a new sentence", repeated="a new sentence")
        assert changed.status_code == 303
        assert found.browser.get("/settings").status_code == 200
        found.clock.now_s += 60
        assert found.another().log_in(found.initial).status_code == 403


@pytest.mark.proves("W13")
def test_whoever_is_logged_in_sees_that_the_button_was_held() -> None:
    with website(lambda _language: SITE) as found:
        found.post("/settings/accounts", name="anna", role="administrator")
        renewed = found.accounts.manage.renew_password(
            found.browser.get_cookie(found.bridge.reach.cookie).value,  # type: ignore[union-attr]
            "anna",
            address="10.0.0.1",
        )
        anna = found.another()
        anna.log_in(renewed.password, name="anna")
        anna.post("/password", new="annas sentence", repeated="annas sentence")
        said = "The programming button was held"
        assert said not in text_of(anna.get("/"))
        found.accounts.restore_by_button()
        assert said in text_of(anna.get("/"))
        found.clock.now_s += 601
        assert said not in text_of(anna.get("/"))


@pytest.mark.proves("W13")
def test_the_button_of_the_website_restores_nothing() -> None:
    with website(lambda _language: SITE) as found:
        for on in ("1", "0", "1"):
            found.post("/settings/programming", on=on)
            found.clock.now_s += 15
        assert found.accounts.notice().restored_for_s is None
        assert found.another().log_in(found.initial).status_code == 403
        assert found.browser.get("/").status_code == 200


@pytest.mark.proves("W13")
def test_on_the_console_the_owner_gets_the_initial_password_back() -> None:
    with website(lambda _language: SITE) as found:
        state: Path = found.accounts._initial._directory
        said = CliRunner().invoke(main, ["password", "--reset", "--state", str(state)])
        assert found.initial in said.stdout
        found.clock.now_s += 60
        assert found.browser.get("/").headers["Location"] == "/login"
        assert found.log_in(found.initial).headers["Location"] == "/password"


@pytest.mark.proves("W13")
def test_log_in_and_help_speak_of_the_button_only_where_there_is_one() -> None:
    command = "knxgw password --reset"
    for has_button in (False, True):
        with website(lambda _language: SITE, has_button=lambda there=has_button: there) as found:
            for page in (found.another().get("/login"), found.get("/help")):
                shown = text_of(page)
                assert command in shown
                assert ("for 10 to 20 seconds" in shown) is has_button
                assert ("a release restores the initial password" in shown) <= has_button
