"""Firmware over the internet: the list of what there is, and the download. Blocking; https only.

The list stands at an address of the configuration. It is JSON:

    {"format": 1, "firmware": [{"version": "1.4", "url": "knxgw-1.4.knxfw", "lowest_previous": "1.0",
                                "changes": {"en": ["…"], "de": ["…"]}}]}

An `url` is relative to the address of the list. The list is not signed: what it offers is verified as any
other firmware file, and a list that hides a newer version is a lost connection.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

from knxgw.firmware.manifest import LANGUAGES, LARGEST_MANIFEST, LARGEST_TOTAL, Version
from knxgw.firmware.trouble import not_taken

TIMEOUT_S = 20.0  # without a byte
LIST_S = 60.0  # for the whole list
MOST_OFFERS = 100
PIECE = 64 * 1024
LARGEST_LIST = 1 << 20
LARGEST_DOWNLOAD = LARGEST_TOTAL + LARGEST_MANIFEST + 1024
MOST_SHOWN = 50  # changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A firmware that the list names."""

    version: Version
    url: str
    lowest_previous: Version
    changes: dict[str, tuple[str, ...]]  # by language


class _NoPlainRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirection to https only."""

    def redirect_request(  # noqa: PLR0913, PLR0917 - its shape
        self,
        req: Any,  # noqa: ANN401
        fp: Any,  # noqa: ANN401
        code: int,
        msg: str,
        headers: Any,  # noqa: ANN401
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the next request. Raises: URLError."""
        if urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError("it is sent on to an address without encryption")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Source:
    """Where firmware comes from; `proxy`: "" or the address of an HTTP proxy."""

    def __init__(
        self,
        address: str,
        proxy: str = "",
        handlers: Sequence[urllib.request.BaseHandler] = (),
        now_s: Callable[[], float] = time.monotonic,  # noqa: TID251 - of a thread, which has no loop
    ) -> None:
        """Take the address of the list; `handlers` of a test know its certificate."""
        self._address, self._now_s = address, now_s
        proxies = {"https": proxy} if proxy else {}  # not what the environment says
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies), _NoPlainRedirects(), *handlers
        )

    def offers(self) -> tuple[Offer, ...]:
        """Return what the list names, the newest first. Raises: FirmwareError."""
        until_s = self._now_s() + LIST_S
        content = bytearray()
        try:
            with self._open(self._address) as answer:
                while piece := answer.read1(PIECE):
                    content += piece
                    if len(content) > LARGEST_LIST:
                        raise not_taken("firmware_index_invalid", problem="it is too long")
                    if self._now_s() > until_s:
                        raise not_taken("firmware_index_unreachable", problem="it comes too slowly")
        except (OSError, HTTPException, ValueError) as err:
            raise not_taken("firmware_index_unreachable", problem=_reason(err)) from err
        try:
            offers = [self._offer(one) for one in _listed(json.loads(content))]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
            raise not_taken("firmware_index_invalid", problem=str(err)[:200]) from err
        return tuple(sorted(offers, key=lambda offer: offer.version, reverse=True))

    def download(self, offer: Offer, out: IO[bytes], tell: Callable[[int, int], bool]) -> None:
        """Write a firmware file to `out`. Raises: FirmwareError; OSError, the disk does not take it.

        `tell` gets the bytes that are there and how many there will be, 0: not known; it returns whether to go on.
        """
        try:
            answer = self._open(offer.url)
        except (OSError, HTTPException, ValueError) as err:
            raise not_taken("firmware_download_failed", problem=_reason(err)) from err
        with answer:
            size, there = _length(answer), 0
            if size > LARGEST_DOWNLOAD:
                raise not_taken("firmware_download_failed", problem="it is too large")
            while tell(there, size):
                try:
                    piece = answer.read1(PIECE)
                except (OSError, HTTPException, ValueError) as err:
                    raise not_taken("firmware_download_failed", problem=_reason(err)) from err
                if not piece:
                    break
                there += len(piece)
                if there > LARGEST_DOWNLOAD:
                    raise not_taken("firmware_download_failed", problem="it is too large")
                out.write(piece)
        if size and there < size:
            raise not_taken("firmware_download_failed", problem="the connection was cut")

    def _open(self, address: str) -> HTTPResponse:
        if urlsplit(address).scheme != "https":
            raise ValueError("the address does not begin with https://")
        request = urllib.request.Request(address, headers={"User-Agent": "knxgw"})  # noqa: S310 - checked
        answer = self._opener.open(request, timeout=TIMEOUT_S)
        assert isinstance(answer, HTTPResponse)  # noqa: S101 - of http
        return answer

    def _offer(self, fields: dict[str, Any]) -> Offer:
        """Return an offer of its fields. Raises: KeyError, TypeError, ValueError."""
        changes = fields.get("changes", {})
        return Offer(
            version=Version.of(fields["version"]),
            url=urljoin(self._address, str(fields["url"])),
            lowest_previous=Version.of(fields.get("lowest_previous", "0.0")),
            changes={
                language: tuple(str(one)[:500] for one in changes.get(language, [])[:MOST_SHOWN])
                for language in LANGUAGES
            },
        )


def _length(answer: HTTPResponse) -> int:
    """Return how many bytes there will be, 0: not known."""
    text = answer.headers.get("Content-Length") or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 15 else 0


def _listed(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of a list. Raises: KeyError, TypeError, ValueError."""
    if fields["format"] != 1:
        raise ValueError("it has another format")
    return list(fields["firmware"])[:MOST_OFFERS]


def newest_for(offers: Sequence[Offer], running: Version) -> Offer | None:
    """Return the newest one that may follow the one that runs; None: there is none."""
    fitting = [one for one in offers if one.version > running >= one.lowest_previous]
    return max(fitting, key=lambda one: one.version, default=None)


def _reason(err: Exception) -> str:
    if isinstance(err, urllib.error.HTTPError):
        return f"the server answers {err.code}"
    if isinstance(err, urllib.error.URLError):
        return str(err.reason)
    return str(err) or type(err).__name__
