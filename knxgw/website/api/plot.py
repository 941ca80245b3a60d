"""The plot of the mains connection: values for the page, a table and a download. Source: website 28."""

from datetime import timedelta
from decimal import Decimal

from flask import Blueprint, Response, abort, jsonify, request

from knxgw.monitoring.plot_ring import DAY, HOUR, Span
from knxgw.monitoring.recorder import Plot
from knxgw.website.exports import csv_answer
from knxgw.website.language import Language
from knxgw.website.pages.common import language, site

api = Blueprint("plot", __name__, url_prefix="/api/v1")
SPANS = {"1h": HOUR, "24h": DAY}
PHASES = (1, 2, 3)


@api.get("/plot")
def plot() -> Response:
    """Return the currents of a phase [mA]: `range` 1h or 24h, `phase` 1 to 3, `after` a step."""
    found = _read(_span(), _phase(), request.args.get("after", type=int))
    data = found.data
    return jsonify(
        {
            "step_s": data.step_s,
            "first": data.first,
            "last": data.last,
            "first_at": found.first_at.isoformat(),
            "values": {trace.what: row for trace, row in data.values.items()},
            "highest": {trace.what: row for trace, row in data.highest.items()},
        }
    )


@api.get("/plot.csv")
def plot_csv() -> Response:
    """Return the same as a table, with its times in the zone of the device."""
    words, found = language(), _read(_span(), _phase(), None)
    traces = sorted(found.data.values)
    head = [words.text("Time"), *(_name(trace.what, words) for trace in traces)]
    columns = [found.data.values[trace] for trace in traces]
    rows = (
        [
            found.first_at + timedelta(seconds=step * found.data.step_s),
            *(_ampere(column[step]) for column in columns),
        ]
        for step in range(found.data.last - found.data.first + 1)
    )
    return csv_answer("plot", head, rows, words)


def _name(what: str, words: Language) -> str:
    """Return what a column is called; currents are in A."""
    names = {
        "limit": words.text("Limit [A]"),
        "measured": words.text("Measured [A]"),
        "base": words.text("Building [A]"),
    }
    number = what.removeprefix("point")
    return names.get(what) or words.text("Charging point {number} [A]", number=number)


def _ampere(current_ma: int | None) -> Decimal | None:
    return None if current_ma is None else Decimal(current_ma) / 1000


def _read(span: Span, phase: int, after: int | None) -> Plot:
    return site().bridge.plot(span, phase=phase - 1, after=after)


def _span() -> Span:
    span = SPANS.get(request.args.get("range", "1h"))
    if span is None:
        abort(400)
    return span


def _phase() -> int:
    phase = request.args.get("phase", 1, type=int)
    if phase not in PHASES:
        abort(400)
    return phase
