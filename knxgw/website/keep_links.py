"""Links by which a change of the network is kept at the device's new address, where nobody is logged in. Pure.

The cookie of a session belongs to the address before. A link can do one thing only: keep the change for which it
was made, once, while that waits. Whoever has it has seen the page of somebody who may change the network; who reads
it on the wire can keep what that person asked for, and nothing else. Source: website 40.
"""

import hmac
import secrets
from threading import Lock

VALID_S = 900.0  # to read the page, and for the change itself
_BYTES = 16


class KeepLinks:
    """The newest link; an older one is void. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._token = ""
        self._change = ""
        self._valid_until = 0.0

    def make(self, now_s: float) -> str:
        """Return the token of a link for the change that is asked for next."""
        with self._lock:
            self._token, self._change = secrets.token_urlsafe(_BYTES), ""
            self._valid_until = now_s + VALID_S
            return self._token

    def bind(self, token: str, change: str, now_s: float) -> None:
        """Let a link keep this change."""
        with self._lock:
            if self._is(token, now_s):
                self._change = change

    def change_of(self, token: str, now_s: float) -> str | None:
        """Return the change that a link keeps; None: it is no link, or void."""
        with self._lock:
            return self._change if self._change and self._is(token, now_s) else None

    def void(self) -> None:
        """Let no link hold: the change has ended."""
        with self._lock:
            self._token = self._change = ""

    def _is(self, token: str, now_s: float) -> bool:
        is_same = hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode())
        return bool(self._token) and is_same and now_s < self._valid_until
