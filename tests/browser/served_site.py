"""The website of a view in this process, and its owner in a browser window."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from knxgw.station.view import SiteView
from tests.browser.site import COOKIE, DemoSite, Visit, visit
from tests.browser.test_everybody import LANGUAGES, Look
from tests.support.website import PASSWORD, served

PHONE = Look(360, "light", "en")


@contextmanager
def served_to(
    browser: Browser, folder: Path, view: SiteView, look: Look = PHONE, **given: Any
) -> Iterator[Visit]:
    """Give a window of the owner; `given` are fields of the bridge."""
    with served(folder, lambda _language: view, **given) as (website, port):
        cookie = website.browser.get_cookie(COOKIE)
        assert cookie is not None
        at = DemoSite(f"http://127.0.0.1:{port}", PASSWORD, None)
        language = LANGUAGES[look.language]
        with visit(
            browser, at, cookie.value, width=look.width, theme=look.theme, language=language
        ) as seen:
            yield seen
