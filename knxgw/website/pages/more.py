"""Pages that name others: what has no place in the bottom bar of a phone, what the host manages."""

from flask import Blueprint, render_template

from knxgw.website.access.roles import Right
from knxgw.website.security import needs

pages = Blueprint("more", __name__)


@pages.get("/more")
def more() -> str:
    """List the pages that have no place in the bar."""
    return render_template("more.html")


@pages.get("/config")
@needs(Right.CONFIGURATION)
def configuration() -> str:
    """Say where the configuration comes from."""
    return render_template("managed.html")
