"""The KNX device that ETS programs: what it is made of, what was loaded last, who is connected to its server."""

from flask import Blueprint, Response, abort

from knxgw.errors import RejectedError
from knxgw.monitoring.csv_table import plain_text
from knxgw.website.access.roles import Right
from knxgw.website.exports import download
from knxgw.website.knx_device_words import (
    condition_words,
    device_rows,
    download_rows,
    object_row,
)
from knxgw.website.knx_facts import KnxDeviceFacts, knx_device_text
from knxgw.website.knx_server_words import (
    COUNTERS,
    LINK_COUNTERS,
    counter_rows,
    server_rows,
    server_state,
)
from knxgw.website.language import Language
from knxgw.website.pages.common import language, site
from knxgw.website.pages.diagnostics import diagnostics_page
from knxgw.website.security import needs

pages = Blueprint("knx_device", __name__)
PATH = "/diagnostics/knx-device"


@pages.get(PATH)
@needs(Right.DIAGNOSTICS)
def knx_device() -> str:
    """Show the KNX device as it is now."""
    facts, words, now = _facts(), language(), site().bridge.utc_now()
    last = facts.download
    return diagnostics_page(
        "knx_device.html",
        condition=condition_words(facts, words),
        findings=_findings(facts, words),
        rows=list(device_rows(facts, words)),
        is_programming=facts.is_programming,
        objects=[object_row(one, words) for one in facts.loadables],
        last=[] if last is None else list(download_rows(facts, last, words, now)),
        server=server_state(facts.server, words),
        server_rows=list(server_rows(facts.server, words)),
        tunnels=facts.server.tunnels,
        counters=list(counter_rows(facts.server.counters, COUNTERS, words)),
        link=list(counter_rows(facts.link, LINK_COUNTERS, words)),
    )


@pages.get(f"{PATH}.json")
@needs(Right.DIAGNOSTICS)
def as_json() -> Response:
    """Return the same for a program: codes, no words of a language."""
    text = site().bridge.diagnostics.logs.scrubber.scrub(knx_device_text(_facts()))
    return download("knx-device.json", text.encode(), "application/json")


def _facts() -> KnxDeviceFacts:
    """Return the device; it may be too busy to say."""
    try:
        return site().bridge.diagnostics.knx_device()
    except RejectedError:
        abort(503)


def _findings(facts: KnxDeviceFacts, words: Language) -> list[tuple[str, str]]:
    """Return what is wrong with what ETS has loaded, and what helps."""
    scrub = site().bridge.diagnostics.logs.scrubber.scrub
    found = []
    for one in facts.findings:
        problem, remedy = one.said(words.code)
        where = f"{one.key}: " if one.key else ""
        found.append((plain_text(scrub(f"{where}{problem}")), plain_text(scrub(remedy))))
    return found
