"""A real browser, a real gateway with the demo's site, and page objects.

Debian's Chromium is driven by Playwright. The tests wait for what a page shows, never for time. Whatever
a page writes to its console, reports against its policy or asks of a foreign host fails the test.
"""

import os
import signal
from collections.abc import Iterator

import pytest
from _pytest.runner import runtestprotocol
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.browser.deadline import Browsers, deadline
from tests.browser.device import Device
from tests.browser.site import CHROMIUM, DemoSite, Visit, cookie_of, visit
from tests.support.processes import process

FAULTY = 4  # the charging point of the demo whose charger does not answer, where a test wants that


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test here, and say why it cannot run."""
    for item in items:
        if "tests/browser" not in item.nodeid.replace(os.sep, "/"):
            continue
        item.add_marker(pytest.mark.browser)
        if not CHROMIUM.exists() and "KNXGW_REQUIRE_PEERS" not in os.environ:
            item.add_marker(pytest.mark.skip(reason="needs Debian's chromium"))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Give Playwright for the whole run."""
    with sync_playwright() as found:
        yield found


OPEN: list[Browsers] = []  # those of this run: the deadline looks at them from outside the tests


@pytest.fixture(scope="session")
def browsers(playwright: Playwright) -> Iterator[Browsers]:
    """Give the browser of the whole run, and another one where a test has lost it."""
    found = Browsers(playwright)
    OPEN.append(found)
    yield found
    OPEN.remove(found)
    found.close()


@pytest.fixture
def browser(browsers: Browsers) -> Browser:
    """Give a browser that is there."""
    return browsers.browser


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test within its deadline, fixtures included; once more, in another browser, if that has hung.

    Chromium stops answering now and then on a busy machine. A page of ours that hangs does so again.
    """
    hook, place = item.ihook, {"nodeid": item.nodeid, "location": item.location}
    hook.pytest_runtest_logstart(**place)
    with deadline(item.nodeid, OPEN) as watched:
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if watched.is_late:
        item._initrequest()  # type: ignore[attr-defined]  # as plug-ins do that run tests again
        with deadline(item.nodeid, OPEN):
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(**place)
    return True


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    """Give a running demo, which all tests of the run share: they leave it as it was."""
    folder = tmp_path_factory.mktemp("demo")
    with process(folder / "demo.log", "demo", "--seed", "7", "--verbose") as running:
        found = DemoSite.of(running)
        yield found
        running.end(signal.SIGINT, 5.0)


@pytest.fixture(scope="session")
def faulty_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    """Give a running demo in which the charger of a charging point is away."""
    folder = tmp_path_factory.mktemp("faulty")
    arguments = ("demo", "--seed", "7", "--fault", str(FAULTY), "--verbose")
    with process(folder / "demo.log", *arguments) as running:
        found = DemoSite.of(running)
        running.wait_to_say("fault NotReachable raised", 60.0)
        yield found
        running.end(signal.SIGINT, 5.0)


@pytest.fixture(scope="session")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """Give a gateway with one charger that tests may kill, start and command."""
    with Device.running_in(tmp_path_factory.mktemp("device")) as found:
        yield found


def log_in(browser: Browser, site: DemoSite) -> str:
    """Return the cookie of a new log-in of a demo's owner."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{site.base}/login")
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{site.base}/")
    (cookie,) = [one for one in context.cookies() if one["name"] == cookie_of(site.base)]
    context.close()
    return str(cookie["value"])


@pytest.fixture(scope="session")
def signed_in(browsers: Browsers, demo: DemoSite) -> str:
    """Give the cookie of one log-in of the demo's owner."""
    return log_in(browsers.browser, demo)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Give a fresh browser window of a phone, in English, that is not logged in."""
    found = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-GB")
    yield found
    found.close()


@pytest.fixture
def owner(browser: Browser, demo: DemoSite, signed_in: str) -> Iterator[Visit]:
    """Give a window of the demo's owner, 1280 px wide, in English."""
    with visit(browser, demo, signed_in, width=1280) as found:
        yield found
