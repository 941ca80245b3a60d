"""What pages share, and the few that belong to all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    g,
    jsonify,
    redirect,
    render_template,
    request,
)
from flask_babel import get_locale
from werkzeug.wrappers import Response as AnyResponse

from knxgw.website import assets
from knxgw.website.access.answers import SessionView
from knxgw.website.access.roles import Right
from knxgw.website.answered import without_disproved
from knxgw.website.bridge import Bridge
from knxgw.website.configuring import Checked
from knxgw.website.drafts import Drafts
from knxgw.website.ets_reading import Readings
from knxgw.website.firmware import UpdateState
from knxgw.website.language import FALLBACK, LANGUAGES, Language, marked
from knxgw.website.live import Live
from knxgw.website.live_rows import Feed
from knxgw.website.one_at_a_time import OneAtATime
from knxgw.website.publisher import TooManyStreamsError
from knxgw.website.security import Gate, local_target, public
from knxgw.website.uploads import Uploads
from knxgw.website.wizard import Wizards

pages = Blueprint("common", __name__)
FOR_GOOD = "public, max-age=31536000, immutable"
YEAR_S = 365 * 86_400
THEMES = ("auto", "light", "dark")
LANGUAGE_COOKIE, THEME_COOKIE = "knxgw_language", "knxgw_theme"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the pages of one application work with."""

    bridge: Bridge
    gate: Gate
    live: Live
    drafts: Drafts
    wizards: Wizards
    uploads: Uploads
    readings: Readings
    checks: OneAtATime  # of what is typed, by account


def site() -> Site:
    """Return what this application works with."""
    found = current_app.extensions["knxgw"]
    assert isinstance(found, Site)  # noqa: S101 - create_app put it there
    return found


def language() -> Language:
    """Return the language of this request."""
    locale = get_locale()
    code = FALLBACK if locale is None else str(locale.language)
    return Language(code, site().bridge.time_zone())


def session() -> SessionView:
    """Return who asks; only for views that are not public."""
    found = g.session
    assert isinstance(found, SessionView)  # noqa: S101 - the gate lets nobody else in
    return found


def https_address() -> str:
    """Return where somebody who came by plain http finds the encrypted log-in, "": nowhere."""
    is_there = site().bridge.reach.certificate() is not None and not request.is_secure
    return f"https://{request.host}/login" if is_there else ""


def checked(text: str) -> Checked:
    """Return what a text would mean as the configuration, without what the network has disproved."""
    return as_far_as_known(site().bridge.device.configuring.check(text), text)


def as_far_as_known(found: Checked, text: str) -> Checked:
    """Return what was found about a text, without what the network has disproved."""
    return without_disproved(found, text, site().bridge.setup.commissioning.answered())


def address() -> str:
    """Return from where a request comes."""
    return request.remote_addr or "?"


class MenuItem(NamedTuple):
    """One entry of the menu; those with an icon stand in the bottom bar of a phone."""

    path: str
    words: str
    icon: str
    is_current: bool


def menu(whose: SessionView | None, words: Language) -> tuple[MenuItem, ...]:
    """Return the menu of somebody who is logged in."""
    entries = (
        ("/", words.text("Status"), "status", Right.SEE),
        ("/history", words.text("History"), "history", Right.SEE),
        ("/diagnostics", words.text("Diagnostics"), "diagnostics", Right.DIAGNOSTICS),
        ("/config", words.text("Configuration"), "", Right.CONFIGURATION),
        ("/settings", words.text("Settings"), "", Right.SEE),
        ("/support", words.text("Support"), "", Right.SUPPORT),
        ("/help", words.text("Help"), "", Right.SEE),
    )
    here = request.path
    return tuple(
        MenuItem(path, name, icon, here == path or (path != "/" and here.startswith(f"{path}/")))
        for path, name, icon, right in entries
        if whose is not None and whose.may(right)
    )


def notices(bridge: Bridge, whose: SessionView | None) -> Iterator[tuple[str, str]]:
    """Yield what the page says at its head: (tone, text)."""
    words = language()
    yield from _said(words)
    if whose is None or whose.must_change:
        return
    notice = bridge.accounts.notice()
    if notice.restored_for_s is not None:
        yield (
            "warning",
            words.text(
                "The programming button was held: for {time} the owner can log in with the initial password.",
                time=words.duration(notice.restored_for_s),
            ),
        )
    if whose.may(Right.FIRMWARE):
        yield from _of_firmware(bridge.machine.firmware.state(), words)
    if notice.not_stored is not None:
        yield "bad", notice.not_stored.problem(words.code)
    if whose.is_ending and not whose.stays:
        yield (
            "warning",
            words.text(
                "You will be logged off in {time} unless you open a page.",
                time=words.duration(whose.ends_in_s),
            ),
        )


def _of_firmware(state: UpdateState, words: Language) -> Iterator[tuple[str, str]]:
    """Yield what the page says of newer firmware."""
    if state.newer is not None:
        yield (
            "good",
            words.text(
                "Firmware {version} is there (Settings, Firmware).", version=state.newer.version
            ),
        )


def come_back(said: str) -> AnyResponse:
    """Go back to the page that a form names as `next`; there it says what was done."""
    return redirect(f"{local_target(request.form.get('next'))}?said={said}", 303)


