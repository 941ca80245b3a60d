"""The Modbus monitor: every request, as it comes, and registers that a person reads. Source: website 33."""

from datetime import datetime
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from knxgw.catalogue.points import Table
from knxgw.errors import LinkError, PeerError, RejectedError
from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.requests import (
    ALL,
    BusCount,
    RequestFilter,
    RequestLine,
    RequestWords,
    cycle_times_s,
    request_lines,
    requests_csv,
)
from knxgw.website.access.roles import Right
from knxgw.website.exports import download
from knxgw.website.language import UNKNOWN, Language, marked
from knxgw.website.live_rows import Feed, News, newest, news_of
from knxgw.website.pages.common import language, rows_answer, site
from knxgw.website.pages.diagnostics import live_list_page
from knxgw.website.security import needs
from knxgw.website.table_words import table_words

pages = Blueprint("modbus_monitor", __name__)
SHOWN = 50
LOOKED_AT = 1000  # requests: of which the newest are shown without a filter, and cycle times taken
MOST_VALUES = 8  # that a row names
MOST_RAW = 40  # characters
REFUSALS = (
    marked("the device cannot be reached"),
    marked("other reads of this device still wait"),
    marked("there is no such device"),
    marked("the bus was too busy to read that"),
    marked("registers have the addresses 0 to 65535"),
    marked("the device is not configured"),
    marked("the device does not react"),
    marked("the device does not run"),
)


@pages.get("/diagnostics/modbus")
@needs(Right.DIAGNOSTICS)
def modbus_monitor() -> str:
    """Show the last requests that the filter lets through, the newest first."""
    return _page()


@pages.post("/diagnostics/modbus/read")
@needs(Right.DIAGNOSTICS)
def read_registers() -> tuple[str, int]:
    """Read registers of a device once, behind its polls, and show them. There is no way to write."""
    form, words = request.form, language()
    try:
        table = Table(form.get("table", ""))
        address, count = int(form.get("address", "")), int(form.get("count", ""))
    except ValueError:
        return _page(problem=words.text("Table, register and number must be given.")), 400
    try:
        read = site().bridge.diagnostics.requests.read_once(
            form.get("device", ""), table, address, count
        )
    except (RejectedError, PeerError, LinkError) as err:
        return _page(problem=words.text(str(err))), 409
    return _page(read=read), 200


@pages.get("/diagnostics/modbus.csv")
@needs(Right.DIAGNOSTICS)
def as_csv() -> Response:
    """Return what the filter lets through as a table."""
    words, requests = language(), site().bridge.diagnostics.requests
    names = dict(requests.devices())
    lines = request_lines(requests.kept.ring.rows(), requests.explain, _filter(), names)
    text = (
        line.encode() for line in requests_csv(lines, words.code, words.tzinfo, table_words(words))
    )
    return download("requests.csv", text, "text/csv; charset=utf-8")


@pages.get("/api/v1/monitor/modbus")
@needs(Right.DIAGNOSTICS)
def stream() -> Response:
    """Stream requests as they come."""
    return rows_answer(_feed())


def _page(problem: str = "", read: RequestWords | None = None) -> str:
    words, bridge, wanted = language(), site().bridge, _filter()
    requests, now = bridge.diagnostics.requests, bridge.utc_now()
    devices, rows = requests.devices(), requests.kept.ring.rows()
    newest_rows = rows[-LOOKED_AT:]
    looked_at = newest_rows if wanted == ALL else rows
    lines = request_lines(looked_at, requests.explain, wanted, dict(devices))
    query = urlencode({key: value for key, value in request.args.items() if key in _KEYS})
    cycles = cycle_times_s(newest_rows, requests.explain)
    return live_list_page(
        "modbus_monitor.html",
        f"/api/v1/monitor/modbus?{query}",
        newest(rows),
        rows=[cells(line, words, now) for line in reversed(lines[-SHOWN:])],
        buses=[_bus(name, count, words) for name, count in requests.kept.counts.items()],
        cycles=[(name, _cycle(cycles.get(device), words)) for device, name in devices],
        devices=devices,
        tables=[table.value for table in Table],
        query=query,
        wanted=request.args,
        asked=request.form,
        problem=problem,
        read=[] if read is None else _values(read, words),
    )


_KEYS = ("bus", "device", "text", "errors", "writes")


def _filter() -> RequestFilter:
    args = request.args
    return RequestFilter(
        bus=args.get("bus", ""),
        device=args.get("device", ""),
        text=args.get("text", "")[:200],
        only_errors=args.get("errors") == "1",
        only_writes=args.get("writes") == "1",
    )


def _feed() -> Feed:
    """Return the requests that the filter lets through, as they come."""
    bridge, words, wanted = site().bridge, language(), _filter()
    requests = bridge.diagnostics.requests
    ring, names = requests.kept.ring, dict(requests.devices())

    def since(after: int) -> News:
        return news_of(
            ring,
            after,
            lambda rows: request_lines(rows, requests.explain, wanted, names),
            lambda line: cells(line, words, bridge.utc_now()),
        )

    return Feed(ring.last, since)


def _short(raw: str) -> str:
    """Return the first registers of a request; the table to download has all of them."""
    return raw if len(raw) <= MOST_RAW else raw[:MOST_RAW].rpartition(" ")[0] + " …"


def _cycle(seconds: float | None, words: Language) -> str:
    return UNKNOWN if seconds is None else f"{words.number(seconds, 1)} s"


def _bus(name: str, count: BusCount, words: Language) -> dict[str, str]:
    mean_s, longest_s = count.mean_s, count.longest_s
    return {
        "name": name,
        "requests": words.number(count.requests),
        "failed": words.number(count.failed),
        "mean": UNKNOWN if mean_s is None else f"{words.number(mean_s * 1000)} ms",
        "longest": f"{words.number(longest_s * 1000)} ms",
        "last_error": plain_text(count.last_error),
        "at": words.moment(count.last_error_at, None) if count.last_error_at else "",
    }


def _values(read: RequestWords, words: Language) -> list[dict[str, str]]:
    return [
        {
            "address": str(value.address),
            "name": value.name,
            "raw": value.raw,
            "value": plain_text(value.value(words.code)),
        }
        for value in read.values
    ]


def cells(line: RequestLine, words: Language, now: datetime) -> dict[str, str]:
    """Return a request as the texts of its row."""
    exchange, what = line.exchange, line.words
    named = [f"{value.name} {value.value(words.code)}".strip() for value in what.values]
    more = "" if len(named) <= MOST_VALUES else " …"
    shown = {
        "time": words.stamp(exchange.at, now),
        "bus": exchange.bus,
        "device": line.device,
        "direction": words.text("Write") if what.is_write else words.text("Read"),
        "function": str(what.function),
        "unit": str(what.unit_id),
        "register": f"{what.table} {what.address}"
        + (f"…{what.address + what.count - 1}" if what.count > 1 else ""),
        "values": ", ".join(named[:MOST_VALUES]) + more,
        "raw": _short(" ".join(value.raw for value in what.values)),
        "took": f"{line.took_ms} ms",
        "error": exchange.error,
        "tone": "bad" if exchange.error else "warning" if what.is_write else "",
    }
    return {key: plain_text(value) for key, value in shown.items()}
