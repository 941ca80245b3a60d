"""What is believed of a request that a proxy passes on."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from knxgw.website.proxy import behind_proxy

PROXY, BROWSER = "10.0.0.2", "192.168.1.20"


def seen(peer: str, headers: Mapping[str, str], trusted: str | None = PROXY) -> dict[str, Any]:
    """Return the request as the pages see it."""
    found: dict[str, Any] = {}

    def application(environ: dict[str, Any], _start: object) -> Iterable[bytes]:
        found.update(environ)
        return []

    names = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "HTTP_HOST": "garage", **names}
    behind_proxy(application, lambda: trusted)(environ, lambda *_: None)  # type: ignore[arg-type]  # nobody answers
    return found


FORWARDED = {"X-Forwarded-For": BROWSER, "X-Forwarded-Proto": "https"}


def test_the_trusted_proxy_says_who_asks_and_whether_it_was_encrypted() -> None:
    found = seen(PROXY, FORWARDED)
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"]) == (BROWSER, "https")
    assert found["HTTP_HOST"] == "garage"


@pytest.mark.parametrize(("peer", "trusted"), [("192.168.1.66", PROXY), (PROXY, None)])
def test_nobody_else_is_believed(peer: str, trusted: str | None) -> None:
    found = seen(peer, {**FORWARDED, "Forwarded": "for=1.2.3.4", "X-Real-IP": "1.2.3.4"}, trusted)
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"]) == (peer, "http")
    left = [name for name in found if "FORWARDED" in name or "REAL" in name]
    assert left == [], "no page can read it by mistake"


def test_only_what_the_proxy_wrote_itself_counts() -> None:
    headers = {"X-Forwarded-For": f"1.2.3.4, {BROWSER}", "X-Forwarded-Proto": "https, http"}
    found = seen(PROXY, headers)
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"]) == (BROWSER, "http")


@pytest.mark.parametrize("value", ["", " , ", "https://x"])
def test_a_proxy_that_says_nothing_changes_nothing(value: str) -> None:
    found = seen(PROXY, {"X-Forwarded-Proto": value})
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"]) == (PROXY, "http")
