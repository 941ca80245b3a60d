"""The page that names others: what has no place in the bottom bar of a phone."""

from flask import Blueprint, render_template

pages = Blueprint("more", __name__)


@pages.get("/more")
def more() -> str:
    """List the pages that have no place in the bar."""
    return render_template("more.html")
