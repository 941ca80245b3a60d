"""Pages on paper. What the sheets look like was looked at as PDF."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.site import DemoSite, visit
from tests.browser.test_everybody import PAGES

BARS = ("header.top", "nav.bottom", "footer .links", "main button", "main .button", "main input")
DAY_AND_TIME = re.compile(r"Demo garage · \d+ \w+ \d{4}, \d\d:\d\d")
LIGHT = "rgb(255, 255, 255)"


@pytest.mark.proves("W56")
@pytest.mark.parametrize("path", [path for name, path in PAGES.items() if name != "login"])
def test_a_page_prints_without_bars_with_device_and_time_on_each_sheet(
    browser: Browser, demo: DemoSite, signed_in: str, path: str
) -> None:
    with visit(browser, demo, signed_in, width=1280, theme="dark") as seen:
        page = seen.open(path)
        head = page.locator(".printed")
        expect(head).to_be_hidden()
        page.emulate_media(media="print", color_scheme="dark")
        expect(head).to_have_text(DAY_AND_TIME)
        expect(head).to_be_visible()
        assert head.evaluate("(one) => getComputedStyle(one).display") == "table-header-group"
        for bar in BARS:
            for one in page.locator(bar).all():
                expect(one).to_be_hidden()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        card = page.locator(".card").first
        assert card.evaluate("(one) => getComputedStyle(one).backgroundColor") == LIGHT
        assert page.pdf(format="A4").startswith(b"%PDF-")
