"""What every request passes before a page sees it, and every answer before it leaves.

Nothing answers without a log-in but what is named here. Source: website 01 to 14.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import Flask, Response, abort, current_app, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.website.access.accounts import Accounts
from knxgw.website.access.answers import SessionView
from knxgw.website.access.roles import Right

PUBLIC = "is_public"
NEEDS = "needs_right"
LARGEST_BODY = 1 << 17  # the server takes no more either: whoever asks has not logged in yet
TOO_LARGE = "/too-large"  # the page that says so
COOKIE_DAYS = 90
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer forms send Origin: null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=()",
}
View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Mark a view that answers without a log-in."""
    setattr(view, PUBLIC, True)
    return view


def needs(right: Right) -> Callable[[View], View]:
    """Mark a view with the right that it asks for; without a mark it is `Right.SEE`."""

    def marked(view: View) -> View:
        setattr(view, NEEDS, right)
        return view

    return marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Who is let in, and under which names the device answers."""

    accounts: Accounts
    cookie: str  # its name, where the address has no port
    host_names: Callable[[], frozenset[str]] = frozenset  # lower case, beside addresses, localhost

    def guard(self, app: Flask) -> None:
        """Let every request and answer of an application pass here."""
        app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
        app.before_request(self._check)
        app.after_request(protect)

    def token(self) -> str | None:
        """Return the session token that the browser sent."""
        return request.cookies.get(self._name())

    def keep(self, answer: AnyResponse, token: str, *, stays: bool) -> None:
        """Let the browser keep a session token."""
        answer.set_cookie(
            self._name(),
            token,
            max_age=COOKIE_DAYS * 86_400 if stays else None,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure,
            path="/",
        )

    def still_lets_in(self, *, to_same_points: bool = False) -> Callable[[], bool]:
        """Return what tells later, and elsewhere, whether whoever asks now would be let in again.

        `to_same_points`: and would see the same charging points.
        """
        token, right = self.token(), _right_of_view()
        before: SessionView | None = g.session

        def tells() -> bool:
            session = self.accounts.session_of(token)
            if session is None or not session.may(right):
                return False
            return not to_same_points or (before is not None and session.points == before.points)

        return tells

    def forget(self, answer: AnyResponse) -> None:
        """Let the browser forget its session token."""
        answer.delete_cookie(
            self._name(), path="/", httponly=True, samesite="Lax", secure=request.is_secure
        )

    def _name(self) -> str:
        """Return the name of the session cookie: cookies ignore ports, two devices of a host do not.

        Encrypted, it is one that only this very host can have set.
        """
        port = request.host.rpartition(":")[2]
        name = f"{self.cookie}_{port}" if port.isdecimal() and port.isascii() else self.cookie
        return f"__Host-{name}" if request.is_secure else name

    def _check(self) -> AnyResponse | None:
        if not is_ours(request.host, self.host_names()):
            abort(421)
        view = current_app.view_functions.get(request.endpoint or "")
        is_public = getattr(view, PUBLIC, False)
        by_hand = not is_public and not request.path.startswith("/api/")
        g.session = self.accounts.session_of(self.token(), by_hand=by_hand)
        if request.method in UNSAFE:
            self._check_origin()
        if is_public:
            return None
        session: SessionView | None = g.session
        if session is None:
            return self._ask_to_log_in()
        if request.method in UNSAFE:
            self._check_form(session)
        return self._check_right(session, _right_of_view())

    def _check_right(self, session: SessionView, right: Right) -> AnyResponse | None:
        if session.must_change and right is not Right.OWN_PASSWORD:
            if request.path.startswith("/api/"):
                abort(403)
            return redirect("/password", 303)
        if not session.may(right):
            abort(403)
        if request.endpoint is None:
            return None  # it is not there: 404 for those who are logged in only
        if session.asks_password(right):
            if request.path.startswith("/api/"):
                abort(403)
            return redirect(f"/password/again?next={quote(page_asked_from('/settings'))}", 303)
        return None

    def _ask_to_log_in(self) -> AnyResponse:
        if request.path.startswith("/api/") or request.method in UNSAFE:
            abort(401)
        target = request.full_path.rstrip("?") if request.endpoint else "/"
        return redirect(log_in_page(target), 303)

    def _check_origin(self) -> None:
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            abort(403)

    def _check_form(self, session: SessionView) -> None:
        given = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
        if not session.csrf or not _is_same(given, session.csrf):
            abort(403)


def protect(answer: Response) -> Response:
    """Give an answer the headers that every answer has."""
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _right_of_view() -> Right:
    """Return the right that the page asks for; one that is not there asks for the least."""
    view = current_app.view_functions.get(request.endpoint or "")
    right = getattr(view, NEEDS, Right.SEE)
    assert isinstance(right, Right)  # noqa: S101 - `needs` put it there
    return right


def is_ours(host: str, host_names: frozenset[str]) -> bool:
    """Tell whether a `Host` names this device: an address cannot be bound to another one."""
    name = _without_port(host).lower().rstrip(".")
    if name in ("localhost", *host_names):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def page_asked_from(otherwise: str) -> str:
    """Return the page to come back to: the one that is asked for, or where its form stands, if that is known."""
    if request.method not in UNSAFE:
        return request.path
    page = urlsplit(request.referrer or "")
    return local_target(page.path) if page.netloc == request.host else otherwise


def log_in_page(target: str) -> str:
    """Return the page of the log-in that leads to a page."""
    return "/login" if target == "/" else f"/login?next={quote(target)}"


def local_target(wanted: str | None) -> str:
    """Return where to go after a log-in: a page of this device, else the first one."""
    plain = "".join(one for one in wanted or "" if one.isprintable() and one != "\\")
    return plain if plain.startswith("/") and not plain.startswith("//") else "/"


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
