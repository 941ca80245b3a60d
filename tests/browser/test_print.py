"""Pages on paper. What the sheets look like was looked at as PDF."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from knxgw.monitoring.test_charge import Progress, Result, Row, Step
from knxgw.website.commissioning import Commissioning
from tests.browser.served_site import served_to
from tests.browser.site import DemoSite, visit
from tests.browser.test_everybody import PAGES
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.website.test_pages import POINT

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


@pytest.mark.proves("W47")
def test_no_heading_of_the_protocol_stays_alone_and_no_word_of_a_head_is_torn(
    browser: Browser, tmp_path: Path
) -> None:
    row = Row(step=Step.VEHICLE, result=Result.GOOD)
    first = Progress(number=1, point=1, rows=(row,), steps=(row.step,))
    given: dict[str, Any] = {
        "device": Own("knx: {link: none}\n").control(),
        "commissioning": Commissioning(charges=lambda: {1: first}),
    }
    with served_to(browser, tmp_path, site(POINT), **given) as seen:
        page = seen.open("/wizard/protocol")
        page.emulate_media(media="print")
        looks = page.evaluate(
            """() => [...document.querySelectorAll(".card :is(h2, h3)")].map((one) =>
                [one.nextElementSibling !== null, getComputedStyle(one).breakAfter])"""
        )
        assert (False, "auto") in map(
            tuple, looks
        )  # else it would keep its card and the next together
        assert {kept for has_more, kept in looks if has_more} == {"avoid"}
        heads = page.evaluate(
            """() => [...document.querySelectorAll("th")].map((one) =>
                getComputedStyle(one).overflowWrap)"""
        )
        assert set(heads) == {"normal"}
