"""The group monitor: every telegram, as it comes, filtered, and as files. Source: website 32."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.telegram_export import telegrams_csv, telegrams_xml
from knxgw.monitoring.telegram_filter import CONTEXT_MS, chosen, parse
from knxgw.monitoring.telegrams import Service, Telegram, TelegramLine, lines_of, rate
from knxgw.website.access.roles import Right
from knxgw.website.exports import download
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import language, rows_stream, site
from knxgw.website.pages.diagnostics import diagnostics_page
from knxgw.website.security import needs

pages = Blueprint("group_monitor", __name__)
SHOWN = 50  # rows of a first paint
MOST_AT_ONCE = 100  # of a stream
SERVICES = {
    Service.READ: marked("Read"),
    Service.RESPONSE: marked("Response"),
    Service.WRITE: marked("Write"),
    Service.SEALED: marked("Sealed"),
}


@pages.get("/diagnostics/group-monitor")
@needs(Right.DIAGNOSTICS)
def group_monitor() -> str:
    """Show the last telegrams that the filter lets through, the newest first."""
    words = language()
    lines = _chosen(words)
    query = urlencode(
        {key: request.args[key] for key in ("filter", "context") if key in request.args}
    )
    shown = lines if request.args.get("rows") == "all" else lines[-SHOWN:]
    return diagnostics_page(
        "group_monitor.html",
        rows=[cells(line, words) for line in reversed(shown)],
        count=len(lines),
        last_values=[cells(line, words) for line in _last_values(words)],
        stream=f"/api/v1/monitor/knx?{query}",
        query=query,
        wanted=request.args.get("filter", ""),
        with_context=request.args.get("context") == "1",
    )


@pages.get("/diagnostics/group-monitor.csv")
@needs(Right.DIAGNOSTICS)
def as_csv() -> Response:
    """Return what the filter lets through as a table."""
    words = language()
    lines = telegrams_csv(_chosen(words), words.code, words.tzinfo)
    return download("telegrams.csv", _encoded(lines), "text/csv; charset=utf-8")


@pages.get("/diagnostics/group-monitor.xml")
@needs(Right.DIAGNOSTICS)
def as_xml() -> Response:
    """Return what the filter lets through as a communication log of ETS."""
    lines = telegrams_xml(_chosen(language()), site().bridge.utc_now(), "knxgw")
    return download("telegrams.xml", _encoded(lines), "application/xml")


@pages.get("/api/v1/monitor/knx")
@needs(Right.DIAGNOSTICS)
def stream() -> Response:
    """Stream telegrams as they come."""
    return rows_stream(_reader())


def _reader() -> Callable[[], Mapping[str, Any] | None]:
    """Return what gives the telegrams that have come since it was asked last."""
    telegrams, words = site().bridge.telegrams, language()
    utc_now, fits = site().bridge.utc_now, parse(request.args.get("filter", ""))
    last = telegrams.ring.last

    def read() -> Mapping[str, Any] | None:
        nonlocal last
        batch = telegrams.ring.since(last, MOST_AT_ONCE)
        if batch.last == last:
            return None
        last = batch.last
        lines = [one for one in lines_of(batch.rows, telegrams.interpret, words.code) if fits(one)]
        busy = rate([one.row for one in telegrams.ring.rows()[-1000:]], utc_now())
        return {
            "rows": [cells(line, words) for line in lines],
            "dropped": batch.dropped,
            "rate": words.text(
                "{now} telegrams/s, at most {peak}",
                now=words.number(busy.per_s, 1),
                peak=busy.peak_per_s,
            ),
        }

    return read


def _chosen(words: Language) -> tuple[TelegramLine, ...]:
    telegrams = site().bridge.telegrams
    lines = lines_of(telegrams.ring.rows(), telegrams.interpret, words.code)
    context_ms = CONTEXT_MS if request.args.get("context") == "1" else 0
    return chosen(lines, parse(request.args.get("filter", "")), context_ms=context_ms)


def _last_values(words: Language) -> tuple[TelegramLine, ...]:
    telegrams = site().bridge.telegrams
    lines = lines_of(telegrams.kept.last_values(), telegrams.interpret, words.code)
    return chosen(lines, parse(request.args.get("filter", "")))


def cells(line: TelegramLine, words: Language) -> dict[str, str]:
    """Return a telegram as the texts of its row."""
    telegram = line.telegram
    at = words.local(telegram.at)
    shown = {
        "time": f"{at:%H:%M:%S}.{at.microsecond // 1000:03}",
        "delta": "" if line.delta_ms is None else f"+{line.delta_ms} ms",
        "direction": "→" if telegram.is_sent else "←",
        "source": line.source,
        "address": line.address,
        "name": line.meaning.name,
        "service": words.text(SERVICES[telegram.service]),
        "dpt": line.meaning.dpt,
        "value": line.value,
        "raw": line.raw,
        "priority": telegram.priority.value,
        "secure": _security(telegram, words),
        "tone": "muted" if line.is_context else "",
    }
    return {key: plain_text(value) for key, value in shown.items()}


def _security(telegram: Telegram, words: Language) -> str:
    """Return what Data Secure made of a telegram; "" where it has nothing to do with it."""
    if telegram.is_refused:
        return words.text("refused")
    return words.text("secure") if telegram.is_secure else ""


def _encoded(lines: Iterator[str]) -> Iterator[bytes]:
    return (line.encode() for line in lines)
