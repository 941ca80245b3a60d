"""Firmware in a browser: chosen in parts, shown, installed, refused; nobody is kept out of it."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from knxgw.firmware.boot_state import BootState, Reason, begin_trial, given_up
from knxgw.firmware.keys import ALLOWS_DEVELOPMENT
from tests.browser.served_site import served_to
from tests.browser.test_configuration import picture
from tests.browser.test_everybody import Look
from tests.firmware.makers import firmware
from tests.gateway.test_updating import Device
from tests.support.plotted import site
from tests.website.test_pages import POINT

AT = "2026-11-29T12:00:00+00:00"
LOOKS = [Look(320, "light", "de"), Look(360, "dark", "en"), Look(1280, "light", "de")]


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    monkeypatch.setenv(ALLOWS_DEVELOPMENT, "1")
    return Device(tmp_path)


def payload(path: Path) -> FilePayload:
    content = path.read_bytes()
    return FilePayload(name=path.name, mimeType="application/octet-stream", buffer=content)


@pytest.mark.proves("W42", "W52", "W53", "W54")
@pytest.mark.parametrize("look", LOOKS, ids=lambda one: "-".join(map(str, one)))
def test_a_firmware_is_uploaded_in_parts_shown_and_installed_with_progress(
    browser: Browser, tmp_path: Path, device: Device, look: Look
) -> None:
    device.disk.save(
        given_up(begin_trial(BootState(), "a", "0.15", AT), Reason.NOT_READY, "0.1", AT)
    )
    file = firmware(tmp_path, "0.2", ballast=400_000)
    folder = tmp_path / "website"
    control = device.updating.for_pages()
    with served_to(browser, folder, site(POINT), look, firmware=control) as seen:
        page = seen.open("/settings/firmware")
        wrong = picture(page, "firmware", look)
        seen.expected.append("422")
        broken = payload(file) | {"buffer": file.read_bytes()[:-1]}
        page.locator("#file").set_input_files(broken)
        page.locator("button.sends").click()
        expect(page.locator("main .flash[data-tone=bad]")).to_be_visible()
        wrong += picture(page, "firmware-refused", look)
        page.locator("#file").set_input_files(payload(file))
        page.locator("button.sends").focus()
        page.keyboard.press("Enter")
        install = page.locator("form[action='/settings/firmware/install'] button")
        expect(install).to_be_visible()
        wrong += picture(page, "firmware-chosen", look)
        device.is_held = True
        install.click()
        expect(page.locator(".progress progress")).to_be_visible()
        wrong += picture(page, "firmware-installing", look)
        device.started.pop()()
        expect(page.locator("#restarting")).to_be_visible()
        assert device.restarts == 1
        wrong += picture(page, "firmware-restarting", look)
    device.updating.close()
    assert wrong == []


@pytest.mark.proves("W42")
def test_a_list_that_cannot_be_read_is_said_on_the_page(
    browser: Browser, tmp_path: Path, device: Device
) -> None:
    device.settings = replace(device.settings, index="https://127.0.0.1:1/firmware.json")
    control = device.updating.for_pages()
    with served_to(browser, tmp_path / "website", site(POINT), firmware=control) as seen:
        page = seen.open("/settings/firmware")
        page.locator("form[action='/settings/firmware/look'] button").click()
        expect(page.get_by_text("the list of firmware cannot be read")).to_be_visible()
    device.updating.close()
