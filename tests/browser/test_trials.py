"""A device is read once from its form: by a real gateway, by the keyboard, and it can be cancelled."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from knxgw.catalogue.messages import message
from tests.browser.device import Device
from tests.browser.served_site import served_to
from tests.browser.site import visit
from tests.browser.test_configuration import EXAMPLE, picture
from tests.browser.test_everybody import MATRIX, Look
from tests.browser.test_typing import FORM, field
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.website.test_pages import POINT
from tests.website.test_trials import FINDING, VALUES, Reads

HOST = "charging_points[0].connection.host"
PORT = "charging_points[0].connection.port"


def trial(page: Page) -> tuple[str, str]:
    """Return how the button and the status of the charger's read are found."""
    return ".trial >> nth=0 >> button >> nth=0", ".trial >> nth=0 >> [role=status]"


@pytest.mark.proves("W64")
def test_a_charger_is_read_by_the_keyboard_through_the_gateway_that_has_it(
    browser: Browser, device: Device
) -> None:
    with visit(browser, device.site, device.session) as seen:
        page = seen.open(FORM)
        button, said = trial(page)
        page.locator(button).focus()
        page.keyboard.press("Enter")
        expect(page.locator(said)).to_contain_text("Answers as go-e Charger", timeout=15_000)
        expect(page.locator(said)).to_contain_text("The running gateway asks")
        box = page.locator(".trial").first
        expect(box.locator("dl")).to_contain_text("Vehicle connected")
        expect(box.locator("dl")).to_contain_text("\u202fA")
        expect(page.locator(button)).to_be_focused()
        with page.expect_response("**/check"):
            page.locator(field(PORT)).fill("1")
        page.locator(button).click()
        expect(box.locator("li")).to_contain_text("switch on Modbus", timeout=15_000)
        expect(page.locator(field(PORT))).to_have_value("1")
        page.goto(f"{seen.base}/config")
        page.get_by_role("button", name="Discard the draft").click()


@pytest.mark.proves("W52", "W64")
@pytest.mark.parametrize("look", MATRIX[0:2] + MATRIX[-2:], ids=lambda one: "-".join(map(str, one)))
def test_a_read_can_be_cancelled_and_what_came_of_it_keeps_nobody_out(
    browser: Browser, tmp_path: Path, look: Look
) -> None:
    own, reads = Own(EXAMPLE.read_text(encoding="utf-8")), Reads()
    given: dict[str, Any] = {"device": own.control(), "trials": reads.for_pages()}
    with served_to(browser, tmp_path, site(POINT), look, **given) as seen:
        page = seen.open(FORM)
        button, _ = trial(page)
        page.locator(button).click()
        cancel = page.locator(".trial .cancel").first
        expect(cancel).to_be_visible()
        wrong = picture(page, "reading", look)
        cancel.click()
        reads.trial = reads.at_the_end.__class__(
            is_running=False,
            values=VALUES,
            findings=(FINDING,),
            words=message("trial_cancelled"),
        )
        expect(cancel).to_be_hidden()
        expect(page.locator(button)).to_be_focused()
        expect(page.locator(".trial li").first).to_be_visible()
        wrong += picture(page, "read", look)
    assert reads.cancelled == [7]
    assert wrong == []


@pytest.mark.proves("W64")
def test_enter_in_a_field_does_not_read_a_device(browser: Browser, tmp_path: Path) -> None:
    own, reads = Own(EXAMPLE.read_text(encoding="utf-8")), Reads()
    given: dict[str, Any] = {"device": own.control(), "trials": reads.for_pages()}
    with served_to(browser, tmp_path, site(POINT), **given) as seen:
        page = seen.open(FORM)
        page.locator(field(HOST)).fill("192.168.1.7")
        page.locator(field(HOST)).press("Enter")
        page.wait_for_url("**/config/draft")
    assert reads.wanted == []
