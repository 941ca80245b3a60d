"""Every page for everybody: no finding of axe-core, nothing cut off, in each width, theme and language."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.site import DemoSite, Visit, keep_screenshot, visit

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PAGES = {
    "login": "/login",
    "status": "/",
    "point": "/points/1",
    "history": "/history",
    "faults": "/history/faults",
    "starts": "/history/starts",
    "monitor": "/diagnostics/group-monitor",
    "modbus": "/diagnostics/modbus",
    "objects": "/diagnostics/objects",
    "knx_device": "/diagnostics/knx-device",
    "logs": "/diagnostics/logs",
    "self_test": "/diagnostics/self-test",
    "support": "/support",
    "settings": "/settings",
    "accounts": "/settings/accounts",
    "certificate": "/settings/certificate",
    "reset": "/settings/reset",
    "help": "/help",
    "fault": "/help/NotReachable",
    "more": "/more",
    "configuration": "/config",
    "model": "/config/models/charger/keba_p30",
    "licences": "/licences",
    "password": "/password",
}
LANGUAGES = {"en": "en-GB", "de": "de-DE"}


COVERED = """() => [...document.querySelectorAll("body *")]
    .filter((one) => getComputedStyle(one).position === "fixed" && one.checkVisibility())
    .reduce((sum, one) => sum + one.offsetHeight, 0)"""
STRETCH = """() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        if (["SCRIPT", "STYLE"].includes(text.parentElement.tagName)) continue;
        text.data = text.data.replace(/\\p{L}{2,}/gu,
            (word) => word + "\u00e4".repeat(Math.ceil(0.4 * word.length)));
    }
}"""


class Look(NamedTuple):
    """How somebody looks at the pages."""

    width: int
    theme: str
    language: str


MATRIX = [
    Look(width, theme, language)
    for width in (360, 768, 1280)
    for theme in ("light", "dark")
    for language in LANGUAGES
]


def findings(page: Page) -> list[str]:
    """Return what axe-core finds on a page."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']} at {node['html'][:120]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def cut_off(page: Page) -> list[str]:
    """Return what is wider than the window, or hides a part of its text."""
    return list(
        page.evaluate(
            """() => {
                const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
                const hidden = [...document.querySelectorAll("body *")].filter((one) =>
                    one.children.length === 0 && one.textContent.trim() && one.offsetWidth
                    && one.scrollWidth > one.clientWidth + 1
                    && one.clientWidth > 1  // one that is there for screen readers only is meant to be small
                    && getComputedStyle(one).overflowX === "hidden");
                return [...(wide > 0 ? [`page: ${wide} px too wide`] : []),
                        ...hidden.map((one) => one.textContent.trim().slice(0, 60))];
            }"""
        )
    )


@pytest.mark.proves("W52")
@pytest.mark.parametrize("look", MATRIX, ids=lambda one: "-".join(map(str, one)))
def test_no_page_keeps_anybody_out(
    browser: Browser, demo: DemoSite, signed_in: str, look: Look
) -> None:
    wrong = []
    for name, path in PAGES.items():
        session = None if name == "login" else signed_in
        with visit(
            browser,
            demo,
            session,
            width=look.width,
            theme=look.theme,
            language=LANGUAGES[look.language],
        ) as seen:
            page = seen.open(path)
            page.wait_for_load_state("load")
            wrong += [f"{name}: {one}" for one in (*findings(page), *cut_off(page))]
            keep_screenshot(page, f"{name}-{look.width}-{look.theme}-{look.language}")
    assert wrong == []


@pytest.mark.proves("W54")
@pytest.mark.parametrize("path", PAGES.values())
def test_nothing_is_cut_off_at_320_pixels(
    browser: Browser, demo: DemoSite, signed_in: str, path: str
) -> None:
    with visit(browser, demo, signed_in, width=320) as seen:
        assert cut_off(seen.open(path)) == []


def pages_of(seen: Visit) -> Iterator[tuple[str, Page]]:
    """Open one page after the other for somebody who is logged in."""
    for name, path in PAGES.items():
        if name != "login":
            yield name, seen.open(path)


@pytest.mark.proves("W54")
def test_nothing_is_cut_off_at_400_percent(
    browser: Browser, demo: DemoSite, signed_in: str
) -> None:
    """A window of 1280 x 1024 px at 400 % has 320 x 256."""
    wrong = []
    with visit(browser, demo, signed_in, width=320) as seen:
        seen.page.set_viewport_size({"width": 320, "height": 256})
        for name, page in pages_of(seen):
            covered = page.evaluate(COVERED)
            wrong += [f"{name}: {one}" for one in cut_off(page)]
            if covered > 0.2 * 256:
                wrong.append(f"{name}: {covered} px of 256 are covered by bars")
    assert wrong == []


@pytest.mark.proves("W54")
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_texts_that_are_longer_by_40_percent_fit(
    browser: Browser, demo: DemoSite, signed_in: str, width: int
) -> None:
    """Every word gets longer, as in another language: a sentence grows, and so does each of its words."""
    wrong = []
    with visit(browser, demo, signed_in, width=width, language="de-DE") as seen:
        for name, page in pages_of(seen):
            page.evaluate(STRETCH)
            wrong += [f"{name}: {one}" for one in cut_off(page)]
            keep_screenshot(page, f"longer-{name}-{width}")
    assert wrong == []
