"""Takes a file in parts, for a form that names it afterwards. Source: website 65.

POST   /api/v1/uploads              {"size": n}      201, its id and the largest part
PUT    /api/v1/uploads/<id>?offset= the bytes        how much is there
GET    /api/v1/uploads/<id>                          how much is there, after a lost connection
POST   /api/v1/uploads/<id>/finish  {"sha256": hex}  it is complete
DELETE /api/v1/uploads/<id>                          it is given up
"""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify, request

from knxgw.website.access.roles import Right
from knxgw.website.language import marked
from knxgw.website.pages.common import language, problem, session, site
from knxgw.website.security import needs
from knxgw.website.uploads import MIB, Progress, UploadError, Why

api = Blueprint("uploads", __name__, url_prefix="/api/v1/uploads")
REFUSALS = {
    Why.UNKNOWN: (
        HTTPStatus.NOT_FOUND,
        marked("The device has forgotten the upload. Please upload the file again."),
    ),
    Why.TOO_LARGE: (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        marked("The file is too large: the device takes at most {mib} MiB."),
    ),
    Why.EMPTY: (HTTPStatus.BAD_REQUEST, marked("The file is empty.")),
    Why.TOO_MANY: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        marked("Others upload files at this moment. Please try again in a few minutes."),
    ),
    Why.NO_SPACE: (
        HTTPStatus.INSUFFICIENT_STORAGE,
        marked("The device has too little free space for the file."),
    ),
    Why.WRONG_OFFSET: (HTTPStatus.CONFLICT, marked("The part belongs to another place.")),
    Why.BEYOND_END: (
        HTTPStatus.CONFLICT,
        marked("The file is longer than it was at the beginning of the upload."),
    ),
    Why.NOT_COMPLETE: (HTTPStatus.CONFLICT, marked("The file is not complete yet.")),
    Why.WRONG_SUM: (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        marked("The file did not arrive as it is on your computer. Please upload it again."),
    ),
}


@api.post("")
@needs(Right.CONFIGURATION)
def begin() -> Response:
    """Begin an upload; one of the same account before it is forgotten."""
    size = _given("size")
    if not isinstance(size, int):
        return problem(400, "The size is missing")
    is_wanted = site().gate.still_lets_in()
    try:
        progress = site().uploads.begin(session().account, size, is_wanted)
    except UploadError as err:
        return _refused(err)
    answer = _answer(progress)
    answer.status_code = HTTPStatus.CREATED
    return answer


@api.get("/<upload_id>")
@needs(Right.CONFIGURATION)
def look(upload_id: str) -> Response:
    """Tell how much is there."""
    try:
        return _answer(site().uploads.progress(session().account, upload_id))
    except UploadError as err:
        return _refused(err)


@api.put("/<upload_id>")
@needs(Right.CONFIGURATION)
def take(upload_id: str) -> Response:
    """Take the next part."""
    offset = request.args.get("offset", type=int)
    if offset is None:
        return problem(400, "The offset is missing")
    part = request.get_data(cache=False)
    try:
        return _answer(site().uploads.take(session().account, upload_id, offset, part))
    except UploadError as err:
        return _refused(err)


@api.post("/<upload_id>/finish")
@needs(Right.CONFIGURATION)
def finish(upload_id: str) -> Response:
    """End it by the sum of the whole; a wrong one removes it."""
    digest = _given("sha256")
    if not isinstance(digest, str):
        return problem(400, "The sum is missing")
    try:
        site().uploads.complete(session().account, upload_id, digest)
    except UploadError as err:
        return _refused(err)
    return Response(status=HTTPStatus.NO_CONTENT)


@api.delete("/<upload_id>")
@needs(Right.CONFIGURATION)
def give_up(upload_id: str) -> Response:
    """Forget it."""
    site().uploads.give_up(session().account, upload_id)
    return Response(status=HTTPStatus.NO_CONTENT)


def words_of(why: Why) -> str:
    """Return what a page says of an upload that was refused."""
    return language().text(REFUSALS[why][1], mib=site().uploads.limits.largest // MIB)


def _given(name: str) -> Any:  # noqa: ANN401 - whatever a program sends
    given = request.get_json(silent=True)
    return given.get(name) if isinstance(given, dict) else None


def _answer(progress: Progress) -> Response:
    return jsonify(
        {
            "id": progress.id,
            "received": progress.received,
            "size": progress.size,
            "part": site().uploads.limits.part,
        }
    )


def _refused(error: UploadError) -> Response:
    """Return a refusal: its code for the script, its words for whoever reads the page."""
    received = {} if error.received is None else {"received": error.received}
    code, title = REFUSALS[error.why][0], error.why.replace("_", " ").capitalize()
    return problem(code, title, words_of(error.why), why=error.why, **received)
