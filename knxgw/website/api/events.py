"""Live values: one event stream per visible page, and the same values for those without one."""

from collections.abc import Iterator

from flask import Blueprint, Response, abort, jsonify, request

from knxgw.website.live import tag_of
from knxgw.website.pages.common import language, problem, session, site
from knxgw.website.publisher import TooManyStreamsError

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.get("/page")
def page() -> Response:
    """Return what live pages show, in the language of the request."""
    value = site().live.page(language().code)
    tag = tag_of(value)
    if request.if_none_match.contains(tag):
        return Response(status=304, headers={"ETag": f'"{tag}"'})
    answer = jsonify(value)
    answer.set_etag(tag)
    return answer


@api.get("/events")
def events() -> Response:
    """Stream the differences of what live pages show."""
    gate, live = site().gate, site().live
    topic = request.args.get("topics", "page")
    if topic == "page":
        topic = f"page.{language().code}"
    owner = session().id
    after = request.headers.get("Last-Event-ID") or request.args.get("after")
    try:
        stream: Iterator[bytes] = live.publisher.open_stream(
            topic, owner, after, gate.still_lets_in()
        )
    except KeyError:
        abort(404)
    except TooManyStreamsError:
        return problem(503, "Too many streams", "Ask for /api/v1/page each 5 s.")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(stream, headers=headers, mimetype="text/event-stream")
