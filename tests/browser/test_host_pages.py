"""Network and time: nobody is kept out, at any width; a change is kept at the new place by its link."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.time_plan import TimeService
from knxgw.website.host_settings import TimeState
from tests.browser.served_site import served_to
from tests.browser.test_configuration import NOON, picture
from tests.browser.test_everybody import Look
from tests.support.pages_of_host import OURS, Host
from tests.support.plotted import site
from tests.website.test_pages import POINT

LOOKS = [
    Look(width, theme, language)
    for width, theme in ((320, "light"), (360, "dark"), (1280, "light"))
    for language in ("en", "de")
]


@pytest.mark.proves("W40", "W41", "W52", "W54")
@pytest.mark.parametrize("look", LOOKS, ids=lambda one: "-".join(map(str, one)))
def test_network_and_time_keep_nobody_out(browser: Browser, tmp_path: Path, look: Look) -> None:
    host = Host()
    with served_to(browser, tmp_path, site(POINT), look, host=host.settings()) as seen:
        wrong = picture(seen.open("/settings"), "settings", look)
        page = seen.open("/settings/network")
        wrong += picture(page, "network", look)
        page.locator("input[value=permanent]").check()
        page.locator("#address").fill("127.0.0.1")
        page.locator("#mask").fill("255.0.255.0")
        seen.expected.append("400")
        page.locator("form[action='/settings/network'] button.primary").click()
        expect(page.locator("[id='said:address'] .said")).to_be_visible()
        expect(page.locator("#address")).to_have_value("127.0.0.1")
        wrong += picture(page, "network-refused", look)
        for name, text in (("address", "192.0.2.20"), ("mask", "24"), ("gateway", "192.0.2.1")):
            page.locator(f"#{name}").fill(text)
        page.locator("form[action='/settings/network'] button.primary").click()
        expect(page.locator("form[action='/settings/network/apply']")).to_be_visible()
        wrong += picture(page, "network-review", look)
        page.locator("form[action='/settings/network/apply'] button").click()
        expect(page.locator("form[action='/settings/network/keep']")).to_be_visible()
        wrong += picture(page, "network-waiting", look)
        link = page.locator("main a[href*='/settings/network/keep/']").get_attribute("href") or ""
        assert link.startswith("http://192.0.2.20:")
        wrong += picture(seen.open("/settings/network"), "network-waits", look)
        page = seen.open("/settings/network/keep/" + link.rpartition("/")[2])
        wrong += picture(page, "network-keep", look)
        page.locator("form[action*='/keep/'] button").click()
        expect(page.locator("main a[href='/settings/network']")).to_be_visible()
        assert host.is_at(Phase.KEPT)
        wrong += picture(page, "network-kept", look)
        host.state = replace(OURS, manager=Manager.NETWORK_MANAGER, is_writable=False)
        wrong += picture(seen.open("/settings/network"), "network-read-only", look)
        wrong += picture(seen.open("/settings/time"), "time-unset", look)
        service = TimeService(
            servers=("ptbtime1.ptb.de",),
            answering="ptbtime1.ptb.de",
            answered_at=NOON,
            offset_s=1e-3,
        )
        host.times = TimeState(is_synchronised=True, has_service=True, service=service)
        wrong += picture(seen.open("/settings/time"), "time", look)
    assert wrong == []


@pytest.mark.proves("W41")
def test_the_time_of_the_browser_is_sent_as_it_is_when_the_button_is_pressed(
    browser: Browser, tmp_path: Path
) -> None:
    host = Host()
    with served_to(browser, tmp_path, site(POINT), host=host.settings()) as seen:
        seen.page.clock.install(time=NOON)
        page = seen.open("/settings/time")
        button = page.locator("#browser-clock button")
        expect(button).to_be_visible()
        page.clock.set_fixed_time(NOON.replace(year=2027))
        button.click()
        expect(page.locator("main")).to_contain_text("The clock was set.")
    assert host.clock == NOON.replace(year=2027)
