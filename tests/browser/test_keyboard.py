"""Every page by keyboard alone: what can be used is reached, is seen to be reached, and works."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import DemoSite, visit
from tests.browser.test_everybody import PAGES

MOST_STOPS = 300
STOP = """() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    const box = one.getBoundingClientRect(), style = getComputedStyle(one);
    const middle = document.elementFromPoint(
        Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1),
        Math.min(Math.max(box.top + Math.min(box.height, 40) / 2, 0), innerHeight - 1));
    one.dataset.reached = "yes";
    return {
        what: `${one.tagName} ${(one.textContent || one.name || one.id).trim().slice(0, 40)}`,
        isFirst: one.dataset.first === "yes" || (one.dataset.first = "yes", false),
        isFramed: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        isFree: middle !== null && (one.contains(middle) || middle.contains(one)
            || [...(one.labels ?? [])].some((label) => label.contains(middle))),
        isInside: box.bottom > 0 && box.top < innerHeight && box.width > 0,
    };
}"""
MISSED = """() => [...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
    .filter((one) => one.checkVisibility() && !one.disabled && one.dataset.reached !== "yes"
        && !(one.type === "radio" && !one.checked))
    .map((one) => `never reached: ${one.tagName} ${one.textContent.trim().slice(0, 40)}`)"""


def stops(page: Page) -> list[dict[str, Any]]:
    """Return where the tabulator leads, once around the page from wherever it begins."""
    found: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None:
            continue  # the end of the page: the next one is its beginning
        if stop["isFirst"]:
            return found
        found.append(stop)
    raise AssertionError("the tabulator never comes back to where it began")


@pytest.mark.proves("W53")
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("path", PAGES.values())
def test_everything_is_reached_by_keyboard_and_seen(
    browser: Browser, demo: DemoSite, signed_in: str, path: str, width: int
) -> None:
    session = None if path == "/login" else signed_in
    with visit(browser, demo, session, width=width) as seen:
        page = seen.open(path)
        found = stops(page)
        assert len(found) > 2
        wrong = [
            f"{stop['what']}: {what}"
            for stop in found
            for what in ("isFramed", "isFree", "isInside")
            if not stop[what]
        ]
        assert [*wrong, *page.evaluate(MISSED)] == []


@pytest.mark.proves("W53")
def test_a_charging_point_is_interrupted_by_keyboard_alone(
    browser: Browser, demo: DemoSite, signed_in: str
) -> None:
    with visit(browser, demo, signed_in) as seen:
        page = seen.open("/")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        to(page, "3 Middle right")
        page.keyboard.press("Enter")
        page.wait_for_url("**/points/3")
        to(page, "Interrupt")
        page.keyboard.press("Space")
        expect(page.get_by_text("The command was given")).to_be_visible()
        to(page, "Resume")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Interrupt", exact=True)).to_be_visible()


@pytest.mark.proves("W53")
def test_a_question_takes_the_focus_and_gives_it_back(
    browser: Browser, demo: DemoSite, signed_in: str
) -> None:
    with visit(browser, demo, signed_in) as seen:
        page = seen.open("/points/5")
        stop = page.get_by_role("button", name="Stop", exact=True)
        if not stop.is_visible():
            page.locator("form[action$='/stop']").evaluate("(one) => { one.hidden = false; }")
        stop.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        assert page.evaluate("document.activeElement.closest('dialog') !== null")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(stop).to_be_focused()


def to(page: Page, text: str) -> None:
    """Press the tabulator until something with a text has the focus."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == text:
            return
    raise AssertionError(f"the tabulator never reaches {text}")
