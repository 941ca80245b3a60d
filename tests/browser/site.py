"""The demo as the browser tests see it, and one visit to it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request

from tests.support.processes import Running, health
from tests.support.waiting import wait_until

CHROMIUM = Path(which("chromium") or which("google-chrome") or "/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",  # the tests run as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
COOKIE = "knxgw"  # of a session, where the address has no port
SCREENSHOTS = os.environ.get("KNXGW_SCREENSHOTS")  # the folder for them; without it none are made
HIDES = """() => {
    Object.defineProperty(document, "hidden", { get: () => window.isHidden === true, configurable: true });
}"""
HEIGHTS = {320: 640, 360: 740, 768: 1024, 1280: 800}


def keep_screenshot(shown: Page | Locator, name: str) -> None:
    """Keep a picture of a whole page, or of a part, for people to look at: no test judges it.

    Chromium refuses one now and then where the machine is busy, so the tests do without.
    """
    if SCREENSHOTS is None:
        return
    path = Path(SCREENSHOTS) / f"{name}.png"
    if isinstance(shown, Page):
        shown.screenshot(path=path, full_page=True)
    else:
        shown.screenshot(path=path)


def set_hidden(page: Page, *, is_hidden: bool) -> None:
    """Let a page think that its tab is in the background: a browser without a screen shows all."""
    page.evaluate(HIDES)
    page.evaluate(
        "(hidden) => { window.isHidden = hidden; document.dispatchEvent(new Event('visibilitychange')); }",
        is_hidden,
    )


@dataclass(frozen=True, slots=True)
class DemoSite:
    """Where the demo answers, and its password."""

    base: str
    password: str
    running: Running | None  # none: the website alone, in this process

    @property
    def pid(self) -> int:
        """Return the number of its process."""
        assert self.running is not None
        return self.running.process.pid

    @classmethod
    def of(cls, running: Running) -> Self:
        """Return the demo of a process, once it is ready."""
        running.wait_to_say("Ctrl-C ends")
        said = running.said
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)", said).group(1))  # type: ignore[union-attr]
        password = re.search(r"/, password (\S+)", said).group(1)  # type: ignore[union-attr]
        wait_until(lambda: health(port) == 200, 30.0, "the demo to be ready")
        return cls(f"http://127.0.0.1:{port}", password, running)


@dataclass  # no slots: Playwright keeps a note at whose methods it calls
class Visit:
    """One window, and what went wrong in it."""

    page: Page
    base: str
    wrong: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)  # parts of messages that a test provokes

    def open(self, path: str) -> Page:
        """Open a page of the device."""
        self.page.goto(f"{self.base}{path}")
        return self.page

    def note(self, message: ConsoleMessage) -> None:
        """Take what a page writes to its console."""
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def look(self, request: Request) -> None:
        """Take what a page asks for: nothing may come from elsewhere."""
        if not request.url.startswith((f"{self.base}/", "data:", "blob:")):
            self.wrong.append(f"asked a foreign host: {request.url}")

    @property
    def unexpected(self) -> list[str]:
        """Return what went wrong and was not provoked."""
        return [one for one in self.wrong if not any(part in one for part in self.expected)]


def cookie_of(base: str) -> str:
    """Return the name of the session cookie of a website."""
    port = urlsplit(base).port
    return COOKIE if port is None else f"{COOKIE}_{port}"


@contextmanager
def visit(
    browser: Browser,
    site: DemoSite,
    session: str | None,
    *,
    width: int = 360,
    theme: str = "light",
    language: str = "en-GB",
    time_zone: str = "Europe/Berlin",
) -> Iterator[Visit]:
    """Give a window, logged in with the cookie of a session; at its end nothing may have gone wrong."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHTS.get(width, 800)},
        color_scheme="dark" if theme == "dark" else "light",
        locale=language,
        timezone_id=time_zone,
        reduced_motion="reduce",
    )
    if session is not None:
        context.add_cookies([{"name": cookie_of(site.base), "value": session, "url": site.base}])
    page = context.new_page()
    found = Visit(page, site.base)
    page.on("console", found.note)
    page.on("request", found.look)
    page.on("pageerror", lambda error: found.wrong.append(str(error)))
    try:
        yield found
        assert found.unexpected == [], found.unexpected
    finally:
        context.close()
