"""How long a session still lasts. Source: website 05."""

from flask import Blueprint, Response, jsonify

from knxgw.website.pages.common import session

api = Blueprint("session", __name__)


@api.get("/api/v1/session")
def look() -> Response:
    """Tell it, and leave the end where it is."""
    return jsonify({"ends_in_s": session().ends_in_s})


@api.post("/session")
def stay() -> Response:
    """Put the end off, as every request by hand does."""
    return jsonify({"ends_in_s": session().ends_in_s})
