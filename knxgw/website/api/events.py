"""Live values: one event stream per visible page or program, and the same values for those without one."""

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request

from knxgw.website.contract import SCHEMA
from knxgw.website.live import tag_of
from knxgw.website.pages.common import language, problem, session, site
from knxgw.website.publisher import TooManyStreamsError

api = Blueprint("api", __name__, url_prefix="/api/v1")
TOPICS = ("page", "site")


@api.get("/page")
def page() -> Response:
    """Return what live pages show, in the language of the request."""
    value = site().live.page(language().code)
    return _tagged(value, tag_of(value))


@api.get("/site")
def site_now() -> Response:
    """Return the site for programs, with the charging points that whoever asks may see."""
    live = site().live
    value = live.publisher.latest(live.site_topic(session().points))
    return _tagged(value, value["id"])


@api.get("/schema/site")
def site_schema() -> Response:
    """Return the JSON schema of the site for programs."""
    answer = _tagged(SCHEMA, tag_of(SCHEMA))
    answer.mimetype = "application/schema+json"
    return answer


def _tagged(value: Mapping[str, Any], tag: str) -> Response:
    """Return a value as JSON, or that it is the one whose tag was sent."""
    if request.if_none_match.contains(tag):
        return Response(status=304, headers={"ETag": f'"{tag}"'})
    answer = jsonify(value)
    answer.set_etag(tag)
    return answer


@api.get("/events")
def events() -> Response:
    """Stream the differences of what live pages show, or of the site for programs."""
    gate, live = site().gate, site().live
    wanted = request.args.get("topics", "page")
    if wanted not in TOPICS:
        return problem(404, "No such topic", f"Topics: {', '.join(TOPICS)}.")
    is_site = wanted == "site"
    topic = live.site_topic(session().points) if is_site else f"page.{language().code}"
    owner = session().id
    after = request.headers.get("Last-Event-ID") or request.args.get("after")
    try:
        stream: Iterator[bytes] = live.publisher.open_stream(
            topic, owner, after, gate.still_lets_in(to_same_points=is_site)
        )
    except TooManyStreamsError:
        return problem(503, "Too many streams", f"Ask for /api/v1/{wanted} each 5 s.")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(stream, headers=headers, mimetype="text/event-stream")
