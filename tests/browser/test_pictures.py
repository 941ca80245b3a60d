"""The pictures of docs/website.md, made by `make pictures` from the demo with a fault."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import log_in
from tests.browser.site import DemoSite, visit
from tests.support.waiting import wait_until

SESSIONS = 5  # that the picture of the history shows
FOLDER = os.environ.get("KNXGW_PICTURES", "")


class Picture(NamedTuple):
    """A page as the documentation shows it."""

    name: str
    path: str
    width: int
    theme: str
    shows: str  # what the page has to say before the picture is taken


PICTURES = (
    Picture("status-phone", "/", 360, "light", "NotReachable"),
    Picture("status-desktop-dark", "/", 1280, "dark", "NotReachable"),
    Picture("point", "/points/1", 360, "light", "Why"),
    Picture("group-monitor", "/diagnostics/group-monitor", 1280, "light", "Write"),
    Picture("history", "/history", 1280, "light", "kWh"),
)


@pytest.mark.skipif(not FOLDER, reason="the pictures are made by `make pictures`")
@pytest.mark.parametrize("picture", PICTURES, ids=lambda one: one.name)
def test_a_picture_of_the_documentation(
    browser: Browser, faulty_demo: DemoSite, picture: Picture
) -> None:
    if picture.name == "history":
        running = faulty_demo.running
        assert running is not None

        def said() -> str:
            return running.said

        wait_until(lambda: said().count("session ended") >= SESSIONS, 240.0, said)
    session = log_in(browser, faulty_demo)
    width, theme = picture.width, picture.theme
    with visit(browser, faulty_demo, session, width=width, theme=theme) as seen:
        page = seen.open(picture.path)
        expect(page.locator("main")).to_contain_text(picture.shows)
        page.screenshot(path=Path(FOLDER) / f"{picture.name}.png")
