"""The Status page, and what all live pages share."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, render_template, request
from markupsafe import Markup

from knxgw.website.assets import STYLE_SHEET, assets
from knxgw.website.pages.common import language, saying, site

pages = Blueprint("status", __name__)


def reader(shown: Mapping[str, Any]) -> Callable[[str], object]:
    """Return `at(path)` for templates: the value that live pages get under the same path."""

    def at(path: str) -> object:
        node: object = shown
        for key in path.split("."):
            node = node.get(key) if isinstance(node, Mapping) else None
        return "" if node is None else node

    return at


def live_page(template: str, **more: object) -> str:
    """Return a page that keeps itself fresh, and is complete without a script."""
    shown = site().live.page(language().code)
    return render_template(
        template,
        at=reader(shown),
        points=list(shown["points"]),
        layout=shown["layout"],
        zone=language().zone,
        **more,
    )


def status_picture() -> str:
    """Return Status as one file that looks like the page, and does nothing."""
    style = Markup(assets()[STYLE_SHEET].content.decode())  # noqa: S704 - it is ours
    return live_page("status.html", style=style)


@pages.get("/")
def status() -> str:
    """Show whether all is well, who gets what, and why."""
    asked = request.args.get("point", "")  # at whose card something was done just now
    return live_page("status.html", said_at=asked, said=saying(language()))
