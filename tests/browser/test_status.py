"""The Status page in a real browser."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import log_in
from tests.browser.site import DemoSite, Visit, cookie_of, set_hidden, visit


@pytest.mark.proves("W21")
def test_a_change_is_shown_at_once_and_moves_nothing(owner: Visit) -> None:
    page = owner.open("/")
    expect(page.locator("#connection")).to_contain_text("Live")
    card = page.get_by_role("region", name="1 Left")
    card.get_by_role("button", name="Interrupt").scroll_into_view_if_needed()
    page.get_by_role("link", name="2 Middle left").focus()
    top = page.evaluate("scrollY")
    with owner.page.context.new_page() as other:
        other.goto(f"{owner.base}/points/1")
        other.get_by_role("button", name="Interrupt", exact=True).click()
        expect(other.get_by_text("The command was given")).to_be_visible()
        expect(card.get_by_role("button", name="Resume")).to_be_visible(timeout=1500)
        other.get_by_role("button", name="Resume").click()
    expect(card.get_by_role("button", name="Interrupt", exact=True)).to_be_visible(timeout=3000)
    assert page.evaluate("scrollY") == top
    assert page.evaluate("document.activeElement.textContent").strip() == "2 Middle left"


@contextmanager
def gone(demo: DemoSite, page: Page) -> Iterator[None]:
    """Let a device say nothing for a block, see its page say so, and see it come back afterwards."""
    connection = page.locator("#connection")
    os.kill(demo.pid, signal.SIGSTOP)
    try:
        page.clock.fast_forward(8000)
        expect(connection).to_contain_text("s old")
        page.clock.fast_forward(8000)
        expect(connection).to_contain_text("Disconnected for")
        yield
    finally:
        os.kill(demo.pid, signal.SIGCONT)
    page.clock.resume()
    expect(connection).to_contain_text("Live", timeout=10000)


@pytest.mark.proves("W22")
def test_a_device_that_is_gone_is_shown_as_gone(
    browser: Browser, demo: DemoSite, signed_in: str
) -> None:
    with visit(browser, demo, signed_in) as owner:
        owner.expected = ["ERR_", "Failed to load resource"]
        page = owner.page
        page.clock.install()
        owner.open("/")
        connection = page.locator("#connection")
        expect(connection).to_contain_text("Live")
        with gone(demo, page):
            for button in page.get_by_role("button", name="Interrupt", exact=True).all():
                expect(button).to_be_disabled()


@pytest.mark.proves("W22")
def test_a_page_without_live_values_says_it_too_and_holds_no_stream(
    browser: Browser, demo: DemoSite, signed_in: str
) -> None:
    with visit(browser, demo, signed_in) as owner:
        owner.expected = ["ERR_", "Failed to load resource"]
        page = owner.page
        page.clock.install()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        owner.open("/settings")
        connection = page.locator("#connection")
        expect(connection).to_contain_text("Live")
        with page.expect_response("**/api/v1/session"):
            page.clock.run_for(6000)
        save = page.get_by_role("button", name="Switch on", exact=True)
        expect(save).to_be_enabled()
        with gone(demo, page):
            expect(save).to_be_disabled()
        expect(save).to_be_enabled()
        assert not any("events" in one or "monitor" in one for one in asked), asked


@pytest.mark.proves("W25")
def test_a_page_without_live_values_asks_nothing_while_it_is_hidden(
    browser: Browser, demo: DemoSite
) -> None:
    with visit(browser, demo, None) as nobody:
        page = nobody.page
        page.clock.install()
        nobody.open("/login")
        with page.expect_response("**/health"):
            page.clock.run_for(6000)
        set_hidden(page, is_hidden=True)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.clock.run_for(60_000)
        assert asked == []
        with page.expect_response("**/health"):
            set_hidden(page, is_hidden=False)
        expect(page.locator("#connection")).to_contain_text("Live")


@pytest.mark.proves("W04")
def test_a_page_without_live_values_notices_that_its_session_has_ended(
    browser: Browser, demo: DemoSite
) -> None:
    with visit(browser, demo, log_in(browser, demo)) as owner:
        owner.expected = ["401"]
        page = owner.page
        page.clock.install()
        owner.open("/help")
        with page.context.new_page() as other:
            other.goto(f"{demo.base}/more")
            other.get_by_role("main").get_by_role("button", name="Log off").click()
            other.wait_for_url("**/login")
        page.clock.run_for(6000)
        page.wait_for_url("**/login?next=*help")


@pytest.mark.proves("W27")
@pytest.mark.parametrize("path", ["/", "/points/1", "/history", "/settings", "/help", "/login"])
def test_pages_are_complete_without_scripts(
    browser: Browser, demo: DemoSite, signed_in: str, path: str
) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    if path != "/login":
        context.add_cookies([{"name": cookie_of(demo.base), "value": signed_in, "url": demo.base}])
    page = context.new_page()
    page.goto(f"{demo.base}{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#connection")).to_be_hidden()
    if path == "/":
        expect(page.get_by_role("region", name="1 Left")).to_contain_text(" A")
    context.close()


@pytest.mark.parametrize(
    ("time_zone", "is_named"),
    [("Europe/Berlin", False), ("Europe/Paris", False), ("Africa/Algiers", True), ("UTC", True)],
)
def test_the_zone_of_the_device_is_named_where_the_clock_of_the_browser_shows_another_time(
    browser: Browser,
    demo: DemoSite,
    signed_in: str,
    time_zone: str,
    is_named: bool,  # noqa: FBT001
) -> None:
    with visit(browser, demo, signed_in, time_zone=time_zone) as seen:
        page = seen.open("/history")
        named = page.get_by_text("Times are in the time zone of the device: Europe/Berlin.")
        expect(page.locator("#connection")).to_contain_text("Live")
        if is_named:
            expect(named).to_be_visible()
        else:
            expect(named).to_be_hidden()
