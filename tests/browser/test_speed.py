"""How much the first page asks of a weak link; how soon it is there is measured by `make bench`."""

import pytest
from playwright.sync_api import Browser

from tests.browser.site import DemoSite, visit

LARGEST_PAGE = 150 * 1024  # aim: 60 KiB


@pytest.mark.proves("W57")
def test_the_first_page_is_small(browser: Browser, demo: DemoSite, signed_in: str) -> None:
    with visit(browser, demo, signed_in) as seen:
        network = seen.page.context.new_cdp_session(seen.page)
        network.send("Network.enable")
        sizes: list[float] = []
        network.on(
            "Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"])
        )
        seen.open("/").wait_for_load_state("load")
        assert 0 < sum(sizes) < LARGEST_PAGE
