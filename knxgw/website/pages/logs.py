"""The log: its last lines, live, and the extended logging mode. Source: website 36."""

import logging
from datetime import datetime
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.log_ring import Area, LogFilter, LogLine, chosen_lines
from knxgw.website.access.roles import Right
from knxgw.website.language import Language, marked
from knxgw.website.live_rows import Feed, News, newest, news_of
from knxgw.website.pages.common import address, come_back, language, rows_answer, session, site
from knxgw.website.pages.diagnostics import live_list_page
from knxgw.website.security import needs

pages = Blueprint("logs", __name__)
SHOWN = 100
LEVELS = {
    "": logging.NOTSET,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
LEVEL_WORDS = {
    logging.DEBUG: marked("Detail"),
    logging.INFO: marked("Information"),
    logging.WARNING: marked("Warning"),
    logging.ERROR: marked("Error"),
    logging.CRITICAL: marked("Error"),
}
TONES = {logging.WARNING: "warning", logging.ERROR: "bad", logging.CRITICAL: "bad"}
AREAS = {
    Area.KNX: marked("KNX"),
    Area.MODBUS: marked("Modbus"),
    Area.CHARGING: marked("Charging"),
    Area.WEBSITE: marked("Website"),
    Area.STORE: marked("Storage"),
    Area.DEVICE: marked("Device"),
}


@pages.get("/diagnostics/logs")
@needs(Right.DIAGNOSTICS)
def logs() -> str:
    """Show the last lines that the filter lets through, the newest first."""
    words, bridge = language(), site().bridge
    rows = bridge.diagnostics.logs.ring.rows()
    lines = chosen_lines(rows, _filter())
    query = urlencode(
        {key: request.args[key] for key in ("area", "level", "text") if key in request.args}
    )
    return live_list_page(
        "logs.html",
        f"/api/v1/monitor/log?{query}",
        newest(rows),
        rows=[cells(one.row, words, bridge.utc_now()) for one in reversed(lines[-SHOWN:])],
        areas=[(area.value, words.text(name)) for area, name in AREAS.items()],
        wanted=request.args,
        **logging_mode(),
    )


def logging_mode() -> dict[str, object]:
    """Return what the form of the logging mode shows."""
    bridge = site().bridge
    left_s = bridge.diagnostics.logs.mode.left_s(bridge.now_s())
    return {"is_extended": left_s is not None, "left": language().duration(left_s)}


@pages.post("/diagnostics/logs/mode")
@needs(Right.DIAGNOSTICS)
def mode() -> AnyResponse:
    """Switch between the simple and the extended logging mode."""
    bridge = site().bridge
    is_extended = request.form.get("mode") == "extended"
    bridge.device.set_logging(is_extended)
    after = "extended" if is_extended else "simple"
    bridge.accounts.note(session(), "logging_mode", address=address(), after=after)
    return come_back("done")


@pages.get("/api/v1/monitor/log")
@needs(Right.DIAGNOSTICS)
def stream() -> Response:
    """Stream lines of the log as they come."""
    return rows_answer(_feed())


def _feed() -> Feed:
    """Return the lines that the filter lets through, as they come."""
    bridge, words, wanted = site().bridge, language(), _filter()
    ring = bridge.diagnostics.logs.ring

    def since(after: int) -> News:
        return news_of(
            ring,
            after,
            lambda rows: chosen_lines(rows, wanted),
            lambda one: cells(one.row, words, bridge.utc_now()),
        )

    return Feed(ring.last, since)


def _filter() -> LogFilter:
    return LogFilter(
        area=request.args.get("area", ""),
        level=LEVELS.get(request.args.get("level", ""), logging.NOTSET),
        text=request.args.get("text", "")[:200],
    )


def cells(line: LogLine, words: Language, now: datetime) -> dict[str, str]:
    """Return a line of the log as the texts of its row."""
    return {
        "time": words.stamp(line.at, now),
        "level": words.text(LEVEL_WORDS[line.level])
        if line.level in LEVEL_WORDS
        else logging.getLevelName(line.level),
        "area": words.text(AREAS[line.area]),
        "text": "\n".join(plain_text(part) for part in line.text.split("\n")),
        "tone": TONES.get(line.level, ""),
    }
