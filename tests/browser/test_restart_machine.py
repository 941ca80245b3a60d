"""The restart of the machine in a browser: asked once, waited for, and back where it began."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from knxgw.host.answer import Failure
from tests.browser.served_site import served_to
from tests.browser.test_configuration import picture
from tests.browser.test_everybody import Look
from tests.browser.test_host_pages import LOOKS
from tests.support.pages_of_host import Host
from tests.support.plotted import site
from tests.website.test_pages import POINT

BUTTON = "form[action='/settings/restart-machine'] button"
HEALTH = "**/health"


@pytest.mark.proves("W67", "W52", "W54")
@pytest.mark.parametrize("look", LOOKS, ids=lambda one: "-".join(map(str, one)))
def test_a_restart_is_asked_for_once_and_the_browser_comes_back(
    browser: Browser, tmp_path: Path, look: Look
) -> None:
    host = Host()
    with served_to(browser, tmp_path, site(POINT), look, host=host.settings()) as seen:
        page = seen.open("/settings")
        page.route(HEALTH, lambda route: route.abort())
        page.locator(BUTTON).click()
        expect(page.locator("#confirm")).to_be_visible()
        wrong = picture(page, "restart-machine-asked", look)
        assert host.reboots == 0
        seen.expected.append("ERR_FAILED")  # the machine is off
        with page.expect_event("requestfailed"):
            page.locator("#confirm .yes").click()
        expect(page.locator("#restarting")).to_be_visible()
        assert host.reboots == 1
        wrong += picture(page, "restart-machine", look)
        page.unroute(HEALTH)
        page.wait_for_url("**/settings")
    assert wrong == []


@pytest.mark.proves("W67")
def test_a_machine_that_does_not_end_is_left_after_a_minute_for_the_page_that_says_why(
    browser: Browser, tmp_path: Path
) -> None:
    host = Host()
    with served_to(browser, tmp_path, site(POINT), host=host.settings()) as seen:
        page = seen.open("/settings")
        page.add_init_script("performance.now = () => window.elapsedMs ?? 0")
        page.locator(BUTTON).click()
        page.locator("#confirm .yes").click()
        expect(page.locator("#restarting")).to_be_visible()
        host.reboot = replace(host.reboot, failure=Failure.NOT_TAKEN)
        for _ in range(2):  # the second one was asked when so much time had passed
            with page.expect_response(HEALTH):
                page.evaluate("window.elapsedMs = 59000")
        expect(page.locator("#restarting")).to_be_visible()
        page.evaluate("window.elapsedMs = 61000")
        page.wait_for_url("**/settings")
        expect(page.locator("main")).to_contain_text("journalctl -u 'knxgw-host*'")
