"""Live pages on ways that are not good, in many tabs, and across an end of the device."""

import signal
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from knxgw.website.publisher import MOST_STREAMS_OF_SESSION
from tests.browser.conftest import log_in
from tests.browser.device import Device
from tests.browser.proxy import Proxy, Treatment
from tests.browser.site import DemoSite, Visit, set_hidden, visit
from tests.support.waiting import wait_until


def wait_until_it_asks(page: Page) -> None:
    """Let time pass until a page says that it asks every five seconds."""
    connection = page.locator("#connection")
    for _ in range(40):  # on a busy machine the answer of the device takes a while
        page.clock.run_for(8000)
        if "every 5 s" in connection.inner_text():
            break
        page.wait_for_timeout(300)
    expect(connection).to_contain_text("every 5 s")


@pytest.mark.proves("W24")
@pytest.mark.parametrize("treatment", [Treatment.HOLDS_BACK, Treatment.CUTS])
def test_where_streams_do_not_pass_the_page_asks(
    browser: Browser, demo: DemoSite, signed_in: str, treatment: Treatment
) -> None:
    with (
        Proxy.to(demo.base, treatment) as proxy,
        visit(browser, replace(demo, base=proxy.base), signed_in) as seen,
    ):
        seen.expected = ["ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE"]
        page = seen.page
        page.clock.install()
        seen.open("/")
        wait_until_it_asks(page)
        with page.expect_request("**/api/v1/page"):
            page.clock.run_for(6000)
        expect(page.locator("#connection")).to_contain_text("every 5 s")
        assert proxy.asked_for_streams >= 1


def see_rows_come(page: Page) -> None:
    """Let a live list that asks fill by itself."""
    rows = page.locator("#monitor tbody tr")
    shown = rows.count()
    for _ in range(8):
        with page.expect_response("**/api/v1/monitor/*once=1*"):
            page.clock.run_for(6000)
        page.wait_for_timeout(
            1200
        )  # the time of the device goes on as always: it asks its chargers each second
        if rows.count() > shown:
            break
    assert rows.count() > shown
    wait_until_it_asks(page)  # it may try its stream again just now, as it does each minute


@pytest.mark.proves("W24")
@pytest.mark.parametrize("treatment", [Treatment.HOLDS_BACK, Treatment.CUTS])
def test_where_streams_do_not_pass_a_live_list_asks_for_its_rows(
    browser: Browser, demo: DemoSite, signed_in: str, treatment: Treatment
) -> None:
    with (
        Proxy.to(demo.base, treatment) as proxy,
        visit(browser, replace(demo, base=proxy.base), signed_in) as seen,
    ):
        seen.expected = ["ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE"]
        seen.page.clock.install()
        page = seen.open("/diagnostics/modbus")
        wait_until_it_asks(page)
        see_rows_come(page)
        assert proxy.asked_for_streams >= 1


@pytest.mark.proves("W26")
def test_a_live_list_that_gets_no_stream_any_more_asks_for_its_rows(owner: Visit) -> None:
    owner.expected = ["503"]

    def refuse_streams(route: Route) -> None:
        if "once=1" in route.request.url:
            route.continue_()
        else:
            route.fulfill(status=503)

    owner.page.route("**/api/v1/monitor/modbus*", refuse_streams)
    owner.page.clock.install()
    page = owner.open("/diagnostics/modbus")
    wait_until_it_asks(page)
    see_rows_come(page)


@pytest.mark.proves("W26")
def test_the_page_that_is_opened_last_has_a_stream_and_the_oldest_one_asks(
    browser: Browser, demo: DemoSite
) -> None:
    with visit(browser, demo, log_in(browser, demo)) as seen:
        oldest = seen.page
        oldest.clock.install()
        seen.open("/diagnostics/modbus")
        expect(oldest.locator("#connection")).to_have_text("Live")
        for _ in range(MOST_STREAMS_OF_SESSION):
            tab = seen.page.context.new_page()
            with tab.expect_response("**/api/v1/events*") as answer:
                tab.goto(f"{demo.base}/")
            assert answer.value.status == 200
        # its clock is not put forward: it would take its own stream for a silent one, and open another
        expect(oldest.locator("#connection")).to_contain_text("every 5 s", timeout=20_000)
        see_rows_come(oldest)
        for _ in range(20):  # two minutes: it goes on asking, and takes no stream from a newer page
            with oldest.expect_response("**/api/v1/monitor/*once=1*"):
                oldest.clock.run_for(6000)
            oldest.wait_for_timeout(50)  # the answer comes in real time
        expect(oldest.locator("#connection")).to_contain_text("every 5 s")
        set_hidden(oldest, is_hidden=True)
        oldest.clock.run_for(11_000)
        set_hidden(oldest, is_hidden=False)
        expect(oldest.locator("#connection")).to_have_text("Live")


