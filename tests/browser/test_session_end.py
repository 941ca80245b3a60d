"""A session that ends while a page is open: a warning before, and what was typed survives."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response, expect

from knxgw.station.actions import Action
from tests.browser.site import COOKIE, DemoSite, visit
from tests.support.website import PASSWORD, Website, served
from tests.website.test_pages import POINT, SITE

MINUTE_MS = 60_000
SETTABLE = replace(SITE, points=(replace(POINT, actions=(Action.INTERRUPT, Action.SETPOINT)),))


@pytest.fixture
def at(tmp_path: Path) -> Iterator[tuple[Website, DemoSite]]:
    """Give a website over a fixed view, whose clock the test moves, and where it answers."""
    with served(tmp_path, lambda _language: SETTABLE) as (website, port):
        yield website, DemoSite(f"http://127.0.0.1:{port}", PASSWORD, None)


def _is_the_end_asked_for(answer: Response) -> bool:
    """Tell it from the question, every few seconds, whether the device still answers."""
    return answer.url.endswith("/api/v1/session") and answer.request.method == "GET"


@pytest.mark.proves("W05")
def test_the_page_warns_before_the_session_ends_and_keeps_what_was_typed(
    browser: Browser, at: tuple[Website, DemoSite]
) -> None:
    website, site = at
    cookie = website.browser.get_cookie(COOKIE)
    assert cookie is not None
    with visit(browser, site, cookie.value) as seen:
        seen.expected = ["401"]
        page = seen.page
        page.clock.install()
        seen.open("/points/1")
        page.get_by_label("Setpoint in A").fill("12.5")
        warning = page.get_by_text("You will be logged off within two minutes")
        expect(warning).to_be_hidden()

        website.clock.now_s += 29 * 60
        page.clock.fast_forward(29 * MINUTE_MS)
        expect(warning).to_be_visible()
        page.get_by_role("button", name="Stay logged in").click()
        expect(warning).to_be_hidden()
        session = website.accounts.session_of(cookie.value)
        assert session is not None
        assert session.ends_in_s > 29 * 60
        expect(page.get_by_label("Setpoint in A")).to_have_value("12.5")

        website.clock.now_s += 31 * 60
        page.clock.fast_forward(31 * MINUTE_MS)
        page.wait_for_url("**/login?next=*points*")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/points/1")
        expect(page.get_by_label("Setpoint in A")).to_have_value("12.5")
        expect(page.get_by_text("It is not saved yet")).to_be_visible()
        page.reload()
        expect(page.get_by_label("Setpoint in A")).to_have_value("")


def test_what_was_typed_is_still_there_in_the_other_language(
    browser: Browser, at: tuple[Website, DemoSite]
) -> None:
    website, site = at
    cookie = website.browser.get_cookie(COOKIE)
    assert cookie is not None
    with visit(browser, site, cookie.value) as seen:
        page = seen.open("/points/1")
        page.get_by_label("Setpoint in A").fill("12.5")
        page.locator("form[action='/language'] button").click()
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(page.get_by_label("Sollwert in A")).to_have_value("12.5")
        expect(page.locator("#typed")).to_be_visible()


@pytest.mark.proves("W05")
def test_another_tab_that_is_used_keeps_the_session(
    browser: Browser, at: tuple[Website, DemoSite]
) -> None:
    website, site = at
    cookie = website.browser.get_cookie(COOKIE)
    assert cookie is not None
    with visit(browser, site, cookie.value) as seen:
        page = seen.page
        page.clock.install()
        seen.open("/settings")
        website.clock.now_s += 29 * 60
        assert website.browser.get("/").status_code == 200
        with page.expect_response(_is_the_end_asked_for) as answer:
            page.clock.fast_forward(29 * MINUTE_MS)
        assert answer.value.json()["ends_in_s"] > 29 * 60
        expect(page.get_by_text("You will be logged off within two minutes")).to_be_hidden()
