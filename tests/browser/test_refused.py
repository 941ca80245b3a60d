"""A page whose script is refused: it asks no more, and is loaded again, so that the device says where to go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from knxgw.monitoring.device_search import SearchProgress
from knxgw.monitoring.device_watch import Watched, WatchProgress
from knxgw.website.configuring import HeldByEts
from tests.browser.served_site import served_to
from tests.browser.site import COOKIE, DemoSite, Visit, visit
from tests.browser.test_configuration import EXAMPLE
from tests.browser.test_trials import trial
from tests.browser.test_typing import CHECK, FORM, field
from tests.config.sites import configuration
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import PASSWORD, served
from tests.website.test_pages import POINT
from tests.website.test_trials import Reads
from tests.website.test_wizard import Ask

POINTS, ASKED = "/wizard/points", "**/wizard/points/watch"
NAME = "charging_points[0].name"


class Ets:
    """ETS, which may load the device at any time."""

    def __init__(self) -> None:
        self.has_loaded = False

    def given(self) -> dict[str, Any]:
        """Return the fields of the bridge: chargers are watched, and a device is being read."""
        own, ask = Own(EXAMPLE.read_text(encoding="utf-8")), Ask()
        first = configuration(own.text).points[0].connection
        watched = Watched(id="cp1/charger", connection=first, is_heard=True, is_plugged=False)
        ask.watch = WatchProgress(number=1, watched=(watched,), is_running=True)
        ask.search = SearchProgress(number=1, is_running=True, total=7)
        self.ask = ask
        held = HeldByEts(is_held=lambda: self.has_loaded, text=lambda: "")
        return {
            "device": own.control(ets=held),
            "commissioning": ask.pages(),
            "trials": Reads().for_pages(),
        }


@contextmanager
def opened(browser: Browser, folder: Path, ets: Ets) -> Iterator[Visit]:
    """Give a window of the owner of a device that ETS may load."""
    with served_to(browser, folder, site(POINT), **ets.given()) as seen:
        yield seen


def watching(seen: Visit) -> Page:
    """Open the step that watches chargers, and wait until its script has asked."""
    page = seen.page
    with page.expect_response(ASKED):
        seen.open(POINTS)
    return page


@pytest.mark.proves("W46")
def test_a_page_that_shows_progress_leads_to_what_ets_has_loaded(
    browser: Browser, tmp_path: Path
) -> None:
    ets = Ets()
    with opened(browser, tmp_path, ets) as seen:
        page = watching(seen)
        ets.has_loaded = True
        page.wait_for_url("**/config")
        expect(page.get_by_text("Programmed by ETS").first).to_be_visible()


@pytest.mark.proves("W46")
def test_a_form_that_reads_a_device_leads_to_what_ets_has_loaded(
    browser: Browser, tmp_path: Path
) -> None:
    ets = Ets()
    with opened(browser, tmp_path, ets) as seen:
        page = seen.open(FORM)
        with page.expect_response("**/config/trials/7"):
            page.locator(trial(page)[0]).click()
        ets.has_loaded = True
        page.wait_for_url("**/config")


@pytest.mark.proves("W46")
def test_a_form_that_begins_to_read_when_ets_has_loaded_the_device_leads_there_too(
    browser: Browser, tmp_path: Path
) -> None:
    ets = Ets()
    with opened(browser, tmp_path, ets) as seen:
        page = seen.open(FORM)
        ets.has_loaded = True
        page.locator(trial(page)[0]).click()
        page.wait_for_url("**/config")


@pytest.mark.proves("W46")
def test_a_form_in_which_somebody_types_leads_to_what_ets_has_loaded(
    browser: Browser, tmp_path: Path
) -> None:
    ets = Ets()
    with opened(browser, tmp_path, ets) as seen:
        seen.expected = ["409"]
        page = seen.open(FORM)
        ets.has_loaded = True
        with page.expect_response(CHECK):
            page.locator(field(NAME)).fill("Carport")
        page.wait_for_url("**/config")


@pytest.mark.parametrize("status", [403, 404, 409, 410])
def test_a_refusal_ends_the_questions_and_keeps_what_was_typed(
    browser: Browser, tmp_path: Path, status: int
) -> None:
    refusals = [status]

    def answer(route: Route) -> None:
        if refusals:
            route.fulfill(status=refusals.pop())
        else:
            route.continue_()

    with opened(browser, tmp_path, Ets()) as seen:
        seen.expected = [str(status)]
        page = watching(seen)
        page.locator(field(NAME)).fill("Carport")
        with page.expect_navigation():
            page.route(ASKED, answer)
        assert page.url == f"{seen.base}{POINTS}"
        expect(page.locator(field(NAME))).to_have_value("Carport")
        expect(page.locator("#typed")).to_be_visible()


def test_a_device_that_is_not_ready_is_asked_again_and_the_page_stays(
    browser: Browser, tmp_path: Path
) -> None:
    statuses, asked = [429, 502, 503], list[int]()

    def answer(route: Route) -> None:
        if statuses:
            asked.append(statuses[0])
            route.fulfill(status=statuses.pop(0))
        else:
            route.continue_()

    with opened(browser, tmp_path, Ets()) as seen:
        seen.expected = ["429", "502", "503"]
        page = watching(seen)
        page.evaluate("window.isSamePage = true")
        page.route(ASKED, answer)
        with page.expect_response(lambda one: one.url.endswith("/watch") and one.ok):
            pass
        assert asked == [429, 502, 503]
        assert page.evaluate("window.isSamePage")


def test_a_form_that_was_sent_decides_where_the_page_goes_on_whatever_is_refused(
    browser: Browser, tmp_path: Path
) -> None:
    held, refused = list[Route](), list[str]()

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=404)
        if len(refused) == 2:  # the page has stayed
            held.pop().continue_()

    with opened(browser, tmp_path, Ets()) as seen:
        seen.expected = ["404"]
        page = watching(seen)
        page.route(
            f"**{POINTS}",
            lambda route: (
                held.append(route) if route.request.method == "POST" else route.continue_()
            ),
        )
        page.get_by_role("button", name="Go on").last.click(no_wait_after=True)
        page.route(ASKED, refuse)
        page.wait_for_url("**/wizard/mains")
    assert len(refused) >= 2


def test_the_end_of_the_session_is_noticed_by_a_page_that_shows_progress(
    browser: Browser, tmp_path: Path
) -> None:
    with served(tmp_path, lambda _language: site(POINT), **Ets().given()) as (website, port):
        cookie = website.browser.get_cookie(COOKIE)
        assert cookie is not None
        at = DemoSite(f"http://127.0.0.1:{port}", PASSWORD, None)
        with visit(browser, at, cookie.value) as seen:
            seen.expected = ["401"]
            page = watching(seen)
            page.route(
                "**/api/**", lambda route: route.abort()
            )  # only the script of the progress hears of it
            seen.expected.append("Failed to load resource")
            website.clock.now_s += 31 * 60
            page.wait_for_url("**/login?next=/wizard/points")


def test_a_page_that_answers_a_form_goes_on_as_the_page_of_its_step(
    browser: Browser, tmp_path: Path
) -> None:
    ets = Ets()
    with opened(browser, tmp_path, ets) as seen:
        seen.expected = ["409"]
        page = seen.open("/wizard/find")
        page.get_by_text("Ask at one address").click()
        page.locator("input[name=host]").fill("192.0.2.1")
        page.locator("form[action='/wizard/find/address'] button").click()
        expect(page.get_by_text("A search is running.")).to_be_visible()
        ets.ask.search = SearchProgress(number=1)
        page.wait_for_url("**/wizard/find")
        expect(page.get_by_role("heading", name="Found")).to_be_visible()