@pytest.mark.proves("W23", "W33")
def test_a_live_list_goes_on_where_it_was_before_its_tab_was_hidden(
    browser: Browser, demo: DemoSite, signed_in: str
) -> None:
    with visit(browser, demo, signed_in) as seen:
        seen.page.clock.install()
        with seen.page.expect_request("**/api/v1/monitor/modbus*") as first:
            page = seen.open("/diagnostics/modbus")
        painted = page.locator("body").get_attribute("data-after")
        assert painted
        assert first.value.url.endswith(f"after={painted}")
        row = page.locator("#monitor tbody tr").first
        expect(row).not_to_have_text(row.text_content() or "", timeout=10_000)
        set_hidden(page, is_hidden=True)
        page.clock.run_for(11_000)
        with page.expect_request("**/api/v1/monitor/modbus*") as again:
            set_hidden(page, is_hidden=False)
        boot, _, number = again.value.url.rpartition("after=")[2].rpartition("-")
        assert painted.startswith(f"{boot}-")
        assert int(number) > int(painted.rpartition("-")[2])


@pytest.mark.proves("W32")
def test_rows_that_a_pause_cannot_keep_are_counted(owner: Visit) -> None:
    page = owner.open("/diagnostics/logs?text=no-line-has-this")
    page.get_by_role("button", name="Pause").click()
    page.evaluate(
        """() => document.dispatchEvent(new CustomEvent("knxgw:rows", {
            detail: { rows: Array.from({ length: 600 }, (_, n) => ({ text: `row ${n}` })), dropped: 2 } }))"""
    )
    reported = page.locator("#monitor .told")
    expect(reported).to_have_text("500 waiting · 102 not shown: too many at once")
    page.get_by_role("button", name="Pause").click()
    expect(reported).to_have_text("102 not shown: too many at once")
    rows = page.locator("#monitor tbody tr")
    expect(rows).to_have_count(500)
    expect(rows.first).to_contain_text("row 599")


@pytest.mark.proves("W25")
def test_eight_tabs_load_and_hidden_ones_hold_no_stream(
    browser: Browser, demo: DemoSite, signed_in: str
) -> None:
    with (
        Proxy.to(demo.base, Treatment.PASSES) as proxy,
        visit(browser, replace(demo, base=proxy.base), signed_in) as seen,
    ):
        tabs = [seen.page, *(seen.page.context.new_page() for _ in range(7))]
        for tab in tabs:
            tab.clock.install()
            tab.goto(f"{proxy.base}/")
        for tab in tabs:
            expect(tab.locator("#connection")).to_contain_text("Live")
        wait_until(lambda: 1 <= proxy.streams <= 4, 5.0, "four streams a session: the others ask")
        for tab in tabs[1:]:
            set_hidden(tab, is_hidden=True)
            tab.clock.run_for(11_000)
        set_hidden(tabs[0], is_hidden=True)
        tabs[0].clock.run_for(11_000)
        wait_until(lambda: proxy.streams == 0, 5.0, "no hidden tab to hold a stream")
        set_hidden(tabs[0], is_hidden=False)
        expect(tabs[0].locator("#connection")).to_contain_text("Live")
        wait_until(lambda: proxy.streams == 1, 5.0, "the tab that is shown again to hold one")


@pytest.mark.proves("W22")
def test_a_device_that_was_killed_is_live_again_soon_after_its_start(
    browser: Browser, device: Device
) -> None:
    with visit(browser, device.site, device.session) as seen:
        seen.expected = ["ERR_", "Failed to load resource"]
        page = seen.page
        page.clock.install()
        seen.open("/points/1")
        connection = page.locator("#connection")
        expect(connection).to_contain_text("Live")
        device.end(signal.SIGKILL)
        page.clock.fast_forward(16_000)
        expect(connection).to_contain_text("Disconnected for")
        expect(page.get_by_role("button", name="Interrupt", exact=True)).to_be_disabled()
        page.clock.resume()
        device.start()
        expect(connection).to_contain_text("Live", timeout=5000)
        expect(page.get_by_role("button", name="Interrupt", exact=True)).to_be_enabled()


@pytest.mark.proves("W31")
def test_an_action_has_its_effect_at_the_charger(browser: Browser, device: Device) -> None:
    charger = device.charger(1)
    with visit(browser, device.site, device.session) as seen:
        page = seen.open("/points/1")
        wait_until(lambda: charger.offer_ma > 0, 10.0, "the charger to offer current")
        page.get_by_role("button", name="Interrupt", exact=True).click()
        expect(page.get_by_text("The command was given")).to_be_visible()
        wait_until(lambda: charger.offer_ma == 0, 5.0, "the charger to offer none")
        expect(page.get_by_role("region", name="Now")).to_contain_text("Interruption (11)")
        page.get_by_role("button", name="Resume").click()
        wait_until(lambda: charger.offer_ma > 0, 5.0, "the charger to offer current again")
        page.get_by_label("Setpoint in A").fill("10")
        page.get_by_role("button", name="Set", exact=True).click()
        wait_until(lambda: charger.offer_ma == 10_000, 5.0, "the charger to offer 10 A")
        seen.expected.append("status of 400")  # of the page that keeps what was typed
        page.get_by_label("Setpoint in A").fill("ten")
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.get_by_text("enter a current from 0 to 80 A")).to_be_visible()
        assert charger.offer_ma == 10_000
