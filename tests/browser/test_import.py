"""A project from ETS in a browser: its password, its devices, what it has, and a reading that is cancelled."""

from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from knxgw.ets.child_process import PYTHON_VARIABLE
from tests.browser.served_site import served_to
from tests.browser.site import keep_screenshot
from tests.browser.test_everybody import Look, cut_off, findings
from tests.ets.projects import documents, knxproj, zip_crypto
from tests.peers.environments import ETS
from tests.peers.peer import require
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.website.test_import_from_ets import (
    DIMMER,
    HEAD,
    OURS,
    PASSWORD,
    STAND_IN,
    WRONG,
    nameless,
    project,
    slow_python,
)
from tests.website.test_pages import POINT

LOOKS = [Look(360, "light", "de"), Look(1280, "dark", "en")]
SENDS = "form[action='/config/objects/import'] button.sends"


def picture(page: Page, name: str, look: Look) -> list[str]:
    """Keep a picture of a page, and return what keeps somebody out of it."""
    keep_screenshot(page, f"import-{name}-{look.width}-{look.language}")
    return [f"{name}: {one}" for one in (*findings(page), *cut_off(page))]


def send(page: Page, data: bytes) -> None:
    """Send a project from the page of the group addresses."""
    page.goto(f"{page.url.split('/config')[0]}/config/objects?from=wizard")
    file = FilePayload(name="house.knxproj", mimeType="application/zip", buffer=data)
    page.locator("input[type=file]").set_input_files(file)
    page.locator(SENDS).click()


@pytest.mark.proves("W49", "W52")
@pytest.mark.parametrize("look", LOOKS, ids=lambda one: str(one.width))
def test_a_project_is_opened_its_device_chosen_and_the_wizard_goes_on(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Look
) -> None:
    require(ETS)
    monkeypatch.setenv(PYTHON_VARIABLE, str(ETS.python))
    own = Own(HEAD + "group_objects: {55: [4/1/55, 4/0/55], 56: [4/0/55], 94: [4/1/94]}\n")
    with served_to(browser, tmp_path, site(POINT), look, device=own.control()) as seen:
        seen.expected = ["409 (CONFLICT)"]  # a refusal
        page = seen.open("/config/objects?from=wizard")
        wrong = picture(page, "table", look)
        _, private = documents(project(OURS, DIMMER))
        send(page, knxproj(project(OURS, DIMMER), zip_crypto(private, PASSWORD.encode())))
        field = page.locator("#project-password")
        expect(page.locator("input[name=upload]")).to_be_attached(timeout=60_000)
        expect(field).to_be_focused()
        field.fill(WRONG)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible(timeout=60_000)
        wrong += picture(page, "password", look)
        field.fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("input[name=take]")).to_have_count(2, timeout=60_000)
        page.locator("details summary").click()
        wrong += picture(page, "found", look)
        send(page, knxproj(nameless(DIMMER, STAND_IN)))
        expect(page.locator("input[name=device]")).to_have_count(2, timeout=60_000)
        wrong += picture(page, "devices", look)
        page.locator("input[name=device][value='1.0.7']").check()
        page.locator("form[action$='/device'] button").click()
        expect(page.locator("input[name=take]")).to_have_count(1)
        page.locator("form[action='/config/objects/take'] button.primary").click()
        page.wait_for_url("**/wizard/knx")
    assert wrong == []


@pytest.mark.proves("W49", "W52", "W53")
@pytest.mark.parametrize("look", LOOKS, ids=lambda one: str(one.width))
def test_a_project_that_takes_long_says_so_and_is_cancelled(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Look
) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, str(slow_python(tmp_path)))
    given = {"device": Own(HEAD).control(), "now_s": count(1000.0, 0.5).__next__}
    with served_to(browser, tmp_path, site(POINT), look, **given) as seen:
        page = seen.open("/config/objects?from=wizard")
        send(page, knxproj(project(OURS)))
        expect(page.locator("[data-progress][data-running]")).to_be_visible(timeout=60_000)
        said = page.locator(".said-so-far")
        before = said.inner_text()
        expect(said).not_to_have_text(before, timeout=30_000)
        wrong = picture(page, "reading", look)
        cancel = page.locator("form[action$='/cancel'] button")
        cancel.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/wizard/knx")
    assert wrong == []


@pytest.mark.proves("W52")
@pytest.mark.parametrize("look", LOOKS, ids=lambda one: str(one.width))
def test_a_device_that_is_not_configured_is_led_to_its_charging_points(
    browser: Browser, tmp_path: Path, look: Look
) -> None:
    with served_to(browser, tmp_path, site(POINT), look, device=Own("").control()) as seen:
        page = seen.open("/config/objects")
        wrong = picture(page, "empty", look)
        page.locator("a.button.primary").click()
        page.wait_for_url("**/wizard")
    assert wrong == []
