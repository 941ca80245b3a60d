"""The pictures of docs/website.md, made by `make pictures` from the demo with a fault."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import log_in
from tests.browser.site import DemoSite, visit

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
        assert faulty_demo.running is not None
        faulty_demo.running.wait_to_say("session ended", 180.0)
    session = log_in(browser, faulty_demo)
    width, theme = picture.width, picture.theme
    with visit(browser, faulty_demo, session, width=width, theme=theme) as seen:
        page = seen.open(picture.path)
        expect(page.locator("main")).to_contain_text(picture.shows)
        page.screenshot(path=Path(FOLDER) / f"{picture.name}.png")
