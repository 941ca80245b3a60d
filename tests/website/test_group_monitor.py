"""The group monitor shows what was on the bus, filtered, live, and as files."""

import json
from collections.abc import Iterator
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from knxgw.catalogue.flags import Priority
from knxgw.config.addresses import group_address
from knxgw.monitoring.telegrams import Meaning, Payload, Service, Telegram, TelegramRing
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
    body = page.split("<tbody>")[1].split("</tbody>")[0]
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


def test_a_live_page_gets_what_its_filter_lets_through(shown: Website, ring: TelegramRing) -> None:
    answer = shown.browser.get("/api/v1/monitor/knx?filter=1/0/1")
    stream: Iterator[bytes] = iter(answer.response)  # type: ignore[arg-type]
    next(stream)
    ring.note(telegram(1))
    ring.note(telegram(2, address=0x0801))
    rows = json.loads(bytes(next(stream)).decode().split("data: ")[1])["rows"]
    assert [row["address"] for row in rows] == ["1/0/1"]
    answer.close()
