"""The plots of the mains connection and of a charging point: values for the page, and a download.

Source: website 28.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from flask import Blueprint, Response, abort, jsonify, request

from knxgw.monitoring.plot_ring import DAY, HOUR, PlotData, Span
from knxgw.monitoring.plot_sample import Trace, of_point, offer_of
from knxgw.monitoring.recorder import Plot
from knxgw.website.exports import csv_answer
from knxgw.website.language import Language
from knxgw.website.pages.common import language, site

api = Blueprint("plot", __name__, url_prefix="/api/v1")
SPANS = {"1h": HOUR, "24h": DAY}
PHASES = (1, 2, 3)
Row = tuple[int | None, ...]  # of each step


@api.get("/plot")
def plot() -> Response:
    """Return the currents of a phase [mA]: `range` 1h or 24h, `phase` 1 to 3, `after` a step.

    With `point` it is the plot of that charging point: its current and what it was offered.
    """
    found = _read(request.args.get("after", type=int))
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
    words, found = language(), _read(None)
    columns = dict(_columns(found.data, words))
    rows = (
        [
            found.first_at + timedelta(seconds=step * found.data.step_s),
            *(_ampere(column[step]) for column in columns.values()),
        ]
        for step in range(found.data.last - found.data.first + 1)
    )
    return csv_answer("plot", [words.text("Time"), *columns], rows, words)


def _columns(data: PlotData, words: Language) -> Iterator[tuple[str, Row]]:
    """Yield the columns of the table by their headings; a step of a minute has its highest value, too."""
    for trace in sorted(data.values):
        name = _name(trace, words)
        yield name, data.values[trace]
        if trace in data.highest:
            yield words.text("{column} (highest)", column=name), data.highest[trace]


def _name(trace: Trace, words: Language) -> str:
    """Return what a column is called; currents are in A."""
    if trace.is_offer:
        return words.text("Offered [A]")  # in the plot of one charging point
    names = {
        "limit": words.text("Limit [A]"),
        "measured": words.text("Measured [A]"),
        "base": words.text("Building [A]"),
    }
    number = trace.what.removeprefix("point")
    return names.get(trace.what) or words.text("Charging point {number} [A]", number=number)


def _ampere(current_ma: int | None) -> Decimal | None:
    return None if current_ma is None else Decimal(current_ma) / 1000


def _read(after: int | None) -> Plot:
    """Return what the request asks for."""
    point = request.args.get("point", type=int)
    found = site().bridge.diagnostics.plot(_span(), phase=_phase() - 1, after=after)
    data = found.data
    highest = {trace: row for trace, row in data.highest.items() if not trace.is_bound}
    shown = replace(data, values=_of(point, data.values), highest=_of(point, highest))
    return replace(found, data=shown)


def _of(point: int | None, rows: Mapping[Trace, Row]) -> Mapping[Trace, Row]:
    """Return what the plot of a charging point shows; None: what that of the mains connection does."""
    if point is None:
        return {trace: row for trace, row in rows.items() if not trace.is_offer}
    own = (of_point(point), offer_of(point))
    return {trace: row for trace, row in rows.items() if trace.what in own}


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
