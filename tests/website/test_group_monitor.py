"""The group monitor shows what was on the bus, filtered, live, and as files."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from knxgw.catalogue.flags import Priority
from knxgw.config.addresses import group_address
from knxgw.monitoring.telegrams import KEPT, Meaning, Payload, Service, Telegram, TelegramRing
from knxgw.website.live_rows import MOST_AT_ONCE
from knxgw.website.recordings import Telegrams
from tests.support.website import NOON, Website, website
from tests.website.test_pages import SITE, text_of


def interpret(address: int, payload: Payload) -> Meaning:
    if payload is None or group_address(address) != "1/1/62":
        return Meaning()
    return Meaning(name="Left: current", dpt="14.019", number=10.5, unit="A")


def telegram(n: int, address: int = 0x093E, payload: Payload = (1, 2)) -> Telegram:
    return Telegram(
        at=NOON + timedelta(milliseconds=10 * n), is_sent=n % 2 == 0, source=0x1114, address=address,
        service=Service.WRITE, payload=payload, priority=Priority.LOW, is_secure=False,
    )  # fmt: skip


@pytest.fixture
def ring() -> TelegramRing:
    return TelegramRing()


@pytest.fixture
def shown(ring: TelegramRing) -> Iterator[Website]:
    telegrams = Telegrams(kept=ring, interpret=interpret)
    with website(lambda _language: SITE, telegrams=telegrams) as found:
        yield found


@pytest.mark.proves("W32")
def test_the_monitor_shows_name_value_and_raw_in_the_language_of_the_page(
    shown: Website, ring: TelegramRing
) -> None:
    assert "No telegram yet." in text_of(shown.get("/diagnostics/group-monitor"))
    ring.note(telegram(1))
    page = text_of(shown.get("/diagnostics/group-monitor", "de"))
    for part in ("12:00:00.010", "1.1.20", "1/1/62", "Left: current", "10,5 A", "01 02"):
        assert part in page


@pytest.mark.proves("W32")
def test_a_filter_stands_in_the_address_and_holds_for_the_files(
    shown: Website, ring: TelegramRing
) -> None:
    for n in range(10):
        ring.note(telegram(n, address=0x093E if n % 2 else 0x0801))
    page = shown.get("/diagnostics/group-monitor?filter=!1/1/62")
    body = page.split('<tbody role="rowgroup">')[1].split("</tbody>")[0]
    assert "1/0/1" in body
    assert "1/1/62" not in body
    csv = shown.get("/diagnostics/group-monitor.csv?filter=!1/1/62")
    assert csv.count("1/0/1") == 5
    assert "1/1/62" not in csv
    log = ET.fromstring(shown.get("/diagnostics/group-monitor.xml?filter=1/1/62"))  # noqa: S314 - ours
    assert len([one for one in log if one.tag.endswith("Telegram")]) == 5


@pytest.mark.proves("W32")
def test_a_burst_is_kept_and_what_a_live_page_misses_is_told(
    shown: Website, ring: TelegramRing
) -> None:
    answer = shown.browser.get("/api/v1/monitor/knx")
    stream: Iterator[bytes] = iter(answer.response)  # type: ignore[arg-type]
    assert next(stream) == b"retry: 2000\n\n"
    for n in range(1000):
        ring.note(telegram(n))
    event, _, data = bytes(next(stream)).decode().strip().split("\n")
    assert event == "event: rows"
    rows = json.loads(data.removeprefix("data: "))
    assert len(rows["rows"]) + rows["dropped"] == 1000
    assert rows["rows"][-1]["time"] == "12:00:09.990"
    answer.close()
    assert "1000 telegrams kept" in text_of(shown.get("/diagnostics/group-monitor"))
    assert shown.publisher.streams == 0


def address_of(page: str) -> str:
    """Return the stream of a page, as its script asks for it."""
    found = re.search(r'data-stream="([^"]*)" data-after="([^"]*)"', page)
    assert found is not None
    stream, after = map(unescape, found.groups())
    return f"{stream}&after={after}"


def reported(shown: Website, stream: str, events: int = 1) -> tuple[list[Any], int, str]:
    """Return rows and what was dropped, as some events of a stream tell it, and the id of the last."""
    answer = shown.browser.get(stream)
    blocks = iter(answer.response)
    assert next(blocks) == b"retry: 2000\n\n"
    rows, dropped, last = [], 0, ""
    for _ in range(events):
        lines = bytes(next(blocks)).decode().strip().split("\n")  # type: ignore[arg-type]
        event = dict(line.split(": ", 1) for line in lines)
        assert event["event"] == "rows"
        value = json.loads(event["data"])
        rows += value["rows"]
        dropped, last = dropped + value["dropped"], event["id"]
    answer.close()
    return rows, dropped, last


@pytest.mark.proves("W23", "W32")
def test_no_row_is_lost_in_silence_before_a_stream_and_between_two(
    shown: Website, ring: TelegramRing
) -> None:
    ring.note(telegram(0))
    stream = address_of(shown.get("/diagnostics/group-monitor"))
    for n in range(1, 4):
        ring.note(telegram(n))
    rows, dropped, last = reported(shown, stream)
    assert [row["time"][-3:] for row in rows] == ["010", "020", "030"]
    for n in range(4, 204):
        ring.note(telegram(n))
    assert shown.publisher.streams == 0
    address = stream.rpartition("=")[0]
    more, more_dropped, last = reported(shown, f"{address}={last}")
    assert len(rows) + dropped + len(more) + more_dropped == 203
    assert more[-1]["time"] == "12:00:02.030"
    for n in range(204, 204 + KEPT + 7):
        ring.note(telegram(n))
    more, more_dropped, last = reported(shown, f"{address}={last}")
    assert len(more) == MOST_AT_ONCE
    assert len(more) + more_dropped == KEPT + 7
    assert more[0]["delta"] == "", "the row above is not the one before it"
    assert more[1]["delta"] == "+10 ms"
    rows, dropped, _ = reported(shown, f"{address}=another-5000")
    assert len(rows) + dropped == 204 + KEPT + 7, "of another start: all of this one"


@pytest.mark.proves("W24")
def test_who_gets_no_stream_asks_for_the_same_rows(shown: Website, ring: TelegramRing) -> None:
    ask = f"{address_of(shown.get('/diagnostics/group-monitor?filter=1/0/1'))}&once=1"
    assert json.loads(shown.get(ask))["rows"] == []
    for n in range(3):
        ring.note(telegram(n, address=0x0801 if n % 2 else 0x093E))
    news = json.loads(shown.get(ask))
    assert [row["address"] for row in news["rows"]] == ["1/0/1"]
    assert (news["dropped"], news["id"]) == (0, "boot-3")
    again = json.loads(shown.get(ask.replace("boot-0", news["id"])))
    assert (again["rows"], again["id"]) == ([], "boot-3")
    assert "telegrams/s" in again["rate"]


def test_a_live_row_has_the_time_since_the_one_before_and_what_stood_near(
    shown: Website, ring: TelegramRing
) -> None:
    ring.note(telegram(0, address=0x0801))
    page = shown.get("/diagnostics/group-monitor?filter=1/0/1&context=1")
    for n, address in ((70, 0x093E), (130, 0x093E), (150, 0x0801), (160, 0x093E), (300, 0x093E)):
        ring.note(telegram(n, address=address))
    rows, _, _ = reported(shown, address_of(page))
    assert [(row["time"][6:], row["delta"], row["tone"]) for row in rows] == [
        ("01.300", "+1300 ms", "muted"),
        ("01.500", "+200 ms", ""),
        ("01.600", "+100 ms", "muted"),
    ]


def test_a_long_time_since_the_line_before_is_said_in_its_units(
    shown: Website, ring: TelegramRing
) -> None:
    for n in (-20_000, -1500, -501):
        ring.note(telegram(n))
    page = shown.get("/diagnostics/group-monitor")
    assert "+3\u202fmin" in page
    assert "+9990 ms" in page


def test_the_rate_stands_there_at_once_and_is_told_where_nothing_comes(
    shown: Website, ring: TelegramRing
) -> None:
    for n in range(10):
        ring.note(telegram(n - 10))
    page = shown.get("/diagnostics/group-monitor")
    assert "1.0 telegrams/s, at most 10" in page
    answer = shown.browser.get(address_of(page))
    blocks: Iterator[bytes] = iter(answer.response)  # type: ignore[arg-type]
    next(blocks)
    assert b'"rate":"1.0 telegrams/s, at most 10"' in next(blocks)
    shown.clock.now_s += 30
    object.__setattr__(shown.bridge, "utc_now", lambda: NOON + timedelta(seconds=30))
    event = bytes(next(blocks)).decode()
    assert '"rows":[]' in event
    assert '"rate":"0.0 telegrams/s, at most 10"' in event
    answer.close()


def test_a_live_page_gets_what_its_filter_lets_through(shown: Website, ring: TelegramRing) -> None:
    answer = shown.browser.get("/api/v1/monitor/knx?filter=1/0/1")
    stream: Iterator[bytes] = iter(answer.response)  # type: ignore[arg-type]
    next(stream)
    ring.note(telegram(1))
    ring.note(telegram(2, address=0x0801))
    rows = json.loads(bytes(next(stream)).decode().split("data: ")[1])["rows"]
    assert [row["address"] for row in rows] == ["1/0/1"]
    answer.close()
