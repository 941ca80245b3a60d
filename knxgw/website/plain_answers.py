"""What a client gets that speaks plain http where the website speaks https."""

import re
from http import HTTPStatus

from knxgw.website.bridge import Bridge
from knxgw.website.neighbourhood import document
from knxgw.website.security import HEADERS, is_ours

_REQUEST = re.compile(rb"(GET|HEAD) (/[!-~]*) HTTP/1\.[01]\r\n")
_HOST = re.compile(rb"\r\nHost:[ \t]*([!-~]{1,255})[ \t]*\r\n", re.IGNORECASE)


def answer_plain(bridge: Bridge, head: bytes) -> bytes:
    """Return the answer to the head of a request: where to go, `/health`, or what strangers may see.

    Nothing else is said or taken: whatever is typed into a form would go over the wire unencrypted.
    """
    request, host = _REQUEST.match(head), _HOST.search(head)
    if request is None:
        return _answer(HTTPStatus.FORBIDDEN, "This website answers by https only.\n")
    name = "" if host is None else host[1].decode("ascii")
    if not is_ours(name, bridge.reach.host_names()):
        return _answer(HTTPStatus.MISDIRECTED_REQUEST, "")
    path = request[2].decode("ascii")
    if path == "/health":  # for service managers, which know no certificate
        status, text = bridge.health()
        return _answer(status, text, **bridge.reach.identity)
    open_to_all = document(bridge, name, path)
    if open_to_all is not None:
        content, mime_type = open_to_all
        return _answer(HTTPStatus.OK, content, **{**HEADERS, "Content-Type": mime_type})
    location = f"https://{name}{path}"
    # not for good: a browser must not go on with that when the certificate is taken away again
    return _answer(HTTPStatus.TEMPORARY_REDIRECT, "", Location=location)


def _answer(status: HTTPStatus, text: str | bytes, **headers: str) -> bytes:
    content = text.encode() if isinstance(text, str) else text
    lines = {
        "Server": "knxgw",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(content)),
        "Cache-Control": "no-store",
        "Connection": "close",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n".encode() + content
