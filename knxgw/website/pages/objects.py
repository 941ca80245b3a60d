"""The group objects against the bus: what each says, why one is missing; read, send, write. Source: website 34."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.errors import RejectedError
from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.objects import Absence, ObjectLine, chosen_objects, objects_csv
from knxgw.website.access.roles import Right
from knxgw.website.exports import download
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import address, language, session, site
from knxgw.website.pages.diagnostics import diagnostics_page
from knxgw.website.security import needs
from knxgw.website.table_words import table_words

pages = Blueprint("objects", __name__)
ABSENT = {
    Absence.NOT_CONFIGURED: marked("the charging point is not configured"),
    Absence.NOT_THERE: marked("this site does not have it"),
    Absence.NO_ADDRESS: marked("no group address"),
}
REFUSALS = (
    marked("the group object cannot have this value"),
    marked("this group object takes nothing from the bus"),
    marked("this group object has no value to send"),
    marked("there is no such group object"),
    marked("KNX is not connected"),
)


def objects_table(lines: Iterable[ObjectLine], words: Language) -> Iterator[str]:
    """Yield the lines of a CSV file with group objects."""
    return objects_csv(
        lines,
        words.code,
        words.tzinfo,
        table_words(words),
        lambda absence: words.text(ABSENT[absence]),
    )


@pages.get("/diagnostics/objects")
@needs(Right.DIAGNOSTICS)
def objects() -> str:
    """Show the group objects that the filter lets through."""
    return _page()


@pages.get("/diagnostics/objects.csv")
@needs(Right.DIAGNOSTICS)
def as_csv() -> Response:
    """Return them as a table."""
    words = language()
    lines = objects_table(_chosen(words), words)
    text = (line.encode() for line in lines)
    return download("objects.csv", text, "text/csv; charset=utf-8")


@pages.post("/diagnostics/objects/<int:number>/read")
@needs(Right.DIAGNOSTICS)
def read(number: int) -> AnyResponse | tuple[str, int]:
    """Read a group object from the bus."""
    return _done(number, lambda: site().bridge.diagnostics.objects.read(number))


@pages.post("/diagnostics/objects/<int:number>/send")
@needs(Right.DIAGNOSTICS)
def send(number: int) -> AnyResponse | tuple[str, int]:
    """Send the value that a group object has."""
    return _done(number, lambda: site().bridge.diagnostics.objects.send(number))


@pages.post("/diagnostics/objects/<int:number>/write")
@needs(Right.DIAGNOSTICS)
def write(number: int) -> AnyResponse | tuple[str, int]:
    """Write an input as a service: on the bus, as whoever usually writes it would."""
    bridge, value = site().bridge, request.form.get("value", "")[:40]
    before = next(
        (one for one in bridge.diagnostics.objects.listed("en") if one.number == number), None
    )

    def written() -> None:
        bridge.diagnostics.objects.write(number, value)
        bridge.accounts.note(
            session(),
            "object_written",
            address=address(),
            before=f"{number}: {'' if before is None else before.value('en')}",
            after=f"{number}: {plain_text(value)}",
        )

    return _done(number, written)


@pages.get("/diagnostics/objects/<int:number>/<action>")
@needs(Right.DIAGNOSTICS)
def look_back(number: int, action: str) -> AnyResponse:
    """Lead to the group object: who asks has an answer open that is no page of its own."""
    if action not in ("read", "send", "write"):
        abort(404)
    return redirect(f"/diagnostics/objects#object-{number}", 303)


class Refused(NamedTuple):
    """What was not done: at which group object, why, and the value that was typed ("": none)."""

    number: int
    why: str
    value: str


def _done(number: int, do: Callable[[], None]) -> AnyResponse | tuple[str, int]:
    try:
        do()
    except RejectedError as err:
        words = language()
        why = words.text("Not done: {why}.", why=words.text(str(err)))
        return _page(Refused(number, why, request.form.get("value", "")[:40])), 409
    query = urlencode({**_wanted(), "said": "done"})
    return redirect(f"/diagnostics/objects?{query}#object-{number}", 303)


def _page(refused: Refused | None = None) -> str:
    words, now = language(), site().bridge.utc_now()
    rows = [_row(line, words, now) for line in _chosen(words)]
    beside = None  # the field with what was typed, where the page shows it
    if refused is not None and refused.value:
        beside = next((row for row in rows if row["number"] == refused.number), None)
    has_field = beside is not None and bool(beside["can_write"])
    return diagnostics_page(
        "objects.html",
        rows=rows,
        wanted=_wanted(),
        problem="" if refused is None or has_field else refused.why,
        refused=refused if has_field else None,
    )


def _wanted() -> dict[str, str]:
    """Return the filter of the page, which its forms carry along."""
    given = request.form if request.method == "POST" else request.args
    text, missing = given.get("text", "")[:60], given.get("missing", "")
    return {"text": text, **({"missing": "1"} if missing == "1" else {})}


def _chosen(words: Language) -> tuple[ObjectLine, ...]:
    wanted = _wanted()
    lines = site().bridge.diagnostics.objects.listed(words.code)
    return chosen_objects(lines, wanted["text"], only_missing="missing" in wanted)


def _row(line: ObjectLine, words: Language, now: datetime) -> dict[str, object]:
    missing = "" if line.absence is None else words.text(ABSENT[line.absence])
    if line.reason is not None:
        missing = line.reason.in_language(words.code)
    return {
        "number": line.number,
        "point": line.point or "",
        "name": plain_text(line.name),
        "dpt": line.dpt,
        "flags": line.flags,
        "addresses": " ".join(line.addresses),
        "value": plain_text(line.value(words.code)),
        "raw": line.raw,
        "changed": "" if line.changed_at is None else words.stamp(line.changed_at, now),
        "sender": line.sender,
        "counts": "" if line.absence else f"{line.received} / {line.sent}",
        "wrong": line.wrong or "",
        "missing": missing,
        "can_read": line.can_read,
        "can_send": line.can_send,
        "can_write": line.can_write,
    }
