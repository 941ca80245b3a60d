"""Whoever sends too much reads what is too large, how much is taken, and what helps where they were."""

from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from knxgw.website.pages.too_large import HELPS
from tests.support.website import Website, served
from tests.website.test_pages import SITE

pytestmark = [pytest.mark.real, pytest.mark.proves("W10")]
MIB = 1 << 20


@pytest.fixture(scope="module")
def at() -> Iterator[tuple[Website, int]]:
    with TemporaryDirectory() as directory, served(Path(directory), lambda _: SITE) as found:
        yield found


def sent(
    at: tuple[Website, int], path: str, size: int = 3 * MIB, language: str = "en", cookies: str = ""
) -> tuple[int, str]:
    """Return what the server answers to a form that is said to have so many bytes; they come as well."""
    website, port = at
    token = website.browser.get_cookie(website.bridge.reach.cookie)
    assert token is not None
    browser = HTTPConnection("127.0.0.1", port, timeout=5)
    browser.putrequest("POST", path)
    browser.putheader("Content-Length", str(size))
    browser.putheader("Content-Type", "multipart/form-data; boundary=x")
    browser.putheader("Accept-Language", language)
    name = f"{website.bridge.reach.cookie}_{port}"
    browser.putheader("Cookie", f"{name}={token.value}; {cookies}")
    browser.endheaders()
    answer = browser.getresponse()
    page = answer.read().decode()
    browser.close()
    return answer.status, page


@pytest.mark.parametrize("path", HELPS)
def test_every_upload_has_a_page_with_the_limit_and_a_way_on(
    at: tuple[Website, int], path: str
) -> None:
    status, page = sent(at, path)
    assert status == 413
    assert "KiB" in page
    assert "Nothing was changed." in page
    for target, _ in HELPS[path].links:
        assert f'class="button" href="{target}"' in page
    assert 'href="/history"' in page  # the menu of whoever is logged in


def test_a_project_of_ets_is_sent_on_to_the_import(at: tuple[Website, int]) -> None:
    _, page = sent(at, "/config/check")
    assert (
        "A project of ETS (.knxproj) or a list of group addresses belongs into the import" in page
    )
    assert 'href="/config/objects">Import from ETS' in page


def test_the_page_has_the_language_that_was_chosen(at: tuple[Website, int]) -> None:
    assert '<html lang="en"' in sent(at, "/config/check")[1]
    assert '<html lang="de"' in sent(at, "/config/check", language="de-DE,de;q=0.9")[1]
    assert '<html lang="de"' in sent(at, "/config/check", cookies="knxgw_language=de")[1]


def test_a_stranger_gets_no_menu_and_a_program_gets_problem_details(
    at: tuple[Website, int],
) -> None:
    browser = HTTPConnection("127.0.0.1", at[1], timeout=5)
    browser.putrequest("POST", "/login")
    browser.putheader("Content-Length", str(MIB))
    browser.putheader("Cookie", "knxgw_theme=auto")
    browser.endheaders()
    answer = browser.getresponse()
    page = answer.read().decode()
    assert (answer.status, "at most 128 KiB" in page, "/history" in page) == (413, True, False)
    browser.close()
    status, problem = sent(at, "/api/v1/uploads")
    assert (status, '"status": 413' in problem or '"status":413' in problem) == (413, True)
