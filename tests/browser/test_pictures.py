"""The pictures of docs/website.md and docs/ets.md, made by `make pictures`."""

import os
import signal
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from tests.browser.conftest import log_in
from tests.browser.device import Device
from tests.browser.site import DemoSite, visit
from tests.browser.test_configuration import opened
from tests.browser.test_everybody import Look
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


HOUSE = (
    ("Charging point 1: Interruption", "4/1/5", "DPST-1-2"),
    ("Charging point 1: Actual power (sum) - state", "4/1/6", "DPST-14-56"),
    ("Ladepunkt 2 Sollstrom", "4/1/7", "DPST-14-19"),
    ("Wallbox 2 Sperre", "4/1/8", "DPST-1-2"),
    ("Charging point 1: Charging", "4/1/9", ""),
    ("Grid-supporting control", "4/0/1", "DPST-1-1"),
    ("Garage door", "4/0/9", "DPST-1-9"),
)
LINKED = """group_objects:
  # Visitors
  50: [4/1/50]  # charging point state
  55: [4/1/55]  # interruption
"""
LINE = '<GroupAddress Name="{}" Address="{}" DPTs="{}" />'
LIST = (
    '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n'
    '<GroupAddress-Export xmlns="http://knx.org/xml/ga-export/01">'
    '<GroupRange Name="Garage" RangeStart="8192" RangeEnd="10239">'
    f"{''.join(LINE.format(*one) for one in HOUSE)}</GroupRange></GroupAddress-Export>"
)


@pytest.mark.skipif(not FOLDER, reason="the pictures are made by `make pictures`")
def test_the_pictures_of_the_way_between_ets_and_the_device(
    browser: Browser, tmp_path: Path
) -> None:
    def keep(name: str, *, height: int) -> None:
        page.set_viewport_size({"width": 1120, "height": height})
        page.screenshot(path=Path(FOLDER) / f"{name}.png")

    with opened(browser, tmp_path, Look(1280, "light", "en")) as (page, own):
        own.text = own.text[: own.text.index("group_objects:")] + LINKED
        page.goto(f"{page.url}/objects")
        keep("ets-group-addresses", height=1240)
        page.locator("input[type=file]").set_input_files(
            FilePayload(name="house.xml", mimeType="text/xml", buffer=LIST.encode())
        )
        page.get_by_role("button", name="Show what is found").click()
        expect(page.locator("input[name=take]").first).to_be_visible()
        keep("ets-import", height=840)
        page.get_by_role("button", name="Take into the draft").click()
        expect(page.locator(".diff ins").first).to_be_visible()
        keep("ets-difference", height=1010)


@pytest.mark.skipif(not FOLDER, reason="the pictures are made by `make pictures`")
def test_the_pictures_of_a_download(browser: Browser, tmp_path: Path) -> None:
    def keep(name: str, path: str, shows: str, *, height: int) -> None:
        page = seen.open(path)
        expect(page.locator("main")).to_contain_text(shows)
        page.set_viewport_size({"width": 1120, "height": height})
        page.screenshot(path=Path(FOLDER) / f"{name}.png")

    device_page = "/diagnostics/knx-device"
    with (
        Device.running_in(tmp_path) as device,
        visit(browser, device.site, device.session, width=1120) as seen,
    ):
        text = f"{device.text}group_objects: {{50: [1/1/50], 55: [1/1/55], 62: [1/1/62]}}\n"
        with device.loading(text) as tool:
            tool.wait_to_say("restarted")
        wait_until(lambda: "loaded by ETS" in device.running.said, 10.0, "the download to hold")
        keep("knx-device", device_page, "The device does what ETS has loaded.", height=1280)
        with device.loading(text) as tool:
            tool.wait_to_say("written 4")
            tool.process.send_signal(signal.SIGSTOP)
            keep("knx-device-loading", "/", "ETS is loading the device", height=700)
        wait_until(lambda: "begun a download" in seen.open(device_page).content(), 60.0, "its end")
        keep("knx-device-cut-off", device_page, "ETS has begun a download", height=800)
