"""The Status page in a real browser."""

import os
import signal

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.site import DemoSite, Visit, cookie_of, visit


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
        os.kill(demo.pid, signal.SIGSTOP)
        try:
            page.clock.fast_forward(8000)
            expect(connection).to_contain_text("s old")
            page.clock.fast_forward(8000)
            expect(connection).to_contain_text("Disconnected for")
            for button in page.get_by_role("button", name="Interrupt", exact=True).all():
                expect(button).to_be_disabled()
        finally:
            os.kill(demo.pid, signal.SIGCONT)
        page.clock.resume()
        expect(connection).to_contain_text("Live", timeout=10000)


@pytest.mark.proves("W27")
@pytest.mark.parametrize("path", ["/", "/points/1", "/help", "/login"])
def test_pages_are_complete_without_scripts(
    browser: Browser, demo: DemoSite, signed_in: str, path: str
) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    if path != "/login":
        context.add_cookies([{"name": cookie_of(demo.base), "value": signed_in, "url": demo.base}])
    page = context.new_page()
    page.goto(f"{demo.base}{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    if path == "/":
        expect(page.get_by_role("region", name="1 Left")).to_contain_text(" A")
    context.close()