SAYINGS = {  # what an address may have a page say after something was done; no text in an address
    "done": ("good", marked("Done.")),
    "sent": ("good", marked("The command was given to the charging point.")),
    "password": ("good", marked("The password was changed; other sessions were ended.")),
    "ended": ("good", marked("The sessions were ended.")),
    "certificate": ("good", marked("New connections use this certificate.")),
    "configuration": ("good", marked("The new configuration is in force.")),
    "confirmed": ("good", marked("The change is kept.")),
    "network": ("good", marked("The settings of the network hold.")),
    "network_returned": ("good", marked("The previous settings hold again.")),
    "clock": ("good", marked("The clock was set.")),
    "programming_on": ("good", marked("The programming mode is on.")),
    "programming_off": ("good", marked("The programming mode is off.")),
    "too_late": ("bad", marked("Not possible any more: the charging point is in another state.")),
}


def saying(words: Language) -> tuple[str, str] | None:
    """Return what the address has the page say: (tone, text)."""
    found = SAYINGS.get(request.args.get("said", ""))
    return None if found is None else (found[0], words.text(found[1]))


def _said(words: Language) -> Iterator[tuple[str, str]]:
    found = saying(words)
    if found is not None and "point" not in request.args:  # else its card says it
        yield found
    failed = request.args.get("failed", "")
    if failed.isascii() and failed.isdecimal() and len(failed) < 7:
        yield (
            "warning",
            words.counted(
                "{count} failed attempt to log in since your last log-in.",
                "{count} failed attempts to log in since your last log-in.",
                int(failed),
            ),
        )


def script_words(words: Language) -> dict[str, str]:
    """Return the few words that scripts put together with a number."""
    return {
        "live": words.text("Live"),
        "polling": words.text("Live (every 5 s)"),
        "old": words.text("{s} s old", s="{s}"),
        "disconnected": words.text("Disconnected for {s} s, trying again", s="{s}"),
        "restarting": words.text("The device restarts …"),
    }


ERRORS = {
    400: marked("The request cannot be understood."),
    401: marked("Please log in."),
    403: marked(
        "Not allowed. Go back, load the page again and repeat it, or ask the owner for the right."
    ),
    404: marked("There is no such page."),
    405: marked("That cannot be done here."),
    409: marked("Not possible now."),
    413: marked("That is too large."),
    421: marked(
        "This device does not answer to that name. Use its IP address, or add the name to website.host_names."
    ),
    429: marked("Too many tries. Please wait."),
    503: marked("The device has too much to do. Please try again."),
}
OTHER_ERROR = marked("Something went wrong; the log says what.")


def error_words(code: int, words: Language) -> str:
    """Return what a page says of an error, with what helps."""
    return words.text(ERRORS.get(code, OTHER_ERROR))


def error_page(words: str, code: int, log_in: str = "") -> tuple[str, int]:
    """Return a page that says what is wrong; `log_in`: where that helps."""
    return render_template("error.html", words=words, code=code, log_in=log_in), code


def problem(code: int, title: str, detail: str = "", **more: str | int) -> Response:
    """Return an error for a program, with `more` about it. Source: [rfc-9457]."""
    body = {"type": "about:blank", "title": title, "status": code, "detail": detail, **more}
    text = current_app.json.dumps(body)
    return Response(text, status=code, mimetype="application/problem+json")


def rows_answer(feed: Feed) -> Response:
    """Return the rows of a live list that came after those the browser has, and all that follow.

    Where streams do not pass, a page asks for them `once`, again and again.
    """
    gate, publisher = site().gate, site().live.publisher
    after = request.headers.get("Last-Event-ID") or request.args.get("after")
    seen = publisher.number_of(after) if after else feed.last
    if request.args.get("once") == "1":
        news = feed.since(seen)
        return jsonify({"id": publisher.id_of(news.number), **news.as_json()})

    def read(seen: int) -> tuple[int, Mapping[str, Any] | None]:
        news = feed.since(seen)
        return news.number, None if news.is_silent else news.as_json()

    try:
        stream = publisher.open_rows("rows", session().id, seen, gate.still_lets_in(), read)
    except TooManyStreamsError:
        return problem(503, "Too many streams", "Ask with once=1 each 5 s.")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(stream, headers=headers, mimetype="text/event-stream")


# --- pages of all


@pages.get("/static/<digest>/<path:name>")
@public
def static(digest: str, name: str) -> Response:
    """Serve a file of the table, packed where the browser can take it."""
    found = assets.assets().get(name)
    if found is None or digest != assets.digest():
        abort(404)
    headers = {"Cache-Control": FOR_GOOD, "Vary": "Accept-Encoding"}
    content = found.content
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        content, headers["Content-Encoding"] = found.packed, "gzip"
    return Response(content, headers=headers, content_type=found.mime_type)


@pages.get("/health")
@public
def health() -> Response:
    """Tell the service manager whether the device works."""
    bridge = site().bridge
    status, text = bridge.health()
    return Response(text, status.value, dict(bridge.reach.identity), mimetype="text/plain")


def _keep(answer: AnyResponse, cookie: str, wanted: str) -> None:
    """Let the browser keep a choice for a year."""
    secure = request.is_secure
    answer.set_cookie(cookie, wanted, max_age=YEAR_S, samesite="Lax", httponly=True, secure=secure)


@pages.post("/language")
@public
def choose_language() -> AnyResponse:
    """Keep the language in a cookie, and go back."""
    wanted = request.form.get("language", "")
    answer = redirect(local_target(request.form.get("next")), 303)
    if wanted in LANGUAGES:
        _keep(answer, LANGUAGE_COOKIE, wanted)
    return answer


@pages.post("/theme")
def choose_theme() -> AnyResponse:
    """Keep the theme in a cookie, and go back."""
    wanted = request.form.get("theme", "")
    answer = redirect(local_target(request.form.get("next")), 303)
    if wanted in THEMES:
        _keep(answer, THEME_COOKIE, wanted)
    return answer
