"""Diagnostics: what the pages of it share, and its first page."""

from flask import Blueprint, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from knxgw.website.access.roles import Right
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import language, site
from knxgw.website.security import needs

pages = Blueprint("diagnostics", __name__)
TABS = (
    ("/diagnostics/group-monitor", marked("Group monitor")),
    ("/diagnostics/modbus", marked("Modbus monitor")),
    ("/diagnostics/objects", marked("Group objects")),
    ("/diagnostics/knx-device", marked("KNX device")),
    ("/diagnostics/logs", marked("Logs")),
    ("/diagnostics/self-test", marked("Self-test")),
)


@pages.get("/diagnostics")
@needs(Right.DIAGNOSTICS)
def index() -> AnyResponse:
    """Begin with the group monitor."""
    return redirect(TABS[0][0], 303)


def tabs(words: Language) -> list[tuple[str, str]]:
    """Return the pages of diagnostics: (path, words)."""
    return [(path, words.text(name)) for path, name in TABS]


def diagnostics_page(template: str, **more: object) -> str:
    """Return a page of diagnostics with its tabs."""
    return render_template(template, diagnostics=tabs(language()), **more)


def live_list_page(template: str, stream: str, newest: int, **more: object) -> str:
    """Return a page with a live list: its stream goes on from the newest row that the page looked at."""
    after = site().live.publisher.id_of(newest)
    return diagnostics_page(template, stream=stream, after=after, **more)
