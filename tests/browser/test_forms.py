"""What forms do in a real browser: passwords that can be shown, questions, and one tap where one is promised."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from knxgw.device.panel import Led
from knxgw.website.access.roles import Role
from knxgw.website.bridge import DeviceControl
from knxgw.website.device_facts import DeviceFacts, PanelFacts
from tests.browser.site import COOKIE, DemoSite, Visit, cookie_of, visit
from tests.support.website import FACTS, PASSWORD, Website, served
from tests.website.test_pages import SITE


class Panel:
    """A device whose programming mode pages switch."""

    def __init__(self) -> None:
        self.is_on = False

    def facts(self) -> DeviceFacts:
        led = Led.ON if self.is_on else Led.OFF
        return replace(FACTS, panel=PanelFacts(programming=led))

    def switch(self, is_on: bool) -> None:  # noqa: FBT001 - a mode is on or off
        self.is_on = is_on


@pytest.fixture
def at(tmp_path: Path) -> Iterator[tuple[Website, DemoSite]]:
    """Give a website of a device with a front panel, and where it answers."""
    panel = Panel()
    given = {"facts": panel.facts, "device": DeviceControl(set_programming=panel.switch)}
    with served(tmp_path, lambda _language: SITE, **given) as (website, port):
        yield website, DemoSite(f"http://127.0.0.1:{port}", PASSWORD, None)


@pytest.fixture
def owner(browser: Browser, at: tuple[Website, DemoSite]) -> Iterator[Visit]:
    """Give a phone of its owner."""
    website, site = at
    cookie = website.browser.get_cookie(COOKIE)
    assert cookie is not None
    with visit(browser, site, cookie.value) as seen:
        yield seen


@pytest.mark.proves("W30")
def test_the_programming_mode_is_one_tap_on_status(owner: Visit) -> None:
    page = owner.open("/")
    with owner.page.context.new_page() as other:
        other.goto(f"{owner.base}/")
        page.get_by_role("button", name="Programming mode", pressed=False).click()
        expect(page.get_by_text("The programming mode is on.")).to_be_visible()
        expect(page.get_by_role("button", name="Programming mode", pressed=True)).to_be_visible()
        pressed = other.get_by_role("button", name="Programming mode", pressed=True)
        expect(pressed).to_be_visible(timeout=3000)
        pressed.click()
        expect(other.get_by_text("The programming mode is off.")).to_be_visible()


def test_an_action_on_a_card_comes_back_to_the_card(owner: Visit) -> None:
    page = owner.open("/")
    card = page.get_by_role("region", name="1 Left")
    card.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    page.wait_for_url("**/?said=sent&point=1#point-1")
    expect(card.get_by_text("The command was given to the charging point.")).to_be_in_viewport()


@pytest.mark.parametrize("path", ["/login", "/password", "/password/again"])
def test_what_is_typed_as_a_password_can_be_shown(
    browser: Browser, at: tuple[Website, DemoSite], path: str
) -> None:
    website, site = at
    cookie = website.browser.get_cookie(COOKIE)
    assert cookie is not None
    with visit(browser, site, None if path == "/login" else cookie.value) as seen:
        page = seen.open(path)
        field = page.get_by_label("password").last
        button = page.get_by_role("button", name="Show").last
        field.fill("a quiet evening")
        expect(field).to_have_attribute("type", "password")
        button.click()
        expect(field).to_have_attribute("type", "text")
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(button).to_have_accessible_description(
            "New password again" if path == "/password" else "Password"
        )
        button.click()
        expect(field).to_have_attribute("type", "password")


@pytest.mark.proves("W05")
def test_a_password_that_is_shown_is_not_kept_beyond_the_session(
    browser: Browser, at: tuple[Website, DemoSite]
) -> None:
    website, site = at
    cookie = website.browser.get_cookie(COOKIE)
    assert cookie is not None
    with visit(browser, site, cookie.value) as seen:
        seen.expected = ["401"]
        page = seen.page
        page.clock.install()
        left: list[str] = []  # departures to the log-in
        page.on("request", lambda one: left.append(one.url) if "/login?" in one.url else None)
        seen.open("/password")
        page.get_by_label("New password", exact=True).fill("a quiet evening")
        page.get_by_role("button", name="Show").nth(1).click()
        website.clock.now_s += 31 * 60
        page.clock.fast_forward(31 * 60_000)
        page.wait_for_url("**/login?next=*password*")
        assert "a quiet evening" not in page.evaluate("JSON.stringify({...sessionStorage})")
        assert len(left) == 1  # a second departure breaks off the first


def test_a_dark_page_is_two_taps_away_on_a_phone(owner: Visit) -> None:
    page = owner.open("/")
    page.get_by_role("link", name="More").click()
    page.get_by_role("button", name="dark").click()
    expect(page.get_by_role("button", name="dark", pressed=True)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_an_account_is_removed_after_one_question(
    owner: Visit, at: tuple[Website, DemoSite]
) -> None:
    at[0].guest(Role.USER)
    page = owner.open("/settings/accounts")
    remove, question = page.get_by_role("button", name="Remove"), page.get_by_role("dialog")
    remove.click()
    expect(question).to_contain_text("Remove the account guest?")
    question.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("cell", name="guest")).to_be_visible()
    remove.click()
    question.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Done.")).to_be_visible()
    expect(page.get_by_role("cell", name="guest")).to_be_hidden()


def test_an_account_is_changed_without_scripts(
    browser: Browser, at: tuple[Website, DemoSite]
) -> None:
    website, site = at
    website.guest(Role.USER)
    cookie = website.browser.get_cookie(COOKIE)
    assert cookie is not None
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.add_cookies([{"name": cookie_of(site.base), "value": cookie.value, "url": site.base}])
    page = context.new_page()
    page.goto(f"{site.base}/settings/accounts")
    row = page.get_by_role("row").filter(has_text="guest")
    row.get_by_text("Role and charging points").click()
    row.get_by_label("Viewer").check()
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("cell", name="Viewer", exact=True)).to_be_visible()
    row.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="Remove the account guest?")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Done.")).to_be_visible()
    context.close()
