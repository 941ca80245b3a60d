"""The group monitor: every telegram, as it comes, filtered, and as files. Source: website 32."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.ring import Numbered
from knxgw.monitoring.telegram_export import telegrams_csv, telegrams_xml
from knxgw.monitoring.telegram_filter import CONTEXT_MS, chosen, chosen_since, parse
from knxgw.monitoring.telegrams import (
    Service,
    Telegram,
    TelegramLine,
    line_of,
    lines_of,
    rate,
)
from knxgw.website.access.roles import Right
from knxgw.website.bridge import Bridge
from knxgw.website.exports import download
from knxgw.website.language import Language, marked
from knxgw.website.live_rows import Feed, News, Said, newest, news_of
from knxgw.website.pages.common import language, rows_answer, site
from knxgw.website.pages.diagnostics import live_list_page
from knxgw.website.security import needs
from knxgw.website.table_words import table_words

pages = Blueprint("group_monitor", __name__)
IN_MS = 10_000  # a time since the line before that is shorter
SHOWN = 50  # rows of a first paint
LOOKED_AT = 1000  # telegrams, for how busy the bus is
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
    words, bridge = language(), site().bridge
    rows, now = bridge.diagnostics.telegrams.ring.rows(), bridge.utc_now()
    lines = _chosen(words, rows)
    query = urlencode(
        {key: request.args[key] for key in ("filter", "context") if key in request.args}
    )
    shown = lines if request.args.get("rows") == "all" else lines[-SHOWN:]
    return live_list_page(
        "group_monitor.html",
        f"/api/v1/monitor/knx?{query}",
        newest(rows),
        rows=[cells(line, words, now) for line in reversed(shown)],
        count=len(lines),
        last_values=[cells(line, words, now) for line in _last_values(words)],
        rate=_busy(bridge, words),
        query=query,
        wanted=request.args.get("filter", ""),
        with_context=_context_ms() > 0,
    )


@pages.get("/diagnostics/group-monitor.csv")
@needs(Right.DIAGNOSTICS)
def as_csv() -> Response:
    """Return what the filter lets through as a table."""
    words = language()
    lines = telegrams_csv(
        _chosen(words, site().bridge.diagnostics.telegrams.ring.rows()),
        words.code,
        words.tzinfo,
        table_words(words),
    )
    return download("telegrams.csv", _encoded(lines), "text/csv; charset=utf-8")


@pages.get("/diagnostics/group-monitor.xml")
@needs(Right.DIAGNOSTICS)
def as_xml() -> Response:
    """Return what the filter lets through as a communication log of ETS."""
    bridge = site().bridge
    chosen_ones = _chosen(language(), bridge.diagnostics.telegrams.ring.rows())
    lines = telegrams_xml(chosen_ones, bridge.utc_now(), "knxgw")
    return download("telegrams.xml", _encoded(lines), "application/xml")


@pages.get("/api/v1/monitor/knx")
@needs(Right.DIAGNOSTICS)
def stream() -> Response:
    """Stream telegrams as they come."""
    return rows_answer(_feed())


def _feed() -> Feed:
    """Return the telegrams that the filter lets through as they come, with what stood near them."""
    bridge, words = site().bridge, language()
    telegrams, context_ms = bridge.diagnostics.telegrams, _context_ms()
    fits = parse(request.args.get("filter", ""))
    ring, interpret = telegrams.ring, telegrams.interpret
    busy = Said(partial(_busy, bridge, words), bridge.now_s)

    def earlier(number: int) -> Iterator[TelegramLine]:
        for row in reversed(ring.rows(before=number)):
            yield line_of(row, interpret, words.code)

    def new_ones(rows: Sequence[Numbered[Telegram]]) -> Sequence[TelegramLine]:
        lines = lines_of(rows, interpret, words.code)
        return chosen_since(earlier(rows[0].number), lines, fits, context_ms=context_ms)

    def since(after: int) -> News:
        news = news_of(ring, after, new_ones, lambda line: cells(line, words, bridge.utc_now()))
        if news.rows and news.dropped:  # the row above is not the one before
            news = news._replace(rows=[{**news.rows[0], "delta": ""}, *news.rows[1:]])
        return news._replace(rate=busy())

    return Feed(ring.last, since)


def _busy(bridge: Bridge, words: Language) -> str:
    """Return how busy the bus is."""
    rows = bridge.diagnostics.telegrams.ring.rows()[-LOOKED_AT:]
    busy = rate([one.row for one in rows], bridge.utc_now())
    return words.text(
        "{now} telegrams/s, at most {peak}",
        now=words.number(busy.per_s, 1),
        peak=busy.peak_per_s,
    )


def _context_ms() -> int:
    return CONTEXT_MS if request.args.get("context") == "1" else 0


def _chosen(words: Language, rows: Sequence[Numbered[Telegram]]) -> tuple[TelegramLine, ...]:
    lines = lines_of(rows, site().bridge.diagnostics.telegrams.interpret, words.code)
    return chosen(lines, parse(request.args.get("filter", "")), context_ms=_context_ms())


def _last_values(words: Language) -> tuple[TelegramLine, ...]:
    telegrams = site().bridge.diagnostics.telegrams
    lines = lines_of(telegrams.kept.last_values(), telegrams.interpret, words.code)
    return chosen(lines, parse(request.args.get("filter", "")))


def cells(line: TelegramLine, words: Language, now: datetime) -> dict[str, str]:
    """Return a telegram as the texts of its row."""
    telegram = line.telegram
    shown = {
        "time": words.stamp(telegram.at, now),
        "delta": _delta(line.delta_ms, words),
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


def _delta(delta_ms: int | None, words: Language) -> str:
    """Return the time since the line before: in milliseconds, as long as those say something."""
    if delta_ms is None:
        return ""
    return f"+{delta_ms} ms" if delta_ms < IN_MS else f"+{words.duration(delta_ms / 1000)}"


def _security(telegram: Telegram, words: Language) -> str:
    """Return what Data Secure made of a telegram; "" where it has nothing to do with it."""
    if telegram.is_refused:
        return words.text("refused")
    return words.text("secure") if telegram.is_secure else ""


def _encoded(lines: Iterator[str]) -> Iterator[bytes]:
    return (line.encode() for line in lines)
