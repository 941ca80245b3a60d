"""What is believed of a request that a proxy passes on, and of one that only says so."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

PROXIED = "knxgw.proxied"  # in the environment of a request that came by the proxy
_FORWARDED = ("FORWARDED", "X_FORWARDED", "X_REAL_IP", "X_ORIGINAL", "CLIENT_IP")


def behind_proxy(
    application: "WSGIApplication", trusted: Callable[[], str | None]
) -> "WSGIApplication":
    """Let the trusted proxy say where a request comes from and whether it was encrypted.

    `trusted` is the proxy's address, None without one. What anybody else says is dropped, and so is
    what the proxy has passed on of that: only the last address, which it wrote itself, counts.
    """

    def answer(environ: dict[str, Any], start: "StartResponse") -> Iterable[bytes]:
        said = {
            key: str(environ.pop(key))
            for key in list(environ)
            if key.startswith("HTTP_") and key.removeprefix("HTTP_").startswith(_FORWARDED)
        }
        proxy = trusted()
        if proxy is not None and environ.get("REMOTE_ADDR") == proxy:
            environ[PROXIED] = True
            browser = _last(said.get("HTTP_X_FORWARDED_FOR", ""))
            if browser:
                environ["REMOTE_ADDR"] = browser
            if _last(said.get("HTTP_X_FORWARDED_PROTO", "")) == "https":
                environ["wsgi.url_scheme"] = "https"
        return application(environ, start)

    return answer


def _last(header: str) -> str:
    return header.rpartition(",")[2].strip().lower()
